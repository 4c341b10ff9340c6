//! Tables as kubectl writes them: columns three spaces apart, no frames.
//!
//! Own code instead of a table library: the shape is one rule, and libraries bring frames, wrapping and terminal drivers that this shape forbids.

use super::terminal::Terminal;
use super::text::{Paint, Text};

/// Spaces between columns.
const GAP: usize = 3;
/// A column that gives way is never made narrower than this.
const COLUMN_WIDTH_MIN: usize = 8;

/// A column's heading and what it does on a narrow terminal.
#[derive(Debug, Clone)]
pub struct Column {
    title: String,
    gives_way: bool,
}

impl Column {
    /// A column that keeps its width: names, which people copy.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), gives_way: false }
    }

    /// A column that is cut where the terminal is too narrow: messages.
    pub fn giving_way(title: impl Into<String>) -> Self {
        Self { title: title.into(), gives_way: true }
    }
}

/// Rows under headings.
#[derive(Debug, Clone, Default)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Text>>,
}

impl Table {
    /// A table with these columns.
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self { columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    /// Adds a row; missing cells are empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Text>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines, each ending with a newline.
    pub fn render(&self, terminal: &Terminal, headings: bool) -> String {
        let widths = self.widths(terminal, headings);
        let mut out = String::new();
        if headings {
            let titles: Vec<Text> = self.columns.iter().map(|c| Text::painted(Paint::Bold, &c.title)).collect();
            line(&mut out, &titles, &widths, terminal);
        }
        for row in &self.rows {
            line(&mut out, row, &widths, terminal);
        }
        out
    }

    fn widths(&self, terminal: &Terminal, headings: bool) -> Vec<usize> {
        let mut widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(at, column)| {
                let cells = self.rows.iter().filter_map(|row| row.get(at)).map(Text::width).max().unwrap_or(0);
                if headings { cells.max(Text::plain(&column.title).width()) } else { cells }
            })
            .collect();
        let Some(columns) = terminal.columns() else { return widths };
        let total = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        let mut excess = total.saturating_sub(columns);
        // The widest of those that give way loses first, so that no column is cut while a wider one is whole.
        while excess > 0 {
            let widest = widths
                .iter_mut()
                .zip(&self.columns)
                .filter(|(width, column)| column.gives_way && **width > COLUMN_WIDTH_MIN)
                .map(|(width, _)| width)
                .max_by_key(|width| **width);
            let Some(width) = widest else { break };
            *width -= 1;
            excess -= 1;
        }
        widths
    }
}

fn line(out: &mut String, cells: &[Text], widths: &[usize], terminal: &Terminal) {
    let last = cells.iter().rposition(|cell| !cell.is_empty());
    for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
        if last.is_none_or(|last| at > last) {
            break;
        }
        let cell = cell.clipped(*width, terminal);
        out.push_str(&cell.render(terminal));
        if last.is_some_and(|last| at < last) {
            out.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.width()) + GAP));
        }
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut table = Table::new([Column::new("NAME"), Column::new("STATUS"), Column::giving_way("MESSAGE")]);
        table.row(["hello-x7k2p".into(), Text::painted(Paint::Green, "Succeeded"), Text::empty()]);
        table.row([
            "名前".into(),
            Text::painted(Paint::Red, "Failed"),
            "child 'hello-1' failed with exit code 3".into(),
        ]);
        table
    }

    #[test]
    fn columns_stand_three_spaces_apart_without_trailing_space() {
        insta::assert_snapshot!(sample().render(&Terminal::plain(), true), @r"
        NAME          STATUS      MESSAGE
        hello-x7k2p   Succeeded
        名前          Failed      child 'hello-1' failed with exit code 3
        ");
    }

    #[test]
    fn a_narrow_terminal_cuts_messages_and_spares_names() {
        let narrow = Terminal { size: Some((45, 24)), ..Terminal::plain() };
        insta::assert_snapshot!(sample().render(&narrow, true), @r"
        NAME          STATUS      MESSAGE
        hello-x7k2p   Succeeded
        名前          Failed      child 'hello-1' fa…
        ");
        let tiny = Terminal { size: Some((10, 24)), ..Terminal::plain() };
        assert!(sample().render(&tiny, false).contains("child '…"));
    }

    #[test]
    fn nothing_is_written_of_an_empty_table_without_headings() {
        assert_eq!(Table::new([Column::new("NAME")]).render(&Terminal::plain(), false), "");
    }
}
