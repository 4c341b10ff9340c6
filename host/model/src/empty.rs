//! Which values are left out when an object is written, and how `null` is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer};

/// Says whether a field's value is left out of the JSON, as Kubernetes' `omitempty` does.
pub trait Empty {
    /// True when writing the field would say nothing.
    fn is_empty(&self) -> bool;
}

impl<T> Empty for Option<T> {
    fn is_empty(&self) -> bool {
        self.is_none()
    }
}

impl<T> Empty for Vec<T> {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl<T> Empty for Box<[T]> {
    fn is_empty(&self) -> bool {
        <[T]>::is_empty(self)
    }
}

impl<K, V> Empty for BTreeMap<K, V> {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl<K, V> Empty for IndexMap<K, V> {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl Empty for String {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl Empty for Box<str> {
    fn is_empty(&self) -> bool {
        str::is_empty(self)
    }
}

impl Empty for Arc<str> {
    fn is_empty(&self) -> bool {
        str::is_empty(self)
    }
}

impl Empty for bool {
    fn is_empty(&self) -> bool {
        !*self
    }
}

impl Empty for i32 {
    fn is_empty(&self) -> bool {
        *self == 0
    }
}

impl Empty for i64 {
    fn is_empty(&self) -> bool {
        *self == 0
    }
}

/// Reads a field for which `null` means the same as its absence, as the Kubernetes API does for every field.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Declares types of the resource model: camelCase in JSON, every field may be missing or `null`, and empty fields are not written.
///
/// A field acts unless its type is followed by `= kept "where it acts"` (accepted, without effect on the local runner) or
/// `= refused "why"`; both go into the schema as `x-colchis` and `x-colchis-reason`, the one source that the checker reads.
macro_rules! record {
    ($( $(#[$meta:meta])* pub struct $name:ident { $( $(#[$field_meta:meta])* pub $field:ident : $ty:ty $(= $disposition:ident $reason:literal)?, )* } )*) => { $(
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "camelCase")]
        $(#[$meta])*
        pub struct $name { $(
            $(#[$field_meta])*
            #[serde(
                default,
                skip_serializing_if = "crate::empty::Empty::is_empty",
                deserialize_with = "crate::empty::nullable"
            )]
            $(#[schemars(extend("x-colchis" = stringify!($disposition), "x-colchis-reason" = $reason))])?
            pub $field: $ty,
        )* }

        impl crate::empty::Empty for $name {
            fn is_empty(&self) -> bool {
                *self == Self::default()
            }
        }
    )* };
}

/// Declares an enumeration whose members are written as given, the first being the default unless the field is optional.
macro_rules! words {
    ($( $(#[$meta:meta])* pub enum $name:ident { $( $(#[$word_meta:meta])* $word:ident = $text:literal, )* } )*) => { $(
        $(#[$meta])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
        )]
        pub enum $name { $(
            $(#[$word_meta])*
            #[serde(rename = $text)]
            $word,
        )* }

        impl $name {
            /// Every member, in the order of declaration.
            pub const ALL: &'static [Self] = &[ $( Self::$word, )* ];

            /// The word as it stands in a manifest.
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$word => $text, )* }
            }

            /// The member written as `text`.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $( $text => Some(Self::$word), )* _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl crate::empty::Empty for $name {
            fn is_empty(&self) -> bool {
                self.as_str().is_empty()
            }
        }
    )* };
}

/// A field that is accepted and forgotten (`metadata.managedFields`). Takes no memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped;

impl Empty for Dropped {
    fn is_empty(&self) -> bool {
        true
    }
}

impl serde::Serialize for Dropped {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de> Deserialize<'de> for Dropped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl schemars::JsonSchema for Dropped {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Dropped".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"x-kubernetes-preserve-unknown-fields": true})
    }
    fn inline_schema() -> bool {
        true
    }
}
