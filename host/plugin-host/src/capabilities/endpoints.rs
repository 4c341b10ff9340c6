//! `colchis:plugin/endpoints`: connections by grant, for protocols other than HTTP.

use std::time::{Duration, Instant};

use egress::{EgressError, Target};
use plugin::{Capability, ErrorClass, PluginError};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use wasmtime::component::Resource;

use super::blobs::no_room;
use super::{Answer, told};
use crate::bindings::imports::endpoints;
use crate::grants;
use crate::instance::State;
use crate::vault::Destination;

/// Connections that an instance may have open (`connections_max`).
const CONNECTIONS_MAX: u32 = 16;
/// Bytes that are read at once (`connection_read_bytes_max`).
const READ_BYTES_MAX: u32 = 256 << 10;
/// Bytes of a text with stand-ins (`secret_text_bytes_max`).
const SECRET_BYTES_MAX: usize = 64 << 10;

/// An open connection.
#[allow(unreachable_pub, reason = "bindgen names it")]
pub struct Connection {
    stream: Stream,
    target: Target,
    scheme: &'static str,
}

/// Nothing while TLS begins on it, and after that failed.
enum Stream {
    None,
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Connection {
    fn duplex(&mut self) -> Result<&mut dyn Duplex, PluginError> {
        match &mut self.stream {
            Stream::Plain(stream) => Ok(stream),
            Stream::Tls(stream) => Ok(stream),
            Stream::None => {
                let message = format!("the connection to {} was ended when TLS failed on it", self.target);
                Err(PluginError::new(ErrorClass::Unavailable, "closed", message))
            }
        }
    }

    fn broken(&self, error: &std::io::Error) -> PluginError {
        PluginError::new(ErrorClass::Unavailable, "connection-failed", format!("{}: {error}", self.target))
    }

    async fn read(&mut self, max: u32, wait: Duration) -> Result<endpoints::Input, PluginError> {
        let mut bytes = vec![0; max.clamp(1, READ_BYTES_MAX) as usize];
        let reading = timeout(wait, self.duplex()?.read(&mut bytes)).await;
        match reading {
            Err(_) => Ok(endpoints::Input::Nothing),
            Ok(Ok(0)) => Ok(endpoints::Input::Closed),
            Ok(Ok(count)) => {
                bytes.truncate(count);
                Ok(endpoints::Input::Bytes(bytes))
            }
            // What many servers do instead of a farewell.
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(endpoints::Input::Closed),
            Ok(Err(error)) => Err(self.broken(&error)),
        }
    }

    async fn write(&mut self, bytes: &[u8], within: Duration) -> Result<(), PluginError> {
        let stream = self.duplex()?;
        let writing = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        match timeout(within, writing).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.broken(&error)),
            Err(_) => Err(self.broken(&std::io::Error::new(std::io::ErrorKind::TimedOut, "it takes no more bytes"))),
        }
    }
}

/// `tcp` or `tls`, and where to.
fn target(address: &str) -> Result<(&'static str, Target), PluginError> {
    let wrong = |why: &str| {
        let message = format!("{address:?} is no endpoint: {why} (expected tcp://host:port or tls://host:port)");
        PluginError::new(ErrorClass::InvalidConfig, "bad-address", message)
    };
    let (scheme, rest) = address.split_once("://").ok_or_else(|| wrong("it has no scheme"))?;
    let scheme = match scheme {
        "tcp" => "tcp",
        "tls" => "tls",
        _ => return Err(wrong("its scheme is another")),
    };
    if rest.contains(['/', '@', '?', '#', ' ']) {
        return Err(wrong("there is more than host and port"));
    }
    let (host, port) = rest.rsplit_once(':').ok_or_else(|| wrong("it has no port"))?;
    if host.is_empty() || (host.contains(':') && !host.starts_with('[')) {
        return Err(wrong("it has no host, or an IPv6 address without brackets"));
    }
    let port = port.parse().map_err(|_| wrong("its port is no number"))?;
    Ok((scheme, Target::new(Some(scheme), host, port)))
}

impl State {
    /// How long the call may still take.
    fn left(&self) -> Duration {
        self.call.ends.saturating_duration_since(Instant::now())
    }

    async fn connect(&mut self, address: &str) -> Result<Resource<Connection>, PluginError> {
        let (scheme, target) = target(address)?;
        let (shared, left) = (self.shared.clone(), self.left());
        let name = &shared.name;
        let Some((grant, way)) = shared.dialer_for(scheme, target.host(), target.port()) else {
            let hint = grants::hint_for(name, &Capability::Endpoint(target.to_string()));
            return Err(PluginError::denied(format!("the plugin {name} may not connect to {target}"), hint));
        };
        if self.connections >= CONNECTIONS_MAX {
            let message = format!("an instance may have connections_max ({CONNECTIONS_MAX}) connections open");
            return Err(PluginError::new(ErrorClass::Permanent, "too-many", message));
        }
        let dialer = way.open(&*shared.services.secrets).await?;
        let opening = async {
            let plain = dialer.connect(&target).await?;
            Ok(match scheme {
                "tls" => Stream::Tls(Box::new(dialer.secure(&target, target.host(), plain).await?)),
                _ => Stream::Plain(plain),
            })
        };
        let cancelled = self.call.context.cancel.clone();
        let opened = tokio::select! {
            () = cancelled.cancelled() => Err(EgressError::TimedOut { target: target.to_string(), what: "connection", after: left }),
            opened = timeout(left, opening) => opened.unwrap_or_else(|_| {
                Err(EgressError::TimedOut { target: target.to_string(), what: "connection", after: left })
            }),
        };
        let private = serde_json::json!({"address": target.to_string(), "private": true, "insecure": grant.insecure});
        let stream = opened.map_err(|error| failure(&error, name, &private))?;
        let connection = self.table.push(Connection { stream, target, scheme }).map_err(|error| no_room(&error))?;
        self.connections += 1;
        Ok(connection)
    }

    async fn write_with_secrets(&mut self, connection: &Resource<Connection>, text: &str) -> Result<(), PluginError> {
        if text.len() > SECRET_BYTES_MAX {
            let message =
                format!("the text has {} bytes, more than secret_text_bytes_max ({SECRET_BYTES_MAX})", text.len());
            return Err(PluginError::new(ErrorClass::Permanent, "too-large", message));
        }
        let (shared, vault, left) = (self.shared.clone(), self.vault().clone(), self.left());
        let connection = self.table.get_mut(connection).map_err(|error| no_room(&error))?;
        let to =
            Destination { scheme: connection.scheme, host: connection.target.host(), port: connection.target.port() };
        let filled = vault.expand(&shared, text.as_bytes(), to).await?;
        connection.write(&filled, left).await
    }

    async fn secure(&mut self, connection: &Resource<Connection>, name: Option<String>) -> Result<(), PluginError> {
        let shared = self.shared.clone();
        let connection = self.table.get_mut(connection).map_err(|error| no_room(&error))?;
        let target = connection.target.clone();
        let plain = match std::mem::replace(&mut connection.stream, Stream::None) {
            Stream::Plain(plain) => plain,
            other => {
                connection.stream = other;
                let message = format!("there is TLS already on the connection to {target}");
                return Err(PluginError::new(ErrorClass::Permanent, "tls-already", message));
            }
        };
        let Some((grant, way)) = shared.dialer_for(connection.scheme, target.host(), target.port()) else {
            let hint = grants::hint_for(&shared.name, &Capability::Endpoint(target.to_string()));
            return Err(PluginError::denied(format!("the plugin {} may not connect to {target}", shared.name), hint));
        };
        let private = serde_json::json!({"address": target.to_string(), "private": true, "insecure": grant.insecure});
        let name = name.as_deref().unwrap_or(target.host());
        let secured = way.open(&*shared.services.secrets).await?.secure(&target, name, plain).await;
        let stream = secured.map_err(|error| failure(&error, &shared.name, &private))?;
        connection.stream = Stream::Tls(Box::new(stream));
        Ok(())
    }
}

/// In the classes of plugins.
fn failure(error: &EgressError, plugin: &str, private: &serde_json::Value) -> PluginError {
    match error {
        EgressError::Refused { .. } => {
            let hint = grants::hint(plugin, &format!("endpoints: [{private}]"));
            PluginError::denied(error.to_string(), hint)
        }
        EgressError::Tls { .. } => PluginError::new(ErrorClass::Unavailable, "tls-failed", error.to_string()),
        _ => PluginError::new(ErrorClass::Unavailable, "not-reached", error.to_string()),
    }
}

impl endpoints::Host for State {
    async fn open(&mut self, address: String) -> Answer<Resource<Connection>> {
        self.host_call()?;
        let opened = self.connect(&address).await;
        if let Err(error) = &opened {
            error.hints.iter().for_each(|hint| self.refuse(hint.clone()));
        }
        Ok(opened.map_err(told))
    }
}

impl endpoints::HostConnection for State {
    async fn read(&mut self, connection: Resource<Connection>, max: u32, wait: u64) -> Answer<endpoints::Input> {
        self.host_call()?;
        let wait = Duration::from_millis(wait).min(self.left());
        let cancelled = self.call.context.cancel.clone();
        let connection = self.table.get_mut(&connection)?;
        tokio::select! {
            biased;
            read = connection.read(max, wait) => Ok(read.map_err(told)),
            () = cancelled.cancelled() => Ok(Ok(endpoints::Input::Nothing)),
        }
    }

    async fn write(&mut self, connection: Resource<Connection>, bytes: Vec<u8>) -> Answer<()> {
        self.host_call()?;
        let left = self.left();
        Ok(self.table.get_mut(&connection)?.write(&bytes, left).await.map_err(told))
    }

    async fn write_secret(&mut self, connection: Resource<Connection>, text: String) -> Answer<()> {
        self.host_call()?;
        Ok(self.write_with_secrets(&connection, &text).await.map_err(told))
    }

    async fn start_tls(&mut self, connection: Resource<Connection>, server_name: Option<String>) -> Answer<()> {
        self.host_call()?;
        Ok(self.secure(&connection, server_name).await.map_err(told))
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        self.connections = self.connections.saturating_sub(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_scheme_host_and_port() {
        for (address, expect) in [
            ("tcp://nats.example.com:4222", Some("tcp://nats.example.com:4222")),
            ("tls://[::1]:8883", Some("tls://[::1]:8883")),
            ("tls://Broker.Example.com.:8883", Some("tls://broker.example.com:8883")),
            ("http://a:80", None),
            ("a:80", None),
            ("tcp://a", None),
            ("tcp://:80", None),
            ("tcp://a:b", None),
            ("tcp://::1:80", None),
            ("tcp://user@a:80", None),
            ("tcp://a:80/x", None),
            ("tcp://a:99999", None),
        ] {
            let found = target(address);
            assert_eq!(found.as_ref().ok().map(|(_, target)| target.to_string()).as_deref(), expect, "{address}");
            assert!(found.is_ok() || found.is_err_and(|error| error.class == ErrorClass::InvalidConfig));
        }
    }
}
