//! Where values stood in the text.

use std::borrow::Cow;

use super::Document;
use crate::path::{self, Segment};

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl Position {
    pub(super) fn new(line: usize, column: usize) -> Self {
        Self { line: clamp(line), column: clamp(column) }
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

pub(super) fn clamp(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// How places are known.
#[derive(Debug, Clone)]
pub(super) enum Places {
    /// The JSON is the source itself, which began at `start`.
    Source { start: Position },
    /// For each value its offset in the JSON and its place in the source, in the order of offsets.
    Table(Vec<Place>),
}

/// One row of the table of places.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) offset: u32,
    pub(super) line: u32,
    pub(super) column: u32,
}

/// The place of a byte of a text.
pub(super) fn position_in(text: &str, offset: usize) -> Position {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Position::new(line, column)
}

/// The places of the values at `paths`.
pub(super) fn locate(document: &Document, paths: &[&str]) -> Vec<Option<Position>> {
    let parsed: Vec<Option<Vec<Segment<'_>>>> = paths.iter().map(|p| path::parse(p)).collect();
    let mut offsets = vec![None; paths.len()];
    let wanted: Vec<(usize, &[Segment<'_>])> =
        parsed.iter().enumerate().filter_map(|(i, p)| Some((i, p.as_deref()?))).collect();
    let mut walk = Walk { bytes: document.json.as_bytes(), found: &mut offsets };
    let start = skip_blank(walk.bytes, 0);
    for (i, segments) in &wanted {
        if segments.is_empty() {
            walk.set(*i, start, start);
        }
    }
    walk.value(start, &wanted);
    offsets.into_iter().map(|o| o.and_then(|(key, value)| place(document, key, value))).collect()
}

fn place(document: &Document, key: usize, value: usize) -> Option<Position> {
    match &document.places {
        Places::Source { start } => {
            let inside = position_in(&document.json, key);
            let column = if inside.line == 1 { inside.column + start.column - 1 } else { inside.column };
            Some(Position { line: inside.line + start.line - 1, column })
        }
        Places::Table(table) => {
            let offset = clamp(value);
            let i = table.binary_search_by_key(&offset, |p| p.offset).ok()?;
            table.get(i).map(|p| Position { line: p.line, column: p.column })
        }
    }
}

/// Walks JSON text once, going only into what is on the way to a wanted path.
struct Walk<'a> {
    bytes: &'a [u8],
    /// For each path the offset of its key (or value, in lists) and of its value.
    found: &'a mut Vec<Option<(usize, usize)>>,
}

impl Walk<'_> {
    fn set(&mut self, path: usize, key: usize, value: usize) {
        if let Some(slot) = self.found.get_mut(path) {
            *slot = Some((key, value));
        }
    }

    /// Walks the value at `at`, for paths relative to it; gives the offset behind it.
    fn value(&mut self, at: usize, wanted: &[(usize, &[Segment<'_>])]) -> usize {
        let wanted: Vec<_> = wanted.iter().filter(|(_, s)| !s.is_empty()).copied().collect();
        match self.bytes.get(at) {
            Some(b'{') if !wanted.is_empty() => self.map(at + 1, &wanted),
            Some(b'[') if !wanted.is_empty() => self.list(at + 1, &wanted),
            _ => skip_value(self.bytes, at),
        }
    }

    fn map(&mut self, mut at: usize, wanted: &[(usize, &[Segment<'_>])]) -> usize {
        loop {
            at = skip_separators(self.bytes, at);
            if self.bytes.get(at) != Some(&b'"') {
                return at + 1;
            }
            let key_at = at;
            let key_end = skip_value(self.bytes, at);
            let key = key_text(self.bytes.get(key_at..key_end).unwrap_or_default());
            let value_at = skip_separators(self.bytes, key_end);
            let inner = self.next(wanted, key_at, value_at, |s| matches!(s, Segment::Key(k) if *k == key));
            at = self.value(value_at, &inner);
        }
    }

    fn list(&mut self, mut at: usize, wanted: &[(usize, &[Segment<'_>])]) -> usize {
        for index in 0.. {
            at = skip_separators(self.bytes, at);
            if matches!(self.bytes.get(at), None | Some(b']')) {
                break;
            }
            let inner = self.next(wanted, at, at, |s| matches!(s, Segment::Index(i) if *i == index));
            at = self.value(at, &inner);
        }
        at + 1
    }

    /// Paths whose first step is this one, without it; those that end here are found.
    fn next<'s>(
        &mut self,
        wanted: &[(usize, &'s [Segment<'s>])],
        key_at: usize,
        value_at: usize,
        is_this: impl Fn(&Segment<'_>) -> bool,
    ) -> Vec<(usize, &'s [Segment<'s>])> {
        let mut inner = Vec::new();
        for (i, segments) in wanted {
            let Some((first, rest)) = segments.split_first() else { continue };
            if is_this(first) {
                if rest.is_empty() {
                    self.set(*i, key_at, value_at);
                } else {
                    inner.push((*i, rest));
                }
            }
        }
        inner
    }
}

fn key_text(quoted: &[u8]) -> Cow<'_, str> {
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    if inner.contains(&b'\\') {
        return Cow::Owned(serde_json::from_slice(quoted).unwrap_or_default());
    }
    String::from_utf8_lossy(inner)
}

fn skip_blank(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

fn skip_separators(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r' | b',' | b':')) {
        at += 1;
    }
    at
}

/// The offset behind the JSON value at `at`; the text is known to be well-formed.
pub(super) fn skip_value(bytes: &[u8], at: usize) -> usize {
    let mut at = at;
    let mut depth = 0_usize;
    loop {
        match bytes.get(at) {
            None => return bytes.len(),
            Some(b'"') => at = skip_text(bytes, at + 1),
            Some(b'{' | b'[') => {
                depth += 1;
                at += 1;
            }
            Some(b'}' | b']') => {
                depth = depth.saturating_sub(1);
                at += 1;
            }
            Some(b' ' | b'\t' | b'\n' | b'\r' | b',' | b':') => {
                at += 1;
                continue;
            }
            Some(_) => {
                while matches!(bytes.get(at), Some(b) if !b" \t\n\r,:}]{[\"".contains(b)) {
                    at += 1;
                }
            }
        }
        if depth == 0 {
            return at;
        }
    }
}

fn skip_text(bytes: &[u8], mut at: usize) -> usize {
    loop {
        match bytes.get(at) {
            None => return bytes.len(),
            Some(b'"') => return at + 1,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
        }
    }
}
