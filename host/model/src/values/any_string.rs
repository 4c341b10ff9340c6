//! Text that may be written as a number or a boolean.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::empty::Empty;

/// A parameter's value: text, to which numbers and booleans are turned on reading (`1` becomes `"1"`, `1.50` becomes `"1.5"`,
/// `true` becomes `"true"`). Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AnyString(pub Arc<str>);

impl AnyString {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::ops::Deref for AnyString {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for AnyString {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for AnyString {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for AnyString {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<Arc<str>> for AnyString {
    fn from(text: Arc<str>) -> Self {
        Self(text)
    }
}

impl PartialEq<str> for AnyString {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for AnyString {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

impl fmt::Display for AnyString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AnyString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Empty for AnyString {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for AnyString {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AnyString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = AnyString;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text, a number or a boolean")
            }
            fn visit_str<E: Error>(self, v: &str) -> Result<AnyString, E> {
                Ok(v.into())
            }
            fn visit_string<E: Error>(self, v: String) -> Result<AnyString, E> {
                Ok(v.into())
            }
            fn visit_bool<E: Error>(self, v: bool) -> Result<AnyString, E> {
                Ok(if v { "true" } else { "false" }.into())
            }
            fn visit_i64<E: Error>(self, v: i64) -> Result<AnyString, E> {
                Ok(v.to_string().into())
            }
            fn visit_u64<E: Error>(self, v: u64) -> Result<AnyString, E> {
                Ok(v.to_string().into())
            }
            fn visit_f64<E: Error>(self, v: f64) -> Result<AnyString, E> {
                Ok(float_text(v).into())
            }
        }
        deserializer.deserialize_any(Text)
    }
}

/// A float as Argo shows it: the shortest decimal that reads back the same, with an exponent only below 1e-6 and from 1e21 on.
pub(crate) fn float_text(v: f64) -> String {
    if v == 0.0 || (v.abs() >= 1e-6 && v.abs() < 1e21) {
        return format!("{v}");
    }
    let text = format!("{v:e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) if !exponent.starts_with('-') => {
            format!("{mantissa}e+{}{exponent}", if exponent.len() < 2 { "0" } else { "" })
        }
        Some((mantissa, exponent)) => {
            let digits = exponent.trim_start_matches('-');
            format!("{mantissa}e-{}{digits}", if digits.len() < 2 { "0" } else { "" })
        }
        None => text,
    }
}

impl JsonSchema for AnyString {
    fn schema_name() -> Cow<'static, str> {
        "AnyString".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "number", "boolean"]})
    }
    fn inline_schema() -> bool {
        true
    }
}
