//! Connections to granted endpoints, for protocols other than HTTP. The host resolves, connects and does TLS; the protocol is the plugin's.

use std::time::Duration;

use crate::{Result, host};

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Some bytes; at least one.
    Bytes(Vec<u8>),
    /// Nothing came within the time.
    Nothing,
    /// The other side has ended the connection.
    Closed,
}

/// An open connection; dropping it closes it.
#[derive(Debug)]
pub struct Connection(host::Connection);

impl Connection {
    /// Connects to `tcp://host:port` or `tls://host:port`, as granted.
    pub fn open(address: &str) -> Result<Self> {
        host::Connection::open(address).map(Self)
    }

    /// Waits for bytes, at most `max` of them and at most that long; not at all for zero.
    pub fn read(&self, max: u32, wait: Duration) -> Result<Input> {
        self.0.read(max, wait)
    }

    /// Writes all of them.
    pub fn write(&self, bytes: &[u8]) -> Result<()> {
        self.0.write(bytes)
    }

    /// Writes a text with stand-ins of secrets in it, which are granted for this endpoint.
    pub fn write_secret(&self, text: &str) -> Result<()> {
        self.0.write_secret(text)
    }

    /// Goes on with TLS, for protocols that begin without. The name is the endpoint's unless another is given.
    pub fn start_tls(&self, server_name: Option<&str>) -> Result<()> {
        self.0.start_tls(server_name)
    }
}
