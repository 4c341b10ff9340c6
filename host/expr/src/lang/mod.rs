//! The expression language: tokens, tree, evaluation.

mod ast;
mod builtins;
mod eval;
mod operators;
mod parser;
mod predicates;
mod token;

#[cfg(test)]
mod tests;

/// What `sprig` shares with the language's own functions.
pub(crate) mod text {
    pub(crate) use super::builtins::arrays::uniq;
    pub(crate) use super::builtins::strings::{lower, repeat, replace, split_to, trim_set, upper};
}

use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::scope::Env;
use crate::suggest;
use crate::template::Reference;
use crate::value::{JsonStyle, Value, write_json};
use ast::{Node, Program};
use eval::Machine;

/// A parsed expression of the [expr language](https://expr-lang.org/docs/language-definition) with Argo's additions (`asInt`, `asFloat`,
/// `jsonpath`, `toJson`, `sprig.*`). Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Expression {
    source: Arc<str>,
    program: Arc<Program>,
}

impl Expression {
    /// Parses `source`.
    pub fn parse(source: &str) -> Result<Expression, Error> {
        Expression::parse_with(source, false).map_err(|error| error.in_source(source))
    }

    /// Parses the body of a `{{=…}}` tag, in which tags may stand: as operands and within strings. Their values never become syntax.
    /// Errors do not have their text yet: it is a part of the caller's.
    pub(crate) fn parse_tagged(source: &str) -> Result<Expression, Error> {
        Expression::parse_with(source, source.contains("{{"))
    }

    fn parse_with(source: &str, tags: bool) -> Result<Expression, Error> {
        let program = parser::parse(source, tags)?;
        Ok(Expression { source: source.into(), program: Arc::new(program) })
    }

    /// The text as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The variables it uses, for validation before anything runs.
    pub fn references(&self) -> Vec<Reference> {
        let mut references = Vec::new();
        for (node, span) in self.program.nodes.iter().zip(&self.program.spans) {
            match node {
                Node::Path(path) => references.push(Reference {
                    name: path.dotted.to_string(),
                    dynamic: path.open,
                    expression: true,
                    optional: path.defaulted || path.segments.iter().any(|segment| segment.optional),
                    span: *span,
                }),
                Node::Tag(template) | Node::TaggedText(template) => references.extend(template.tags()),
                _ => {}
            }
        }
        references
    }

    /// Its value.
    ///
    /// A variable that the scope does not know is an error with suggestions when nothing of it is known; where its group is known
    /// (`inputs.parameters.missing`), it is nil, so that `??` can provide for it.
    pub fn eval(&self, env: &mut Env<'_>) -> Result<Value, Error> {
        Machine::new(&self.program, env, false).run().map_err(|error| error.in_source(&self.source))
    }

    /// [`Expression::eval`] with errors that do not have their text yet.
    pub(crate) fn eval_unplaced(&self, env: &mut Env<'_>) -> Result<Value, Error> {
        Machine::new(&self.program, env, false).run()
    }

    /// Its value where a boolean is wanted; anything else is an error.
    pub fn eval_bool(&self, env: &mut Env<'_>) -> Result<bool, Error> {
        let value = self.eval(env)?;
        value.as_bool().ok_or_else(|| {
            let error = Error::ty(format!("the result must be true or false, not {}", value.describe()));
            let error = if value.as_str().is_some() {
                error.hint("compare it: `… == 'true'`; variables are strings")
            } else {
                error
            };
            error.at(self.whole()).in_source(&self.source)
        })
    }

    /// Its value as a tag shows it: strings raw, everything else as JSON; nil is an error.
    pub fn eval_text(&self, env: &mut Env<'_>) -> Result<String, Error> {
        self.text(env, false).map_err(|error| error.in_source(&self.source))
    }

    /// [`Expression::eval_text`] with errors that do not have their text yet. With `lenient`, a variable without value is always an error of
    /// the kind [`ErrorKind::Unresolved`], and so is nil.
    pub(crate) fn text(&self, env: &mut Env<'_>, lenient: bool) -> Result<String, Error> {
        let mut machine = Machine::new(&self.program, env, lenient);
        let value = machine.run()?;
        match value {
            Value::Str(text) => Ok(text.as_ref().to_owned()),
            Value::Nil if lenient => Err(Error::new(ErrorKind::Unresolved(self.source.trim().to_owned()))),
            Value::Nil => Err(self.nil_error(machine.missing.as_deref(), machine.scope).at(self.whole())),
            other => {
                let mut out = String::new();
                write_json(&mut out, &other, JsonStyle::COMPACT, &mut machine.ctx.meter)?;
                Ok(out)
            }
        }
    }

    fn nil_error(&self, missing: Option<&str>, scope: &dyn crate::Scope) -> Error {
        match missing {
            Some(name) => Error::new(ErrorKind::Unresolved(name.to_owned()))
                .did_you_mean(&suggest::near_in_scope(name, scope))
                .hint("`… ?? 'default'` provides for a value that is missing"),
            None => Error::value("the expression has no value (nil)").hint("`… ?? 'default'` provides for it"),
        }
    }

    fn whole(&self) -> crate::Span {
        crate::Span::new(0, self.source.len())
    }
}
