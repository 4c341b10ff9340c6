// @ts-nocheck: what is imported here is there in components alone.
// `wasi:http`, with a deadline. Imported in components alone.
import { isCancelled } from "colchis:plugin/cancellation@1.0.0";
import { now, subscribeInstant } from "wasi:clocks/monotonic-clock@0.2.12";
import { handle } from "wasi:http/outgoing-handler@0.2.12";
import { Fields, OutgoingBody, OutgoingRequest, RequestOptions } from "wasi:http/types@0.2.12";
import { poll } from "wasi:io/poll@0.2.12";
import { PluginError } from "../errors.js";

const BODY_BYTES_MAX = 8 << 20;
const PIECE_BYTES = 64 << 10;
// How long is waited before the call is asked whether it was cancelled.
const SLICE_NS = 250_000_000n;
const NS_PER_MS = 1_000_000n;
const METHODS = ["get", "head", "post", "put", "delete", "options", "patch"];
const TIMEOUTS = ["connection-timeout", "connection-read-timeout", "connection-write-timeout", "HTTP-response-timeout"];
const NAMES = ["DNS-timeout", "DNS-error", "destination-not-found"];
const BAD_URLS = ["HTTP-request-method-invalid", "HTTP-request-URI-invalid", "HTTP-request-URI-too-long"];

/** Gives a resource back; a parent may only go after its children. */
function drop(resource) {
  resource[Symbol.dispose ?? Symbol.for("dispose")]?.();
}

/** Waits until something is ready; throws when the time is over or the call was cancelled. */
function wait(ready, until, authority) {
  for (;;) {
    const moment = now();
    if (moment >= until) throw PluginError.unavailable(`${authority} did not answer in time`, "timeout");
    const slice = moment + SLICE_NS;
    const timer = subscribeInstant(slice < until ? slice : until);
    const done = poll([ready, timer]);
    drop(timer);
    if (done.includes(0)) return;
    if (isCancelled()) throw PluginError.unavailable("the call was cancelled", "cancelled");
  }
}

/** Sends a request and reads the whole answer: status, headers, body. */
export function send({ method, url, headers, body, timeoutMs }) {
  const [, scheme, authority, rest] = /^(https?):\/\/([^/?#]+)([^#]*)/.exec(url);
  const time = BigInt(Math.round(timeoutMs)) * NS_PER_MS;
  const until = now() + time;
  const request = outgoing(method, scheme, authority, rest.startsWith("/") ? rest : `/${rest}`, headers, body);
  const written = request.body();
  let pending;
  try {
    pending = handle(request, options(time));
  } catch (error) {
    throw told(error, scheme, authority);
  }
  // A server may answer before it has read everything; what it answers says more than that it stopped reading.
  write(written, body, until, authority);
  const response = answer(pending, until, scheme, authority);
  const fields = response.headers();
  const decoder = new TextDecoder();
  const found = fields.entries().map(([name, value]) => [name, decoder.decode(value)]);
  drop(fields);
  return { status: response.status(), headers: found, body: read(response, until, authority) };
}

function outgoing(method, scheme, authority, path, headers, body) {
  const fields = new Fields();
  for (const [name, value] of headers) {
    try {
      fields.append(name, new TextEncoder().encode(value));
    } catch {
      // Its value may be a secret.
      throw new PluginError("invalid-config", "bad-header", `the header \`${name}\` cannot be sent`);
    }
  }
  if (body.length) fields.set("content-length", [new TextEncoder().encode(String(body.length))]);
  const request = new OutgoingRequest(fields);
  const word = method.toLowerCase();
  try {
    request.setMethod(METHODS.includes(word) ? { tag: word } : { tag: "other", val: method });
    request.setScheme({ tag: scheme === "https" ? "HTTPS" : "HTTP" });
    request.setAuthority(authority);
    request.setPathWithQuery(path);
  } catch {
    throw new PluginError("invalid-config", "bad-url", `the request to ${authority} cannot be sent: its method or address is none`);
  }
  return request;
}

function options(time) {
  const made = new RequestOptions();
  for (const set of ["setConnectTimeout", "setFirstByteTimeout", "setBetweenBytesTimeout"]) {
    try {
      made[set](time);
    } catch {
      // A host may not know them; the deadline holds all the same.
    }
  }
  return made;
}

function write(body, bytes, until, authority) {
  const stream = body.write();
  const ready = stream.subscribe();
  let stopped = false;
  for (let at = 0; at < bytes.length && !stopped; ) {
    try {
      const free = Math.min(Number(stream.checkWrite()), PIECE_BYTES);
      if (free) stream.write(bytes.slice(at, at + free));
      at += free;
      if (!free) wait(ready, until, authority);
    } catch (error) {
      if (error instanceof PluginError) throw error;
      stopped = true;
    }
  }
  try {
    if (!stopped) stream.flush();
  } catch {
    stopped = true;
  }
  drop(ready);
  drop(stream);
  try {
    OutgoingBody.finish(body, undefined);
  } catch {
    // The answer says what became of it.
  }
}

function answer(pending, until, scheme, authority) {
  const ready = pending.subscribe();
  let found = pending.get();
  while (found === undefined) {
    wait(ready, until, authority);
    found = pending.get();
  }
  drop(ready);
  while (found.tag === "ok" || found.tag === "err") {
    if (found.tag === "err") throw told(found.val, scheme, authority);
    found = found.val;
  }
  return found;
}

function read(response, until, authority) {
  const body = response.consume();
  const stream = body.stream();
  const ready = stream.subscribe();
  const pieces = [];
  let length = 0;
  for (;;) {
    let piece;
    try {
      piece = stream.read(BigInt(PIECE_BYTES));
    } catch (error) {
      if ((error.payload ?? error).tag === "closed") break;
      throw PluginError.unavailable(`${authority}: the answer broke off`, "http");
    }
    if (!piece.length) wait(ready, until, authority);
    pieces.push(piece);
    length += piece.length;
    if (length > BODY_BYTES_MAX) throw PluginError.permanent(`the answer of ${authority} is longer than ${BODY_BYTES_MAX} bytes`, "body-too-large");
  }
  drop(ready);
  drop(stream);
  drop(body);
  const whole = new Uint8Array(length);
  pieces.reduce((at, piece) => (whole.set(piece, at), at + piece.length), 0);
  return whole;
}

/** The class, the word and the sentence of an error of `wasi:http`. */
function told(error, scheme, authority) {
  const code = error?.payload ?? error;
  const grant = `${scheme}://${authority}`;
  const { tag } = code ?? {};
  if (tag === "HTTP-request-denied") {
    return PluginError.denied(`requests to ${authority} are not granted: add \`${grant}\` to the plugin's HTTP grants`, "not-granted");
  }
  if (tag === "destination-IP-prohibited") {
    return PluginError.denied(`${authority} is at an address that requests may not go to: \`${grant}\` has to be granted by address`, "address-prohibited");
  }
  if (tag === "TLS-certificate-error") {
    return PluginError.denied(`the certificate of ${authority} is not trusted: its authority has to be made known to the server`, "certificate");
  }
  if (NAMES.includes(tag)) return PluginError.unavailable(`the name of ${authority} cannot be resolved`, "name-unknown");
  if (tag === "connection-refused") return PluginError.unavailable(`${authority} refuses the connection`, "refused");
  if (TIMEOUTS.includes(tag)) return PluginError.unavailable(`${authority} did not answer in time`, "timeout");
  if (BAD_URLS.includes(tag)) return new PluginError("invalid-config", "bad-url", `the request to ${authority} cannot be sent: ${tag}`);
  const detail = typeof code?.val === "string" ? code.val : (tag ?? String(code));
  return PluginError.unavailable(`${authority} cannot be asked: ${detail}`, "http");
}
