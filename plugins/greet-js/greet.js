// A value in the JSON that an address answers: plain JavaScript, tested without WebAssembly.
import { object, text } from "../sdk-js/colchis/config.js";
import { PluginError } from "../sdk-js/colchis/errors.js";
import { log } from "../sdk-js/colchis/host.js";
import { get } from "../sdk-js/colchis/http.js";

/** What users write below the provider's name. */
export const config = object({
  url: text("The address that answers with JSON.", { minLength: 1 }),
  path: text("The value's place, for example data.items.0.", { minLength: 1 }),
});

/** What the component is. @type {import("../sdk-js/colchis/kinds.js").About} */
export const about = {
  name: "greet-js",
  version: "1.0.0",
  summary: "Measures a value in the JSON that an address answers, brings in lines of a server, copies artifacts",
  needs: [
    { capability: "http", name: "*", why: "asks the address that a metric names" },
    { capability: "endpoint", name: "*", why: "reads lines of the server that an event source names", optional: true },
    { capability: "blobs", why: "remembers how much was copied", optional: true },
  ],
};

/** @type {import("../sdk-js/colchis/kinds.js").MetricProvider<{url: string, path: string}>} */
export const greet = {
  about,
  config,

  check({ path }) {
    if (!path.split(".").includes("")) return [];
    return [{ field: "path", message: "expected names with a `.` between them, such as data.items.0" }];
  },

  run({ url, path }, { metric }) {
    const value = pick(get(url, { headers: { accept: "application/json" } }).ok().json(), path);
    log("info", "measured", { metric });
    return { value };
  },

  metadata: ({ path }) => ({ path }),
};

/** The value at a path such as `data.items.0`. @param {any} value @param {string} path */
export function pick(value, path) {
  for (const name of path.split(".")) {
    if (value === null || typeof value !== "object" || !Object.hasOwn(value, name)) {
      throw new PluginError("not-found", "no-value", `the answer has no \`${path}\`: nothing at \`${name}\``, { field: "path" });
    }
    value = value[name];
  }
  return value;
}
