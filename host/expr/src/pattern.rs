//! Regular expressions in Go's syntax (RE2) on Rust's engine: both run in linear time, and the few differences in syntax are translated.

use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use crate::budget::Meter;
use crate::error::{Error, ErrorKind};

/// Bytes of a pattern at most.
const PATTERN_BYTES_MAX: usize = 4 << 10;
/// Memory of a compiled pattern at most.
const COMPILED_BYTES_MAX: usize = 1 << 20;
/// Steps charged for compiling, for each byte of the pattern: compiling costs some microseconds a byte.
const COMPILE_STEPS_PER_BYTE: usize = 100;

/// Compiles `pattern`.
pub(crate) fn compile(pattern: &str) -> Result<Regex, Error> {
    let invalid = |message: String| Error::new(ErrorKind::Pattern { pattern: clip(pattern), message });
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(invalid(format!("longer than {PATTERN_BYTES_MAX} bytes")));
    }
    RegexBuilder::new(&translate(pattern))
        .size_limit(COMPILED_BYTES_MAX)
        .dfa_size_limit(COMPILED_BYTES_MAX)
        .nest_limit(100)
        .build()
        .map_err(|cause| invalid(last_line(&cause.to_string())))
}

/// Compiled patterns of one evaluation: the same pattern in a loop is compiled once.
#[derive(Default)]
pub(crate) struct PatternCache {
    recent: Vec<(String, Arc<Regex>)>,
}

impl PatternCache {
    /// Patterns kept at most.
    const KEPT_MAX: usize = 8;

    pub(crate) fn get(&mut self, pattern: &str, meter: &mut Meter) -> Result<Arc<Regex>, Error> {
        if let Some((_, regex)) = self.recent.iter().find(|(known, _)| known == pattern) {
            return Ok(regex.clone());
        }
        meter.spend(COMPILE_STEPS_PER_BYTE * (pattern.len() + 10))?;
        let regex = Arc::new(compile(pattern)?);
        if self.recent.len() == Self::KEPT_MAX {
            self.recent.remove(0);
        }
        self.recent.push((pattern.to_owned(), regex.clone()));
        Ok(regex)
    }
}

fn clip(pattern: &str) -> String {
    pattern.chars().take(80).collect()
}

/// The regex crate draws a picture; its last line says what is wrong.
fn last_line(message: &str) -> String {
    let line = message.lines().last().unwrap_or(message).trim();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

/// Rewrites what RE2 understands otherwise than Rust's engine:
/// - `\d \s \w \b` are ASCII,
/// - `\Q…\E` quotes,
/// - a brace that is no repetition is a letter,
/// - within a class `[`, `&&`, `--` and `~~` are letters.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern;
    let mut class = 0usize; // position within a class: 0 is outside, 1 is its first character
    while let Some(c) = rest.chars().next() {
        let tail = rest.get(c.len_utf8()..).unwrap_or("");
        if c == '\\' {
            let Some(next) = tail.chars().next() else {
                out.push('\\');
                break;
            };
            rest = tail.get(next.len_utf8()..).unwrap_or("");
            if next == 'Q' && class == 0 {
                let (quoted, after) = rest.split_once("\\E").unwrap_or((rest, ""));
                out.push_str(&regex::escape(quoted));
                rest = after;
            } else {
                out.push_str(&escape_in(next, class > 0));
            }
            class += usize::from(class > 0);
            continue;
        }
        rest = tail;
        if class == 0 {
            match c {
                '[' => {
                    out.push('[');
                    if let Some(after) = rest.strip_prefix('^') {
                        out.push('^');
                        rest = after;
                    }
                    class = 1;
                }
                '{' if !is_repetition(rest) => out.push_str("\\{"),
                c => out.push(c),
            }
            continue;
        }
        match c {
            // The first character of a class is a letter, even `]`.
            ']' if class == 1 => out.push_str("\\]"),
            ']' => {
                out.push(']');
                class = 0;
                continue;
            }
            '[' => match rest.strip_prefix(':').and_then(|name| name.split_once(":]")) {
                Some((name, after)) if name.trim_start_matches('^').bytes().all(|b| b.is_ascii_lowercase()) => {
                    out.push_str(&format!("[:{name}:]"));
                    rest = after;
                }
                _ => out.push_str("\\["),
            },
            '&' | '~' => {
                out.push('\\');
                out.push(c);
            }
            '-' if rest.starts_with('-') => out.push_str("\\-"),
            c => out.push(c),
        }
        class += 1;
    }
    out
}

fn escape_in(c: char, in_class: bool) -> String {
    let class = match c {
        'd' => "0-9",
        's' => "\\t\\n\\f\\r ",
        'w' => "0-9A-Za-z_",
        'D' => "^0-9",
        'S' => "^\\t\\n\\f\\r ",
        'W' => "^0-9A-Za-z_",
        'b' if !in_class => return "(?-u:\\b)".to_owned(),
        // Without Unicode a negated assertion could match inside a character, which texts cannot be split at.
        'B' if !in_class => return "\\B".to_owned(),
        c => return format!("\\{c}"),
    };
    if in_class && !class.starts_with('^') { class.to_owned() } else { format!("[{class}]") }
}

/// Does `{` followed by `rest` repeat: `{2}`, `{2,}`, `{2,5}`?
fn is_repetition(rest: &str) -> bool {
    let Some((body, _)) = rest.split_once('}') else { return false };
    let (low, high) = body.split_once(',').unwrap_or((body, ""));
    !low.is_empty() && low.bytes().all(|b| b.is_ascii_digit()) && high.bytes().all(|b| b.is_ascii_digit())
}
