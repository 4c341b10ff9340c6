{ config(name, data):: { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "later-" + name }, data: data } }
