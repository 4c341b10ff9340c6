//! How changes and snapshots become bytes.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why bytes could not be read back.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Written by a newer version.
    #[error("format {found} is newer than the newest known, {newest}: a newer server wrote it")]
    Newer {
        /// The format found.
        found: u16,
        /// The newest known.
        newest: u16,
    },
    /// Not what the format says.
    #[error("damaged record")]
    Damaged(#[source] serde_json::Error),
}

/// Encodes the changes of one transaction.
pub trait Codec<C> {
    /// The format that `encode` writes.
    const FORMAT: u16;
    /// Encodes.
    fn encode(changes: &[C]) -> Vec<u8>;
    /// Decodes any format up to [`Codec::FORMAT`].
    fn decode(format: u16, bytes: &[u8]) -> Result<Vec<C>, CodecError>;
}

/// Changes as a JSON array, format 1. Readable by people with a database shell; fields that later versions add have defaults.
pub struct Json;

impl<C: Serialize + DeserializeOwned> Codec<C> for Json {
    const FORMAT: u16 = 1;

    fn encode(changes: &[C]) -> Vec<u8> {
        // A change is plain data: strings, numbers and lists. Its encoding has nothing to fail on.
        serde_json::to_vec(changes).unwrap_or_default()
    }

    fn decode(format: u16, bytes: &[u8]) -> Result<Vec<C>, CodecError> {
        let newest = <Self as Codec<C>>::FORMAT;
        if format > newest {
            return Err(CodecError::Newer { found: format, newest });
        }
        serde_json::from_slice(bytes).map_err(CodecError::Damaged)
    }
}
