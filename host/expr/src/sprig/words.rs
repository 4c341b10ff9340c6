//! Cases of words, wrapping, abbreviation.

use std::fmt::Write as _;

use crate::budget::Meter;
use crate::error::Error;

/// Each word with a capital: a word starts after anything but a letter, a digit or an underscore.
pub(super) fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut start = true;
    for c in text.chars() {
        if start && c.is_alphabetic() {
            out.push(titled(c));
        } else {
            out.push(c);
        }
        start = !(c.is_alphanumeric() || c == '_');
    }
    out
}

fn titled(c: char) -> char {
    match c {
        // The digraphs that have a title case of their own.
        'ǆ' | 'Ǆ' => 'ǅ',
        'ǉ' | 'Ǉ' => 'ǈ',
        'ǌ' | 'Ǌ' => 'ǋ',
        'ǳ' | 'Ǳ' => 'ǲ',
        c => up(c),
    }
}

fn up(c: char) -> char {
    let mut mapped = c.to_uppercase();
    match (mapped.next(), mapped.next()) {
        (Some(upper), None) => upper,
        _ => c,
    }
}

fn down(c: char) -> char {
    let mut mapped = c.to_lowercase();
    match (mapped.next(), mapped.next()) {
        (Some(lower), None) => lower,
        _ => c,
    }
}

/// The first letter of each word small.
pub(super) fn untitle(text: &str) -> String {
    let mut start = true;
    text.chars()
        .map(|c| {
            let made = if start { down(c) } else { c };
            start = c.is_whitespace();
            made
        })
        .collect()
}

/// Capitals small and small letters capital.
pub(super) fn swap_case(text: &str) -> String {
    text.chars().map(|c| if c.is_uppercase() { down(c) } else { up(c) }).collect()
}

fn is_connector(c: char) -> bool {
    c == '_' || c == '-' || c.is_whitespace()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Upper,
    Lower,
    Digit,
    Connector,
    Symbol,
    Other,
}

fn kind(c: char) -> Kind {
    if is_connector(c) {
        Kind::Connector
    } else if c.is_numeric() {
        Kind::Digit
    } else if c.is_uppercase() {
        Kind::Upper
    } else if c.is_alphabetic() {
        Kind::Lower
    } else if "$+<=>^`|~".contains(c) {
        Kind::Symbol
    } else {
        Kind::Other
    }
}

/// `FirstName` as `first_name`, `HTTP20xOK` as `http_20x_ok`: words in small letters with `connector` between them.
///
/// A capital starts a word, and the last of several capitals belongs to the word that follows it. Digits end the word before them, unless small
/// letters follow: then they begin one.
pub(super) fn connected(text: &str, connector: char) -> String {
    let chars: Vec<char> = text.chars().collect();
    let kind_at = |at: usize| chars.get(at).copied().map(kind);
    let run =
        |at: usize, accept: &dyn Fn(Kind) -> bool| chars.iter().skip(at).take_while(|c| accept(kind(**c))).count();
    let digits = |k: Kind| k == Kind::Digit;
    let mut out = String::with_capacity(text.len() + 8);
    let mut after_word = false;
    let mut at = 0;
    while let Some(c) = chars.get(at).copied() {
        let len = match kind(c) {
            Kind::Connector => {
                out.push(connector);
                after_word = false;
                at += 1;
                continue;
            }
            Kind::Other => {
                out.push(c);
                after_word = false;
                at += 1;
                continue;
            }
            Kind::Symbol => 1,
            Kind::Digit => {
                let len = run(at, &digits);
                if kind_at(at + len) == Some(Kind::Lower) {
                    run(at, &|k| k == Kind::Digit || k == Kind::Lower)
                } else {
                    len
                }
            }
            first => {
                let capitals = run(at, &|k| k == Kind::Upper);
                let small_follow = kind_at(at + capitals) == Some(Kind::Lower);
                if first == Kind::Upper && capitals > 1 && small_follow {
                    capitals - 1
                } else {
                    let letters = capitals + run(at + capitals, &|k| k == Kind::Lower);
                    let number = run(at + letters, &digits);
                    if kind_at(at + letters + number) == Some(Kind::Lower) { letters } else { letters + number }
                }
            }
        };
        if after_word {
            out.push(connector);
        }
        out.extend(chars.iter().skip(at).take(len).map(|c| down(*c)));
        after_word = true;
        at += len;
    }
    out
}

/// `http_server` as `HttpServer`. Connectors at the ends stay, and of several between two words all but the last.
pub(super) fn camel_case(text: &str) -> String {
    let body = text.trim_end_matches(is_connector);
    let tail = text.get(body.len()..).unwrap_or("");
    let mut out = String::with_capacity(text.len());
    let mut pending: Option<char> = None;
    let mut word_start = true;
    let mut shout = false;
    for c in body.chars() {
        if is_connector(c) {
            out.extend(pending.take());
            pending = Some(c);
            word_start = true;
            continue;
        }
        if word_start {
            // The connector right before a word goes, except at the very beginning.
            if let Some(connector) = pending.take()
                && out.chars().all(is_connector)
            {
                out.push(connector);
            }
            out.push(up(c));
            shout = c.is_uppercase();
            word_start = false;
        } else {
            shout = shout && c.is_uppercase();
            out.push(if shout { down(c) } else { c });
        }
    }
    out.push_str(tail);
    out
}

/// `text` cut to `width` characters with `...` at its end, and also at its beginning where `offset` is beyond the fourth.
pub(super) fn abbreviate(text: &str, offset: i64, width: i64) -> String {
    let chars: Vec<char> = text.chars().collect();
    let len = chars.len();
    let Ok(width) = usize::try_from(width) else { return text.to_owned() };
    if width < 4 || len <= width || (offset > 0 && width < 7) {
        return text.to_owned();
    }
    let cut = |from: usize, count: usize| chars.iter().skip(from).take(count).collect::<String>();
    let mut offset = usize::try_from(offset).unwrap_or(0).min(len);
    if len - offset < width - 3 {
        offset = len - (width - 3);
    }
    if offset <= 4 {
        return format!("{}...", cut(0, width - 3));
    }
    if offset + width - 3 < len {
        return format!("...{}...", cut(offset, width - 6));
    }
    format!("...{}", cut(len - (width - 3), width - 3))
}

/// Lines of at most `width` characters, broken at spaces; longer words are broken only with `break_words`.
pub(super) fn wrap(text: &str, width: i64, glue: &str, break_words: bool, meter: &mut Meter) -> Result<String, Error> {
    let chars: Vec<char> = text.chars().collect();
    let width = usize::try_from(width).unwrap_or(1).max(1);
    meter.spend(chars.len())?;
    meter.alloc(text.len().saturating_mul(5))?;
    let mut out = String::new();
    let mut at = 0;
    let put = |out: &mut String, from: usize, to: usize| out.extend(chars.iter().take(to).skip(from));
    while chars.len() - at > width {
        if chars.get(at) == Some(&' ') {
            at += 1;
            continue;
        }
        meter.alloc(glue.len())?;
        let space = (at..=at + width).rev().find(|place| chars.get(*place) == Some(&' '));
        let end = match space {
            Some(space) => space,
            None if break_words => {
                put(&mut out, at, at + width);
                out.push_str(glue);
                at += width;
                continue;
            }
            None => match (at + width..chars.len()).find(|place| chars.get(*place) == Some(&' ')) {
                Some(space) => space,
                None => break,
            },
        };
        put(&mut out, at, end);
        out.push_str(glue);
        at = end + 1;
    }
    put(&mut out, at, chars.len());
    Ok(out)
}

/// In double quotes, escaped as Go does it.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            c if (c as u32) < 0x20 || c == '\u{7f}' => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c if c.is_control() || (c.is_whitespace() && c != ' ') || c == '\u{feff}' || c == '\u{ad}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
