//! Connections to granted endpoints, for protocols other than HTTP. The host resolves, connects and does TLS; the protocol is the plugin's.

use std::time::Duration;

use crate::{Error, Result, host};

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

/// How much is read at once (bytes).
const READ_BYTES: u32 = 64 * 1024;

/// How much room a stream keeps when it is empty (bytes).
const KEPT_BYTES: usize = 1024 * 1024;

/// A connection with what came and was not taken yet: what a protocol is read from.
#[derive(Debug)]
pub struct Stream {
    connection: Connection,
    address: String,
    bytes: Vec<u8>,
    taken: usize,
    bytes_max: usize,
}

impl Stream {
    /// Connects. At most `bytes_max` bytes are kept before they are taken: a longer message of the other side is an error.
    pub fn open(address: &str, bytes_max: usize) -> Result<Self> {
        let connection = Connection::open(address)?;
        Ok(Self { connection, address: address.to_owned(), bytes: Vec::new(), taken: 0, bytes_max })
    }

    /// What came and was not taken.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    /// Takes so many bytes.
    pub fn take(&mut self, count: usize) {
        self.taken = self.taken.saturating_add(count).min(self.bytes.len());
        if self.taken == self.bytes.len() {
            // What one long message took is not kept for the short ones behind it.
            if self.bytes.capacity() > KEPT_BYTES {
                self.bytes = Vec::new();
            }
            self.bytes.clear();
            self.taken = 0;
        }
    }

    /// Waits for more bytes, at most that long; whether some came. A connection that was ended is `unavailable`.
    pub fn fill(&mut self, wait: Duration) -> Result<bool> {
        if self.taken > 0 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
        let room = self.bytes_max.saturating_sub(self.bytes.len());
        if room == 0 {
            let message = format!("{} sent a message of more than {} bytes", self.address, self.bytes_max);
            return Err(Error::permanent(message).with_code("message-too-large"));
        }
        match self.connection.read(READ_BYTES.min(u32::try_from(room).unwrap_or(READ_BYTES)), wait)? {
            Input::Bytes(bytes) => {
                self.bytes.extend_from_slice(&bytes);
                Ok(true)
            }
            Input::Nothing => Ok(false),
            Input::Closed => {
                Err(Error::unavailable(format!("{} has ended the connection", self.address)).with_code("disconnected"))
            }
        }
    }

    /// Writes all of them.
    pub fn write(&self, bytes: &[u8]) -> Result<()> {
        self.connection.write(bytes)
    }

    /// Writes a text with stand-ins of secrets in it.
    pub fn write_secret(&self, text: &str) -> Result<()> {
        self.connection.write_secret(text)
    }

    /// Goes on with TLS. What came before is forgotten: it was not said in the encrypted connection.
    pub fn start_tls(&mut self) -> Result<()> {
        self.bytes.clear();
        self.taken = 0;
        self.connection.start_tls(None)
    }

    /// Where it goes to.
    pub fn address(&self) -> &str {
        &self.address
    }
}

/// `tls: {}` of a configuration: the connection is encrypted. Certificates are for the operator to grant, so it has no fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {}

/// The address of an endpoint as a configuration has it: `host:port`, or with one of the schemes, of which `secure` ones mean TLS, as does `tls`. A port that is
/// missing is the usual one. The message of an error is for the field that has the address.
pub fn address(
    text: &str,
    tls: Option<&Tls>,
    plain: &[&str],
    secure: &[&str],
    (port, port_tls): (u16, u16),
) -> Result<String, String> {
    let text = text.trim().trim_end_matches('/');
    let (scheme, place) = text.split_once("://").map_or((None, text), |(scheme, place)| (Some(scheme), place));
    let tls = match scheme {
        None => tls.is_some(),
        Some(scheme) if secure.contains(&scheme) => true,
        Some(scheme) if plain.contains(&scheme) => tls.is_some(),
        Some(scheme) => {
            return Err(format!("`{scheme}://` is not known here: {} are", [plain, secure].concat().join(", ")));
        }
    };
    if place.contains('@') {
        return Err("credentials do not belong into an address: every log would have them; use `auth`".to_owned());
    }
    if place.is_empty() || place.contains(['/', ' ', ',', '?', '#']) {
        return Err("the name of a host and a port are expected, as `broker.example.com:1234`".to_owned());
    }
    let has_port = match place.rsplit_once(':') {
        Some((host, _)) if host.starts_with('[') != host.ends_with(']') => false,
        Some((host, port)) if !host.is_empty() => {
            port.parse::<u16>().map_err(|_| format!("`{port}` is no port"))?;
            true
        }
        Some(_) => return Err("the name of a host is missing".to_owned()),
        None => false,
    };
    let scheme = if tls { "tls" } else { "tcp" };
    let port = if tls { port_tls } else { port };
    Ok(if has_port { format!("{scheme}://{place}") } else { format!("{scheme}://{place}:{port}") })
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::{Class, testing};

    #[test]
    fn addresses_are_read_as_users_write_them() {
        for (text, tls, expected) in [
            ("a.example:1883", false, Ok("tcp://a.example:1883")),
            ("a.example", false, Ok("tcp://a.example:1883")),
            ("mqtt://a.example/", false, Ok("tcp://a.example:1883")),
            ("mqtts://a.example", false, Ok("tls://a.example:8883")),
            ("a.example", true, Ok("tls://a.example:8883")),
            ("mqtt://[::1]:7", false, Ok("tcp://[::1]:7")),
            ("mqtt://[::1]", false, Ok("tcp://[::1]:1883")),
            ("", false, Err(())),
            (":1883", false, Err(())),
            ("a.example:x", false, Err(())),
            ("a.example:99999", false, Err(())),
            ("user:pass@a.example:1", false, Err(())),
            ("http://a.example", false, Err(())),
            ("a.example:1,b.example:2", false, Err(())),
        ] {
            let read = address(text, tls.then_some(&Tls {}), &["mqtt", "tcp"], &["mqtts"], (1883, 8883));
            assert_eq!(read.as_deref().map_err(|_| ()), expected, "{text}");
        }
    }

    #[test]
    fn a_stream_keeps_what_was_not_taken_and_no_more_than_it_may() {
        testing::connect(|address| {
            assert_eq!(address, "tcp://a:1");
            Ok(Box::new(|written| match written {
                b"" => vec![Input::Bytes(b"hello".to_vec())],
                b"more" => vec![Input::Bytes(b"12345678".to_vec())],
                _ => vec![Input::Closed],
            }))
        });
        let mut stream = Stream::open("tcp://a:1", 8).unwrap();
        assert_eq!(stream.fill(Duration::ZERO), Ok(true));
        stream.take(3);
        assert_eq!(stream.fill(Duration::ZERO), Ok(false));
        assert_eq!(stream.bytes(), b"lo");
        stream.write(b"more").unwrap();
        assert_eq!(stream.fill(Duration::ZERO), Ok(true));
        assert_eq!(stream.bytes(), b"lo123456");
        assert_eq!(stream.fill(Duration::ZERO).unwrap_err().code(), "message-too-large");
        stream.take(8);
        stream.write(b"bye").unwrap();
        assert_eq!(stream.fill(Duration::ZERO), Ok(true));
        let error = stream.fill(Duration::ZERO).unwrap_err();
        assert_eq!((error.class(), error.code()), (&Class::Unavailable, "disconnected"));
    }
}
