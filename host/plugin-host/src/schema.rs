//! The schema of a kind's configuration: what it refuses, no plugin sees.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use plugin::{ErrorClass, Finding, PluginError, Severity};
use serde_json::Value;

/// Findings that are told at once.
const FINDINGS_MAX: usize = 50;
/// The longest value that is shown in a finding (bytes).
const SHOWN_BYTES_MAX: usize = 256;

/// A schema, ready to check.
pub(crate) struct Schema(Validator);

impl Schema {
    /// Reads a schema (2020-12). Nothing is fetched that it refers to, and no pattern takes longer than its text.
    pub(crate) fn new(schema: &Value) -> Result<Self, String> {
        let options =
            jsonschema::options().with_draft(Draft::Draft202012).with_pattern_options(PatternOptions::regex());
        options.build(schema).map(Self).map_err(|error| match error.instance_path().as_str() {
            "" => error.to_string(),
            path => format!("{path}: {error}"),
        })
    }

    /// Everything that is wrong with a configuration, up to a number of things.
    pub(crate) fn findings(&self, config: &Value) -> Vec<Finding> {
        if self.0.is_valid(config) {
            return Vec::new();
        }
        self.0.iter_errors(config).flat_map(|error| told(&error)).take(FINDINGS_MAX).collect()
    }

    /// The same of one in which `{{…}}` stands for what is not known yet.
    pub(crate) fn findings_of_template(&self, config: &Value) -> Vec<Finding> {
        let known = |error: &ValidationError<'_>| is_about_names(error) || !is_open(error.instance());
        self.0.iter_errors(config).filter(known).flat_map(|error| told(&error)).take(FINDINGS_MAX).collect()
    }

    /// The same as an error.
    pub(crate) fn check(&self, plugin: &str, config: &Value) -> Result<(), PluginError> {
        let findings = self.findings(config);
        let Some((first, others)) = findings.split_first() else { return Ok(()) };
        let mut message = first.message.clone();
        for other in others {
            message.push_str(&format!("; {}: {}", other.field, other.message));
        }
        let mut error = PluginError::new(ErrorClass::InvalidConfig, "schema", message)
            .hint(format!("`colchis plugin get {plugin}` shows how it is configured"));
        error.field = Some(first.field.clone()).filter(|field| !field.is_empty());
        Err(error)
    }
}

/// Whether it is about which fields there are, whatever they hold.
fn is_about_names(error: &ValidationError<'_>) -> bool {
    use ValidationErrorKind::{AdditionalProperties, Required, UnevaluatedProperties};
    matches!(error.kind(), AdditionalProperties { .. } | UnevaluatedProperties { .. } | Required { .. })
}

/// Whether something in it is put in later.
fn is_open(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("{{"),
        Value::Array(items) => items.iter().any(is_open),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains("{{") || is_open(value)),
        _ => false,
    }
}

/// An error of the schema, in sentences: one for each field.
fn told(error: &ValidationError<'_>) -> Vec<Finding> {
    let at = field(error.instance_path().as_str());
    let below = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    let finding = |field: String, message: String| Finding { severity: Severity::Error, field, message };
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            unexpected.iter().map(|name| finding(below(name), "there is no such field".to_owned())).collect()
        }
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            vec![finding(below(name), "the field is missing".to_owned())]
        }
        _ => vec![finding(at, crate::convert::cut(error.to_string(), SHOWN_BYTES_MAX))],
    }
}

/// A JSON pointer as the path of a field: `/a/0/b~1c` is `a[0].b/c`.
fn field(pointer: &str) -> String {
    let mut path = String::new();
    for part in pointer.split('/').skip(1) {
        let name = part.replace("~1", "/").replace("~0", "~");
        if !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit()) {
            path.push_str(&format!("[{name}]"));
        } else {
            let dot = if path.is_empty() { "" } else { "." };
            path.push_str(&format!("{dot}{name}"));
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn everything_that_is_wrong_has_its_field() {
        let schema = json!({
            "type": "object", "additionalProperties": false, "required": ["query"],
            "properties": {
                "query": {"type": "string"},
                "headers": {"type": "array", "items": {"type": "object", "required": ["key"], "properties": {"key": {"type": "string"}}}},
                "interval": {"type": "string", "pattern": "^[0-9]+(s|m|h)$"},
            },
        });
        let schema = Schema::new(&schema).unwrap();
        let found = |config: Value| -> Vec<String> {
            let mut found: Vec<String> =
                schema.findings(&config).into_iter().map(|f| format!("{}: {}", f.field, f.message)).collect();
            found.sort();
            found
        };
        assert!(found(json!({"query": "up", "interval": "5m"})).is_empty());
        assert_eq!(found(json!({"qery": "up"})), ["qery: there is no such field", "query: the field is missing"]);
        assert_eq!(
            found(json!({"query": "up", "headers": [{"key": "a"}, {}]})),
            ["headers[1].key: the field is missing"]
        );
        assert_eq!(found(json!({"query": 1})), ["query: 1 is not of type \"string\""]);
        assert!(found(json!({"query": "up", "interval": "often"}))[0].starts_with("interval: "));
        let open = |config: Value| schema.findings_of_template(&config).len();
        assert_eq!(open(json!({"query": "{{inputs.parameters.q}}", "interval": "{{=x}}"})), 0);
        assert_eq!(open(json!({"qery": "{{x}}", "interval": "often", "headers": "{{x}}"})), 3);
        let error = schema.check("p", &json!({"query": 1, "x": 1})).unwrap_err();
        assert_eq!((error.class, error.field.is_some()), (ErrorClass::InvalidConfig, true), "{error:?}");
    }

    #[test]
    fn a_schema_that_is_none_is_refused() {
        for schema in [json!({"type": "text"}), json!({"$ref": "https://example.com/a.json"}), json!({"pattern": "("})]
        {
            assert!(Schema::new(&schema).is_err(), "{schema}");
        }
    }

    #[test]
    fn a_pattern_takes_no_longer_than_its_text() {
        let schema = Schema::new(&json!({"pattern": "^(a+)+$"})).unwrap();
        let begun = std::time::Instant::now();
        assert!(!schema.findings(&json!("a".repeat(50_000) + "!")).is_empty());
        assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
    }

    #[test]
    fn a_pointer_is_a_path() {
        for (pointer, path) in [("", ""), ("/a", "a"), ("/a/0/b", "a[0].b"), ("/0", "[0]"), ("/a~1b/c~0d", "a/b.c~d")] {
            assert_eq!(field(pointer), path);
        }
    }
}
