//! What is wrong with manifests, told three ways: with the line of the file, in one line each, as JSON.

use serde_json::{Value, json};

use super::terminal::Terminal;
use super::text::{Paint, Text};

/// A line of a file is shown up to this width.
const LINE_COLUMNS_MAX: usize = 120;

/// How much a problem weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It is accepted, and kept without effect here.
    NoEffect,
    /// It is accepted, and probably not what was meant.
    Warning,
    /// It is refused.
    Error,
}

impl Weight {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::NoEffect => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    fn paint(self) -> Paint {
        match self {
            Self::NoEffect => Paint::Blue,
            Self::Warning => Paint::Yellow,
            Self::Error => Paint::Red,
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, as a person knows it.
    pub file: String,
    /// From 1; 0 when it is about the whole file.
    pub line: u32,
    /// From 1.
    pub column: u32,
    /// The object: `Workflow hello`.
    pub object: String,
    /// The field's path.
    pub path: String,
    /// What is wrong and what was expected.
    pub reason: String,
    /// A stable code.
    pub code: String,
    /// What to do.
    pub hint: Option<String>,
    /// How much it weighs.
    pub weight: Weight,
}

/// The forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Form {
    /// With the line of the file
    #[default]
    Pretty,
    /// A line for each, as compilers write them
    Simple,
    /// JSON
    Json,
}

/// All problems in a form. `text_of` gives a file's content, for the line to show.
pub fn render(
    problems: &[Problem],
    form: Form,
    terminal: &Terminal,
    text_of: &dyn Fn(&str) -> Option<String>,
) -> String {
    match form {
        Form::Json => format!(
            "{}\n",
            serde_json::to_string_pretty(&problems.iter().map(document).collect::<Vec<Value>>()).unwrap_or_default()
        ),
        Form::Simple => problems.iter().map(|problem| simple(problem).render(terminal) + "\n").collect(),
        Form::Pretty => {
            let mut out = String::new();
            let mut file: Option<(&str, Vec<String>)> = None;
            for problem in problems {
                if file.as_ref().is_none_or(|(name, _)| *name != problem.file) {
                    let lines = text_of(&problem.file)
                        .map(|text| text.lines().map(str::to_owned).collect())
                        .unwrap_or_default();
                    file = Some((&problem.file, lines));
                }
                let line = file
                    .as_ref()
                    .and_then(|(_, lines)| lines.get((problem.line as usize).checked_sub(1)?))
                    .map(String::as_str);
                pretty(problem, line, terminal, &mut out);
            }
            out
        }
    }
}

fn document(problem: &Problem) -> Value {
    json!({
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "object": problem.object,
        "path": problem.path,
        "message": problem.reason,
        "code": problem.code,
        "hint": problem.hint,
        "severity": problem.weight.word(),
    })
}

/// `hello.yaml:12:5: error: spec.entrypoint: … [WF012] (hint: …)`.
fn simple(problem: &Problem) -> Text {
    let mut text = Text::painted(Paint::Bold, place(problem));
    text.push(problem.weight.paint(), format!(": {}: ", problem.weight.word()));
    if !problem.path.is_empty() {
        text.push(Paint::Plain, format!("{}: ", problem.path));
    }
    text.push(Paint::Plain, &problem.reason);
    if !problem.code.is_empty() {
        text.push(Paint::Dim, format!(" [{}]", problem.code));
    }
    if let Some(hint) = &problem.hint {
        text.push(Paint::Cyan, format!(" (hint: {hint})"));
    }
    text
}

fn place(problem: &Problem) -> String {
    match problem.line {
        0 => problem.file.clone(),
        line => format!("{}:{line}:{}", problem.file, problem.column),
    }
}

fn pretty(problem: &Problem, line: Option<&str>, terminal: &Terminal, out: &mut String) {
    let mut put = |text: Text| {
        out.push_str(&text.render(terminal));
        out.push('\n');
    };
    let code = if problem.code.is_empty() { String::new() } else { format!("[{}]", problem.code) };
    put(Text::painted(problem.weight.paint(), format!("{}{code}", problem.weight.word()))
        .with(Paint::Bold, format!(": {}", problem.reason)));
    let number = problem.line.to_string();
    let gutter = " ".repeat(number.len());
    let mut head = Text::painted(Paint::Cyan, format!("{gutter}--> ")).with(Paint::Plain, place(problem));
    if !problem.object.is_empty() {
        head.push(Paint::Dim, format!(" ({})", problem.object));
    }
    put(head);
    if let Some(line) = line {
        // A tab counts as one column to the reader of the file, and is shown as one.
        let shown = Text::plain(line).clipped(LINE_COLUMNS_MAX, terminal);
        put(Text::painted(Paint::Cyan, format!("{gutter} |")));
        let mut source = Text::painted(Paint::Cyan, format!("{number} | "));
        source.append(shown);
        put(source);
        let before: String = line.chars().take((problem.column as usize).saturating_sub(1)).collect();
        let width = Text::plain(before).width();
        if width < LINE_COLUMNS_MAX {
            put(Text::painted(Paint::Cyan, format!("{gutter} | "))
                .with(problem.weight.paint(), format!("{}^", " ".repeat(width))));
        }
    }
    if !problem.path.is_empty() {
        put(Text::painted(Paint::Cyan, format!("{gutter} = ")).with(Paint::Dim, format!("field: {}", problem.path)));
    }
    if let Some(hint) = &problem.hint {
        put(Text::painted(Paint::Cyan, format!("{gutter} = hint: ")).with(Paint::Plain, hint));
    }
    put(Text::empty());
}

/// `2 errors, 1 warning in hello.yaml`, or that there is nothing to say.
pub fn verdict(problems: &[Problem], files: usize, objects: usize, terminal: &Terminal) -> Text {
    let count = |weight| problems.iter().filter(|problem| problem.weight == weight).count();
    let many = |n: usize, word: &str| if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") };
    let (errors, warnings) = (count(Weight::Error), count(Weight::Warning));
    let place = format!("{} of {}", many(objects, "object"), many(files, "file"));
    let signs = terminal.signs();
    match (errors, warnings) {
        (0, 0) => Text::painted(Paint::Green, signs.ok).with(Paint::Plain, format!(" no errors in {place}")),
        (0, _) => Text::painted(Paint::Yellow, signs.error)
            .with(Paint::Plain, format!(" {} in {place}", many(warnings, "warning"))),
        (_, 0) => {
            Text::painted(Paint::Red, signs.failed).with(Paint::Plain, format!(" {} in {place}", many(errors, "error")))
        }
        _ => Text::painted(Paint::Red, signs.failed)
            .with(Paint::Plain, format!(" {}, {} in {place}", many(errors, "error"), many(warnings, "warning"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<Problem> {
        vec![
            Problem {
                file: "hello.yaml".into(),
                line: 3,
                column: 5,
                object: "Workflow hello".into(),
                path: "spec.entripoint".into(),
                reason: "there is no such field".into(),
                code: "FD001".into(),
                hint: Some("did you mean \"entrypoint\"?".into()),
                weight: Weight::Error,
            },
            Problem {
                file: "gone.yaml".into(),
                line: 0,
                column: 0,
                object: String::new(),
                path: String::new(),
                reason: "the text is too large".into(),
                code: "RD004".into(),
                hint: None,
                weight: Weight::Warning,
            },
        ]
    }

    #[test]
    fn the_line_is_shown_with_a_mark() {
        let text_of = |name: &str| (name == "hello.yaml").then(|| "a: 1\nb:\n    entripoint: main\n".to_owned());
        insta::assert_snapshot!(render(&sample(), Form::Pretty, &Terminal::plain(), &text_of), @r#"
        error[FD001]: there is no such field
         --> hello.yaml:3:5 (Workflow hello)
          |
        3 |     entripoint: main
          |     ^
          = field: spec.entripoint
          = hint: did you mean "entrypoint"?

        warning[RD004]: the text is too large
         --> gone.yaml
        "#);
    }

    #[test]
    fn a_line_each_for_editors() {
        insta::assert_snapshot!(render(&sample(), Form::Simple, &Terminal::plain(), &|_| None), @r#"
        hello.yaml:3:5: error: spec.entripoint: there is no such field [FD001] (hint: did you mean "entrypoint"?)
        gone.yaml: warning: the text is too large [RD004]
        "#);
        insta::assert_snapshot!(verdict(&sample(), 2, 1, &Terminal::plain()).letters(), @r"
        ✖ 1 error, 1 warning in 1 object of 2 files
        ");
    }

    #[test]
    fn json_for_machines() {
        let value: Value = serde_json::from_str(&render(&sample(), Form::Json, &Terminal::plain(), &|_| None)).unwrap();
        assert_eq!(value[0]["severity"], "error");
        assert_eq!(value[0]["path"], "spec.entripoint");
        assert_eq!(value[1]["hint"], Value::Null);
    }
}
