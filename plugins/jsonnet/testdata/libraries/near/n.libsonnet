{ data: { one: (import "../near/one.json").one } }
