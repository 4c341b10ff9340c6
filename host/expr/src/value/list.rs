//! Arrays that know how deep they nest.

use super::{VALUE_DEPTH_MAX, Value};
use crate::error::{Error, ErrorKind};

/// The items of an array.
#[derive(Clone, Debug, Default)]
pub struct List {
    items: Vec<Value>,
    depth: u16,
}

impl List {
    /// An array of `items`; an error when it nests deeper than [`VALUE_DEPTH_MAX`].
    pub fn new(items: Vec<Value>) -> Result<List, Error> {
        let depth = items.iter().map(depth_of).max().unwrap_or(0) + 1;
        if depth > VALUE_DEPTH_MAX {
            return Err(too_deep());
        }
        Ok(List { items, depth })
    }

    /// The items.
    pub fn items(&self) -> &[Value] {
        &self.items
    }

    pub(super) fn depth(&self) -> u16 {
        self.depth
    }
}

/// How deep `value` nests: 0 for a scalar. Never walks.
pub(super) fn depth_of(value: &Value) -> u16 {
    match value {
        Value::Array(list) => list.depth(),
        Value::Map(map) => map.depth(),
        _ => 0,
    }
}

pub(super) fn too_deep() -> Error {
    Error::new(ErrorKind::TooDeep { limit: VALUE_DEPTH_MAX.into() }).hint("arrays and maps cannot nest deeper")
}
