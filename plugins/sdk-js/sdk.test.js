import assert from "node:assert/strict";
import { test } from "node:test";
import { anything, boolean, check, integer, list, number, object, optional, parse, schema, text } from "./colchis/config.js";
import { state } from "./colchis/host.js";
import { get, post, Response } from "./colchis/http.js";
import { serve, tree } from "./colchis/testing.js";

const CONFIG = object({
  parts: list("The parts.", object({ name: text("Its name."), weight: optional(number("Its weight."), 1) }), { minItems: 1 }),
  maxCount: optional(integer("The most."), 3),
  more: optional(anything("More.")),
  on: optional(boolean("Whether."), true),
});

test("a schema is made of the description", () => {
  const made = JSON.parse(schema(CONFIG));
  assert.deepEqual([made.required, made.additionalProperties, made.properties.maxCount.type], [["parts"], false, "integer"]);
  assert.deepEqual([made.properties.parts.minItems, made.properties.parts.items.required], [1, ["name"]]);
});

test("a document is read", () => {
  const value = parse(CONFIG, '{"parts": [{"name": "a"}], "maxCount": 7}');
  assert.deepEqual(value, { parts: [{ name: "a", weight: 1 }], maxCount: 7, more: undefined, on: true });
});

test("what is wrong is said at its path", () => {
  for (const [document, ...fields] of [
    ["[]", ""],
    ["{", ""],
    ["{}", "parts"],
    ['{"parts": [{"nme": "a"}]}', "parts[0].nme", "parts[0].name"],
    ['{"parts": [], "maxCount": 1.5, "on": 1}', "maxCount", "on"],
    ['{"parts": {}, "__proto__": 1}', "__proto__", "parts"],
  ]) {
    assert.deepEqual(check(CONFIG, document).findings.map(({ field }) => field), fields, document);
  }
  assert.throws(() => parse(CONFIG, "{}"), (error) => error.payload.class.tag === "invalid-config" && error.payload.field === "parts");
});

test("what is sent", () => {
  const asked = [];
  serve((request) => (asked.push(request), new Response(200, "[1]")));
  assert.deepEqual(get("http://a/x?y=1#z", { query: { q: "a b" } }).json(), [1]);
  post("https://a", { b: 1 }, { "X-Key": "k" });
  assert.deepEqual([asked[0].url, asked[0].query], ["http://a/x?y=1&q=a%20b", { y: "1", q: "a b" }]);
  assert.deepEqual([asked[1].json(), asked[1].headers["x-key"]], [{ b: 1 }, "k"]);
});

test("what cannot be sent is an error", () => {
  const native = serve(() => new Response(200));
  for (const url of ["ftp://a", "a", "http://", "http://user:hush@a"]) {
    assert.throws(() => get(url), (error) => error.kind === "invalid-config" && !error.message.includes("hush"), url);
  }
  native.timeMs = 10;
  assert.throws(() => get("http://a"), { code: "timeout" });
  native.cancelled = true;
  assert.throws(() => get("http://a"), { code: "cancelled" });
});

test("a status says what the caller does", () => {
  for (const [status, headers, kind, wait] of [
    [401, {}, "denied"],
    [404, {}, "not-found"],
    [422, {}, "permanent"],
    [429, { "retry-after": "7" }, "throttled", 7000],
    [429, {}, "throttled"],
    [503, { "retry-after": "2" }, "throttled", 2000],
    [503, {}, "unavailable"],
  ]) {
    assert.throws(() => new Response(status, " out\n of   order ", headers).ok(), { kind, retryAfterMs: wait, message: `the answer is ${status}: out of order` });
  }
});

test("state has versions", () => {
  serve();
  assert.deepEqual([state.get("k"), state.set("k", new Uint8Array([1]), 0)], [undefined, 1]);
  assert.throws(() => state.set("k", new Uint8Array(), 0), { code: "conflict" });
});

test("a tree is listed and matched", () => {
  const files = tree({ "a.txt": "1", "b/c.txt": "2", "b/d/e.md": "3" });
  assert.deepEqual(files.list("b").map(({ name, kind }) => [name, kind]), [["c.txt", "file"], ["d", "folder"]]);
  assert.deepEqual([files.glob("", "**/*.txt"), files.glob("b", "*.txt")], [["a.txt", "b/c.txt"], ["b/c.txt"]]);
  assert.throws(() => files.stat("x"), { kind: "not-found" });
});
