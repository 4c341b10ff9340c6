//! Lines of a stream, with a bound on their length.

use std::io;

use futures::{AsyncBufRead, AsyncBufReadExt};

/// Reads line by line.
pub(super) struct Lines<R> {
    reader: std::pin::Pin<Box<R>>,
    line_bytes_max: usize,
}

impl<R: AsyncBufRead> Lines<R> {
    pub(super) fn new(reader: R, line_bytes_max: usize) -> Self {
        Self { reader: Box::pin(reader), line_bytes_max }
    }

    /// The next line without its end; nothing at the end of the stream, where a line that was cut off is dropped.
    pub(super) async fn next(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        loop {
            let chunk = self.reader.fill_buf().await?;
            if chunk.is_empty() {
                return Ok(None);
            }
            let end = chunk.iter().position(|b| *b == b'\n');
            let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
            if line.len() + part.len() > self.line_bytes_max {
                let reason = format!("an event is longer than watch_line_bytes_max ({} bytes)", self.line_bytes_max);
                return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
            }
            line.extend_from_slice(part);
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume_unpin(used);
            if end.is_some() {
                return String::from_utf8(line).map(Some).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::io::{BufReader, Cursor};

    async fn read(text: &str, max: usize) -> Vec<Result<String, io::ErrorKind>> {
        let mut lines = Lines::new(BufReader::with_capacity(3, Cursor::new(text.to_owned())), max);
        let mut read = Vec::new();
        loop {
            match lines.next().await {
                Ok(Some(line)) => read.push(Ok(line)),
                Ok(None) => return read,
                Err(error) => {
                    read.push(Err(error.kind()));
                    return read;
                }
            }
        }
    }

    #[tokio::test]
    async fn lines_of_any_length_up_to_the_bound() {
        assert_eq!(read("a\nbcdefgh\n\ncut", 10).await, [Ok("a".into()), Ok("bcdefgh".into()), Ok(String::new())]);
        assert_eq!(read("abcdef\n", 5).await, [Err(io::ErrorKind::InvalidData)]);
    }
}
