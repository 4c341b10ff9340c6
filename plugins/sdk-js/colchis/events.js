// Events, in the terms of CloudEvents 1.0. The host adds `source` and `subject`.

/**
 * Of the same event, always the same id: one whose id was seen is not taken again. `type` is the event source's when empty; `timeMs` milliseconds since 1970;
 * `contentType` is `application/json` when empty; `attributes` are those of CloudEvents beside these.
 * @typedef {{id: string, data: Uint8Array, type?: string, timeMs?: number, contentType?: string, attributes?: Record<string, string>}} Event
 */

/** How much data a batch has before it is given (bytes): what comes behind waits for the next poll, as so many events as are asked for may be more than the memory holds. */
export const BATCH_BYTES = 4 << 20;

/** An event with a document as its data. @param {string} id @param {unknown} document @param {Partial<Event>} more @returns {Event} */
export function jsonEvent(id, document, more = {}) {
  return { ...more, id, data: new TextEncoder().encode(JSON.stringify(document)) };
}

/** As the bindings have it. @param {Event} event */
export function wit(event) {
  return {
    id: event.id,
    type: event.type ?? "",
    time: event.timeMs === undefined ? undefined : BigInt(event.timeMs),
    contentType: event.contentType ?? "",
    data: event.data,
    extensions: Object.entries(event.attributes ?? {}),
  };
}
