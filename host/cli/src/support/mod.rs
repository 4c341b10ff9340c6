//! What several commands share.

pub mod check;
pub mod documents;
pub mod follow;
pub mod near;
pub mod objects;
pub mod output;
pub mod parameters;
pub mod selection;
pub mod stored;
pub(crate) mod tree;

use client::v1::{FieldViolation, Severity};
use client::{ClientError, ErrorKind};

use crate::error::{CliError, CliResult, Exit};
use crate::render::{Paint, Text};

/// The server's error as a person is told it.
pub fn refused(error: ClientError, doing: Option<String>) -> CliError {
    let exit = match error.kind() {
        ErrorKind::InvalidArgument => Exit::Usage,
        ErrorKind::Unauthenticated | ErrorKind::PermissionDenied | ErrorKind::Unavailable => Exit::Unavailable,
        _ => Exit::Failed,
    };
    let mut hints = Vec::new();
    let mut violations = Vec::new();
    match &error {
        ClientError::Connect { .. } => {
            hints.push("start a server with `colchis server`, or name another one with --server".to_owned());
        }
        ClientError::Rpc(rpc) => {
            violations.extend(rpc.violations.iter().map(violation));
            hints.extend(rpc.hints.iter().cloned());
            if rpc.hints.is_empty() {
                match rpc.kind {
                    ErrorKind::Unauthenticated => hints.push("`colchis auth token` shows the token that is used; --token or COLCHIS_CLIENT_TOKEN gives another".to_owned()),
                    ErrorKind::DeadlineExceeded => hints.push("--request-timeout gives it more time".to_owned()),
                    _ => {}
                }
            }
            let told = u32::try_from(violations.len()).unwrap_or(u32::MAX);
            if rpc.violations_total > told {
                violations.push(Text::painted(Paint::Dim, format!("and {} more", rpc.violations_total - told)));
            }
        }
        _ => {}
    }
    let mut told = CliError::new(exit, error.into());
    told.violations = violations;
    told.hints = hints;
    match doing {
        Some(doing) => told.context(doing),
        None => told,
    }
}

/// One violation in a line: path, what is wrong, what to do.
pub fn violation(violation: &FieldViolation) -> Text {
    let mut text = Text::empty();
    if violation.line > 0 {
        text.push(Paint::Dim, format!("{}:{}: ", violation.line, violation.column));
    }
    if !violation.path.is_empty() {
        text.push(Paint::Bold, format!("{}: ", violation.path));
    }
    match violation.severity() {
        Severity::Warning => text.push(Paint::Yellow, "warning: "),
        Severity::NoEffect => text.push(Paint::Dim, "without effect here: "),
        Severity::Error | Severity::Unspecified => {}
    }
    text.push(Paint::Plain, &violation.message);
    if !violation.hint.is_empty() {
        text.push(Paint::Cyan, format!(" ({})", violation.hint));
    }
    text
}

/// A duration of a flag in milliseconds: `90`, `10s`, `3h`, `7d`, `1h30m`.
///
/// # Errors
/// It is none.
pub fn duration_ms(flag: &str, text: &str) -> CliResult<i64> {
    model::values::parse_duration_ms(text).map_err(|error| CliError::usage(format!("{flag} {text}: {error}")))
}

/// A moment of a flag in milliseconds since the epoch: RFC 3339, a date, or a date and time of UTC.
///
/// # Errors
/// It is none.
pub fn moment_ms(flag: &str, text: &str) -> CliResult<i64> {
    let text = text.trim();
    let parsed = text.parse::<jiff::Timestamp>().or_else(|_| {
        text.parse::<jiff::civil::DateTime>()
            .and_then(|at| at.to_zoned(jiff::tz::TimeZone::UTC))
            .map(|at| at.timestamp())
    });
    match parsed {
        Ok(at) => Ok(at.as_millisecond()),
        Err(_) => Err(CliError::usage(format!("{flag} {text}: not a moment"))
            .hint("write 2026-08-01, 2026-08-01T12:00:00 (UTC) or 2026-08-01T12:00:00+02:00")),
    }
}

/// `name=value` of a flag.
///
/// # Errors
/// There is no `=`, or no name before it.
pub fn pair(flag: &str, text: &str) -> CliResult<(String, String)> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(CliError::usage(format!("{flag} {text}: not of the form NAME=VALUE"))),
    }
}

/// Labels of a flag, `a=b,c=d`.
///
/// # Errors
/// One of them has no `=`.
pub fn labels(flag: &str, text: &str) -> CliResult<std::collections::BTreeMap<String, String>> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(|part| pair(flag, part)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_utc() {
        for text in ["2026-08-05T12:00:00Z", "2026-08-05T12:00:00", "2026-08-05 12:00", "2026-08-05T14:00:00+02:00"] {
            assert_eq!(moment_ms("--start", text).unwrap(), 1_785_931_200_000, "{text}");
        }
        assert_eq!(moment_ms("--start", "2026-08-05").unwrap(), 1_785_888_000_000);
        assert_eq!(moment_ms("--start", "soon").unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn pairs_keep_what_follows_the_first_equals_sign() {
        assert_eq!(pair("-p", "q=a=b").unwrap(), ("q".into(), "a=b".into()));
        assert_eq!(pair("-p", "q=").unwrap(), ("q".into(), String::new()));
        assert!(pair("-p", "=b").is_err() && pair("-p", "q").is_err());
        assert_eq!(labels("-l", "a=b, c=d").unwrap().len(), 2);
    }
}
