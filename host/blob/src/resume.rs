//! A download that breaks off goes on where it was.

use std::sync::Arc;

use artifact::ErrorClass;
use async_trait::async_trait;
use futures::stream::{self, StreamExt};
use tokio::time::sleep;

use crate::bridge::Chunks;
use crate::failure::Failure;
use crate::retry::{Pauses, Retry};

/// An object's bytes from somewhere on.
pub(crate) struct Opened {
    /// The bytes.
    pub(crate) content: Chunks,
    /// What tells this version of the object from another; without it a download cannot go on.
    pub(crate) tag: Option<String>,
}

/// Opens an object at an offset.
#[async_trait]
pub(crate) trait Open: Send + Sync + 'static {
    /// Opens it at `offset`, as long as it is the version `tag` still.
    async fn open_at(&self, offset: u64, tag: Option<&str>) -> Result<Opened, Failure>;
}

/// Opens an object so that a break in it is mended: the rest is asked for again, of the same version.
pub(crate) async fn open(source: Arc<dyn Open>, retry: Retry) -> Result<Chunks, Failure> {
    let Opened { content, tag } = source.open_at(0, None).await?;
    let Some(tag) = tag else { return Ok(content) };
    let state = State { source, tag, content: Some(content), offset: 0, pauses: retry.pauses(), retry };
    Ok(stream::unfold(state, next).boxed())
}

struct State {
    source: Arc<dyn Open>,
    tag: String,
    content: Option<Chunks>,
    offset: u64,
    pauses: Pauses,
    retry: Retry,
}

async fn next(mut state: State) -> Option<(Result<bytes::Bytes, Failure>, State)> {
    loop {
        let failure = match state.content.as_mut()?.next().await {
            None => return None,
            Some(Ok(chunk)) => {
                state.offset += chunk.len() as u64;
                if !chunk.is_empty() {
                    state.pauses = state.retry.pauses();
                }
                return Some((Ok(chunk), state));
            }
            Some(Err(failure)) => failure,
        };
        if let Err(failure) = mend(&mut state, failure).await {
            state.content = None;
            return Some((Err(failure), state));
        }
    }
}

/// Opens the rest, trying as often as it may.
async fn mend(state: &mut State, mut failure: Failure) -> Result<(), Failure> {
    loop {
        if failure.class != ErrorClass::Transient {
            return Err(failure);
        }
        let Some(pause) = state.pauses.next() else { return Err(state.pauses.gave_up(failure)) };
        tracing::debug!(reason = failure.reason, offset = state.offset, "a download broke off and goes on");
        sleep(pause).await;
        match state.source.open_at(state.offset, Some(&state.tag)).await {
            Ok(opened) => {
                state.content = Some(opened.content);
                return Ok(());
            }
            Err(again) => failure = again,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use bytes::Bytes;
    use futures::TryStreamExt;

    use super::*;

    /// Gives `piece` bytes of `whole` each time and then breaks; each third opening fails at once.
    struct Flaky {
        whole: Vec<u8>,
        piece: usize,
        opened: Mutex<Vec<u64>>,
        tag: Option<&'static str>,
    }

    #[async_trait]
    impl Open for Flaky {
        async fn open_at(&self, offset: u64, tag: Option<&str>) -> Result<Opened, Failure> {
            let count = {
                let mut opened = self.opened.lock().unwrap();
                opened.push(offset);
                opened.len()
            };
            assert_eq!(tag, (count > 1).then_some("v1"));
            if count.is_multiple_of(3) {
                return Err(Failure::transient("busy"));
            }
            let rest = &self.whole[offset as usize..];
            let piece = Bytes::copy_from_slice(&rest[..self.piece.min(rest.len())]);
            let mut items = vec![Ok(piece)];
            if rest.len() > self.piece {
                items.push(Err(Failure::transient("broke off")));
            }
            Ok(Opened { content: stream::iter(items).boxed(), tag: self.tag.map(str::to_owned) })
        }
    }

    async fn download(piece: usize, tag: Option<&'static str>) -> (Result<Vec<u8>, Failure>, Vec<u64>) {
        let whole: Vec<u8> = (0..100).collect();
        let source = Arc::new(Flaky { whole, piece, opened: Mutex::new(Vec::new()), tag });
        let retry = Retry { attempts_max: 3, first_ms: 1, ..Retry::default() };
        let content = open(Arc::clone(&source) as Arc<dyn Open>, retry).await.unwrap();
        let result = content.try_collect::<Vec<_>>().await.map(|chunks| chunks.concat());
        let opened = source.opened.lock().unwrap().clone();
        (result, opened)
    }

    #[tokio::test(start_paused = true)]
    async fn the_rest_is_asked_for_and_nothing_twice() {
        let (result, opened) = download(30, Some("v1")).await;
        assert_eq!(result.unwrap(), (0..100).collect::<Vec<u8>>());
        assert_eq!(opened, [0, 30, 60, 60, 90]);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_version_or_without_progress_the_break_is_an_error() {
        let (result, opened) = download(30, None).await;
        assert_eq!((result.unwrap_err().reason.as_str(), opened.len()), ("broke off", 1));
        let (result, _) = download(0, Some("v1")).await;
        assert!(result.unwrap_err().reason.contains("(tried 3 times"));
    }
}
