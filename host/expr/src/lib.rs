//! Tags, expressions, conditions and paths: text from a manifest is parsed **once** into a program, and the program is run as often as needed
//! against a [`Scope`] under a [`Budget`].
//!
//! | world | type | where manifests use it |
//! |---|---|---|
//! | simple tags `{{a.b}}`, `{{=expr}}` | [`Template`] | nearly every string of a workflow template |
//! | the expression language | [`Expression`] | `valueFrom.expression`, hooks, retry, metrics, `labelsFrom`, event selectors … |
//! | conditions | [`Condition`] | `when` |
//! | task results | [`Depends`] | `depends` |
//! | JSONPath | [`jsonpath`] | `valueFrom.jsonPath`, `jsonpath()` in expressions |
//! | jq | [`jq`] | `valueFrom.jqFilter` |
//! | selectors | [`selector`] | list options, `podGC.labelSelector`, resource `successCondition` and `failureCondition` |
//!
//! ```text
//!  text ── parse ──► Template │ Expression │ Condition │ Depends │ Selector …      once, errors with a caret
//!                        │
//!  Env { scope, now, random, budget } ── eval / render ──► Value │ text │ bool     often, no second parse
//! ```
//!
//! # Invariants
//! - Pure: no clock, no randomness, no file, no socket. `now()` and random strings take what [`Env`] carries; time zones are compiled in.
//! - Total: hostile text gives an [`Error`], never a panic, a stack overflow or an endless loop. Parsers bound length and nesting,
//!   evaluation bounds steps and produced bytes, values bound their nesting.
//! - A value that is put into a text is never parsed as a part of that text again. The one exception is a condition that consists of one
//!   tag: then its value is the condition.
//!
//! # Why an own expression evaluator
//! The crate `expr-lang` 2.1 covers most of the language, but it cannot be budgeted (no step count, results are made before they could be
//! counted, its grammar recurses without a limit and overflows the stack), it reads the clock, `TZ` and the zone files of the machine, and it
//! wants all variables in a map that is made beforehand. So lexer, parser and evaluator are our own, and are compared with the language's
//! definition and with the reference implementation's answers (`src/lang/tests`).
//!
//! # What this crate must not know
//! Workflows, nodes, stores, manifests: it sees names, texts and values only.

mod budget;
mod error;
mod scope;
mod suggest;
mod time;
mod value;

#[cfg(test)]
mod bench_tests;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod testing;

pub mod gjson;
pub mod jq;
pub mod jsonpath;
pub mod selector;

mod condition;
mod depends;
mod func;
mod lang;
mod pattern;
mod sprig;
mod template;

pub use budget::Budget;
pub use condition::Condition;
pub use depends::{Depends, DependsExpression, DependsTask, TaskResult};
pub use error::{Error, ErrorKind, Resource, Span};
pub use lang::Expression;
pub use scope::{Env, MapScope, NoScope, RandomSource, Scope};
pub use sprig::Version;
pub use template::{Mode, Reference, Rendered, Template};
pub use time::{Time, Zone};
pub use value::{Key, List, Map, VALUE_DEPTH_MAX, Value};
