//! gjson paths: `status.conditions.0.type`, `status.conditions.#(type=="Ready").status`.

/// The value at `path`, or nothing.
pub fn get(json: &serde_json::Value, path: &str) -> Option<serde_json::Value> {
    let (_, _) = (json, path);
    None
}

/// The value at `path` as gjson's `String()` gives it: strings raw, numbers and the rest as JSON.
pub fn get_text(json: &serde_json::Value, path: &str) -> Option<String> {
    let (_, _) = (json, path);
    None
}
