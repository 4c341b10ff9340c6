//! Conditions in the language of `when` (govaluate's grammar; bare words are strings).
//!
//! ```text
//! "{{inputs.parameters.env}} == prod && {{retries}} < 3"
//!   └── operand: one value ──┘    └──┘    └ operand ┘          operators come from the text alone
//! ```
//!
//! The tags are found first and the text around them is parsed with each tag as **one operand**. A value can therefore never add an operator,
//! close a quote or become a second operand. An operand's value is a number or boolean when it reads as one, else a string.
//! Only a condition that is nothing but one tag takes its whole structure from the tag's value.

mod date;
mod eval;
mod lex;
mod parse;
#[cfg(test)]
mod tests;

use crate::error::{Error, ErrorKind, Span};
use crate::scope::{Env, NoScope, Scope};
use crate::template::{Mode, Reference, Template, tag_end};

/// A parsed condition.
#[derive(Clone, Debug)]
pub struct Condition {
    source: Box<str>,
    plan: Plan,
}

#[derive(Clone, Debug)]
enum Plan {
    /// Operators of its own.
    Tree(Box<parse::Node>),
    /// One tag, whose value is the condition.
    Whole(Box<Template>),
}

impl Condition {
    /// Parses `source`, tags and all.
    pub fn parse(source: &str) -> Result<Condition, Error> {
        let text = source.trim();
        if text.starts_with("{{") && tag_end(text, 0).ok() == Some(text.len()) {
            let template = Template::parse(text)?;
            return Ok(Condition { source: source.into(), plan: Plan::Whole(Box::new(template)) });
        }
        Condition::parse_tree(source, true)
    }

    fn parse_tree(source: &str, tags: bool) -> Result<Condition, Error> {
        let tree = parse::parse(source, tags).map_err(|error| error.in_source(source))?;
        Ok(Condition { source: source.into(), plan: Plan::Tree(Box::new(tree)) })
    }

    /// The text as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The variables it uses.
    pub fn tags(&self) -> Vec<Reference> {
        match &self.plan {
            Plan::Whole(template) => template.tags(),
            Plan::Tree(tree) => {
                let mut references = Vec::new();
                tree.collect(&mut references);
                references
            }
        }
    }

    /// Is it true? Without time and randomness and under the default budget.
    pub fn eval(&self, scope: &dyn Scope) -> Result<bool, Error> {
        self.eval_in(&mut Env::new(scope))
    }

    /// Is it true? A tag that cannot be resolved is an error, and so is a result that is neither true nor false.
    pub fn eval_in(&self, env: &mut Env<'_>) -> Result<bool, Error> {
        match &self.plan {
            Plan::Tree(tree) => eval::eval(tree, env).map_err(|error| error.in_source(&self.source)),
            Plan::Whole(template) => self.eval_whole(template, env),
        }
    }

    fn eval_whole(&self, template: &Template, env: &mut Env<'_>) -> Result<bool, Error> {
        let scope = env.scope;
        let text = {
            let mut inner = Env { scope, now: env.now, random: None, budget: env.budget };
            if let Some(random) = &mut env.random {
                inner.random = Some(&mut **random);
            }
            template.render_in(&mut inner, Mode::Strict)?.text.into_owned()
        };
        match text.trim() {
            "true" => return Ok(true),
            "false" => return Ok(false),
            "" => {
                return Err(Error::new(ErrorKind::Value("the condition is empty".to_owned()))
                    .at(Span::new(0, self.source.len()))
                    .hint(
                        "the tag's value is the whole condition here; compare it to make it one operand: `… == 'yes'`",
                    )
                    .in_source(&self.source));
            }
            _ => {}
        }
        // Tags in the value stay text: a value is not a template.
        let condition = Condition::parse_tree(&text, false)?;
        match &condition.plan {
            Plan::Tree(tree) => {
                let mut none = Env { scope: &NoScope, now: None, random: None, budget: env.budget };
                eval::eval(tree, &mut none).map_err(|error| error.in_source(&text))
            }
            Plan::Whole(_) => Err(Error::internal("condition")),
        }
    }
}
