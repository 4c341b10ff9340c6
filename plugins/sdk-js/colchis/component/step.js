// @ts-nocheck: what is imported here is there in components alone.
import { PluginError } from "../errors.js";
import { answerBy, describe, millis, read } from "./describe.js";
import { send } from "./transport.js";

/** The exports `description` and `step`. @template C @param {import("../kinds.js").Step<C>} plugin */
export function component(plugin) {
  answerBy(send);
  const request = ({ parameters, artifacts, namespace, workflow, workflowUid, node, template }) => ({
    parameters: Object.fromEntries(parameters),
    artifacts,
    namespace,
    workflow,
    workflowUid,
    node,
    template,
  });
  const told = ({ phase = "succeeded", message = "", parameters = {}, result, done = 0, total = 0, pollAfterMs, token }) => ({
    phase: { tag: phase },
    message,
    parameters: Object.entries(parameters),
    result,
    done: BigInt(done),
    total: BigInt(total),
    pollAfter: millis(pollAfterMs),
    token,
    extensions: [],
  });
  const poll = () => {
    throw PluginError.permanent("this step is over at once: there is nothing to poll", "bad-token");
  };
  const stop = () => ({ phase: "failed", message: "ended before it was over" });
  return {
    description: describe(plugin, "step"),
    step: {
      start: (asked) => told(plugin.start(read(plugin, asked.config), request(asked))),
      poll: (asked, token) => told((plugin.poll ?? poll).call(plugin, read(plugin, asked.config), request(asked), token)),
      stop: (asked, token) => told((plugin.stop ?? stop).call(plugin, read(plugin, asked.config), request(asked), token)),
    },
  };
}
