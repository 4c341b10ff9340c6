{
  kind: "A",
  sum: std.md5("a"), yaml: std.manifestYamlDoc({ a: [1, { b: null }] }), map: std.mapWithKey(function(k, v) k + v, { a: "1", b: "2" }),
  format: "%05.2f %s" % [3.14159, [1, "a"]], big: 1e15, fraction: 0.1 + 0.2, sorted: std.sort([3, 1, 2]), parse: std.parseYaml("a: 1"), text: |||
    one
      two
  |||,
}
