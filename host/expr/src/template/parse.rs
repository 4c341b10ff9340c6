//! Finds tags.

use super::Segment;
use crate::error::{Error, ErrorKind, Span};
use crate::lang::Expression;

/// Tags within tags at most.
const TAG_NESTING_MAX: usize = 16;

/// The segments of `source`; none when it has no tags. Without `expressions`, `{{=…}}` is an error.
pub(super) fn segments(source: &str, expressions: bool) -> Result<Vec<Segment>, Error> {
    let mut segments = Vec::new();
    let mut at = 0;
    while let Some(open) = find(source, "{{", at) {
        let open = open + usize::from(three_braces(source, open));
        push_literal(&mut segments, at, open);
        let (segment, end) = tag(source, open, expressions, 0)?;
        segments.push(segment);
        at = end;
    }
    if !segments.is_empty() {
        push_literal(&mut segments, at, source.len());
    }
    Ok(segments)
}

fn find(source: &str, what: &str, from: usize) -> Option<usize> {
    source.get(from..)?.find(what).map(|at| from + at)
}

/// In `{{{name}}}`, the first brace is a letter: the object `{…}` around a tag.
fn three_braces(source: &str, open: usize) -> bool {
    let rest = source.get(open..).unwrap_or("");
    rest.starts_with("{{{") && !rest.starts_with("{{{{")
}

fn push_literal(segments: &mut Vec<Segment>, start: usize, end: usize) {
    if start < end {
        segments.push(Segment::Literal(Span::new(start, end)));
    }
}

fn unclosed(open: usize) -> Error {
    Error::syntax(Span::new(open, open + 2), "the tag is not closed")
        .expected("`}}`")
        .hint("two braces that begin no tag are written `{{='{{'}}`")
}

/// The tag that opens at `open`, and where it ends.
fn tag(source: &str, open: usize, expressions: bool, depth: usize) -> Result<(Segment, usize), Error> {
    if depth >= TAG_NESTING_MAX {
        return Err(Error::new(ErrorKind::TooDeep { limit: TAG_NESTING_MAX }).at(Span::new(open, open + 2)));
    }
    let start = open + 2;
    if source.get(start..).is_some_and(|rest| rest.starts_with('=')) {
        if !expressions || depth > 0 {
            return Err(Error::syntax(Span::new(open, start + 1), "an expression within a tag or an expression")
                .hint("within an expression, variables are named without braces"));
        }
        return expression(source, open);
    }
    let mut parts = Vec::new();
    let mut at = start;
    loop {
        let close = find(source, "}}", at).ok_or_else(|| unclosed(open))?;
        match find(source, "{{", at).filter(|inner| *inner < close) {
            Some(inner) => {
                push_literal(&mut parts, at, inner);
                let (part, end) = tag(source, inner, expressions, depth + 1)?;
                parts.push(part);
                at = end;
            }
            None => {
                let whole = Span::new(open, close + 2);
                if parts.is_empty() {
                    return Ok((Segment::Tag { name: trimmed(source, start, close), whole }, close + 2));
                }
                push_literal(&mut parts, at, close);
                return Ok((Segment::Nested { parts: parts.into(), whole }, close + 2));
            }
        }
    }
}

/// Where the tag that opens at `open` ends, one past its braces.
pub(crate) fn tag_end(source: &str, open: usize) -> Result<usize, Error> {
    tag(source, open, true, 0).map(|(_, end)| end)
}

fn trimmed(source: &str, start: usize, end: usize) -> Span {
    let body = source.get(start..end).unwrap_or("");
    let left = body.len() - body.trim_start().len();
    Span::new(start + left, start + left + body.trim().len())
}

fn expression(source: &str, open: usize) -> Result<(Segment, usize), Error> {
    let start = open + 3;
    let body = source.get(start..).unwrap_or("");
    // Where quotes or braces do not match, the first `}}` ends the tag, and the parser says what is wrong.
    let len = expression_len(body).or_else(|| body.find("}}")).ok_or_else(|| unclosed(open))?;
    let text = body.get(..len).unwrap_or("");
    let expression = Expression::parse_tagged(text).map_err(|error| error.within(source, start))?;
    let end = start + len + 2;
    Ok((Segment::Expression { expression, start, whole: Span::new(open, end) }, end))
}

/// Where the expression ends: at the first `}}` that is in no string and closes no brace of the expression itself.
fn expression_len(body: &str) -> Option<usize> {
    let mut depth = 0usize;
    let mut quote: Option<u8> = None;
    let bytes = body.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (quote, byte) {
            (Some(q), b'\\') if q != b'`' => at += 1,
            (Some(q), byte) if q == *byte => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"' | b'`') => quote = Some(*byte),
            (None, b'{') => depth += 1,
            (None, b'}') if depth == 0 && bytes.get(at + 1) == Some(&b'}') => return Some(at),
            (None, b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    None
}
