//! Walks the tree. Every node costs a step, every made value its bytes.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::ast::{Binary, Node, NodeId, Path, Pointer, Program, Statement, Step, StepKind};
use super::operators;
use crate::budget::Meter;
use crate::error::{Error, ErrorKind, Span};
use crate::func::{Args, Ctx, Func};
use crate::pattern::PatternCache;
use crate::scope::{Env, Scope};
use crate::suggest;
use crate::template::{Mode, Template};
use crate::time::{duration_method, time_method};
use crate::value::{Key, List, Map, VALUE_DEPTH_MAX, Value};

/// The state of one evaluation.
pub(super) struct Machine<'e> {
    program: &'e Program,
    pub(super) scope: &'e dyn Scope,
    pub(super) ctx: Ctx<'e>,
    lenient: bool,
    locals: Vec<Value>,
    /// What `#`, `#acc` and `#index` are, innermost last.
    pub(super) frames: Vec<Frame>,
    /// The first variable that had no value.
    pub(super) missing: Option<String>,
}

pub(super) struct Frame {
    pub(super) item: Value,
    pub(super) accumulator: Value,
    pub(super) index: i64,
}

/// A value, or a group of variables of the scope that nothing has asked the members of yet.
enum Place {
    Value(Value),
    Group(String),
}

impl<'e> Machine<'e> {
    pub(super) fn new<'a: 'e>(program: &'e Program, env: &'e mut Env<'a>, lenient: bool) -> Machine<'e> {
        Machine {
            program,
            scope: env.scope,
            ctx: Ctx {
                meter: Meter::new(env.budget),
                now: env.now,
                random: match &mut env.random {
                    Some(random) => Some(&mut **random),
                    None => None,
                },
                patterns: PatternCache::default(),
            },
            lenient,
            locals: vec![Value::Nil; program.slots.into()],
            frames: Vec::new(),
            missing: None,
        }
    }

    pub(super) fn run(&mut self) -> Result<Value, Error> {
        let result = self.eval(self.program.root);
        // "nil cannot be …" is best explained by the variable that was missing.
        result.map_err(|error| match (&self.missing, error.kind()) {
            (Some(name), ErrorKind::Type(_)) => {
                let near = suggest::near_in_scope(name, self.scope);
                error.hint(format!("`{name}` has no value here")).did_you_mean(&near)
            }
            _ => error,
        })
    }

    pub(super) fn eval(&mut self, id: NodeId) -> Result<Value, Error> {
        self.ctx.meter.spend(1)?;
        let program = self.program;
        let node = program.nodes.get(id as usize).ok_or_else(|| Error::internal("node"))?;
        // Each arm is a call, so that this function's frame stays small: it is what recursion repeats.
        let result = match node {
            Node::Const(value) => return Ok(value.clone()),
            Node::Local(slot) => return Ok(self.locals.get(usize::from(*slot)).cloned().unwrap_or_default()),
            Node::Pointer(pointer) => return Ok(self.pointer(*pointer)),
            Node::Path(path) => self.path(path).and_then(|place| self.force(place)),
            Node::Env => self.force(Place::Group(String::new())),
            Node::Not(operand) => self.not(*operand),
            Node::Negate(operand) => self.eval(*operand).and_then(|value| operators::negate(&value)),
            Node::Plus(operand) => self.eval(*operand).and_then(operators::plus),
            Node::Binary(..) | Node::And(..) | Node::Or(..) | Node::Coalesce(..) => return self.spine(id),
            Node::Chain(items, ops) => self.chain(items, ops),
            Node::MatchesConst(text, regex) => self.matches_const(*text, regex),
            Node::Conditional(condition, then, other) => self.conditional(*condition, *then, *other),
            Node::Postfix(base, steps) => self.postfix(*base, steps),
            Node::Array(items) => self.array(items),
            Node::Map(entries) => self.map(entries),
            Node::Block(statements) => self.block(statements),
            Node::Call(func, args) => self.call(func, args),
            Node::Predicate(kind, call) => self.predicate(*kind, call),
            Node::Tag(template) => self.tag(template).map(|text| operators::scalar(&text)),
            Node::TaggedText(template) => self.tag(template).and_then(|text| self.ctx.string(text)),
        };
        result.map_err(|error| error.at(self.span(id)))
    }

    fn span(&self, id: NodeId) -> Span {
        self.program.spans.get(id as usize).copied().unwrap_or_default()
    }

    pub(super) fn eval_bool(&mut self, id: NodeId, what: &str) -> Result<bool, Error> {
        match self.eval(id)? {
            Value::Bool(b) => Ok(b),
            other => {
                let error =
                    Error::ty(format!("{what} must be true or false, not {}", other.describe())).at(self.span(id));
                Err(match other {
                    Value::Str(_) => error.hint("compare it: `… == 'true'`; variables are strings"),
                    _ => error,
                })
            }
        }
    }

    fn pointer(&self, pointer: Pointer) -> Value {
        let Some(frame) = self.frames.last() else { return Value::Nil };
        match pointer {
            Pointer::Item => frame.item.clone(),
            Pointer::Accumulator => frame.accumulator.clone(),
            Pointer::Index => Value::Int(frame.index),
        }
    }

    // ---- variables

    /// Asks the scope for the whole name, then for the longest beginning that is a value (its members are taken from it) or a group.
    fn path(&mut self, path: &Path) -> Result<Place, Error> {
        if let Some(value) = self.scope.value(&path.dotted) {
            return Ok(Place::Value(value));
        }
        if self.scope.is_group(&path.dotted) {
            return Ok(Place::Group(path.dotted.to_string()));
        }
        for known in (1..path.segments.len()).rev() {
            let prefix = path.prefix(known);
            if self.scope.is_group(prefix) {
                return self.missing_from(path, known);
            }
            if let Some(value) = self.scope.value(prefix) {
                return self.members(value, path, known);
            }
        }
        self.missing_from(path, 0)
    }

    /// `path` is known up to segment `known` and no further.
    fn missing_from(&mut self, path: &Path, known: usize) -> Result<Place, Error> {
        if self.lenient {
            return Err(self.unresolved(&path.dotted));
        }
        self.missing.get_or_insert_with(|| path.dotted.to_string());
        let optional = |at: usize| path.segments.get(at).is_some_and(|segment| segment.optional);
        if known + 1 >= path.segments.len() && known > 0 || optional(known + 1) {
            return Ok(Place::Value(Value::Nil));
        }
        if known == 0 {
            let name = path.dotted.as_ref();
            let near = suggest::near_in_scope(name, self.scope);
            return Err(Error::new(ErrorKind::UnknownName(name.to_owned())).did_you_mean(&near));
        }
        let near = suggest::near_in_scope(&path.dotted, self.scope);
        Err(Error::new(ErrorKind::UnknownName(path.dotted.to_string())).did_you_mean(&near).hint(format!(
            "`{}` is known, and has no `{}`",
            path.prefix(known),
            path.segment(known)
        )))
    }

    fn unresolved(&self, name: &str) -> Error {
        Error::new(ErrorKind::Unresolved(name.to_owned()))
    }

    fn members(&mut self, value: Value, path: &Path, known: usize) -> Result<Place, Error> {
        let mut value = value;
        for at in known..path.segments.len() {
            if value.is_nil() && path.segments.get(at).is_some_and(|segment| segment.optional) {
                break;
            }
            value = self.member(&value, &Value::from(path.segment(at)))?;
        }
        if value.is_nil() {
            self.missing.get_or_insert_with(|| path.dotted.to_string());
        }
        Ok(Place::Value(value))
    }

    /// Makes a group into a map of all its variables.
    fn force(&mut self, place: Place) -> Result<Value, Error> {
        let name = match place {
            Place::Value(value) => return Ok(value),
            Place::Group(name) => name,
        };
        let prefix = if name.is_empty() { name } else { format!("{name}.") };
        let mut names: Vec<String> = Vec::new();
        let mut failed = None;
        let meter = &mut self.ctx.meter;
        self.scope.each_name(&prefix, &mut |name| match meter.alloc(name.len() + 64) {
            Ok(()) => {
                names.push(name.to_owned());
                ControlFlow::Continue(())
            }
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        self.tree(&names, prefix.len(), 0)
    }

    /// A map of `names`, which agree in their first `skip` bytes.
    fn tree(&mut self, names: &[String], skip: usize, level: u16) -> Result<Value, Error> {
        if level >= VALUE_DEPTH_MAX {
            return Err(Error::new(ErrorKind::TooDeep { limit: VALUE_DEPTH_MAX.into() }));
        }
        self.ctx.meter.spend(names.len())?;
        // A name that is both a value and a group (`item` and `item.x`) is the group, as its members could not be reached otherwise.
        let mut groups: BTreeMap<&str, (Option<&String>, Vec<String>)> = BTreeMap::new();
        for name in names {
            let rest = name.get(skip..).unwrap_or("");
            match rest.split_once('.') {
                Some((segment, _)) => groups.entry(segment).or_default().1.push(name.clone()),
                None => groups.entry(rest).or_default().0 = Some(name),
            }
        }
        let mut map = Map::with_capacity(groups.len());
        for (segment, (own, members)) in groups {
            let value = match own {
                Some(name) if members.is_empty() => self.scope.value(name).unwrap_or_default(),
                _ => self.tree(&members, skip + segment.len() + 1, level + 1)?,
            };
            map.insert(segment, value)?;
        }
        self.ctx.map(map)
    }

    fn tag(&mut self, template: &Template) -> Result<String, Error> {
        let mode = if self.lenient { Mode::Lenient } else { Mode::Strict };
        let mut env = Env { scope: self.scope, now: self.ctx.now, random: None, budget: crate::Budget::DEFAULT };
        let rendered = template.render_in(&mut env, mode)?;
        match rendered.unresolved.into_iter().next() {
            Some(name) => Err(self.unresolved(&name)),
            None => {
                self.ctx.meter.alloc(rendered.text.len())?;
                Ok(rendered.text.into_owned())
            }
        }
    }

    // ---- operators

    fn not(&mut self, operand: NodeId) -> Result<Value, Error> {
        self.eval_bool(operand, "the operand of `not`").map(|b| Value::Bool(!b))
    }

    /// Operators that group to the left: `a + b + c` is walked down in a loop, however long it is.
    fn spine(&mut self, id: NodeId) -> Result<Value, Error> {
        let program = self.program;
        let mut above: Vec<(NodeId, &Node)> = Vec::new();
        let mut at = id;
        let leftmost = loop {
            let node = program.nodes.get(at as usize).ok_or_else(|| Error::internal("node"))?;
            match node {
                Node::Binary(_, left, _) | Node::And(left, _) | Node::Or(left, _) | Node::Coalesce(left, _) => {
                    above.push((at, node));
                    at = *left;
                }
                _ => break at,
            }
        };
        self.ctx.meter.spend(above.len())?;
        // `x in group` must not build the group, and `??` must see the left side before it is judged; both happen at the node itself.
        let mut value = self.eval(leftmost)?;
        for (id, node) in above.into_iter().rev() {
            value = self.join(id, node, value).map_err(|error| error.at(self.span(id)))?;
        }
        Ok(value)
    }

    fn join(&mut self, id: NodeId, node: &Node, left: Value) -> Result<Value, Error> {
        match node {
            Node::And(left_id, right) | Node::Or(left_id, right) => {
                let word = if matches!(node, Node::And(..)) { "and" } else { "or" };
                let Value::Bool(left) = left else {
                    let error =
                        Error::ty(format!("the left side of `{word}` must be true or false, not {}", left.describe()));
                    return Err(error.at(self.span(*left_id)));
                };
                if left == (word == "or") {
                    return Ok(Value::Bool(left));
                }
                self.eval_bool(*right, &format!("the right side of `{word}`")).map(Value::Bool)
            }
            Node::Coalesce(_, right) => {
                if left.is_nil() {
                    self.eval(*right)
                } else {
                    Ok(left)
                }
            }
            Node::Binary(Binary::In, _, right) => self.is_in(&left, *right),
            Node::Binary(op, _, right) => {
                let right = self.eval(*right)?;
                operators::apply(*op, &left, &right, &mut self.ctx)
            }
            _ => Err(Error::internal("operator").at(self.span(id))),
        }
    }

    fn is_in(&mut self, item: &Value, container: NodeId) -> Result<Value, Error> {
        let place = self.place(container)?;
        match place {
            Place::Group(name) => {
                let Some(key) = item.as_str() else { return Ok(Value::Bool(false)) };
                let name = join_name(&name, key);
                Ok(Value::Bool(self.scope.value(&name).is_some() || self.scope.is_group(&name)))
            }
            Place::Value(container) => operators::apply(Binary::In, item, &container, &mut self.ctx),
        }
    }

    fn chain(&mut self, items: &[NodeId], ops: &[Binary]) -> Result<Value, Error> {
        let mut items = items.iter();
        let mut left = match items.next() {
            Some(first) => self.eval(*first)?,
            None => return Err(Error::internal("chain")),
        };
        for (op, right) in ops.iter().zip(items) {
            let right = self.eval(*right)?;
            if operators::apply(*op, &left, &right, &mut self.ctx)? == Value::Bool(false) {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }

    fn matches_const(&mut self, text: NodeId, regex: &regex::Regex) -> Result<Value, Error> {
        match self.eval(text)? {
            Value::Str(text) => {
                self.ctx.meter.scan(text.len())?;
                Ok(Value::Bool(regex.is_match(&text)))
            }
            Value::Nil => Ok(Value::Bool(false)),
            other => Err(Error::ty(format!("`matches` needs a string on its left, not {}", other.describe()))),
        }
    }

    fn conditional(&mut self, condition: NodeId, then: NodeId, other: NodeId) -> Result<Value, Error> {
        if condition == then {
            // `a ?: b`: evaluated once.
            let value = self.eval(condition)?;
            return match value {
                Value::Bool(true) => Ok(value),
                Value::Bool(false) => self.eval(other),
                value => Err(Error::ty(format!("a condition must be true or false, not {}", value.describe()))
                    .hint("`a ?? b` gives `b` where `a` is nil")),
            };
        }
        let branch = if self.eval_bool(condition, "a condition")? { then } else { other };
        self.eval(branch)
    }

    // ---- members

    /// Evaluates without building a map of a whole group.
    fn place(&mut self, id: NodeId) -> Result<Place, Error> {
        match self.program.nodes.get(id as usize) {
            Some(Node::Path(path)) => {
                self.ctx.meter.spend(1)?;
                let program_path: &'e Path = path;
                self.path(program_path).map_err(|error| error.at(self.span(id)))
            }
            Some(Node::Env) => Ok(Place::Group(String::new())),
            _ => self.eval(id).map(Place::Value),
        }
    }

    fn postfix(&mut self, base: NodeId, steps: &[Step]) -> Result<Value, Error> {
        let mut place = self.place(base)?;
        for step in steps {
            if step.optional && matches!(&place, Place::Value(Value::Nil)) {
                return Ok(Value::Nil);
            }
            self.ctx.meter.spend(1)?;
            place = self.step(place, step).map_err(|error| error.at(step.span))?;
        }
        self.force(place)
    }

    fn step(&mut self, place: Place, step: &Step) -> Result<Place, Error> {
        let key = match &step.kind {
            StepKind::Field(name) => Value::Str(name.clone()),
            StepKind::Index(index) => self.eval(*index)?,
            StepKind::Slice(from, to) => {
                let value = self.force(place)?;
                let from = from.map(|id| self.eval(id)).transpose()?;
                let to = to.map(|id| self.eval(id)).transpose()?;
                return operators::slice(&value, from.as_ref(), to.as_ref(), &mut self.ctx).map(Place::Value);
            }
            StepKind::Method(name, args) => {
                let value = self.force(place)?;
                return self.method(&value, name, args).map(Place::Value);
            }
        };
        match place {
            Place::Group(group) => {
                let Some(key) = key.as_str() else {
                    return Err(Error::ty(format!("a group of variables has names as keys, not {}", key.describe())));
                };
                let name = join_name(&group, key);
                if let Some(value) = self.scope.value(&name) {
                    return Ok(Place::Value(value));
                }
                if self.scope.is_group(&name) {
                    return Ok(Place::Group(name));
                }
                if self.lenient {
                    return Err(self.unresolved(&name));
                }
                self.missing.get_or_insert(name);
                Ok(Place::Value(Value::Nil))
            }
            Place::Value(value) => self.member(&value, &key).map(Place::Value),
        }
    }

    fn member(&mut self, value: &Value, key: &Value) -> Result<Value, Error> {
        if let Value::Nil = value {
            let error = Error::ty(format!("there is no {} in nil", describe_key(key)));
            return Err(error.hint("`?.` gives nil where the left side is nil"));
        }
        operators::index(value, key)
    }

    fn method(&mut self, value: &Value, name: &str, args: &[NodeId]) -> Result<Value, Error> {
        let mut values = Vec::with_capacity(args.len());
        for arg in args {
            values.push(self.eval(*arg)?);
        }
        let called = match value {
            Value::Time(time) => time_method(time, name, &values),
            Value::Duration(ns) => duration_method(*ns, name, &values),
            Value::Version(version) => version.method(name, &values),
            Value::Month(_) | Value::Weekday(_) | Value::Zone(_) if name == "String" => {
                Some(crate::value::go_text(value, &mut self.ctx.meter).map(Value::from))
            }
            _ => None,
        };
        let made = called.unwrap_or_else(|| Err(operators::no_method(value, name)))?;
        match &made {
            Value::Str(text) => self.ctx.meter.alloc(text.len())?,
            _ => self.ctx.meter.alloc(size_of::<Value>())?,
        }
        Ok(made)
    }

    // ---- construction

    fn array(&mut self, items: &[NodeId]) -> Result<Value, Error> {
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            values.push(self.eval(*item)?);
        }
        self.ctx.meter.alloc_items(values.len())?;
        Ok(Value::Array(Arc::new(List::new(values)?)))
    }

    fn map(&mut self, entries: &[(NodeId, NodeId)]) -> Result<Value, Error> {
        let mut map = Map::with_capacity(entries.len());
        for (key, value) in entries {
            let key_value = self.eval(*key)?;
            let Some(text) = key_value.as_str() else {
                let error = Error::ty(format!("the key of a map must be a string, not {}", key_value.describe()));
                return Err(error.at(self.span(*key)));
            };
            let key = Key::from(text);
            map.insert(key, self.eval(*value)?)?;
        }
        self.ctx.map(map)
    }

    fn block(&mut self, statements: &[Statement]) -> Result<Value, Error> {
        let mut last = Value::Nil;
        for statement in statements {
            last = self.eval(statement.value)?;
            if let Some(local) = statement.slot.and_then(|slot| self.locals.get_mut(usize::from(slot))) {
                *local = last.clone();
            }
        }
        Ok(last)
    }

    fn call(&mut self, func: &'static Func, args: &[NodeId]) -> Result<Value, Error> {
        let mut values = Vec::with_capacity(args.len());
        for arg in args {
            values.push(self.eval(*arg)?);
        }
        (func.call)(&mut self.ctx, Args { name: func.name, values: &values })
    }
}

fn join_name(group: &str, key: &str) -> String {
    if group.is_empty() { key.to_owned() } else { format!("{group}.{key}") }
}

fn describe_key(key: &Value) -> String {
    match key {
        Value::Str(text) => format!("`{text}`"),
        other => other.describe(),
    }
}
