//! Where standard output and standard error go.
//!
//! Of a plugin's standard error the end is kept for when it breaks off; a program's streams are told as they come.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use plugin::ProgramOutput;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// Bytes that are kept (`stderr_bytes_max`).
const KEPT_MAX: usize = 8 << 10;
/// Bytes that are taken at once.
const PIECE_BYTES_MAX: usize = 64 << 10;

/// Takes what is written, at once.
pub(crate) trait Sink: Clone + Send + Sync + Unpin + 'static {
    /// A piece.
    fn take(&self, bytes: &[u8]);
}

/// The last bytes.
#[derive(Clone, Default)]
pub(crate) struct Tail(Arc<Mutex<VecDeque<u8>>>);

impl Sink for Tail {
    fn take(&self, bytes: &[u8]) {
        let mut kept = crate::lock(&self.0);
        let bytes = bytes.split_at(bytes.len().saturating_sub(KEPT_MAX)).1;
        let surplus = (kept.len() + bytes.len()).saturating_sub(KEPT_MAX);
        kept.drain(..surplus);
        kept.extend(bytes);
    }
}

impl Tail {
    /// They as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(crate::lock(&self.0).make_contiguous()).into_owned()
    }
}

/// A program's standard output.
#[derive(Clone)]
pub(crate) struct Stdout(pub(crate) Arc<dyn ProgramOutput>);

impl Sink for Stdout {
    fn take(&self, bytes: &[u8]) {
        self.0.stdout(bytes);
    }
}

/// A program's standard error, whose end is kept as well.
#[derive(Clone)]
pub(crate) struct Stderr(pub(crate) Arc<dyn ProgramOutput>, pub(crate) Tail);

impl Sink for Stderr {
    fn take(&self, bytes: &[u8]) {
        self.0.stderr(bytes);
        self.1.take(bytes);
    }
}

/// A stream of WASI into a sink.
#[derive(Clone)]
pub(crate) struct Stream<S>(pub(crate) S);

impl<S: Sink> IsTerminal for Stream<S> {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl<S: Sink> StdoutStream for Stream<S> {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl<S: Sink> AsyncWrite for Stream<S> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl<S: Sink> OutputStream for Stream<S> {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.0.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PIECE_BYTES_MAX)
    }
}

#[async_trait]
impl<S: Sink> Pollable for Stream<S> {
    async fn ready(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept() {
        let tail = Tail::default();
        tail.take(b"begin ");
        tail.take(&vec![b'x'; 3 * KEPT_MAX]);
        tail.take(b" end");
        let text = tail.text();
        assert!(text.len() == KEPT_MAX && text.ends_with("x end") && !text.contains("begin"));
    }
}
