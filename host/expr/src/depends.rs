//! The `depends` of a DAG task.

use crate::{Error, Span};

/// A result of a task as `depends` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TaskResult {
    /// `.Succeeded`
    Succeeded,
    /// `.Failed`
    Failed,
    /// `.Errored`
    Errored,
    /// `.Skipped`
    Skipped,
    /// `.Omitted`
    Omitted,
    /// `.Daemoned`
    Daemoned,
    /// `.AnySucceeded`: at least one item of a loop succeeded.
    AnySucceeded,
    /// `.AllFailed`: every item of a loop failed.
    AllFailed,
}

/// A parsed `depends`.
#[derive(Clone, Debug, PartialEq)]
pub struct Depends {
    source: Box<str>,
    tasks: Vec<DependsTask>,
}

/// A task that a `depends` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DependsTask {
    /// Its name.
    pub name: String,
    /// The results it is asked for; empty when it only stands bare.
    pub results: Vec<TaskResult>,
    /// Does it also stand without a result (`A` for "`A` ended well")?
    pub bare: bool,
    /// Where it stands first.
    pub span: Span,
}

impl Depends {
    /// Parses `A.Succeeded && (B.Failed || !C.Skipped)`.
    pub fn parse(source: &str) -> Result<Depends, Error> {
        Ok(Depends { source: source.into(), tasks: Vec::new() })
    }

    /// The `depends` that `dependencies: [A, B]` means: all of them, bare.
    pub fn all_of<'n>(names: impl IntoIterator<Item = &'n str>) -> Depends {
        let _ = names;
        Depends { source: "".into(), tasks: Vec::new() }
    }

    /// The text as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The tasks it names, in the order of their first appearance.
    pub fn tasks(&self) -> &[DependsTask] {
        &self.tasks
    }

    /// Is it fulfilled? `holds(task, Some(result))` answers for a named result, `holds(task, None)` for a bare task. Every operand is a plain
    /// truth value; nothing is short-circuited away from the answer, but the closure may not be asked about everything.
    pub fn eval(&self, holds: &mut dyn FnMut(&str, Option<TaskResult>) -> bool) -> bool {
        let _ = holds;
        false
    }
}
