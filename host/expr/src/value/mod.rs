//! The values of expressions.

mod compare;
mod go_text;
mod json;
mod list;
mod map;

use std::sync::Arc;

pub use list::List;
pub use map::{Key, Map};

pub(crate) use compare::{equal, order};
pub(crate) use go_text::{go_float, go_text};
pub(crate) use json::{JsonStyle, json_float, parse_json, write_json};

use crate::sprig::Version;
use crate::time::{Time, Zone, duration_text};

/// Arrays and maps nest at most this deep, so that no walk over a value can overflow the stack.
pub const VALUE_DEPTH_MAX: u16 = 128;

/// A value of the expression language. Cloning is cheap: everything large is shared.
///
/// Numbers that come from JSON are floats, as they are for Argo's users, unless they are integers that a float cannot hold.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Value {
    /// `nil`.
    #[default]
    Nil,
    /// `true`, `false`.
    Bool(bool),
    /// A 64-bit integer.
    Int(i64),
    /// A 64-bit float.
    Float(f64),
    /// Text.
    Str(Arc<str>),
    /// Bytes (`b"…"`).
    Bytes(Arc<[u8]>),
    /// An array.
    Array(Arc<List>),
    /// A map; keeps the order of insertion.
    Map(Arc<Map>),
    /// A moment, shown in its time zone.
    Time(Arc<Time>),
    /// Nanoseconds.
    Duration(i64),
    /// A time zone.
    Zone(Arc<Zone>),
    /// A month, 1 to 12: a number that prints as its name.
    Month(u8),
    /// A day of the week, 0 (Sunday) to 6: a number that prints as its name.
    Weekday(u8),
    /// A semantic version (`sprig.semver`).
    Version(Arc<Version>),
}

impl Value {
    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value of a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// The number of an integer (months and weekdays count as such).
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(n) => Some(*n),
            Value::Month(n) | Value::Weekday(n) => Some(i64::from(*n)),
            _ => None,
        }
    }

    /// The number of an integer or float.
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Value::Float(n) => Some(*n),
            other => other.as_int().map(|n| n as f64),
        }
    }

    /// The items of an array.
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Value::Array(list) => Some(list.items()),
            _ => None,
        }
    }

    /// The entries of a map.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Is it `nil`?
    pub fn is_nil(&self) -> bool {
        matches!(self, Value::Nil)
    }

    /// The type as the `type()` function names it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Nil => "nil",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float",
            Value::Str(_) => "string",
            Value::Bytes(_) | Value::Array(_) => "array",
            Value::Map(_) => "map",
            Value::Time(_) => "time.Time",
            Value::Duration(_) => "time.Duration",
            Value::Zone(_) => "*time.Location",
            Value::Month(_) => "time.Month",
            Value::Weekday(_) => "time.Weekday",
            Value::Version(_) => "semver.Version",
        }
    }

    /// The text that a `{{=…}}` tag puts in its place: a string raw, everything else as JSON. The text of a value that was built by a hostile
    /// expression can be far larger than the value (its parts may be shared); templates therefore write it under their budget, and this
    /// function is for values whose origin the caller knows.
    pub fn to_tag_text(&self) -> String {
        match self {
            Value::Str(text) => text.as_ref().to_owned(),
            other => {
                let mut out = String::new();
                let mut meter = crate::budget::Meter::new(crate::Budget { fuel_max: u64::MAX, bytes_max: u64::MAX });
                // Only the budget could fail.
                let _ = write_json(&mut out, other, JsonStyle::LOSSY, &mut meter);
                out
            }
        }
    }

    /// The value as parsed JSON: whole floats are integers, times and durations are what Go makes of them. The budget bounds the size, as
    /// shared parts are written out. Numbers that JSON cannot say are an error.
    pub fn to_json(&self, budget: crate::Budget) -> Result<serde_json::Value, crate::Error> {
        let mut out = String::new();
        write_json(&mut out, self, JsonStyle::RAW, &mut crate::budget::Meter::new(budget))?;
        serde_json::from_str(&out).map_err(|_| crate::Error::internal("JSON of a value"))
    }

    /// A short description for error messages: type and the beginning of the value.
    pub(crate) fn describe(&self) -> String {
        const SHOWN_MAX: usize = 40;
        let clip = |text: &str| match text.char_indices().nth(SHOWN_MAX) {
            Some((at, _)) => format!("{}…", text.get(..at).unwrap_or("")),
            None => text.to_owned(),
        };
        match self {
            Value::Nil => "nil".to_owned(),
            Value::Str(text) => format!("the string {:?}", clip(text)),
            Value::Bool(b) => format!("the bool {b}"),
            Value::Int(n) => format!("the int {n}"),
            Value::Float(n) => format!("the float {}", json_float(*n)),
            Value::Array(list) => format!("an array of {}", list.items().len()),
            Value::Map(map) => format!("a map of {}", map.len()),
            Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
            Value::Duration(ns) => format!("the duration {}", duration_text(*ns)),
            other => format!("a {}", other.type_name()),
        }
    }
}

/// Structural equality with numbers compared by value (`1 == 1.0`), as `==` in an expression.
impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        let mut meter = crate::budget::Meter::new(crate::Budget { fuel_max: u64::MAX, bytes_max: u64::MAX });
        equal(self, other, &mut meter).unwrap_or(false)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Str(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Str(text.into())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Value::Str(text.as_str().into())
    }
}

impl From<Arc<str>> for Value {
    fn from(text: Arc<str>) -> Self {
        Value::Str(text)
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Value::Bool(b)
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Value::Int(n)
    }
}

impl From<i32> for Value {
    fn from(n: i32) -> Self {
        Value::Int(n.into())
    }
}

impl From<f64> for Value {
    fn from(n: f64) -> Self {
        Value::Float(n)
    }
}

impl From<jiff::Timestamp> for Value {
    fn from(at: jiff::Timestamp) -> Self {
        Value::Time(Arc::new(Time::utc(at)))
    }
}

impl From<Vec<Value>> for Value {
    /// An array. Nesting deeper than [`VALUE_DEPTH_MAX`] is cut to `nil`.
    fn from(items: Vec<Value>) -> Self {
        List::new(items).map_or(Value::Nil, |list| Value::Array(Arc::new(list)))
    }
}

impl From<Map> for Value {
    /// A map. Nesting deeper than [`VALUE_DEPTH_MAX`] is cut to `nil`.
    fn from(map: Map) -> Self {
        if map.depth() > VALUE_DEPTH_MAX { Value::Nil } else { Value::Map(Arc::new(map)) }
    }
}

impl From<&serde_json::Value> for Value {
    fn from(json: &serde_json::Value) -> Self {
        json::from_json(json)
    }
}

impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        json::from_json(&json)
    }
}
