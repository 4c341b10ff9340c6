//! Maps that keep the order of insertion and know how deep they nest.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use indexmap::{Equivalent, IndexMap};

use super::list::{depth_of, too_deep};
use super::{VALUE_DEPTH_MAX, Value, go_float};
use crate::error::Error;

/// A key of a map. Only `groupBy` and `fromPairs` make other keys than strings.
#[derive(Clone, Debug)]
pub enum Key {
    /// A string, by far the most frequent.
    Str(Arc<str>),
    /// An integer.
    Int(i64),
    /// A float (by its bits; a whole number is an integer key).
    Float(u64),
    /// A boolean.
    Bool(bool),
    /// `nil`.
    Nil,
}

impl Key {
    /// The key that a value makes; arrays, maps and the like make none.
    pub fn from_value(value: &Value) -> Option<Key> {
        Some(match value {
            Value::Str(text) => Key::Str(text.clone()),
            Value::Float(n) if n.fract() == 0.0 && n.abs() < 9e15 => Key::Int(*n as i64),
            Value::Float(n) => Key::Float(n.to_bits()),
            Value::Bool(b) => Key::Bool(*b),
            Value::Nil => Key::Nil,
            other => Key::Int(other.as_int()?),
        })
    }

    /// The value that made it.
    pub fn to_value(&self) -> Value {
        match self {
            Key::Str(text) => Value::Str(text.clone()),
            Key::Int(n) => Value::Int(*n),
            Key::Float(bits) => Value::Float(f64::from_bits(*bits)),
            Key::Bool(b) => Value::Bool(*b),
            Key::Nil => Value::Nil,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Str(text) => f.write_str(text),
            Key::Int(n) => write!(f, "{n}"),
            Key::Float(bits) => f.write_str(&go_float(f64::from_bits(*bits))),
            Key::Bool(b) => write!(f, "{b}"),
            Key::Nil => f.write_str("<nil>"),
        }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        match (self, other) {
            (Key::Str(a), Key::Str(b)) => a == b,
            (Key::Int(a), Key::Int(b)) => a == b,
            (Key::Float(a), Key::Float(b)) => a == b,
            (Key::Bool(a), Key::Bool(b)) => a == b,
            (Key::Nil, Key::Nil) => true,
            _ => false,
        }
    }
}

impl Eq for Key {}

// A string key hashes as its text, so that a map is asked by `&str` without making a key.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Key::Str(text) => text.as_ref().hash(state),
            Key::Int(n) => n.hash(state),
            Key::Float(bits) => bits.hash(state),
            Key::Bool(b) => b.hash(state),
            Key::Nil => 0u8.hash(state),
        }
    }
}

struct ByText<'a>(&'a str);

impl Hash for ByText<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Equivalent<Key> for ByText<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        matches!(key, Key::Str(text) if text.as_ref() == self.0)
    }
}

/// The entries of a map, in the order of insertion.
#[derive(Clone, Debug, Default)]
pub struct Map {
    entries: IndexMap<Key, Value>,
    depth: u16,
}

impl Map {
    /// An empty map.
    pub fn new() -> Self {
        Map::default()
    }

    pub(crate) fn with_capacity(entries: usize) -> Self {
        Map { entries: IndexMap::with_capacity(entries), depth: 1 }
    }

    /// Sets an entry; an error when the map would nest deeper than [`VALUE_DEPTH_MAX`].
    pub fn insert(&mut self, key: impl Into<Key>, value: Value) -> Result<(), Error> {
        self.depth = self.depth.max(depth_of(&value) + 1);
        if self.depth > VALUE_DEPTH_MAX {
            return Err(too_deep());
        }
        self.entries.insert(key.into(), value);
        Ok(())
    }

    /// The value of a string key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries.get(&ByText(key))
    }

    /// The value of any key.
    pub fn get_key(&self, key: &Key) -> Option<&Value> {
        self.entries.get(key)
    }

    /// Takes an entry out, keeping the order of the others.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.entries.shift_remove(&ByText(key))
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Has it no entries?
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries in the order of insertion.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Key, &Value)> + DoubleEndedIterator {
        self.entries.iter()
    }

    pub(super) fn depth(&self) -> u16 {
        self.depth.max(1)
    }

    /// The entries sorted by the text of their key, as Go prints maps.
    pub(crate) fn sorted(&self) -> Vec<(Cow<'_, str>, &Value)> {
        let entries = self.entries.iter().map(|(key, value)| match key {
            Key::Str(text) => (Cow::Borrowed(text.as_ref()), value),
            other => (Cow::Owned(other.to_string()), value),
        });
        let mut sorted: Vec<_> = entries.collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        sorted
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Key::Str(text.into())
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Key::Str(text.into())
    }
}

impl From<Arc<str>> for Key {
    fn from(text: Arc<str>) -> Self {
        Key::Str(text)
    }
}
