//! One walk through a JSON text along the nodes of its schema.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{
    Deserialize as _, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::build::{Field, Format, Node, NodeId, Nodes, Others, Types};
use super::{Checked, Disposition, KEPT_MAX, KeptField, VIOLATIONS_MAX};
use crate::path::{Mark, Path};
use crate::values::{Quantity, Timestamp};
use crate::violation::{Violation, did_you_mean};

/// A walk: where it is, and what it has found.
pub(super) struct Walk<'a> {
    nodes: &'a Nodes,
    path: Path,
    /// The maps on the way, for hints about fields that stand at the wrong level.
    maps: Vec<NodeId>,
    found: Checked,
}

/// The text of the error that ends a walk early.
const ENOUGH: &str = "enough violations";

impl<'a> Walk<'a> {
    pub(super) fn new(nodes: &'a Nodes) -> Self {
        Self { nodes, path: Path::default(), maps: Vec::new(), found: Checked::default() }
    }

    /// Walks a text as the node `root` says.
    pub(super) fn run(mut self, root: NodeId, json: &str) -> Checked {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let end = At { walk: &mut self, node: root, null: false }.deserialize(&mut deserializer);
        match end {
            Err(error) if error.to_string().starts_with(ENOUGH) => {
                let reason = format!("there is more that is wrong; the first {VIOLATIONS_MAX} are listed");
                self.found.violations.push(Violation::warning("SC007", "", reason));
            }
            Err(error) => {
                let path = self.path.to_string();
                self.found.violations.push(Violation::error("SC003", path, format!("cannot be read: {error}")));
            }
            Ok(()) => {}
        }
        self.found
    }

    fn say(&mut self, violation: Violation) {
        if self.found.violations.len() < VIOLATIONS_MAX {
            self.found.violations.push(violation);
        }
    }

    fn is_full(&self) -> bool {
        self.found.violations.len() >= VIOLATIONS_MAX
    }

    fn unknown_field(&mut self, id: NodeId, name: &str) {
        let hint = self.nodes.get(id).and_then(|node| {
            did_you_mean(name, node.fields.iter().map(|f| &*f.name)).or_else(|| self.elsewhere(node, name))
        });
        let path = self.path.with(name);
        self.say(Violation::error("SC002", path, "there is no such field here").maybe_hint(hint));
    }

    /// Where a field of this name exists, one level down or further up.
    fn elsewhere(&self, node: &Node, name: &str) -> Option<String> {
        let below: Vec<&str> = node
            .fields
            .iter()
            .filter(|f| self.nodes.get(f.node).is_some_and(|n| n.field(name).is_some()))
            .map(|f| &*f.name)
            .take(4)
            .collect();
        if !below.is_empty() {
            return Some(format!("{name} is a field of {}", below.join(", ")));
        }
        let above =
            self.maps.iter().rev().skip(1).position(|id| self.nodes.get(*id).is_some_and(|n| n.field(name).is_some()));
        above.map(|levels| match levels {
            0 => format!("{name} belongs one level up: is it indented too far?"),
            n => format!("{name} belongs {} levels up: is it indented too far?", n + 1),
        })
    }

    fn field(&mut self, field: &Field) -> bool {
        match field.disposition {
            Disposition::Acts => true,
            Disposition::Kept => {
                if self.found.kept.len() < KEPT_MAX {
                    self.found.kept.push(KeptField { path: self.path.to_string(), reason: field.reason.to_string() });
                }
                true
            }
            Disposition::Refused => {
                let path = self.path.to_string();
                self.say(Violation::error("SC005", path, field.reason.to_string()));
                false
            }
        }
    }
}

/// A value about to be read, and what it should be.
struct At<'w, 'a> {
    walk: &'w mut Walk<'a>,
    node: NodeId,
    /// Whether `null` stands for absence here.
    null: bool,
}

impl<'a> At<'_, 'a> {
    fn node(&self) -> Option<&'a Node> {
        self.walk.nodes.get(self.node)
    }

    fn wrong(&mut self, is: &str) {
        let Some(node) = self.node() else { return };
        let path = self.walk.path.to_string();
        let expected = node.types.describe();
        let hint = match is {
            "a number" | "true or false" if node.types == Types::TEXT => Some("put it in quotes".to_owned()),
            "text" if node.types == Types::LIST => {
                Some("write it as a list: [\"…\"], or one - line for each".to_owned())
            }
            "text" if node.types.has(Types::WHOLE) || node.types.has(Types::BOOL) => {
                Some("remove the quotes".to_owned())
            }
            "a map" if node.types == Types::LIST => Some("begin each element with a dash".to_owned()),
            "a list" if node.types == Types::MAP => Some("remove the dash".to_owned()),
            _ => None,
        };
        self.walk.say(Violation::error("SC003", path, format!("{expected} is expected, not {is}")).maybe_hint(hint));
    }

    fn not_among(&mut self, node: &Node, word: &str) {
        let path = self.walk.path.to_string();
        let shown: String = word.chars().take(60).collect();
        let known: Vec<&str> = node.words.iter().map(|w| &**w).filter(|w| !w.is_empty()).collect();
        let hint = did_you_mean(word, known.iter().copied()).unwrap_or_else(|| format!("one of {}", known.join(", ")));
        let reason = if known.is_empty() {
            "the value is not among those allowed".into()
        } else {
            format!("{shown:?} is not known here")
        };
        self.walk.say(Violation::error("SC004", path, reason).hint(hint));
    }

    fn number(&mut self, value: f64, whole: bool, shown: &serde_json::Value) {
        let Some(node) = self.node() else { return };
        if !node.types.has(if whole { Types::WHOLE } else { Types::NUMBER }) {
            return self.wrong(if whole { "a number" } else { "a fraction" });
        }
        let limit = match node.format {
            Format::Int32 if value < f64::from(i32::MIN) || value > f64::from(i32::MAX) => {
                Some("it needs more than 32 bits".to_owned())
            }
            _ if node.minimum.is_some_and(|m| value < m) => {
                Some(format!("it is below {}", node.minimum.unwrap_or_default()))
            }
            _ if node.maximum.is_some_and(|m| value > m) => {
                Some(format!("it is above {}", node.maximum.unwrap_or_default()))
            }
            _ => None,
        };
        let path = self.walk.path.to_string();
        if let Some(limit) = limit {
            self.walk.say(Violation::error("SC008", path, format!("the number {shown} is out of range: {limit}")));
        } else if !node.values.is_empty() && !node.values.contains(shown)
            || (node.values.is_empty() && !node.words.is_empty() && !node.types.has(Types::TEXT))
        {
            self.not_among(node, &shown.to_string());
        }
    }
}

impl<'de> DeserializeSeed<'de> for At<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.node().is_none_or(Node::is_any) {
            return IgnoredAny::deserialize(deserializer).map(|_| ());
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(mut self) -> Result<(), E> {
        if !self.null {
            self.wrong("null");
        }
        Ok(())
    }

    fn visit_bool<E>(mut self, v: bool) -> Result<(), E> {
        let Some(node) = self.node() else { return Ok(()) };
        if !node.types.has(Types::BOOL) {
            self.wrong("true or false");
        } else if !node.values.is_empty() && !node.values.contains(&serde_json::Value::Bool(v)) {
            self.not_among(node, if v { "true" } else { "false" });
        }
        Ok(())
    }

    fn visit_i64<E>(mut self, v: i64) -> Result<(), E> {
        #[allow(clippy::cast_precision_loss)]
        self.number(v as f64, true, &v.into());
        Ok(())
    }

    fn visit_u64<E>(mut self, v: u64) -> Result<(), E> {
        if i64::try_from(v).is_err()
            && self.node().is_some_and(|n| !n.types.has(Types::NUMBER) && n.types.has(Types::WHOLE))
        {
            let path = self.walk.path.to_string();
            self.walk.say(Violation::error(
                "SC008",
                path,
                format!("the number {v} is out of range: it needs more than 64 bits"),
            ));
            return Ok(());
        }
        #[allow(clippy::cast_precision_loss)]
        self.number(v as f64, true, &v.into());
        Ok(())
    }

    fn visit_f64<E>(mut self, v: f64) -> Result<(), E> {
        self.number(v, false, &v.into());
        Ok(())
    }

    fn visit_str<E>(mut self, v: &str) -> Result<(), E> {
        let Some(node) = self.node() else { return Ok(()) };
        if !node.types.has(Types::TEXT) {
            self.wrong("text");
            return Ok(());
        }
        if !node.words.is_empty() && !node.words.iter().any(|w| **w == *v) {
            self.not_among(node, v);
        }
        let fault = match node.format {
            Format::Quantity if !v.contains("{{") => Quantity::from(v).check().err().map(|e| e.to_string()),
            Format::Time => v.parse::<Timestamp>().err().map(|e| e.to_string()),
            _ => None,
        };
        if let Some(fault) = fault {
            let path = self.walk.path.to_string();
            self.walk.say(Violation::error("SC010", path, fault));
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        let is_list = self.node().is_some_and(|n| n.types.has(Types::LIST));
        if !is_list {
            self.wrong("a list");
        }
        let Some(items) = self.node().and_then(|n| n.items).filter(|_| is_list) else {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        let mut index = 0;
        loop {
            let mark = self.walk.path.push_index(index);
            let next = seq.next_element_seed(At { walk: self.walk, node: items, null: false })?;
            self.walk.path.truncate(mark);
            if next.is_none() {
                return Ok(());
            }
            index += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let Some(node) = self.node().filter(|n| n.types.has(Types::MAP)) else {
            self.wrong("a map");
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        if let Some(like) = node.map_like {
            return At { walk: self.walk, node: like, null: false }.visit_map(map);
        }
        self.walk.maps.push(self.node);
        let mut missing: BTreeSet<&str> = node.required.iter().map(|r| &**r).collect();
        while let Some(key) = map.next_key_seed(Key { walk: self.walk, node, id: self.node, missing: &mut missing })? {
            if self.walk.is_full() {
                return Err(A::Error::custom(ENOUGH));
            }
            match key {
                Found::Skip => map.next_value::<IgnoredAny>().map(|_| ())?,
                Found::Value { mark, node, null } => {
                    map.next_value_seed(At { walk: self.walk, node, null })?;
                    self.walk.path.truncate(mark);
                }
            }
        }
        self.walk.maps.pop();
        for name in missing {
            let path = self.walk.path.with(name);
            self.walk.say(Violation::error("SC009", path, "the field is missing"));
        }
        Ok(())
    }
}

/// What a key leads to.
enum Found {
    /// Its value is not looked at.
    Skip,
    /// Its value is of this node; the path is to be cut back to the mark afterwards. Of a field `null` means absence, of a free
    /// key it does not.
    Value { mark: Mark, node: NodeId, null: bool },
}

struct Key<'w, 'a, 'm> {
    walk: &'w mut Walk<'a>,
    node: &'a Node,
    id: NodeId,
    missing: &'m mut BTreeSet<&'a str>,
}

impl<'de> DeserializeSeed<'de> for Key<'_, '_, '_> {
    type Value = Found;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_, '_, '_> {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, name: &str) -> Result<Found, E> {
        if !self.missing.is_empty() {
            self.missing.remove(name);
        }
        if let Some(field) = self.node.field(name) {
            let mark = self.walk.path.push(name);
            if self.walk.field(field) {
                return Ok(Found::Value { mark, node: field.node, null: true });
            }
            self.walk.path.truncate(mark);
            return Ok(Found::Skip);
        }
        match self.node.others {
            Others::Free => Ok(Found::Skip),
            Others::Like(node) => {
                let mark = self.walk.path.push(name);
                Ok(Found::Value { mark, node, null: false })
            }
            Others::Refused => {
                self.walk.unknown_field(self.id, name);
                Ok(Found::Skip)
            }
        }
    }
}
