//! Objects of CustomResourceDefinitions, checked by the structural part of their schema: types, required fields, enumerations,
//! bounds of numbers, unknown fields.

use serde_json::{Value, json};

use super::Checked;
use super::build::{NodeId, Nodes};
use super::walk::Walk;
use crate::core::CustomResourceDefinition;
use crate::meta::ObjectMeta;

/// The compiled shape of one version of a custom kind.
pub struct CustomSchema {
    nodes: Nodes,
    root: NodeId,
}

/// A definition's schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CustomSchemaError {
    /// The definition has no such version.
    #[error("{name} has no version {version:?}")]
    NoVersion {
        /// The definition's name.
        name: String,
        /// The version that was asked for.
        version: String,
    },
    /// The version's schema is not JSON of a schema's shape.
    #[error("the schema of {name} cannot be read")]
    Malformed {
        /// The definition's name.
        name: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
}

impl CustomSchema {
    /// Compiles the schema of a version of a definition; without a schema every object passes.
    pub fn new(definition: &CustomResourceDefinition, version: &str) -> Result<Self, CustomSchemaError> {
        let name = || definition.metadata.name.clone();
        let found = definition.spec.versions.iter().find(|v| v.name == version);
        let found = found.ok_or_else(|| CustomSchemaError::NoVersion { name: name(), version: version.to_owned() })?;
        let mut schema: Value = match found.schema.as_ref().and_then(|s| s.open_api_v3_schema.as_ref()) {
            Some(raw) => raw.parse().map_err(|source| CustomSchemaError::Malformed { name: name(), source })?,
            None => json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}),
        };
        if definition.spec.preserve_unknown_fields
            && let Some(map) = schema.as_object_mut()
        {
            map.insert("x-kubernetes-preserve-unknown-fields".to_owned(), Value::Bool(true));
        }
        Ok(Self::compile(schema))
    }

    fn compile(mut schema: Value) -> Self {
        if let Some(map) = schema.as_object_mut() {
            let properties = map.entry("properties").or_insert_with(|| json!({}));
            if let Some(properties) = properties.as_object_mut() {
                let mut meta = schemars::generate::SchemaSettings::draft2020_12()
                    .into_generator()
                    .into_root_schema_for::<ObjectMeta>()
                    .to_value();
                let definitions = meta.as_object_mut().and_then(|m| m.remove("$defs"));
                properties.insert("apiVersion".to_owned(), json!({"type": "string"}));
                properties.insert("kind".to_owned(), json!({"type": "string"}));
                properties.insert("metadata".to_owned(), meta);
                if let Some(definitions) = definitions {
                    map.insert("$defs".to_owned(), definitions);
                }
            }
        }
        let mut nodes = Nodes::default();
        let root = nodes.add_root(&schema);
        Self { nodes, root }
    }

    /// Checks an object given as JSON text.
    pub fn check(&self, json: &str) -> Checked {
        Walk::new(&self.nodes).run(self.root, json)
    }
}
