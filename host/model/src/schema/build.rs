//! JSON Schemas compiled to nodes that are quick to walk.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::Disposition;
use super::export::disposition;

/// The place of a node among [`Nodes`].
pub(super) type NodeId = u32;

/// The kinds of JSON values, as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Types(u8);

impl Types {
    pub(super) const NONE: Self = Self(0);
    pub(super) const TEXT: Self = Self(1);
    /// Whole numbers.
    pub(super) const WHOLE: Self = Self(2);
    /// All numbers.
    pub(super) const NUMBER: Self = Self(2 | 4);
    pub(super) const BOOL: Self = Self(8);
    pub(super) const MAP: Self = Self(16);
    pub(super) const LIST: Self = Self(32);
    pub(super) const ANY: Self = Self(63);

    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The kinds, for people.
    pub(super) fn describe(self) -> String {
        let names: Vec<&str> = [
            (Self::TEXT, "text"),
            (Self::WHOLE, if self.has(Self::NUMBER) { "a number" } else { "a whole number" }),
            (Self::BOOL, "true or false"),
            (Self::MAP, "a map"),
            (Self::LIST, "a list"),
        ]
        .into_iter()
        .filter_map(|(t, name)| self.has(t).then_some(name))
        .collect();
        match names.as_slice() {
            [] => "nothing".to_owned(),
            [one] => (*one).to_owned(),
            [most @ .., last] => format!("{} or {last}", most.join(", ")),
        }
    }
}

/// Conditions on text and numbers beyond their kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    None,
    Int32,
    Int64,
    Quantity,
    Time,
}

/// What fields other than the named ones are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Others {
    Refused,
    Free,
    Like(NodeId),
}

/// A field of a map.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: Box<str>,
    pub(super) node: NodeId,
    pub(super) disposition: Disposition,
    pub(super) reason: Box<str>,
}

/// The shape of a value.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) types: Types,
    /// Sorted by name.
    pub(super) fields: Vec<Field>,
    pub(super) others: Others,
    pub(super) items: Option<NodeId>,
    /// The node that says what a map is, instead of this one.
    pub(super) map_like: Option<NodeId>,
    /// The words that are allowed; all when empty.
    pub(super) words: Vec<Box<str>>,
    /// Other values that are allowed.
    pub(super) values: Vec<Value>,
    pub(super) required: Vec<Box<str>>,
    pub(super) format: Format,
    pub(super) minimum: Option<f64>,
    pub(super) maximum: Option<f64>,
}

impl Node {
    pub(super) fn any() -> Self {
        Self { types: Types::ANY, others: Others::Free, ..Self::none() }
    }

    fn none() -> Self {
        Self {
            types: Types::NONE,
            fields: Vec::new(),
            others: Others::Refused,
            items: None,
            map_like: None,
            words: Vec::new(),
            values: Vec::new(),
            required: Vec::new(),
            format: Format::None,
            minimum: None,
            maximum: None,
        }
    }

    /// True when every value satisfies the node.
    pub(super) fn is_any(&self) -> bool {
        self.types == Types::ANY && self.fields.is_empty() && self.others == Others::Free && self.items.is_none()
    }

    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        let i = self.fields.binary_search_by(|f| (*f.name).cmp(name)).ok()?;
        self.fields.get(i)
    }

    /// Either shape: the kinds of values of the two do not overlap in what is compiled here.
    fn or(mut self, other: Self) -> Self {
        self.types = self.types.with(other.types);
        if self.fields.is_empty() && other.types.has(Types::MAP) {
            self.fields = other.fields;
            self.others = other.others;
            self.required = other.required;
        }
        self.items = self.items.or(other.items);
        self.map_like = self.map_like.or(other.map_like);
        self.words.extend(other.words);
        self.values.extend(other.values);
        if self.format == Format::None {
            self.format = other.format;
        }
        self
    }
}

/// The nodes of many schemas; definitions with one name are one node.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    nodes: Vec<Node>,
    definitions: HashMap<String, NodeId>,
}

impl Nodes {
    pub(super) fn get(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id as usize)
    }

    /// Compiles a schema with its `$defs`.
    pub(super) fn add_root(&mut self, root: &Value) -> NodeId {
        let empty = Map::new();
        let definitions = root.get("$defs").and_then(Value::as_object).unwrap_or(&empty);
        self.add(root, definitions)
    }

    fn push(&mut self, node: Node) -> NodeId {
        let id = NodeId::try_from(self.nodes.len()).unwrap_or(NodeId::MAX);
        self.nodes.push(node);
        id
    }

    fn add(&mut self, schema: &Value, definitions: &Map<String, Value>) -> NodeId {
        let variants = variants(schema);
        if let (Some(only), None) = (variants.first(), variants.get(1)) {
            return self.add(only, definitions);
        }
        if let Some(name) = reference(schema) {
            return self.definition(name, definitions);
        }
        // A place is taken before the inner nodes, so that a schema may hold itself.
        let id = self.push(Node::any());
        let node = self.compile(schema, definitions);
        if let Some(slot) = self.nodes.get_mut(id as usize) {
            *slot = node;
        }
        id
    }

    fn definition(&mut self, name: &str, definitions: &Map<String, Value>) -> NodeId {
        if let Some(id) = self.definitions.get(name) {
            return *id;
        }
        let id = self.push(Node::any());
        self.definitions.insert(name.to_owned(), id);
        if let Some(schema) = definitions.get(name) {
            let node = self.compile(schema, definitions);
            if let Some(slot) = self.nodes.get_mut(id as usize) {
                *slot = node;
            }
        }
        id
    }

    fn compile(&mut self, schema: &Value, definitions: &Map<String, Value>) -> Node {
        let Some(map) = schema.as_object() else { return Node::any() };
        if let Some(name) = reference(schema) {
            // The definition may still be in the making (it may hold itself), so it is pointed at, not copied.
            return Node { types: Types::MAP, map_like: Some(self.definition(name, definitions)), ..Node::none() };
        }
        let flag = |name: &str| map.get(name).and_then(Value::as_bool).unwrap_or(false);
        let variants = variants(schema);
        if !variants.is_empty() {
            return variants
                .into_iter()
                .map(|v| self.compile(v, definitions))
                .reduce(Node::or)
                .unwrap_or_else(Node::any);
        }
        let mut node = Node::none();
        node.types = types(map);
        if flag("x-kubernetes-int-or-string") {
            node.types = Types::TEXT.with(Types::WHOLE);
        }
        if let Some(Value::Object(properties)) = map.get("properties") {
            for (name, property) in properties {
                let reason = property.get("x-colchis-reason").and_then(Value::as_str).unwrap_or_default();
                node.fields.push(Field {
                    name: name.as_str().into(),
                    node: self.add(property, definitions),
                    disposition: disposition(property),
                    reason: reason.into(),
                });
            }
            node.fields.sort_by(|a, b| a.name.cmp(&b.name));
        }
        node.others = match map.get("additionalProperties") {
            Some(Value::Bool(true)) => Others::Free,
            Some(like @ Value::Object(_)) => Others::Like(self.add(like, definitions)),
            _ if flag("x-kubernetes-preserve-unknown-fields") => Others::Free,
            _ if node.types == Types::ANY && node.fields.is_empty() => Others::Free,
            _ => Others::Refused,
        };
        node.items = map.get("items").map(|items| self.add(items, definitions));
        node.required = texts(map.get("required"));
        if let Some(Value::Array(values)) = map.get("enum") {
            for value in values.iter().filter(|v| !v.is_null()) {
                node.allow(value);
            }
        }
        if let Some(value) = map.get("const") {
            node.allow(value);
        }
        node.format = match map.get("format").and_then(Value::as_str) {
            Some("int32") => Format::Int32,
            Some("int64") => Format::Int64,
            Some("quantity") => Format::Quantity,
            Some("date-time") => Format::Time,
            _ => Format::None,
        };
        node.minimum = map.get("minimum").and_then(Value::as_f64);
        node.maximum = map.get("maximum").and_then(Value::as_f64);
        node
    }
}

impl Node {
    fn allow(&mut self, value: &Value) {
        match value {
            Value::String(word) => {
                self.types = if self.types == Types::ANY { Types::TEXT } else { self.types };
                self.words.push(word.as_str().into());
            }
            other => self.values.push(other.clone()),
        }
    }
}

fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")
}

/// The shapes among which a value may choose, without `null`.
///
/// Beside a type or fields, definitions write further conditions this way, which are not checked.
fn variants(schema: &Value) -> Vec<&Value> {
    if schema.get("type").is_some() || schema.get("properties").is_some() {
        return Vec::new();
    }
    let list = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array);
    list.into_iter().flatten().filter(|v| !is_null(v)).collect()
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("null")
}

fn types(map: &Map<String, Value>) -> Types {
    let one = |name: &str| match name {
        "string" => Types::TEXT,
        "integer" => Types::WHOLE,
        "number" => Types::NUMBER,
        "boolean" => Types::BOOL,
        "object" => Types::MAP,
        "array" => Types::LIST,
        _ => Types::NONE,
    };
    match map.get("type") {
        Some(Value::String(name)) => one(name),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(one).fold(Types::NONE, Types::with),
        _ if map.contains_key("properties") => Types::MAP,
        _ => Types::ANY,
    }
}

fn texts(value: Option<&Value>) -> Vec<Box<str>> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(Into::into).collect()
}
