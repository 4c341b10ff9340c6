//! Text to tokens.

use std::sync::Arc;

use crate::error::{Error, Span};

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tok {
    Ident(Arc<str>),
    Int(i64),
    Float(f64),
    Str(Arc<str>),
    Bytes(Arc<[u8]>),
    /// An operator or punctuation, word operators (`in`, `not`, `matches` …) among them.
    Op(&'static str),
    /// `{{…}}` as an operand; only where tags are allowed.
    Tag(Arc<str>),
    /// A string literal that holds `{{…}}`; only where tags are allowed.
    TaggedStr(Arc<str>),
    End,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) tok: Tok,
    pub(super) span: Span,
}

impl Tok {
    /// How the token is called in messages.
    pub(super) fn describe(&self) -> String {
        match self {
            Tok::Ident(name) => format!("`{name}`"),
            Tok::Int(n) => format!("`{n}`"),
            Tok::Float(n) => format!("`{n}`"),
            Tok::Str(_) | Tok::TaggedStr(_) => "a string".to_owned(),
            Tok::Bytes(_) => "bytes".to_owned(),
            Tok::Op(op) => format!("`{op}`"),
            Tok::Tag(name) => format!("the tag `{{{{{name}}}}}`"),
            Tok::End => "end".to_owned(),
        }
    }
}

/// Longest first, so that the first that fits is right.
const OPERATORS: [&str; 34] = [
    "**", "==", "!=", "<=", ">=", "&&", "||", "??", "?.", "?:", "..", "::", "+", "-", "*", "/", "%", "^", "<", ">",
    "!", "?", ":", ".", ",", "(", ")", "[", "]", "{", "}", "|", ";", "=",
];
const WORD_OPERATORS: [&str; 9] = ["in", "not", "and", "or", "matches", "contains", "startsWith", "endsWith", "let"];

/// Splits `source` into tokens. With `tags`, `{{name}}` is a token of its own.
pub(super) fn tokenize(source: &str, tags: bool) -> Result<Vec<Token>, Error> {
    let mut lexer = Lexer { source, at: 0, tags };
    let mut tokens = Vec::with_capacity(source.len() / 3 + 1);
    loop {
        lexer.skip_blank()?;
        let start = lexer.at;
        let tok = lexer.next()?;
        let end = tok == Tok::End;
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

    fn error(&self, start: usize, message: impl Into<String>) -> Error {
        Error::syntax(Span::new(start, self.at.max(start + 1)), message)
    }

    fn skip_blank(&mut self) -> Result<(), Error> {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start().len();
            self.at += blank;
            let rest = self.rest();
            if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                match rest.find("*/") {
                    Some(end) => self.at += end + 2,
                    None => return Err(self.error(self.at, "the comment is not closed").expected("`*/`")),
                }
            } else if blank == 0 {
                return Ok(());
            }
        }
    }

    fn next(&mut self) -> Result<Tok, Error> {
        let rest = self.rest();
        let Some(c) = rest.chars().next() else { return Ok(Tok::End) };
        if self.tags && rest.starts_with("{{") {
            return self.tag();
        }
        match c {
            '"' | '\'' => self.quoted(c),
            '`' => self.raw(),
            'b' | 'B' if matches!(rest.as_bytes().get(1), Some(b'"' | b'\'')) => self.bytes(),
            '0'..='9' => self.number(),
            '.' if rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit) => self.number(),
            '#' => Ok(self.pointer()),
            '$' => Ok(self.word()),
            c if c.is_alphabetic() || c == '_' => Ok(self.word()),
            _ => match OPERATORS.iter().find(|op| rest.starts_with(**op)) {
                // `a ? .5 : 1` is a ternary.
                Some(&"?.") if rest.as_bytes().get(2).is_some_and(u8::is_ascii_digit) => {
                    self.at += 1;
                    Ok(Tok::Op("?"))
                }
                Some(op) => {
                    self.at += op.len();
                    Ok(Tok::Op(op))
                }
                None => {
                    let start = self.at;
                    self.at += c.len_utf8();
                    let error = self.error(start, format!("unexpected character {c:?}"));
                    Err(match c {
                        '&' => error.hint("and is `&&` or `and`; for bits there is `bitand(a, b)`"),
                        '\u{201c}' | '\u{201d}' | '\u{2018}' | '\u{2019}' => error.hint("use straight quotes"),
                        _ => error,
                    })
                }
            },
        }
    }

    fn word(&mut self) -> Tok {
        let rest = self.rest();
        let len = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(rest.len());
        self.at += len;
        let word = rest.get(..len).unwrap_or("");
        match WORD_OPERATORS.iter().find(|op| **op == word) {
            Some(op) => Tok::Op(op),
            None => Tok::Ident(word.into()),
        }
    }

    fn pointer(&mut self) -> Tok {
        let rest = self.rest();
        let body = rest.get(1..).unwrap_or("");
        let len = body.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(body.len());
        self.at += 1 + len;
        Tok::Ident(rest.get(..=len).unwrap_or("#").into())
    }

    fn number(&mut self) -> Result<Tok, Error> {
        let start = self.at;
        let rest = self.rest();
        let radix = match rest.get(..2).map(str::to_ascii_lowercase).as_deref() {
            Some("0x") => 16,
            Some("0o") => 8,
            Some("0b") => 2,
            _ => 10,
        };
        if radix != 10 {
            let body = rest.get(2..).unwrap_or("");
            let len = body.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(body.len());
            self.at += 2 + len;
            let digits = body.get(..len).unwrap_or("").replace('_', "");
            return i64::from_str_radix(&digits, radix).map(Tok::Int).map_err(|_| {
                self.error(start, format!("`{}` is not a number", rest.get(..2 + len).unwrap_or("")))
                    .expected(format!("digits of base {radix}, less than 2^63"))
            });
        }
        let bytes = rest.as_bytes();
        let digits = |mut at: usize| {
            while bytes.get(at).is_some_and(|b| b.is_ascii_digit() || *b == b'_') {
                at += 1;
            }
            at
        };
        let mut len = digits(0);
        let mut float = false;
        // `1..3` is a range, `1.foo` a member.
        if bytes.get(len) == Some(&b'.') && bytes.get(len + 1) != Some(&b'.') {
            float = true;
            len = digits(len + 1);
        }
        if matches!(bytes.get(len), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(len + 1), Some(b'+' | b'-')));
            if bytes.get(len + 1 + sign).is_some_and(u8::is_ascii_digit) {
                float = true;
                len = digits(len + 1 + sign);
            }
        }
        self.at += len;
        let text = rest.get(..len).unwrap_or("");
        if self.rest().starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            let end = self.rest().find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(self.rest().len());
            self.at += end;
            let word = self.source.get(start..self.at).unwrap_or("");
            return Err(self
                .error(start, format!("`{word}` is not a number"))
                .hint("a name that starts with a digit is reached as a key: `group['…']`"));
        }
        let plain = text.replace('_', "");
        if float {
            match plain.parse::<f64>() {
                Ok(n) if n.is_finite() => Ok(Tok::Float(n)),
                _ => Err(self.error(start, format!("`{text}` is not a number"))),
            }
        } else {
            plain.parse::<i64>().map(Tok::Int).map_err(|_| {
                self.error(start, format!("`{text}` is too large for an integer")).hint("write it as a float: add `.0`")
            })
        }
    }

    fn raw(&mut self) -> Result<Tok, Error> {
        let start = self.at;
        let body = self.rest().get(1..).unwrap_or("");
        match body.find('`') {
            Some(len) => {
                self.at += len + 2;
                let text = body.get(..len).unwrap_or("");
                Ok(self.string_token(text))
            }
            None => {
                self.at = self.source.len();
                Err(self.error(start, "the string is not closed").expected("a closing backtick"))
            }
        }
    }

    fn string_token(&self, text: &str) -> Tok {
        if self.tags && text.contains("{{") && text.contains("}}") {
            Tok::TaggedStr(text.into())
        } else {
            Tok::Str(text.into())
        }
    }

    fn quoted(&mut self, quote: char) -> Result<Tok, Error> {
        let text = self.unquote(quote, false)?;
        // Strings hold characters: what is no UTF-8 is replaced, as nothing could print it either.
        let text = String::from_utf8(text).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
        Ok(self.string_token(&text))
    }

    fn bytes(&mut self) -> Result<Tok, Error> {
        self.at += 1;
        let quote = self.rest().chars().next().unwrap_or('"');
        Ok(Tok::Bytes(self.unquote(quote, true)?.into()))
    }

    fn unquote(&mut self, quote: char, bytes: bool) -> Result<Vec<u8>, Error> {
        let start = self.at;
        self.at += 1;
        let mut out = Vec::new();
        loop {
            let rest = self.rest();
            let Some(c) = rest.chars().next() else {
                return Err(self.error(start, "the string is not closed").expected(format!("a closing {quote}")));
            };
            self.at += c.len_utf8();
            match c {
                c if c == quote => return Ok(out),
                '\\' => self.escape(&mut out, bytes)?,
                '\n' => {
                    let open = Span::new(start, self.at - 1);
                    return Err(Error::syntax(open, "the string is not closed on its line")
                        .expected(format!("a closing {quote}"))
                        .hint("a text of several lines stands between backticks, or has `\\n`"));
                }
                c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>, bytes: bool) -> Result<(), Error> {
        let start = self.at - 1;
        let Some(c) = self.rest().chars().next() else { return Ok(()) };
        self.at += c.len_utf8();
        let hex = |this: &mut Self, len: usize| {
            let digits = this.rest().get(..len).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
            this.at += digits.map_or(0, str::len);
            digits.and_then(|d| u32::from_str_radix(d, 16).ok())
        };
        let simple = match c {
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            'v' => 11,
            '\\' | '\'' | '"' | '`' | '/' => c as u8,
            'x' => match hex(self, 2) {
                Some(n) if bytes || n < 0x80 => n as u8,
                // In text, `\xE9` is the character U+00E9.
                Some(n) => {
                    out.extend_from_slice(char::from(n as u8).encode_utf8(&mut [0; 4]).as_bytes());
                    return Ok(());
                }
                None => return Err(self.error(start, "invalid escape").expected("`\\x` and two hexadecimal digits")),
            },
            '0'..='3' => {
                let digits = self.source.get(start + 1..start + 4);
                match digits.and_then(|d| u32::from_str_radix(d, 8).ok()) {
                    Some(n) => {
                        self.at = start + 4;
                        if !bytes && n >= 0x80 {
                            out.extend_from_slice(char::from(n as u8).encode_utf8(&mut [0; 4]).as_bytes());
                            return Ok(());
                        }
                        n as u8
                    }
                    None => return Err(self.error(start, "invalid escape").expected("three octal digits")),
                }
            }
            'u' | 'U' if !bytes => {
                let mut code = hex(self, if c == 'u' { 4 } else { 8 });
                // A pair of surrogates, as JSON writes characters beyond U+FFFF.
                if let (Some(high @ 0xD800..=0xDBFF), true) = (code, self.rest().starts_with("\\u")) {
                    self.at += 2;
                    code = hex(self, 4)
                        .filter(|low| (0xDC00..=0xDFFF).contains(low))
                        .map(|low| 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00));
                }
                match code.and_then(char::from_u32) {
                    Some(c) => {
                        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                        return Ok(());
                    }
                    None => return Err(self.error(start, "invalid escape").expected("the code of a character")),
                }
            }
            _ => {
                return Err(self
                    .error(start, format!("unknown escape `\\{c}`"))
                    .hint("a backslash is written `\\\\`; between backticks nothing is escaped"));
            }
        };
        out.push(simple);
        Ok(())
    }

    /// `{{name}}`, maybe with tags inside it.
    fn tag(&mut self) -> Result<Tok, Error> {
        let start = self.at;
        let mut depth = 0usize;
        loop {
            let rest = self.rest();
            if rest.starts_with("{{") {
                depth += 1;
                self.at += 2;
            } else if rest.starts_with("}}") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    let body = self.source.get(start + 2..self.at - 2).unwrap_or("");
                    return Ok(Tok::Tag(body.into()));
                }
            } else if let Some(c) = rest.chars().next() {
                self.at += c.len_utf8();
            } else {
                return Err(self.error(start, "the tag is not closed").expected("`}}`"));
            }
        }
    }
}
