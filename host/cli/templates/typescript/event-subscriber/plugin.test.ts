import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parse } from "./colchis/config.js";
import { Response } from "./colchis/http.js";
import { serve } from "./colchis/testing.js";
import { config, plugin } from "./plugin.ts";

const CONFIG = parse(config, readFileSync("config.json", "utf8"));

test("entries become events and the last is the cursor", () => {
  serve((request) => {
    assert.deepEqual(request.query, { after: "6", max: "10" });
    return new Response(200, '{"entries": [{"id": "7"}, {"id": "8"}]}');
  });
  const { events, cursor } = plugin.open(CONFIG, "feed", "6").poll(10, 1000);
  assert.deepEqual([events.map(({ id }) => id), cursor], [["7", "8"], "8"]);
});

test("a feed has an address", () => {
  assert.deepEqual(plugin.check?.({ url: "feed" }).map(({ field }) => field), ["url"]);
});
