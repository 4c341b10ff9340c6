//! One field, told to a person: what it means, what it holds, what it does here.

use std::borrow::Cow;
use std::sync::{LazyLock, OnceLock};

use serde_json::{Map, Value};

use super::export::{disposition, schema};
use super::{Disposition, did_you_mean};
use crate::meta::{KindInfo, kinds};

/// A field, or a whole kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// Its type as people write it: `string`, `[]WorkflowStep`, `map[string]Any`.
    pub type_name: String,
    /// What it means; empty where the kind itself is asked for.
    pub doc: String,
    /// What becomes of it.
    pub disposition: Disposition,
    /// Where it acts instead, or why it is refused; empty when it acts.
    pub reason: String,
    /// The words it may hold, where only some are allowed.
    pub words: Vec<String>,
    /// What stands in it, in the order of the reference.
    pub fields: Vec<ExplainedField>,
}

/// A field of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedField {
    /// Its name.
    pub name: String,
    /// Whether it must be there.
    pub required: bool,
    /// What it is. Its own fields are left out.
    pub explained: Explained,
}

/// No such field: a sentence, and what was probably meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {path}: there is no such field")]
pub struct NoSuchField {
    /// The kind.
    pub kind: String,
    /// The path as far as the field that is not there.
    pub path: String,
    /// The name that was probably meant.
    pub hint: Option<String>,
}

/// Explains a field of a kind; lists and maps are passed through: `spec.templates.steps.when`. An empty path is the kind itself.
///
/// # Errors
/// There is no such field.
pub fn explain(info: &KindInfo, path: &[&str]) -> Result<Explained, NoSuchField> {
    let root = &*root_of(info);
    let definitions = Definitions(root.get("$defs").and_then(Value::as_object));
    let mut at = root;
    for (depth, name) in path.iter().enumerate() {
        let record = definitions.record(at);
        at = record.and_then(|r| r.get(*name)).ok_or_else(|| NoSuchField {
            kind: info.kind.to_string(),
            path: path.get(..=depth).unwrap_or(path).join("."),
            hint: did_you_mean(name, record.into_iter().flat_map(Map::keys).map(String::as_str)),
        })?;
    }
    let mut explained = definitions.explained(at);
    if path.is_empty() {
        explained.type_name = info.kind.to_string();
    }
    let required = definitions.holder(at).and_then(|h| h.get("required")).and_then(Value::as_array);
    let required: Vec<&str> = required.into_iter().flatten().filter_map(Value::as_str).collect();
    let fields = definitions.record(at).into_iter().flatten().map(|(name, property)| ExplainedField {
        name: name.clone(),
        required: required.contains(&name.as_str()),
        explained: definitions.explained(property),
    });
    explained.fields = fields.collect();
    Ok(explained)
}

/// The schema of a kind; those of built-in kinds are made once.
fn root_of(info: &KindInfo) -> Cow<'static, Value> {
    static MADE: LazyLock<Vec<OnceLock<Value>>> = LazyLock::new(|| kinds().iter().map(|_| OnceLock::new()).collect());
    let make = || schema(info).unwrap_or_default();
    match kinds().iter().position(|k| k == info).and_then(|at| MADE.get(at)) {
        Some(made) => Cow::Borrowed(made.get_or_init(make)),
        None => Cow::Owned(make()),
    }
}

/// The named types of a schema.
struct Definitions<'a>(Option<&'a Map<String, Value>>);

impl<'a> Definitions<'a> {
    fn named(&self, reference: &Value) -> Option<(&'a str, &'a Value)> {
        let name = reference.as_str()?.strip_prefix("#/$defs/")?;
        self.0?.get_key_value(name).map(|(name, value)| (name.as_str(), value))
    }

    /// A type's definition, through references and what may be absent.
    fn resolved(&self, schema: &'a Value) -> (Option<&'a str>, &'a Value) {
        if let Some((name, definition)) = schema.get("$ref").and_then(|r| self.named(r)) {
            return (Some(name), definition);
        }
        let choices = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array);
        let mut some = choices.into_iter().flatten().filter(|c| c.get("type").and_then(Value::as_str) != Some("null"));
        match (some.next(), some.next()) {
            (Some(only), None) => self.resolved(only),
            _ => (None, schema),
        }
    }

    /// The type that a field's fields belong to: its own, or that of its items or values.
    fn holder(&self, schema: &'a Value) -> Option<&'a Value> {
        let (_, definition) = self.resolved(schema);
        if definition.get("properties").is_some() {
            return Some(definition);
        }
        let inner = definition.get("items").or_else(|| definition.get("additionalProperties"))?;
        inner.is_object().then(|| self.holder(inner)).flatten()
    }

    fn record(&self, schema: &'a Value) -> Option<&'a Map<String, Value>> {
        self.holder(schema)?.get("properties")?.as_object()
    }

    fn explained(&self, schema: &'a Value) -> Explained {
        let (_, definition) = self.resolved(schema);
        let text = |name: &str| schema.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let own = text("description");
        let doc = if own.is_empty() {
            definition.get("description").and_then(Value::as_str).unwrap_or_default()
        } else {
            &own
        };
        let words = definition.get("enum").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        Explained {
            type_name: self.type_name(schema),
            doc: doc.to_owned(),
            disposition: disposition(schema),
            reason: text("x-colchis-reason"),
            words: words.filter(|word| !word.is_empty()).map(str::to_owned).collect(),
            fields: Vec::new(),
        }
    }

    fn type_name(&self, schema: &'a Value) -> String {
        let (name, definition) = self.resolved(schema);
        if let Some(items) = definition.get("items").filter(|items| items.is_object()) {
            return format!("[]{}", self.type_name(items));
        }
        if let Some(values) = definition.get("additionalProperties").filter(|values| values.is_object()) {
            return format!("map[string]{}", self.type_name(values));
        }
        if let Some(name) = name {
            return name.to_owned();
        }
        let choices = definition.get("anyOf").or_else(|| definition.get("oneOf")).and_then(Value::as_array);
        if let Some(choices) = choices {
            let mut names: Vec<String> = choices.iter().map(|choice| self.type_name(choice)).collect();
            names.retain(|name| name != "null");
            names.dedup();
            return names.join(" or ");
        }
        let types = match definition.get("type") {
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(some)) => some.iter().filter_map(Value::as_str).filter(|t| *t != "null").collect(),
            _ => vec!["Any"],
        };
        types.join(" or ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meta::find_resource;

    fn of(kind: &str, path: &str) -> Result<Explained, NoSuchField> {
        explain(find_resource(kind).unwrap(), &path.split('.').filter(|p| !p.is_empty()).collect::<Vec<_>>())
    }

    #[test]
    fn fields_are_found_through_lists_and_maps() {
        for (path, type_name) in [
            ("", "Workflow"),
            ("spec", "WorkflowSpec"),
            ("spec.templates", "[]Template"),
            ("spec.templates.retryStrategy", "RetryStrategy"),
            ("spec.templates.container.image", "string"),
            ("spec.nodeSelector", "map[string]string"),
            ("spec.hooks.template", "string"),
        ] {
            assert_eq!(of("wf", path).unwrap().type_name, type_name, "{path}");
        }
        assert_eq!(of("plugin", "spec.grants.secrets.secretKeyRef").unwrap().type_name, "PluginSecretKeyRef");
        let template = of("wf", "spec.templates").unwrap();
        assert!(template.fields.iter().any(|f| f.name == "container" && f.explained.doc.len() > 10));
    }

    #[test]
    fn every_field_of_every_kind_can_be_explained() {
        fn walk(info: &KindInfo, path: &mut Vec<String>, seen: &mut std::collections::BTreeSet<String>) {
            let names: Vec<&str> = path.iter().map(String::as_str).collect();
            let explained = explain(info, &names).unwrap();
            assert!(!explained.type_name.is_empty(), "{path:?}");
            for field in explained.fields {
                assert!(!field.explained.type_name.is_empty(), "{path:?} {}", field.name);
                // Types hold themselves; each is entered once.
                if seen.insert(field.explained.type_name) {
                    path.push(field.name);
                    walk(info, path, seen);
                    path.pop();
                }
            }
        }
        for info in kinds() {
            walk(info, &mut Vec::new(), &mut Default::default());
        }
    }

    #[test]
    fn what_is_not_there_is_told_with_what_was_meant() {
        let error = of("wf", "spec.templates.retryStratgy.limit").unwrap_err();
        assert_eq!(error.to_string(), "Workflow: spec.templates.retryStratgy: there is no such field");
        assert_eq!(error.hint.unwrap(), "did you mean \"retryStrategy\"?");
    }

    #[test]
    fn what_has_no_effect_says_so() {
        let affinity = of("wf", "spec.affinity").unwrap();
        assert_eq!(affinity.disposition, Disposition::Kept);
        assert!(!affinity.reason.is_empty());
    }
}
