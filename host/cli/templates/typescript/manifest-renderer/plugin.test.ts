import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parse } from "./colchis/config.js";
import { tree } from "./colchis/testing.js";
import { config, plugin } from "./plugin.ts";

const CONFIG = parse(config, readFileSync("config.json", "utf8"));

test("files become a ConfigMap", () => {
  const files = tree({ "a.txt": "one", "b.md": "two" });
  assert.equal(plugin.detect(files, ""), true);
  const release = { name: "app", namespace: "ns", kubeVersion: "v1.34.0", apiVersions: [], environment: {} };
  const { manifests } = plugin.render(CONFIG, { files, path: "", fetched: {}, release });
  assert.deepEqual(manifests[0].object.metadata, { name: "texts", namespace: "ns" });
  assert.deepEqual(manifests[0].object.data, { "a.txt": "one" });
});

test("a name is not empty", () => {
  assert.deepEqual(plugin.check?.({ name: "" }).map(({ field }) => field), ["name"]);
});
