//! Strings with tags: `{{inputs.parameters.name}}`, `{{steps.{{x}}.id}}`, `{{=expression}}`.

mod parse;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::error::{Error, ErrorKind, Span};
use crate::lang::Expression;
use crate::scope::{Env, Scope};
use crate::suggest;

pub(crate) use parse::tag_end;

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

impl Mode<'_> {
    fn refuses(self, name: &str) -> bool {
        match self {
            Mode::Lenient => false,
            Mode::Strict => true,
            Mode::StrictUnder(prefixes) => prefixes.iter().any(|prefix| name.starts_with(prefix)),
        }
    }
}

/// A text with its tags found, ready to be rendered many times.
#[derive(Clone, Debug)]
pub struct Template {
    source: Box<str>,
    /// Empty for a text without tags.
    segments: Box<[Segment]>,
}

/// A part of a text. Spans point into the text.
#[derive(Clone, Debug)]
enum Segment {
    Literal(Span),
    /// `{{name}}`: the trimmed name, and the whole tag.
    Tag {
        name: Span,
        whole: Span,
    },
    /// `{{a.{{b}}}}`: the parts between the outer braces.
    Nested {
        parts: Box<[Segment]>,
        whole: Span,
    },
    /// `{{=expression}}`.
    Expression {
        expression: Expression,
        start: usize,
        whole: Span,
    },
}

/// A name that a template, expression or condition uses.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The dotted name (`inputs.parameters.x`). For a name whose end is only known when it is rendered (`{{a.{{b}}}}`, `a[x]`), the part
    /// before it, `a`.
    pub name: String,
    /// Is [`Reference::name`] only the known beginning?
    pub dynamic: bool,
    /// Is it in an expression (`{{=…}}`), and not a simple tag? Then it may also name a group, or a member of a value.
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
    /// The tags that stayed in the text, as written between the braces and trimmed; an expression begins with `=`.
    pub unresolved: Vec<String>,
}

impl Template {
    /// Finds the tags of `source` and parses the expressions among them. An error is an unclosed tag or a broken expression.
    pub fn parse(source: &str) -> Result<Template, Error> {
        let segments = parse::segments(source, true).map_err(|error| error.in_source(source))?;
        Ok(Template { source: source.into(), segments: segments.into() })
    }

    /// Only simple tags: what may stand within an expression.
    pub(crate) fn parse_simple(source: &str) -> Result<Template, Error> {
        let segments = parse::segments(source, false).map_err(|error| error.in_source(source))?;
        Ok(Template { source: source.into(), segments: segments.into() })
    }

    /// The text as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Has it no tags at all? Then rendering gives [`Template::source`].
    pub fn is_static(&self) -> bool {
        self.segments.is_empty()
    }

    /// The names it uses, for validation before anything runs.
    pub fn tags(&self) -> Vec<Reference> {
        let mut references = Vec::new();
        for segment in &self.segments {
            self.collect(segment, &mut references);
        }
        references
    }

    fn collect(&self, segment: &Segment, references: &mut Vec<Reference>) {
        match segment {
            Segment::Literal(_) => {}
            Segment::Tag { name, whole } => references.push(Reference {
                name: self.text(*name).to_owned(),
                dynamic: false,
                expression: false,
                optional: false,
                span: *whole,
            }),
            Segment::Nested { parts, whole } => {
                let known = match parts.first() {
                    Some(Segment::Literal(span)) => self.text(*span).trim_start().trim_end_matches('.'),
                    _ => "",
                };
                references.push(Reference {
                    name: known.to_owned(),
                    dynamic: true,
                    expression: false,
                    optional: false,
                    span: *whole,
                });
                for part in parts {
                    self.collect(part, references);
                }
            }
            Segment::Expression { expression, start, .. } => {
                references.extend(expression.references().into_iter().map(|mut reference| {
                    reference.span = reference.span.shift(*start);
                    reference.expression = true;
                    reference
                }));
            }
        }
    }

    /// The name, when the whole text is one simple tag without nested tags.
    pub fn as_tag(&self) -> Option<&str> {
        match &*self.segments {
            [Segment::Tag { name, .. }] => Some(self.text(*name)),
            _ => None,
        }
    }

    /// The expression, when the whole text is one `{{=…}}` tag: its typed value is to be had with [`Expression::eval`].
    pub fn as_expression(&self) -> Option<&Expression> {
        match &*self.segments {
            [Segment::Expression { expression, .. }] => Some(expression),
            _ => None,
        }
    }

    /// The text with its tags replaced, without time and randomness and under the default budget.
    pub fn render<'a>(&'a self, scope: &'a dyn Scope, mode: Mode<'_>) -> Result<Rendered<'a>, Error> {
        self.render_in(&mut Env::new(scope), mode)
    }

    /// The text with its tags replaced. The budget of `env` is for each expression of the text, not for all together.
    pub fn render_in<'r, 'e: 'r>(&'r self, env: &mut Env<'e>, mode: Mode<'_>) -> Result<Rendered<'r>, Error> {
        let mut unresolved = Vec::new();
        let text = match &*self.segments {
            [] => Cow::Borrowed(&*self.source),
            [segment] => self.piece(segment, env, mode, &mut unresolved)?,
            segments => {
                let mut text = String::with_capacity(self.source.len());
                for segment in segments {
                    text.push_str(&self.piece(segment, env, mode, &mut unresolved)?);
                }
                Cow::Owned(text)
            }
        };
        Ok(Rendered { text, unresolved })
    }

    fn text(&self, span: Span) -> &str {
        self.source.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    fn piece<'r, 'e: 'r>(
        &'r self,
        segment: &'r Segment,
        env: &mut Env<'e>,
        mode: Mode<'_>,
        unresolved: &mut Vec<String>,
    ) -> Result<Cow<'r, str>, Error> {
        match segment {
            Segment::Literal(span) => Ok(Cow::Borrowed(self.text(*span))),
            Segment::Tag { name, whole } => {
                let name = self.text(*name);
                match env.scope.lookup(name) {
                    Some(value) => Ok(value),
                    None => self.keep(name, *whole, env.scope, mode, unresolved),
                }
            }
            Segment::Nested { parts, whole } => {
                let mut name = String::new();
                let mut inner = Vec::new();
                for part in parts {
                    name.push_str(&self.piece(part, env, mode, &mut inner)?);
                }
                if !inner.is_empty() {
                    unresolved.append(&mut inner);
                    return Ok(Cow::Borrowed(self.text(*whole)));
                }
                match env.scope.lookup(name.trim()) {
                    Some(value) => Ok(value),
                    None => self.keep(name.trim(), *whole, env.scope, mode, unresolved),
                }
            }
            Segment::Expression { expression, start, whole } => {
                self.expression(expression, *start, *whole, env, mode, unresolved)
            }
        }
    }

    /// What a tag without value is: an error, or itself.
    fn keep(
        &self,
        name: &str,
        whole: Span,
        scope: &dyn Scope,
        mode: Mode<'_>,
        unresolved: &mut Vec<String>,
    ) -> Result<Cow<'_, str>, Error> {
        if mode.refuses(name) {
            return Err(Error::new(ErrorKind::Unresolved(name.to_owned()))
                .at(whole)
                .did_you_mean(&suggest::near_in_scope(name, scope))
                .in_source(&self.source));
        }
        unresolved.push(name.to_owned());
        Ok(Cow::Borrowed(self.text(whole)))
    }

    fn expression(
        &self,
        expression: &Expression,
        start: usize,
        whole: Span,
        env: &mut Env<'_>,
        mode: Mode<'_>,
        unresolved: &mut Vec<String>,
    ) -> Result<Cow<'_, str>, Error> {
        let mut result = expression.text(env, mode != Mode::Strict);
        if let (Err(error), Mode::StrictUnder(_)) = (&result, mode)
            && let ErrorKind::Unresolved(name) = error.kind()
            && mode.refuses(name)
        {
            // One of ours: a default in the expression may still provide for it.
            result = expression.text(env, false);
            return result.map(Cow::Owned).map_err(|error| error.within(&self.source, start));
        }
        match result {
            Ok(text) => Ok(Cow::Owned(text)),
            Err(error) if mode != Mode::Strict && matches!(error.kind(), ErrorKind::Unresolved(_)) => {
                unresolved.push(format!("={}", expression.source().trim()));
                Ok(Cow::Borrowed(self.text(whole)))
            }
            Err(error) => Err(error.within(&self.source, start)),
        }
    }
}
