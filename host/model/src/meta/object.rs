//! The untyped form in which objects are stored, sent and watched.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use super::{Kind, ObjectMeta};

/// An object of any kind: its type and metadata read, the rest as JSON text.
///
/// `body` is a JSON object with all other top-level fields except `status`. Debug shows only which object it is, so that no
/// Secret's data reaches a log.
#[derive(Clone)]
pub struct Object {
    /// Group and version.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Metadata.
    pub metadata: ObjectMeta,
    /// All other top-level fields but the status, as one JSON object. Shared by the states of an object: most changes touch its metadata and status alone,
    /// and a body can be large.
    pub body: Arc<RawValue>,
    /// The status, as JSON.
    pub status: Option<Box<RawValue>>,
}

/// A text or value is not an object.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// It is not JSON, or not of the shape of an object.
    #[error("not an object with apiVersion, kind and metadata")]
    Malformed(#[source] serde_json::Error),
}

/// An object cannot be read as a kind.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It is of another kind.
    #[error("{name} is a {kind} ({api_version}), not a {expected}")]
    OtherKind {
        /// The object's name.
        name: String,
        /// Its group and version.
        api_version: String,
        /// Its kind.
        kind: String,
        /// The kind that was asked for.
        expected: &'static str,
    },
    /// A field outside `metadata` and `status` has the wrong shape.
    #[error("{kind} {name} cannot be read")]
    Body {
        /// The object's kind.
        kind: String,
        /// The object's name.
        name: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// The status has the wrong shape.
    #[error("the status of {kind} {name} cannot be read")]
    Status {
        /// The object's kind.
        kind: String,
        /// The object's name.
        name: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// A Secret's data is not base64.
    #[error("Secret {name}: data.{key} is not base64")]
    NotBase64 {
        /// The object's name.
        name: String,
        /// The key whose value cannot be read; the value is not shown.
        key: String,
    },
}

/// A typed object cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{kind} {name} cannot be written")]
pub struct EncodeError {
    /// The object's kind.
    pub kind: &'static str,
    /// The object's name.
    pub name: String,
    /// What is wrong.
    #[source]
    pub source: serde_json::Error,
}

impl Object {
    /// Reads JSON text.
    pub fn from_json(text: &str) -> Result<Self, ObjectError> {
        serde_json::from_str(text).map_err(ObjectError::Malformed)
    }

    /// Reads a JSON value.
    pub fn from_value(value: serde_json::Value) -> Result<Self, ObjectError> {
        serde_json::from_value(value).map_err(ObjectError::Malformed)
    }

    /// Writes JSON text, in the order apiVersion, kind, metadata, the rest, status.
    pub fn to_json(&self) -> Result<String, ObjectError> {
        serde_json::to_string(self).map_err(ObjectError::Malformed)
    }

    /// Writes a JSON value.
    pub fn to_value(&self) -> Result<serde_json::Value, ObjectError> {
        serde_json::to_value(self).map_err(ObjectError::Malformed)
    }

    /// Says whether the object is of a kind.
    pub fn is<K: Kind>(&self) -> bool {
        self.api_version == K::API_VERSION && self.kind == K::KIND
    }

    /// Reads the object as a kind.
    pub fn decode<K: Kind>(&self) -> Result<K, DecodeError> {
        if !self.is::<K>() {
            return Err(DecodeError::OtherKind {
                name: self.metadata.name.clone(),
                api_version: self.api_version.clone(),
                kind: self.kind.clone(),
                expected: K::KIND,
            });
        }
        K::from_object(self)
    }

    /// Reads the fields outside `metadata` and `status`.
    pub fn decode_body<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        serde_json::from_str(self.body.get()).map_err(|source| DecodeError::Body {
            kind: self.kind.clone(),
            name: self.metadata.name.clone(),
            source,
        })
    }

    /// Reads the status, if there is one.
    pub fn decode_status<T: DeserializeOwned>(&self) -> Result<Option<T>, DecodeError> {
        let Some(status) = &self.status else { return Ok(None) };
        serde_json::from_str(status.get()).map_err(|source| DecodeError::Status {
            kind: self.kind.clone(),
            name: self.metadata.name.clone(),
            source,
        })
    }

    /// Writes a status for [`Object::status`]; nothing when it is absent.
    pub(crate) fn encode_status<T: Serialize>(status: Option<T>) -> Result<Option<Box<RawValue>>, EncodeError> {
        status.map(|s| serde_json::value::to_raw_value(&s)).transpose().map_err(|source| EncodeError {
            kind: "status",
            name: String::new(),
            source,
        })
    }

    /// Puts an object together; `body` writes a JSON object without `metadata` and `status`.
    pub(crate) fn encode<T: Serialize>(
        api_version: &str,
        kind: &'static str,
        metadata: ObjectMeta,
        body: &T,
        status: Option<Box<RawValue>>,
    ) -> Result<Self, EncodeError> {
        match serde_json::value::to_raw_value(body) {
            Ok(body) => {
                let (api_version, kind) = (api_version.to_owned(), kind.to_owned());
                Ok(Self { api_version, kind, metadata, body: body.into(), status })
            }
            Err(source) => Err(EncodeError { kind, name: metadata.name, source }),
        }
    }

    /// One top-level field of the body, such as `spec` or `data`, as JSON text; nothing when it is absent or null.
    pub fn body_field(&self, name: &str) -> Option<Box<RawValue>> {
        let fields: Fields<'_> = serde_json::from_str(self.body.get()).ok()?;
        fields.0.into_iter().find(|(k, v)| k == name && v.get() != "null").map(|(_, v)| v.to_owned())
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Object({} {} {}/{} @{})",
            self.api_version, self.kind, self.metadata.namespace, self.metadata.name, self.metadata.resource_version
        )
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        let same = |a: &RawValue, b: &RawValue| crate::values::Raw::<crate::values::Any>::same_json(a.get(), b.get());
        self.api_version == other.api_version
            && self.kind == other.kind
            && self.metadata == other.metadata
            && same(&self.body, &other.body)
            && match (&self.status, &other.status) {
                (Some(a), Some(b)) => same(a, b),
                (a, b) => a.is_none() == b.is_none(),
            }
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let body: Fields<'_> = serde_json::from_str(self.body.get()).map_err(serde::ser::Error::custom)?;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("apiVersion", &self.api_version)?;
        map.serialize_entry("kind", &self.kind)?;
        map.serialize_entry("metadata", &self.metadata)?;
        for (name, value) in &body.0 {
            map.serialize_entry(name, value)?;
        }
        if let Some(status) = &self.status {
            map.serialize_entry("status", status)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole;
        impl<'de> Visitor<'de> for Whole {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with apiVersion, kind and metadata")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let (mut api_version, mut kind, mut metadata, mut status) = (None, None, None, None);
                let mut body = String::from("{");
                while let Some(name) = map.next_key::<Cow<'de, str>>()? {
                    match &*name {
                        "apiVersion" => api_version = Some(map.next_value::<String>()?),
                        "kind" => kind = Some(map.next_value::<String>()?),
                        "metadata" => metadata = map.next_value::<Option<ObjectMeta>>()?,
                        "status" => status = map.next_value::<Option<Box<RawValue>>>()?,
                        _ => {
                            let value: Box<RawValue> = map.next_value()?;
                            if body.len() > 1 {
                                body.push(',');
                            }
                            body.push_str(&serde_json::to_string(&*name).map_err(A::Error::custom)?);
                            body.push(':');
                            body.push_str(value.get());
                        }
                    }
                }
                body.push('}');
                Ok(Object {
                    api_version: api_version.ok_or_else(|| A::Error::missing_field("apiVersion"))?,
                    kind: kind.ok_or_else(|| A::Error::missing_field("kind"))?,
                    metadata: metadata.unwrap_or_default(),
                    body: RawValue::from_string(body).map_err(A::Error::custom)?.into(),
                    status: status.filter(|s| s.get() != "null"),
                })
            }
        }
        deserializer.deserialize_map(Whole)
    }
}

/// The fields of a JSON object in their order, names read, values as they stand.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(entry) = map.next_entry::<Cow<'de, str>, &'de RawValue>()? {
                    fields.push(entry);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Each)
    }
}
