// @ts-nocheck: what is imported here is there in components alone.
import { answerBy, describe, read } from "./describe.js";
import { send } from "./transport.js";

/** The exports `description` and `action`. @template C @param {import("../kinds.js").Trigger<C>} plugin */
export function component(plugin) {
  answerBy({ send });
  const request = ({ namespace, sensor, name }) => ({ namespace, sensor, name });
  return {
    description: describe(plugin, "trigger"),
    action: {
      resolve: (asked) => JSON.stringify(plugin.resolve ? plugin.resolve(JSON.parse(asked.config), request(asked)) : JSON.parse(asked.config)),
      execute(asked, payload, key) {
        const { message, answer = null } = plugin.execute(read(plugin, asked.config), request(asked), JSON.parse(payload), key);
        return { message, answer: JSON.stringify(answer), extensions: [] };
      },
      checkPolicy(asked, policy, { message, answer }) {
        if (!plugin.checkPolicy) return { tag: "met" };
        const executed = { message, answer: JSON.parse(answer) };
        const found = plugin.checkPolicy(read(plugin, asked.config), request(asked), JSON.parse(policy), executed);
        return found.state === "violated" ? { tag: "violated", val: found.why } : { tag: found.state };
      },
    },
  };
}
