//! The tree of an expression, flat: nodes refer to each other by index, so that neither building nor dropping it recurses.

use std::sync::Arc;

use regex::Regex;

use crate::error::Span;
use crate::func::Func;
use crate::template::Template;
use crate::value::Value;

pub(super) type NodeId = u32;

#[derive(Clone, Debug)]
pub(super) enum Node {
    Const(Value),
    /// A variable of the scope, with all members that are known when it is parsed.
    Path(Box<Path>),
    /// `$env`.
    Env,
    /// A `let` variable, by slot.
    Local(u16),
    /// `#`, `#acc`, `#index`.
    Pointer(Pointer),
    Not(NodeId),
    Negate(NodeId),
    Plus(NodeId),
    Binary(Binary, NodeId, NodeId),
    /// `a < b < c`: each neighbour pair must hold.
    Chain(Box<[NodeId]>, Box<[Binary]>),
    /// `matches` with a pattern that is known when it is parsed.
    MatchesConst(NodeId, Arc<Regex>),
    And(NodeId, NodeId),
    Or(NodeId, NodeId),
    Coalesce(NodeId, NodeId),
    /// condition, then, else; `a ?: b` has the same node twice.
    Conditional(NodeId, NodeId, NodeId),
    /// `base.a[b]?.c(d)[e:f]`.
    Postfix(NodeId, Box<[Step]>),
    Array(Box<[NodeId]>),
    Map(Box<[(NodeId, NodeId)]>),
    /// `let x = a; b; c`: each in turn, the last one's value.
    Block(Box<[Statement]>),
    Call(&'static Func, Box<[NodeId]>),
    Predicate(PredicateKind, Box<PredicateCall>),
    /// A tag as an operand: its text, as a number or boolean where it reads as one.
    Tag(Box<Template>),
    /// A string with tags in it.
    TaggedText(Box<Template>),
}

/// One part of a block; with a slot it is a `let`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statement {
    pub(super) slot: Option<u16>,
    pub(super) value: NodeId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pointer {
    Item,
    Accumulator,
    Index,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
    Range,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    Matches,
    Contains,
    StartsWith,
    EndsWith,
}

impl Binary {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Binary::Add => "+",
            Binary::Subtract => "-",
            Binary::Multiply => "*",
            Binary::Divide => "/",
            Binary::Modulo => "%",
            Binary::Power => "**",
            Binary::Range => "..",
            Binary::Equal => "==",
            Binary::NotEqual => "!=",
            Binary::Less => "<",
            Binary::LessEqual => "<=",
            Binary::Greater => ">",
            Binary::GreaterEqual => ">=",
            Binary::In => "in",
            Binary::Matches => "matches",
            Binary::Contains => "contains",
            Binary::StartsWith => "startsWith",
            Binary::EndsWith => "endsWith",
        }
    }
}

/// One member, slice or method call behind a base.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) kind: StepKind,
    /// Behind `?.`: nil ends the whole chain with nil.
    pub(super) optional: bool,
    pub(super) span: Span,
}

#[derive(Clone, Debug)]
pub(super) enum StepKind {
    Field(Arc<str>),
    Index(NodeId),
    Slice(Option<NodeId>, Option<NodeId>),
    Method(Arc<str>, Box<[NodeId]>),
}

/// `inputs.parameters['my-name']` as one name.
#[derive(Clone, Debug)]
pub(super) struct Path {
    /// All segments, joined by dots: what the scope is asked for.
    pub(super) dotted: Arc<str>,
    /// The segments.
    pub(super) segments: Box<[Segment]>,
    /// Left of `??`: the text provides for its absence.
    pub(super) defaulted: bool,
    /// A dynamic member follows.
    pub(super) open: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Segment {
    /// Where in [`Path::dotted`] it ends.
    pub(super) end: u32,
    /// Behind `?.`.
    pub(super) optional: bool,
}

impl Path {
    /// The first `count` segments as a name.
    pub(super) fn prefix(&self, count: usize) -> &str {
        let end = count.checked_sub(1).and_then(|at| self.segments.get(at)).map_or(0, |segment| segment.end as usize);
        self.dotted.get(..end).unwrap_or("")
    }

    /// The segment at `at`, alone.
    pub(super) fn segment(&self, at: usize) -> &str {
        let start = if at == 0 { 0 } else { self.prefix(at).len() + 1 };
        let end = self.prefix(at + 1).len();
        self.dotted.get(start..end).unwrap_or("")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PredicateKind {
    All,
    Any,
    One,
    None,
    Map,
    Filter,
    Find,
    FindIndex,
    FindLast,
    FindLastIndex,
    GroupBy,
    SortBy,
    Count,
    Sum,
    Reduce,
}

impl PredicateKind {
    pub(super) const ALL: [(&'static str, PredicateKind); 15] = [
        ("all", PredicateKind::All),
        ("any", PredicateKind::Any),
        ("one", PredicateKind::One),
        ("none", PredicateKind::None),
        ("map", PredicateKind::Map),
        ("filter", PredicateKind::Filter),
        ("find", PredicateKind::Find),
        ("findIndex", PredicateKind::FindIndex),
        ("findLast", PredicateKind::FindLast),
        ("findLastIndex", PredicateKind::FindLastIndex),
        ("groupBy", PredicateKind::GroupBy),
        ("sortBy", PredicateKind::SortBy),
        ("count", PredicateKind::Count),
        ("sum", PredicateKind::Sum),
        ("reduce", PredicateKind::Reduce),
    ];

    pub(super) fn name(self) -> &'static str {
        PredicateKind::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    /// May the predicate be left out?
    pub(super) fn predicate_optional(self) -> bool {
        matches!(self, PredicateKind::Count | PredicateKind::Sum | PredicateKind::SortBy)
    }

    /// May an argument follow the predicate: the order of `sortBy`, the start of `reduce`?
    pub(super) fn takes_extra(self) -> bool {
        matches!(self, PredicateKind::SortBy | PredicateKind::Reduce)
    }
}

#[derive(Clone, Debug)]
pub(super) struct PredicateCall {
    pub(super) array: NodeId,
    pub(super) predicate: Option<NodeId>,
    /// The third argument: order or initial value.
    pub(super) extra: Option<NodeId>,
}

/// A parsed expression.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) nodes: Vec<Node>,
    pub(super) spans: Vec<Span>,
    pub(super) root: NodeId,
    pub(super) slots: u16,
}
