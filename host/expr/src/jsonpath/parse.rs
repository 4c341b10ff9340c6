//! Text to steps.

use crate::error::{Error, ErrorKind, Span};

/// Bytes of a path at most.
pub(super) const SOURCE_BYTES_MAX: usize = 64 << 10;
/// Filters and parentheses within each other at most.
const NESTING_MAX: usize = 32;
/// Steps of one path at most.
const STEPS_MAX: usize = 200;

#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) kind: StepKind,
    pub(super) span: Span,
}

#[derive(Clone, Debug)]
pub(super) enum StepKind {
    Key(String),
    Index(i64),
    Slice(Option<i64>, Option<i64>, Option<i64>),
    Wildcard,
    /// `..`: the node and all nodes below it.
    Descend,
    /// `[0, 2]`, `['a', 'b']`: each alternative is a path of its own.
    Union(Vec<Vec<Step>>),
    Filter(Box<Filter>),
}

/// The condition of `[?(…)]`.
#[derive(Clone, Debug)]
pub(super) enum Filter {
    Any(Vec<Filter>),
    All(Vec<Filter>),
    Not(Box<Filter>),
    Exists(Operand),
    Compare(Operand, Comparison, Operand),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

#[derive(Clone, Debug)]
pub(super) enum Operand {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    /// `@…` (from the element) or `$…` (from the root).
    Path {
        root: bool,
        steps: Vec<Step>,
    },
}

/// The two flavours differ in what a dot in brackets means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flavour {
    Plain,
    /// `['a.b']` is `a` and then `b`; `\.` is a dot.
    Kubernetes,
}

/// A plain path.
pub(super) fn plain(source: &str) -> Result<Vec<Step>, Error> {
    let mut parser = Parser { source, at: 0, flavour: Flavour::Plain, depth: 0 };
    whole(&mut parser)
}

/// One path of a Kubernetes template; `offset` is where it starts in `source`, `end` where it ends.
pub(super) fn kubernetes(source: &str, start: usize, end: usize) -> Result<Vec<Step>, Error> {
    let part = source.get(..end).unwrap_or(source);
    let mut parser = Parser { source: part, at: start, flavour: Flavour::Kubernetes, depth: 0 };
    whole(&mut parser)
}

fn whole(parser: &mut Parser<'_>) -> Result<Vec<Step>, Error> {
    if parser.source.len() > SOURCE_BYTES_MAX {
        return Err(Error::new(ErrorKind::TooLong { limit: SOURCE_BYTES_MAX }));
    }
    parser.skip_blank();
    if !parser.accept("$") {
        parser.accept("@");
    }
    // A path may begin with a name without a dot.
    let bare = parser.rest().starts_with(is_key);
    let steps = parser.steps(bare)?;
    parser.skip_blank();
    if parser.rest().is_empty() { Ok(steps) } else { Err(parser.unexpected("`.name`, `[…]` or the end")) }
}

struct Parser<'s> {
    source: &'s str,
    at: usize,
    flavour: Flavour,
    depth: usize,
}

fn is_key(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '\\')
}

impl<'s> Parser<'s> {
    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or("")
    }

    fn skip_blank(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn accept(&mut self, what: &str) -> bool {
        let found = self.rest().starts_with(what);
        if found {
            self.at += what.len();
        }
        found
    }

    fn accept_spaced(&mut self, what: &str) -> bool {
        self.skip_blank();
        self.accept(what)
    }

    fn expect(&mut self, what: &str) -> Result<(), Error> {
        if self.accept_spaced(what) { Ok(()) } else { Err(self.unexpected(&format!("`{what}`"))) }
    }

    fn unexpected(&self, expected: &str) -> Error {
        let (message, len) = match self.rest().chars().next() {
            Some(c) => (format!("unexpected {c:?}"), c.len_utf8()),
            None => ("unexpected end".to_owned(), 0),
        };
        Error::syntax(Span::new(self.at, self.at + len), message).expected(expected)
    }

    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.depth >= NESTING_MAX {
            return Err(Error::new(ErrorKind::TooDeep { limit: NESTING_MAX }).at(Span::new(self.at, self.at + 1)));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn steps(&mut self, bare: bool) -> Result<Vec<Step>, Error> {
        let mut steps = Vec::new();
        if bare {
            let start = self.at;
            let key = self.key()?;
            steps.push(Step { kind: StepKind::Key(key), span: Span::new(start, self.at) });
        }
        loop {
            let start = self.at;
            if steps.len() > STEPS_MAX {
                return Err(Error::new(ErrorKind::TooDeep { limit: STEPS_MAX }).at(Span::new(start, start + 1)));
            }
            let kind = if self.accept("..") {
                steps.push(Step { kind: StepKind::Descend, span: Span::new(start, self.at) });
                if self.rest().starts_with('[') {
                    continue;
                }
                if self.accept("*") {
                    StepKind::Wildcard
                } else if self.rest().starts_with(is_key) {
                    StepKind::Key(self.key()?)
                } else {
                    continue;
                }
            } else if self.accept(".") {
                if self.accept("*") {
                    StepKind::Wildcard
                } else if self.rest().starts_with('[') {
                    // `.[0]` is `[0]`.
                    continue;
                } else if self.rest().starts_with(is_key) {
                    StepKind::Key(self.key()?)
                } else if steps.is_empty() && self.rest().trim().is_empty() {
                    break; // `.` alone is the document
                } else {
                    return Err(self.unexpected("the name of a key, `*` or `[`"));
                }
            } else if self.accept("[") {
                let mut inner = self.nested(Self::bracket)?;
                match (inner.len(), inner.pop()) {
                    // A dotted name in brackets is several steps.
                    (1, Some(only)) => only.kind,
                    (_, last) => {
                        steps.extend(inner);
                        steps.extend(last);
                        continue;
                    }
                }
            } else {
                break;
            };
            steps.push(Step { kind, span: Span::new(start, self.at) });
        }
        Ok(steps)
    }

    /// A key behind a dot; a backslash makes any character part of it.
    fn key(&mut self) -> Result<String, Error> {
        let mut key = String::new();
        while let Some(c) = self.rest().chars().next() {
            if c == '\\' {
                self.at += 1;
                let Some(escaped) = self.rest().chars().next() else { return Err(self.unexpected("a character")) };
                self.at += escaped.len_utf8();
                key.push(escaped);
            } else if is_key(c) || (self.flavour == Flavour::Kubernetes && matches!(c, '/' | ':' | '$')) {
                self.at += c.len_utf8();
                key.push(c);
            } else {
                break;
            }
        }
        Ok(key)
    }

    /// What stands in brackets, up to and with `]`.
    fn bracket(&mut self) -> Result<Vec<Step>, Error> {
        let start = self.at;
        self.skip_blank();
        let one = |this: &Self, kind: StepKind| vec![Step { kind, span: Span::new(start, this.at) }];
        if self.accept("*") {
            self.expect("]")?;
            return Ok(one(self, StepKind::Wildcard));
        }
        if self.accept("?") {
            self.expect("(")?;
            let filter = self.filter()?;
            self.expect(")")?;
            self.expect("]")?;
            return Ok(one(self, StepKind::Filter(Box::new(filter))));
        }
        let mut alternatives = Vec::new();
        loop {
            alternatives.push(self.alternative()?);
            if !self.accept_spaced(",") {
                break;
            }
        }
        self.skip_blank();
        if !self.accept("]") {
            return Err(self.unexpected("`]` or `,`"));
        }
        if alternatives.len() == 1 {
            return Ok(alternatives.pop().unwrap_or_default());
        }
        Ok(one(self, StepKind::Union(alternatives)))
    }

    /// A quoted key, an index or a slice.
    fn alternative(&mut self) -> Result<Vec<Step>, Error> {
        self.skip_blank();
        let start = self.at;
        if let Some(quote @ ('\'' | '"')) = self.rest().chars().next() {
            let keys = self.quoted_keys(quote)?;
            let span = Span::new(start, self.at);
            return Ok(keys.into_iter().map(|key| Step { kind: StepKind::Key(key), span }).collect());
        }
        if self.accept("(") {
            // `(@.length-1)`: counted from the end.
            let back = self.length_minus()?;
            return Ok(vec![Step { kind: StepKind::Index(-back), span: Span::new(start, self.at) }]);
        }
        let first = self.integer()?;
        let kind = if self.accept_spaced(":") {
            let second = self.integer()?;
            let step = if self.accept_spaced(":") { self.integer()? } else { None };
            if step.is_some_and(|step| step <= 0) {
                return Err(Error::syntax(Span::new(start, self.at), "the step of a slice must be greater than zero"));
            }
            StepKind::Slice(first, second, step)
        } else {
            match first {
                Some(index) => StepKind::Index(index),
                None => {
                    return Err(self
                        .unexpected("an index, a slice `a:b`, a quoted key, `*` or `?(…)`")
                        .hint("a key in brackets stands in quotes: `['name']`"));
                }
            }
        };
        Ok(vec![Step { kind, span: Span::new(start, self.at) }])
    }

    fn length_minus(&mut self) -> Result<i64, Error> {
        self.skip_blank();
        let ok = self.accept("@.length") && self.accept_spaced("-");
        let back = if ok { self.integer()? } else { None };
        match back {
            Some(back) if back > 0 => self.expect(")").map(|()| back),
            _ => Err(self.unexpected("`(@.length-1)`").hint("an index may be negative: `[-1]` is the last")),
        }
    }

    fn integer(&mut self) -> Result<Option<i64>, Error> {
        self.skip_blank();
        let rest = self.rest();
        let sign = usize::from(rest.starts_with('-'));
        let len = sign + rest.bytes().skip(sign).take_while(u8::is_ascii_digit).count();
        if len == sign {
            return Ok(None);
        }
        let text = rest.get(..len).unwrap_or("");
        let span = Span::new(self.at, self.at + len);
        self.at += len;
        text.parse().map(Some).map_err(|_| Error::syntax(span, format!("{text} is too large for an index")))
    }

    fn quoted(&mut self, quote: char, keep_escapes: bool) -> Result<String, Error> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let mut chars = self.rest().chars();
            let Some(c) = chars.next() else {
                return Err(Error::syntax(Span::new(start, self.at), "the string is not closed")
                    .expected(format!("a closing {quote}")));
            };
            self.at += c.len_utf8();
            match c {
                c if c == quote => return Ok(text),
                '\\' => {
                    let Some(escaped) = chars.next() else { continue };
                    self.at += escaped.len_utf8();
                    if keep_escapes && escaped != quote {
                        text.push('\\');
                    }
                    text.push(match escaped {
                        'n' if !keep_escapes => '\n',
                        't' if !keep_escapes => '\t',
                        other => other,
                    });
                }
                c => text.push(c),
            }
        }
    }

    fn quoted_keys(&mut self, quote: char) -> Result<Vec<String>, Error> {
        if self.flavour == Flavour::Plain {
            return Ok(vec![self.quoted(quote, false)?]);
        }
        let text = self.quoted(quote, true)?;
        let mut keys = vec![String::new()];
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '.' => keys.push(String::new()),
                c => {
                    let c = if c == '\\' { chars.next().unwrap_or(c) } else { c };
                    if let Some(key) = keys.last_mut() {
                        key.push(c);
                    }
                }
            }
        }
        // A leading dot belongs to no key.
        if keys.len() > 1 && keys.first().is_some_and(String::is_empty) {
            keys.remove(0);
        }
        Ok(keys)
    }

    // ---- filters

    fn filter(&mut self) -> Result<Filter, Error> {
        self.nested(|p| {
            let mut parts = vec![p.filter_all()?];
            while p.accept_spaced("||") {
                parts.push(p.filter_all()?);
            }
            Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::Any(parts) })
        })
    }

    fn filter_all(&mut self) -> Result<Filter, Error> {
        let mut parts = vec![self.filter_one()?];
        while self.accept_spaced("&&") {
            parts.push(self.filter_one()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::All(parts) })
    }

    fn filter_one(&mut self) -> Result<Filter, Error> {
        self.skip_blank();
        if self.rest().starts_with('!') && !self.rest().starts_with("!=") {
            self.at += 1;
            return self.nested(Self::filter_one).map(|inner| Filter::Not(Box::new(inner)));
        }
        if self.accept("(") {
            let inner = self.filter()?;
            self.expect(")")?;
            return Ok(inner);
        }
        let left = self.operand()?;
        self.skip_blank();
        let operators = [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessEqual),
            (">=", Comparison::GreaterEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        for (text, comparison) in operators {
            if self.accept(text) {
                return Ok(Filter::Compare(left, comparison, self.operand()?));
            }
        }
        if self.rest().starts_with('=') {
            return Err(self.unexpected("a comparison").hint("equality is `==`"));
        }
        Ok(Filter::Exists(left))
    }

    fn operand(&mut self) -> Result<Operand, Error> {
        self.skip_blank();
        match self.rest().chars().next() {
            Some(quote @ ('\'' | '"')) => self.quoted(quote, false).map(Operand::Text),
            Some(start @ ('@' | '$')) => {
                self.at += 1;
                let steps = self.nested(|p| p.steps(false))?;
                Ok(Operand::Path { root: start == '$', steps })
            }
            Some('.') if self.flavour == Flavour::Kubernetes => {
                let steps = self.nested(|p| p.steps(false))?;
                Ok(Operand::Path { root: false, steps })
            }
            _ => self.literal(),
        }
    }

    fn literal(&mut self) -> Result<Operand, Error> {
        let rest = self.rest();
        let len =
            rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '+' | '_'))).unwrap_or(rest.len());
        let word = rest.get(..len).unwrap_or("");
        let literal = match word {
            "true" => Operand::Bool(true),
            "false" => Operand::Bool(false),
            "null" | "nil" => Operand::Null,
            _ => match word.parse() {
                Ok(n) => Operand::Number(n),
                Err(_) => {
                    let error = Error::syntax(Span::new(self.at, self.at + len.max(1)), format!("unexpected {word:?}"));
                    return Err(error.expected("`@…`, `$…`, a number, true, false, null, or a quoted string"));
                }
            },
        };
        self.at += len;
        Ok(literal)
    }
}
