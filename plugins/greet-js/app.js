// The metric provider `greet-js`: a value in the JSON that an address answers.
import { write } from "colchis:plugin/log@1.0.0";
import { PluginError, readTexts, refuse } from "../sdk-js/index.js";
import { get } from "../sdk-js/http.js";
import { pick } from "./measure.js";

const FIELDS = ["url", "path"];
const text = (description) => ({ type: "string", minLength: 1, description });
const SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  additionalProperties: false,
  required: FIELDS,
  properties: { url: text("The address that answers with JSON."), path: text("The value's place, for example data.items.0.") },
};

export const description = {
  describe: () => ({
    name: "greet-js",
    version: "1.0.0",
    summary: "Measures a value in the JSON that an address answers",
    kinds: [{ kind: { tag: "metric-provider" }, configSchema: JSON.stringify(SCHEMA) }],
    needs: [{ what: { tag: "http", val: "*" }, why: "asks the address that a metric names", optional: false }],
    extensions: [],
  }),
  checkConfig: (_, config) => readTexts(config, FIELDS)[1],
};

function nothing() {
  throw new PluginError("permanent", "bad-token", "this provider ends each measurement at once: there is nothing to resume");
}

export const provider = {
  run({ config, metric }) {
    const [{ url, path }, findings] = readTexts(config, FIELDS);
    refuse(findings);
    const { status, body } = get(url, "url");
    if (status < 200 || status > 299) {
      const kind = status >= 500 || status === 429 ? "unavailable" : "permanent";
      throw new PluginError(kind, "bad-status", `the host of \`url\` answered with status ${status}`, "url");
    }
    const value = JSON.stringify(pick(body, path));
    write("info", "measured", [["metric", metric]]);
    return { phase: { tag: "measured" }, value, message: "", resumeAfter: undefined, token: undefined, metadata: [], extensions: [] };
  },
  resume: nothing,
  terminate: nothing,
  metadata: (config) => [["path", readTexts(config, FIELDS)[0].path ?? ""]],
};
