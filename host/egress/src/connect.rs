//! Guarded TCP, then TLS where it is asked for; and the connector of the HTTP client made of both.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tower_service::Service;

use crate::error::EgressError;
use crate::guard::{Guard, Target};
use crate::tls::TlsSettings;

/// How long a TLS session may take to come about.
const HANDSHAKE: Duration = Duration::from_secs(15);

/// Makes connections as the guard permits, for protocols of any kind.
#[derive(Clone)]
pub struct Dialer {
    guard: Guard,
    tls: Arc<ClientConfig>,
}

impl Dialer {
    /// A dialer of one guard and one kind of TLS session.
    ///
    /// # Errors
    /// The settings cannot be used.
    pub fn new(guard: Guard, tls: &TlsSettings) -> Result<Self, EgressError> {
        Ok(Self { guard, tls: tls.build()? })
    }

    /// Connects, without TLS.
    ///
    /// # Errors
    /// What the policy refuses, what cannot be reached, what takes too long.
    pub async fn connect(&self, target: &Target) -> Result<TcpStream, EgressError> {
        self.guard.connect(target).await
    }

    /// Goes on with TLS on a connection to a target, whose certificate is to have this name.
    ///
    /// # Errors
    /// The other side has another certificate, speaks no TLS, or takes too long.
    pub async fn secure(
        &self,
        target: &Target,
        name: &str,
        plain: TcpStream,
    ) -> Result<TlsStream<TcpStream>, EgressError> {
        let failed = |source| EgressError::Tls { target: target.to_string(), source };
        let name = ServerName::try_from(name.to_owned())
            .map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidData, error)))?;
        match timeout(HANDSHAKE, TlsConnector::from(self.tls.clone()).connect(name, plain)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(source)) => Err(failed(source)),
            Err(_) => Err(EgressError::TimedOut { target: target.to_string(), what: "TLS session", after: HANDSHAKE }),
        }
    }
}

/// The dialer as the HTTP client wants it.
#[derive(Clone)]
pub(crate) struct Connector(Dialer);

impl Connector {
    /// A connector of one guard and one kind of TLS session.
    pub(crate) fn new(guard: Guard, tls: &TlsSettings) -> Result<Self, EgressError> {
        Dialer::new(guard, tls).map(Self)
    }

    async fn connect(self, uri: Uri) -> Result<Stream, EgressError> {
        let target = Target::of(&uri)?;
        let plain = self.0.connect(&target).await?;
        if !target.is_https() {
            return Ok(Stream::Plain(TokioIo::new(plain)));
        }
        let secured = self.0.secure(&target, target.host(), plain).await?;
        Ok(Stream::Tls(Box::new(TokioIo::new(secured))))
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = EgressError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, EgressError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), EgressError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

/// A connection.
pub(crate) enum Stream {
    /// `http`.
    Plain(TokioIo<TcpStream>),
    /// `https`.
    Tls(Box<TokioIo<TlsStream<TcpStream>>>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl Write for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }
}
