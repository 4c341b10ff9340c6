// @ts-nocheck: what is imported here is there in components alone.
import * as files from "colchis:step/files@1.0.0";
import { PluginError } from "../errors.js";
import { answerBy, asked, describe, lent, millis, read } from "./describe.js";
import { send } from "./transport.js";

function artifactOpen(name) {
  const artifact = asked(() => files.open(name));
  return lent(artifact, {
    paths: () => artifact.paths(),
    size: (path) => Number(artifact.size(path)),
    read: (path, offset, length) => artifact.read(path, BigInt(offset), length),
  });
}

function artifactCreate(name) {
  const writer = asked(() => files.create(name));
  return lent(writer, { write: (path, bytes) => writer.write(path, bytes), finish: () => writer.finish() });
}

/** The exports `description` and `step`. @template C @param {import("../kinds.js").Step<C>} plugin */
export function component(plugin) {
  answerBy({ send, artifactOpen, artifactCreate, output: files.output });
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
      start: (given) => told(plugin.start(read(plugin, given.config), request(given))),
      poll: (given, token) => told((plugin.poll ?? poll).call(plugin, read(plugin, given.config), request(given), token)),
      stop: (given, token) => told((plugin.stop ?? stop).call(plugin, read(plugin, given.config), request(given), token)),
    },
  };
}
