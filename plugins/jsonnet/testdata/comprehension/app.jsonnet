{ apiVersion: "v1", kind: "List", items: [{ kind: "Pod", metadata: { name: "p%d" % i } } for i in std.range(1, 3) if i != 2] }
