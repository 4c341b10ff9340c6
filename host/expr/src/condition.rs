//! Conditions (`when`).

use crate::{Env, Error, Reference, Scope};

/// A condition in the language of `when`, its tags found before anything is replaced.
#[derive(Clone, Debug)]
pub struct Condition {
    source: Box<str>,
}

impl Condition {
    /// Parses `source`, tags and all.
    pub fn parse(source: &str) -> Result<Condition, Error> {
        Ok(Condition { source: source.into() })
    }

    /// The text as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The variables it uses.
    pub fn tags(&self) -> Vec<Reference> {
        Vec::new()
    }

    /// Is it true? Without time and randomness and under the default budget.
    pub fn eval(&self, scope: &dyn Scope) -> Result<bool, Error> {
        self.eval_in(&mut Env::new(scope))
    }

    /// Is it true? An unresolved tag is an error.
    pub fn eval_in(&self, env: &mut Env<'_>) -> Result<bool, Error> {
        let _ = env;
        Err(Error::internal("not built"))
    }
}
