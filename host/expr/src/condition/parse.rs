//! Tokens to tree. From loose to tight: `? :` `??` · `||` · `&&` · comparison and `in` · `& | ^` · `<< >>` · `+ -` · `* / %` · `**` · `! - ~`.

use super::lex::{Operand, Piece, Tok, Token, tokenize};
use crate::error::{Error, ErrorKind, Span};
use crate::template::Reference;

/// Bytes of a condition at most.
const SOURCE_BYTES_MAX: usize = 256 << 10;
/// Operators within each other at most; chains of one logical operator count once.
const NESTING_MAX: usize = 64;
/// Operators of one kind in a row at most, `a + b + c …`; logical ones are not limited.
const CHAIN_MAX: usize = 100;

#[derive(Clone, Debug)]
pub(super) enum Node {
    Operand(Operand, Span),
    All(Vec<Node>),
    Any(Vec<Node>),
    Unary(&'static str, Box<Node>, Span),
    Binary(&'static str, Box<Node>, Box<Node>, Span),
    Conditional(Box<Node>, Box<Node>, Option<Box<Node>>),
    List(Vec<Node>, Span),
}

impl Node {
    pub(super) fn span(&self) -> Span {
        match self {
            Node::Operand(_, span) | Node::Unary(_, _, span) | Node::Binary(_, _, _, span) | Node::List(_, span) => {
                *span
            }
            Node::All(parts) | Node::Any(parts) => match (parts.first(), parts.last()) {
                (Some(first), Some(last)) => first.span().to(last.span()),
                _ => Span::default(),
            },
            Node::Conditional(condition, then, other) => condition.span().to(other.as_ref().unwrap_or(then).span()),
        }
    }

    /// Adds the names that its tags use.
    pub(super) fn collect(&self, references: &mut Vec<Reference>) {
        match self {
            Node::Operand(Operand::Tagged(pieces) | Operand::TaggedQuoted(pieces), _) => {
                for piece in pieces {
                    if let Piece::Tag(template, at) = piece {
                        references.extend(template.tags().into_iter().map(|mut reference| {
                            reference.span = reference.span.shift(at.start as usize);
                            reference
                        }));
                    }
                }
            }
            Node::Operand(..) => {}
            Node::All(parts) | Node::Any(parts) | Node::List(parts, _) => {
                parts.iter().for_each(|part| part.collect(references));
            }
            Node::Unary(_, inner, _) => inner.collect(references),
            Node::Binary(_, left, right, _) => {
                left.collect(references);
                right.collect(references);
            }
            Node::Conditional(condition, then, other) => {
                condition.collect(references);
                then.collect(references);
                if let Some(other) = other {
                    other.collect(references);
                }
            }
        }
    }
}

/// Parses a condition; with `tags`, `{{…}}` are operands.
pub(super) fn parse(source: &str, tags: bool) -> Result<Node, Error> {
    if source.len() > SOURCE_BYTES_MAX {
        return Err(Error::new(ErrorKind::TooLong { limit: SOURCE_BYTES_MAX }));
    }
    let mut parser = Parser { tokens: tokenize(source, tags)?, at: 0, depth: 0 };
    let node = parser.ternary()?;
    match parser.tok() {
        Tok::End => Ok(node),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

/// The binary operators between `&&` and the prefixes, from loose to tight.
const LEVELS: [&[&str]; 6] = [
    &["==", "!=", "<", "<=", ">", ">=", "=~", "!~", "in"],
    &["&", "|", "^"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
    &["**"],
];

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

type Parsed = Result<Node, Error>;

impl Parser {
    fn tok(&self) -> &Tok {
        self.tokens.get(self.at).map_or(&Tok::End, |token| &token.tok)
    }

    fn span(&self) -> Span {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(Span::default(), |token| token.span)
    }

    fn accept(&mut self, wanted: &[&str]) -> Option<&'static str> {
        match self.tok() {
            Tok::Operator(operator) if wanted.contains(operator) => {
                let operator = *operator;
                self.at += 1;
                Some(operator)
            }
            _ => None,
        }
    }

    fn unexpected(&self, expected: &str) -> Error {
        let found = match self.tok() {
            Tok::End => "end".to_owned(),
            Tok::Operator(operator) => format!("`{operator}`"),
            Tok::Operand(Operand::Word(word)) => format!("`{word}`"),
            Tok::Operand(Operand::Quoted(_) | Operand::TaggedQuoted(_)) => "a string".to_owned(),
            Tok::Operand(Operand::Tagged(_)) => "a tag".to_owned(),
        };
        let error = Error::syntax(self.span(), format!("unexpected {found}")).expected(expected);
        match self.tok() {
            Tok::Operand(Operand::Word(word)) if word == "and" => error.hint("and is `&&`"),
            Tok::Operand(Operand::Word(word)) if word == "or" => error.hint("or is `||`"),
            Tok::Operand(_) => error.hint("a string with spaces stands in quotes"),
            _ => error,
        }
    }

    fn nested(&mut self, parse: impl FnOnce(&mut Self) -> Parsed) -> Parsed {
        if self.depth >= NESTING_MAX {
            return Err(Error::new(ErrorKind::TooDeep { limit: NESTING_MAX }).at(self.span()));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// `a ? b : c`, `a ? b`, `a ?? b`.
    fn ternary(&mut self) -> Parsed {
        self.nested(|p| {
            let mut left = p.any()?;
            loop {
                if p.accept(&["?"]).is_some() {
                    let then = p.ternary()?;
                    let other = if p.accept(&[":"]).is_some() { Some(Box::new(p.ternary()?)) } else { None };
                    return Ok(Node::Conditional(Box::new(left), Box::new(then), other));
                }
                if p.accept(&["??"]).is_none() {
                    return Ok(left);
                }
                // No operand of a condition is ever nil except `a ? b` without `:`.
                let right = p.any()?;
                let span = left.span().to(right.span());
                left = Node::Binary("??", Box::new(left), Box::new(right), span);
                if p.depth_of_chain(&left) > CHAIN_MAX {
                    return Err(Error::new(ErrorKind::TooDeep { limit: CHAIN_MAX }).at(span));
                }
            }
        })
    }

    fn depth_of_chain(&self, node: &Node) -> usize {
        let (mut depth, mut at) = (0, node);
        while let Node::Binary(_, left, ..) = at {
            depth += 1;
            at = left;
        }
        depth
    }

    fn any(&mut self) -> Parsed {
        let mut parts = vec![self.all()?];
        while self.accept(&["||"]).is_some() {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Node::Any(parts) })
    }

    fn all(&mut self) -> Parsed {
        let mut parts = vec![self.level(0)?];
        while self.accept(&["&&"]).is_some() {
            parts.push(self.level(0)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Node::All(parts) })
    }

    fn level(&mut self, level: usize) -> Parsed {
        let Some(operators) = LEVELS.get(level) else { return self.prefix() };
        let mut left = self.level(level + 1)?;
        let mut chain = 0;
        while let Some(operator) = self.accept(operators) {
            chain += 1;
            let right = if operator == "in" { self.container(level)? } else { self.level(level + 1)? };
            let span = left.span().to(right.span());
            if chain > CHAIN_MAX {
                return Err(Error::new(ErrorKind::TooDeep { limit: CHAIN_MAX }).at(span));
            }
            left = Node::Binary(operator, Box::new(left), Box::new(right), span);
        }
        Ok(left)
    }

    /// What stands behind `in`: in parentheses, one item is a list too.
    fn container(&mut self, level: usize) -> Parsed {
        let start = self.span();
        if self.accept(&["("]).is_none() {
            return self.level(level + 1);
        }
        Ok(match self.parenthesis(start)? {
            list @ Node::List(..) => list,
            single => {
                let span = start.to(single.span());
                Node::List(vec![single], span)
            }
        })
    }

    fn prefix(&mut self) -> Parsed {
        let start = self.span();
        match self.accept(&["!", "-", "~"]) {
            Some(operator) => {
                let inner = self.nested(Self::prefix)?;
                let span = start.to(inner.span());
                Ok(Node::Unary(operator, Box::new(inner), span))
            }
            None => self.value(),
        }
    }

    fn value(&mut self) -> Parsed {
        let start = self.span();
        if self.accept(&["("]).is_some() {
            return self.parenthesis(start);
        }
        match self.tok() {
            Tok::Operand(operand) => {
                let node = Node::Operand(operand.clone(), start);
                self.at += 1;
                Ok(node)
            }
            _ => Err(self.unexpected("a value")),
        }
    }

    /// `(a)`, or the list `(a, b)`.
    fn parenthesis(&mut self, start: Span) -> Parsed {
        let first = self.ternary()?;
        let mut items = vec![first];
        while self.accept(&[","]).is_some() {
            items.push(self.ternary()?);
        }
        let end = self.span();
        if self.accept(&[")"]).is_none() {
            return Err(self.unexpected("`)`"));
        }
        Ok(if items.len() == 1 { items.remove(0) } else { Node::List(items, start.to(end)) })
    }
}
