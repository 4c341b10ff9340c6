import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parse } from "./colchis/config.js";
import { Response } from "./colchis/http.js";
import { serve } from "./colchis/testing.js";
import { config, plugin } from "./plugin.js";

const CONFIG = parse(config, readFileSync(new URL("config.json", import.meta.url), "utf8"));
const REQUEST = { metric: "lag", namespace: "ns", analysisRun: "run", startedMs: 0 };

test("the lag is measured", () => {
  serve((request) => {
    assert.equal(request.url, "http://127.0.0.1:8080/numbers?queue=orders");
    return new Response(200, '{"lag": 7}');
  });
  assert.deepEqual(plugin.run(CONFIG, REQUEST), { value: 7 });
});

test("a server that is overloaded is asked again later", () => {
  serve(() => new Response(429, "", { "retry-after": "7" }));
  assert.throws(() => plugin.run(CONFIG, REQUEST), { kind: "throttled", retryAfterMs: 7000 });
});

test("a queue has a name", () => {
  assert.deepEqual(plugin.check?.({ url: "http://q", queue: " " }).map(({ field }) => field), ["queue"]);
});
