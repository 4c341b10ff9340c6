//! Text with colours and a width, safe to write to a terminal.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::terminal::Terminal;

/// A colour or weight. Colours say a phase, a heading, or that something matters less; nothing depends on them alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Paint {
    /// As it is.
    #[default]
    Plain,
    /// Headings and names.
    Bold,
    /// What matters less.
    Dim,
    /// Failures.
    Red,
    /// Successes.
    Green,
    /// What waits or deserves care.
    Yellow,
    /// What runs.
    Blue,
    /// Errors of the system.
    Magenta,
    /// Hints and places.
    Cyan,
}

impl Paint {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Red => "31",
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Blue => "34",
            Self::Magenta => "35",
            Self::Cyan => "36",
        }
    }
}

/// One line of text in coloured pieces. Control characters of the data never reach the terminal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    spans: Vec<(Paint, String)>,
}

impl Text {
    /// Nothing.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Uncoloured text.
    pub fn plain(text: impl AsRef<str>) -> Self {
        Self::painted(Paint::Plain, text)
    }

    /// Coloured text.
    pub fn painted(paint: Paint, text: impl AsRef<str>) -> Self {
        let mut this = Self::empty();
        this.push(paint, text);
        this
    }

    /// Adds a piece.
    pub fn push(&mut self, paint: Paint, text: impl AsRef<str>) {
        let text = tame(text.as_ref());
        if !text.is_empty() {
            self.spans.push((paint, text));
        }
    }

    /// Adds a piece and hands the text back.
    #[must_use]
    pub fn with(mut self, paint: Paint, text: impl AsRef<str>) -> Self {
        self.push(paint, text);
        self
    }

    /// Adds all pieces of another text.
    pub fn append(&mut self, other: Text) {
        self.spans.extend(other.spans);
    }

    /// Columns that it takes.
    pub fn width(&self) -> usize {
        self.spans.iter().map(|(_, text)| text.width()).sum()
    }

    /// Whether there is nothing to see.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The letters alone.
    pub fn letters(&self) -> String {
        self.spans.iter().map(|(_, text)| text.as_str()).collect()
    }

    /// At most so many columns; what was cut off is marked.
    #[must_use]
    pub fn clipped(&self, columns: usize, terminal: &Terminal) -> Self {
        if self.width() <= columns {
            return self.clone();
        }
        let mark = terminal.signs().ellipsis;
        let room = columns.saturating_sub(mark.width());
        let mut used = 0;
        let mut this = Self::empty();
        'spans: for (paint, text) in &self.spans {
            let mut kept = String::new();
            for c in text.chars() {
                let width = c.width().unwrap_or(0);
                if used + width > room {
                    this.spans.push((*paint, kept));
                    break 'spans;
                }
                used += width;
                kept.push(c);
            }
            this.spans.push((*paint, kept));
        }
        if columns >= mark.width() {
            this.spans.push((Paint::Dim, mark.to_owned()));
        }
        this
    }

    /// As it is written to a stream.
    pub fn render(&self, terminal: &Terminal) -> String {
        let mut out = String::new();
        for (paint, text) in &self.spans {
            if terminal.color && *paint != Paint::Plain && !text.is_empty() {
                out.push_str("\x1b[");
                out.push_str(paint.code());
                out.push('m');
                out.push_str(text);
                out.push_str("\x1b[0m");
            } else {
                out.push_str(text);
            }
        }
        out
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::plain(text)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::plain(text)
    }
}

/// Names and messages come from users' manifests and programs: line breaks become spaces, and everything that a terminal would obey is taken out, as are
/// the marks that reverse the direction of writing.
fn tame(text: &str) -> String {
    text.chars()
        .filter_map(|c| match c {
            '\n' | '\r' | '\t' => Some(' '),
            c if c.is_control() => None,
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
            c => Some(c),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(Text::plain("日本").width(), 4);
        assert_eq!(Text::plain("日本語").clipped(5, &Terminal::plain()).letters(), "日本…");
        assert_eq!(Text::plain("日本語").clipped(4, &Terminal::plain()).letters(), "日…");
    }

    #[test]
    fn clipping_spares_what_fits() {
        assert_eq!(Text::plain("hello").clipped(5, &Terminal::plain()).letters(), "hello");
        assert_eq!(Text::plain("hello").clipped(0, &Terminal::plain()).letters(), "");
        let painted = Text::painted(Paint::Red, "ab").with(Paint::Green, "cdef");
        assert_eq!(painted.clipped(4, &Terminal::plain()).letters(), "abc…");
    }

    #[test]
    fn data_cannot_command_the_terminal() {
        assert_eq!(Text::plain("a\x1b]0;title\x07b\u{9b}2J\u{202e}c\nd").letters(), "a]0;titleb2Jc d");
    }

    #[test]
    fn colours_are_written_only_where_wanted() {
        let text = Text::painted(Paint::Red, "no").with(Paint::Plain, "!");
        assert_eq!(text.render(&Terminal::plain()), "no!");
        let colored = Terminal { color: true, ..Terminal::plain() };
        assert_eq!(text.render(&colored), "\x1b[31mno\x1b[0m!");
    }
}
