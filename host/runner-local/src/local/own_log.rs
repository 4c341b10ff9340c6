//! Logs that the server writes itself, of steps that have no supervisor. They look as those that supervisors write.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runner::{StepLog, UnitKey};

use super::Inner;
use super::logs::{MAIN, segments};
use crate::agent::supervisor::log::{LogWriter, Stream};

/// A log of a container called `main`.
pub(super) struct OwnLog {
    dir: PathBuf,
    bytes_max: u64,
    line_bytes_max: usize,
    writer: Mutex<Option<LogWriter>>,
}

impl OwnLog {
    pub(super) fn new(inner: &Inner, key: &str) -> Self {
        let (bytes_max, line_bytes_max) = (inner.settings.log_bytes_max, inner.settings.log_line_bytes_max);
        Self { dir: inner.places(key).log_dir, bytes_max, line_bytes_max, writer: Mutex::default() }
    }

    fn writer(&self) -> MutexGuard<'_, Option<LogWriter>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a piece. Nothing is made before there is something to write.
    pub(super) fn write(&self, stream: Stream, bytes: &[u8]) {
        let mut writer = self.writer();
        let writer = writer.get_or_insert_with(|| {
            if let Err(error) = std::fs::create_dir_all(&self.dir) {
                tracing::warn!(folder = %self.dir.display(), %error, "a log cannot be written");
            }
            // What a server that is gone began is another attempt.
            let before = segments(&self.dir, MAIN).last().map(|(attempt, _)| *attempt);
            let attempt = before.map_or(0, |attempt| attempt.saturating_add(1));
            LogWriter::new(&self.dir, MAIN, attempt, self.bytes_max, self.line_bytes_max)
        });
        writer.feed(stream, bytes);
    }

    /// It is over.
    pub(super) fn end(&self, message: &str) {
        if let Some(writer) = &mut *self.writer() {
            writer.end(message);
        }
    }
}

/// The log of a step that somebody else does.
pub(super) struct LentLog {
    inner: Arc<Inner>,
    key: UnitKey,
    log: OwnLog,
}

impl LentLog {
    pub(super) fn new(inner: Arc<Inner>, key: UnitKey) -> Self {
        inner.writing().insert(key.clone());
        let log = OwnLog::new(&inner, &key);
        Self { inner, key, log }
    }
}

impl StepLog for LentLog {
    fn write(&self, text: &[u8]) {
        self.log.write(Stream::Stdout, text);
    }
}

impl Drop for LentLog {
    fn drop(&mut self) {
        self.log.end("the step is over");
        self.inner.writing().remove(&self.key);
    }
}
