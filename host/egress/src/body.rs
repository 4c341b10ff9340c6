//! Bodies that are watched: for progress, and for their size.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::{Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::client::Limits;
use crate::error::EgressError;

/// Any error of a body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a request.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// A body of nothing.
pub fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body of these bytes.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A request's body that counts what was taken of it.
pub(crate) struct Sending {
    inner: Body,
    taken: Arc<AtomicU64>,
}

impl Sending {
    /// Counts into `taken`.
    pub(crate) fn new(inner: Body, taken: Arc<AtomicU64>) -> Self {
        Self { inner, taken }
    }
}

impl http_body::Body for Sending {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        if polled.is_ready() {
            self.taken.fetch_add(1, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A response's body. It fails when nothing comes for the limit's `idle`, when `total` is over, and beyond `body_bytes_max`.
pub struct ResponseBody {
    inner: Incoming,
    target: String,
    limits: Limits,
    seen: u64,
    timer: Pin<Box<Sleep>>,
    ends: Option<Instant>,
    failed: bool,
}

impl ResponseBody {
    pub(crate) fn new(inner: Incoming, target: String, limits: Limits, ends: Option<Instant>) -> Self {
        let timer = Box::pin(sleep_until(wake(&limits, ends)));
        Self { inner, target, limits, seen: 0, timer, ends, failed: false }
    }

    /// Everything at once. `limits.body_bytes_max` bounds it.
    pub async fn bytes(self) -> Result<Bytes, EgressError> {
        Ok(self.collect().await?.to_bytes())
    }

    /// What is there of the beginning, for a message: at most `max` bytes, and no error.
    pub async fn beginning(mut self, max: usize) -> String {
        let mut text = Vec::new();
        while text.len() < max {
            match self.frame().await {
                Some(Ok(frame)) => text.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data.chunk())),
                _ => break,
            }
        }
        text.truncate(max);
        String::from_utf8_lossy(&text).into_owned()
    }

    fn fail(&mut self, error: EgressError) -> Poll<Option<Result<Frame<Bytes>, EgressError>>> {
        self.failed = true;
        Poll::Ready(Some(Err(error)))
    }
}

fn wake(limits: &Limits, ends: Option<Instant>) -> Instant {
    let idle = Instant::now() + limits.idle;
    ends.map_or(idle, |ends| ends.min(idle))
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = EgressError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, EgressError>>> {
        if self.failed {
            return Poll::Ready(None);
        }
        match Pin::new(&mut self.inner).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.seen = self.seen.saturating_add(frame.data_ref().map_or(0, |data| data.len() as u64));
                if let Some(max) = self.limits.body_bytes_max.filter(|max| self.seen > *max) {
                    let target = self.target.clone();
                    return self.fail(EgressError::BodyTooLarge { target, max });
                }
                let wake = wake(&self.limits, self.ends);
                self.timer.as_mut().reset(wake);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                let error = EgressError::Exchange {
                    target: self.target.clone(),
                    why: crate::client::causes(&error),
                    source: Box::new(error),
                };
                self.fail(error)
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => match self.timer.as_mut().poll(context) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(()) => {
                    let over = self.ends.is_some_and(|ends| ends <= Instant::now());
                    let (what, after) = if over {
                        ("complete answer", self.limits.total.unwrap_or_default())
                    } else {
                        ("more of the answer", self.limits.idle)
                    };
                    let target = self.target.clone();
                    self.fail(EgressError::TimedOut { target, what, after })
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
