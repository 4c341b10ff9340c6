//! Values that last from call to call: needs the grant `state`. Each plugin has its own, and within it each object that uses it.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Result, host};

/// A value and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The value.
    pub value: Vec<u8>,
    /// Grows with each write.
    pub version: u64,
}

/// The condition of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// None.
    Any,
    /// Nothing is there.
    Absent,
    /// It has this version.
    Version(u64),
}

/// The code of the error when a write's condition does not hold.
pub const CONFLICT: &str = "conflict";

/// Reads.
pub fn get(key: &str) -> Result<Option<Entry>> {
    host::state_get(key)
}

/// Reads JSON; answers the version as well, for a write that depends on it.
pub fn get_json<T: DeserializeOwned>(key: &str) -> Result<Option<(T, u64)>> {
    let Some(entry) = get(key)? else { return Ok(None) };
    let value = serde_json::from_slice(&entry.value).map_err(|error| {
        Error::permanent(format!("the state `{key}` cannot be read: {error}")).with_code("bad-state")
    })?;
    Ok(Some((value, entry.version)))
}

/// Writes durably, and answers the new version. The error's code is [`CONFLICT`] when the condition does not hold.
pub fn set(key: &str, value: &[u8], expected: Expected) -> Result<u64> {
    host::state_set(key, value, expected)
}

/// Writes JSON.
pub fn set_json<T: Serialize>(key: &str, value: &T, expected: Expected) -> Result<u64> {
    let bytes = serde_json::to_vec(value)
        .map_err(|error| Error::permanent(format!("the state `{key}` is not JSON: {error}")).with_code("bad-state"))?;
    set(key, &bytes, expected)
}

/// Removes. Removing what is not there is no error.
pub fn delete(key: &str) -> Result<()> {
    host::state_delete(key)
}

/// Keys that begin with a prefix, in order, after `after`, at most `limit`.
pub fn keys(prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>> {
    host::state_keys(prefix, after, limit)
}
