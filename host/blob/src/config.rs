//! What a server's operator decides about artifacts.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, de};

use crate::archive::UnpackLimits;
use crate::retry::Retry;

/// The configuration `artifacts`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Config {
    /// The folder of the default repository; `<data folder>/artifacts` unless set.
    pub directory: PathBuf,
    /// Limits of unpacking.
    pub unpack: UnpackLimits,
    /// How transient errors are retried.
    pub retry: Retry,
    /// Whose artifacts may use the credentials of the machine.
    pub ambient_credentials: AmbientCredentials,
    /// The file of known hosts for git over ssh; that of the server's user unless set.
    pub ssh_known_hosts: Option<PathBuf>,
    /// Where Google's storage is called: a private access point, or an emulator.
    pub gcs_endpoint: Option<String>,
}

/// Where the server's own credentials may be used (`useSDKCreds`, a GCS bucket without a key): the environment, the files of
/// command-line tools, and the metadata services of clouds. They are the server's, not the namespace's, so the default is nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AmbientCredentials {
    /// Nowhere: each artifact names its secrets.
    #[default]
    Refused,
    /// In these buckets (of any storage) and Azure containers.
    Buckets(Vec<String>),
    /// Anywhere: a laptop, or a server of one team.
    Granted,
}

impl AmbientCredentials {
    /// Whether they may be used for a bucket.
    pub(crate) fn permit(&self, bucket: &str) -> bool {
        match self {
            Self::Refused => false,
            Self::Granted => true,
            Self::Buckets(buckets) => buckets.iter().any(|named| named == bucket),
        }
    }
}

impl<'de> Deserialize<'de> for AmbientCredentials {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = AmbientCredentials;
            fn expecting(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                to.write_str("true, false, or a list of buckets")
            }
            fn visit_bool<E>(self, granted: bool) -> Result<AmbientCredentials, E> {
                Ok(if granted { AmbientCredentials::Granted } else { AmbientCredentials::Refused })
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<AmbientCredentials, A::Error> {
                let mut buckets = Vec::new();
                while let Some(bucket) = list.next_element()? {
                    buckets.push(bucket);
                }
                Ok(AmbientCredentials::Buckets(buckets))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
