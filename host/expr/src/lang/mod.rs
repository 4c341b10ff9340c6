//! The expression language.

use crate::{Env, Error, Reference, Value};

/// A parsed expression of the [expr language](https://expr-lang.org/docs/language-definition) with Argo's additions.
#[derive(Clone, Debug)]
pub struct Expression {
    source: std::sync::Arc<str>,
}

impl Expression {
    /// Parses `source`.
    pub fn parse(source: &str) -> Result<Expression, Error> {
        Ok(Expression { source: source.into() })
    }

    /// The text as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The variables it uses.
    pub fn references(&self) -> Vec<Reference> {
        Vec::new()
    }

    /// Its value. A variable that the scope does not know is an error with suggestions, except as `group.missing` (nil) where `group` is known.
    pub fn eval(&self, env: &mut Env<'_>) -> Result<Value, Error> {
        let _ = env;
        Err(Error::internal("not built"))
    }

    /// Its value where a boolean is wanted; anything else is an error.
    pub fn eval_bool(&self, env: &mut Env<'_>) -> Result<bool, Error> {
        let _ = env;
        Err(Error::internal("not built"))
    }

    /// Its value as a tag shows it: strings raw, everything else as JSON; nil is an error.
    pub fn eval_text(&self, env: &mut Env<'_>) -> Result<String, Error> {
        let _ = env;
        Err(Error::internal("not built"))
    }
}
