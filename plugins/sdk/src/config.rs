//! Configurations: a struct of the author's, from which the schema is made and into which objects of users are read.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;

use crate::{Error, Result};

/// A configuration: a struct that derives `serde::Deserialize` and `schemars::JsonSchema`.
pub trait Config: DeserializeOwned + JsonSchema {}

impl<T: DeserializeOwned + JsonSchema> Config for T {}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It cannot work so: the object is refused.
    Error,
    /// It can, and is probably not what was meant.
    Warning,
}

/// Something about a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// The field, as a path; empty for the whole.
    pub field: String,
    /// What is wrong, and what is expected, without values of secrets.
    pub message: String,
}

impl Finding {
    /// It cannot work so.
    pub fn error(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, field: field.into(), message: message.into() }
    }

    /// It is probably not what was meant.
    pub fn warning(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, field: field.into(), message: message.into() }
    }
}

/// Reads a configuration; an error names the field.
pub fn parse<C: Config>(json: &str) -> Result<C> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let config = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let field = error.path().to_string();
        let message = error.into_inner().to_string();
        // Positions in a document that the user never saw help nobody.
        let message = message.split(" at line ").next().unwrap_or_default().to_owned();
        Error::invalid(if field == "." { String::new() } else { field }, message)
    })?;
    reader.end().map_err(|error| Error::invalid("", error.to_string()))?;
    Ok(config)
}

/// Reads any JSON document.
#[allow(dead_code, reason = "only some kinds have further documents")]
pub(crate) fn document(json: &str, what: &str) -> Result<serde_json::Value> {
    serde_json::from_str(json)
        .map_err(|error| Error::permanent(format!("{what} is not JSON: {error}")).with_code("bad-document"))
}

/// The JSON Schema (2020-12) of a configuration.
pub fn schema<C: Config>() -> String {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<C>().to_value().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Sample {
        /// The address.
        address: String,
        #[serde(default)]
        inner: Option<Inner>,
    }

    #[derive(Debug, serde::Deserialize, JsonSchema)]
    struct Inner {
        step: u32,
    }

    #[test]
    fn a_field_that_cannot_be_read_is_named() {
        let sample: Sample = parse(r#"{"address":"a","inner":{"step":3}}"#).unwrap();
        assert_eq!((sample.address.as_str(), sample.inner.unwrap().step), ("a", 3));
        for (json, field, message) in [
            (r#"{"address":"a","inner":{"step":"x"}}"#, Some("inner.step"), "invalid type: string \"x\", expected u32"),
            (r#"{"address":1}"#, Some("address"), "invalid type: integer `1`, expected a string"),
            (r#"{}"#, None, "missing field `address`"),
            (r#"{"address":"a","more":1}"#, Some("more"), "unknown field `more`, expected `address` or `inner`"),
        ] {
            let error = parse::<Sample>(json).unwrap_err();
            assert_eq!((error.field(), error.message()), (field, message), "{json}");
        }
        assert!(parse::<Sample>(r#"{"address":"a"} x"#).is_err());
    }

    #[test]
    fn a_schema_has_the_words_of_the_struct() {
        let schema: serde_json::Value = serde_json::from_str(&schema::<Sample>()).unwrap();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["properties"]["address"]["description"], "The address.");
        assert_eq!(schema["required"], serde_json::json!(["address"]));
        assert_eq!(schema["additionalProperties"], false);
    }
}
