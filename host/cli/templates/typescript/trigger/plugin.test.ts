import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parse } from "./colchis/config.js";
import { Response } from "./colchis/http.js";
import { serve } from "./colchis/testing.js";
import { config, plugin } from "./plugin.ts";

const CONFIG = parse(config, readFileSync("config.json", "utf8"));
const REQUEST = { namespace: "ns", sensor: "orders", name: "post" };

test("it is posted with its key", () => {
  serve((request) => {
    assert.deepEqual([request.headers["idempotency-key"], request.json()], ["k-1", { order: 7 }]);
    return new Response(202);
  });
  assert.deepEqual(plugin.execute(CONFIG, REQUEST, { order: 7 }, "k-1").answer, { status: 202 });
});

test("a service has an address", () => {
  assert.deepEqual(plugin.check?.({ url: "orders" }).map(({ field }) => field), ["url"]);
});
