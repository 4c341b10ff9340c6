//! A condition's tokens. A tag is an operand, or a part of the word or quoted string it stands in.

use super::date;
use crate::error::{Error, Span};
use crate::template::{Template, tag_end};

#[derive(Clone, Debug)]
pub(super) enum Tok {
    Operator(&'static str),
    Operand(Operand),
    End,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) tok: Tok,
    pub(super) span: Span,
}

/// An operand before it has a value.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    /// A bare word without tags: a number, a boolean, or a string.
    Word(String),
    /// In quotes without tags: a string, or a date.
    Quoted(String),
    /// A bare word that is or holds tags: typed by its text.
    Tagged(Vec<Piece>),
    /// In quotes, with tags: a string.
    TaggedQuoted(Vec<Piece>),
}

#[derive(Clone, Debug)]
pub(super) enum Piece {
    Text(String),
    Tag(Box<Template>, Span),
}

/// Longest first. Those at the end are no operators of the language and are told apart for a better message.
const OPERATORS: [&str; 27] = [
    "&&", "||", "==", "!=", "<=", ">=", "=~", "!~", "<<", ">>", "**", "??", "<", ">", "!", "~", "(", ")", ",", "+",
    "-", "*", "/", "%", "&", "|", "^",
];
const TERNARY: [&str; 2] = ["?", ":"];

pub(super) fn tokenize(source: &str, tags: bool) -> Result<Vec<Token>, Error> {
    let mut lexer = Lexer { source, at: 0, tags };
    let mut tokens = Vec::new();
    loop {
        let rest = lexer.rest();
        lexer.at += rest.len() - rest.trim_start().len();
        let start = lexer.at;
        let tok = lexer.next()?;
        let end = matches!(tok, Tok::End);
        tokens.push(Token { tok, span: Span::new(start, lexer.at) });
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
    tags: bool,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or("")
    }

    fn at_tag(&self) -> bool {
        self.tags && self.rest().starts_with("{{")
    }

    fn next(&mut self) -> Result<Tok, Error> {
        let rest = self.rest();
        let Some(c) = rest.chars().next() else { return Ok(Tok::End) };
        match c {
            '\'' | '"' => self.quoted(c),
            c if is_word(c) || self.at_tag() => self.word(),
            _ => {
                let operator = OPERATORS.iter().chain(&TERNARY).find(|operator| rest.starts_with(**operator));
                match operator {
                    Some(operator) => {
                        self.at += operator.len();
                        Ok(Tok::Operator(operator))
                    }
                    None => Err(self.strange(c)),
                }
            }
        }
    }

    fn strange(&self, c: char) -> Error {
        let len = if self.rest().starts_with("===") { 3 } else { c.len_utf8() };
        let error = Error::syntax(Span::new(self.at, self.at + len), format!("unexpected {c:?}"));
        match c {
            '=' => error.hint("equality is `==`, a regular expression `=~`"),
            '{' if self.rest().starts_with("{{") => error.hint("tags in a value are not replaced"),
            _ => error.hint("a string with special characters stands in quotes"),
        }
    }

    fn tag(&mut self) -> Result<Piece, Error> {
        let start = self.at;
        let end = tag_end(self.source, start)?;
        let text = self.source.get(start..end).unwrap_or("");
        let template = Template::parse(text).map_err(|error| error.moved(start))?;
        self.at = end;
        Ok(Piece::Tag(Box::new(template), Span::new(start, end)))
    }

    fn word(&mut self) -> Result<Tok, Error> {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut text = String::new();
        let mut letters = false;
        if let Some(len) = date::bare_len(self.rest()) {
            text.push_str(self.rest().get(..len).unwrap_or(""));
            self.at += len;
            return Ok(Tok::Operand(Operand::Quoted(text)));
        }
        loop {
            if self.at_tag() {
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                pieces.push(self.tag()?);
                continue;
            }
            let mut chars = self.rest().chars();
            let Some(c) = chars.next() else { break };
            let tail = self.rest().get(c.len_utf8()..).unwrap_or("");
            let next = chars.next();
            let goes_on = next.is_some_and(is_word) || (self.tags && tail.starts_with("{{"));
            let joins = match c {
                c if is_word(c) => true,
                // Between words these would be arithmetic on strings, which there is none of: `my-task`, `ghcr.io/image`.
                '-' | '/' => goes_on && (letters || next.is_some_and(char::is_alphabetic)),
                _ => false,
            };
            if !joins {
                break;
            }
            letters |= c.is_alphabetic();
            text.push(c);
            self.at += c.len_utf8();
        }
        if pieces.is_empty() {
            return Ok(match text.as_str() {
                "in" | "IN" => Tok::Operator("in"),
                _ => Tok::Operand(Operand::Word(text)),
            });
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Ok(Tok::Operand(Operand::Tagged(pieces)))
    }

    fn quoted(&mut self, quote: char) -> Result<Tok, Error> {
        let start = self.at;
        self.at += 1;
        let mut pieces = Vec::new();
        let mut text = String::new();
        loop {
            if self.at_tag() {
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                pieces.push(self.tag()?);
                continue;
            }
            let mut chars = self.rest().chars();
            let Some(c) = chars.next() else {
                return Err(Error::syntax(Span::new(start, self.at), "the string is not closed")
                    .expected(format!("a closing {quote}")));
            };
            self.at += c.len_utf8();
            if c == quote {
                break;
            }
            // A backslash stands for the character behind it, whatever it is.
            let c =
                if c == '\\' { chars.next().inspect(|escaped| self.at += escaped.len_utf8()).unwrap_or(c) } else { c };
            text.push(c);
        }
        if pieces.is_empty() {
            return Ok(Tok::Operand(Operand::Quoted(text)));
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Ok(Tok::Operand(Operand::TaggedQuoted(pieces)))
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '@' | '#' | '$')
}
