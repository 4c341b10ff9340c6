//! A picture that is redrawn in place.
//!
//! ```text
//!   frame (lines) ──► fit to the terminal's height ──► write what differs from the last frame
//! ```
//!
//! Own code instead of a progress-bar library: what is drawn is a tree of lines, not bars, and the picture must be testable as bytes.

use super::terminal::Terminal;
use super::text::Text;

/// Rows that are always left free at the bottom, so that the shell's prompt does not push the picture.
const ROWS_SPARE: usize = 1;

/// Remembers what is on the screen.
#[derive(Debug, Default)]
pub struct Live {
    drawn: Vec<String>,
}

impl Live {
    /// Nothing is drawn yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes that turn the last frame into this one. Lines wider than the terminal are cut: a wrapped line would break the count of rows.
    pub fn draw(&mut self, frame: &[Text], terminal: &Terminal) -> String {
        let lines: Vec<String> = frame
            .iter()
            .map(|line| match terminal.columns() {
                Some(columns) => line.clipped(columns, terminal).render(terminal),
                None => line.render(terminal),
            })
            .collect();
        let mut out = String::new();
        let same = self.drawn.iter().zip(&lines).take_while(|(old, new)| old == new).count();
        if same == lines.len() && same == self.drawn.len() {
            return out;
        }
        let up = self.drawn.len() - same;
        if up > 0 {
            out.push_str(&format!("\x1b[{up}A"));
        }
        for line in lines.iter().skip(same) {
            // Write first, then clear what is left of the old line: no flicker.
            out.push('\r');
            out.push_str(line);
            out.push_str("\x1b[K\n");
        }
        if lines.len() < self.drawn.len() {
            out.push_str("\x1b[J");
        }
        self.drawn = lines;
        out
    }

    /// The bytes that write `above` into the scroll-back over the picture; the next `draw` paints the picture anew below it.
    pub fn interrupt(&mut self, above: &str) -> String {
        let mut out = String::new();
        if !self.drawn.is_empty() {
            out.push_str(&format!("\x1b[{}A\r\x1b[J", self.drawn.len()));
        }
        self.drawn.clear();
        out.push_str(above);
        if !above.is_empty() && !above.ends_with('\n') {
            out.push('\n');
        }
        out
    }
}

/// How many lines a frame may have.
pub fn rows_max(terminal: &Terminal) -> usize {
    terminal.size.map_or(usize::MAX, |(_, rows)| rows.saturating_sub(ROWS_SPARE).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(texts: &[&str]) -> Vec<Text> {
        texts.iter().map(Text::plain).collect()
    }

    #[test]
    fn only_what_differs_is_written() {
        let terminal = Terminal { interactive: true, size: Some((20, 10)), ..Terminal::plain() };
        let mut live = Live::new();
        assert_eq!(live.draw(&lines(&["a", "b"]), &terminal), "\ra\x1b[K\n\rb\x1b[K\n");
        assert_eq!(live.draw(&lines(&["a", "b"]), &terminal), "");
        assert_eq!(live.draw(&lines(&["a", "c", "d"]), &terminal), "\x1b[1A\rc\x1b[K\n\rd\x1b[K\n");
        assert_eq!(live.draw(&lines(&["a"]), &terminal), "\x1b[2A\x1b[J");
        assert_eq!(live.interrupt("log"), "\x1b[1A\r\x1b[Jlog\n");
        assert_eq!(live.draw(&lines(&["a"]), &terminal), "\ra\x1b[K\n");
    }

    #[test]
    fn a_line_never_wraps() {
        let terminal = Terminal { interactive: true, size: Some((4, 10)), ..Terminal::plain() };
        assert_eq!(Live::new().draw(&lines(&["abcdef"]), &terminal), "\rabc…\x1b[K\n");
    }
}
