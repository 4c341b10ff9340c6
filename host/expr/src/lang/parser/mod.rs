//! Tokens to tree: operator precedence by Pratt's method, everything bounded in depth.

mod calls;
mod members;

use std::sync::Arc;

use super::ast::{Binary, Node, NodeId, Path, Pointer, Program, Segment, Statement, StepKind};
use super::token::{Tok, Token, tokenize};
use crate::error::{Error, ErrorKind, Span};
use crate::pattern;
use crate::template::Template;
use crate::value::Value;

/// Bytes of an expression at most.
const SOURCE_BYTES_MAX: usize = 256 << 10;
/// Levels of nesting at most; with evaluation's larger frames this is far below a thread's stack.
const NESTING_MAX: usize = 100;

/// Precedences. A prefix operator's is that of its operand.
const TERNARY: u8 = 0;
const NOT: u8 = 50;
const SIGN: u8 = 90;

/// Precedence of a binary operator, and whether it groups to the right.
fn binary_precedence(op: &str) -> Option<(u8, bool)> {
    Some(match op {
        "|" => (1, false),
        "or" | "||" => (10, false),
        "and" | "&&" => (15, false),
        "==" | "!=" | "<" | ">" | "<=" | ">=" | "in" | "matches" | "contains" | "startsWith" | "endsWith" | "not" => {
            (20, false)
        }
        ".." => (25, false),
        "+" | "-" => (30, false),
        "*" | "/" | "%" => (60, false),
        "**" | "^" => (100, true),
        "??" => (200, false),
        _ => return None,
    })
}

fn binary(op: &str) -> Option<Binary> {
    Some(match op {
        "+" => Binary::Add,
        "-" => Binary::Subtract,
        "*" => Binary::Multiply,
        "/" => Binary::Divide,
        "%" => Binary::Modulo,
        "**" | "^" => Binary::Power,
        ".." => Binary::Range,
        "==" => Binary::Equal,
        "!=" => Binary::NotEqual,
        "<" => Binary::Less,
        "<=" => Binary::LessEqual,
        ">" => Binary::Greater,
        ">=" => Binary::GreaterEqual,
        "in" => Binary::In,
        "matches" => Binary::Matches,
        "contains" => Binary::Contains,
        "startsWith" => Binary::StartsWith,
        "endsWith" => Binary::EndsWith,
        _ => return None,
    })
}

fn is_order(op: Binary) -> bool {
    matches!(op, Binary::Less | Binary::LessEqual | Binary::Greater | Binary::GreaterEqual)
}

/// Parses an expression; with `tags`, `{{name}}` may stand in it as an operand and within strings.
pub(super) fn parse(source: &str, tags: bool) -> Result<Program, Error> {
    if source.len() > SOURCE_BYTES_MAX {
        return Err(Error::new(ErrorKind::TooLong { limit: SOURCE_BYTES_MAX }));
    }
    let tokens = tokenize(source, tags)?;
    let mut parser = Parser {
        tokens,
        at: 0,
        nodes: Vec::new(),
        spans: Vec::new(),
        heights: Vec::new(),
        depth: 0,
        predicates: 0,
        locals: Vec::new(),
        slots: 0,
    };
    let root = parser.block(|tok| *tok == Tok::End)?;
    Ok(Program { nodes: parser.nodes, spans: parser.spans, root, slots: parser.slots })
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    nodes: Vec<Node>,
    spans: Vec<Span>,
    /// How deep evaluation recurses below each node.
    heights: Vec<u16>,
    depth: usize,
    predicates: usize,
    locals: Vec<(Arc<str>, u16)>,
    slots: u16,
}

type Parsed = Result<NodeId, Error>;

impl Parser {
    // ---- tokens

    fn tok(&self) -> &Tok {
        self.tokens.get(self.at).map_or(&Tok::End, |token| &token.tok)
    }

    fn ahead(&self) -> &Tok {
        self.tokens.get(self.at + 1).map_or(&Tok::End, |token| &token.tok)
    }

    fn span(&self) -> Span {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(Span::default(), |token| token.span)
    }

    fn last_span(&self) -> Span {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(Span::default(), |token| token.span)
    }

    fn advance(&mut self) {
        self.at += 1;
    }

    fn is(&self, op: &str) -> bool {
        matches!(self.tok(), Tok::Op(found) if *found == op)
    }

    fn accept(&mut self, op: &str) -> bool {
        let found = self.is(op);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, op: &'static str) -> Result<(), Error> {
        if self.accept(op) { Ok(()) } else { Err(self.unexpected().expected(format!("`{op}`"))) }
    }

    fn unexpected(&self) -> Error {
        let error = Error::syntax(self.span(), format!("unexpected {}", self.tok().describe()));
        match self.tok() {
            Tok::Op("=") => error.hint("equality is `==`; a variable is declared with `let name = …;`"),
            Tok::Str(_) | Tok::TaggedStr(_) if matches!(self.before(), Some(Tok::Str(_) | Tok::Ident(_))) => {
                error.hint("strings are joined with `+`; a quote within a string is written `\\'` or `\\\"`")
            }
            _ => error,
        }
    }

    fn before(&self) -> Option<&Tok> {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map(|token| &token.tok)
    }

    // ---- nodes

    fn push(&mut self, node: Node, span: Span) -> Parsed {
        let height = self.height_of(&node);
        if usize::from(height) > NESTING_MAX * 2 {
            return Err(self.too_deep().at(span));
        }
        let id = NodeId::try_from(self.nodes.len()).map_err(|_| Error::internal("node count"))?;
        self.nodes.push(node);
        self.spans.push(span);
        self.heights.push(height);
        Ok(id)
    }

    fn too_deep(&self) -> Error {
        Error::new(ErrorKind::TooDeep { limit: NESTING_MAX }).hint("split it with `let name = …;`")
    }

    fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id as usize)
    }

    fn span_of(&self, id: NodeId) -> Span {
        self.spans.get(id as usize).copied().unwrap_or_default()
    }

    /// Evaluation walks down the left side of operators in a loop, so only the right side counts there.
    fn height_of(&self, node: &Node) -> u16 {
        let of = |id: &NodeId| self.heights.get(*id as usize).copied().unwrap_or(0);
        let above = |ids: &mut dyn Iterator<Item = &NodeId>| ids.map(of).max().unwrap_or(0) + 1;
        match node {
            Node::Const(_) | Node::Path(_) | Node::Env | Node::Local(_) | Node::Pointer(_) | Node::Tag(_) => 1,
            Node::TaggedText(_) => 1,
            Node::Not(a) | Node::Negate(a) | Node::Plus(a) | Node::MatchesConst(a, _) => of(a) + 1,
            Node::Binary(_, a, b) | Node::And(a, b) | Node::Or(a, b) | Node::Coalesce(a, b) => of(a).max(of(b) + 1),
            Node::Chain(items, _) => above(&mut items.iter()),
            Node::Conditional(a, b, c) => above(&mut [*a, *b, *c].iter()),
            Node::Array(items) | Node::Call(_, items) => above(&mut items.iter()),
            Node::Map(entries) => above(&mut entries.iter().flat_map(|(key, value)| [key, value])),
            Node::Block(statements) => above(&mut statements.iter().map(|statement| &statement.value)),
            Node::Postfix(base, steps) => {
                steps.iter().fold(of(base), |height, step| {
                    height.max(match &step.kind {
                        StepKind::Field(_) => 0,
                        StepKind::Index(a) => of(a),
                        StepKind::Slice(a, b) => above(&mut a.iter().chain(b)),
                        StepKind::Method(_, args) => above(&mut args.iter()),
                    })
                }) + 1
            }
            Node::Predicate(_, call) => above(&mut [Some(call.array), call.predicate, call.extra].iter().flatten()),
        }
    }

    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.depth >= NESTING_MAX {
            return Err(self.too_deep().at(self.span()));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    // ---- grammar

    /// `let x = a; b; c` up to a token that `ends` accepts, which is taken.
    fn block(&mut self, ends: impl Fn(&Tok) -> bool) -> Parsed {
        let start = self.span();
        let visible = self.locals.len();
        let mut statements = Vec::new();
        loop {
            if self.accept("let") {
                statements.push(self.declaration()?);
                continue;
            }
            let value = self.expression(TERNARY)?;
            statements.push(Statement { slot: None, value });
            let more = self.accept(";");
            if ends(self.tok()) {
                self.advance();
                break;
            }
            if !more {
                return Err(self.unexpected().expected("an operator or the end"));
            }
        }
        self.locals.truncate(visible);
        match statements.as_slice() {
            [Statement { slot: None, value }] => Ok(*value),
            _ => self.push(Node::Block(statements.into()), start.to(self.last_span())),
        }
    }

    fn declaration(&mut self) -> Result<Statement, Error> {
        let Tok::Ident(name) = self.tok().clone() else {
            return Err(self.unexpected().expected("the name of a variable"));
        };
        if name.starts_with(['#', '$']) || matches!(name.as_ref(), "true" | "false" | "nil" | "if" | "else") {
            return Err(Error::syntax(self.span(), format!("`{name}` cannot be the name of a variable")));
        }
        self.advance();
        self.expect("=")?;
        let value = self.expression(TERNARY)?;
        self.expect(";")?;
        let slot = self.slots;
        self.slots = self.slots.checked_add(1).ok_or_else(|| Error::internal("too many variables"))?;
        self.locals.push((name, slot));
        Ok(Statement { slot: Some(slot), value })
    }

    fn expression(&mut self, min: u8) -> Parsed {
        self.nested(|p| {
            let start = p.span();
            let mut left = p.prefix()?;
            left = p.binaries(left, min, start)?;
            if min == TERNARY { p.ternary(left, start) } else { Ok(left) }
        })
    }

    fn prefix(&mut self) -> Parsed {
        let start = self.span();
        let (make, precedence): (fn(NodeId) -> Node, u8) = match self.tok() {
            Tok::Op("not" | "!") => (Node::Not, NOT),
            Tok::Op("-") => (Node::Negate, SIGN),
            Tok::Op("+") => (Node::Plus, SIGN),
            _ => return self.primary(),
        };
        self.advance();
        let operand = self.expression(precedence)?;
        self.push(make(operand), start.to(self.last_span()))
    }

    fn binaries(&mut self, mut left: NodeId, min: u8, start: Span) -> Parsed {
        loop {
            let Tok::Op(op) = *self.tok() else { return Ok(left) };
            let Some((precedence, right_grouping)) = binary_precedence(op) else { return Ok(left) };
            if precedence < min.max(1) {
                return Ok(left);
            }
            let negated = op == "not";
            let op = match (negated, self.ahead()) {
                (true, Tok::Op(word @ ("in" | "matches" | "contains" | "startsWith" | "endsWith"))) => *word,
                (true, _) => return Ok(left),
                (false, _) => op,
            };
            if negated {
                self.advance();
            }
            self.advance();
            if op == "|" {
                left = self.pipe(left, start)?;
                continue;
            }
            let right = self.expression(if right_grouping { precedence } else { precedence + 1 })?;
            let span = start.to(self.last_span());
            left = self.join(op, left, right, span)?;
            if negated {
                left = self.push(Node::Not(left), span)?;
            }
        }
    }

    fn join(&mut self, op: &'static str, left: NodeId, right: NodeId, span: Span) -> Parsed {
        let node = match op {
            "or" | "||" => Node::Or(left, right),
            "and" | "&&" => Node::And(left, right),
            "??" => {
                self.mark_defaulted(left);
                Node::Coalesce(left, right)
            }
            _ => {
                let Some(op) = binary(op) else { return Err(Error::internal("operator")) };
                return self.compare(op, left, right, span);
            }
        };
        self.push(node, span)
    }

    fn compare(&mut self, op: Binary, left: NodeId, right: NodeId, span: Span) -> Parsed {
        if op == Binary::Matches
            && let Some(Node::Const(Value::Str(text))) = self.node(right)
        {
            let regex = pattern::compile(text).map_err(|e| e.at(self.span_of(right)))?;
            return self.push(Node::MatchesConst(left, Arc::new(regex)), span);
        }
        if is_order(op) {
            match self.node(left) {
                // `a < b < c` without parentheses: the left side ends where this operator's operands begin.
                Some(Node::Binary(first, a, b)) if is_order(*first) && !self.parenthesized(left) => {
                    let node = Node::Chain([*a, *b, right].into(), [*first, op].into());
                    return self.push(node, span);
                }
                Some(Node::Chain(items, ops)) if !self.parenthesized(left) => {
                    let items = items.iter().copied().chain([right]).collect();
                    let ops = ops.iter().copied().chain([op]).collect();
                    return self.push(Node::Chain(items, ops), span);
                }
                _ => {}
            }
        }
        self.push(Node::Binary(op, left, right), span)
    }

    /// A parenthesized node's span includes the parentheses (see [`Parser::primary`]), so it starts before its first operand does.
    fn parenthesized(&self, id: NodeId) -> bool {
        let first = match self.node(id) {
            Some(Node::Binary(_, a, _)) => *a,
            Some(Node::Chain(items, _)) => items.first().copied().unwrap_or(id),
            _ => id,
        };
        self.span_of(id).start < self.span_of(first).start
    }

    fn mark_defaulted(&mut self, id: NodeId) {
        let base = match self.node(id) {
            Some(Node::Postfix(base, _)) => *base,
            _ => id,
        };
        if let Some(Node::Path(path)) = self.nodes.get_mut(base as usize) {
            path.defaulted = true;
        }
    }

    fn ternary(&mut self, mut left: NodeId, start: Span) -> Parsed {
        while self.is("?") || self.is("?:") {
            let short = self.is("?:");
            self.advance();
            let then = if short { left } else { self.expression(TERNARY)? };
            if !short {
                self.expect(":")?;
            }
            let other = self.expression(TERNARY)?;
            left = self.push(Node::Conditional(left, then, other), start.to(self.last_span()))?;
        }
        Ok(left)
    }

    fn pipe(&mut self, input: NodeId, start: Span) -> Parsed {
        let span = self.span();
        let Tok::Ident(name) = self.tok().clone() else {
            return Err(self.unexpected().expected("a function, `| name(…)`"));
        };
        self.advance();
        let call = if name.as_ref() == "sprig" && self.is(".") {
            self.advance();
            let (name, span) = self.member_name()?;
            self.sprig_call(&name, span, Some(input), start)?
        } else {
            self.call(&name, span, Some(input), start)?
        };
        self.postfix(call, start)
    }

    fn primary(&mut self) -> Parsed {
        let start = self.span();
        let token = self.tok().clone();
        let base = match token {
            Tok::Int(n) => self.constant(Value::Int(n))?,
            Tok::Float(n) => self.constant(Value::Float(n))?,
            Tok::Str(text) => self.constant(Value::Str(text))?,
            Tok::Bytes(bytes) => self.constant(Value::Bytes(bytes))?,
            Tok::Tag(text) => {
                self.advance();
                let tag = Template::parse_simple(&format!("{{{{{text}}}}}")).map_err(|e| e.unplaced().at(start))?;
                self.push(Node::Tag(Box::new(tag)), start)?
            }
            Tok::TaggedStr(text) => {
                self.advance();
                let text = Template::parse_simple(&text).map_err(|e| e.unplaced().at(start))?;
                self.push(Node::TaggedText(Box::new(text)), start)?
            }
            Tok::Ident(name) => {
                self.advance();
                self.identifier(&name, start)?
            }
            Tok::Op("(") => {
                self.advance();
                let inner = self.parenthesis()?;
                let span = start.to(self.last_span());
                if let Some(stored) = self.spans.get_mut(inner as usize) {
                    *stored = span;
                }
                inner
            }
            Tok::Op("[") => {
                self.advance();
                let items = self.list("]")?;
                self.push(Node::Array(items), start.to(self.last_span()))?
            }
            Tok::Op("{") => {
                self.advance();
                self.map(start)?
            }
            Tok::Op("." | "?.") if self.predicates > 0 => self.push(Node::Pointer(Pointer::Item), start)?,
            Tok::Op(".") => {
                return Err(Error::syntax(start, "a member of nothing").hint(
                    "`.name` means `#.name`, and `#` exists only in predicates such as `filter(list, .name == 'x')`",
                ));
            }
            Tok::End => return Err(self.unexpected().expected("a value")),
            Tok::Op(_) => return Err(self.unexpected().expected("a value")),
        };
        self.postfix(base, start)
    }

    /// `(a)`, or `(a; b)`.
    fn parenthesis(&mut self) -> Parsed {
        self.nested(|p| p.block(|tok| matches!(tok, Tok::Op(")")))).map_err(|e| e.expected("`)`"))
    }

    fn constant(&mut self, value: Value) -> Parsed {
        let span = self.span();
        self.advance();
        self.push(Node::Const(value), span)
    }

    fn list(&mut self, close: &'static str) -> Result<Box<[NodeId]>, Error> {
        let mut items = Vec::new();
        while !self.accept(close) {
            items.push(self.expression(TERNARY)?);
            if !self.accept(",") {
                if !self.accept(close) {
                    return Err(self.unexpected().expected(format!("`,` or `{close}`")));
                }
                break;
            }
        }
        Ok(items.into())
    }

    fn map(&mut self, start: Span) -> Parsed {
        let mut entries = Vec::new();
        while !self.accept("}") {
            let span = self.span();
            let key = match self.tok().clone() {
                Tok::Ident(name) => self.constant(Value::Str(name))?,
                Tok::Str(text) => self.constant(Value::Str(text))?,
                Tok::Int(n) => self.constant(Value::from(n.to_string()))?,
                Tok::Float(n) => self.constant(Value::from(n.to_string()))?,
                Tok::Op(word) if word.starts_with(|c: char| c.is_alphabetic()) => self.constant(Value::from(word))?,
                Tok::TaggedStr(_) | Tok::Tag(_) => self.primary()?,
                Tok::Op("(") => {
                    self.advance();
                    self.parenthesis()?
                }
                _ => {
                    return Err(Error::syntax(span, format!("unexpected {}", self.tok().describe()))
                        .expected("a key: a name, a string, a number, or an expression in parentheses"));
                }
            };
            self.expect(":")?;
            entries.push((key, self.expression(TERNARY)?));
            if !self.accept(",") {
                if !self.accept("}") {
                    return Err(self.unexpected().expected("`,` or `}`"));
                }
                break;
            }
        }
        self.push(Node::Map(entries.into()), start.to(self.last_span()))
    }

    fn identifier(&mut self, name: &Arc<str>, start: Span) -> Parsed {
        let value = match name.as_ref() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "nil" => Value::Nil,
            "if" => return self.nested(|p| p.conditional(start)),
            "else" => return Err(Error::syntax(start, "`else` without `if`")),
            "$env" => return self.push(Node::Env, start),
            pointer if pointer.starts_with('#') => return self.pointer(pointer, start),
            _ => return self.name(name, start),
        };
        self.push(Node::Const(value), start)
    }

    fn pointer(&mut self, name: &str, span: Span) -> Parsed {
        if self.predicates == 0 {
            return Err(Error::syntax(span, format!("`{name}` outside of a predicate"))
                .hint("it is the element that `map`, `filter`, `all` … look at"));
        }
        let pointer = match name {
            "#" => Pointer::Item,
            "#acc" => Pointer::Accumulator,
            "#index" => Pointer::Index,
            _ => {
                return Err(
                    Error::syntax(span, format!("unknown pointer `{name}`")).expected("`#`, `#acc` or `#index`")
                );
            }
        };
        self.push(Node::Pointer(pointer), span)
    }

    fn name(&mut self, name: &Arc<str>, span: Span) -> Parsed {
        let local = self.locals.iter().rev().find(|(known, _)| known == name).map(|(_, slot)| *slot);
        if let Some(slot) = local {
            return self.push(Node::Local(slot), span);
        }
        if self.is("(") {
            return self.call(name, span, None, span);
        }
        if name.as_ref() == "sprig" && self.is(".") {
            self.advance();
            let (function, span) = self.member_name()?;
            return self.sprig_call(&function, span, None, span);
        }
        let end = u32::try_from(name.len()).unwrap_or(u32::MAX);
        let path = Path {
            dotted: name.clone(),
            segments: [Segment { end, optional: false }].into(),
            defaulted: false,
            open: false,
        };
        self.push(Node::Path(Box::new(path)), span)
    }

    /// `if a { b } else { c }`; `else if` may follow.
    fn conditional(&mut self, start: Span) -> Parsed {
        let condition = self.expression(TERNARY)?;
        self.expect("{")?;
        let then = self.block(|tok| matches!(tok, Tok::Op("}")))?;
        if !matches!(self.tok(), Tok::Ident(word) if word.as_ref() == "else") {
            return Err(self.unexpected().expected("`else`"));
        }
        self.advance();
        let other = if matches!(self.tok(), Tok::Ident(word) if word.as_ref() == "if") {
            let start = self.span();
            self.advance();
            self.nested(|p| p.conditional(start))?
        } else {
            self.expect("{")?;
            self.block(|tok| matches!(tok, Tok::Op("}")))?
        };
        self.push(Node::Conditional(condition, then, other), start.to(self.last_span()))
    }
}
