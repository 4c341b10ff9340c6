//! The shape of objects: one source for JSON Schemas, for the checker and for the table of what each field does.
//!
//! ```text
//!  types with doc comments ──schemars──► JSON Schema ──► exported for editors (`schema`)
//!                                            ├────────► table: type, field, acts | kept | refused, why (`table`)
//!                                            └────────► compact nodes ──► `check`: violations and kept paths
//! ```
//!
//! A field acts unless its declaration says `kept` (accepted, without effect on the local runner) or `refused`. Objects are
//! checked as JSON text in one walk, before they are read as types; what passes the check can be read.

mod build;
mod custom;
mod explain;
mod export;
mod shape;
mod walk;

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::meta::{KindInfo, KindRole, TypeMeta, find_kind, kinds};
use crate::violation::{Violation, did_you_mean};

pub use custom::{CustomSchema, CustomSchemaError};
pub use explain::{Explained, ExplainedField, NoSuchField, explain};
pub use export::{FieldRow, schema, schema_of_all, table};
pub use shape::Shape;

use build::{NodeId, Nodes};
use walk::Walk;

/// What becomes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Disposition {
    /// It does what it says.
    Acts,
    /// It is accepted and has no effect on the local runner.
    Kept,
    /// It is not accepted.
    Refused,
}

/// A field of an object that is accepted and has no effect here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptField {
    /// Where it stands.
    pub path: String,
    /// Where it would act.
    pub reason: String,
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// What is wrong; an object with an error among them is refused.
    pub violations: Vec<Violation>,
    /// Fields that are accepted and have no effect here, for the condition that lists them.
    pub kept: Vec<KeptField>,
}

impl Checked {
    /// True when nothing speaks against the object.
    pub fn is_ok(&self) -> bool {
        !self.violations.iter().any(Violation::is_error)
    }

    /// The paths of the fields without effect.
    pub fn kept_paths(&self) -> impl Iterator<Item = &str> {
        self.kept.iter().map(|k| k.path.as_str())
    }
}

/// More violations of one object than this are not listed.
pub const VIOLATIONS_MAX: usize = 1_000;
/// More fields without effect than this are not listed.
pub const KEPT_MAX: usize = 1_000;

/// Checks the shape of an object of any built-in kind, given as JSON text.
pub fn check(json: &str) -> Checked {
    match type_of(json) {
        Ok(info) => check_as(info, json),
        Err(violation) => Checked { violations: vec![violation], kept: Vec::new() },
    }
}

/// Checks the shape of an object of a built-in kind, given as JSON text.
pub fn check_as(info: &KindInfo, json: &str) -> Checked {
    let schemas = &*SCHEMAS;
    let Some(root) = schemas.roots.get(&(info.api_version.to_string(), info.kind.to_string())) else {
        return Checked { violations: vec![unknown_kind(&info.api_version, &info.kind)], kept: Vec::new() };
    };
    Walk::new(&schemas.nodes).run(*root, json)
}

/// Checks the shape of an object of a built-in kind, given as a JSON value.
pub fn check_value(value: &serde_json::Value) -> Checked {
    check(&value.to_string())
}

/// The built-in kind of an object given as JSON text.
pub fn type_of(json: &str) -> Result<&'static KindInfo, Violation> {
    let meta: TypeMeta = serde_json::from_str(json).map_err(|error| {
        let trimmed = json.trim_start();
        if trimmed.starts_with('{') {
            Violation::error("SC003", "", format!("apiVersion and kind must be text: {error}"))
        } else {
            Violation::error("SC003", "", "an object with apiVersion, kind and metadata is expected")
        }
    })?;
    if meta.kind.is_empty() || meta.api_version.is_empty() {
        let field = if meta.kind.is_empty() { "kind" } else { "apiVersion" };
        let hint = match find_by_kind(&meta.kind) {
            Some(info) => format!("for a {} write apiVersion: {}", info.kind, info.api_version),
            None => "a manifest begins with apiVersion and kind".to_owned(),
        };
        return Err(Violation::error("SC006", field, format!("{field} is missing")).hint(hint));
    }
    find_kind(&meta.api_version, &meta.kind).ok_or_else(|| unknown_kind(&meta.api_version, &meta.kind))
}

fn find_by_kind(kind: &str) -> Option<&'static KindInfo> {
    kinds().iter().find(|k| k.kind == kind)
}

fn unknown_kind(api_version: &str, kind: &str) -> Violation {
    if let Some(info) = find_by_kind(kind) {
        let hint = did_you_mean(api_version, [&*info.api_version])
            .unwrap_or(format!("write apiVersion: {}", info.api_version));
        return Violation::error("SC001", "apiVersion", format!("there is no {kind} in {api_version:?}")).hint(hint);
    }
    let hint = did_you_mean(kind, kinds().iter().map(|k| &*k.kind)).unwrap_or_else(|| {
        "kinds that the server does not know by itself need a CustomResourceDefinition first".to_owned()
    });
    Violation::error("SC001", "kind", format!("the kind {kind:?} ({api_version}) is not known")).hint(hint)
}

/// The compiled shapes of all built-in kinds.
struct Schemas {
    nodes: Nodes,
    roots: HashMap<(String, String), NodeId>,
}

static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| {
    let mut nodes = Nodes::default();
    let mut roots = HashMap::new();
    for info in kinds() {
        let root = schema(info).map(|value| nodes.add_root(&value));
        if let Some(root) = root {
            roots.insert((info.api_version.to_string(), info.kind.to_string()), root);
        }
    }
    Schemas { nodes, roots }
});

/// True for kinds whose body is kept unread.
fn is_opaque(info: &KindInfo) -> bool {
    info.role != KindRole::Acts
}

#[cfg(test)]
mod tests;
