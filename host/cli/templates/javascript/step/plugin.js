// A step that counts the words of a text.
import { integer, object, optional, text } from "./colchis/config.js";
import { PluginError } from "./colchis/errors.js";

// The most that can be asked for.
const LEAST_MAX = 1_000_000;

/** What a template says below `plugin.my-plugin`. */
export const config = object({
  text: optional(text("The text; the input parameter `text` by default.")),
  least: optional(integer("The fewest words that are good; 0 by default.", { minimum: 0 }), 0),
});

/** The step. @type {import("./colchis/kinds.js").Step<{text?: string, least: number}>} */
export const plugin = {
  about: { name: "my-plugin", version: "0.1.0", summary: "Counts the words of a text, as a step of a workflow" },
  config,

  check({ least }) {
    return least > LEAST_MAX ? [{ field: "least", message: `expected at most ${LEAST_MAX}` }] : [];
  },

  start({ text, least }, { parameters }) {
    const given = text ?? parameters.text;
    if (given === undefined) throw PluginError.invalid("text", "expected a text: here, or as the input parameter `text`");
    const words = given.split(/\s+/).filter(Boolean).length;
    if (words < least) return { phase: "failed", message: `${words} words, and ${least} are expected` };
    return { parameters: { words: String(words) }, result: String(words) };
  },
};
