//! Lines inside quotes or brackets that stand further to the left than YAML's grammar allows.
//!
//! ```text
//!       args: ["
//!         echo hello
//!       "]              ◄── below `args`, where the grammar wants it to the right of it
//! ```
//!
//! Kubernetes' tools have always read this, and manifests are written so. White space at the begin of such a line means nothing, so the line is
//! moved to the right and the text is read again; values, and the places that people are told, are those of the text as it was written.

use std::collections::BTreeMap;

use super::error::{ReadError, ReadErrorKind};
use super::locate::Places;
use super::{Document, Limits, reader};

/// What may be read again, all attempts together.
const REREAD_BYTES_MAX: usize = 32 << 20;
/// How far a line is moved at most; who is deeper has to write it properly.
const INDENT_MAX: usize = 1000;

/// What the parser says of a line in quotes; it names the place where the quotes open.
const IN_QUOTES: &str = "invalid indentation in quoted scalar";
/// What it says of a line in brackets; it names the line's first character.
const IN_BRACKETS: [&str; 2] = ["invalid indentation", "invalid indentation in flow construct"];

/// Reads documents up to the first error that more white space would not cure.
pub(super) fn read(text: &str, limits: &Limits) -> (Vec<Document>, Option<ReadError>) {
    let first = reader::read(text, limits);
    let cured = first.1.as_ref().filter(|error| concerns(error)).and_then(|error| cure(text, error, limits));
    match cured {
        Some(documents) => (documents, None),
        // What is wrong besides is told of the text as it was written.
        None => first,
    }
}

fn concerns(error: &ReadError) -> bool {
    let reason = error.reason.as_str();
    error.kind == ReadErrorKind::Syntax && (reason == IN_QUOTES || IN_BRACKETS.contains(&reason))
}

fn cure(text: &str, error: &ReadError, limits: &Limits) -> Option<Vec<Document>> {
    // A lone carriage return is a line's end too, which would have to be counted.
    if text.replace("\r\n", "\n").contains('\r') {
        return None;
    }
    let mut lines: Vec<Line<'_>> = text.split_inclusive('\n').map(|text| Line { moved: 0, text }).collect();
    let mut error = error.clone();
    let mut left = REREAD_BYTES_MAX;
    loop {
        move_lines(&mut lines, &error)?;
        left = left.checked_sub(lines.iter().map(|line| line.moved + line.text.len()).sum())?;
        let mut moved = String::new();
        for line in &lines {
            moved.extend(std::iter::repeat_n(' ', line.moved));
            moved.push_str(line.text);
        }
        match reader::read(&moved, limits) {
            (documents, None) => return Some(put_back(documents, &lines)),
            (_, Some(next)) if concerns(&next) => error = next,
            _ => return None,
        }
    }
}

/// A line, and by how much it was moved.
struct Line<'a> {
    moved: usize,
    text: &'a str,
}

impl Line<'_> {
    /// Columns before its first character; nothing for a line of white space.
    fn indent(&self) -> Option<usize> {
        let blanks = self.text.len() - self.text.trim_start_matches(' ').len();
        (!self.text.trim().is_empty()).then_some(self.moved + blanks)
    }

    /// Columns before what stands behind the marks of lists; nothing for a line that was moved, which is inside of something.
    fn content(&self) -> Option<usize> {
        let content = self.text.trim_start_matches([' ', '-']);
        (self.moved == 0).then_some(self.text.len() - content.len())
    }

    /// Moves it so that it begins at `column`; answers whether that was necessary and possible.
    fn move_to(&mut self, column: usize) -> bool {
        match self.indent() {
            Some(indent) if indent < column && column <= INDENT_MAX => {
                self.moved += column - indent;
                true
            }
            _ => false,
        }
    }
}

/// Moves the lines that an error is about; nothing when that changes nothing.
fn move_lines(lines: &mut [Line<'_>], error: &ReadError) -> Option<()> {
    let at = (error.position.line as usize).checked_sub(1)?;
    let column = (error.position.column as usize).checked_sub(1)?;
    if error.reason != IN_QUOTES {
        // Nothing around it begins further to the right than the content of a line before it.
        let around = lines.get(..at)?.iter().filter_map(Line::content).filter(|c| *c < INDENT_MAX).max()?;
        return lines.get_mut(at)?.move_to(around + 1).then_some(());
    }
    let last = at + closing_line(lines.get(at..)?, column)?;
    let mut moved = false;
    for line in lines.get_mut(at + 1..=last)? {
        moved |= line.move_to(column);
    }
    moved.then_some(())
}

/// How many lines below its begin a quoted text ends, whose quotes open at a column of the first line.
fn closing_line(lines: &[Line<'_>], column: usize) -> Option<usize> {
    let skipped = column.checked_sub(lines.first()?.moved)?;
    let quote = lines.first()?.text.chars().nth(skipped).filter(|c| ['"', '\''].contains(c))?;
    let mut escaped = false;
    for (n, line) in lines.iter().enumerate() {
        // A document ends here: the quotes were never closed.
        if n > 0 && line.moved == 0 && ["---", "..."].iter().any(|mark| line.text.starts_with(mark)) {
            return None;
        }
        let mut rest = line.text.chars().skip(if n == 0 { skipped + 1 } else { 0 }).peekable();
        while let Some(c) = rest.next() {
            match c {
                _ if escaped => escaped = false,
                '\\' if quote == '"' => escaped = true,
                '\'' if quote == '\'' && rest.peek() == Some(&'\'') => escaped = true,
                c if c == quote => return Some(n),
                _ => {}
            }
        }
    }
    None
}

/// Names the places of values as they were before lines were moved.
fn put_back(mut documents: Vec<Document>, lines: &[Line<'_>]) -> Vec<Document> {
    let moved: BTreeMap<usize, usize> =
        lines.iter().enumerate().filter(|(_, line)| line.moved > 0).map(|(n, line)| (n + 1, line.moved)).collect();
    for document in &mut documents {
        let Places::Table(places) = &mut document.places else { continue };
        for place in places {
            let by = moved.get(&(place.line as usize)).copied().unwrap_or(0);
            place.column = place.column.saturating_sub(super::locate::clamp(by)).max(1);
        }
    }
    documents
}
