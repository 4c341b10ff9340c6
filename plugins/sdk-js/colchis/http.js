// Requests, by the host: it looks at each, refuses those without a grant, and puts secrets in.
import { PluginError } from "./errors.js";
import { checkCancelled, current } from "./host.js";

const TIMEOUT_MS = 30_000;
// What is left of the call for what comes behind a request.
const RESERVE_MS = 50;
const EXCERPT_CHARS_MAX = 300;
/** @type {Record<number, import("./errors.js").Class>} */
const CLASSES = { 401: "denied", 403: "denied", 407: "denied", 404: "not-found", 410: "not-found", 408: "unavailable", 425: "unavailable" };

/** An answer, read to its end. */
export class Response {
  /** @param {number} status @param {Uint8Array | string} body @param {Record<string, string>} headers names in lower case */
  constructor(status, body = "", headers = {}) {
    this.status = status;
    this.body = typeof body === "string" ? new TextEncoder().encode(body) : body;
    this.headers = headers;
  }

  /** The answer when its status is 2xx; throws an error of the class that fits otherwise, with the beginning of what was said. */
  ok() {
    if (this.status >= 200 && this.status < 300) return this;
    const said = this.text().slice(0, EXCERPT_CHARS_MAX * 4).split(/\s+/).filter(Boolean).join(" ").slice(0, EXCERPT_CHARS_MAX);
    throw this.error(said ? `the answer is ${this.status}: ${said}` : `the answer is ${this.status}`);
  }

  /** An error of the class that fits the status. @param {string} message */
  error(message) {
    const wait = (this.headers["retry-after"] ?? "").trim();
    // Dates are not read: a clock that differs would turn them into anything.
    const retryAfterMs = /^\d{1,9}$/.test(wait) ? Number(wait) * 1000 : undefined;
    const code = `status-${this.status}`;
    if (this.status === 429 || (this.status === 503 && retryAfterMs !== undefined)) {
      return new PluginError("throttled", code, message, { retryAfterMs });
    }
    return new PluginError(this.status >= 500 ? "unavailable" : (CLASSES[this.status] ?? "permanent"), code, message);
  }

  /** The body as text. */
  text() {
    return new TextDecoder().decode(this.body);
  }

  /** The body as JSON. */
  json() {
    try {
      return JSON.parse(this.text());
    } catch {
      throw PluginError.permanent("the answer is not the JSON that was expected", "bad-answer");
    }
  }
}

/** Asks by GET. @param {string} url @param {{query?: Record<string, string>, headers?: Record<string, string>}} more */
export function get(url, more = {}) {
  return request("GET", url, more);
}

/** Posts a document. @param {string} url @param {unknown} json @param {Record<string, string>} headers */
export function post(url, json, headers = {}) {
  const body = new TextEncoder().encode(JSON.stringify(json));
  return request("POST", url, { headers: { "content-type": "application/json", ...headers }, body });
}

/**
 * Sends a request and reads the whole answer, in a time that ends before the call does.
 * @param {string} method @param {string} url
 * @param {{query?: Record<string, string>, headers?: Record<string, string>, body?: Uint8Array, timeoutMs?: number}} more
 */
export function request(method, url, { query, headers = {}, body = new Uint8Array(), timeoutMs = TIMEOUT_MS } = {}) {
  const authority = /^https?:\/\/([^/?#\s]+)/.exec(url)?.[1];
  if (!authority) throw new PluginError("invalid-config", "bad-url", "expected an address with http:// or https://");
  if (authority.includes("@")) {
    throw new PluginError("invalid-config", "bad-url", "an address has no user or password in it: they go into a header");
  }
  let target = url.split("#")[0];
  const words = Object.entries(query ?? {}).map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
  if (words.length) target += (target.includes("?") ? "&" : "?") + words.join("&");
  checkCancelled();
  const time = Math.min(timeoutMs, current().remainingMs() - RESERVE_MS);
  if (time <= 0) throw PluginError.unavailable(`no time is left to ask ${authority}`, "timeout");
  const answer = current().send({ method, url: target, headers: Object.entries(headers), body, timeoutMs: time });
  /** @type {Record<string, string>} */
  const found = {};
  for (const [name, value] of answer.headers) found[name.toLowerCase()] ??= value;
  return new Response(answer.status, answer.body, found);
}
