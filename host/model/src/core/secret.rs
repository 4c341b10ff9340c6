//! Secrets: a type that no log, event, diff or error can show.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::meta::{DecodeError, EncodeError, Kind, Object, ObjectMeta};

/// Bytes of a Secret. It has no Debug, Display or Serialize; [`SecretBytes::expose_secret`] is the only way in.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Takes bytes in.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes. Call it only where they are handed to a step, a store's sealed codec or an authorised reader.
    pub fn expose_secret(&self) -> &[u8] {
        &self.0
    }
}

/// A Secret object, its data decoded (`stringData` is merged into `data` on reading).
#[derive(Clone, PartialEq, Default)]
pub struct Secret {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// What it is for, such as `Opaque` or `kubernetes.io/dockerconfigjson`.
    pub r#type: String,
    /// Bytes by key.
    pub data: BTreeMap<String, SecretBytes>,
    /// Refuses changes of the data.
    pub immutable: Option<bool>,
}

record! {
    /// The Secret as it is written.
    pub struct SecretBody {
        /// What it is for, such as `Opaque` or `kubernetes.io/dockerconfigjson`.
        pub r#type: String,
        /// Bytes by key, in base64.
        pub data: BTreeMap<String, String>,
        /// Text by key; goes into `data` when the object is written.
        pub string_data: BTreeMap<String, String>,
        /// Refuses changes of the data.
        pub immutable: Option<bool>,
    }
}

impl Kind for Secret {
    const API_VERSION: &'static str = "v1";
    const KIND: &'static str = "Secret";
    const PLURAL: &'static str = "secrets";
    const NAMESPACED: bool = true;
    const SHORT_NAMES: &'static [&'static str] = &[];

    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }

    fn from_object(object: &Object) -> Result<Self, DecodeError> {
        let body: SecretBody = object.decode_body()?;
        let mut data = BTreeMap::new();
        for (key, text) in body.data {
            let joined: String = text.split_ascii_whitespace().collect();
            let bytes = STANDARD
                .decode(joined)
                .map_err(|_| DecodeError::NotBase64 { name: object.metadata.name.clone(), key: key.clone() })?;
            data.insert(key, SecretBytes(bytes));
        }
        data.extend(body.string_data.into_iter().map(|(key, text)| (key, SecretBytes(text.into_bytes()))));
        Ok(Self { metadata: object.metadata.clone(), r#type: body.r#type, data, immutable: body.immutable })
    }

    fn into_object(self) -> Result<Object, EncodeError> {
        let body = SecretBody {
            r#type: self.r#type,
            data: self.data.iter().map(|(key, bytes)| (key.clone(), STANDARD.encode(&bytes.0))).collect(),
            string_data: BTreeMap::new(),
            immutable: self.immutable,
        };
        Object::encode(Self::API_VERSION, Self::KIND, self.metadata, &body, None)
    }
}

impl<'de> Deserialize<'de> for SecretBytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(|_| serde::de::Error::custom("not base64"))
    }
}
