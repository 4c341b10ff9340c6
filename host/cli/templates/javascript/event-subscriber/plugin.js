// Brings in the entries of a feed: asks for those behind the last that it has seen.
import { object, text } from "./colchis/config.js";
import { PluginError } from "./colchis/errors.js";
import { jsonEvent } from "./colchis/events.js";
import { request } from "./colchis/http.js";

/** What users write for one event of the source. */
export const config = object({
  url: text('Where the feed is: it answers {"entries": [{"id": "7", …}]}, those behind `after` alone.'),
});

/** The source. @type {import("./colchis/kinds.js").EventSubscriber<{url: string}>} */
export const plugin = {
  about: {
    name: "my-plugin",
    version: "0.1.0",
    summary: "Brings in the entries of a feed",
    needs: [{ capability: "http", name: "*", why: "asks the feed that the event names" }],
  },
  config,

  check({ url }) {
    return /^https?:\/\//.test(url) ? [] : [{ field: "url", message: "expected a URL that begins with http:// or https://" }];
  },

  open({ url }, _, cursor = "") {
    return {
      poll(max, waitMs) {
        const query = { after: cursor, max: String(max) };
        const feed = request("GET", url, { query, timeoutMs: Math.max(waitMs, 1000) }).ok().json();
        if (!Array.isArray(feed?.entries)) throw PluginError.permanent("the feed has no list `entries`");
        // An entry without an id could come twice and nobody would know.
        const entries = feed.entries.slice(0, max).filter((/** @type {any} */ entry) => typeof entry?.id === "string");
        const events = entries.map((/** @type {any} */ entry) => jsonEvent(entry.id, entry));
        cursor = events.at(-1)?.id ?? cursor;
        return { events, cursor };
      },
    };
  },
};
