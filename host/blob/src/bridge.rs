//! Between asynchronous streams and the blocking readers and writers of archives and files.
//!
//! ```text
//!   Chunks ──► consume(work)  : work reads a ChunkReader on a blocking thread
//!   produce(work) ──► Chunks  : work writes a ChunkWriter on a blocking thread
//! ```
//!
//! At most [`CHUNKS_MAX`] chunks wait between the two sides, so memory does not grow with the content. A side that goes away ends
//! the other one with an error, never with what looks like the end of the content.

use std::io::{self, Read, Write};

use bytes::{Buf, Bytes, BytesMut};
use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;
use tokio::task::{self, JoinHandle};

use crate::failure::Failure;

/// A stream of bytes inside this crate.
pub(crate) type Chunks = BoxStream<'static, Result<Bytes, Failure>>;

/// Bytes of one chunk made here.
pub(crate) const CHUNK_BYTES: usize = 256 * 1024;
/// Chunks that wait between the two sides.
const CHUNKS_MAX: usize = 4;
/// Items that wait between the two sides.
const ITEMS_MAX: usize = 64;

/// Runs `work` on a blocking thread over `content`. An error of the content wins over what `work` made of its early end.
pub(crate) async fn consume<T, W>(content: Chunks, work: W) -> Result<T, Failure>
where
    T: Send + 'static,
    W: FnOnce(ChunkReader) -> Result<T, Failure> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(CHUNKS_MAX);
    let job = task::spawn_blocking(move || work(ChunkReader { receiver, current: Bytes::new(), ended: false }));
    let fed = feed(content, sender).await;
    let worked =
        job.await.map_err(|error| Failure::permanent("the work on a blocking thread ended early").because(error))?;
    fed?;
    worked
}

/// Sends every chunk and then the mark of the end. A receiver that went away is no error here: its own result says why.
async fn feed(mut content: Chunks, sender: mpsc::Sender<Option<Bytes>>) -> Result<(), Failure> {
    while let Some(chunk) = content.next().await {
        if sender.send(Some(chunk?)).await.is_err() {
            return Ok(());
        }
    }
    sender.send(None).await.ok();
    Ok(())
}

/// The reading end of [`consume`].
pub(crate) struct ChunkReader {
    receiver: mpsc::Receiver<Option<Bytes>>,
    current: Bytes,
    ended: bool,
}

impl ChunkReader {
    /// The next chunk as it came, or none at the end.
    pub(crate) fn next_chunk(&mut self) -> io::Result<Option<Bytes>> {
        if self.current.has_remaining() {
            return Ok(Some(std::mem::take(&mut self.current)));
        }
        if self.ended {
            return Ok(None);
        }
        match self.receiver.blocking_recv() {
            Some(Some(chunk)) => Ok(Some(chunk)),
            Some(None) => {
                self.ended = true;
                Ok(None)
            }
            None => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the content broke off")),
        }
    }
}

impl Read for ChunkReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.current.has_remaining() {
            match self.next_chunk()? {
                Some(chunk) => self.current = chunk,
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.current.len());
        self.current.copy_to_slice(buffer.get_mut(..count).unwrap_or_default());
        Ok(count)
    }
}

/// Streams what `work` writes on a blocking thread. An error of `work`, or its panic, is the stream's last item.
pub(crate) fn produce<W>(work: W) -> Chunks
where
    W: FnOnce(&mut ChunkWriter) -> Result<(), Failure> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(CHUNKS_MAX);
    let job = task::spawn_blocking(move || {
        let mut writer = ChunkWriter { sender, buffer: BytesMut::with_capacity(CHUNK_BYTES) };
        work(&mut writer)?;
        writer.flush().map_err(|error| Failure::file("send", error))
    });
    stream::unfold((receiver, Some(job)), step).boxed()
}

type Producing<T> = (mpsc::Receiver<T>, Option<JoinHandle<Result<(), Failure>>>);

async fn step<T>((mut receiver, job): Producing<T>) -> Option<(Result<T, Failure>, Producing<T>)> {
    if let Some(item) = receiver.recv().await {
        return Some((Ok(item), (receiver, job)));
    }
    let failure = match job?.await {
        Ok(Ok(())) => return None,
        Ok(Err(failure)) => failure,
        Err(error) => Failure::permanent("the work on a blocking thread ended early").because(error),
    };
    Some((Err(failure), (receiver, None)))
}

/// The writing end of [`produce`]. Fails with `BrokenPipe` when nobody reads any more.
pub(crate) struct ChunkWriter {
    sender: mpsc::Sender<Bytes>,
    buffer: BytesMut,
}

impl Write for ChunkWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(CHUNK_BYTES - self.buffer.len());
        self.buffer.extend_from_slice(bytes.get(..count).unwrap_or_default());
        if self.buffer.len() == CHUNK_BYTES {
            self.flush()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.buffer, BytesMut::with_capacity(CHUNK_BYTES)).freeze();
        self.sender.blocking_send(chunk).map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "nobody reads any more"))
    }
}

/// Streams the items that `work` sends on a blocking thread; sending says whether anybody listens still. An error of `work`, or its
/// panic, is the stream's last item.
pub(crate) fn items<T, W>(work: W) -> BoxStream<'static, Result<T, Failure>>
where
    T: Send + 'static,
    W: FnOnce(&mut dyn FnMut(T) -> bool) -> Result<(), Failure> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(ITEMS_MAX);
    let job = task::spawn_blocking(move || work(&mut |item| sender.blocking_send(item).is_ok()));
    stream::unfold((receiver, Some(job)), step).boxed()
}

/// Copies everything and says how much it was; the two errors are told apart.
pub(crate) fn copy(from: &mut dyn Read, to: &mut dyn Write) -> Result<u64, Copy> {
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut total = 0;
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return Ok(total),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Copy::Read(error)),
        };
        to.write_all(buffer.get(..count).unwrap_or_default()).map_err(Copy::Write)?;
        total += count as u64;
    }
}

/// Which side of a [`copy`] failed.
#[derive(Debug)]
pub(crate) enum Copy {
    /// The source.
    Read(io::Error),
    /// The destination.
    Write(io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_written_arrives_in_order_and_whole() {
        let chunks = produce(|out| {
            for number in 0..200_000u32 {
                out.write_all(&number.to_le_bytes()).unwrap();
            }
            Ok(())
        });
        let read = consume(chunks, |mut reader| {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).unwrap();
            Ok(bytes)
        })
        .await
        .unwrap();
        assert_eq!(read.len(), 800_000);
        assert!(read.chunks_exact(4).zip(0u32..).all(|(bytes, number)| bytes == number.to_le_bytes()));
    }

    #[tokio::test]
    async fn a_failing_or_panicking_producer_never_looks_like_the_end() {
        let mut failing = produce(|out| {
            out.write_all(b"half").unwrap();
            out.flush().unwrap();
            Err(Failure::transient("no more"))
        });
        assert_eq!(failing.next().await.unwrap().unwrap(), "half");
        assert_eq!(failing.next().await.unwrap().unwrap_err().reason, "no more");
        assert!(failing.next().await.is_none());

        let mut panicking = produce(|_| panic!("deliberate"));
        assert!(panicking.next().await.unwrap().is_err());
    }

    #[tokio::test]
    async fn a_content_that_breaks_off_is_an_error_for_the_reader_and_its_cause_wins() {
        let content =
            stream::iter([Ok(Bytes::from_static(b"half")), Err(Failure::transient("connection reset"))]).boxed();
        let failure = consume(content, |mut reader| {
            let mut bytes = Vec::new();
            let error = reader.read_to_end(&mut bytes).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            Err::<(), _>(Failure::permanent("truncated archive"))
        })
        .await
        .unwrap_err();
        assert_eq!(failure.reason, "connection reset");
    }

    #[tokio::test]
    async fn a_consumer_that_goes_away_stops_the_producer() {
        let (told, hear) = tokio::sync::oneshot::channel();
        let chunks = produce(move |out| {
            let error = loop {
                if let Err(error) = out.write_all(&[0; 4096]) {
                    break error;
                }
            };
            told.send(error.kind()).ok();
            Ok(())
        });
        drop(chunks);
        assert_eq!(hear.await.unwrap(), io::ErrorKind::BrokenPipe);
    }
}
