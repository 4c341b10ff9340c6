import assert from "node:assert/strict";
import { test } from "node:test";
import { check } from "../sdk-js/colchis/config.js";
import { Response } from "../sdk-js/colchis/http.js";
import { connect, serve } from "../sdk-js/colchis/testing.js";
import { copy } from "./copy.js";
import { config, greet, pick } from "./greet.js";
import { lines } from "./lines.js";

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

test("lines become events and are acknowledged", () => {
  serve();
  const written = [];
  connect(() => (text) => (written.push(text), { "FROM 6\n": ["7 sev", "en\n8 eight\n9 ni"] })[text] ?? []);
  const reading = lines.open({ address: "tcp://lines.example" }, "l", "6");
  assert.deepEqual(reading.poll(9, 0).events, []);
  const batch = reading.poll(1, 0);
  assert.deepEqual([batch.events.map(({ id }) => id), batch.cursor], [["7"], "7"]);
  assert.equal(new TextDecoder().decode(batch.events[0].data), '{"text":"seven"}');
  reading.ack(batch.delivery);
  assert.deepEqual([reading.poll(9, 0).cursor, written], ["8", ["", "FROM 6\n", "ACK 7\n"]]);
  reading.drain();
  assert.deepEqual(reading.poll(9, 0).events, []);
  assert.deepEqual(lines.check({ address: "user:hush@lines.example" }).map(({ field }) => field), ["address"]);
});

test("an artifact is copied and remembered", () => {
  const native = serve();
  native.artifacts.set("in", { a: new Uint8Array(100_000).fill(49), "b/c": new Uint8Array() });
  for (const before of ["", "100000"]) {
    const { result, parameters } = copy.start({ source: "in", target: "out" }, { artifacts: ["in"] });
    assert.deepEqual([result, parameters], ["100000", { before }]);
  }
  assert.deepEqual(native.artifacts.get("out"), native.artifacts.get("in"));
  assert.equal(native.said, "100000 bytes\n".repeat(2));
});
