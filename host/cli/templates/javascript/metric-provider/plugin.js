// Measures how far a queue is behind: asks the queue's own numbers, and answers one of them.
import { object, text } from "./colchis/config.js";
import { PluginError } from "./colchis/errors.js";
import { get } from "./colchis/http.js";

/** What users write below the provider's name. */
export const config = object({
  url: text("Where the numbers are."),
  queue: text("Which queue."),
});

/** The provider. @type {import("./colchis/kinds.js").MetricProvider<{url: string, queue: string}>} */
export const plugin = {
  about: {
    name: "my-plugin",
    version: "0.1.0",
    summary: "Measures how far a queue is behind",
    needs: [{ capability: "http", name: "*", why: "asks the service that a metric names" }],
  },
  config,

  check({ queue }) {
    return queue.trim() ? [] : [{ field: "queue", message: "expected the name of a queue, such as orders" }];
  },

  run({ url, queue }) {
    const numbers = get(url, { query: { queue } }).ok().json();
    if (numbers?.lag === undefined) throw PluginError.permanent("the answer has no field `lag`");
    return { value: numbers.lag };
  },

  metadata: ({ queue }) => ({ queue }),
};
