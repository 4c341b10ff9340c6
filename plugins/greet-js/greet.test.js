import assert from "node:assert/strict";
import { test } from "node:test";
import { check } from "../sdk-js/colchis/config.js";
import { Response } from "../sdk-js/colchis/http.js";
import { serve } from "../sdk-js/colchis/testing.js";
import { config, greet, pick } from "./greet.js";

const ASKED = { metric: "m", namespace: "", analysisRun: "", startedMs: 0 };

test("a value is measured", () => {
  const native = serve(() => new Response(200, '{"a": [{"b": 1.5}]}'));
  assert.deepEqual(greet.run({ url: "http://numbers/x", path: "a.0.b" }, ASKED), { value: 1.5 });
  assert.deepEqual(native.lines, [["info", "measured", { metric: "m" }]]);
});

test("what is not there is an error with its field", () => {
  for (const path of ["x", "a.1", "a.0.b.c", "__proto__", "a.length.x"]) {
    assert.throws(() => pick({ a: [{ b: 1 }] }, path), { kind: "not-found", field: "path" });
  }
});

test("all that is wrong is told with fields", () => {
  assert.deepEqual(check(config, '{"url": 1, "pth": "a"}').findings.map(({ field }) => field), ["pth", "url", "path"]);
  assert.deepEqual(greet.check({ url: "http://a", path: "a..b" }).map(({ field }) => field), ["path"]);
});
