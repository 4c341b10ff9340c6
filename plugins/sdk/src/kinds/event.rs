//! Events, in the terms of CloudEvents 1.0. The host adds `source` and `subject`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::Value;

pub use crate::event_id::id_of;
use crate::{Error, Result};

/// An event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// Of the same event, always the same id: an event whose id was seen is not taken again. Where the other side has none, one made of the content.
    pub id: String,
    /// `com.github.push`; the event source's type when empty.
    pub kind: String,
    /// When it happened in milliseconds since 1970, if that is known.
    pub time_ms: Option<u64>,
    /// What the data is; `application/json` when empty.
    pub content_type: String,
    /// The data.
    pub data: Vec<u8>,
    /// CloudEvents attributes beyond these.
    pub attributes: Vec<(String, String)>,
}

impl Event {
    /// With an id and JSON as its data. What is not JSON is `null`.
    pub fn json(id: impl Into<String>, data: &impl Serialize) -> Self {
        let data = serde_json::to_vec(data).unwrap_or_else(|_| b"null".to_vec());
        Self { id: id.into(), data, ..Self::default() }
    }

    /// With an id, and data of a content type.
    pub fn bytes(id: impl Into<String>, content_type: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        Self { id: id.into(), content_type: content_type.into(), data: data.into(), ..Self::default() }
    }

    /// Of a type.
    #[must_use]
    pub fn of_kind(mut self, kind: impl Into<String>) -> Self {
        self.kind = kind.into();
        self
    }

    /// That happened then.
    #[must_use]
    pub fn at_ms(mut self, time: u64) -> Self {
        self.time_ms = Some(time);
        self
    }

    /// With a further CloudEvents attribute.
    #[must_use]
    pub fn with_attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.push((name.into(), value.into()));
        self
    }
}

/// A message's body as events have it: the JSON in it with `json`, and its bytes as a text in base64 without.
pub fn body(bytes: &[u8], json: bool) -> Result<Value> {
    if !json {
        return Ok(Value::String(STANDARD.encode(bytes)));
    }
    serde_json::from_slice(bytes)
        .map_err(|error| Error::permanent(format!("the message is not JSON: {error}")).with_code("not-json"))
}

/// A message's body as [`body`], where one that should be JSON and is not comes as a text, or in base64 where it is none: nothing is lost for its form. A warning
/// is written to the log.
pub fn body_or_text(bytes: &[u8], json: bool) -> Value {
    match body(bytes, json) {
        Ok(value) => value,
        Err(error) => {
            crate::warn!("jsonBody: {}", error.message());
            Value::String(std::str::from_utf8(bytes).map_or_else(|_| STANDARD.encode(bytes), str::to_owned))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_json_or_base64() {
        assert_eq!(body(b"{\"a\":1}", true).unwrap(), serde_json::json!({"a": 1}));
        assert_eq!(body(b"hi\xff", false).unwrap(), "aGn/");
        assert_eq!(body(b"hi", true).unwrap_err().code(), "not-json");
        assert_eq!((body_or_text(b"hi", true), body_or_text(b"\xff", true)), ("hi".into(), "/w==".into()));
    }
}
