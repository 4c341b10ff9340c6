// @ts-nocheck: what is imported here is there in components alone.
import { wit } from "../events.js";
import { answerBy, describe, read } from "./describe.js";
import { send } from "./transport.js";

/** The exports `description` and `receiver`. @template C @param {import("../kinds.js").EventReceiver<C>} plugin */
export function component(plugin) {
  answerBy({ send });
  return {
    description: describe(plugin, "event-source"),
    receiver: {
      endpoints: (config, name) => plugin.endpoints(read(plugin, config), name).map(({ path, methods = [] }) => ({ path, methods })),
      onRequest(config, name, { method, path, headers, body, remoteAddress }) {
        const made = plugin.onRequest(read(plugin, config), name, { method, path, headers, body, remoteAddress });
        const { events = [], status = 200, headers: answered = {}, body: said = "" } = made;
        const bytes = typeof said === "string" ? new TextEncoder().encode(said) : said;
        return { events: events.map(wit), answer: { status, headers: Object.entries(answered), body: bytes } };
      },
    },
  };
}
