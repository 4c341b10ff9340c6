import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parse } from "./colchis/config.js";
import { config, plugin } from "./plugin.js";

const CONFIG = parse(config, readFileSync(new URL("config.json", import.meta.url), "utf8"));

function outcome(/** @type {string} */ body) {
  const request = { method: "POST", path: "", headers: [], body: new TextEncoder().encode(body), remoteAddress: "127.0.0.1" };
  return plugin.onRequest(CONFIG, "orders", request);
}

test("a delivery is an event of its id", () => {
  assert.deepEqual(outcome('{"id": "7", "total": 3}').events?.map(({ id }) => id), ["7"]);
});

test("what is none is answered and no event", () => {
  for (const [body, status] of /** @type {[string, number][]} */ ([["no json", 400], ['{"total": 3}', 422], ["null", 422]])) {
    const taken = outcome(body);
    assert.deepEqual([taken.status, taken.events], [status, undefined]);
  }
});

test("a path begins with a slash", () => {
  assert.deepEqual(plugin.check?.({ path: "orders" }).map(({ field }) => field), ["path"]);
});
