{ kind: "A", text: "grüße \u263a", length: std.length("日本"), [if true then "set" else null]: 1, esc: std.escapeStringJson("a\n") }
