//! What went wrong, told to a person: the chain of causes, then what to do.

use crate::render::{Paint, Terminal, Text};

/// How the command ended. The numbers are a promise to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All went well; the runs that were waited for succeeded.
    Done = 0,
    /// A run failed, a lint or test found errors, or the server refused.
    Failed = 1,
    /// The command line, or a file it names, cannot be right as it stands. Nothing was done.
    Usage = 2,
    /// The server cannot be reached, does not know the caller, or does not let the caller do this.
    Unavailable = 3,
    /// Interrupted from the keyboard.
    Interrupted = 130,
}

/// How many violations are printed before the rest is counted only.
const VIOLATIONS_SHOWN_MAX: usize = 50;

/// An error of a command, with its exit code and hints.
#[derive(Debug)]
pub struct CliError {
    /// How the command ends.
    pub exit: Exit,
    /// What happened, with its causes. Absent when everything has been printed already.
    pub error: Option<anyhow::Error>,
    /// What is wrong with which field.
    pub violations: Vec<Text>,
    /// What to do, most likely first.
    pub hints: Vec<String>,
}

/// What a command answers.
pub type CliResult<T = Exit> = Result<T, CliError>;

impl CliError {
    /// The command line cannot be right.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, anyhow::Error::msg(message.into()))
    }

    /// It was tried and did not work.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, anyhow::Error::msg(message.into()))
    }

    /// With a cause chain.
    pub fn new(exit: Exit, error: anyhow::Error) -> Self {
        Self { exit, error: Some(error), violations: Vec::new(), hints: Vec::new() }
    }

    /// Everything has been printed; only the exit code is left.
    pub fn silent(exit: Exit) -> Self {
        Self { exit, error: None, violations: Vec::new(), hints: Vec::new() }
    }

    /// Adds a hint, unless it says what is there already.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        let hint = hint.into();
        if !hint.is_empty() && !self.hints.contains(&hint) {
            self.hints.push(hint);
        }
        self
    }

    /// Says what was being done.
    #[must_use]
    pub fn context(mut self, doing: impl Into<String>) -> Self {
        let doing = doing.into();
        self.error = self.error.map(|error| error.context(doing));
        self
    }

    /// The lines for standard error.
    pub fn render(&self, terminal: &Terminal) -> String {
        let mut out = String::new();
        let mut line = |text: Text| {
            out.push_str(&text.render(terminal));
            out.push('\n');
        };
        if let Some(error) = &self.error {
            let mut told: Vec<String> = Vec::new();
            for cause in error.chain() {
                let cause = cause.to_string();
                // Libraries often repeat their cause in their own message; once is enough.
                if told.iter().any(|earlier| earlier.contains(&cause)) {
                    continue;
                }
                let (first, rest) = cause.split_once('\n').unwrap_or((&cause, ""));
                match told.is_empty() {
                    true => line(Text::painted(Paint::Red, "error: ").with(Paint::Plain, first)),
                    false => line(Text::painted(Paint::Dim, "  caused by: ").with(Paint::Plain, first)),
                }
                for more in rest.lines() {
                    line(Text::plain(format!("    {more}")));
                }
                told.push(cause);
            }
        }
        for violation in self.violations.iter().take(VIOLATIONS_SHOWN_MAX) {
            let mut text = Text::plain("  ");
            text.append(violation.clone());
            line(text);
        }
        if let Some(more) = self.violations.len().checked_sub(VIOLATIONS_SHOWN_MAX).filter(|more| *more > 0) {
            line(Text::painted(Paint::Dim, format!("  and {more} more")));
        }
        for hint in &self.hints {
            line(Text::painted(Paint::Cyan, "hint: ").with(Paint::Plain, hint));
        }
        out
    }
}

impl From<anyhow::Error> for CliError {
    fn from(error: anyhow::Error) -> Self {
        Self::new(Exit::Failed, error)
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        // The reader of a pipe went away (`colchis wf list | head`): nobody is left to tell.
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::silent(Exit::Done);
        }
        Self::new(Exit::Failed, error.into())
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn causes_then_hints() {
        let error = CliError::new(
            Exit::Failed,
            anyhow!("connection refused").context("127.0.0.1:2746 cannot be reached").context("cannot list workflows"),
        )
        .hint("start a server with `colchis server`")
        .hint("start a server with `colchis server`")
        .hint("");
        insta::assert_snapshot!(error.render(&Terminal::plain()), @r"
        error: cannot list workflows
          caused by: 127.0.0.1:2746 cannot be reached
          caused by: connection refused
        hint: start a server with `colchis server`
        ");
    }

    #[test]
    fn a_cause_that_was_told_is_not_told_again() {
        let error = CliError::new(Exit::Failed, anyhow!("disk full").context("cannot write: disk full"));
        assert_eq!(error.render(&Terminal::plain()), "error: cannot write: disk full\n");
    }

    #[test]
    fn many_violations_are_counted() {
        let mut error = CliError::failed("refused");
        error.violations = (0..52).map(|n| Text::plain(format!("spec.templates[{n}]: wrong"))).collect();
        let shown = error.render(&Terminal::plain());
        assert_eq!(shown.lines().count(), 1 + 50 + 1);
        assert!(shown.ends_with("  and 2 more\n"));
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        let error: CliError = std::io::Error::from(std::io::ErrorKind::BrokenPipe).into();
        assert_eq!((error.exit, error.render(&Terminal::plain()).as_str()), (Exit::Done, ""));
    }
}
