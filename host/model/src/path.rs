//! Paths into objects, such as `spec.templates[2].container.env[0].name` or `metadata.labels["app.kubernetes.io/name"]`.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment<'a> {
    /// A field or key.
    Key(Cow<'a, str>),
    /// A place in a list.
    Index(usize),
}

/// A path that grows and shrinks while an object is walked; it allocates only when it grows beyond what it ever was.
#[derive(Debug, Clone, Default)]
pub struct Path {
    text: String,
}

/// The length of a path, to come back to with [`Path::truncate`].
#[derive(Debug, Clone, Copy)]
pub struct Mark(usize);

impl Path {
    /// A path that begins with `text` (a path already written).
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// Appends a field or key; gives the mark to come back to.
    pub fn push(&mut self, key: &str) -> Mark {
        let mark = Mark(self.text.len());
        write_key(&mut self.text, key);
        mark
    }

    /// Appends a place in a list; gives the mark to come back to.
    pub fn push_index(&mut self, index: usize) -> Mark {
        let mark = Mark(self.text.len());
        let _ = write!(self.text, "[{index}]");
        mark
    }

    /// Appends fields as they stand, such as `inputs.parameters`; gives the mark to come back to.
    pub fn push_path(&mut self, path: &str) -> Mark {
        let mark = Mark(self.text.len());
        if !self.text.is_empty() && !path.is_empty() && !path.starts_with('[') {
            self.text.push('.');
        }
        self.text.push_str(path);
        mark
    }

    /// Takes back what was appended since the mark.
    pub fn truncate(&mut self, mark: Mark) {
        self.text.truncate(mark.0);
    }

    /// The path with a field or key more.
    pub fn with(&self, key: &str) -> String {
        let mut text = self.text.clone();
        write_key(&mut text, key);
        text
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn write_key(text: &mut String, key: &str) {
    let plain =
        !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-' || b == b'$');
    if plain {
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(key);
    } else {
        let shown: String = key.chars().take(KEY_CHARS_SHOWN).collect();
        let _ = write!(text, "[{shown:?}]");
    }
}

/// Longer keys are cut where they are shown.
const KEY_CHARS_SHOWN: usize = 120;

/// The steps of a path as this module writes it; nothing when it is not one.
pub fn parse(path: &str) -> Option<Vec<Segment<'_>>> {
    let mut segments = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix("[\"") {
            let end = closing_quote(inner)?;
            let (quoted, tail) = inner.split_at_checked(end)?;
            let key = if quoted.contains('\\') { Cow::Owned(unescape(quoted)) } else { Cow::Borrowed(quoted) };
            segments.push(Segment::Key(key));
            rest = tail.strip_prefix("\"]")?;
        } else if let Some(inner) = rest.strip_prefix('[') {
            let (number, tail) = inner.split_once(']')?;
            segments.push(Segment::Index(number.parse().ok()?));
            rest = tail;
        } else {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (key, tail) = rest.split_at_checked(end)?;
            if key.is_empty() {
                return None;
            }
            segments.push(Segment::Key(Cow::Borrowed(key)));
            rest = tail;
        }
    }
    Some(segments)
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (i, b) in text.bytes().enumerate() {
        match b {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(i),
            _ => {}
        }
    }
    None
}

/// Undoes what `{:?}` writes for text.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('0') => out.push('\0'),
            Some('u') => {
                let digits: String = chars.by_ref().skip(1).take_while(|c| *c != '}').collect();
                out.extend(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32));
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}
