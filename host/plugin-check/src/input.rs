//! What a call is given beside its configuration.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// What cannot be a call's input.
#[derive(Debug, thiserror::Error)]
#[error("the input cannot be read: {0}")]
pub struct InputError(#[from] serde_json::Error);

/// What a call is given; everything has a default.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Input {
    /// Steps: input parameters.
    pub parameters: BTreeMap<String, String>,
    /// Steps: input artifacts, their files by path; the empty path is the artifact itself.
    pub artifacts: BTreeMap<String, BTreeMap<String, String>>,
    /// Triggers: what parameters made of the events.
    pub payload: Value,
    /// Receivers: the request that comes in.
    pub request: Incoming,
    /// Renderers: files by path.
    pub files: BTreeMap<String, String>,
    /// Renderers: the folder that is rendered.
    pub path: String,
}

/// A request that comes in.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Incoming {
    /// `POST` by default.
    pub method: String,
    /// `/` by default.
    pub path: String,
    /// In any order.
    pub headers: BTreeMap<String, String>,
    /// Text, or a document that is sent as JSON.
    pub body: Value,
}

impl Default for Incoming {
    fn default() -> Self {
        Self {
            method: "POST".to_owned(),
            path: "/".to_owned(),
            headers: BTreeMap::new(),
            body: Value::Object(Default::default()),
        }
    }
}

impl Input {
    /// Reads one.
    ///
    /// # Errors
    /// A field that there is not, or of another type.
    pub fn parse(value: Value) -> Result<Self, InputError> {
        Ok(serde_json::from_value(value)?)
    }

    pub(crate) fn incoming(&self) -> plugin::Incoming {
        let Incoming { method, path, headers, body } = &self.request;
        let body = match body {
            Value::String(text) => text.clone().into_bytes(),
            document => document.to_string().into_bytes(),
        };
        plugin::Incoming {
            method: method.clone(),
            path: path.clone(),
            headers: headers.clone().into_iter().collect(),
            body,
            remote_address: "127.0.0.1".to_owned(),
        }
    }
}
