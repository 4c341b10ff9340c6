//! Writes what a container says to files, as container runtimes do: `<time> <stream> <F|P> <text>`, one entry a line.
//!
//! ```text
//!   <container>.<attempt>.<segment>.log      at most two segments are kept: the log's end, at most `log_bytes_max`
//! ```
//!
//! `P` marks a part of a line that was too long. A last entry of stream `end` says that the container has ended.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::clock;

/// Of the end entry.
pub(crate) const END_STREAM: &str = "end";

/// A log file's name.
pub(crate) fn file_name(container: &str, attempt: u32, segment: u64) -> String {
    format!("{container}.{attempt}.{segment}.log")
}

/// Which of a container's streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// The log of one container's one attempt.
pub(crate) struct LogWriter {
    dir: PathBuf,
    container: String,
    attempt: u32,
    segment: u64,
    file: Option<File>,
    written: u64,
    segment_bytes_max: u64,
    line_bytes_max: usize,
    partial: [Vec<u8>; 2],
    pending: Vec<u8>,
    /// Bytes that could not be written (a full disk); said once when there is room again.
    lost: u64,
}

impl LogWriter {
    /// Nothing is created before there is something to write.
    pub(crate) fn new(dir: &Path, container: &str, attempt: u32, bytes_max: u64, line_bytes_max: usize) -> Self {
        Self {
            dir: dir.to_owned(),
            container: container.to_owned(),
            attempt,
            segment: 0,
            file: None,
            written: 0,
            segment_bytes_max: (bytes_max / 2).max(4096),
            line_bytes_max: line_bytes_max.max(64),
            partial: [Vec::new(), Vec::new()],
            pending: Vec::new(),
            lost: 0,
        }
    }

    /// Takes what a stream gave.
    pub(crate) fn feed(&mut self, stream: Stream, mut bytes: &[u8]) {
        let slot = usize::from(stream == Stream::Stderr);
        let time = clock::rfc3339();
        while !bytes.is_empty() {
            let Some(partial) = self.partial.get_mut(slot) else { return };
            let room = self.line_bytes_max.saturating_sub(partial.len());
            let line_end = bytes.iter().take(room + 1).position(|b| *b == b'\n');
            match line_end {
                Some(end) => {
                    let (line, rest) = bytes.split_at(end);
                    let mut whole = std::mem::take(partial);
                    whole.extend_from_slice(line);
                    self.entry(&time, stream.name(), 'F', &whole);
                    whole.clear();
                    if let Some(partial) = self.partial.get_mut(slot) {
                        *partial = whole;
                    }
                    bytes = rest.get(1..).unwrap_or_default();
                }
                None if bytes.len() > room => {
                    let (part, rest) = bytes.split_at(room);
                    let mut whole = std::mem::take(partial);
                    whole.extend_from_slice(part);
                    self.entry(&time, stream.name(), 'P', &whole);
                    bytes = rest;
                }
                None => {
                    partial.extend_from_slice(bytes);
                    bytes = &[];
                }
            }
        }
        self.flush();
    }

    /// The container has ended.
    pub(crate) fn end(&mut self, message: &str) {
        let time = clock::rfc3339();
        for stream in [Stream::Stdout, Stream::Stderr] {
            let slot = usize::from(stream == Stream::Stderr);
            let rest = self.partial.get_mut(slot).map(std::mem::take).unwrap_or_default();
            if !rest.is_empty() {
                self.entry(&time, stream.name(), 'F', &rest);
            }
        }
        // A container that said nothing has no file.
        if self.file.is_some() || !self.pending.is_empty() {
            self.entry(&time, END_STREAM, 'F', message.replace('\n', " ").as_bytes());
        }
        self.flush();
    }

    fn entry(&mut self, time: &str, stream: &str, kind: char, text: &[u8]) {
        if self.written + self.pending.len() as u64 > self.segment_bytes_max {
            self.rotate();
        }
        let _ = write!(self.pending, "{time} {stream} {kind} ");
        self.pending.extend_from_slice(text);
        self.pending.push(b'\n');
    }

    fn rotate(&mut self) {
        self.flush();
        self.file = None;
        self.written = 0;
        if let Some(older) = self.segment.checked_sub(1) {
            let _ = fs::remove_file(self.dir.join(file_name(&self.container, self.attempt, older)));
        }
        self.segment += 1;
    }

    fn flush(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let pending = std::mem::take(&mut self.pending);
        match self.write(&pending) {
            Ok(()) => self.written += pending.len() as u64,
            // The step must not fail because its log has no room.
            Err(_) => self.lost += pending.len() as u64,
        }
        self.pending = pending;
        self.pending.clear();
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            empty => {
                let path = self.dir.join(file_name(&self.container, self.attempt, self.segment));
                empty.insert(OpenOptions::new().append(true).create(true).mode(0o640).open(path)?)
            }
        };
        if self.lost > 0 {
            let notice = format!("{} stderr F [{} bytes of log were lost: no room]\n", clock::rfc3339(), self.lost);
            file.write_all(notice.as_bytes())?;
            self.lost = 0;
        }
        file.write_all(bytes)
    }
}

/// Keeps the end of a stream.
pub(crate) struct Tail {
    bytes: Vec<u8>,
    max: usize,
}

impl Tail {
    pub(crate) fn new(max: usize) -> Self {
        Self { bytes: Vec::new(), max }
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        // Cut rarely, so that a flood costs no more than its own length.
        if self.bytes.len() > self.max * 2 {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let extra = self.bytes.len().saturating_sub(self.max);
        self.bytes.drain(..extra);
    }

    /// The text, without the newlines at its end.
    pub(crate) fn text(&mut self) -> String {
        self.cut();
        let text = String::from_utf8_lossy(&self.bytes);
        text.strip_suffix('\n').map_or(&*text, |t| t.strip_suffix('\r').unwrap_or(t)).to_owned()
    }
}
