//! JSON Schemas for editors, and the table of fields.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::{Disposition, is_opaque};
use crate::core::{ConfigMap, CustomResourceDefinition, Namespace, PersistentVolumeClaim, SecretBody};
use crate::meta::{KindInfo, ObjectMeta, kinds};
use crate::plugin::Plugin;
use crate::workflow::{ClusterWorkflowTemplate, CronWorkflow, Workflow, WorkflowEventBinding, WorkflowTemplate};

/// One row of the table of fields.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldRow {
    /// The type, as the field reference calls it.
    pub type_name: String,
    /// The field.
    pub field: String,
    /// What becomes of it.
    pub disposition: Disposition,
    /// Where it acts instead, or why it is refused; empty when it acts.
    pub reason: String,
    /// What it means.
    pub doc: String,
}

/// The JSON Schema (draft 2020-12) of a built-in kind; nothing for kinds of CustomResourceDefinitions.
pub fn schema(info: &KindInfo) -> Option<Value> {
    let generator = || SchemaSettings::draft2020_12().into_generator();
    let mut root = match (&*info.api_version, &*info.kind) {
        (_, "Workflow") => of::<Workflow>(generator()),
        (_, "WorkflowTemplate") => of::<WorkflowTemplate>(generator()),
        (_, "ClusterWorkflowTemplate") => of::<ClusterWorkflowTemplate>(generator()),
        (_, "CronWorkflow") => of::<CronWorkflow>(generator()),
        (_, "WorkflowEventBinding") => of::<WorkflowEventBinding>(generator()),
        (_, "ConfigMap") => of::<ConfigMap>(generator()),
        (_, "PersistentVolumeClaim") => of::<PersistentVolumeClaim>(generator()),
        (_, "CustomResourceDefinition") => of::<CustomResourceDefinition>(generator()),
        (_, "Namespace") => of::<Namespace>(generator()),
        ("colchis.dev/v1", "Plugin") => of::<Plugin>(generator()),
        (_, "Secret") => with_metadata(of::<SecretBody>(generator())),
        _ if kinds().contains(info) => with_metadata(json!({"type": "object", "properties": {}})),
        _ => return None,
    };
    close(&mut root);
    let object = root.as_object_mut()?;
    object.insert("title".to_owned(), json!(info.kind));
    if is_opaque(info) {
        object.insert("additionalProperties".to_owned(), json!(true));
    }
    object.insert("required".to_owned(), json!(["apiVersion", "kind", "metadata"]));
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        let own = std::mem::take(properties);
        properties.insert("apiVersion".to_owned(), json!({"type": "string", "const": info.api_version}));
        properties.insert("kind".to_owned(), json!({"type": "string", "const": info.kind}));
        properties.extend(own);
    }
    Some(root)
}

/// One JSON Schema for all built-in kinds: which holds is decided by `apiVersion` and `kind`, so that an editor needs no more than this one.
pub fn schema_of_all() -> Value {
    let mut definitions = Map::new();
    let mut choices = Vec::new();
    for info in kinds() {
        let Some(Value::Object(mut root)) = schema(info) else { continue };
        if let Some(Value::Object(own)) = root.shift_remove("$defs") {
            definitions.extend(own);
        }
        root.shift_remove("$schema");
        let name = format!("{}.{}", info.api_version.replace('/', "."), info.kind);
        choices.push(json!({
            "if": {"properties": {"apiVersion": {"const": info.api_version}, "kind": {"const": info.kind}}},
            "then": {"$ref": format!("#/$defs/{name}")},
        }));
        definitions.insert(name, Value::Object(root));
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Objects that Colchis knows",
        "type": "object",
        "required": ["apiVersion", "kind"],
        "allOf": choices,
        "$defs": definitions,
    })
}

fn of<T: JsonSchema>(generator: SchemaGenerator) -> Value {
    generator.into_root_schema_for::<T>().to_value()
}

/// Adds `metadata` to a schema that has none.
fn with_metadata(mut schema: Value) -> Value {
    let mut meta = of::<ObjectMeta>(SchemaSettings::draft2020_12().into_generator());
    let definitions = meta.as_object_mut().and_then(|m| m.shift_remove("$defs")).unwrap_or_else(|| json!({}));
    if let Some(meta) = meta.as_object_mut() {
        meta.shift_remove("title");
        meta.shift_remove("$schema");
    }
    if let (Some(object), Value::Object(definitions)) = (schema.as_object_mut(), definitions) {
        let defs = object.entry("$defs").or_insert_with(|| json!({}));
        if let Value::Object(defs) = defs {
            defs.extend(definitions);
            defs.insert("ObjectMeta".to_owned(), meta);
        }
        if let Some(Value::Object(properties)) = object.get_mut("properties") {
            properties.insert("metadata".to_owned(), json!({"$ref": "#/$defs/ObjectMeta"}));
        }
    }
    schema
}

/// Makes every object with named fields refuse others, and drops defaults (every field has one).
pub(super) fn close(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if is_record(map) && !map.contains_key("additionalProperties") {
                map.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            if map.contains_key("type") || map.contains_key("$ref") || map.contains_key("anyOf") {
                map.shift_remove("default");
            }
            map.values_mut().for_each(close);
        }
        Value::Array(list) => list.iter_mut().for_each(close),
        _ => {}
    }
}

fn is_record(map: &Map<String, Value>) -> bool {
    map.get("type").and_then(Value::as_str) == Some("object")
        && (map.get("properties").is_some_and(Value::is_object) || !map.contains_key("additionalProperties"))
}

/// The table of all fields of all built-in kinds, sorted by type and field.
pub fn table() -> Vec<FieldRow> {
    let mut rows = Vec::new();
    for info in kinds() {
        let Some(Value::Object(root)) = schema(info) else { continue };
        rows_of(&info.kind, &root, &mut rows);
        if let Some(Value::Object(definitions)) = root.get("$defs") {
            for (name, definition) in definitions {
                if let Value::Object(definition) = definition {
                    rows_of(name, definition, &mut rows);
                }
            }
        }
    }
    rows.sort();
    rows.dedup();
    rows
}

fn rows_of(type_name: &str, definition: &Map<String, Value>, rows: &mut Vec<FieldRow>) {
    let Some(Value::Object(properties)) = definition.get("properties") else { return };
    for (field, property) in properties {
        let text = |name: &str| property.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        rows.push(FieldRow {
            type_name: type_name.to_owned(),
            field: field.clone(),
            disposition: disposition(property),
            reason: text("x-colchis-reason"),
            doc: text("description"),
        });
    }
}

/// What a property's schema says becomes of the field.
pub(super) fn disposition(property: &Value) -> Disposition {
    match property.get("x-colchis").and_then(Value::as_str) {
        Some("kept") => Disposition::Kept,
        Some("refused") => Disposition::Refused,
        _ => Disposition::Acts,
    }
}
