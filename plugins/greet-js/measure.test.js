import assert from "node:assert/strict";
import { test } from "node:test";
import { readTexts } from "../sdk-js/index.js";
import { pick } from "./measure.js";

test("a value is found by its path", () => assert.equal(pick('{"a":[{"b":1.5}]}', "a.0.b"), 1.5));

test("what is not there is an error with its field", () => {
  for (const path of ["x", "a.1", "a.0.b.c", "__proto__"]) {
    assert.throws(() => pick('{"a":[{"b":1}]}', path), (e) => e.payload.class.tag === "not-found" && e.payload.field === "path");
  }
});

test("all that is wrong is told with fields", () => {
  const [, found] = readTexts('{"url": 1, "pth": "a"}', ["url", "path"]);
  assert.deepEqual(found.map((f) => f.field), ["url", "path", "pth"]);
});
