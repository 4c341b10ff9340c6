//! JSONPath, in two flavours that share one tree and one evaluation:
//!
//! - [`Template`], Kubernetes' form, for `valueFrom.jsonPath`: `{.items[*].metadata.name}`, `{range .items[*]}{.name}{"\n"}{end}`;
//! - [`Path`], the plain form, for `jsonpath(document, '$.a.b[0]')` in expressions.
//!
//! Both know keys, indices, slices, unions, wildcards, recursive descent and filters. Every visited node is paid from a budget: `{..}{..}` on a
//! large document ends with an error, not with a full memory.

mod doc;
mod eval;
mod parse;
mod template;

#[cfg(test)]
mod tests;

use crate::budget::Meter;
use crate::error::Error;
use crate::value::Value;

pub use template::{Missing, Template};

/// A plain path: `$.a.b[0]`, `$..name`, `$.items[?(@.n > 3)].name`. The `$` may be left out.
#[derive(Clone, Debug)]
pub struct Path {
    source: String,
    steps: Vec<parse::Step>,
}

impl Path {
    /// Parses `source`.
    pub fn parse(source: &str) -> Result<Path, Error> {
        let steps = parse::plain(source).map_err(|error| error.in_source(source))?;
        Ok(Path { source: source.to_owned(), steps })
    }

    /// The text as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Does it name at most one place: only keys and indices?
    pub fn is_definite(&self) -> bool {
        self.steps.iter().all(|step| matches!(step.kind, parse::StepKind::Key(_) | parse::StepKind::Index(_)))
    }

    /// The value at a definite path, or the array of values at any other. A definite path that leads nowhere is an error.
    pub(crate) fn find(&self, document: &Value, meter: &mut Meter) -> Result<Value, Error> {
        let found = eval::run(&self.steps, document, document, self.is_definite(), meter)?;
        if self.is_definite() {
            return Ok(found.into_iter().next().cloned().unwrap_or_default());
        }
        meter.alloc_items(found.len())?;
        Ok(Value::Array(std::sync::Arc::new(crate::value::List::new(found.into_iter().cloned().collect())?)))
    }
}
