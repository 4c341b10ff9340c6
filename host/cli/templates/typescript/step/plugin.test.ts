import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parse } from "./colchis/config.js";
import { config, plugin } from "./plugin.ts";

const CONFIG = parse(config, readFileSync("config.json", "utf8"));
const REQUEST = { parameters: {}, artifacts: [], namespace: "ns", workflow: "w", workflowUid: "u", node: "n", template: "t" };

test("words are counted", () => {
  assert.equal(plugin.start(CONFIG, REQUEST).result, "4");
});

test("too few are a failure", () => {
  const { phase, message } = plugin.start({ least: 2 }, { ...REQUEST, parameters: { text: "one" } });
  assert.deepEqual([phase, message], ["failed", "1 words, and 2 are expected"]);
});

test("a text is needed", () => {
  assert.throws(() => plugin.start({ least: 0 }, REQUEST), { kind: "invalid-config", field: "text" });
});
