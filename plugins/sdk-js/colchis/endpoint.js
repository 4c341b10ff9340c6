// Connections to granted endpoints, for protocols other than HTTP: needs a grant of the endpoint. The host resolves, connects and does TLS; the protocol is the
// plugin's.
//
//   const stream = Stream.open("tcp://queue.example.com:6379", 1 << 20);
//   stream.write(new TextEncoder().encode("PING\r\n"));
//   while (!stream.bytes.includes(10)) stream.fill(1000);
//   const line = stream.take(stream.bytes.indexOf(10) + 1);
//
// A subscription keeps its connection from call to call. An address that is not granted is `denied`, and the error names the grant to add.
import { PluginError } from "./errors.js";
import { current } from "./host.js";

/** How much a stream reads at once (bytes). */
const READ_BYTES = 64 << 10;

/**
 * What was read: some bytes, at least one; nothing within the time; or that the other side has ended the connection.
 * @typedef {{kind: "bytes", bytes: Uint8Array} | {kind: "nothing"} | {kind: "closed"}} Input
 */

/** An open connection. `Stream` is the same with a buffer, and what most protocols are read from. */
export class Connection {
  /** @param {import("./host.js").LentConnection} lent */
  constructor(lent) {
    this.lent = lent;
  }

  /** Connects to `tcp://host:port` or `tls://host:port`, as granted. @param {string} address */
  static open(address) {
    return new Connection(current().connect(address));
  }

  /** Waits for bytes, at most `max` of them and at most that long; not at all for 0. @param {number} max @param {number} waitMs @returns {Input} */
  read(max, waitMs) {
    return this.lent.read(max, waitMs);
  }

  /** Writes all of them. @param {Uint8Array} bytes */
  write(bytes) {
    this.lent.write(bytes);
  }

  /** Writes a text with stand-ins of secrets in it, which are granted for this endpoint. @param {string} text */
  writeSecret(text) {
    this.lent.writeSecret(text);
  }

  /** Goes on with TLS, for protocols that begin without. The name is the endpoint's unless another is given. @param {string=} serverName */
  startTls(serverName) {
    this.lent.startTls(serverName);
  }

  /** Closes it. Asked twice, it does no harm. */
  close() {
    this.lent.close();
  }
}

/** A connection with what came and was not taken yet: what a protocol is read from. */
export class Stream {
  /** @param {Connection} connection @param {string} address @param {number} bytesMax */
  constructor(connection, address, bytesMax) {
    this.connection = connection;
    /** Where it goes to. */
    this.address = address;
    this.bytesMax = bytesMax;
    /** What came and was not taken. Taken by `take` alone. @type {Uint8Array} */
    this.bytes = new Uint8Array();
  }

  /** Connects. At most `bytesMax` bytes are kept before they are taken: a longer message of the other side is an error. @param {string} address @param {number} bytesMax */
  static open(address, bytesMax) {
    return new Stream(Connection.open(address), address, bytesMax);
  }

  /** Takes so many bytes, or all when there are fewer. @param {number} count @returns {Uint8Array} */
  take(count) {
    const taken = this.bytes.subarray(0, count);
    this.bytes = this.bytes.subarray(taken.length);
    return taken;
  }

  /** Waits for more bytes, at most that long; whether some came. A connection that was ended is `unavailable`, with the code `disconnected`. @param {number} waitMs */
  fill(waitMs) {
    const room = this.bytesMax - this.bytes.length;
    if (room <= 0) throw PluginError.permanent(`${this.address} sent a message of more than ${this.bytesMax} bytes`, "message-too-large");
    const came = this.connection.read(Math.min(room, READ_BYTES), waitMs);
    if (came.kind === "closed") throw PluginError.unavailable(`${this.address} has ended the connection`, "disconnected");
    if (came.kind === "nothing") return false;
    const whole = new Uint8Array(this.bytes.length + came.bytes.length);
    whole.set(this.bytes);
    whole.set(came.bytes, this.bytes.length);
    this.bytes = whole;
    return true;
  }

  /** Writes all of them. @param {Uint8Array} bytes */
  write(bytes) {
    this.connection.write(bytes);
  }

  /** Writes a text with stand-ins of secrets in it, which are granted for this endpoint. @param {string} text */
  writeSecret(text) {
    this.connection.writeSecret(text);
  }

  /** Goes on with TLS. What came before is forgotten: it was not said in the encrypted connection. */
  startTls() {
    this.bytes = new Uint8Array();
    this.connection.startTls();
  }

  /** Closes the connection. Asked twice, it does no harm. */
  close() {
    this.connection.close();
  }
}

/**
 * The address of an endpoint as a configuration has it: `host:port`, or with one of the schemes, of which `secure` ones mean TLS, as does `tls`. A port that is missing
 * is the usual one. What cannot be an address is an Error, whose message is for the field that has it.
 * @param {string} text @param {boolean} tls whether the configuration asks for it
 * @param {{plain: string[], secure: string[], port: number, portTls: number}} usual
 */
export function address(text, tls, { plain, secure, port, portTls }) {
  const [, scheme, place] = /** @type {RegExpExecArray} */ (/^(?:([^/]*?):\/\/)?(.*)$/s.exec(text.trim().replace(/\/+$/, "")));
  if (scheme !== undefined && !plain.includes(scheme) && !secure.includes(scheme)) {
    throw new Error(`\`${scheme}://\` is not known here: ${[...plain, ...secure].join(", ")} are`);
  }
  if (place.includes("@")) throw new Error("credentials do not belong into an address: every log would have them; use `auth`");
  if (!place || /[/ ,?#]/.test(place)) throw new Error("the name of a host and a port are expected, as `broker.example.com:1234`");
  const encrypted = tls || secure.includes(scheme);
  const way = encrypted ? "tls" : "tcp";
  const colon = place.lastIndexOf(":");
  const [name, given] = [place.slice(0, Math.max(colon, 0)), place.slice(colon + 1)];
  // The colons of an address of IPv6 are within brackets.
  if (colon < 0 || name.startsWith("[") !== name.endsWith("]")) return `${way}://${place}:${encrypted ? portTls : port}`;
  if (!name) throw new Error("the name of a host is missing");
  if (!/^\d{1,5}$/.test(given) || Number(given) > 65535) throw new Error(`\`${given}\` is no port`);
  return `${way}://${place}`;
}
