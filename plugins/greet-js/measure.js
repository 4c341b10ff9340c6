// A value in a JSON document: no WebAssembly, no network.
import { PluginError } from "../sdk-js/index.js";

/** The value at a path such as `data.items.0`. */
export function pick(body, path) {
  let value;
  try {
    value = JSON.parse(body);
  } catch {
    throw new PluginError("permanent", "no-json", "the answer is no JSON");
  }
  for (const name of path.split(".")) {
    if (value === null || typeof value !== "object" || !Object.hasOwn(value, name)) {
      throw new PluginError("not-found", "no-value", `the answer has no \`${path}\`: nothing at \`${name}\``, "path");
    }
    value = value[name];
  }
  return value;
}
