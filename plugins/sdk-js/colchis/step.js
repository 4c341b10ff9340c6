// What a step reads and writes beside its answer: its artifacts, by the names that the template gives them, and its log.
//
//   const orders = Artifact.open("orders");
//   const report = ArtifactWriter.create("report");
//   for (const path of orders.paths()) report.write(path, orders.read(path, 0, orders.size(path)));
//   report.finish();
import { current } from "./host.js";

/** An input artifact: a file, or a folder. */
export class Artifact {
  /** @param {import("./host.js").LentArtifact} lent */
  constructor(lent) {
    this.lent = lent;
  }

  /** Opens an input artifact of the template; the error's kind is `not-found` when it has none of that name. @param {string} name */
  static open(name) {
    return new Artifact(current().artifactOpen(name));
  }

  /** Files in it, by path; the empty path is the artifact itself when it is a file. @returns {string[]} */
  paths() {
    return this.lent.paths();
  }

  /** A file's size in bytes. @param {string} path @returns {number} */
  size(path = "") {
    return this.lent.size(path);
  }

  /** Up to `length` bytes of a file from `offset` on; fewer at the end. @param {string} path @param {number} offset @param {number} length @returns {Uint8Array} */
  read(path, offset, length) {
    return this.lent.read(path, offset, length);
  }

  /** Gives it back. Asked twice, it does no harm. */
  close() {
    this.lent.close();
  }
}

/** An output artifact that is being written. Closed before `finish`, it never was. */
export class ArtifactWriter {
  /** @param {import("./host.js").LentArtifactWriter} lent */
  constructor(lent) {
    this.lent = lent;
  }

  /** Begins an output artifact of the template. @param {string} name */
  static create(name) {
    return new ArtifactWriter(current().artifactCreate(name));
  }

  /** Adds bytes to a file; the empty path is the artifact itself. @param {string} path @param {Uint8Array | string} bytes */
  write(path, bytes) {
    this.lent.write(path, typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes);
  }

  /** It is complete, and given back. */
  finish() {
    this.lent.finish();
    this.close();
  }

  /** Gives it back; without `finish`, nothing was written. Asked twice, it does no harm. */
  close() {
    this.lent.close();
  }
}

/** Adds to the step's log. @param {string | Uint8Array} text */
export function output(text) {
  current().output(typeof text === "string" ? new TextEncoder().encode(text) : text);
}
