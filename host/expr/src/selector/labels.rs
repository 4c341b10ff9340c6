//! Kubernetes label selectors.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::{Error, ErrorKind, Span};
use crate::suggest;

/// Bytes of a selector at most.
const SOURCE_BYTES_MAX: usize = 64 << 10;

/// A Kubernetes label selector: all requirements must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    requirements: Vec<Requirement>,
}

/// One requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The label's key.
    pub key: String,
    /// What is asked of its value.
    pub operator: Operator,
    /// The values it is compared with: one for the comparisons, several for `in` and `notin`, none for existence.
    pub values: Vec<String>,
}

/// An operator of a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=`, `==`
    Equals,
    /// `!=`: also fulfilled by an object without the label.
    NotEquals,
    /// `in (a, b)`
    In,
    /// `notin (a, b)`: also fulfilled by an object without the label.
    NotIn,
    /// `key`
    Exists,
    /// `!key`
    DoesNotExist,
    /// `>`: both sides are integers.
    GreaterThan,
    /// `<`: both sides are integers.
    LessThan,
}

impl Selector {
    /// Parses `app=web,tier in (a,b),!legacy`. The empty string selects everything.
    pub fn parse(source: &str) -> Result<Selector, Error> {
        let requirements = Parser { source, at: 0, strict: true }.whole().map_err(|error| error.in_source(source))?;
        Ok(Selector { requirements })
    }

    /// Like [`Selector::parse`], for keys and values that need not be label keys and label values.
    pub(super) fn parse_loose(source: &str) -> Result<Selector, Error> {
        let requirements = Parser { source, at: 0, strict: false }.whole().map_err(|error| error.in_source(source))?;
        Ok(Selector { requirements })
    }

    /// A selector from the structured form: `matchLabels`, and `matchExpressions` as `(key, operator, values)` with the operators `In`, `NotIn`,
    /// `Exists`, `DoesNotExist`.
    pub fn from_parts(
        match_labels: &BTreeMap<String, String>,
        match_expressions: &[(String, String, Vec<String>)],
    ) -> Result<Selector, Error> {
        let mut requirements = Vec::new();
        for (key, value) in match_labels {
            let (operator, values) = (Operator::Equals, vec![value.clone()]);
            requirements.push(Requirement { key: key.clone(), operator, values });
        }
        for (key, name, values) in match_expressions {
            const NAMES: [(&str, Operator); 4] = [
                ("In", Operator::In),
                ("NotIn", Operator::NotIn),
                ("Exists", Operator::Exists),
                ("DoesNotExist", Operator::DoesNotExist),
            ];
            let Some((_, operator)) = NAMES.into_iter().find(|(known, _)| known == name) else {
                let names = NAMES.map(|(known, _)| known);
                return Err(Error::value(format!("`{name}` is no operator of a label selector"))
                    .expected(names.join(", "))
                    .did_you_mean(&suggest::near(name, names)));
            };
            let wants_values = matches!(operator, Operator::In | Operator::NotIn);
            if wants_values == values.is_empty() {
                let wanted = if wants_values { "needs values" } else { "takes no values" };
                return Err(Error::value(format!("`{name}` {wanted} (label `{key}`)")));
            }
            requirements.push(Requirement { key: key.clone(), operator, values: values.clone() });
        }
        for requirement in &requirements {
            check_key(&requirement.key, Span::default())?;
            for value in &requirement.values {
                check_value(value, Span::default())?;
            }
        }
        Ok(Selector { requirements })
    }

    /// The requirements.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// Does it select everything?
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Do the labels that `label` gives fulfil all requirements?
    pub fn matches<'l>(&self, label: impl Fn(&str) -> Option<&'l str>) -> bool {
        self.requirements.iter().all(|requirement| requirement.matches(label(&requirement.key)))
    }
}

impl Requirement {
    /// Is it fulfilled by this value, or by the absence of one?
    pub fn matches(&self, value: Option<&str>) -> bool {
        let first = self.values.first().map_or("", String::as_str);
        let among = |value: &str| self.values.iter().any(|candidate| candidate == value);
        let integers = |value: &str| Some((value.parse::<i64>().ok()?, first.parse::<i64>().ok()?));
        match self.operator {
            Operator::Equals => value == Some(first),
            Operator::NotEquals => value != Some(first),
            Operator::In => value.is_some_and(among),
            Operator::NotIn => !value.is_some_and(among),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::GreaterThan => value.and_then(integers).is_some_and(|(a, b)| a > b),
            Operator::LessThan => value.and_then(integers).is_some_and(|(a, b)| a < b),
        }
    }
}

impl fmt::Display for Selector {
    /// The selector in the form that [`Selector::parse`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, requirement) in self.requirements.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            let (key, first) = (&requirement.key, requirement.values.first().map_or("", String::as_str));
            let list = || requirement.values.join(",");
            match requirement.operator {
                Operator::Equals => write!(f, "{key}={first}")?,
                Operator::NotEquals => write!(f, "{key}!={first}")?,
                Operator::In => write!(f, "{key} in ({})", list())?,
                Operator::NotIn => write!(f, "{key} notin ({})", list())?,
                Operator::Exists => f.write_str(key)?,
                Operator::DoesNotExist => write!(f, "!{key}")?,
                Operator::GreaterThan => write!(f, "{key}>{first}")?,
                Operator::LessThan => write!(f, "{key}<{first}")?,
            }
        }
        Ok(())
    }
}

/// A label key: `name`, or `prefix/name` with a DNS name as prefix.
fn check_key(key: &str, span: Span) -> Result<(), Error> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let prefix_ok = prefix.is_none_or(|prefix| {
        !prefix.is_empty()
            && prefix.len() <= 253
            && prefix.split('.').all(|part| {
                !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            })
    });
    if prefix_ok && !name.is_empty() && is_label_text(name) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Value(format!("`{key}` is no key of a label"))).at(span).expected(
        "up to 63 letters, digits, `-`, `_`, `.`, with a letter or digit at both ends, and maybe a domain and a slash before them",
    ))
}

fn check_value(value: &str, span: Span) -> Result<(), Error> {
    if value.is_empty() || is_label_text(value) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Value(format!("`{value}` is no value of a label")))
        .at(span)
        .expected("up to 63 letters, digits, `-`, `_`, `.`, with a letter or digit at both ends"))
}

fn is_label_text(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    bytes.len() <= 63
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

struct Parser<'s> {
    source: &'s str,
    at: usize,
    strict: bool,
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
        self.skip_blank();
        let found = self.rest().starts_with(what);
        if found {
            self.at += what.len();
        }
        found
    }

    /// A key or value: what stands before a blank or an operator.
    fn word(&mut self) -> (&'s str, Span) {
        self.skip_blank();
        let rest = self.rest();
        let start = self.at;
        if !self.strict
            && let Some(quote @ ('\'' | '"')) = rest.chars().next()
            && let Some(len) = rest.get(1..).and_then(|rest| rest.find(quote))
        {
            self.at += len + 2;
            return (rest.get(1..=len).unwrap_or(""), Span::new(start, self.at));
        }
        let mut depth = 0usize;
        let end = rest.find(|c: char| match c {
            // A query in a path, `conditions.#(type==Ready).status`, is part of it.
            '(' if !self.strict && (depth > 0 || rest.contains('#')) => {
                depth += 1;
                false
            }
            ')' if depth > 0 => {
                depth -= 1;
                false
            }
            _ if depth > 0 => false,
            c => c.is_whitespace() || "=!<>,()".contains(c),
        });
        let len = end.unwrap_or(rest.len());
        self.at += len;
        (rest.get(..len).unwrap_or(""), Span::new(start, self.at))
    }

    fn unexpected(&self, expected: &str) -> Error {
        let (message, len) = match self.rest().chars().next() {
            Some(c) => (format!("unexpected {c:?}"), c.len_utf8()),
            None => ("unexpected end".to_owned(), 0),
        };
        let error = Error::syntax(Span::new(self.at, self.at + len), message).expected(expected);
        if self.rest().starts_with("&&") { error.hint("and is a comma") } else { error }
    }

    fn whole(mut self) -> Result<Vec<Requirement>, Error> {
        if self.source.len() > SOURCE_BYTES_MAX {
            return Err(Error::new(ErrorKind::TooLong { limit: SOURCE_BYTES_MAX }));
        }
        let mut requirements = Vec::new();
        self.skip_blank();
        if self.rest().is_empty() {
            return Ok(requirements);
        }
        loop {
            requirements.push(self.requirement()?);
            self.skip_blank();
            if self.rest().is_empty() {
                return Ok(requirements);
            }
            if !self.accept(",") {
                return Err(self.unexpected("`,` or the end"));
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, Error> {
        let absent = self.accept("!");
        let (key, span) = self.word();
        if key.is_empty() {
            return Err(self.unexpected("the key of a label"));
        }
        if self.strict {
            check_key(key, span)?;
        }
        let made = |operator, values| Requirement { key: key.to_owned(), operator, values };
        if absent {
            return Ok(made(Operator::DoesNotExist, Vec::new()));
        }
        let operators = [
            ("==", Operator::Equals),
            ("!=", Operator::NotEquals),
            ("=", Operator::Equals),
            (">", Operator::GreaterThan),
            ("<", Operator::LessThan),
        ];
        for (text, operator) in operators {
            if !self.accept(text) {
                continue;
            }
            if self.rest().starts_with('=') {
                return Err(self.unexpected("a value").hint("there are `=`, `==`, `!=`, `<`, `>`, `in`, `notin`"));
            }
            let (value, span) = self.word();
            if matches!(operator, Operator::GreaterThan | Operator::LessThan) && value.parse::<i64>().is_err() {
                return Err(Error::syntax(span, format!("`{text}` compares integers")).expected("an integer"));
            }
            if self.strict {
                check_value(value, span)?;
            }
            return Ok(made(operator, vec![value.to_owned()]));
        }
        self.skip_blank();
        let before = self.at;
        let (word, span) = self.word();
        let operator = match word {
            "" => return Ok(made(Operator::Exists, Vec::new())),
            "in" => Operator::In,
            "notin" => Operator::NotIn,
            _ => {
                self.at = before;
                let near = suggest::near(word, ["in", "notin"]);
                return Err(Error::syntax(span, format!("unexpected `{word}`"))
                    .expected("`=`, `==`, `!=`, `<`, `>`, `in`, `notin`, `,` or the end")
                    .did_you_mean(&near));
            }
        };
        Ok(made(operator, self.list()?))
    }

    fn list(&mut self) -> Result<Vec<String>, Error> {
        if !self.accept("(") {
            return Err(self.unexpected("`(`"));
        }
        let mut values = Vec::new();
        loop {
            let (value, span) = self.word();
            if self.strict {
                check_value(value, span)?;
            }
            values.push(value.to_owned());
            if self.accept(")") {
                return Ok(values);
            }
            if !self.accept(",") {
                return Err(self.unexpected("`,` or `)`"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label<'l>(labels: &'l [(&'l str, &'l str)]) -> impl Fn(&str) -> Option<&'l str> {
        move |key| labels.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
    }

    #[test]
    fn matching() {
        let labels = [("app", "web"), ("tier", "a"), ("n", "5"), ("example.com/x", ""), ("e", "")];
        for (selector, expected) in [
            ("", true),
            ("app=web", true),
            ("app==web", true),
            (" app = web , tier in ( a , b ) ", true),
            ("app=db", false),
            ("app!=db", true),
            ("nope!=x", true),
            ("nope=x", false),
            ("app", true),
            ("!app", false),
            ("!nope", true),
            ("! nope", true),
            ("tier in (a,b)", true),
            ("tier in (b)", false),
            ("tier notin (b)", true),
            ("nope notin (b)", true),
            ("tier notin (a,b)", false),
            ("nope in (a)", false),
            ("n>4", true),
            ("n > 5", false),
            ("n<6", true),
            ("app>1", false),
            ("e=", true),
            ("e in (,x)", true),
            ("example.com/x", true),
            ("app=web,!legacy,tier", true),
        ] {
            assert_eq!(Selector::parse(selector).unwrap().matches(label(&labels)), expected, "{selector}");
            let printed = Selector::parse(selector).unwrap().to_string();
            assert_eq!(Selector::parse(&printed), Selector::parse(selector), "{printed}");
        }
    }

    #[test]
    fn mistakes() {
        for (selector, expected) in [
            ("app=web tier=a", "unexpected 't'\n  |\n  | app=web tier=a\n  |         ^\n  = expected `,` or the end"),
            (
                "tier inn (a)",
                "unexpected `inn`\n  |\n  | tier inn (a)\n  |      ^^^\n  = expected `=`, `==`, `!=`, `<`, `>`, `in`, `notin`, `,` or the end\n  = hint: did you mean `in`?",
            ),
            ("n>x", "`>` compares integers\n  |\n  | n>x\n  |   ^\n  = expected an integer"),
            ("a in (b", "unexpected end\n  |\n  | a in (b\n  |        ^\n  = expected `,` or `)`"),
            ("a,", "unexpected end\n  |\n  | a,\n  |   ^\n  = expected the key of a label"),
            (
                "a=b && c=d",
                "unexpected '&'\n  |\n  | a=b && c=d\n  |     ^\n  = expected `,` or the end\n  = hint: and is a comma",
            ),
        ] {
            assert_eq!(Selector::parse(selector).unwrap_err().render(), expected, "{selector}");
        }
        for selector in ["=x", "a in", "a in ()x", "-a=b", "a=b_", "a/b/c=d", "A.b/c!=-", "a===b", "(a)", "a=(b)"] {
            assert!(Selector::parse(selector).is_err(), "{selector}");
        }
    }

    #[test]
    fn structured_form() {
        let labels = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
        let expression = |operator: &str, values: &[&str]| {
            ("tier".to_owned(), operator.to_owned(), values.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        let made = Selector::from_parts(&labels, &[expression("In", &["a", "b"]), expression("Exists", &[])]).unwrap();
        assert_eq!(made.to_string(), "app=web,tier in (a,b),tier");
        assert!(
            Selector::from_parts(&labels, &[expression("in", &["a"])])
                .unwrap_err()
                .to_string()
                .contains("did you mean `In`")
        );
        assert!(Selector::from_parts(&labels, &[expression("In", &[])]).is_err());
        assert!(Selector::from_parts(&labels, &[expression("Exists", &["a"])]).is_err());
    }
}
