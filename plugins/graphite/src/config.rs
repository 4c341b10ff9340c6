//! What users write, and the parameters that it means.

use colchis_sdk::{Error, Finding, Result};
use provider_kit::address;
use schemars::JsonSchema;
use serde::Deserialize;

/// Targets of Graphite.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["address", "query"]))]
pub struct Config {
    /// Where Graphite's web application is: `http://graphite.example.com`, with a path before its own where it has one.
    pub address: String,
    /// A target, as `averageSeries(servers.*.load)`, or parameters of the render API, as `target=…&from=-10min&until=now`.
    pub query: String,
}

/// Where the window begins when the query does not say.
const FROM: &str = "-5min";

/// Parameters beside `target` that say what is measured. The others are about pictures.
const KNOWN: &[&str] =
    &["target", "from", "until", "tz", "maxDataPoints", "noNullPoints", "now", "noCache", "cacheTimeout"];

impl Config {
    /// All that is wrong with it.
    pub(crate) fn check(&self) -> Vec<Finding> {
        let mut found: Vec<Finding> =
            address::check("address", &self.address, true, "http://graphite.example.com").into_iter().collect();
        found.extend(self.form().err().map(|error| Finding::error("query", error.message())));
        found
    }

    /// The parameters of the request, in the query's order.
    pub(crate) fn form(&self) -> Result<Vec<(String, String)>> {
        let bad = |why: String| Error::invalid("query", why);
        let mut form = Vec::new();
        for (name, value) in self.parameters() {
            let value = decoded(value);
            match name {
                "format" if value == "json" => continue,
                "format" => {
                    return Err(bad(format!("`format={value}`: the answer is read as JSON; leave `format` out")));
                }
                _ if !KNOWN.contains(&name) => {
                    return Err(bad(format!(
                        "`{name}` is no parameter that is measured with: {} are",
                        KNOWN.join(", ")
                    )));
                }
                _ if value.is_empty() => return Err(bad(format!("`{name}` has no value"))),
                _ => form.push((name.to_owned(), value)),
            }
        }
        let has = |wanted: &str| form.iter().any(|(name, _)| name == wanted);
        if !has("target") {
            return Err(bad("a target is expected, as `averageSeries(servers.*.load)`".to_owned()));
        }
        if !has("from") {
            form.push(("from".to_owned(), FROM.to_owned()));
        }
        form.push(("format".to_owned(), "json".to_owned()));
        Ok(form)
    }

    /// The query's parameters. One that does not begin with a parameter is a target as it stands, whatever is in it.
    fn parameters(&self) -> Vec<(&str, &str)> {
        let query = self.query.trim().trim_start_matches('?');
        let begins = |text: &str| {
            let name = text.split('=').next().unwrap_or_default().trim();
            text.contains('=') && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        if query.is_empty() {
            return Vec::new();
        }
        if !begins(query) {
            return vec![("target", query)];
        }
        // An `&` inside a target's texts does not begin a parameter.
        let mut parameters = Vec::new();
        let mut start = 0;
        for (at, _) in query.match_indices('&') {
            let (before, behind) = (query.get(start..at).unwrap_or_default(), query.get(at + 1..).unwrap_or_default());
            if begins(behind) && !inside_text(before) {
                parameters.push(before);
                start = at + 1;
            }
        }
        parameters.push(query.get(start..).unwrap_or_default());
        let parts = parameters.into_iter().map(|one: &str| one.split_once('=').unwrap_or((one, "")));
        parts.map(|(name, value)| (name.trim(), value.trim())).collect()
    }
}

/// Whether a text in quotes is open at the end.
fn inside_text(text: &str) -> bool {
    let mut open = None;
    for c in text.chars() {
        match open {
            Some(quote) if quote == c => open = None,
            None if c == '\'' || c == '"' => open = Some(c),
            _ => {}
        }
    }
    open.is_some()
}

/// A value whose `%41` are characters. A `%` that begins no such stays.
fn decoded(value: &str) -> String {
    let bytes = value.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = value.get(at + 1..at + 3).filter(|_| *byte == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(hex.unwrap_or(*byte));
        at += if hex.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).unwrap_or_else(|_| value.to_owned())
}
