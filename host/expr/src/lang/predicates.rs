//! `map`, `filter`, `reduce` …: functions that evaluate an expression for each element.

use std::cmp::Ordering;
use std::sync::Arc;

use indexmap::IndexMap;

use super::ast::{NodeId, PredicateCall, PredicateKind};
use super::eval::{Frame, Machine};
use super::operators;
use crate::error::Error;
use crate::value::{Key, List, Map, Value};

impl Machine<'_> {
    pub(super) fn predicate(&mut self, kind: PredicateKind, call: &PredicateCall) -> Result<Value, Error> {
        let array = self.eval(call.array)?;
        let Value::Array(list) = array else {
            return Err(Error::ty(format!("`{}` needs an array, not {}", kind.name(), array.describe())));
        };
        if kind == PredicateKind::Reduce {
            return self.reduce(&list, call);
        }
        self.frames.push(Frame { item: Value::Nil, accumulator: Value::Nil, index: 0 });
        let result = self.each(kind, &list, call);
        self.frames.pop();
        result
    }

    fn each(&mut self, kind: PredicateKind, list: &List, call: &PredicateCall) -> Result<Value, Error> {
        let items = list.items();
        match (kind, call.predicate) {
            (PredicateKind::All, Some(p)) => self.position(items, p, kind, false).map(|at| Value::Bool(at.is_none())),
            (PredicateKind::Any, Some(p)) => self.position(items, p, kind, true).map(|at| Value::Bool(at.is_some())),
            (PredicateKind::None, Some(p)) => self.position(items, p, kind, true).map(|at| Value::Bool(at.is_none())),
            (PredicateKind::One, Some(p)) => self.holding(items, p, kind).map(|found| Value::Bool(found.len() == 1)),
            (PredicateKind::Find, Some(p)) => {
                let at = self.position(items, p, kind, true)?;
                Ok(at.and_then(|at| items.get(at)).cloned().unwrap_or_default())
            }
            (PredicateKind::FindIndex, Some(p)) => Ok(place(self.position(items, p, kind, true)?)),
            (PredicateKind::FindLast, Some(p)) => {
                let at = self.last_position(items, p, kind)?;
                Ok(at.and_then(|at| items.get(at)).cloned().unwrap_or_default())
            }
            (PredicateKind::FindLastIndex, Some(p)) => Ok(place(self.last_position(items, p, kind)?)),
            (PredicateKind::Filter, Some(p)) => {
                let kept = self.holding(items, p, kind)?;
                self.ctx.array(kept)
            }
            (PredicateKind::Map, Some(p)) => {
                self.ctx.meter.alloc_items(items.len())?;
                let mut made = Vec::with_capacity(items.len());
                for (at, item) in items.iter().enumerate() {
                    made.push(self.at(at, item, p)?);
                }
                Ok(Value::Array(Arc::new(List::new(made)?)))
            }
            (PredicateKind::Count, Some(p)) => Ok(number(self.holding(items, p, kind)?.len())),
            (PredicateKind::Count, None) => {
                self.ctx.meter.spend(items.len())?;
                if let Some(other) = items.iter().find(|item| item.as_bool().is_none()) {
                    return Err(Error::ty(format!("`count` needs bools, not {}", other.describe()))
                        .hint("`count(list, predicate)` counts what fulfils a predicate, `len(list)` everything"));
                }
                Ok(number(items.iter().filter(|item| item.as_bool() == Some(true)).count()))
            }
            (PredicateKind::Sum, p) => {
                let mut sum = Value::Int(0);
                for (at, item) in items.iter().enumerate() {
                    let item = match p {
                        Some(p) => self.at(at, item, p)?,
                        None => item.clone(),
                    };
                    if item.as_float().is_none() {
                        return Err(Error::ty(format!("`sum` needs numbers, not {}", item.describe()))
                            .hint("`map(list, asInt(#))` makes numbers of texts"));
                    }
                    self.ctx.meter.spend(1)?;
                    sum = operators::add(&sum, &item, &mut self.ctx)?;
                }
                Ok(sum)
            }
            (PredicateKind::GroupBy, Some(p)) => self.group(items, p),
            (PredicateKind::SortBy, p) => self.sort_by(items, p, call.extra),
            _ => Err(Error::internal("predicate")),
        }
    }

    /// The predicate's value for one element.
    fn at(&mut self, at: usize, item: &Value, predicate: NodeId) -> Result<Value, Error> {
        if let Some(frame) = self.frames.last_mut() {
            frame.item = item.clone();
            frame.index = at as i64;
        }
        self.eval(predicate)
    }

    fn holds(&mut self, at: usize, item: &Value, predicate: NodeId, kind: PredicateKind) -> Result<bool, Error> {
        match self.at(at, item, predicate)? {
            Value::Bool(b) => Ok(b),
            other => Err(Error::ty(format!(
                "the predicate of `{}` must be true or false, not {}",
                kind.name(),
                other.describe()
            ))),
        }
    }

    fn position(
        &mut self,
        items: &[Value],
        predicate: NodeId,
        kind: PredicateKind,
        wanted: bool,
    ) -> Result<Option<usize>, Error> {
        for (at, item) in items.iter().enumerate() {
            if self.holds(at, item, predicate, kind)? == wanted {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    fn last_position(
        &mut self,
        items: &[Value],
        predicate: NodeId,
        kind: PredicateKind,
    ) -> Result<Option<usize>, Error> {
        for (at, item) in items.iter().enumerate().rev() {
            if self.holds(at, item, predicate, kind)? {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    fn holding(&mut self, items: &[Value], predicate: NodeId, kind: PredicateKind) -> Result<Vec<Value>, Error> {
        let mut kept = Vec::new();
        for (at, item) in items.iter().enumerate() {
            if self.holds(at, item, predicate, kind)? {
                kept.push(item.clone());
            }
        }
        Ok(kept)
    }

    fn group(&mut self, items: &[Value], predicate: NodeId) -> Result<Value, Error> {
        let mut groups: IndexMap<Key, Vec<Value>> = IndexMap::new();
        for (at, item) in items.iter().enumerate() {
            let key = self.at(at, item, predicate)?;
            let key = Key::from_value(&key).ok_or_else(|| {
                Error::ty(format!("`groupBy` needs texts, numbers or bools as keys, not {}", key.describe()))
            })?;
            self.ctx.meter.alloc_items(1)?;
            groups.entry(key).or_default().push(item.clone());
        }
        let mut map = Map::with_capacity(groups.len());
        for (key, items) in groups {
            map.insert(key, self.ctx.array(items)?)?;
        }
        self.ctx.map(map)
    }

    fn sort_by(&mut self, items: &[Value], predicate: Option<NodeId>, extra: Option<NodeId>) -> Result<Value, Error> {
        let descending = match extra {
            Some(extra) => {
                let order = self.eval(extra)?;
                descending(&order)?
            }
            None => false,
        };
        self.ctx.meter.alloc_items(items.len().saturating_mul(2))?;
        let mut keyed = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            let key = match predicate {
                Some(predicate) => self.at(at, item, predicate)?,
                None => item.clone(),
            };
            keyed.push((key, item.clone()));
        }
        sort_values(&mut keyed, descending, |pair| &pair.0, &mut self.ctx.meter)?;
        self.ctx.array(keyed.into_iter().map(|(_, item)| item).collect())
    }

    fn reduce(&mut self, list: &List, call: &PredicateCall) -> Result<Value, Error> {
        let Some(predicate) = call.predicate else { return Err(Error::internal("predicate")) };
        let mut items = list.items().iter().enumerate();
        let start = match call.extra {
            Some(extra) => self.eval(extra)?,
            None => match items.next() {
                Some((_, first)) => first.clone(),
                None => {
                    return Err(Error::value("`reduce` of an empty array")
                        .hint("a third argument is the value to start with: `reduce(list, #acc + #, 0)`"));
                }
            },
        };
        self.frames.push(Frame { item: Value::Nil, accumulator: start, index: 0 });
        let result = self.fold(items, predicate);
        let frame = self.frames.pop();
        result.map(|()| frame.map(|frame| frame.accumulator).unwrap_or_default())
    }

    fn fold<'v>(&mut self, items: impl Iterator<Item = (usize, &'v Value)>, predicate: NodeId) -> Result<(), Error> {
        for (at, item) in items {
            let next = self.at(at, item, predicate)?;
            if let Some(frame) = self.frames.last_mut() {
                frame.accumulator = next;
            }
        }
        Ok(())
    }
}

fn number(count: usize) -> Value {
    Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

fn place(at: Option<usize>) -> Value {
    at.map_or(Value::Nil, number)
}

/// Reads `"asc"` or `"desc"`.
pub(super) fn descending(order: &Value) -> Result<bool, Error> {
    match order.as_str() {
        Some("asc") => Ok(false),
        Some("desc") => Ok(true),
        _ => Err(Error::value(format!("the order is \"asc\" or \"desc\", not {}", order.describe()))),
    }
}

/// Sorts stably by a key of each element; keys that have no order among each other are an error.
///
/// The keys are looked at first and the comparisons are paid in advance: a comparison that could fail would be no total order, which
/// the standard library's sort answers with a panic.
pub(super) fn sort_values<T>(
    items: &mut [T],
    descending: bool,
    key: impl Fn(&T) -> &Value,
    meter: &mut crate::budget::Meter,
) -> Result<(), Error> {
    let Some(first) = items.first().map(&key) else { return Ok(()) };
    let class = Class::of(first).ok_or_else(|| Error::ty(format!("{} has no order", first.describe())))?;
    let mut floats = false;
    let mut bytes = 0;
    for item in items.iter().map(&key) {
        if Class::of(item) != Some(class) {
            return Err(Error::ty(format!("{} and {} have no order", first.describe(), item.describe())));
        }
        floats |= matches!(item, Value::Float(_));
        bytes += item.as_str().map_or(0, str::len);
    }
    let rounds = items.len().max(2).ilog2() as usize + 1;
    meter.spend(items.len().saturating_mul(rounds).saturating_add(bytes.saturating_mul(rounds) / 64))?;
    items.sort_by(|a, b| {
        let ordering = class.compare(key(a), key(b), floats);
        if descending { ordering.reverse() } else { ordering }
    });
    Ok(())
}

/// What can be ordered with each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Number,
    Text,
    Time,
    Duration,
}

impl Class {
    fn of(value: &Value) -> Option<Class> {
        match value {
            Value::Str(_) => Some(Class::Text),
            Value::Time(_) => Some(Class::Time),
            Value::Duration(_) => Some(Class::Duration),
            other => other.as_float().map(|_| Class::Number),
        }
    }

    /// A total order. As soon as one number is a float all are compared as floats, or the order would not be transitive.
    fn compare(self, a: &Value, b: &Value, floats: bool) -> Ordering {
        match (a, b) {
            (Value::Str(a), Value::Str(b)) => a.cmp(b),
            (Value::Time(a), Value::Time(b)) => a.at().cmp(&b.at()),
            (Value::Duration(a), Value::Duration(b)) => a.cmp(b),
            _ if floats => a.as_float().unwrap_or(f64::NAN).total_cmp(&b.as_float().unwrap_or(f64::NAN)),
            _ => a.as_int().cmp(&b.as_int()),
        }
    }
}
