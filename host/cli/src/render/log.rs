//! Log lines of steps, and keeping their escapes from the terminal.

use client::v1::LogEntry;

use super::terminal::Terminal;
use super::text::{Paint, Text};
use super::time;

/// Colours by which steps are told apart.
const PALETTE: &[Paint] = &[Paint::Cyan, Paint::Green, Paint::Yellow, Paint::Blue, Paint::Magenta];

/// How lines are written.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogStyle {
    /// The step's name before each line.
    pub prefix: bool,
    /// The container's name too.
    pub containers: bool,
    /// The time before each line.
    pub timestamps: bool,
}

/// A line with its newline, as bytes: what a step wrote is not always UTF-8, and a pipe gets it as it is.
pub fn line(entry: &LogEntry, style: LogStyle, terminal: &Terminal) -> Vec<u8> {
    let mut head = Text::empty();
    if style.prefix {
        // A container of a container set has its own name in the node's already.
        let (name, container) = (&entry.node_name, &entry.container);
        let named = name.rsplit_once('/').is_some_and(|(_, last)| last == container);
        let label = if style.containers && !named { format!("{name}/{container}: ") } else { format!("{name}: ") };
        head.push(color_of(&entry.node_id), label);
    }
    if style.timestamps {
        head.push(Paint::Dim, format!("{} ", time::rfc3339(entry.at_ms)));
    }
    let mut out = head.render(terminal).into_bytes();
    if terminal.interactive || terminal.color {
        out.extend_from_slice(harmless(&String::from_utf8_lossy(&entry.text), terminal.color).as_bytes());
    } else {
        out.extend_from_slice(&entry.text);
    }
    out.push(b'\n');
    out
}

fn color_of(id: &str) -> Paint {
    let sum: usize = id.bytes().map(usize::from).sum();
    PALETTE.get(sum % PALETTE.len()).copied().unwrap_or_default()
}

/// Keeps colours (`ESC [ … m`), where wanted, and takes out every other sequence that a terminal would obey: titles, cursor moves, clipboard, answers.
/// A carriage return starts the line anew, as a progress bar means it.
fn harmless(text: &str, color: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut colored = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\x1b' => match chars.peek() {
                Some('[') => {
                    chars.next();
                    let mut sequence = String::new();
                    let mut end = None;
                    for c in chars.by_ref() {
                        if ('\x40'..='\x7e').contains(&c) {
                            end = Some(c);
                            break;
                        }
                        sequence.push(c);
                    }
                    if color && end == Some('m') && sequence.chars().all(|c| c.is_ascii_digit() || c == ';' || c == ':')
                    {
                        out.push_str("\x1b[");
                        out.push_str(&sequence);
                        out.push('m');
                        colored = true;
                    }
                }
                // Strings for the terminal: they end with BEL or ESC \.
                Some(']' | 'P' | 'X' | '^' | '_') => {
                    while let Some(c) = chars.next() {
                        if c == '\x07' || (c == '\x1b' && chars.next_if_eq(&'\\').is_some()) {
                            break;
                        }
                    }
                }
                _ => {
                    chars.next();
                }
            },
            '\t' => out.push('\t'),
            '\r' if chars.peek().is_some() => out.clear(),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    if colored {
        out.push_str("\x1b[0m");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &[u8]) -> LogEntry {
        LogEntry {
            node_id: "n".into(),
            node_name: "build".into(),
            container: "main".into(),
            at_ms: 1_785_931_200_000,
            text: text.to_vec().into(),
            ..LogEntry::default()
        }
    }

    #[test]
    fn a_pipe_gets_the_bytes_as_they_are() {
        let style = LogStyle { prefix: true, containers: true, timestamps: true };
        assert_eq!(
            line(&entry(b"\xff\x1b]0;x\x07"), style, &Terminal::plain()),
            b"build/main: 2026-08-05T12:00:00Z \xff\x1b]0;x\x07\n"
        );
        assert_eq!(line(&entry(b"x"), LogStyle::default(), &Terminal::plain()), b"x\n");
    }

    #[test]
    fn a_terminal_gets_colours_and_nothing_else_to_obey() {
        for (given, kept) in [
            ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m\x1b[0m"),
            ("a\x1b[2Jb\x1b[1;1Hc", "abc"),
            ("a\x1b]52;c;ZXZpbA==\x07b\x1b]0;t\x1b\\c", "abc"),
            ("10%\r20%\r30%", "30%"),
            ("a\tb\x07\x1bcd", "a\tbd"),
            ("\x1b[", ""),
        ] {
            assert_eq!(harmless(given, true), kept, "{given:?}");
        }
        assert_eq!(harmless("\x1b[31mred", false), "red");
    }
}
