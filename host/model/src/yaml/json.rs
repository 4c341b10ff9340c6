//! The fast path: text that is JSON already is checked and kept.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::error::{ReadError, ReadErrorKind};
use super::locate::{Places, position_in, skip_value};
use super::{Document, Limits, Position};

/// Reads one or many JSON values that follow one another.
pub(super) fn read(text: &str, limits: &Limits) -> Result<Vec<Document>, ReadError> {
    let mut documents = Vec::new();
    let mut rest = text;
    let mut offset = 0;
    loop {
        let blank = rest.len() - rest.trim_start().len();
        offset += blank;
        rest = rest.get(blank..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(documents);
        }
        if documents.len() >= limits.documents_max {
            let reason = format!("the text has more than {} documents (documents_max)", limits.documents_max);
            return Err(ReadError::new(ReadErrorKind::TooLarge, position_in(text, offset), reason));
        }
        let fault = Cell::new(Fault::None);
        let mut deserializer = serde_json::Deserializer::from_str(rest);
        let seed = Check { fault: &fault, depth_left: limits.depth() };
        if let Err(error) = seed.deserialize(&mut deserializer) {
            return Err(explain(text, offset, &error, &fault.take(), limits));
        }
        let end = skip_value(rest.as_bytes(), 0);
        let json = rest.get(..end).unwrap_or(rest).to_owned();
        let start = position_in(text, offset);
        documents.push(Document { json, places: Places::Source { start }, start });
        offset += end;
        rest = rest.get(end..).unwrap_or_default();
    }
}

#[derive(Default)]
enum Fault {
    #[default]
    None,
    Duplicate(String),
    Depth,
}

fn explain(text: &str, offset: usize, error: &serde_json::Error, fault: &Fault, limits: &Limits) -> ReadError {
    let first = position_in(text, offset);
    let position = match error.line() {
        0 | 1 => Position::new(first.line as usize, (first.column as usize + error.column()).saturating_sub(1).max(1)),
        line => Position::new(first.line as usize + line - 1, error.column()),
    };
    match fault {
        Fault::Duplicate(key) => ReadError::duplicate_key(position, key),
        Fault::Depth => ReadError::too_deep(position, limits.depth()),
        Fault::None => {
            let message = error.to_string();
            if message.starts_with("recursion limit") {
                return ReadError::too_deep(position, limits.depth());
            }
            let reason = message.split(" at line ").next().unwrap_or(&message).to_owned();
            ReadError::new(ReadErrorKind::Syntax, position, format!("not JSON: {reason}"))
        }
    }
}

/// Walks a value: counts depth, refuses a key that stands twice.
struct Check<'a> {
    fault: &'a Cell<Fault>,
    depth_left: usize,
}

impl Check<'_> {
    fn deeper<E: serde::de::Error>(&self) -> Result<Check<'_>, E> {
        match self.depth_left.checked_sub(1) {
            Some(depth_left) => Ok(Check { fault: self.fault, depth_left }),
            None => {
                self.fault.set(Fault::Depth);
                Err(E::custom("too deep"))
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for Check<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Check<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        loop {
            let inner = self.deeper()?;
            if seq.next_element_seed(inner)?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut keys = Keys::default();
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            if let Some(key) = keys.insert(key) {
                self.fault.set(Fault::Duplicate(key.into_owned()));
                return Err(A::Error::custom("a key stands twice"));
            }
            map.next_value_seed(self.deeper()?)?;
        }
        Ok(())
    }
}

/// A key, borrowed from the text where it has no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(v)))
            }
            fn visit_str<E>(self, v: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(v.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// The keys of one map: a list while they are few, a set when they are many.
#[derive(Default)]
pub(super) struct Keys<'a> {
    few: Vec<Cow<'a, str>>,
    many: HashSet<Cow<'a, str>>,
}

/// From so many keys on, a set is quicker than a walk.
const FEW_MAX: usize = 16;

impl<'a> Keys<'a> {
    /// Adds a key; gives it back when it was there already.
    pub(super) fn insert(&mut self, key: Cow<'a, str>) -> Option<Cow<'a, str>> {
        if self.many.is_empty() {
            if self.few.contains(&key) {
                return Some(key);
            }
            self.few.push(key);
            if self.few.len() > FEW_MAX {
                self.many.extend(self.few.drain(..));
            }
            return None;
        }
        if self.many.contains(&key) {
            return Some(key);
        }
        self.many.insert(key);
        None
    }

    pub(super) fn contains(&self, key: &str) -> bool {
        self.few.iter().any(|k| k == key) || self.many.contains(key)
    }
}
