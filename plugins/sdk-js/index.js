// What a plugin in JavaScript is written with: configurations, and errors that say what the caller does about them.
// Imports nothing of the host, so that a plugin's logic is tested without WebAssembly.

/** Why a call gave no result: the record `plugin-error`, which the bindings read from `payload`. */
export class PluginError extends Error {
  /** @param {string} kind a class of `error-class` @param {string} code @param {string} message @param {string=} field */
  constructor(kind, code, message, field) {
    super(message);
    this.payload = { class: { tag: kind }, code, message, field, extensions: [] };
  }
}

/** Reads an object of texts: `[values, findings]`. Fields in `names` are needed, all others refused. */
export function readTexts(text, names) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return [{}, [finding("", `the configuration is no JSON: ${error.message}`)]];
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) return [{}, [finding("", "the configuration must be an object")]];
  const wrong = names.filter((name) => typeof value[name] !== "string" || value[name] === "");
  const unknown = Object.keys(value).filter((name) => !names.includes(name));
  return [value, [
    ...wrong.map((name) => finding(name, `\`${name}\` must be a text that is not empty`)),
    ...unknown.map((name) => finding(name, `\`${name}\` is not known; there are: ${names.join(", ")}`)),
  ]];
}

function finding(field, message) {
  return { severity: { tag: "error" }, field, message };
}

/** Throws the first finding as an error of the class `invalid-config`. */
export function refuse(findings) {
  for (const { field, message } of findings) throw new PluginError("invalid-config", "bad-config", message, field || undefined);
}
