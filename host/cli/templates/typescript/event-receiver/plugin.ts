// Takes in deliveries of a service: documents with an `id`, sent by POST.
import { object, text } from "./colchis/config.js";
import { jsonEvent } from "./colchis/events.js";
import type { EventReceiver } from "./colchis/kinds.js";

/** What users write for one event of the source. */
export interface Config {
  path: string;
}

/** How it is read, and described to users. */
export const config = object({
  path: text("The path at which deliveries come in."),
});

/** The source. */
export const plugin: EventReceiver<Config> = {
  about: { name: "my-plugin", version: "0.1.0", summary: "Takes in deliveries with an id" },
  config,

  check({ path }) {
    return path.startsWith("/") ? [] : [{ field: "path", message: "expected a path that begins with /, such as /orders" }];
  },

  endpoints: ({ path }) => [{ path, methods: ["POST"] }],

  onRequest(_, __, { body }) {
    let document;
    try {
      document = JSON.parse(new TextDecoder().decode(body));
    } catch {
      return { status: 400, body: "expected a document in JSON" };
    }
    // The sender's id: a delivery that is sent again is the same event.
    if (typeof document?.id !== "string" || !document.id) return { status: 422, body: "expected a field `id` with a text" };
    return { events: [jsonEvent(document.id, document)] };
  },
};
