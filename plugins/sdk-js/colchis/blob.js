// Large values: needs the grant `blobs`. They are read and written in pieces, and never copied whole.
//
//   import * as blob from "./colchis/blob.js";
//   const writer = blob.Writer.create("index");
//   writer.write(bytes);
//   writer.finish();
//
// Readers and writers are given back by `close`, or when the call's instance goes.
import { current } from "./host.js";

/** How much `pieces` reads at once (bytes). */
const PIECE_BYTES = 256 << 10;

/** A value that is being read. */
export class Reader {
  /** @param {import("./host.js").LentReader} lent */
  constructor(lent) {
    this.lent = lent;
  }

  /** Opens a value of this plugin; the error's kind is `not-found` when there is none of that name. @param {string} name */
  static open(name) {
    return new Reader(current().blobOpen(name));
  }

  /** Its size in bytes. @returns {number} */
  get size() {
    return this.lent.size();
  }

  /** Up to `length` bytes from `offset` on; fewer at the end. @param {number} offset @param {number} length @returns {Uint8Array} */
  read(offset, length) {
    return this.lent.read(offset, length);
  }

  /** All of it, piece by piece: for what is larger than the plugin's memory. @returns {Generator<Uint8Array, void>} */
  *pieces() {
    for (let offset = 0; ; ) {
      const piece = this.read(offset, PIECE_BYTES);
      if (!piece.length) return;
      yield piece;
      offset += piece.length;
    }
  }

  /** Gives it back. Asked twice, it does no harm. */
  close() {
    this.lent.close();
  }
}

/** A value that is being written. Closed before `finish`, it never was. */
export class Writer {
  /** @param {import("./host.js").LentWriter} lent */
  constructor(lent) {
    this.lent = lent;
  }

  /** Begins to write one; an earlier value of that name stays until it is finished. @param {string} name */
  static create(name) {
    return new Writer(current().blobCreate(name));
  }

  /** Adds bytes at the end. @param {Uint8Array} bytes */
  write(bytes) {
    this.lent.write(bytes);
  }

  /** Makes it durable, answers its digest (`sha256:…`) and gives the writer back. @returns {string} */
  finish() {
    const digest = this.lent.finish();
    this.close();
    return digest;
  }

  /** Gives it back; without `finish`, nothing was written. Asked twice, it does no harm. */
  close() {
    this.lent.close();
  }
}

/** Removes one. Removing what is not there is no error. @param {string} name */
function remove(name) {
  current().blobDelete(name);
}

export { remove as delete };
