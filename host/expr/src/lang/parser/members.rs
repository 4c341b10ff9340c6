//! What follows a value: `.name`, `?.name`, `[index]`, `[from:to]`, `.method(…)`.

use std::sync::Arc;

use super::super::ast::{Node, NodeId, Segment, Step, StepKind};
use super::super::token::Tok;
use super::{Parsed, Parser, TERNARY};
use crate::error::{Error, Span};
use crate::value::Value;

impl Parser {
    pub(super) fn member_name(&mut self) -> Result<(Arc<str>, Span), Error> {
        let span = self.span();
        let name = match self.tok() {
            Tok::Ident(name) => name.clone(),
            // After a dot a word operator is a name.
            Tok::Op(word) if word.starts_with(|c: char| c.is_alphabetic()) => Arc::from(*word),
            _ => return Err(self.unexpected().expected("the name of a member")),
        };
        self.advance();
        Ok((name, span))
    }

    pub(super) fn postfix(&mut self, base: NodeId, start: Span) -> Parsed {
        let mut steps: Vec<Step> = Vec::new();
        loop {
            let span = self.span();
            let optional = self.is("?.");
            let dotted = optional || self.is(".");
            let kind = if dotted {
                // `.name` in a predicate: the base `#` was put there without taking the dot.
                self.advance();
                if optional && self.accept("[") { self.index_or_slice()? } else { self.member()? }
            } else if self.accept("[") {
                self.index_or_slice()?
            } else {
                break;
            };
            let span = span.to(self.last_span());
            if steps.is_empty() && self.extend_path(base, &kind, optional, start.to(span)) {
                continue;
            }
            steps.push(Step { kind, optional, span });
        }
        if steps.is_empty() {
            return Ok(base);
        }
        if let Some(Node::Path(path)) = self.nodes.get_mut(base as usize)
            && matches!(steps.first(), Some(Step { kind: StepKind::Index(_), .. }))
        {
            path.open = true;
        }
        self.push(Node::Postfix(base, steps.into()), start.to(self.last_span()))
    }

    pub(super) fn member(&mut self) -> Result<StepKind, Error> {
        let (name, _) = self
            .member_name()
            .map_err(|e| e.hint("a name with a dash or a leading digit is reached as `group['my-name']`"))?;
        if self.accept("(") {
            let args = self.nested(|p| p.list(")"))?;
            return Ok(StepKind::Method(name, args));
        }
        Ok(StepKind::Field(name))
    }

    pub(super) fn index_or_slice(&mut self) -> Result<StepKind, Error> {
        if self.accept(":") {
            let to = if self.is("]") { None } else { Some(self.expression(TERNARY)?) };
            self.expect("]")?;
            return Ok(StepKind::Slice(None, to));
        }
        let from = self.expression(TERNARY)?;
        if self.accept(":") {
            let to = if self.is("]") { None } else { Some(self.expression(TERNARY)?) };
            self.expect("]")?;
            return Ok(StepKind::Slice(Some(from), to));
        }
        self.expect("]")?;
        Ok(StepKind::Index(from))
    }

    /// Makes a known member a part of the variable's name.
    pub(super) fn extend_path(&mut self, base: NodeId, kind: &StepKind, optional: bool, span: Span) -> bool {
        let name = match kind {
            StepKind::Field(name) => name.clone(),
            StepKind::Index(id) => match self.node(*id) {
                Some(Node::Const(Value::Str(text))) => text.clone(),
                _ => return false,
            },
            _ => return false,
        };
        let Some(Node::Path(path)) = self.nodes.get_mut(base as usize) else { return false };
        let dotted = format!("{}.{name}", path.dotted);
        let end = u32::try_from(dotted.len()).unwrap_or(u32::MAX);
        path.dotted = dotted.into();
        path.segments = path.segments.iter().cloned().chain([Segment { end, optional }]).collect();
        if let Some(stored) = self.spans.get_mut(base as usize) {
            *stored = span;
        }
        true
    }
}
