//! Where variables, the time and randomness come from.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use jiff::Timestamp;

use crate::budget::Budget;
use crate::value::Value;

/// The variables that a template or expression sees, asked for one by one: nothing forces a caller to build a map of all of them.
///
/// Names are dotted paths as in a tag, `inputs.parameters.my-name`. An expression's `inputs.parameters['my-name']` asks for the same name.
pub trait Scope {
    /// The value of the simple tag `{{name}}`.
    fn lookup(&self, name: &str) -> Option<Cow<'_, str>>;

    /// The typed value of the variable in expressions. Argo's variables are strings there, so the default is [`Scope::lookup`] as a string.
    /// `Some(Value::Nil)` says that the variable is known and will never have a value (the output of a skipped step): `??` then takes over.
    fn value(&self, name: &str) -> Option<Value> {
        self.lookup(name).map(|text| Value::from(text.as_ref()))
    }

    /// Calls `visit` with each known name that starts with `prefix` (which ends in a dot, or is empty for all names), whole names, in
    /// any order, until it breaks. Used for expressions over whole groups (`toJSON(inputs.parameters)`, `'x' in inputs.parameters`), and for
    /// suggestions after a mistake; never for an ordinary variable.
    fn each_name(&self, prefix: &str, visit: &mut dyn FnMut(&str) -> ControlFlow<()>);

    /// Is `name` a group, that is, do names start with `name.`?
    fn is_group(&self, name: &str) -> bool {
        let prefix = format!("{name}.");
        let mut found = false;
        self.each_name(&prefix, &mut |_| {
            found = true;
            ControlFlow::Break(())
        });
        found
    }
}

/// A source of random bytes; given by the caller so that a replay can record what it gave.
pub trait RandomSource {
    /// Fills `bytes`.
    fn fill(&mut self, bytes: &mut [u8]);
}

impl<F: FnMut(&mut [u8])> RandomSource for F {
    fn fill(&mut self, bytes: &mut [u8]) {
        self(bytes);
    }
}

/// All that an evaluation may use.
pub struct Env<'a> {
    /// The variables.
    pub scope: &'a dyn Scope,
    /// What `now()` answers; without it `now()` is an error.
    pub now: Option<Timestamp>,
    /// What `sprig.randAlpha`, `sprig.uuidv4` … draw from; without it they are an error.
    pub random: Option<&'a mut dyn RandomSource>,
    /// What the evaluation may cost.
    pub budget: Budget,
}

impl<'a> Env<'a> {
    /// An environment with variables only and the default budget.
    pub fn new(scope: &'a dyn Scope) -> Self {
        Env { scope, now: None, random: None, budget: Budget::DEFAULT }
    }

    /// Sets the time.
    #[must_use]
    pub fn with_now(mut self, now: Timestamp) -> Self {
        self.now = Some(now);
        self
    }

    /// Sets the source of random bytes.
    #[must_use]
    pub fn with_random(mut self, random: &'a mut dyn RandomSource) -> Self {
        self.random = Some(random);
        self
    }

    /// Sets the budget.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }
}

/// A scope without variables.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoScope;

impl Scope for NoScope {
    fn lookup(&self, _name: &str) -> Option<Cow<'_, str>> {
        None
    }

    fn each_name(&self, _prefix: &str, _visit: &mut dyn FnMut(&str) -> ControlFlow<()>) {}
}

/// A scope over a map of dotted names, for tests, tools and small environments.
#[derive(Clone, Debug, Default)]
pub struct MapScope {
    values: BTreeMap<String, Value>,
    texts: BTreeMap<String, String>,
}

impl MapScope {
    /// An empty scope.
    pub fn new() -> Self {
        MapScope::default()
    }

    /// Adds a variable; a string is seen raw by tags, anything else as JSON.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        let (name, value) = (name.into(), value.into());
        self.texts.insert(name.clone(), value.to_tag_text());
        self.values.insert(name, value);
    }

    /// [`MapScope::insert`], chained.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.insert(name, value);
        self
    }
}

impl<N: Into<String>, V: Into<Value>> FromIterator<(N, V)> for MapScope {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut scope = MapScope::new();
        for (name, value) in pairs {
            scope.insert(name, value);
        }
        scope
    }
}

impl Scope for MapScope {
    fn lookup(&self, name: &str) -> Option<Cow<'_, str>> {
        self.texts.get(name).map(|text| Cow::Borrowed(text.as_str()))
    }

    fn value(&self, name: &str) -> Option<Value> {
        self.values.get(name).cloned()
    }

    fn each_name(&self, prefix: &str, visit: &mut dyn FnMut(&str) -> ControlFlow<()>) {
        let from = self.values.range::<str, _>((std::ops::Bound::Included(prefix), std::ops::Bound::Unbounded));
        for (name, _) in from.take_while(|(name, _)| name.starts_with(prefix)) {
            if visit(name).is_break() {
                return;
            }
        }
    }
}
