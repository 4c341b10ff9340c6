//! Tables as kubectl writes them: columns three spaces apart, no frames.
//!
//! Own code instead of a table library: the shape is one rule, and libraries bring frames, wrapping and terminal drivers that this shape forbids.

use super::terminal::Terminal;
use super::text::{Paint, Text};

/// Spaces between columns.
const GAP: usize = 3;
/// A column that gives way is never made narrower than this.
const COLUMN_WIDTH_MIN: usize = 8;

/// What a column does where the terminal is too narrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// Keeps its width.
    Keep,
    /// Is cut.
    GiveWay,
    /// Is left out.
    Drop,
}

/// A column's heading and what it does on a narrow terminal.
#[derive(Debug, Clone)]
pub struct Column {
    title: String,
    fit: Fit,
}

impl Column {
    /// A column that keeps its width: names, which people copy.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), fit: Fit::Keep }
    }

    /// A column that is cut where the terminal is too narrow: messages.
    pub fn giving_way(title: impl Into<String>) -> Self {
        Self { title: title.into(), fit: Fit::GiveWay }
    }

    /// A column that is left out where the terminal is too narrow: what can be looked up elsewhere.
    pub fn droppable(title: impl Into<String>) -> Self {
        Self { title: title.into(), fit: Fit::Drop }
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
        self.lines(terminal, headings).iter().fold(String::new(), |mut out, line| {
            out.push_str(&line.render(terminal));
            out.push('\n');
            out
        })
    }

    /// The lines as text.
    pub fn lines(&self, terminal: &Terminal, headings: bool) -> Vec<Text> {
        let widths = self.widths(terminal, headings);
        let mut lines = Vec::with_capacity(self.rows.len() + 1);
        if headings {
            let titles: Vec<Text> = self.columns.iter().map(|c| Text::painted(Paint::Bold, &c.title)).collect();
            lines.push(line(&titles, &widths, terminal));
        }
        lines.extend(self.rows.iter().map(|row| line(row, &widths, terminal)));
        lines
    }

    /// The width of each column; `None` for one that is left out.
    fn widths(&self, terminal: &Terminal, headings: bool) -> Vec<Option<usize>> {
        let mut widths: Vec<Option<usize>> = self
            .columns
            .iter()
            .enumerate()
            .map(|(at, column)| {
                let cells = self.rows.iter().filter_map(|row| row.get(at)).map(Text::width).max().unwrap_or(0);
                // What can be left out is, when there is nothing in it.
                if column.fit == Fit::Drop && cells == 0 && !self.rows.is_empty() {
                    return None;
                }
                Some(if headings { cells.max(Text::plain(&column.title).width()) } else { cells })
            })
            .collect();
        let Some(columns) = terminal.columns() else { return widths };
        let total = |widths: &[Option<usize>]| {
            let shown = widths.iter().flatten().count();
            widths.iter().flatten().sum::<usize>() + GAP * shown.saturating_sub(1)
        };
        // Those that can be left out go first, the last one before the others.
        for (width, column) in
            widths.clone().iter().zip(&self.columns).enumerate().rev().map(|(at, pair)| ((at, pair.0), pair.1))
        {
            if column.fit == Fit::Drop
                && width.1.is_some()
                && total(&widths) > columns
                && let Some(dropped) = widths.get_mut(width.0)
            {
                *dropped = None;
            }
        }
        let mut excess = total(&widths).saturating_sub(columns);
        // The widest of those that give way loses first, so that no column is cut while a wider one is whole.
        while excess > 0 {
            let widest = widths
                .iter_mut()
                .zip(&self.columns)
                .filter_map(|(width, column)| {
                    width.as_mut().filter(|w| column.fit == Fit::GiveWay && **w > COLUMN_WIDTH_MIN)
                })
                .max_by_key(|width| **width);
            let Some(width) = widest else { break };
            *width -= 1;
            excess -= 1;
        }
        widths
    }
}

fn line(cells: &[Text], widths: &[Option<usize>], terminal: &Terminal) -> Text {
    let shown: Vec<(&Text, usize)> =
        cells.iter().zip(widths).filter_map(|(cell, width)| Some((cell, (*width)?))).collect();
    let mut line = Text::empty();
    let Some(last) = shown.iter().rposition(|(cell, _)| !cell.is_empty()) else { return line };
    for (at, (cell, width)) in shown.into_iter().enumerate().take(last + 1) {
        let cell = cell.clipped(width, terminal);
        let gap = if at < last { width.saturating_sub(cell.width()) + GAP } else { 0 };
        line.append(cell);
        line.push(Paint::Plain, " ".repeat(gap));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut table = Table::new([
            Column::new("NAME"),
            Column::new("STATUS"),
            Column::droppable("POD"),
            Column::giving_way("MESSAGE"),
        ]);
        table.row(["hello-x7k2p".into(), Text::painted(Paint::Green, "Succeeded"), "p-1".into(), Text::empty()]);
        table.row([
            "名前".into(),
            Text::painted(Paint::Red, "Failed"),
            "p-2".into(),
            "child 'hello-1' failed with exit code 3".into(),
        ]);
        table
    }

    fn narrow(columns: usize) -> Terminal {
        Terminal { size: Some((columns, 24)), ..Terminal::plain() }
    }

    #[test]
    fn columns_stand_three_spaces_apart_without_trailing_space() {
        insta::assert_snapshot!(sample().render(&Terminal::plain(), true), @r"
        NAME          STATUS      POD   MESSAGE
        hello-x7k2p   Succeeded   p-1
        名前          Failed      p-2   child 'hello-1' failed with exit code 3
        ");
    }

    #[test]
    fn a_narrow_terminal_drops_and_cuts_and_spares_names() {
        insta::assert_snapshot!(sample().render(&narrow(45), true), @r"
        NAME          STATUS      MESSAGE
        hello-x7k2p   Succeeded
        名前          Failed      child 'hello-1' fa…
        ");
        assert!(sample().render(&narrow(10), false).contains("child '…"));
        assert!(sample().lines(&narrow(45), true).iter().all(|line| line.width() <= 45));
    }

    #[test]
    fn nothing_is_written_of_an_empty_table_without_headings() {
        assert_eq!(Table::new([Column::new("NAME")]).render(&Terminal::plain(), false), "");
    }
}
