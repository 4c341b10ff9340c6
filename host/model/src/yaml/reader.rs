//! YAML events to JSON text.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput, Tag};

use super::error::{ReadError, ReadErrorKind};
use super::json::Keys;
use super::locate::{Place, Places, clamp, skip_value};
use super::scalar::{self, Scalar};
use super::{Document, Limits, Position};

/// Reads documents up to the first error.
pub(super) fn read(text: &str, limits: &Limits) -> (Vec<Document>, Option<ReadError>) {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        limits,
        out: String::new(),
        places: Vec::new(),
        anchors: BTreeMap::new(),
        expanded: 0,
        written: 0,
    };
    let mut documents = Vec::new();
    loop {
        match reader.document() {
            Ok(Some(document)) => {
                if documents.len() >= limits.documents_max {
                    let reason = format!("the text has more than {} documents (documents_max)", limits.documents_max);
                    return (documents, Some(ReadError::new(ReadErrorKind::TooLarge, document.start, reason)));
                }
                documents.push(document);
            }
            Ok(None) => return (documents, None),
            Err(error) => return (documents, Some(explain(text, error))),
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    limits: &'a Limits,
    /// The JSON of the document so far.
    out: String,
    places: Vec<Place>,
    /// The JSON of each anchor, by its number; later ones have higher numbers.
    anchors: BTreeMap<usize, Anchor>,
    /// Bytes that aliases and merges have added.
    expanded: usize,
    /// Bytes of the documents before.
    written: usize,
}

/// What an anchor stands for.
enum Anchor {
    /// Its value is being written.
    Writing,
    /// Its JSON stands in `out`.
    Written(Range<usize>),
    /// Its JSON stands nowhere in `out` (a key, or a value taken apart by `<<`).
    Apart(String),
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), ReadError> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                Err(ReadError::new(ReadErrorKind::Syntax, position(*error.marker()), error.info().to_owned()))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn document(&mut self) -> Result<Option<Document>, ReadError> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(None),
                Event::DocumentStart(_) => {
                    self.out.clear();
                    self.places.clear();
                    self.anchors.clear();
                    let (root, root_span) = self.next()?;
                    let start = match root {
                        Event::Scalar(..) | Event::MappingStart(..) | Event::SequenceStart(..) => root_span.start,
                        _ => span.start,
                    };
                    self.value(root, root_span, root_span.start, 0)?;
                    self.written += self.out.len();
                    let start = position(start);
                    let json = std::mem::take(&mut self.out);
                    let places = Places::Table(std::mem::take(&mut self.places));
                    return Ok(Some(Document { json, places, start }));
                }
                _ => {}
            }
        }
    }

    /// Writes one value; `place` is where a person looks for it (its key, for a field).
    fn value(&mut self, event: Event<'a>, span: Span, place: Marker, depth: usize) -> Result<(), ReadError> {
        if self.written + self.out.len() > self.limits.document_bytes_max {
            return Err(ReadError::too_large(self.written + self.out.len(), self.limits.document_bytes_max));
        }
        self.places.push(Place {
            offset: clamp(self.out.len()),
            line: clamp(place.line()),
            column: clamp(place.col() + 1),
        });
        let start = self.out.len();
        let anchor = match &event {
            Event::Scalar(_, _, anchor, _) | Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                *anchor
            }
            _ => 0,
        };
        if anchor > 0 {
            self.anchors.insert(anchor, Anchor::Writing);
        }
        match event {
            Event::Scalar(text, style, _, tag) => self.scalar(&text, style, tag.as_deref(), span)?,
            Event::SequenceStart(_, tag) => {
                self.check_tag(tag.as_deref(), "seq", span)?;
                self.list(span, depth)?;
            }
            Event::MappingStart(_, tag) => {
                self.check_tag(tag.as_deref(), "map", span)?;
                self.map(span, depth)?;
            }
            Event::Alias(id) => {
                let (json, places) = self.alias(id, span)?;
                self.expanded += json.len();
                if self.expanded > self.limits.alias_expansion_max {
                    let reason = format!(
                        "aliases add more than {} bytes (alias_expansion_max)",
                        self.limits.alias_expansion_max
                    );
                    return Err(ReadError::new(ReadErrorKind::AliasExpansion, position(span.start), reason));
                }
                self.append(&json, places);
            }
            _ => self.out.push_str("null"),
        }
        if anchor > 0 {
            self.anchors.insert(anchor, Anchor::Written(start..self.out.len()));
        }
        Ok(())
    }

    fn list(&mut self, span: Span, depth: usize) -> Result<(), ReadError> {
        self.check_depth(depth, span)?;
        self.out.push('[');
        let mut first = true;
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                break;
            }
            if !std::mem::take(&mut first) {
                self.out.push(',');
            }
            self.value(event, span, span.start, depth + 1)?;
        }
        self.out.push(']');
        Ok(())
    }

    fn map(&mut self, span: Span, depth: usize) -> Result<(), ReadError> {
        self.check_depth(depth, span)?;
        self.out.push('{');
        let mut keys = Keys::default();
        let mut merged: Vec<Merged> = Vec::new();
        let mut first = true;
        loop {
            let (event, key_span) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            if matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<") {
                self.merge_sources(&mut merged, key_span, depth)?;
                continue;
            }
            let key = self.key(event, key_span)?;
            if !std::mem::take(&mut first) {
                self.out.push(',');
            }
            write_text(&mut self.out, &key);
            self.out.push(':');
            if let Some(key) = keys.insert(key) {
                return Err(ReadError::duplicate_key(position(key_span.start), &key));
            }
            let (event, span) = self.next()?;
            self.value(event, span, key_span.start, depth + 1)?;
        }
        for entry in merged {
            if keys.contains(&entry.key) {
                continue;
            }
            if !std::mem::take(&mut first) {
                self.out.push(',');
            }
            write_text(&mut self.out, &entry.key);
            self.out.push(':');
            self.append(&entry.json, entry.places);
            keys.insert(Cow::Owned(entry.key));
        }
        self.out.push('}');
        Ok(())
    }

    /// A key: text, or a number or boolean, which stand for their text.
    fn key(&mut self, event: Event<'a>, span: Span) -> Result<Cow<'a, str>, ReadError> {
        let text = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let key = match (style, tag.as_deref()) {
                    (ScalarStyle::Plain, None) => match scalar::resolve(&text) {
                        Scalar::Text => text,
                        Scalar::Bool(v) => Cow::Borrowed(if v { "true" } else { "false" }),
                        Scalar::Number(number) => Cow::Owned(number),
                        Scalar::Null | Scalar::NotANumber => {
                            let reason = format!("{text:?} cannot be a key");
                            return Err(ReadError::new(ReadErrorKind::Key, position(span.start), reason)
                                .hint("put it in quotes"));
                        }
                    },
                    _ => text,
                };
                if anchor > 0 {
                    let mut json = String::new();
                    write_text(&mut json, &key);
                    self.anchors.insert(anchor, Anchor::Apart(json));
                }
                key
            }
            Event::Alias(id) => {
                let (json, _) = self.alias(id, span)?;
                match serde_json::from_str::<String>(&json) {
                    Ok(text) => Cow::Owned(text),
                    Err(_) if json.starts_with(['{', '[']) => return Err(not_a_key(span)),
                    Err(_) => Cow::Owned(json),
                }
            }
            _ => return Err(not_a_key(span)),
        };
        Ok(text)
    }

    /// The JSON that an alias stands for, and the places in it.
    fn alias(&self, id: usize, span: Span) -> Result<(String, Vec<Place>), ReadError> {
        let fault = |reason| Err(ReadError::new(ReadErrorKind::Alias, position(span.start), reason));
        match self.anchors.get(&id) {
            Some(Anchor::Written(range)) => {
                let json = self.out.get(range.clone()).unwrap_or_default();
                let room = self.limits.alias_expansion_max.saturating_sub(self.expanded);
                // What will be refused is not copied first.
                let json = if json.len() > room { " ".repeat(room + 1) } else { json.to_owned() };
                Ok((json, self.places_in(range)))
            }
            Some(Anchor::Apart(json)) => Ok((json.clone(), Vec::new())),
            Some(Anchor::Writing) => fault("the alias stands inside its own anchor"),
            None => fault("the alias has no anchor before it"),
        }
    }

    /// The places inside a range, relative to its begin, without the first (the alias has its own).
    fn places_in(&self, range: &Range<usize>) -> Vec<Place> {
        within(&self.places, range.start + 1..range.end)
            .iter()
            .map(|p| Place { offset: p.offset - clamp(range.start), ..*p })
            .collect()
    }

    fn append(&mut self, json: &str, places: Vec<Place>) {
        let base = clamp(self.out.len());
        self.places.extend(places.into_iter().map(|p| Place { offset: p.offset.saturating_add(base), ..p }));
        self.out.push_str(json);
    }

    /// Reads the value of `<<`: a map, an alias of one, or a list of them; earlier ones win.
    fn merge_sources(&mut self, merged: &mut Vec<Merged>, key_span: Span, depth: usize) -> Result<(), ReadError> {
        let (event, span) = self.next()?;
        // Written behind what there is, taken apart, and taken back.
        let start = self.out.len();
        let places = self.places.len();
        let anchor = self.anchors.last_key_value().map_or(0, |(id, _)| *id);
        self.value(event, span, key_span.start, depth + 1)?;
        for (_, made) in self.anchors.range_mut(anchor + 1..) {
            if let Anchor::Written(range) = made {
                *made = Anchor::Apart(self.out.get(range.clone()).unwrap_or_default().to_owned());
            }
        }
        let json = self.out.split_off(start);
        let table: Vec<Place> = self.places.split_off(places);
        let bytes = json.as_bytes();
        let mut sources = Vec::new();
        match bytes.first() {
            Some(b'{') => sources.push(0..json.len()),
            Some(b'[') => {
                let mut at = 1;
                while bytes.get(at) == Some(&b'{') {
                    let end = skip_value(bytes, at);
                    sources.push(at..end);
                    at = end + usize::from(bytes.get(end) == Some(&b','));
                }
                if at + 1 != bytes.len() {
                    return Err(not_mergeable(key_span));
                }
            }
            _ => return Err(not_mergeable(key_span)),
        }
        for source in sources {
            let mut at = source.start + 1;
            while bytes.get(at) == Some(&b'"') {
                let key_end = skip_value(bytes, at);
                let key: String = serde_json::from_str(json.get(at..key_end).unwrap_or_default()).unwrap_or_default();
                let value = key_end + 1..skip_value(bytes, key_end + 1);
                at = value.end + usize::from(bytes.get(value.end) == Some(&b','));
                let base = start + value.start;
                let places = within(&table, base..start + value.end)
                    .iter()
                    .map(|p| Place { offset: p.offset - clamp(base), ..*p })
                    .collect();
                merged.push(Merged { key, json: json.get(value).unwrap_or_default().to_owned(), places });
            }
        }
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Result<(), ReadError> {
        let kind = match tag {
            None if style == ScalarStyle::Plain => scalar::resolve(text),
            None => Scalar::Text,
            Some(tag) if tag.is_yaml_core_schema() => tagged(tag, text, span)?,
            Some(tag) if tag.handle.len() + tag.suffix.len() == 1 => Scalar::Text,
            Some(tag) => return Err(unknown_tag(tag, span)),
        };
        match kind {
            Scalar::Null => self.out.push_str("null"),
            Scalar::Bool(v) => self.out.push_str(if v { "true" } else { "false" }),
            Scalar::Number(number) => self.out.push_str(&number),
            Scalar::Text => write_text(&mut self.out, text),
            Scalar::NotANumber => {
                let reason = format!("{text:?} is not a number that JSON knows");
                return Err(ReadError::new(ReadErrorKind::Value, position(span.start), reason)
                    .hint("put it in quotes if it is meant as text"));
            }
        }
        Ok(())
    }

    fn check_tag(&self, tag: Option<&Tag>, expected: &str, span: Span) -> Result<(), ReadError> {
        match tag {
            Some(tag) if !(tag.is_yaml_core_schema() && tag.suffix == expected) => Err(unknown_tag(tag, span)),
            _ => Ok(()),
        }
    }

    fn check_depth(&self, depth: usize, span: Span) -> Result<(), ReadError> {
        if depth >= self.limits.depth() {
            return Err(ReadError::too_deep(position(span.start), self.limits.depth()));
        }
        Ok(())
    }
}

/// The rows of a table (in the order of offsets) whose offsets lie in a range.
fn within(table: &[Place], range: Range<usize>) -> &[Place] {
    let from = table.partition_point(|p| (p.offset as usize) < range.start);
    let to = table.partition_point(|p| (p.offset as usize) < range.end);
    table.get(from..to).unwrap_or_default()
}

/// One field that `<<` brings.
struct Merged {
    key: String,
    json: String,
    places: Vec<Place>,
}

fn tagged(tag: &Tag, text: &str, span: Span) -> Result<Scalar, ReadError> {
    let wrong = |what: &str| {
        ReadError::new(
            ReadErrorKind::Tag,
            position(span.start),
            format!("{text:?} is tagged !!{} but is no {what}", tag.suffix),
        )
    };
    match (tag.suffix.as_str(), scalar::resolve(text)) {
        ("str" | "timestamp", _) => Ok(Scalar::Text),
        ("null", _) => Ok(Scalar::Null),
        ("bool", kind @ Scalar::Bool(_)) | ("float" | "int", kind @ Scalar::Number(_)) => Ok(kind),
        ("bool", _) => Err(wrong("boolean")),
        ("float" | "int", _) => Err(wrong("number")),
        _ => Err(unknown_tag(tag, span)),
    }
}

fn unknown_tag(tag: &Tag, span: Span) -> ReadError {
    let shown = if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { tag.to_string() };
    ReadError::new(ReadErrorKind::Tag, position(span.start), format!("the tag {shown} has no meaning here"))
        .hint("put the value in quotes if it is meant as text")
}

fn not_a_key(span: Span) -> ReadError {
    ReadError::new(ReadErrorKind::Key, position(span.start), "a map or list cannot be a key")
        .hint("a value that begins with {{ must be put in quotes: \"{{inputs.parameters.x}}\"")
}

fn not_mergeable(span: Span) -> ReadError {
    ReadError::new(
        ReadErrorKind::Value,
        position(span.start),
        "the value of << must be a map, an alias of one, or a list of them",
    )
}

fn position(marker: Marker) -> Position {
    Position::new(marker.line(), marker.col() + 1)
}

/// Writes text as JSON.
fn write_text(out: &mut String, text: &str) {
    out.push('"');
    let mut plain_from = 0;
    for (i, b) in text.bytes().enumerate() {
        let escape = match b {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\t' => "\\t",
            b'\r' => "\\r",
            0..=0x1f => "",
            _ => continue,
        };
        out.push_str(text.get(plain_from..i).unwrap_or_default());
        plain_from = i + 1;
        if escape.is_empty() {
            let _ = write!(out, "\\u{b:04x}");
        } else {
            out.push_str(escape);
        }
    }
    out.push_str(text.get(plain_from..).unwrap_or_default());
    out.push('"');
}

/// Adds what a person is most likely to have done wrong.
fn explain(text: &str, error: ReadError) -> ReadError {
    if error.kind != ReadErrorKind::Syntax || error.hint.is_some() {
        return error;
    }
    let line = text.lines().nth((error.position.line as usize).saturating_sub(1)).unwrap_or_default();
    let indent: String = line.chars().take_while(|c| c.is_whitespace()).collect();
    if indent.contains('\t') {
        return error.hint("the line is indented by a tab: YAML wants spaces");
    }
    if line.contains(": {{") || line.contains("- {{") {
        return error.hint("a value that begins with {{ must be put in quotes: \"{{inputs.parameters.x}}\"");
    }
    if line.contains(": @") || line.contains(": `") || line.contains(": %") || line.contains(": *") {
        return error.hint("a value that begins with @, `, % or * must be put in quotes");
    }
    error
}
