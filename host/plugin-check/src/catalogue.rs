//! What is asked of every component.

/// A check.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// Its id, for `--skip` and machines.
    pub id: &'static str,
    /// What is asked, as a sentence.
    pub what: &'static str,
    /// What to do when it fails.
    pub hint: &'static str,
}

const fn spec_of(id: &'static str, what: &'static str, hint: &'static str) -> Spec {
    Spec { id, what, hint }
}

/// All checks, in their order.
pub const CHECKS: &[Spec] = &[
    spec_of(
        "load",
        "it is a component, and imports and exports what a plugin does",
        "build it for wasm32-wasip2, or make a component of it, against the packages of `wit/`",
    ),
    spec_of(
        "describe",
        "it describes itself without any grant, within 5 s",
        "answer constants in `describe`: name, version, summary, kinds with their schemas, needs",
    ),
    spec_of(
        "describe-pure",
        "it describes itself the same each time",
        "take nothing from clocks, random numbers, state or requests into `describe`",
    ),
    spec_of("version", "its version is one of semver.org", "write MAJOR.MINOR.PATCH, such as 1.4.0"),
    spec_of(
        "summary",
        "its summary is one sentence for lists",
        "say in one line of at most 200 letters what it does for whom",
    ),
    spec_of(
        "needs",
        "each need can be granted and says why",
        "write what an operator can decide by; hosts as `https://*.example.com:443` or `*`",
    ),
    spec_of(
        "schema",
        "the schema of its configuration is a JSON Schema of 2020-12 for an object",
        "answer a schema with `\"type\": \"object\"`; https://json-schema.org says which words there are",
    ),
    spec_of(
        "schema-closed",
        "its schema refuses fields that it does not know",
        "add `\"additionalProperties\": false` (in Rust `#[serde(deny_unknown_fields)]`): a field with a mistake in its name is ignored otherwise",
    ),
    spec_of(
        "config",
        "the configuration passes its schema and its own look at it",
        "correct the configuration, or what `check-config` finds about it",
    ),
    spec_of(
        "schema-refuses",
        "configurations with a field missing or of a wrong type are refused by its schema, before the plugin",
        "name what must be there in `required`, and give each property a type",
    ),
    spec_of(
        "check-config",
        "a configuration that cannot work is an error at its field, and never a trap",
        "let `check-config` answer a finding of severity `error` with `field`, or an error of the class `invalid-config` with `field`",
    ),
    spec_of("answers", "it answers a call with the configuration", "read the reason: it is the plugin's own error"),
    spec_of(
        "redelivery",
        "the same call made again, as after a lost answer, gives the same and does no harm",
        "use the key of the call (node, token, idempotency key) for what must not be done twice, and answer nothing that changes from call to call",
    ),
    spec_of(
        "not-granted",
        "a host that is not granted is an error of the class `denied`",
        "map the error HTTP-request-denied to the class `denied`",
    ),
    spec_of(
        "unreachable",
        "a server that is not there is an error of the class `unavailable`",
        "map errors of connecting to the class `unavailable`, so that the call is made again",
    ),
    spec_of(
        "throttled",
        "429 with Retry-After is an error of the class `throttled`, with its time",
        "map 429 to the class `throttled`, with the seconds of Retry-After in milliseconds",
    ),
    spec_of(
        "server-error",
        "500 and 503 are errors of the class `unavailable`",
        "map 5xx to the class `unavailable`, so that the call is made again",
    ),
    spec_of(
        "credentials",
        "401 and 403 are errors of the class `denied`",
        "map 401 and 403 to the class `denied`: trying again does not help",
    ),
    spec_of(
        "deadline",
        "a call whose server does not answer ends by itself before its time is over",
        "give requests a time that ends before `cancellation.remaining`",
    ),
    spec_of(
        "cancel",
        "a call that nobody waits for any more ends by itself",
        "look at `cancellation.is-cancelled` in loops, and end when a request is broken off",
    ),
    spec_of(
        "memory",
        "a call stays within its memory",
        "read large inputs in pieces; or ask operators for more (`spec.limits.memory`), and test with --memory",
    ),
    spec_of(
        "growth",
        "many calls take no more memory than a few, and all are answered",
        "look for what is kept from call to call: state that only grows, lists of what was seen",
    ),
    spec_of(
        "no-trap",
        "no call of these checks ended in a trap or at a limit",
        "answer an error instead of a panic or an exception; the reason has its last words",
    ),
    spec_of(
        "replay",
        "every request is in the recording",
        "record anew with --record; keep what changes from call to call (times, random ids) out of URLs and bodies",
    ),
];

/// One of them.
pub(crate) fn spec(id: &str) -> Spec {
    let unknown = Spec { id: "", what: "", hint: "" };
    CHECKS.iter().find(|spec| spec.id == id).copied().unwrap_or(unknown)
}
