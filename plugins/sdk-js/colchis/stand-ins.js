// Connections, large values and artifacts in tests: a script or plain TCP, and memory. `testing.js` sets them up.
import { MessageChannel, receiveMessageOnPort, Worker } from "node:worker_threads";
import { PluginError } from "./errors.js";

/** Says what comes back for what is written; `null` ends the connection. @typedef {(written: string) => (string | null)[]} Peer */
/** By address. @typedef {(address: string) => Peer} Peers */
/** A text with the values of secrets in the places of their stand-ins. @typedef {(text: string) => string} Filled */
/** @typedef {import("./endpoint.js").Input} Input */

const disconnected = () => PluginError.unavailable("the other side has ended the connection", "disconnected");
const encode = (/** @type {string} */ text) => new TextEncoder().encode(text);

/** The beginning of what came, and what is left of it for later. @param {Uint8Array[]} came @param {number} max @returns {Input} */
function first(came, max) {
  const bytes = came[0].subarray(0, max);
  if (bytes.length < came[0].length) came[0] = came[0].subarray(max);
  else came.shift();
  return { kind: "bytes", bytes };
}

/** A connection that a test scripts. */
export class Scripted {
  /** @param {Peer} peer @param {Filled} filled */
  constructor(peer, filled) {
    this.peer = peer;
    this.filled = filled;
    /** @type {Uint8Array[]} */
    this.came = [];
    this.ended = false;
    this.say("");
  }

  /** @param {string} written */
  say(written) {
    for (const said of this.peer(written)) {
      if (said === null) this.ended = true;
      else if (said) this.came.push(encode(said));
    }
  }

  /** @param {number} max @returns {Input} */
  read(max) {
    if (this.came.length) return first(this.came, max);
    return { kind: this.ended ? "closed" : "nothing" };
  }

  /** @param {Uint8Array} bytes */
  write(bytes) {
    if (this.ended) throw disconnected();
    this.say(new TextDecoder().decode(bytes));
  }

  /** @param {string} text */
  writeSecret(text) {
    this.write(encode(this.filled(text)));
  }

  /** @returns {never} */
  startTls() {
    throw PluginError.unavailable("TLS needs a host");
  }

  close() {
    this.ended = true;
  }
}

// Node.js has no connection that is waited for; a thread of its own has one, and says in `beat` that something came.
const THREAD = `
  const { workerData: { host, port, said, beat } } = require("node:worker_threads");
  const tell = (word, bytes) => { said.postMessage([word, bytes]); Atomics.add(beat, 0, 1); Atomics.notify(beat, 0); };
  const socket = require("node:net").connect({ host, port });
  socket.on("connect", () => tell("open")).on("data", (bytes) => tell("data", new Uint8Array(bytes)));
  socket.on("end", () => tell("end")).on("error", (error) => tell("error", error.message));
  said.on("message", (bytes) => socket.write(bytes));
`;
const CONNECT_MS = 10_000;

/** A connection to a real server. */
export class Tcp {
  /** @param {string} address @param {Filled} filled */
  constructor(address, filled) {
    const [, host, port] = /^tcp:\/\/\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
    if (!port) throw PluginError.unavailable("TLS needs a host");
    this.filled = filled;
    this.beat = new Int32Array(new SharedArrayBuffer(4));
    const { port1, port2 } = new MessageChannel();
    this.said = port1;
    const workerData = { host, port: Number(port), said: port2, beat: this.beat };
    this.thread = new Worker(THREAD, { eval: true, workerData, transferList: [port2] });
    this.thread.unref();
    this.said.unref();
    /** @type {Uint8Array[]} */
    this.came = [];
    this.ended = false;
    if (this.next(CONNECT_MS)?.[0] !== "open") throw PluginError.unavailable(`${address} cannot be reached`, "unreachable");
  }

  /** What the thread says next, if it does within a time. @param {number} waitMs */
  next(waitMs) {
    for (const until = Date.now() + waitMs; ; ) {
      const seen = Atomics.load(this.beat, 0);
      const said = receiveMessageOnPort(this.said);
      if (said) return said.message;
      const left = until - Date.now();
      if (left <= 0) return undefined;
      Atomics.wait(this.beat, 0, seen, left);
    }
  }

  /** @param {number} max @param {number} waitMs @returns {Input} */
  read(max, waitMs) {
    if (!this.came.length && !this.ended) {
      const [word, bytes] = this.next(waitMs) ?? [];
      if (word === "data") this.came.push(bytes);
      this.ended = word === "end" || word === "error";
    }
    if (this.came.length) return first(this.came, max);
    return { kind: this.ended ? "closed" : "nothing" };
  }

  /** @param {Uint8Array} bytes */
  write(bytes) {
    if (this.ended) throw disconnected();
    this.said.postMessage(bytes);
  }

  /** @param {string} text */
  writeSecret(text) {
    this.write(encode(this.filled(text)));
  }

  /** @returns {never} */
  startTls() {
    throw PluginError.unavailable("TLS needs a host");
  }

  close() {
    this.ended = true;
    void this.thread.terminate();
  }
}

/** A large value that is read. */
export class Kept {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
  }

  size() {
    return this.bytes.length;
  }

  /** @param {number} offset @param {number} length */
  read(offset, length) {
    return this.bytes.slice(offset, offset + length);
  }

  close() {}
}

/** @param {Uint8Array} one @param {Uint8Array} other */
function joined(one, other) {
  const whole = new Uint8Array(one.length + other.length);
  whole.set(one);
  whole.set(other, one.length);
  return whole;
}

/** A large value that is written. */
export class Written {
  /** @param {(bytes: Uint8Array) => void} keep */
  constructor(keep) {
    this.keep = keep;
    this.bytes = new Uint8Array();
  }

  /** @param {Uint8Array} bytes */
  write(bytes) {
    this.bytes = joined(this.bytes, bytes);
  }

  finish() {
    this.keep(this.bytes);
    return `bytes:${this.bytes.length}`;
  }

  close() {}
}

/** An input artifact. */
export class Files {
  /** @param {string} name @param {Record<string, Uint8Array>} files */
  constructor(name, files) {
    this.name = name;
    this.files = files;
  }

  paths() {
    return Object.keys(this.files).sort();
  }

  /** @param {string} path */
  size(path) {
    return this.file(path).length;
  }

  /** @param {string} path @param {number} offset @param {number} length */
  read(path, offset, length) {
    return this.file(path).slice(offset, offset + length);
  }

  close() {}

  /** @param {string} path */
  file(path) {
    if (!Object.hasOwn(this.files, path)) throw PluginError.notFound(`the artifact \`${this.name}\` has no file \`${path}\``, "no-file");
    return this.files[path];
  }
}

/** An output artifact. */
export class Writing {
  /** @param {(files: Record<string, Uint8Array>) => void} keep */
  constructor(keep) {
    this.keep = keep;
    /** @type {Record<string, Uint8Array>} */
    this.files = {};
  }

  /** @param {string} path @param {Uint8Array} bytes */
  write(path, bytes) {
    this.files[path] = joined(this.files[path] ?? new Uint8Array(), bytes);
  }

  finish() {
    this.keep(this.files);
  }

  close() {}
}
