// @ts-nocheck: what is imported here is there in components alone.
// The border between a plugin and the bindings: errors, the description, the host's interfaces. Imported in components alone.
import * as blobs from "colchis:plugin/blobs@1.0.0";
import * as cancellation from "colchis:plugin/cancellation@1.0.0";
import * as endpoints from "colchis:plugin/endpoints@1.0.0";
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

/** A resource of the host with a plugin's words for it, given back at most once. */
export function lent(resource, words) {
  let open = true;
  const close = () => {
    if (open) resource[Symbol.dispose ?? Symbol.for("dispose")]?.();
    open = false;
  };
  const told = Object.entries(words).map(([name, word]) => [name, (...args) => asked(() => word(...args))]);
  return { ...Object.fromEntries(told), close };
}

function input({ tag, val }) {
  return tag === "bytes" ? { kind: tag, bytes: val } : { kind: tag };
}

function refuse(message, code) {
  return () => {
    throw PluginError.denied(message, code);
  };
}

const NO_FILES = refuse("a plugin of this kind has no artifacts: steps have them", "no-artifacts");
// What not every kind has; a component of several has what one of them has.
const kinds = {
  send: refuse("a renderer asks nobody", "no-http"),
  artifactOpen: NO_FILES,
  artifactCreate: NO_FILES,
  output: NO_FILES,
};

/** Makes the bindings the host, with what a kind has beside what all have: `send`, by which requests are sent, and a step's artifacts. */
export function answerBy(own = {}) {
  Object.assign(kinds, own);
  use({
    ...kinds,
    log: logging.write,
    isCancelled: cancellation.isCancelled,
    remainingMs: () => Number(cancellation.remaining()),
    stateGet(key) {
      const entry = asked(() => state.get(key));
      return entry && { value: entry.value, version: Number(entry.version) };
    },
    stateSet: (key, value, version) => Number(asked(() => state.set(key, value, expected(version)))),
    stateDelete: (key) => asked(() => state.delete(key)),
    stateKeys: (prefix, after, limit) => asked(() => state.keys(prefix, after, limit)),
    secret: (name) => asked(() => secrets.standIn(name)),
    base64: (text) => asked(() => secrets.base64(text)),
    sign: (key, algorithm, message) => asked(() => secrets.sign(key, { tag: algorithm }, message)),
    verifyMac: (key, algorithm, message, mac) => asked(() => secrets.verifyMac(key, { tag: algorithm }, message, mac)),
    reveal: (name) => asked(() => secrets.reveal(name)),
    blobOpen(name) {
      const reader = asked(() => blobs.open(name));
      return lent(reader, { size: () => Number(reader.size()), read: (offset, length) => reader.read(BigInt(offset), length) });
    },
    blobCreate(name) {
      const writer = asked(() => blobs.create(name));
      return lent(writer, { write: (bytes) => writer.write(bytes), finish: () => writer.finish() });
    },
    blobDelete: (name) => asked(() => blobs.delete(name)),
    connect(address) {
      const connection = asked(() => endpoints.open(address));
      return lent(connection, {
        read: (max, waitMs) => input(connection.read(max, BigInt(Math.round(waitMs)))),
        write: (bytes) => connection.write(bytes),
        writeSecret: (text) => connection.writeSecret(text),
        startTls: (serverName) => connection.startTls(serverName),
      });
    },
  });
}
