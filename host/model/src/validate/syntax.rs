//! The grammar of expressions, which another crate knows.

/// A name that a text uses: a tag `{{inputs.parameters.x}}`, or a name in an expression.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tag {
    /// The dotted name; of a name whose end is known only later (`{{a.{{b}}}}`), what stands before it.
    pub name: String,
    /// The name is only the known beginning.
    pub dynamic: bool,
    /// It stands in an expression (`{{=…}}`): it may name a group or a member of a value.
    pub expression: bool,
    /// The text provides for its absence (`?.`, `??`).
    pub optional: bool,
}

/// A task and one of its results, in `depends`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskResult {
    /// The task.
    pub task: String,
    /// The result, such as `Succeeded`; none for a task by itself.
    pub result: Option<String>,
}

/// A text breaks its grammar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault without a hint.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), hint: None }
    }
}

/// The grammar of expressions. Each reads one kind of text and gives the names that it uses.
pub trait Syntax {
    /// Text with tags, as most fields are.
    fn text(&self, text: &str) -> Result<Vec<Tag>, Fault>;
    /// A condition (`when`).
    fn condition(&self, text: &str) -> Result<Vec<Tag>, Fault>;
    /// An expression without braces (`expression`, `fromExpression`, …).
    fn expression(&self, text: &str) -> Result<Vec<Tag>, Fault>;
    /// `depends` of a task.
    fn depends(&self, text: &str) -> Result<Vec<TaskResult>, Fault> {
        plain_depends(text)
    }
    /// A jq program.
    fn jq(&self, _: &str) -> Result<(), Fault> {
        Ok(())
    }
    /// A JSONPath.
    fn json_path(&self, _: &str) -> Result<(), Fault> {
        Ok(())
    }
    /// A selector over an object's fields (`successCondition` of a resource).
    fn selector(&self, _: &str) -> Result<(), Fault> {
        Ok(())
    }
}

/// Knows simple tags and `depends`, and takes all else as it is.
pub struct PlainSyntax;

impl Syntax for PlainSyntax {
    fn text(&self, text: &str) -> Result<Vec<Tag>, Fault> {
        let mut tags = Vec::new();
        let mut rest = text;
        while let Some((_, after)) = rest.split_once("{{") {
            let Some((inner, tail)) = after.split_once("}}") else {
                return Err(Fault { reason: "the tag has no end".into(), hint: Some("close it with }}".into()) });
            };
            rest = tail;
            match inner.split_once("{{") {
                Some((known, _)) => {
                    let name = known.trim().trim_end_matches('.').to_owned();
                    tags.push(Tag { name, dynamic: true, ..Tag::default() });
                    // The tag inside is read again by itself, the outer's end is left behind.
                    rest = after.get(known.len()..).unwrap_or_default();
                }
                None if inner.trim_start().starts_with('=') => {}
                None => tags.push(Tag { name: inner.trim().to_owned(), ..Tag::default() }),
            }
        }
        Ok(tags)
    }

    fn condition(&self, text: &str) -> Result<Vec<Tag>, Fault> {
        self.text(text)
    }

    fn expression(&self, _: &str) -> Result<Vec<Tag>, Fault> {
        Ok(Vec::new())
    }
}

/// `a.Succeeded && (b || !c.Failed)`
fn plain_depends(text: &str) -> Result<Vec<TaskResult>, Fault> {
    let mut found = Vec::new();
    let mut open = 0_usize;
    let mut wants_task = true;
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let mut length = first.len_utf8();
        match first {
            '!' if wants_task => {}
            '(' if wants_task => open += 1,
            ')' if !wants_task && open > 0 => open -= 1,
            '&' | '|' if !wants_task && (rest.starts_with("&&") || rest.starts_with("||")) => {
                length = 2;
                wants_task = true;
            }
            c if wants_task && (c.is_ascii_alphanumeric() || c == '_') => {
                length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(rest.len());
                let word = rest.get(..length).unwrap_or_default();
                let (task, result) = match word.split_once('.') {
                    Some((task, result)) => (task, Some(result.to_owned())),
                    None => (word, None),
                };
                found.push(TaskResult { task: task.to_owned(), result });
                wants_task = false;
            }
            other => {
                let expected = if wants_task { "a task, ! or (" } else { "&&, || or )" };
                return Err(Fault::new(format!("{expected} is expected, not {other:?}")));
            }
        }
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    match (wants_task, open) {
        (true, _) => Err(Fault::new("a task is expected at the end")),
        (_, 1..) => Err(Fault::new("a ) is missing at the end")),
        _ => Ok(found),
    }
}
