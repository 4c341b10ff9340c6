//! Connections and large values in tests: plain TCP or a script, and memory.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::native::{no_host, with, with_values};
use crate::endpoint::Input;
use crate::{Error, Result};

/// Answers what is written, on a connection that a test scripts.
pub(crate) type Peer = Box<dyn FnMut(&[u8]) -> Vec<Input>>;

/// Takes connections by their address.
pub(crate) type Peers = Box<dyn FnMut(&str) -> Result<Peer>>;

pub(crate) struct Connection(RefCell<Wire>);

enum Wire {
    Tcp(TcpStream),
    Scripted { peer: Peer, said: VecDeque<Input> },
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection")
    }
}

impl Connection {
    pub(crate) fn open(address: &str) -> Result<Self> {
        if let Some(mut peers) = with(|fakes| fakes.peer.take()) {
            // Out of its place while it runs, so that it may look at the rest.
            let peer = peers(address);
            with(|fakes| fakes.peer = Some(peers));
            let mut peer = peer?;
            // What a server says first.
            let said = peer(b"").into();
            return Ok(Self(RefCell::new(Wire::Scripted { peer, said })));
        }
        let Some(place) = address.strip_prefix("tcp://") else { return Err(no_host("TLS")) };
        let stream = TcpStream::connect(place).map_err(|error| failed(&error))?;
        Ok(Self(RefCell::new(Wire::Tcp(stream))))
    }

    pub(crate) fn read(&self, max: u32, wait: Duration) -> Result<Input> {
        match &mut *self.0.borrow_mut() {
            Wire::Tcp(stream) => read(stream, max, wait),
            Wire::Scripted { said, .. } => Ok(match said.pop_front() {
                Some(Input::Bytes(mut bytes)) if bytes.len() > max as usize => {
                    let rest = bytes.split_off(max as usize);
                    said.push_front(Input::Bytes(rest));
                    Input::Bytes(bytes)
                }
                Some(Input::Closed) => {
                    said.push_front(Input::Closed);
                    Input::Closed
                }
                Some(input) => input,
                None => Input::Nothing,
            }),
        }
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> Result<()> {
        match &mut *self.0.borrow_mut() {
            Wire::Tcp(stream) => stream.write_all(bytes).map_err(|error| failed(&error)),
            Wire::Scripted { peer, said } => {
                if said.back() == Some(&Input::Closed) {
                    return Err(Error::unavailable("the other side has ended the connection"));
                }
                said.extend(peer(bytes));
                Ok(())
            }
        }
    }

    pub(crate) fn write_secret(&self, text: &str) -> Result<()> {
        self.write(with_values(text).as_bytes())
    }

    pub(crate) fn start_tls(&self, _: Option<&str>) -> Result<()> {
        Err(no_host("TLS"))
    }
}

fn read(stream: &mut TcpStream, max: u32, wait: Duration) -> Result<Input> {
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
