// Brings in the lines of a server: `FROM 6` is answered with `7 some text` and what comes behind, `ACK 7` tells it what is durable.
import { object, optional, text } from "../sdk-js/colchis/config.js";
import { address, Stream } from "../sdk-js/colchis/endpoint.js";
import { PluginError } from "../sdk-js/colchis/errors.js";
import { jsonEvent } from "../sdk-js/colchis/events.js";
import { about } from "./greet.js";

const LINE_BYTES_MAX = 64 << 10;
const NEWLINE = 10;
const USUAL = { plain: ["tcp"], secure: ["tls"], port: 7000, portTls: 7001 };

/** What users write for one event of the source. */
export const config = object({
  address: text("The server, as host:7000, or tls://host:7001."),
  tls: optional(object({}, "The connection is encrypted.")),
});

const encode = (/** @type {string} */ line) => new TextEncoder().encode(line);

/** @type {import("../sdk-js/colchis/kinds.js").EventSubscriber<{address: string, tls?: {}}>} */
export const lines = {
  about,
  config,

  check(asked) {
    try {
      address(asked.address, asked.tls !== undefined, USUAL);
      return [];
    } catch (error) {
      return [{ field: "address", message: /** @type {Error} */ (error).message }];
    }
  },

  open(asked, _, cursor = "") {
    const stream = Stream.open(address(asked.address, asked.tls !== undefined, USUAL), LINE_BYTES_MAX);
    stream.write(encode(`FROM ${cursor || 0}\n`));
    let drained = false;
    return {
      poll(max, waitMs) {
        /** @type {import("../sdk-js/colchis/kinds.js").Event[]} */
        const events = [];
        if (!drained && !stream.bytes.includes(NEWLINE)) stream.fill(waitMs);
        for (let end; !drained && events.length < max && (end = stream.bytes.indexOf(NEWLINE)) >= 0; ) {
          const line = new TextDecoder().decode(stream.take(end + 1).subarray(0, end));
          const [, number, words] = /^(\d+) ?(.*)$/.exec(line) ?? [];
          if (number === undefined) throw PluginError.permanent("expected lines that begin with a number", "bad-line");
          events.push(jsonEvent(number, { text: words }));
          cursor = number;
        }
        return { events, cursor, delivery: Number(cursor || 0) };
      },
      ack(delivery) {
        stream.write(encode(`ACK ${delivery}\n`));
      },
      drain() {
        drained = true;
      },
    };
  },
};
