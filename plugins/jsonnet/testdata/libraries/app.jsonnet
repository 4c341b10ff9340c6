local k = import "k.libsonnet"; local near = import "near/n.libsonnet";
[k.config("a", near.data), k.config("b", { text: importstr "near/t.txt" })]
