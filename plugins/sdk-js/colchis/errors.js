// Errors that say what the caller does about them.

/** @typedef {"invalid-config" | "denied" | "unavailable" | "throttled" | "not-found" | "permanent"} Class */

/** Why a call gave no result. The bindings read the record `plugin-error` from `payload`. */
export class PluginError extends Error {
  /**
   * @param {Class} kind
   * @param {string} code a stable word for programs
   * @param {string} message a sentence for people
   * @param {{field?: string, retryAfterMs?: number}} more the field of the configuration at fault; the time that a throttling server named
   */
  constructor(kind, code, message, { field, retryAfterMs } = {}) {
    super(message);
    this.kind = kind;
    this.code = code;
    this.field = field;
    this.retryAfterMs = retryAfterMs;
    const val = retryAfterMs === undefined ? undefined : BigInt(retryAfterMs);
    this.payload = { class: kind === "throttled" ? { tag: kind, val } : { tag: kind }, code, message, field, extensions: [] };
  }

  /** The configuration cannot work: not tried again until the object changes. @param {string} field @param {string} message */
  static invalid(field, message) {
    return new PluginError("invalid-config", "invalid-config", message, { field });
  }

  /** The other side refuses: trying again does not help. @param {string} message */
  static denied(message, code = "denied") {
    return new PluginError("denied", code, message);
  }

  /** The other side is not there: tried again with back-off. @param {string} message */
  static unavailable(message, code = "unavailable") {
    return new PluginError("unavailable", code, message);
  }

  /** What was asked for is not there. @param {string} message */
  static notFound(message, code = "not-found") {
    return new PluginError("not-found", code, message);
  }

  /** It failed and would fail again. @param {string} message */
  static permanent(message, code = "permanent") {
    return new PluginError("permanent", code, message);
  }
}
