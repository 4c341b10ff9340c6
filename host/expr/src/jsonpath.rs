//! JSONPath: Kubernetes' template form and the plain form.

use crate::{Budget, Error};

/// A Kubernetes JSONPath template: `{.items[*].name}`, `{range .items[*]}{.name}{"\n"}{end}`, with or without the outer braces.
#[derive(Clone, Debug)]
pub struct Template {
    source: Box<str>,
}

impl Template {
    /// Parses `source`.
    pub fn parse(source: &str) -> Result<Template, Error> {
        Ok(Template { source: source.into() })
    }

    /// The text as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text that kubectl would print: results of one path separated by spaces, strings raw, objects as JSON. A missing key is an error.
    pub fn render(&self, json: &serde_json::Value, budget: Budget) -> Result<String, Error> {
        let (_, _) = (json, budget);
        Err(Error::internal("not built"))
    }
}
