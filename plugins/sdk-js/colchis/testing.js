// A host for tests: requests are answered by a function, connections by a script or by a real server over plain TCP; all that is kept is in maps, a source tree is an object.
import { createHmac, timingSafeEqual } from "node:crypto";
import { PluginError } from "./errors.js";
import { use } from "./host.js";
import { Response } from "./http.js";
import { Files, Kept, Scripted, Tcp, Writing, Written } from "./stand-ins.js";

/** @typedef {{method: string, url: string, query: Record<string, string>, headers: Record<string, string>, body: Uint8Array, json(): any}} Request */

/**
 * From now on, this function answers requests; without one, they are refused as not granted. What was logged is in `lines`; `timeMs` and `cancelled` may be set. `blobs`
 * are the large values; `artifacts` those of a step, what it reads and what it wrote, each as files by path (the empty path is the artifact itself); `said` is what a step
 * added to its log.
 * @param {((request: Request) => Response)=} answer
 */
export function serve(answer) {
  const native = {
    /** @type {[string, string, Record<string, string>][]} */
    lines: [],
    timeMs: 60_000,
    cancelled: false,
    /** @type {Map<string, {value: Uint8Array, version: number}>} */
    values: new Map(),
    /** Values of secrets, by their stand-ins. @type {Record<string, string>} */
    secrets: {},
    /** @type {import("./stand-ins.js").Peers | undefined} */
    peers: undefined,
    /** @type {Map<string, Uint8Array>} */
    blobs: new Map(),
    /** @type {Map<string, Record<string, Uint8Array>>} */
    artifacts: new Map(),
    said: "",
  };
  /** The longest first: one name may begin with another. @param {string} text */
  const filled = (text) => {
    const standIns = Object.keys(native.secrets).sort((a, b) => b.length - a.length);
    return standIns.reduce((text, standIn) => text.replaceAll(standIn, native.secrets[standIn]), text);
  };
  /** @param {string} key @param {string} algorithm @param {Uint8Array} message */
  const sign = (key, algorithm, message) => {
    if (!algorithm.startsWith("hmac-")) throw PluginError.permanent(`a test's host signs with HMACs alone, not with ${algorithm}`, "unknown-algorithm");
    return new Uint8Array(createHmac(algorithm.slice(5), native.secrets[key] ?? key).update(message).digest());
  };
  use({
    log: (level, message, fields) => native.lines.push([level, message, Object.fromEntries(fields)]),
    isCancelled: () => native.cancelled,
    remainingMs: () => native.timeMs,
    send({ method, url, headers, body }) {
      if (!answer) throw PluginError.denied(`requests to ${url} are not granted`, "not-granted");
      const named = Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]));
      const query = Object.fromEntries(new URL(url).searchParams);
      const given = answer({ method, url, query, headers: named, body, json: () => JSON.parse(new TextDecoder().decode(body)) });
      return { status: given.status, headers: Object.entries(given.headers), body: given.body };
    },
    stateGet: (key) => native.values.get(key),
    stateSet(key, value, version) {
      const present = native.values.get(key)?.version ?? 0;
      if (version !== undefined && version !== present) throw PluginError.permanent(`\`${key}\` has another version`, "conflict");
      native.values.set(key, { value, version: present + 1 });
      return present + 1;
    },
    stateDelete: (key) => void native.values.delete(key),
    stateKeys(prefix, after, limit) {
      const fits = (/** @type {string} */ key) => key.startsWith(prefix) && (after === undefined || key > after);
      return [...native.values.keys()].sort().filter(fits).slice(0, limit);
    },
    secret: (name) => `stand-in-of-${name}`,
    base64: (text) => Buffer.from(text).toString("base64"),
    sign,
    verifyMac(key, algorithm, message, mac) {
      const own = sign(key, algorithm, message);
      return own.length === mac.length && timingSafeEqual(own, mac);
    },
    reveal(name) {
      const value = native.secrets[`stand-in-of-${name}`];
      if (value === undefined) throw PluginError.denied(`the value of the secret \`${name}\` is not granted`, "not-granted");
      return new TextEncoder().encode(value);
    },
    blobOpen(name) {
      const kept = native.blobs.get(name);
      if (!kept) throw PluginError.notFound(`there is no blob \`${name}\``, "no-blob");
      return new Kept(kept);
    },
    blobCreate: (name) => new Written((bytes) => native.blobs.set(name, bytes)),
    blobDelete: (name) => void native.blobs.delete(name),
    connect: (address) => (native.peers ? new Scripted(native.peers(address), filled) : new Tcp(address, filled)),
    artifactOpen(name) {
      const files = native.artifacts.get(name);
      if (!files) throw PluginError.notFound(`the template has no input artifact \`${name}\``, "no-artifact");
      return new Files(name, files);
    },
    artifactCreate: (name) => new Writing((files) => native.artifacts.set(name, files)),
    output: (text) => void (native.said += new TextDecoder().decode(text)),
  });
  serving = native;
  return native;
}

/** @type {ReturnType<typeof serve> | undefined} */
let serving;

/**
 * From now on, connections are answered by scripts: by address, a function that is given what is written and says what comes back for it. It is called once with an empty
 * text when the connection opens, for what a server says first; `null` in its list ends the connection. What refuses an address throws a PluginError. Without this,
 * connections go to real servers, over plain TCP, which have to be in another process, as a test waits for them.
 * @param {import("./stand-ins.js").Peers} peers
 */
export function connect(peers) {
  const native = serving ?? serve();
  native.peers = peers;
  return native;
}

/**
 * A tree of files by path. Of patterns, `**` with a slash stands for any folders or none, and `*` for what has no slash.
 * @param {Record<string, string>} files
 * @returns {import("./kinds.js").Tree}
 */
export function tree(files) {
  const missing = (/** @type {string} */ path) => PluginError.notFound(`${path}: there is no such file`, "no-file");
  const below = (/** @type {string} */ path) => (path ? `${path}/` : "");
  const bytes = (/** @type {string} */ path) => new TextEncoder().encode(files[path]);
  /** @type {import("./kinds.js").Tree} */
  const made = {
    stat(path) {
      const name = path.slice(path.lastIndexOf("/") + 1);
      if (Object.hasOwn(files, path)) return { name, kind: "file", size: bytes(path).length, executable: false };
      if (path && !Object.keys(files).some((file) => file.startsWith(below(path)))) throw missing(path);
      return { name, kind: "folder", size: 0, executable: false };
    },
    list(path) {
      const inside = Object.keys(files).filter((file) => file.startsWith(below(path)));
      const names = new Set(inside.map((file) => file.slice(below(path).length).split("/")[0]));
      return [...names].sort().map((name) => made.stat(below(path) + name));
    },
    glob(path, pattern) {
      const parts = pattern.split(/(\*\*\/|\*)/).map((part) => ({ "**/": "(?:.*/)?", "*": "[^/]*" })[part] ?? part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
      const fits = new RegExp(`^${parts.join("")}$`);
      const inside = Object.keys(files).filter((file) => file.startsWith(below(path)));
      return inside.filter((file) => fits.test(file.slice(below(path).length))).sort();
    },
    read(path) {
      if (!Object.hasOwn(files, path)) throw missing(path);
      return bytes(path);
    },
  };
  return made;
}
