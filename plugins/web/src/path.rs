//! Paths into an answer, as Kubernetes writes them: `{$.data.ok}`. Inside the braces it is JSONPath (RFC 9535), where the `$` may be left out.

use serde_json::Value;
use serde_json_path::JsonPath;

/// The longest path.
const BYTES_MAX: usize = 4096;

/// A path that was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Path {
    /// The whole answer.
    Whole,
    /// A part of it; whether the path names at most one place.
    Part(Box<JsonPath>, bool),
}

impl Path {
    /// Reads one; empty is the whole.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > BYTES_MAX {
            return Err(format!("a path of at most {BYTES_MAX} bytes is expected"));
        }
        let inner = text.trim();
        let inner = match (inner.strip_prefix('{'), inner.ends_with('}')) {
            (Some(rest), true) => rest.strip_suffix('}').unwrap_or(rest).trim(),
            (None, false) => inner,
            _ => return Err("the braces around the path do not match: {$.data.ok} is expected".to_owned()),
        };
        if inner.contains(['{', '}']) {
            return Err("one path in one pair of braces is expected, as {$.data.ok}".to_owned());
        }
        if matches!(inner, "" | "$" | ".") {
            return Ok(Self::Whole);
        }
        let rooted = match inner.chars().next() {
            Some('$') => inner.to_owned(),
            Some('.' | '[') => format!("${inner}"),
            _ => format!("$.{inner}"),
        };
        let path = JsonPath::parse(&rooted).map_err(|error| {
            format!("`{rooted}` cannot be read at position {}: {}", error.position() + 1, error.message())
        })?;
        let single = is_single(&rooted);
        Ok(Self::Part(Box::new(path), single))
    }

    /// Whether it is the whole answer.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self, Self::Whole)
    }

    /// What it leads to: the value of a path that names one place, or the list of all values of one that may name several. None when nothing is there.
    pub(crate) fn find(&self, document: Value) -> Option<Value> {
        match self {
            Self::Whole => Some(document),
            Self::Part(path, single) => {
                let found = path.query(&document).all();
                match (single, found.as_slice()) {
                    (true, found) => found.first().map(|value| (*value).clone()),
                    (false, []) => None,
                    (false, found) => Some(found.iter().map(|value| (*value).clone()).collect()),
                }
            }
        }
    }
}

/// Whether only keys and indices are in a path: outside of quotes no `*`, `..`, `?`, `:` or `,`.
fn is_single(path: &str) -> bool {
    let mut quote = None;
    let mut before = ' ';
    for now in path.chars() {
        match quote {
            Some(open) if now == open && before != '\\' => quote = None,
            Some(_) => {}
            None if now == '\'' || now == '"' => quote = Some(now),
            None if matches!(now, '*' | '?' | ':' | ',') || (now == '.' && before == '.') => return false,
            None => {}
        }
        before = now;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_lead_to_values() {
        let document = json!({
            "data": {"ok": true, "successPercent": 0.95, "a.b": 1, "none": null},
            "items": [{"name": "a", "n": 1}, {"name": "b", "n": 4}],
        });
        for (path, expected) in [
            ("", document.clone()),
            ("{$}", document.clone()),
            ("{$.data.ok}", json!(true)),
            ("{.data.successPercent}", json!(0.95)),
            ("{data.ok}", json!(true)),
            ("$.data.ok", json!(true)),
            (" { $.data['a.b'] } ", json!(1)),
            ("{$.data.none}", json!(null)),
            ("{$.items[1].name}", json!("b")),
            ("{$.items[-1].n}", json!(4)),
            ("{$.items[*].n}", json!([1, 4])),
            ("{$.items[?(@.n > 3)].name}", json!(["b"])),
            ("{$.items[?@.name == 'a'].n}", json!([1])),
            ("{$..name}", json!(["a", "b"])),
            ("{$.items[0:1].name}", json!(["a"])),
            ("{$.items[0,1].n}", json!([1, 4])),
        ] {
            assert_eq!(Path::parse(path).unwrap().find(document.clone()), Some(expected), "{path}");
        }
        for path in ["{$.data.no}", "{$.items[7]}", "{$.items[?(@.n > 9)].name}", "{$.data.ok.deeper}"] {
            assert_eq!(Path::parse(path).unwrap().find(document.clone()), None, "{path}");
        }
    }

    #[test]
    fn what_is_no_path_is_told_in_a_sentence() {
        for (path, expected) in [
            ("{$.data", "the braces around the path do not match: {$.data.ok} is expected"),
            ("$.data}", "the braces around the path do not match: {$.data.ok} is expected"),
            ("{.a}{.b}", "one path in one pair of braces is expected, as {$.data.ok}"),
            ("{$.data[}", "`$.data[` cannot be read at position"),
            ("{$.}", "`$.` cannot be read at position"),
        ] {
            let error = Path::parse(path).unwrap_err();
            assert!(error.starts_with(expected), "{path}: {error}");
        }
        assert!(Path::parse(&"a".repeat(5000)).is_err());
    }
}
