//! Connections and large values in tests: plain TCP, and memory.

use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::native::{no_host, with};
use crate::endpoint::Input;
use crate::{Error, Result};

#[derive(Debug)]
pub(crate) struct Connection(RefCell<TcpStream>);

impl Connection {
    pub(crate) fn open(address: &str) -> Result<Self> {
        let Some(place) = address.strip_prefix("tcp://") else { return Err(no_host("TLS")) };
        TcpStream::connect(place).map(|stream| Self(RefCell::new(stream))).map_err(|error| failed(&error))
    }

    pub(crate) fn read(&self, max: u32, wait: Duration) -> Result<Input> {
        let mut stream = self.0.borrow_mut();
        stream.set_read_timeout(Some(wait.max(Duration::from_millis(1)))).map_err(|error| failed(&error))?;
        let mut bytes = vec![0; max as usize];
        match stream.read(&mut bytes) {
            Ok(0) => Ok(Input::Closed),
            Ok(count) => {
                bytes.truncate(count);
                Ok(Input::Bytes(bytes))
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(Input::Nothing),
            Err(error) => Err(failed(&error)),
        }
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> Result<()> {
        self.0.borrow_mut().write_all(bytes).map_err(|error| failed(&error))
    }

    pub(crate) fn write_secret(&self, text: &str) -> Result<()> {
        self.write(text.as_bytes())
    }

    pub(crate) fn start_tls(&self, _: Option<&str>) -> Result<()> {
        Err(no_host("TLS"))
    }
}

fn failed(error: &std::io::Error) -> Error {
    Error::unavailable(error.to_string())
}

#[derive(Debug)]
pub(crate) struct BlobReader(Vec<u8>);

impl BlobReader {
    pub(crate) fn open(name: &str) -> Result<Self> {
        with(|fakes| fakes.blobs.get(name).cloned())
            .map(Self)
            .ok_or_else(|| Error::not_found(format!("no blob `{name}`")))
    }

    pub(crate) fn size(&self) -> u64 {
        self.0.len() as u64
    }

    pub(crate) fn read(&self, offset: u64, length: u32) -> Result<Vec<u8>> {
        let begin = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        let end = begin.saturating_add(length as usize).min(self.0.len());
        Ok(self.0.get(begin..end).unwrap_or_default().to_vec())
    }
}

#[derive(Debug)]
pub(crate) struct BlobWriter {
    name: String,
    bytes: Vec<u8>,
}

impl BlobWriter {
    pub(crate) fn create(name: &str) -> Result<Self> {
        Ok(Self { name: name.to_owned(), bytes: Vec::new() })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<String> {
        let digest = format!("bytes:{}", self.bytes.len());
        with(|fakes| fakes.blobs.insert(self.name, self.bytes));
        Ok(digest)
    }
}

pub(crate) fn blob_delete(name: &str) -> Result<()> {
    with(|fakes| fakes.blobs.remove(name));
    Ok(())
}
