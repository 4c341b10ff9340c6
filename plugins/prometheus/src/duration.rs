//! Lengths of time, as expressions and as Prometheus write them.

/// Nanoseconds of a length of time as expressions write it: `1h30m`, `1.5s`, `-2m`. Days have no length there, because not all of them are as long.
pub(crate) fn expression(text: &str) -> Result<i128, String> {
    let bad = || format!("`{text}` is no length of time: numbers with h, m, s, ms, us or ns are expected, as `1h30m`");
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(bad());
    }
    let mut total = 0i128;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
        let (number, behind) = rest.split_at(number_end);
        let unit_end = behind.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(behind.len());
        let (unit, next) = behind.split_at(unit_end);
        let unit = match unit {
            "h" => 3_600_000_000_000i128,
            "m" => 60_000_000_000,
            "s" => 1_000_000_000,
            "ms" => 1_000_000,
            "us" | "µs" | "μs" => 1_000,
            "ns" => 1,
            _ => return Err(bad()),
        };
        total = total.checked_add(times(number, unit).ok_or_else(bad)?).ok_or_else(bad)?;
        rest = next;
    }
    Ok(sign * total)
}

/// A decimal number of units, in nanoseconds.
fn times(number: &str, unit: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || number.len() > 18 || fraction.contains('.') {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut nanoseconds = whole.checked_mul(unit)?;
    let mut part = unit;
    for digit in fraction.chars() {
        part /= 10;
        nanoseconds = nanoseconds.checked_add(i128::from(digit.to_digit(10)?) * part)?;
    }
    Some(nanoseconds)
}

/// A step as Prometheus takes it: a number of seconds, or `1h30m` with its units in falling order. Answered as it was written.
pub(crate) fn prometheus(text: &str) -> Result<String, String> {
    const UNITS: &[&str] = &["y", "w", "d", "h", "m", "s", "ms"];
    let text = text.trim();
    let bad = || format!("`{text}` is no step: seconds, or numbers with y, w, d, h, m, s and ms are expected, as `1m`");
    if text.parse::<f64>().is_ok_and(|seconds| seconds > 0.0 && seconds.is_finite()) {
        return Ok(text.to_owned());
    }
    let (mut rest, mut left, mut some) = (text, UNITS, false);
    if rest.is_empty() {
        return Err(bad());
    }
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit()).filter(|end| *end > 0).ok_or_else(bad)?;
        let (number, behind) = rest.split_at(number_end);
        let unit_end = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, next) = behind.split_at(unit_end);
        let place = left.iter().position(|known| *known == unit).ok_or_else(bad)?;
        left = left.get(place + 1..).unwrap_or_default();
        some |= number.bytes().any(|digit| digit != b'0');
        rest = next;
    }
    if some { Ok(text.to_owned()) } else { Err(format!("`{text}` is no step: it has to be longer than nothing")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read() {
        for (text, expected) in [
            ("5m", 300_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1.5s", 1_500_000_000),
            ("-2m", -120_000_000_000),
            ("250ms", 250_000_000),
            (".5s", 500_000_000),
            ("0", 0),
            ("1us1ns", 1_001),
        ] {
            assert_eq!(expression(text), Ok(expected), "{text}");
        }
        for text in ["", "-", "5", "m", "1d", "1h30", "1.2.3s", "1 m", "9999999999999999999h", ".s", "1x"] {
            assert!(expression(text).is_err(), "{text}");
        }
    }

    #[test]
    fn steps_are_looked_at_and_kept() {
        for text in ["1m", "15s", "30", "0.5", "1h30m", "1y2w3d", "500ms"] {
            assert_eq!(prometheus(text).as_deref(), Ok(text));
        }
        for text in ["", "0", "-1m", "m", "1x", "30m1h", "1m1m", "0s", "NaN", "1.5m"] {
            assert!(prometheus(text).is_err(), "{text}");
        }
    }
}
