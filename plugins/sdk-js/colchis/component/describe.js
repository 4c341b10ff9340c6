// @ts-nocheck: what is imported here is there in components alone.
// The border between a plugin and the bindings: errors, the description, the host's interfaces. Imported in components alone.
import * as cancellation from "colchis:plugin/cancellation@1.0.0";
import * as logging from "colchis:plugin/log@1.0.0";
import * as secrets from "colchis:plugin/secrets@1.0.0";
import * as state from "colchis:plugin/state@1.0.0";
import { check, parse, schema } from "../config.js";
import { PluginError } from "../errors.js";
import { use } from "../host.js";

const NAMED = ["http", "endpoint", "secret", "reveal"];

/** The export `description` of a plugin of one kind. */
export function describe(plugin, kind) {
  const { name, version, summary, needs = [] } = plugin.about;
  const need = (of) => ({
    what: NAMED.includes(of.capability) ? { tag: of.capability, val: of.name } : { tag: of.capability },
    why: of.why,
    optional: of.optional ?? false,
  });
  const info = { name, version, summary, kinds: [{ kind: { tag: kind }, configSchema: schema(plugin.config) }], needs: needs.map(need), extensions: [] };
  return {
    describe: () => info,
    checkConfig(of, document) {
      if (of.tag !== kind) throw PluginError.notFound(`${name} is no ${of.tag}`, "no-such-kind");
      const { value, findings } = check(plugin.config, document);
      const found = value === undefined ? findings : (plugin.check?.(value) ?? []);
      return found.map(({ field, message, severity = "error" }) => ({ severity: { tag: severity }, field, message }));
    },
  };
}

/** A configuration in a call, for which it has to be right. */
export function read(plugin, document) {
  return parse(plugin.config, document);
}

/** Milliseconds as the bindings have them. */
export function millis(value) {
  return value === undefined ? undefined : BigInt(value);
}

/** What the host gives; its error as a plugin knows it. */
export function asked(call) {
  try {
    return call();
  } catch (error) {
    const told = error?.payload;
    if (!told?.class) throw error;
    const { tag, val } = told.class;
    const retryAfterMs = tag === "throttled" && val !== undefined ? Number(val) : undefined;
    throw new PluginError(tag === "other" ? "permanent" : tag, told.code, told.message, { field: told.field, retryAfterMs });
  }
}

function expected(version) {
  if (version === undefined) return { tag: "any" };
  return version ? { tag: "version", val: BigInt(version) } : { tag: "absent" };
}

/** Makes the bindings the host, with what requests are sent by. */
export function answerBy(send) {
  use({
    log: logging.write,
    isCancelled: cancellation.isCancelled,
    remainingMs: () => Number(cancellation.remaining()),
    send,
    stateGet(key) {
      const entry = asked(() => state.get(key));
      return entry && { value: entry.value, version: Number(entry.version) };
    },
    stateSet: (key, value, version) => Number(asked(() => state.set(key, value, expected(version)))),
    stateDelete: (key) => asked(() => state.delete(key)),
    secret: (name) => asked(() => secrets.standIn(name)),
    base64: (text) => asked(() => secrets.base64(text)),
    sign: (key, algorithm, message) => asked(() => secrets.sign(key, { tag: algorithm }, message)),
    verifyMac: (key, algorithm, message, mac) => asked(() => secrets.verifyMac(key, { tag: algorithm }, message, mac)),
  });
}
