//! The shape of a text that is no object of a server: the same checker, for the files of a tool of ours.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::Checked;
use super::build::{NodeId, Nodes};
use super::export::close;
use super::walk::Walk;

/// The compiled shape of a type.
#[derive(Debug)]
pub struct Shape {
    nodes: Nodes,
    root: NodeId,
    schema: Value,
}

impl Shape {
    /// The shape of a type. Fields that it does not name are refused.
    pub fn of<T: JsonSchema>() -> Self {
        let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().to_value();
        close(&mut schema);
        let mut nodes = Nodes::default();
        let root = nodes.add_root(&schema);
        Self { nodes, root, schema }
    }

    /// Checks a text of JSON. What passes can be read as the type.
    pub fn check(&self, json: &str) -> Checked {
        Walk::new(&self.nodes).run(self.root, json)
    }

    /// The JSON Schema (draft 2020-12), for editors.
    pub fn schema(&self) -> &Value {
        &self.schema
    }
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;

    use super::Shape;

    /// A pie.
    #[derive(JsonSchema)]
    #[allow(dead_code, reason = "only its shape is looked at")]
    struct Pie {
        /// What is in it.
        filling: String,
        #[serde(default)]
        slices: Vec<Slice>,
    }

    #[derive(JsonSchema)]
    #[allow(dead_code, reason = "only its shape is looked at")]
    struct Slice {
        degrees: u32,
    }

    #[test]
    fn a_near_miss_is_told_with_its_path() {
        let shape = Shape::of::<Pie>();
        assert!(shape.check(r#"{"filling": "plums", "slices": [{"degrees": 30}]}"#).is_ok());
        let found = shape.check(r#"{"slices": [{"degres": 30}]}"#).violations;
        let told: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "slices[0].degres: there is no such field here [SC002] (hint: did you mean \"degrees\"?)",
                "slices[0].degrees: the field is missing [SC009]",
                "filling: the field is missing [SC009]",
            ]
        );
    }

    #[test]
    fn editors_get_the_words_of_the_types() {
        let shape = Shape::of::<Pie>();
        assert_eq!(shape.schema()["properties"]["filling"]["description"], "What is in it.");
        assert_eq!(shape.schema()["additionalProperties"], false);
    }
}
