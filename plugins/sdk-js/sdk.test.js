import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import * as blob from "./colchis/blob.js";
import { anything, boolean, check, integer, list, number, object, optional, parse, schema, text } from "./colchis/config.js";
import { address, Connection, Stream } from "./colchis/endpoint.js";
import { secrets, state } from "./colchis/host.js";
import { get, post, Response } from "./colchis/http.js";
import { Artifact, ArtifactWriter, output } from "./colchis/step.js";
import { connect, serve, tree } from "./colchis/testing.js";

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
  state.set("k2", new Uint8Array());
  assert.deepEqual([state.keys("k"), state.keys("k", "k"), state.keys("", undefined, 1)], [["k", "k2"], ["k2"], ["k"]]);
});

test("a tree is listed and matched", () => {
  const files = tree({ "a.txt": "1", "b/c.txt": "2", "b/d/e.md": "3" });
  assert.deepEqual(files.list("b").map(({ name, kind }) => [name, kind]), [["c.txt", "file"], ["d", "folder"]]);
  assert.deepEqual([files.glob("", "**/*.txt"), files.glob("b", "*.txt")], [["a.txt", "b/c.txt"], ["b/c.txt"]]);
  assert.throws(() => files.stat("x"), { kind: "not-found" });
});

const bytes = (text) => new TextEncoder().encode(text);
const words = (bytes) => new TextDecoder().decode(bytes);

test("a large value is there when it is finished", () => {
  serve();
  blob.Writer.create("b").write(bytes("lost"));
  assert.throws(() => blob.Reader.open("b"), { kind: "not-found" });
  const writer = blob.Writer.create("b");
  writer.write(bytes("01234"));
  writer.write(bytes("56789"));
  writer.finish();
  const reader = blob.Reader.open("b");
  assert.deepEqual([reader.size, words(reader.read(8, 5)), [...reader.pieces()].map(words)], [10, "89", ["0123456789"]]);
  blob.delete("b");
  blob.delete("b");
});

test("artifacts are read and written", () => {
  const native = serve();
  native.artifacts.set("in", { a: bytes("one"), "b/c": bytes("two") });
  const [read, written] = [Artifact.open("in"), ArtifactWriter.create("out")];
  for (const path of read.paths()) written.write(path, read.read(path, 1, read.size(path)));
  assert.equal(native.artifacts.has("out"), false);
  written.finish();
  output("done\n");
  assert.deepEqual([native.artifacts.get("out"), native.said], [{ a: bytes("ne"), "b/c": bytes("wo") }, "done\n"]);
  assert.throws(() => read.size("d"), { code: "no-file" });
  assert.throws(() => Artifact.open("other"), { code: "no-artifact" });
});

test("addresses are read as users write them", () => {
  const usual = { plain: ["mqtt", "tcp"], secure: ["mqtts"], port: 1883, portTls: 8883 };
  for (const [text, tls, expected] of [
    ["a.example:1883", false, "tcp://a.example:1883"],
    ["a.example", false, "tcp://a.example:1883"],
    ["mqtt://a.example/", false, "tcp://a.example:1883"],
    ["mqtts://a.example", false, "tls://a.example:8883"],
    ["a.example", true, "tls://a.example:8883"],
    ["mqtt://[::1]:7", false, "tcp://[::1]:7"],
    ["mqtt://[::1]", false, "tcp://[::1]:1883"],
  ]) {
    assert.equal(address(text, tls, usual), expected);
  }
  for (const text of ["", ":1883", "a:x", "a:99999", "u:p@a:1", "http://a", "a:1,b:2"]) {
    assert.throws(() => address(text, false, usual), Error, text);
  }
});

test("a stream keeps what was not taken and no more than it may", () => {
  serve();
  connect(() => (written) => ({ "": ["hello"], more: ["12345678"] })[written] ?? [null]);
  const stream = Stream.open("tcp://a:1", 8);
  assert.deepEqual([stream.fill(0), words(stream.take(3)), stream.fill(0), words(stream.bytes)], [true, "hel", false, "lo"]);
  stream.write(bytes("more"));
  assert.deepEqual([stream.fill(0), words(stream.bytes)], [true, "lo123456"]);
  assert.throws(() => stream.fill(0), { code: "message-too-large" });
  stream.take(8);
  stream.write(bytes("bye"));
  assert.equal(stream.fill(0), true);
  assert.throws(() => stream.fill(0), { kind: "unavailable", code: "disconnected" });
});

test("secrets are put in and real servers are reached", async () => {
  const echo = 'const s = net.createServer((c) => c.once("data", (d) => c.end(d))).listen(0, "127.0.0.1", () => console.log(s.address().port))';
  const server = spawn(process.execPath, ["-e", echo]);
  try {
    const [port] = await once(server.stdout, "data");
    serve().secrets["stand-in-of-token"] = "hush";
    const connection = Connection.open(`tcp://127.0.0.1:${words(port).trim()}`);
    connection.writeSecret(`AUTH ${secrets.standIn("token")}`);
    const read = [connection.read(4, 5000), connection.read(99, 5000), connection.read(9, 5000)];
    assert.deepEqual(read, [{ kind: "bytes", bytes: bytes("AUTH") }, { kind: "bytes", bytes: bytes(" hush") }, { kind: "closed" }]);
    connection.close();
    assert.equal(words(secrets.reveal("token")), "hush");
  } finally {
    server.kill();
  }
});
