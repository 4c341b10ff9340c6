local base = { metadata: { name: error "a name is wanted" }, hidden:: 1, assert self.metadata.name != "" };
base { apiVersion: "v1", kind: "Secret", metadata+: { name: "x" } }
