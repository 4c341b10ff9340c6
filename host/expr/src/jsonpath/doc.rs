//! What a path walks over: parsed JSON, and values of the expression language.

use crate::value::{Key, Value};

/// A leaf, or not one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar<'d> {
    Null,
    Bool(bool),
    Number(f64),
    Text(&'d str),
    /// An array or object.
    Branch,
}

/// A document to walk over.
pub(super) trait Doc {
    fn member(&self, key: &str) -> Option<&Self>;
    /// The items of an array.
    fn items(&self) -> Option<&[Self]>
    where
        Self: Sized;
    /// The values of an object, in its order.
    fn values(&self) -> Vec<&Self>;
    fn scalar(&self) -> Scalar<'_>;
}

impl Doc for serde_json::Value {
    fn member(&self, key: &str) -> Option<&Self> {
        self.as_object()?.get(key)
    }

    fn items(&self) -> Option<&[Self]> {
        self.as_array().map(Vec::as_slice)
    }

    fn values(&self) -> Vec<&Self> {
        self.as_object().map(|object| object.values().collect()).unwrap_or_default()
    }

    fn scalar(&self) -> Scalar<'_> {
        match self {
            serde_json::Value::Null => Scalar::Null,
            serde_json::Value::Bool(b) => Scalar::Bool(*b),
            serde_json::Value::Number(n) => Scalar::Number(n.as_f64().unwrap_or(f64::NAN)),
            serde_json::Value::String(text) => Scalar::Text(text),
            _ => Scalar::Branch,
        }
    }
}

impl Doc for Value {
    fn member(&self, key: &str) -> Option<&Self> {
        let map = self.as_map()?;
        map.get(key).or_else(|| map.get_key(&Key::Int(key.parse().ok()?)))
    }

    fn items(&self) -> Option<&[Self]> {
        self.as_array()
    }

    fn values(&self) -> Vec<&Self> {
        self.as_map().map(|map| map.iter().map(|(_, value)| value).collect()).unwrap_or_default()
    }

    fn scalar(&self) -> Scalar<'_> {
        match self {
            Value::Nil => Scalar::Null,
            Value::Bool(b) => Scalar::Bool(*b),
            Value::Str(text) => Scalar::Text(text),
            other => other.as_float().map_or(Scalar::Branch, Scalar::Number),
        }
    }
}
