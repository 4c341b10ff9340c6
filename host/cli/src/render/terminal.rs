//! What the other end of a stream can show.

use std::io::IsTerminal;

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    #[default]
    Auto,
    /// Always, also into a pipe.
    Always,
    /// Never.
    Never,
}

/// What the other end of a stream can show. A plain pipe has no size, no colours and is not redrawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terminal {
    /// A person looks at it; text may be redrawn.
    pub interactive: bool,
    /// Colours are wanted.
    pub color: bool,
    /// Characters beyond ASCII are shown rightly.
    pub unicode: bool,
    /// Columns and rows, where there is a size.
    pub size: Option<(usize, usize)>,
    /// The zone in which times are written.
    pub zone: jiff::tz::TimeZone,
}

/// The signs used in trees and lists.
#[derive(Debug, Clone, Copy)]
pub struct Signs {
    /// Succeeded.
    pub ok: &'static str,
    /// Failed.
    pub failed: &'static str,
    /// Error.
    pub error: &'static str,
    /// Running.
    pub running: &'static str,
    /// Pending.
    pub pending: &'static str,
    /// Skipped and omitted.
    pub skipped: &'static str,
    /// A suspend node that waits.
    pub suspended: &'static str,
    /// Where text was cut off.
    pub ellipsis: &'static str,
    /// A branch that is followed by others.
    pub tee: &'static str,
    /// The last branch.
    pub corner: &'static str,
    /// Beside the lines of a branch that is followed by others.
    pub bar: &'static str,
    /// One stroke to the right.
    pub dash: &'static str,
    /// A stroke with a branch below.
    pub fork: &'static str,
}

const UNICODE: Signs = Signs {
    ok: "✔",
    failed: "✖",
    error: "⚠",
    running: "●",
    pending: "◷",
    skipped: "○",
    suspended: "‖",
    ellipsis: "…",
    tee: "├",
    corner: "└",
    bar: "│",
    dash: "─",
    fork: "┬",
};

const ASCII: Signs = Signs {
    ok: "+",
    failed: "x",
    error: "!",
    running: "*",
    pending: ".",
    skipped: "o",
    suspended: "=",
    ellipsis: "~",
    tee: "|",
    corner: "`",
    bar: "|",
    dash: "-",
    fork: "-",
};

impl Terminal {
    /// A pipe or a file: plain text, UTF-8, times in UTC.
    pub fn plain() -> Self {
        Self { interactive: false, color: false, unicode: true, size: None, zone: jiff::tz::TimeZone::UTC }
    }

    /// Looks at standard output.
    pub fn stdout(choice: ColorChoice) -> Self {
        Self::of(&std::io::stdout(), choice)
    }

    /// Looks at standard error.
    pub fn stderr(choice: ColorChoice) -> Self {
        Self::of(&std::io::stderr(), choice)
    }

    #[cfg(unix)]
    fn of<S: IsTerminal + std::os::fd::AsFd>(stream: &S, choice: ColorChoice) -> Self {
        let size = terminal_size::terminal_size_of(stream).map(|(w, h)| (usize::from(w.0), usize::from(h.0)));
        Self::detect(stream.is_terminal(), size, choice, &|name| std::env::var(name).ok())
    }

    #[cfg(not(unix))]
    fn of<S: IsTerminal>(stream: &S, choice: ColorChoice) -> Self {
        let size = terminal_size::terminal_size().map(|(w, h)| (usize::from(w.0), usize::from(h.0)));
        Self::detect(stream.is_terminal(), size, choice, &|name| std::env::var(name).ok())
    }

    /// The rule, with the environment passed in.
    fn detect(
        is_terminal: bool,
        size: Option<(usize, usize)>,
        choice: ColorChoice,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Self {
        let dumb = env("TERM").as_deref() == Some("dumb");
        let no_color = env("NO_COLOR").is_some_and(|v| !v.is_empty());
        let color = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => is_terminal && !dumb && !no_color,
        };
        // The first of the three that is set decides, as POSIX has it.
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| env(name).filter(|v| !v.is_empty()));
        let unicode = match locale {
            // Nothing said and nobody looking: machines read UTF-8.
            None => !is_terminal || cfg!(not(target_os = "linux")),
            Some(locale) => {
                let lower = locale.to_ascii_lowercase();
                lower.contains("utf-8") || lower.contains("utf8")
            }
        };
        // A size of nothing is what some containers and editors report.
        let size = size.filter(|(columns, rows)| is_terminal && *columns > 0 && *rows > 0);
        Self {
            interactive: is_terminal && !dumb,
            color,
            unicode: unicode || !is_terminal,
            size,
            zone: jiff::tz::TimeZone::system(),
        }
    }

    /// The signs to draw with.
    pub fn signs(&self) -> &'static Signs {
        if self.unicode { &UNICODE } else { &ASCII }
    }

    /// Columns, where the width is known.
    pub fn columns(&self) -> Option<usize> {
        self.size.map(|(columns, _)| columns)
    }

    /// The same without colours.
    pub fn without_color(mut self) -> Self {
        self.color = false;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(is_terminal: bool, choice: ColorChoice, env: &[(&str, &str)]) -> Terminal {
        Terminal::detect(is_terminal, Some((80, 24)), choice, &|name| {
            env.iter().find(|(k, _)| *k == name).map(|(_, v)| (*v).to_owned())
        })
    }

    #[test]
    fn colours_only_where_somebody_looks() {
        let utf8 = ("LANG", "en_GB.UTF-8");
        assert!(detect(true, ColorChoice::Auto, &[utf8]).color);
        assert!(!detect(false, ColorChoice::Auto, &[utf8]).color);
        assert!(!detect(true, ColorChoice::Auto, &[utf8, ("NO_COLOR", "1")]).color);
        assert!(detect(true, ColorChoice::Auto, &[utf8, ("NO_COLOR", "")]).color);
        assert!(!detect(true, ColorChoice::Auto, &[utf8, ("TERM", "dumb")]).color);
        assert!(detect(true, ColorChoice::Always, &[utf8, ("NO_COLOR", "1")]).color);
        assert!(!detect(true, ColorChoice::Never, &[utf8]).color);
    }

    #[test]
    fn a_dumb_terminal_is_not_redrawn_and_a_pipe_has_no_width() {
        assert!(!detect(true, ColorChoice::Auto, &[("TERM", "dumb")]).interactive);
        assert_eq!(detect(false, ColorChoice::Auto, &[]).columns(), None);
        assert_eq!(detect(true, ColorChoice::Auto, &[]).columns(), Some(80));
    }

    #[test]
    fn the_locale_decides_the_signs() {
        assert_eq!(detect(true, ColorChoice::Auto, &[("LANG", "C")]).signs().ok, "+");
        assert_eq!(detect(true, ColorChoice::Auto, &[("LANG", "C"), ("LC_ALL", "C.utf8")]).signs().ok, "✔");
        assert_eq!(detect(false, ColorChoice::Auto, &[("LANG", "C")]).signs().ok, "✔");
    }
}
