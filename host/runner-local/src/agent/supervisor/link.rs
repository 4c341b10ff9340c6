//! Connections to the server: the one the unit came by, and those of a restarted server. None of them ever makes the supervisor wait.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};

use crate::agent::protocol::{FRAME_BYTES_MAX, FromSupervisor, SOCKET_FILE, ToSupervisor, frame, frame_length};

/// Connections served at a time; more are closed.
const CONNECTIONS_MAX: usize = 8;

/// One connection.
pub(crate) struct Connection {
    pub stream: UnixStream,
    incoming: Vec<u8>,
    outgoing: VecDeque<u8>,
    closed: bool,
}

impl Connection {
    pub(crate) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream, incoming: Vec::new(), outgoing: VecDeque::new(), closed: false })
    }

    pub(crate) fn wants_to_write(&self) -> bool {
        !self.outgoing.is_empty()
    }

    fn send(&mut self, bytes: &[u8]) {
        self.outgoing.extend(bytes);
        self.flush();
    }

    pub(crate) fn flush(&mut self) {
        while !self.outgoing.is_empty() && !self.closed {
            match self.stream.write(self.outgoing.as_slices().0) {
                Ok(0) => self.closed = true,
                Ok(n) => drop(self.outgoing.drain(..n)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.closed = true,
            }
        }
    }

    /// All whole messages that have come.
    pub(crate) fn receive(&mut self) -> Vec<ToSupervisor> {
        let mut buffer = [0u8; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => {
                    self.closed = true;
                    break;
                }
                Ok(n) => self.incoming.extend_from_slice(buffer.get(..n).unwrap_or_default()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.closed = true;
                    break;
                }
            }
            if self.incoming.len() > FRAME_BYTES_MAX {
                self.closed = true;
                break;
            }
        }
        let mut messages = Vec::new();
        while let Some(head) = self.incoming.first_chunk::<4>() {
            let Ok(length) = frame_length(*head) else {
                self.closed = true;
                break;
            };
            let Some(body) = self.incoming.get(4..4 + length) else { break };
            match serde_json::from_slice(body) {
                Ok(message) => messages.push(message),
                Err(_) => self.closed = true,
            }
            self.incoming.drain(..4 + length);
        }
        messages
    }
}

/// In the unit's folder, which is the working directory.
fn listen() -> io::Result<UnixListener> {
    let _ = std::fs::remove_file(SOCKET_FILE);
    let listener = UnixListener::bind(SOCKET_FILE)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// All connections, and what was said to them.
pub(crate) struct Links {
    pub connections: Vec<Connection>,
    pub listener: Option<UnixListener>,
    said: Vec<Vec<u8>>,
    progress: Option<Vec<u8>>,
    /// The end could not be written down: somebody must hear it.
    pub said_only_here: bool,
}

impl Links {
    pub(crate) fn new(first: Connection) -> Self {
        Self { connections: vec![first], listener: None, said: Vec::new(), progress: None, said_only_here: false }
    }

    /// Says it to all who listen, now and later.
    pub(crate) fn say(&mut self, message: &FromSupervisor) {
        let Ok(bytes) = frame(message) else { return };
        for connection in &mut self.connections {
            connection.send(&bytes);
        }
        if matches!(message, FromSupervisor::Progress { .. }) {
            self.progress = Some(bytes);
        } else {
            // Whoever comes later hears the end last.
            if matches!(message, FromSupervisor::Ended(_)) {
                self.said.extend(self.progress.take());
            }
            self.said.push(bytes);
        }
    }

    /// Takes new connections and tells them what was said.
    pub(crate) fn accept(&mut self) {
        let Some(listener) = &self.listener else { return };
        while let Ok((stream, _)) = listener.accept() {
            if self.connections.len() >= CONNECTIONS_MAX {
                continue;
            }
            let Ok(mut connection) = Connection::new(stream) else { continue };
            for bytes in self.said.iter().chain(&self.progress) {
                connection.send(bytes);
            }
            self.connections.push(connection);
        }
    }

    /// Forgets those that are closed. When none is left the server is gone: from then on the next one finds a socket here.
    pub(crate) fn tidy(&mut self) {
        self.connections.retain(|c| !c.closed);
        if self.connections.is_empty() && self.listener.is_none() {
            self.listener = listen().ok();
        }
    }

    pub(crate) fn flushed(&self) -> bool {
        self.connections.iter().all(|c| c.closed || c.outgoing.is_empty())
    }
}
