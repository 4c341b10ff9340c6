//! What a plain scalar means: YAML 1.1 as Kubernetes' tools read it.

use crate::values::float_text;

/// A plain scalar's meaning.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    /// A number, written as JSON.
    Number(String),
    /// Infinity or not-a-number, which JSON does not know.
    NotANumber,
    Text,
}

/// Resolves a plain (unquoted, untagged) scalar.
pub(super) fn resolve(text: &str) -> Scalar {
    let Some(first) = text.bytes().next() else { return Scalar::Null };
    match first {
        b'~' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'y' | b'Y' | b'o' | b'O' => word(text),
        b'0'..=b'9' | b'+' | b'-' | b'.' => number(text),
        _ => Scalar::Text,
    }
}

/// `y` and `n` stay text, against YAML 1.1: as keys (coordinates) and values they are letters far more often than answers.
fn word(text: &str) -> Scalar {
    match text {
        "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Scalar::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Scalar::Bool(false),
        _ => Scalar::Text,
    }
}

/// Numbers: decimal, `0x`, `0o`, `0b`, a leading zero for octal, `_` between digits, and floats.
fn number(text: &str) -> Scalar {
    match text {
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF" | ".nan" | ".NaN"
        | ".NAN" => {
            return Scalar::NotANumber;
        }
        _ => {}
    }
    let stripped;
    let plain = if text.contains('_') {
        stripped = text.replace('_', "");
        &stripped
    } else {
        text
    };
    if let Some(number) = integer(plain) {
        return Scalar::Number(number);
    }
    if is_float(text) {
        // What is too large for an integer is a float too.
        return match plain.parse::<f64>() {
            Ok(v) if v.is_finite() => Scalar::Number(float_text(v)),
            _ => Scalar::NotANumber,
        };
    }
    Scalar::Text
}

fn integer(text: &str) -> Option<String> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let (digits, radix) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (digits.get(2..)?, 16),
        [b'0', b'o' | b'O', ..] => (digits.get(2..)?, 8),
        [b'0', b'b' | b'B', ..] => (digits.get(2..)?, 2),
        [b'0', _, ..] => (digits.get(1..)?, 8),
        [b'0'..=b'9', ..] => (digits, 10),
        _ => return None,
    };
    // from_str_radix would take a second sign.
    if digits.is_empty() || !digits.bytes().all(|b| char::from(b).is_digit(radix)) {
        return None;
    }
    let value = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        (value <= i64::MAX as u64 + 1).then(|| if value == 0 { "0".to_owned() } else { format!("-{value}") })
    } else {
        Some(value.to_string())
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(i) => (text.get(..i).unwrap_or_default(), text.get(i + 1..)),
        None => (text, None),
    };
    let all_digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    let mantissa_ok = match mantissa.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && all_digits(fraction),
        Some((whole, fraction)) => all_digits(whole) && all_digits(fraction),
        None => !mantissa.is_empty() && all_digits(mantissa),
    };
    let exponent_ok = exponent.is_none_or(|e| {
        let digits = e.strip_prefix(['-', '+']).unwrap_or(e);
        !digits.is_empty() && all_digits(digits)
    });
    mantissa_ok && exponent_ok
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_mean_what_kubernetes_users_expect() {
        let n = |s: &str| Scalar::Number(s.to_owned());
        for (text, expected) in [
            ("", Scalar::Null),
            ("~", Scalar::Null),
            ("null", Scalar::Null),
            ("nullx", Scalar::Text),
            ("yes", Scalar::Bool(true)),
            ("On", Scalar::Bool(true)),
            ("y", Scalar::Text),
            ("off", Scalar::Bool(false)),
            ("NO", Scalar::Bool(false)),
            ("nO", Scalar::Text),
            ("norway", Scalar::Text),
            ("0", n("0")),
            ("-0", n("0")),
            ("12", n("12")),
            ("+12", n("12")),
            ("-12", n("-12")),
            ("0644", n("420")),
            ("0o644", n("420")),
            ("0x1F", n("31")),
            ("0b101", n("5")),
            ("08", n("8")),
            ("1_000", n("1000")),
            ("18446744073709551615", n("18446744073709551615")),
            ("18446744073709551616", n("18446744073709552000")),
            ("1.50", n("1.5")),
            ("1.", n("1")),
            (".5", n("0.5")),
            ("1e3", n("1000")),
            ("1e30", n("1e+30")),
            ("1.5e-9", n("1.5e-09")),
            ("1e999", Scalar::NotANumber),
            (".inf", Scalar::NotANumber),
            (".", Scalar::Text),
            ("-", Scalar::Text),
            ("--1", Scalar::Text),
            ("0x", Scalar::Text),
            ("0x+1", Scalar::Text),
            ("1.2.3", Scalar::Text),
            ("1e", Scalar::Text),
            ("12:30", Scalar::Text),
            ("2026-01-31", Scalar::Text),
            ("2Gi", Scalar::Text),
            ("hello", Scalar::Text),
        ] {
            assert_eq!(resolve(text), expected, "{text:?}");
        }
    }
}
