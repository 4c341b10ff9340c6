//! Values of a condition.

use std::cmp::Ordering;

use super::date;
use super::lex::{Operand, Piece};
use super::parse::Node;
use crate::budget::Meter;
use crate::error::Error;
use crate::pattern::PatternCache;
use crate::scope::Env;
use crate::template::{Mode, Template};
use crate::value::{Value, go_float};

/// Is the condition true?
pub(super) fn eval(node: &Node, env: &mut Env<'_>) -> Result<bool, Error> {
    let mut machine = Machine { meter: Meter::new(env.budget), patterns: PatternCache::default(), env };
    match machine.eval(node)? {
        Worth::Bool(b) => Ok(b),
        other => {
            let error =
                Error::ty(format!("a condition must be true or false, not {}", other.describe())).at(node.span());
            Err(match other {
                Worth::Text(_) => error.hint("compare it: `… == 'yes'`"),
                _ => error,
            })
        }
    }
}

/// What an operand is worth.
#[derive(Clone, Debug, PartialEq)]
enum Worth {
    Nil,
    Bool(bool),
    /// A number, and how it was written.
    Number(f64, Option<String>),
    Text(String),
    /// A text that is a date, and its seconds since 1970.
    Date(String, f64),
    List(Vec<Worth>),
}

impl Worth {
    fn describe(&self) -> String {
        match self {
            Worth::Nil => "nil".to_owned(),
            Worth::Bool(b) => format!("the bool {b}"),
            Worth::Number(n, _) => format!("the number {n}"),
            Worth::Text(text) | Worth::Date(text, _) => Value::from(text.as_str()).describe(),
            Worth::List(items) => format!("a list of {}", items.len()),
        }
    }

    /// The number of a number, a date, or a text that reads as a number.
    fn number(&self) -> Option<f64> {
        match self {
            Worth::Number(n, _) | Worth::Date(_, n) => Some(*n),
            Worth::Text(text) => number_of(text),
            _ => None,
        }
    }

    fn text(&self) -> Option<String> {
        match self {
            Worth::Text(text) | Worth::Date(text, _) => Some(text.clone()),
            Worth::Number(_, Some(text)) => Some(text.clone()),
            Worth::Number(n, None) => Some(go_float(*n)),
            Worth::Bool(b) => Some(b.to_string()),
            Worth::Nil | Worth::List(_) => None,
        }
    }
}

/// A number as the language writes it: digits with at most one point, maybe negative, or hexadecimal.
fn number_of(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        let n = i64::from_str_radix(hex, 16).ok()? as f64;
        return Some(if text.starts_with('-') { -n } else { n });
    }
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') && digits.bytes().any(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// A bare operand: a boolean or number when it reads as one, else a text.
fn typed(text: String) -> Worth {
    match text.as_str() {
        "true" => Worth::Bool(true),
        "false" => Worth::Bool(false),
        _ => match number_of(&text) {
            Some(n) => Worth::Number(n, Some(text)),
            None => quoted(text),
        },
    }
}

/// A quoted operand: a date when it reads as one, else a text.
fn quoted(text: String) -> Worth {
    match date::seconds(&text) {
        Some(seconds) => Worth::Date(text, seconds),
        None => Worth::Text(text),
    }
}

struct Machine<'m, 'e> {
    meter: Meter,
    patterns: PatternCache,
    env: &'m mut Env<'e>,
}

type Made = Result<Worth, Error>;

impl Machine<'_, '_> {
    fn eval(&mut self, node: &Node) -> Made {
        self.meter.spend(1)?;
        match node {
            Node::Operand(operand, span) => self.operand(operand).map_err(|error| error.at(*span)),
            Node::All(parts) => self.logical(parts, "&&", true),
            Node::Any(parts) => self.logical(parts, "||", false),
            Node::Unary(operator, inner, span) => {
                let value = self.eval(inner)?;
                unary(operator, &value).map_err(|error| error.at(*span))
            }
            Node::Binary(operator, left, right, span) => {
                let left = self.eval(left)?;
                if *operator == "??" {
                    return if left == Worth::Nil { self.eval(right) } else { Ok(left) };
                }
                let right = self.eval(right)?;
                self.binary(operator, &left, &right).map_err(|error| error.at(*span))
            }
            Node::Conditional(condition, then, other) => match (self.eval(condition)?, other) {
                (Worth::Bool(true), _) => self.eval(then),
                (Worth::Bool(false), Some(other)) => self.eval(other),
                (Worth::Bool(false), None) => Ok(Worth::Nil),
                (value, _) => {
                    Err(Error::ty(format!("what stands before `?` must be true or false, not {}", value.describe()))
                        .at(condition.span()))
                }
            },
            Node::List(items, _) => items.iter().map(|item| self.eval(item)).collect::<Result<_, _>>().map(Worth::List),
        }
    }

    fn operand(&mut self, operand: &Operand) -> Made {
        match operand {
            Operand::Word(text) => Ok(typed(text.clone())),
            Operand::Quoted(text) => Ok(quoted(text.clone())),
            Operand::Tagged(pieces) => match pieces.as_slice() {
                [Piece::Tag(template, span)] => {
                    self.tag_value(template).map_err(|error| error.moved(span.start as usize))
                }
                pieces => self.concatenated(pieces).map(typed),
            },
            Operand::TaggedQuoted(pieces) => self.concatenated(pieces).map(quoted),
        }
    }

    /// The value of a tag that is an operand of its own; an expression's keeps its type.
    fn tag_value(&mut self, template: &Template) -> Made {
        let Some(expression) = template.as_expression() else { return self.tag_text(template).map(typed) };
        let start = 3; // behind `{{=`
        let value = expression.eval_unplaced(self.env).map_err(|error| error.moved(start))?;
        Ok(match value {
            Value::Nil => return self.tag_text(template).map(typed),
            Value::Bool(b) => Worth::Bool(b),
            Value::Str(text) => typed(text.as_ref().to_owned()),
            Value::Array(list) => Worth::List(list.items().iter().map(of_value).collect()),
            other => match other.as_float() {
                Some(n) => Worth::Number(n, None),
                None => return self.tag_text(template).map(typed),
            },
        })
    }

    fn tag_text(&mut self, template: &Template) -> Result<String, Error> {
        let scope = self.env.scope;
        let mut inner = Env { scope, now: self.env.now, random: None, budget: self.env.budget };
        if let Some(random) = &mut self.env.random {
            inner.random = Some(&mut **random);
        }
        let rendered = template.render_in(&mut inner, Mode::Strict).map_err(Error::unsourced)?;
        self.meter.alloc(rendered.text.len())?;
        Ok(rendered.text.into_owned())
    }

    fn concatenated(&mut self, pieces: &[Piece]) -> Result<String, Error> {
        let mut text = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(part) => text.push_str(part),
                Piece::Tag(template, span) => {
                    let part = self.tag_text(template).map_err(|error| error.moved(span.start as usize))?;
                    text.push_str(&part);
                }
            }
        }
        Ok(text)
    }

    fn logical(&mut self, parts: &[Node], operator: &str, neutral: bool) -> Made {
        for part in parts {
            match self.eval(part)? {
                Worth::Bool(b) if b == neutral => {}
                Worth::Bool(b) => return Ok(Worth::Bool(b)),
                other => {
                    let message = format!("both sides of `{operator}` must be true or false, not {}", other.describe());
                    return Err(Error::ty(message).at(part.span()));
                }
            }
        }
        Ok(Worth::Bool(neutral))
    }

    fn binary(&mut self, operator: &str, left: &Worth, right: &Worth) -> Made {
        match operator {
            "==" => Ok(Worth::Bool(equal(left, right))),
            "!=" => Ok(Worth::Bool(!equal(left, right))),
            "<" | "<=" | ">" | ">=" => order(operator, left, right),
            "=~" | "!~" => self.matches(operator, left, right),
            "in" => is_in(left, right),
            "+" => add(left, right, &mut self.meter),
            _ => arithmetic(operator, left, right),
        }
    }

    fn matches(&mut self, operator: &str, left: &Worth, right: &Worth) -> Made {
        let (Some(text), Some(pattern)) = (left.text(), right.text()) else {
            return Err(mismatch(operator, left, right));
        };
        let regex = self.patterns.get(&pattern, &mut self.meter)?;
        self.meter.scan(text.len())?;
        Ok(Worth::Bool(regex.is_match(&text) == (operator == "=~")))
    }
}

fn of_value(value: &Value) -> Worth {
    match value {
        Value::Nil => Worth::Nil,
        Value::Bool(b) => Worth::Bool(*b),
        Value::Str(text) => Worth::Text(text.as_ref().to_owned()),
        other => match other.as_float() {
            Some(n) => Worth::Number(n, None),
            None => Worth::Text(other.to_tag_text()),
        },
    }
}

fn mismatch(operator: &str, left: &Worth, right: &Worth) -> Error {
    Error::ty(format!("`{operator}` cannot take {} and {}", left.describe(), right.describe()))
}

fn equal(left: &Worth, right: &Worth) -> bool {
    match (left, right) {
        (Worth::Nil, Worth::Nil) => true,
        (Worth::Bool(a), Worth::Bool(b)) => a == b,
        (Worth::Number(a, _), Worth::Number(b, _)) => a == b,
        (Worth::Date(_, a), Worth::Date(_, b)) => a == b,
        (Worth::Date(_, a), Worth::Number(b, _)) | (Worth::Number(b, _), Worth::Date(_, a)) => a == b,
        (Worth::Text(a) | Worth::Date(a, _), Worth::Text(b) | Worth::Date(b, _)) => a == b,
        (Worth::List(a), Worth::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        _ => false,
    }
}

fn order(operator: &str, left: &Worth, right: &Worth) -> Made {
    let ordering = match (left, right) {
        (Worth::Text(a), Worth::Text(b)) => Some(a.cmp(b)),
        (Worth::Text(a), Worth::Date(b, _)) | (Worth::Date(a, _), Worth::Text(b)) => Some(a.cmp(b)),
        _ => match (left.number(), right.number()) {
            (Some(a), Some(b)) => a.partial_cmp(&b),
            _ => return Err(mismatch(operator, left, right)),
        },
    };
    Ok(Worth::Bool(match operator {
        "<" => ordering == Some(Ordering::Less),
        "<=" => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
        ">" => ordering == Some(Ordering::Greater),
        _ => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
    }))
}

fn is_in(left: &Worth, right: &Worth) -> Made {
    let found = match right {
        Worth::List(items) => items.iter().any(|item| equal(left, item)),
        // A list as one value: JSON, or written as in a condition. Its items are literals and nothing else.
        Worth::Text(text) => match list_of(text) {
            Some(items) => items.iter().any(|item| equal(left, item)),
            None => {
                return Err(
                    mismatch("in", left, right).expected("a list, `('a', 'b')`, or a value that is a JSON array")
                );
            }
        },
        single => equal(left, single),
    };
    Ok(Worth::Bool(found))
}

fn list_of(text: &str) -> Option<Vec<Worth>> {
    let text = text.trim();
    if text.starts_with('[') {
        let items: Vec<serde_json::Value> = serde_json::from_str(text).ok()?;
        return Some(items.iter().map(|item| of_value(&Value::from(item))).collect());
    }
    let body = text.strip_prefix('(')?.strip_suffix(')')?;
    let unquoted = |item: &str| {
        let item = item.trim();
        let inner = ['\'', '"'].iter().find_map(|quote| item.strip_prefix(*quote)?.strip_suffix(*quote));
        inner.map_or_else(|| typed(item.to_owned()), |inner| quoted(inner.to_owned()))
    };
    Some(body.split(',').map(unquoted).collect())
}

fn add(left: &Worth, right: &Worth, meter: &mut Meter) -> Made {
    if let (Worth::Number(a, _), Worth::Number(b, _)) = (left, right) {
        return Ok(Worth::Number(a + b, None));
    }
    match (left.text(), right.text()) {
        (Some(a), Some(b)) if !matches!((left, right), (Worth::Bool(_), _) | (_, Worth::Bool(_))) => {
            meter.alloc(a.len() + b.len())?;
            Ok(Worth::Text(a + &b))
        }
        _ => Err(mismatch("+", left, right)),
    }
}

fn arithmetic(operator: &str, left: &Worth, right: &Worth) -> Made {
    let (Worth::Number(a, _) | Worth::Date(_, a), Worth::Number(b, _) | Worth::Date(_, b)) = (left, right) else {
        let error = mismatch(operator, left, right);
        return Err(if operator == "-" { error.hint("a word with a dash in it stands in quotes") } else { error });
    };
    let (a, b) = (*a, *b);
    let shift = (b as i64).clamp(0, 63) as u32;
    let number = match operator {
        "-" => a - b,
        "*" => a * b,
        "/" => a / b,
        "%" => a % b,
        "**" => a.powf(b),
        "&" => (a as i64 & b as i64) as f64,
        "|" => (a as i64 | b as i64) as f64,
        "^" => (a as i64 ^ b as i64) as f64,
        "<<" => (a as i64).wrapping_shl(shift) as f64,
        ">>" => (a as i64 >> shift) as f64,
        _ => return Err(Error::internal("operator")),
    };
    Ok(Worth::Number(number, None))
}

fn unary(operator: &str, value: &Worth) -> Made {
    match (operator, value) {
        ("!", Worth::Bool(b)) => Ok(Worth::Bool(!b)),
        ("-", Worth::Number(n, _)) => Ok(Worth::Number(-n, None)),
        ("~", Worth::Number(n, _)) => Ok(Worth::Number(!(*n as i64) as f64, None)),
        ("!", other) => Err(Error::ty(format!("`!` needs true or false, not {}", other.describe()))),
        (operator, other) => Err(Error::ty(format!("`{operator}` needs a number, not {}", other.describe()))),
    }
}
