import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parse } from "./colchis/config.js";
import type { Incoming } from "./colchis/kinds.js";
import { config, plugin } from "./plugin.ts";

const CONFIG = parse(config, readFileSync("config.json", "utf8"));

function outcome(body: string) {
  const request: Incoming = { method: "POST", path: "", headers: [], body: new TextEncoder().encode(body), remoteAddress: "127.0.0.1" };
  return plugin.onRequest(CONFIG, "orders", request);
}

test("a delivery is an event of its id", () => {
  assert.deepEqual(outcome('{"id": "7", "total": 3}').events?.map(({ id }) => id), ["7"]);
});

test("what is none is answered and no event", () => {
  for (const [body, status] of [["no json", 400], ['{"total": 3}', 422], ["null", 422]] as const) {
    const taken = outcome(body);
    assert.deepEqual([taken.status, taken.events], [status, undefined]);
  }
});

test("a path begins with a slash", () => {
  assert.deepEqual(plugin.check?.({ path: "orders" }).map(({ field }) => field), ["path"]);
});
