// A configuration is described once: its JSON Schema is made of the description, and a document is read by it.
import { PluginError } from "./errors.js";

/**
 * @typedef {{field: string, message: string, severity?: "error" | "warning"}} Finding
 * @typedef {(value: any, path: string, findings: Finding[]) => any} Read
 */

/**
 * The description of a value, which reads into a T.
 * @template T
 * @typedef {{schema: Record<string, any>, read: Read, optional: boolean, fallback: T | undefined}} Shape
 */

/**
 * @template T
 * @param {string} type @param {string} expected @param {(value: any) => boolean} fits
 * @returns {(description: string, words?: Record<string, any>) => Shape<T>}
 */
function plain(type, expected, fits) {
  return (description, words = {}) => ({
    schema: { type, description, ...words },
    optional: false,
    fallback: undefined,
    read(value, path, findings) {
      if (!fits(value)) findings.push({ field: path, message: `expected ${expected}` });
      return value;
    },
  });
}

/** A text. The words are further ones of JSON Schema, such as `{minLength: 1}`, which the host checks. @type {(description: string, words?: Record<string, any>) => Shape<string>} */
export const text = plain("string", "a text", (value) => typeof value === "string");
/** A whole number. @type {(description: string, words?: Record<string, any>) => Shape<number>} */
export const integer = plain("integer", "a whole number", (value) => Number.isInteger(value));
/** A number. @type {(description: string, words?: Record<string, any>) => Shape<number>} */
export const number = plain("number", "a number", (value) => typeof value === "number");
/** True or false. @type {(description: string, words?: Record<string, any>) => Shape<boolean>} */
export const boolean = plain("boolean", "true or false", (value) => typeof value === "boolean");

/** Any document. @param {string} description @returns {Shape<any>} */
export function anything(description) {
  return { schema: { description }, optional: false, fallback: undefined, read: (value) => value };
}

/**
 * A list. @template T @param {string} description @param {Shape<T>} of @param {Record<string, any>} words
 * @returns {Shape<T[]>}
 */
export function list(description, of, words = {}) {
  return {
    schema: { type: "array", description, items: of.schema, ...words },
    optional: false,
    fallback: undefined,
    read(value, path, findings) {
      if (Array.isArray(value)) return value.map((item, at) => of.read(item, `${path}[${at}]`, findings));
      findings.push({ field: path, message: "expected a list" });
      return [];
    },
  };
}

/** One that may be left out. @template T @param {Shape<T>} of @param {T=} fallback what it is then @returns {Shape<T>} */
export function optional(of, fallback) {
  return { ...of, optional: true, fallback };
}

/**
 * An object, without other fields than these.
 * @template {Record<string, Shape<any>>} F
 * @param {F} fields
 * @returns {Shape<{[N in keyof F]: F[N] extends Shape<infer T> ? T : never}>}
 */
export function object(fields, description = "") {
  const names = Object.keys(fields);
  const required = names.filter((name) => !fields[name].optional);
  const properties = Object.fromEntries(names.map((name) => [name, fields[name].schema]));
  return {
    schema: { type: "object", ...(description && { description }), additionalProperties: false, properties, required },
    optional: false,
    fallback: undefined,
    read(value, path, findings) {
      if (value === null || typeof value !== "object" || Array.isArray(value)) {
        findings.push({ field: path, message: "expected an object" });
        return undefined;
      }
      const at = (/** @type {string} */ name) => (path ? `${path}.${name}` : name);
      for (const name of Object.keys(value).filter((name) => !names.includes(name))) {
        findings.push({ field: at(name), message: `there is no such field; there are: ${names.join(", ")}` });
      }
      /** @type {Record<string, any>} */
      const made = {};
      for (const name of names) {
        if (Object.hasOwn(value, name)) made[name] = fields[name].read(value[name], at(name), findings);
        else if (fields[name].optional) made[name] = fields[name].fallback;
        else findings.push({ field: at(name), message: "it is missing" });
      }
      return made;
    },
  };
}

/** The JSON Schema (2020-12) of a configuration, as text. @param {Shape<any>} of */
export function schema(of) {
  return JSON.stringify({ $schema: "https://json-schema.org/draft/2020-12/schema", ...of.schema });
}

/**
 * Reads a configuration, and finds all that is wrong with it; there is no value then.
 * @template T @param {Shape<T>} of @param {string} document
 * @returns {{value: T | undefined, findings: Finding[]}}
 */
export function check(of, document) {
  /** @type {Finding[]} */
  const findings = [];
  let parsed;
  try {
    parsed = JSON.parse(document);
  } catch (error) {
    return { value: undefined, findings: [{ field: "", message: `the configuration is no JSON: ${error instanceof Error ? error.message : error}` }] };
  }
  const value = of.read(parsed, "", findings);
  return { value: findings.length ? undefined : value, findings };
}

/** Reads a configuration; throws the first thing that is wrong with it. @template T @param {Shape<T>} of @param {string} document @returns {T} */
export function parse(of, document) {
  const { value, findings } = check(of, document);
  for (const { field, message } of findings) throw PluginError.invalid(field, message);
  return /** @type {T} */ (value);
}
