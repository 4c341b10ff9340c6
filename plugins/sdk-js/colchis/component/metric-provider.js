// @ts-nocheck: what is imported here is there in components alone.
import { PluginError } from "../errors.js";
import { answerBy, describe, millis, read } from "./describe.js";
import { send } from "./transport.js";

/** The exports `description` and `provider`. @template C @param {import("../kinds.js").MetricProvider<C>} plugin */
export function component(plugin) {
  answerBy({ send });
  const request = ({ metric, namespace, analysisRun, started }) => ({ metric, namespace, analysisRun, startedMs: Number(started) });
  const told = ({ value = null, phase = "measured", message = "", resumeAfterMs, token, metadata = {} }) => ({
    phase: { tag: phase },
    value: JSON.stringify(value),
    message,
    resumeAfter: millis(resumeAfterMs),
    token,
    metadata: Object.entries(metadata),
    extensions: [],
  });
  const resume = () => {
    throw PluginError.permanent("this provider ends each measurement at once: there is nothing to resume", "bad-token");
  };
  const terminate = () => ({ phase: "inconclusive", message: "ended before it was over" });
  return {
    description: describe(plugin, "metric-provider"),
    provider: {
      run: (asked) => told(plugin.run(read(plugin, asked.config), request(asked))),
      resume: (asked, token) => told((plugin.resume ?? resume).call(plugin, read(plugin, asked.config), request(asked), token)),
      terminate: (asked, token) => told((plugin.terminate ?? terminate).call(plugin, read(plugin, asked.config), request(asked), token)),
      metadata: (config) => Object.entries(plugin.metadata?.(read(plugin, config)) ?? {}),
    },
  };
}
