//! The schema of a configuration, and configurations that it has to refuse.

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Map, Value, json};

/// A name that no configuration has.
const UNKNOWN: &str = "xNoSuchField";
/// Broken configurations that are tried.
const BROKEN_MAX: usize = 32;

/// A schema that can be used.
pub(crate) struct Schema {
    validator: Validator,
    text: Value,
}

/// A configuration that was broken on purpose.
#[derive(Debug, Clone)]
pub(crate) struct Broken {
    /// What was done to it.
    pub(crate) how: String,
    pub(crate) config: Value,
}

impl Schema {
    /// Reads one as 2020-12. Nothing that it refers to is fetched.
    pub(crate) fn new(schema: &Value) -> Result<Self, String> {
        if let Err(error) = jsonschema::draft202012::meta::validate(schema) {
            return Err(format!("{}: {error}", at(error.instance_path().as_str())));
        }
        let options =
            jsonschema::options().with_draft(Draft::Draft202012).with_pattern_options(PatternOptions::regex());
        let validator = options.build(schema).map_err(|error| error.to_string())?;
        if validator.is_valid(&json!([])) || validator.is_valid(&json!("text")) {
            return Err("it takes what is no object: `type` is not `object`".to_owned());
        }
        Ok(Self { validator, text: schema.clone() })
    }

    /// What it refuses about a configuration.
    pub(crate) fn refusal(&self, config: &Value) -> Option<String> {
        let error = self.validator.validate(config).err()?;
        Some(format!("{}: {error}", at(error.instance_path().as_str())))
    }

    /// Whether a configuration with a field too many is refused. Without a configuration that it takes, its own words decide.
    pub(crate) fn is_closed(&self, config: Option<&Value>) -> bool {
        let with = |config: &Value| {
            let mut fields = config.as_object().cloned().unwrap_or_default();
            fields.insert(UNKNOWN.to_owned(), json!(1));
            Value::Object(fields)
        };
        match config.filter(|config| self.validator.is_valid(config)) {
            Some(config) => !self.validator.is_valid(&with(config)),
            None => ["additionalProperties", "unevaluatedProperties"]
                .iter()
                .any(|word| self.text.get(word) == Some(&json!(false))),
        }
    }

    /// Configurations that a schema with types and `required` refuses: each field of the good one left out if it must be there, and of a type that it is not.
    pub(crate) fn broken(&self, good: &Value) -> Vec<Broken> {
        let Some(fields) = good.as_object() else { return Vec::new() };
        let required = self.text.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut broken = Vec::new();
        for name in required.iter().filter_map(Value::as_str).filter(|name| fields.contains_key(*name)) {
            let mut left: Map<String, Value> = fields.clone();
            left.shift_remove(name);
            broken.push(Broken { how: format!("without {name}"), config: Value::Object(left) });
        }
        let typed = self.text.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        for (name, property) in &typed {
            // `true` and `{}` take anything, and say so.
            if property == &json!(true) || property.as_object().is_some_and(|words| !constrains(words)) {
                continue;
            }
            let mut changed = fields.clone();
            changed.insert(name.clone(), json!([[{"not": "this"}]]));
            broken.push(Broken { how: format!("with a list of lists as {name}"), config: Value::Object(changed) });
        }
        broken.truncate(BROKEN_MAX);
        broken
    }
}

/// Whether a property's schema has a word that constrains, beside those for readers.
fn constrains(words: &Map<String, Value>) -> bool {
    words.keys().any(|word| !matches!(word.as_str(), "description" | "title" | "default" | "examples" | "deprecated"))
}

fn at(pointer: &str) -> String {
    match pointer {
        "" => "the whole".to_owned(),
        pointer => pointer.trim_start_matches('/').replace('/', "."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_are_of_2020_12_and_of_an_object() {
        for (schema, good) in [
            (json!({"type": "object"}), true),
            (json!({"type": "banana"}), false),
            (json!({"type": "object", "required": "x"}), false),
            (json!({}), false),
            (json!({"type": "object", "properties": {"a": {"$ref": "https://other.example/x"}}}), false),
        ] {
            assert_eq!(Schema::new(&schema).is_ok(), good, "{schema}");
        }
    }

    #[test]
    fn broken_configurations_are_made_of_a_good_one() {
        let closed = json!({"type": "object", "additionalProperties": false, "required": ["a"],
            "properties": {"a": {"type": "string"}, "any": {"description": "x"}}});
        let schema = Schema::new(&closed).unwrap();
        let good = json!({"a": "x"});
        assert!(schema.refusal(&good).is_none() && schema.is_closed(Some(&good)) && schema.is_closed(None));
        let broken = schema.broken(&good);
        assert_eq!(
            broken.iter().map(|b| b.how.as_str()).collect::<Vec<_>>(),
            ["without a", "with a list of lists as a"]
        );
        assert!(broken.iter().all(|broken| schema.refusal(&broken.config).is_some()));
        let open = Schema::new(&json!({"type": "object"})).unwrap();
        assert!(!open.is_closed(Some(&json!({}))) && !open.is_closed(None));
    }
}
