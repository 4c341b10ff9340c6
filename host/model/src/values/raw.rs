//! JSON that is kept as it was written.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

/// JSON text kept as it came; `S` is the type whose schema it must satisfy ([`Any`]: no condition).
///
/// Used where the server only carries a value (affinity on a laptop, the items of a loop): it costs its text and nothing more.
pub struct Raw<S = Any> {
    json: Box<RawValue>,
    schema: PhantomData<fn() -> S>,
}

/// The schema of [`Raw`] that admits every JSON value.
pub struct Any;

impl<S> Raw<S> {
    /// Wraps JSON text.
    pub fn new(json: Box<RawValue>) -> Self {
        Self { json, schema: PhantomData }
    }

    /// Writes a value as JSON.
    pub fn from_value<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        Ok(Self::new(serde_json::value::to_raw_value(value)?))
    }

    /// The JSON text.
    pub fn get(&self) -> &str {
        self.json.get()
    }

    /// Reads the JSON text as a type.
    pub fn parse<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.json.get())
    }

    /// Says whether two JSON texts hold the same value.
    pub(crate) fn same_json(a: &str, b: &str) -> bool {
        let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
        a == b || matches!((parse(a), parse(b)), (Some(a), Some(b)) if a == b)
    }

    /// The JSON text, owned.
    pub fn into_inner(self) -> Box<RawValue> {
        self.json
    }
}

impl<S> Clone for Raw<S> {
    fn clone(&self) -> Self {
        Self::new(self.json.clone())
    }
}

impl<S> Default for Raw<S> {
    fn default() -> Self {
        Self::new(RawValue::NULL.to_owned())
    }
}

impl<S> PartialEq for Raw<S> {
    fn eq(&self, other: &Self) -> bool {
        Self::same_json(self.get(), other.get())
    }
}

impl<S> fmt::Debug for Raw<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get())
    }
}

impl<S> Serialize for Raw<S> {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        self.json.serialize(serializer)
    }
}

impl<'de, S> Deserialize<'de> for Raw<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self::new)
    }
}

impl<S: JsonSchema> JsonSchema for Raw<S> {
    fn schema_name() -> Cow<'static, str> {
        S::schema_name()
    }
    fn schema_id() -> Cow<'static, str> {
        S::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        S::json_schema(generator)
    }
    fn inline_schema() -> bool {
        S::inline_schema()
    }
}

impl JsonSchema for Any {
    fn schema_name() -> Cow<'static, str> {
        "Any".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"x-kubernetes-preserve-unknown-fields": true})
    }
    fn inline_schema() -> bool {
        true
    }
}

impl<S> crate::empty::Empty for Raw<S> {
    fn is_empty(&self) -> bool {
        self.get() == "null"
    }
}
