//! The `depends` of a DAG task: `A.Succeeded && (B.Failed || !C.Skipped)`.

use std::collections::{HashMap, HashSet};

use crate::error::{Error, ErrorKind, Span};
use crate::suggest;

/// Bytes of a `depends` at most; it is a list of names.
const SOURCE_BYTES_MAX: usize = 1 << 20;
/// Parentheses and negations within each other at most.
const NESTING_MAX: usize = 64;

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

impl TaskResult {
    /// All results, in the order of the documentation.
    pub const ALL: [TaskResult; 8] = [
        TaskResult::Succeeded,
        TaskResult::Failed,
        TaskResult::Errored,
        TaskResult::Skipped,
        TaskResult::Omitted,
        TaskResult::Daemoned,
        TaskResult::AnySucceeded,
        TaskResult::AllFailed,
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            TaskResult::Succeeded => "Succeeded",
            TaskResult::Failed => "Failed",
            TaskResult::Errored => "Errored",
            TaskResult::Skipped => "Skipped",
            TaskResult::Omitted => "Omitted",
            TaskResult::Daemoned => "Daemoned",
            TaskResult::AnySucceeded => "AnySucceeded",
            TaskResult::AllFailed => "AllFailed",
        }
    }
}

/// A parsed `depends`.
#[derive(Clone, Debug, PartialEq)]
pub struct Depends {
    source: Box<str>,
    tasks: Vec<DependsTask>,
    expression: DependsExpression,
}

/// A task that a `depends` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DependsTask {
    /// Its name.
    pub name: String,
    /// The results it is asked for, each once; empty when it only stands bare.
    pub results: Vec<TaskResult>,
    /// Does it also stand without a result (`A` for "`A` ended well")?
    pub bare: bool,
    /// Where it stands first.
    pub span: Span,
}

/// The tree of a `depends`.
#[derive(Clone, Debug, PartialEq)]
pub enum DependsExpression {
    /// A task (an index into [`Depends::tasks`]), with a result or bare.
    Task(usize, Option<TaskResult>),
    /// `!a`
    Not(Box<DependsExpression>),
    /// `a && b && c`; never empty except for no dependencies at all, which is fulfilled.
    All(Vec<DependsExpression>),
    /// `a || b || c`
    Any(Vec<DependsExpression>),
}

impl Depends {
    /// Parses `A.Succeeded && (B.Failed || !C.Skipped)`. Task names are letters, digits, `-` and `_`.
    pub fn parse(source: &str) -> Result<Depends, Error> {
        let mut parser = Parser { source, at: 0, tasks: Vec::new(), places: HashMap::new(), depth: 0 };
        let expression = parser.whole().map_err(|error| error.in_source(source))?;
        Ok(Depends { source: source.into(), tasks: parser.tasks, expression })
    }

    /// The `depends` that `dependencies: [A, B]` means: all of them, bare.
    pub fn all_of<'n>(names: impl IntoIterator<Item = &'n str>) -> Depends {
        let mut tasks: Vec<DependsTask> = Vec::new();
        let mut seen = HashSet::new();
        for name in names {
            if seen.insert(name) {
                tasks.push(DependsTask {
                    name: name.to_owned(),
                    results: Vec::new(),
                    bare: true,
                    span: Span::default(),
                });
            }
        }
        let source = tasks.iter().map(|task| task.name.as_str()).collect::<Vec<_>>().join(" && ");
        let expression = DependsExpression::All((0..tasks.len()).map(|at| DependsExpression::Task(at, None)).collect());
        Depends { source: source.into(), tasks, expression }
    }

    /// The text as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The tasks it names, in the order of their first appearance.
    pub fn tasks(&self) -> &[DependsTask] {
        &self.tasks
    }

    /// The tree.
    pub fn expression(&self) -> &DependsExpression {
        &self.expression
    }

    /// Is it fulfilled? `holds(task, Some(result))` answers for a named result, `holds(task, None)` for a bare task. What no longer matters
    /// is not asked.
    pub fn eval(&self, holds: &mut dyn FnMut(&str, Option<TaskResult>) -> bool) -> bool {
        self.walk(&self.expression, holds)
    }

    fn walk(&self, expression: &DependsExpression, holds: &mut dyn FnMut(&str, Option<TaskResult>) -> bool) -> bool {
        match expression {
            DependsExpression::Task(at, result) => self.tasks.get(*at).is_some_and(|task| holds(&task.name, *result)),
            DependsExpression::Not(inner) => !self.walk(inner, holds),
            DependsExpression::All(parts) => parts.iter().all(|part| self.walk(part, holds)),
            DependsExpression::Any(parts) => parts.iter().any(|part| self.walk(part, holds)),
        }
    }
}

struct Parser<'s> {
    source: &'s str,
    at: usize,
    tasks: Vec<DependsTask>,
    /// Where in `tasks` each name is: a join of 100,000 tasks is parsed in one pass.
    places: HashMap<&'s str, usize>,
    depth: usize,
}

type Parsed = Result<DependsExpression, Error>;

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

    fn unexpected(&self, expected: &str) -> Error {
        let rest = self.rest();
        let error = match rest.chars().next() {
            None => Error::syntax(Span::new(self.at, self.at), "unexpected end"),
            Some(c) => {
                let len = rest.find(|c: char| c.is_whitespace() || "()!&|".contains(c)).unwrap_or(rest.len());
                Error::syntax(Span::new(self.at, self.at + len.max(c.len_utf8())), format!("unexpected {c:?}"))
            }
        };
        let error = error.expected(expected);
        match rest.get(..3) {
            Some("and" | "AND") => error.hint("and is `&&`"),
            _ if rest.starts_with(['&', ',']) => error.hint("and is `&&`"),
            _ if rest.starts_with('|') || rest.starts_with("or") => error.hint("or is `||`"),
            _ => error,
        }
    }

    fn whole(&mut self) -> Parsed {
        if self.source.len() > SOURCE_BYTES_MAX {
            return Err(Error::new(ErrorKind::TooLong { limit: SOURCE_BYTES_MAX }));
        }
        let expression = self.any()?;
        self.skip_blank();
        if self.rest().is_empty() { Ok(expression) } else { Err(self.unexpected("`&&`, `||` or the end")) }
    }

    fn any(&mut self) -> Parsed {
        let first = self.all()?;
        let mut parts = vec![first];
        while self.accept("||") {
            parts.push(self.all()?);
        }
        Ok(joined(parts, DependsExpression::Any))
    }

    fn all(&mut self) -> Parsed {
        let first = self.operand()?;
        let mut parts = vec![first];
        while self.accept("&&") {
            parts.push(self.operand()?);
        }
        Ok(joined(parts, DependsExpression::All))
    }

    fn operand(&mut self) -> Parsed {
        if self.depth >= NESTING_MAX {
            return Err(Error::new(ErrorKind::TooDeep { limit: NESTING_MAX }).at(Span::new(self.at, self.at + 1)));
        }
        self.depth += 1;
        let parsed = if self.accept("!") {
            self.operand().map(|inner| DependsExpression::Not(Box::new(inner)))
        } else if self.accept("(") {
            self.any().and_then(|inner| if self.accept(")") { Ok(inner) } else { Err(self.unexpected("`)`")) })
        } else {
            self.task()
        };
        self.depth -= 1;
        parsed
    }

    fn task(&mut self) -> Parsed {
        self.skip_blank();
        let start = self.at;
        let name = self.word();
        if name.is_empty() {
            return Err(self.unexpected("the name of a task, `!` or `(`"));
        }
        let named = Span::new(start, self.at);
        let mut result = None;
        if self.rest().starts_with('.') {
            self.at += 1;
            let from = self.at;
            let word = self.word();
            let span = Span::new(from, self.at.max(from + 1));
            let known = TaskResult::ALL.into_iter().find(|known| known.name() == word);
            result = Some(known.ok_or_else(|| {
                let names = TaskResult::ALL.map(TaskResult::name);
                let near = suggest::near(word, names);
                let message = format!("`{word}` is no result of a task");
                Error::syntax(span, message).expected(names.join(", ")).did_you_mean(&near)
            })?);
        }
        let at = self.note(name, result, named);
        Ok(DependsExpression::Task(at, result))
    }

    fn word(&mut self) -> &'s str {
        let rest = self.rest();
        let len = rest.find(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_')).unwrap_or(rest.len());
        self.at += len;
        rest.get(..len).unwrap_or("")
    }

    fn note(&mut self, name: &'s str, result: Option<TaskResult>, span: Span) -> usize {
        let next = self.tasks.len();
        let at = *self.places.entry(name).or_insert(next);
        if at == next {
            self.tasks.push(DependsTask { name: name.to_owned(), results: Vec::new(), bare: false, span });
        }
        if let Some(task) = self.tasks.get_mut(at) {
            match result {
                None => task.bare = true,
                Some(result) if !task.results.contains(&result) => task.results.push(result),
                Some(_) => {}
            }
        }
        at
    }
}

fn joined(
    mut parts: Vec<DependsExpression>,
    join: fn(Vec<DependsExpression>) -> DependsExpression,
) -> DependsExpression {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            parts.extend(last);
            join(parts)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eval(source: &str, facts: &[(&str, Option<TaskResult>)]) -> bool {
        Depends::parse(source).unwrap().eval(&mut |task, result| facts.contains(&(task, result)))
    }

    #[test]
    fn evaluation() {
        use TaskResult::{Failed, Skipped, Succeeded};
        let facts = [("A", Some(Succeeded)), ("B", Some(Failed)), ("my-task_2", None), ("C", Some(Skipped))];
        for (source, expected) in [
            ("A.Succeeded", true),
            ("A.Failed", false),
            ("A.Succeeded && B.Failed", true),
            ("A.Succeeded&&B.Failed", true),
            ("A.Failed || B.Failed", true),
            ("A.Succeeded && (B.Succeeded || !C.Failed)", true),
            ("!C.Skipped", false),
            ("!!C.Skipped", true),
            ("!(A.Failed || C.Skipped)", false),
            ("my-task_2", true),
            ("A", false),
            ("A.Failed && A || B.Failed", true),
            ("B.Failed || A.Failed && A.Failed", true),
            ("( ( A.Succeeded ) )", true),
        ] {
            assert_eq!(eval(source, &facts), expected, "{source}");
        }
    }

    #[test]
    fn tasks_are_listed_once() {
        let depends = Depends::parse("A.Succeeded && (b-c || A.Failed || !A.Succeeded) && b-c.Daemoned").unwrap();
        let tasks: Vec<(&str, &[TaskResult], bool)> =
            depends.tasks().iter().map(|task| (task.name.as_str(), task.results.as_slice(), task.bare)).collect();
        assert_eq!(
            tasks,
            [
                ("A", &[TaskResult::Succeeded, TaskResult::Failed][..], false),
                ("b-c", &[TaskResult::Daemoned][..], true)
            ]
        );
        let all = Depends::all_of(["A", "B", "A"]);
        assert_eq!((all.source(), all.tasks().len()), ("A && B", 2));
        assert!(all.eval(&mut |_, result| result.is_none()));
        assert!(!all.eval(&mut |task, _| task == "A"));
        assert!(Depends::all_of([]).eval(&mut |_, _| false));
    }

    #[test]
    fn mistakes() {
        for (source, expected) in [
            (
                "A.Suceeded && B",
                "`Suceeded` is no result of a task\n  |\n  | A.Suceeded && B\n  |   ^^^^^^^^\n  = expected Succeeded, Failed, Errored, Skipped, Omitted, Daemoned, AnySucceeded, AllFailed\n  = hint: did you mean `Succeeded`?",
            ),
            (
                "A & B",
                "unexpected '&'\n  |\n  | A & B\n  |   ^\n  = expected `&&`, `||` or the end\n  = hint: and is `&&`",
            ),
            (
                "A and B",
                "unexpected 'a'\n  |\n  | A and B\n  |   ^^^\n  = expected `&&`, `||` or the end\n  = hint: and is `&&`",
            ),
            (
                "A, B",
                "unexpected ','\n  |\n  | A, B\n  |  ^\n  = expected `&&`, `||` or the end\n  = hint: and is `&&`",
            ),
            ("(A", "unexpected end\n  |\n  | (A\n  |   ^\n  = expected `)`"),
            ("A &&", "unexpected end\n  |\n  | A &&\n  |     ^\n  = expected the name of a task, `!` or `(`"),
            ("", "unexpected end\n  |\n  | \n  | ^\n  = expected the name of a task, `!` or `(`"),
        ] {
            let got = Depends::parse(source).unwrap_err().render();
            assert_eq!(got, expected, "{source}\n{got}");
        }
        for source in ["A.", "A.B.C", "&& A", "A)", "!", "A B", "A.Succeeded.Failed"] {
            assert!(Depends::parse(source).is_err(), "{source}");
        }
    }

    #[test]
    fn large_and_hostile_texts() {
        assert!(Depends::parse(&"(".repeat(100_000)).is_err());
        assert!(Depends::parse(&"!".repeat(100_000)).is_err());
        let names: Vec<String> = (0..50_000).map(|n| format!("task-{n}")).collect();
        let depends = Depends::parse(&names.join(" && ")).unwrap();
        assert_eq!(depends.tasks().len(), 50_000);
        assert!(depends.eval(&mut |_, _| true));
    }
}
