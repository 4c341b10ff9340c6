// Copies an artifact, and remembers in a large value how much the last copy had.
import * as blob from "../sdk-js/colchis/blob.js";
import { object, text } from "../sdk-js/colchis/config.js";
import { PluginError } from "../sdk-js/colchis/errors.js";
import { Artifact, ArtifactWriter, output } from "../sdk-js/colchis/step.js";
import { about } from "./greet.js";

const PIECE_BYTES = 64 << 10;
const LAST = "last";

/** What a template says below `plugin.greet-js`. */
export const config = object({ source: text("The input artifact."), target: text("The output artifact.") });

/** @type {import("../sdk-js/colchis/kinds.js").Step<{source: string, target: string}>} */
export const copy = {
  about,
  config,

  start({ source, target }) {
    const from = Artifact.open(source);
    const to = ArtifactWriter.create(target);
    let size = 0;
    for (const path of from.paths()) {
      const end = from.size(path);
      for (let offset = 0; offset === 0 || offset < end; offset += PIECE_BYTES) to.write(path, from.read(path, offset, PIECE_BYTES));
      size += end;
    }
    from.close();
    to.finish();
    const before = last();
    const writer = blob.Writer.create(LAST);
    writer.write(new TextEncoder().encode(String(size)));
    writer.finish();
    output(`${size} bytes\n`);
    return { result: String(size), parameters: { before } };
  },
};

/** What the copy before this one had; nothing before the first. */
function last() {
  try {
    const reader = blob.Reader.open(LAST);
    const size = new TextDecoder().decode(reader.read(0, reader.size));
    reader.close();
    return size;
  } catch (error) {
    if (error instanceof PluginError && error.kind === "not-found") return "";
    throw error;
  }
}
