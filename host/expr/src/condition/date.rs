//! Strings that are dates: they compare as moments.

use crate::time::{Zone, parse_time};

const LAYOUTS: [&str; 13] = [
    "2006-01-02",
    "2006-01-02 15:04",
    "2006-01-02 15:04:05",
    "2006-01-02 15:04:05-07:00",
    "2006-01-02T15:04:05Z07:00",
    "2006-01-02T15:04:05Z0700",
    "2006-01-02T15:04Z0700",
    "2006-01-02T15Z0700",
    "2006-01-02T15:04:05",
    "Mon Jan _2 15:04:05 2006",
    "Mon Jan _2 15:04:05 MST 2006",
    "Mon Jan 02 15:04:05 -0700 2006",
    "3:04PM",
];

/// The seconds since 1970 of a text that is a date.
pub(super) fn seconds(text: &str) -> Option<f64> {
    // Most strings are none; a date is short and has a digit.
    if text.len() > 40 || text.len() < 5 || !text.bytes().any(|b| b.is_ascii_digit()) || !text.contains(['-', ':']) {
        return None;
    }
    LAYOUTS
        .iter()
        .find_map(|layout| parse_time(text, layout, &Zone::Utc).ok())
        .map(|time| time.at().as_nanosecond() as f64 / 1e9)
}

/// The length of a date that stands without quotes at the beginning of `text`: `2024-05-01`, `2024-05-01T10:00:00Z`. As arithmetic it would mean
/// 2018, which nobody writes.
pub(super) fn bare_len(text: &str) -> Option<usize> {
    let shape = |text: &str, shape: &str| {
        let head = text.get(..shape.len())?;
        head.bytes()
            .zip(shape.bytes())
            .all(|(byte, shape)| if shape == b'0' { byte.is_ascii_digit() } else { byte == shape })
            .then_some(shape.len())
    };
    let date = shape(text, "0000-00-00")?;
    let rest = text.get(date..)?;
    let mut len = date;
    if let Some(clock) = shape(rest, "T00:00:00") {
        let tail = rest.get(clock..)?;
        len += clock;
        len += if tail.starts_with('Z') {
            1
        } else {
            shape(tail, "+00:00").or_else(|| shape(tail, "-00:00")).unwrap_or(0)
        };
    }
    let next = text.get(len..)?.chars().next();
    (!next.is_some_and(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '{'))).then_some(len)
}
