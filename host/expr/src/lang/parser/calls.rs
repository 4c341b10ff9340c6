//! Calls: functions, `sprig.*`, predicates.

use std::sync::Arc;

use super::super::ast::{Node, NodeId, PredicateCall, PredicateKind};
use super::super::builtins;
use super::super::token::Tok;
use super::{Parsed, Parser, TERNARY};
use crate::error::{Error, ErrorKind, Span};
use crate::func::{Func, MANY};
use crate::{sprig, suggest};

impl Parser {
    pub(super) fn call(&mut self, name: &Arc<str>, span: Span, piped: Option<NodeId>, start: Span) -> Parsed {
        let predicate = PredicateKind::ALL.iter().find(|(known, _)| *known == name.as_ref()).map(|(_, kind)| *kind);
        if let Some(kind) = predicate {
            return self.predicate_call(kind, piped, start);
        }
        let Some(func) = builtins::find(name) else {
            let names = builtins::names().chain(PredicateKind::ALL.iter().map(|(name, _)| *name));
            let error = Error::new(ErrorKind::UnknownFunction(name.to_string())).at(span);
            let near = suggest::near(name, names);
            return Err(if near.is_empty() && sprig::find(name).is_some() {
                error.hint(format!("did you mean `sprig.{name}`?"))
            } else {
                error.did_you_mean(&near)
            });
        };
        self.arguments(func, piped, start)
    }

    pub(super) fn sprig_call(&mut self, name: &str, span: Span, piped: Option<NodeId>, start: Span) -> Parsed {
        let Some(func) = sprig::find(name) else {
            let names = suggest::near(name, sprig::names());
            let names: Vec<String> = names.into_iter().map(|name| format!("sprig.{name}")).collect();
            return Err(Error::new(ErrorKind::UnknownFunction(format!("sprig.{name}"))).at(span).did_you_mean(&names));
        };
        self.arguments(func, piped, start)
    }

    pub(super) fn arguments(&mut self, func: &'static Func, piped: Option<NodeId>, start: Span) -> Parsed {
        if !self.is("(") {
            return Err(self.unexpected().expected(format!("`(`: `{}` is a function", func.name)));
        }
        self.advance();
        let rest = self.list(")")?;
        let args: Box<[NodeId]> = piped.into_iter().chain(rest.iter().copied()).collect();
        let span = start.to(self.last_span());
        if args.len() < func.min || args.len() > func.max {
            let wanted = match (func.min, func.max) {
                (min, max) if min == max => format!("{min}"),
                (min, MANY) => format!("at least {min}"),
                (min, max) => format!("{min} to {max}"),
            };
            let message = format!("`{}` takes {wanted} argument(s), not {}", func.name, args.len());
            return Err(Error::syntax(span, message));
        }
        self.push(Node::Call(func, args), span)
    }

    pub(super) fn predicate_call(&mut self, kind: PredicateKind, piped: Option<NodeId>, start: Span) -> Parsed {
        self.expect("(")?;
        let array = match piped {
            Some(array) => array,
            None => {
                let array = self.expression(TERNARY)?;
                if !self.is(")") {
                    self.expect(",")?;
                }
                array
            }
        };
        let predicate = if self.is(")") { None } else { Some(self.predicate()?) };
        let extra = if kind.takes_extra() && self.accept(",") && !self.is(")") {
            Some(self.expression(TERNARY)?)
        } else {
            None
        };
        self.accept(",");
        self.expect(")")?;
        let span = start.to(self.last_span());
        if predicate.is_none() && !kind.predicate_optional() {
            return Err(Error::syntax(span, format!("`{}` needs a predicate", kind.name()))
                .expected(format!("`{}(list, # …)`", kind.name())));
        }
        self.push(Node::Predicate(kind, Box::new(PredicateCall { array, predicate, extra })), span)
    }

    pub(super) fn predicate(&mut self) -> Parsed {
        self.predicates += 1;
        let parsed = if self.accept("{") {
            self.nested(|p| p.block(|tok| matches!(tok, Tok::Op("}"))))
        } else {
            self.expression(TERNARY)
        };
        self.predicates -= 1;
        parsed
    }
}
