//! Events, in the terms of CloudEvents 1.0. The host adds `source` and `subject`.

use serde::Serialize;

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
