//! Blocks of `Name:   value` lines, as `get` and `describe` open.

use super::terminal::Terminal;
use super::text::{Paint, Text};

/// The column at which values begin.
const VALUE_COLUMN: usize = 21;

/// A block of named values, some of them nested one step.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    lines: Vec<(usize, String, Text)>,
}

impl Fields {
    /// An empty block.
    pub fn new() -> Self {
        Self::default()
    }

    /// A named value; nothing is written of an empty one.
    pub fn add(&mut self, name: &str, value: impl Into<Text>) -> &mut Self {
        let value = value.into();
        if !value.is_empty() {
            self.lines.push((0, format!("{name}:"), value));
        }
        self
    }

    /// A further value below the last one.
    pub fn add_more(&mut self, value: impl Into<Text>) -> &mut Self {
        self.lines.push((0, String::new(), value.into()));
        self
    }

    /// A heading over nested values.
    pub fn heading(&mut self, name: &str) -> &mut Self {
        self.lines.push((0, format!("{name}:"), Text::empty()));
        self
    }

    /// A value under the last heading.
    pub fn nested(&mut self, name: &str, value: impl Into<Text>) -> &mut Self {
        self.lines.push((1, format!("{name}:"), value.into()));
        self
    }

    /// A text of its own under the last heading.
    pub fn line(&mut self, text: impl Into<Text>) -> &mut Self {
        self.lines.push((1, String::new(), text.into()));
        self
    }

    /// The lines, each ending with a newline.
    pub fn render(&self, terminal: &Terminal) -> String {
        let mut out = String::new();
        for (depth, name, value) in &self.lines {
            let mut text = Text::plain(" ".repeat(depth * 2)).with(Paint::Bold, name);
            if name.is_empty() && *depth > 0 {
                text.append(value.clone());
            } else if !value.is_empty() {
                let gap = VALUE_COLUMN.saturating_sub(text.width()).max(1);
                text.push(Paint::Plain, " ".repeat(gap));
                text.append(value.clone());
            }
            out.push_str(&text.render(terminal));
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_in_one_column() {
        let mut fields = Fields::new();
        fields.add("Name", "hello").add("Message", "").heading("Parameters");
        fields.nested("message", "hi").nested("a-name-that-is-too-long", "x");
        insta::assert_snapshot!(fields.render(&Terminal::plain()), @r"
        Name:                hello
        Parameters:
          message:           hi
          a-name-that-is-too-long: x
        ");
    }
}
