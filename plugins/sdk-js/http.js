// GET by the host's `wasi:http/outgoing-handler`. The host looks at each request and refuses those without a grant.
import { handle } from "wasi:http/outgoing-handler@0.2.12";
import { Fields, OutgoingRequest } from "wasi:http/types@0.2.12";
import { PluginError } from "./index.js";

const BODY_BYTES_MAX = 4 << 20;
const PIECE_BYTES = 64n << 10n;

/** Asks, and waits for the whole answer: `{status, body}`. `field` is where the address is in the configuration. */
export function get(url, field) {
  const parts = /^(https?):\/\/([^/?#]+)([^#]*)/.exec(url);
  if (!parts) throw new PluginError("invalid-config", "bad-url", `\`${field}\` must be an address with http:// or https://`, field);
  const request = new OutgoingRequest(new Fields());
  request.setScheme({ tag: parts[1] === "https" ? "HTTPS" : "HTTP" });
  request.setAuthority(parts[2]);
  request.setPathWithQuery(parts[3].startsWith("/") ? parts[3] : `/${parts[3]}`);
  let answer;
  try {
    const future = handle(request, undefined);
    future.subscribe().block();
    answer = inner(future.get());
  } catch (error) {
    throw refused(error.payload ?? error, field);
  }
  return { status: answer.status(), body: read(answer) };
}

function inner(value) {
  while (value && (value.tag === "ok" || value.tag === "err")) {
    if (value.tag === "err") throw value.val;
    value = value.val;
  }
  return value;
}

function refused(code, field) {
  if (code.tag === "HTTP-request-denied") {
    return new PluginError("denied", "not-granted", `the host refused the request: it needs a grant for the host of \`${field}\``, field);
  }
  return new PluginError("unavailable", "no-answer", `the host of \`${field}\` gave no answer (${code.tag ?? code})`, field);
}

function read(answer) {
  const stream = answer.consume().stream();
  const bytes = [];
  for (;;) {
    try {
      for (const byte of stream.blockingRead(PIECE_BYTES)) bytes.push(byte);
    } catch (error) {
      if ((error.payload ?? error).tag === "closed") return new TextDecoder().decode(new Uint8Array(bytes));
      throw new PluginError("unavailable", "cut-off", "the answer was cut off");
    }
    if (bytes.length > BODY_BYTES_MAX) throw new PluginError("permanent", "too-large", `the answer is longer than ${BODY_BYTES_MAX} bytes`);
  }
}
