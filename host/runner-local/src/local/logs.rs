//! Reads what supervisors wrote: while a step runs and afterwards.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use runner::{LogLine, LogQuery, RunnerError, UnitKey};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::sync::mpsc::Sender;

use super::keys::Places;
use super::{Inner, link};
use crate::agent::protocol::Record;
use crate::agent::supervisor::log::{END_STREAM, file_name};
use crate::agent::supervisor::record;

/// The container of a step that has one.
pub(super) const MAIN: &str = "main";
/// Between two looks at a log that is followed.
const FOLLOW_PERIOD: Duration = Duration::from_millis(50);
/// Lines given ahead of the reader.
const AHEAD: usize = 256;
/// A line that was written in parts is put together again up to this length.
const LINE_BYTES_MAX: usize = 1 << 20;
/// Of one entry in a file: a line and what stands before it.
const ENTRY_BYTES_MAX: u64 = 1 << 20;

/// The containers a unit has, or had.
pub(super) fn containers(inner: &Inner, key: &UnitKey) -> Result<Vec<String>, RunnerError> {
    let places = inner.places(key);
    let Ok(records) = record::read(&places.log_dir) else {
        // What has no supervisor has no record, and one log.
        return match places.log_dir.is_dir() || inner.writing().contains(key) {
            true => Ok(vec![MAIN.to_owned()]),
            false => Err(RunnerError::Unknown { unit: key.to_string() }),
        };
    };
    let claim = records.into_iter().find_map(|r| match r {
        Record::Claim { unit, .. } => serde_json::from_value::<super::unit::Claim>(unit).ok(),
        _ => None,
    });
    Ok(claim.map(|c| c.containers).unwrap_or_default())
}

/// A container's log.
pub(super) async fn stream(
    inner: Arc<Inner>,
    key: UnitKey,
    query: LogQuery,
) -> Result<BoxStream<'static, Result<LogLine, RunnerError>>, RunnerError> {
    let places = inner.places(&key);
    let unknown = || RunnerError::Unknown { unit: key.to_string() };
    let known = inner.handle(&key).is_some() || inner.writing().contains(&key) || places.log_dir.is_dir();
    if !known {
        return Err(unknown());
    }
    let container = query.container.clone().unwrap_or_else(|| MAIN.to_owned());
    let container = match containers(&inner, &key) {
        Ok(all) if !all.is_empty() && !all.contains(&container) => match (&query.container, all.as_slice()) {
            // A container set need not have one called main.
            (None, [first, ..]) => first.clone(),
            _ => return Err(unknown()),
        },
        _ => container,
    };
    let (lines, receiver) = tokio::sync::mpsc::channel(AHEAD);
    let parts = Default::default();
    let reader = Reader { inner, key, places, container: container.into(), query, lines, bytes: 0, parts };
    tokio::spawn(reader.run());
    Ok(Box::pin(tokio_stream::wrappers::ReceiverStream::new(receiver)))
}

struct Reader {
    inner: Arc<Inner>,
    key: UnitKey,
    places: Places,
    container: Arc<str>,
    query: LogQuery,
    lines: Sender<Result<LogLine, RunnerError>>,
    bytes: u64,
    /// The begin of a long line of standard output and of standard error.
    parts: [Option<LogLine>; 2],
}

/// One entry of a file.
enum Entry {
    Line(LogLine),
    End,
}

impl Reader {
    async fn run(mut self) {
        if let Err(e) = self.read().await {
            let unit = self.key.to_string();
            let reason = format!("read the log: {e}");
            let error = RunnerError::Unavailable { unit, reason, source: Some(Box::new(e)) };
            let _ = self.lines.send(Err(error)).await;
        }
    }

    async fn read(&mut self) -> std::io::Result<()> {
        let Some((attempt, mut segment)) = self.first_segment().await else { return Ok(()) };
        let mut kept: VecDeque<LogLine> = VecDeque::new();
        let mut tail = self.query.tail_lines.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        'segments: loop {
            let Some(file) = self.open(attempt, segment).await else { break };
            let mut file = BufReader::new(file);
            let mut buffer = Vec::new();
            // Whether the container was over before the file was read to its end.
            let mut over = false;
            loop {
                let read = (&mut file).take(ENTRY_BYTES_MAX).read_until(b'\n', &mut buffer).await?;
                if read > 0 && (buffer.ends_with(b"\n") || buffer.len() as u64 >= ENTRY_BYTES_MAX) {
                    let entry = self.parse(&buffer);
                    buffer.clear();
                    match (entry, tail) {
                        (Some(Entry::End), _) => break 'segments,
                        (Some(Entry::Line(line)), Some(n)) => {
                            kept.push_back(line);
                            if kept.len() > n {
                                kept.pop_front();
                            }
                        }
                        (Some(Entry::Line(line)), None) => {
                            if !self.give(line).await {
                                return Ok(());
                            }
                        }
                        (None, _) => {}
                    }
                    continue;
                }
                if read > 0 {
                    continue;
                }
                if let Some(next) = self.next_segment(attempt, segment) {
                    if next > segment + 1 {
                        self.gap().await;
                    }
                    segment = next;
                    continue 'segments;
                }
                if !self.query.follow || over {
                    break 'segments;
                }
                // All there is so far: from here on lines go out as they come.
                for line in std::mem::take(&mut kept) {
                    if !self.give(line).await {
                        return Ok(());
                    }
                }
                tail = None;
                over = self.is_over();
                if !over {
                    tokio::time::sleep(FOLLOW_PERIOD).await;
                }
                if self.lines.is_closed() {
                    return Ok(());
                }
            }
        }
        // A line whose rest has not been written yet.
        kept.extend(std::mem::take(&mut self.parts).into_iter().flatten());
        for line in kept {
            if !self.give(line).await {
                break;
            }
        }
        Ok(())
    }

    async fn gap(&self) {
        let text = Bytes::from_static(b"[earlier lines were dropped: log_bytes_max]");
        let line = LogLine { container: self.container.clone(), at_ms: super::now_ms(), text };
        let _ = self.lines.send(Ok(line)).await;
    }

    /// Sends a line; false when enough was sent or nobody listens.
    async fn give(&mut self, line: LogLine) -> bool {
        if self.query.since_ms.is_some_and(|since| line.at_ms < since) {
            return true;
        }
        let mut line = line;
        if let Some(limit) = self.query.limit_bytes {
            let room = limit.saturating_sub(self.bytes);
            if room == 0 {
                return false;
            }
            line.text.truncate(usize::try_from(room).unwrap_or(usize::MAX));
        }
        self.bytes += line.text.len() as u64;
        self.lines.send(Ok(line)).await.is_ok()
    }

    /// Waits for the first file when the log is followed.
    async fn first_segment(&self) -> Option<(u32, u64)> {
        loop {
            let over = self.is_over();
            let segments = segments(&self.places.log_dir, &self.container);
            let newest = segments.iter().map(|(attempt, _)| *attempt).max();
            let attempt = if self.query.previous { newest.and_then(|a| a.checked_sub(1)) } else { newest };
            if let Some(found) = attempt.and_then(|a| segments.iter().find(|(n, _)| *n == a)) {
                return Some(*found);
            }
            if !self.query.follow || over || self.query.previous || self.lines.is_closed() {
                return None;
            }
            tokio::time::sleep(FOLLOW_PERIOD).await;
        }
    }

    fn next_segment(&self, attempt: u32, segment: u64) -> Option<u64> {
        let segments = segments(&self.places.log_dir, &self.container);
        segments.iter().find(|(a, s)| *a == attempt && *s > segment).map(|(_, s)| *s)
    }

    fn is_over(&self) -> bool {
        match self.inner.handle(&self.key) {
            Some(handle) => handle.end().is_some(),
            None => !self.inner.writing().contains(&self.key) && !link::supervisor_lives(&self.places.log_dir),
        }
    }

    async fn open(&self, attempt: u32, segment: u64) -> Option<tokio::fs::File> {
        let path: PathBuf = self.places.log_dir.join(file_name(&self.container, attempt, segment));
        tokio::fs::File::open(path).await.ok()
    }

    /// `<time> <stream> <F|P> <text>`; nothing for the part of a line that goes on.
    fn parse(&mut self, entry: &[u8]) -> Option<Entry> {
        let entry = entry.strip_suffix(b"\n").unwrap_or(entry);
        let mut fields = entry.splitn(4, |b| *b == b' ');
        let (time, stream, kind) = (fields.next()?, fields.next()?, fields.next()?);
        if stream == END_STREAM.as_bytes() {
            return Some(Entry::End);
        }
        let time: jiff::Timestamp = std::str::from_utf8(time).ok()?.parse().ok()?;
        let text = fields.next().unwrap_or_default();
        let begun = self.parts.get_mut(usize::from(stream == b"stderr"))?;
        let line = match begun.take() {
            Some(line) => LogLine { text: [&line.text, text].concat().into(), ..line },
            None => {
                let text = Bytes::copy_from_slice(text);
                LogLine { container: self.container.clone(), at_ms: time.as_millisecond(), text }
            }
        };
        if kind == b"P" && line.text.len() < LINE_BYTES_MAX {
            *begun = Some(line);
            return None;
        }
        Some(Entry::Line(line))
    }
}

/// Attempts and segments that are there, in order.
pub(super) fn segments(log_dir: &Path, container: &str) -> BTreeSet<(u32, u64)> {
    let prefix = format!("{container}.");
    std::fs::read_dir(log_dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let rest = name.to_str()?.strip_prefix(&prefix)?.strip_suffix(".log")?;
            let (attempt, segment) = rest.split_once('.')?;
            Some((attempt.parse().ok()?, segment.parse().ok()?))
        })
        .collect()
}
