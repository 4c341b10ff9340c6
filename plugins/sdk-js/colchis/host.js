// What the host gives to a plugin: its log, the call that is under way, state, secrets. In tests, `testing.js` is the host. Large values are in `blob.js`, connections
// in `endpoint.js`, the artifacts of a step in `step.js`.
import { PluginError } from "./errors.js";

/** @typedef {"error" | "warn" | "info" | "debug" | "trace"} Level */
/** @typedef {"hmac-sha1" | "hmac-sha256" | "hmac-sha512" | "rsa-sha256" | "ed25519"} Algorithm */
/** @typedef {{status: number, headers: [string, string][], body: Uint8Array}} Answer */
/** @typedef {{method: string, url: string, headers: [string, string][], body: Uint8Array, timeoutMs: number}} Asked */
/**
 * What is lent is given back by `close`, once or more often.
 * @typedef {{size(): number, read(offset: number, length: number): Uint8Array, close(): void}} LentReader
 * @typedef {{write(bytes: Uint8Array): void, finish(): string, close(): void}} LentWriter
 * @typedef {{read(max: number, waitMs: number): import("./endpoint.js").Input, write(bytes: Uint8Array): void, writeSecret(text: string): void, startTls(serverName: string | undefined): void, close(): void}} LentConnection
 * @typedef {{paths(): string[], size(path: string): number, read(path: string, offset: number, length: number): Uint8Array, close(): void}} LentArtifact
 * @typedef {{write(path: string, bytes: Uint8Array): void, finish(): void, close(): void}} LentArtifactWriter
 */
/**
 * Whoever answers: the bindings in a component, a test natively.
 * @typedef {{
 *   log(level: Level, message: string, fields: [string, string][]): void,
 *   isCancelled(): boolean,
 *   remainingMs(): number,
 *   send(asked: Asked): Answer,
 *   stateGet(key: string): {value: Uint8Array, version: number} | undefined,
 *   stateSet(key: string, value: Uint8Array, version: number | undefined): number,
 *   stateDelete(key: string): void,
 *   stateKeys(prefix: string, after: string | undefined, limit: number): string[],
 *   secret(name: string): string,
 *   base64(text: string): string,
 *   sign(key: string, algorithm: Algorithm, message: Uint8Array): Uint8Array,
 *   verifyMac(key: string, algorithm: Algorithm, message: Uint8Array, mac: Uint8Array): boolean,
 *   reveal(name: string): Uint8Array,
 *   blobOpen(name: string): LentReader,
 *   blobCreate(name: string): LentWriter,
 *   blobDelete(name: string): void,
 *   connect(address: string): LentConnection,
 *   artifactOpen(name: string): LentArtifact,
 *   artifactCreate(name: string): LentArtifactWriter,
 *   output(text: Uint8Array): void,
 * }} Host
 */

/** @type {Host | undefined} */
let host;

/** From now on, this one answers. @param {Host | undefined} answering */
export function use(answering) {
  host = answering;
}

/** Who answers. @returns {Host} */
export function current() {
  if (!host) throw new Error("there is no host: in a test, call `serve` of testing.js first");
  return host;
}

/**
 * Writes a line to the plugin's log (`colchis plugin logs`), with fields. Values of secrets are taken out. Without a host, as in most tests, it goes nowhere.
 * @param {Level} level @param {string} message @param {Record<string, unknown>} fields
 */
export function log(level, message, fields = {}) {
  host?.log(level, message, Object.entries(fields).map(([name, value]) => [name, String(value)]));
}

/** Throws when it is time to stop, because nobody waits for the call any more: for loops that take long. */
export function checkCancelled() {
  if (current().isCancelled()) throw PluginError.unavailable("the call was cancelled", "cancelled");
}

/** How long the call may still take, in milliseconds. The host ends one that goes on past that. */
export function remainingMs() {
  return current().remainingMs();
}

/** Values that last from call to call: needs the grant `state`. With a version (0: nothing is there), a value is set only if that is the present one: `conflict` is the error's code otherwise. */
export const state = {
  /** @param {string} key */
  get: (key) => current().stateGet(key),
  /** @param {string} key @param {Uint8Array} value @param {number=} version */
  set: (key, value, version) => current().stateSet(key, value, version),
  /** @param {string} key */
  delete: (key) => current().stateDelete(key),
  /** Keys that begin with a prefix, in order, after `after`, at most `limit`. @param {string=} prefix @param {string=} after @param {number=} limit */
  keys: (prefix = "", after = undefined, limit = 1000) => current().stateKeys(prefix, after, limit),
};

/** Secrets by the names of their grants, without their values: a stand-in is a text that the host replaces by the value in a request. */
export const secrets = {
  /** @param {string} name */
  standIn: (name) => current().secret(name),
  /** A stand-in for the base64 text of a text with stand-ins in it: for basic authentication. @param {string} text */
  base64: (text) => current().base64(text),
  /** Signs with a secret; its stand-in says which. @param {string} key @param {Algorithm} algorithm @param {Uint8Array} message */
  sign: (key, algorithm, message) => current().sign(key, algorithm, message),
  /** Whether a message was signed with a secret (HMACs only). @param {string} key @param {Algorithm} algorithm @param {Uint8Array} message @param {Uint8Array} mac */
  verifyMac: (key, algorithm, message, mac) => current().verifyMac(key, algorithm, message, mac),
  /** The value itself: needs the grant `reveal`. Almost nobody needs it. @param {string} name */
  reveal: (name) => current().reveal(name),
};
