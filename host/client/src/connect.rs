//! Reaching the server.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};

use crate::error::ClientError;
use crate::retry::Retry;

/// The largest message taken from a server (bytes). Larger documents come in chunks.
pub(crate) const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// How to reach a server.
#[derive(Debug, Clone)]
pub struct Options {
    /// `http://127.0.0.1:2746`, `https://colchis.example.com`; without a scheme, `http` for loopback addresses and `https` otherwise.
    pub address: String,
    /// Who is asking.
    pub token: Option<Token>,
    /// For `https`.
    pub tls: Tls,
    /// How long to try to connect.
    pub connect_timeout: Duration,
    /// The deadline of calls that answer once; streams and waits have none.
    pub call_timeout: Option<Duration>,
    /// What to do when the server is away.
    pub retry: Retry,
    /// The program, for the server's log: `colchis/0.1.0`.
    pub user_agent: String,
}

impl Options {
    /// The defaults for an address.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            token: None,
            tls: Tls::default(),
            connect_timeout: Duration::from_secs(5),
            call_timeout: Some(Duration::from_secs(30)),
            retry: Retry::default(),
            user_agent: concat!("colchis-client/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    /// With a token.
    #[must_use]
    pub fn with_token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(Token(token.into()));
        self
    }
}

/// A bearer token; its Debug text does not show it.
#[derive(Clone)]
pub struct Token(pub String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// TLS settings.
#[derive(Clone, Default)]
pub struct Tls {
    /// PEM of the authorities to trust instead of the machine's own.
    pub ca_pem: Option<Vec<u8>>,
    /// PEM of the client's certificate and key.
    pub identity_pem: Option<(Vec<u8>, Vec<u8>)>,
    /// The name that the server's certificate must have, when it is not the address's.
    pub server_name: Option<String>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("ca_pem", &self.ca_pem.is_some())
            .field("identity_pem", &self.identity_pem.is_some())
            .field("server_name", &self.server_name)
            .finish()
    }
}

pub(crate) type Transport = InterceptedService<Channel, Bearer>;

/// A connection to a server; cheap to clone, all clones share it.
#[derive(Clone)]
pub struct Client {
    pub(crate) transport: Transport,
    pub(crate) retry: Retry,
    pub(crate) call_timeout: Option<Duration>,
    address: String,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Client {
    /// Connects. Fails at once with [`ClientError::Connect`] when nobody answers.
    pub async fn connect(options: Options) -> Result<Self, ClientError> {
        let endpoint = endpoint(&options)?;
        let channel = endpoint
            .connect()
            .await
            .map_err(|source| ClientError::Connect { address: options.address.clone(), source: Box::new(source) })?;
        Self::over(channel, options)
    }

    /// Talks over a stream that is open already, to a server of the same process; when it breaks there is no other.
    pub async fn connect_over<S>(stream: S, options: Options) -> Result<Self, ClientError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let once = Once(Arc::new(Mutex::new(Some(stream))));
        let channel = endpoint(&options)?
            .connect_with_connector(once)
            .await
            .map_err(|source| ClientError::Connect { address: options.address.clone(), source: Box::new(source) })?;
        Self::over(channel, options)
    }

    /// Connects with the first call. Needs a Tokio runtime around it.
    pub fn connect_lazy(options: Options) -> Result<Self, ClientError> {
        let channel = endpoint(&options)?.connect_lazy();
        Self::over(channel, options)
    }

    fn over(channel: Channel, options: Options) -> Result<Self, ClientError> {
        let bearer = Bearer::new(options.token.as_ref())?;
        Ok(Self {
            transport: InterceptedService::new(channel, bearer),
            retry: options.retry,
            call_timeout: options.call_timeout,
            address: options.address,
        })
    }

    /// The address as it was given.
    pub fn address(&self) -> &str {
        &self.address
    }
}

fn endpoint(options: &Options) -> Result<Endpoint, ClientError> {
    let bad = |reason: String| ClientError::Address { address: options.address.clone(), reason };
    let address = with_scheme(&options.address);
    let mut endpoint = Endpoint::from_shared(address.clone())
        .and_then(|endpoint| endpoint.user_agent(options.user_agent.clone()))
        .map_err(|_| bad("it is no URL; expected http://HOST:PORT or https://HOST[:PORT]".to_owned()))?;
    if endpoint.uri().host().is_none() {
        return Err(bad("it names no host; expected http://HOST:PORT or https://HOST[:PORT]".to_owned()));
    }
    if address.starts_with("https://") {
        let mut tls = ClientTlsConfig::new().with_enabled_roots();
        if let Some(pem) = &options.tls.ca_pem {
            tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem));
        }
        if let Some((certificate, key)) = &options.tls.identity_pem {
            tls = tls.identity(Identity::from_pem(certificate, key));
        }
        if let Some(name) = &options.tls.server_name {
            tls = tls.domain_name(name);
        }
        endpoint = endpoint.tls_config(tls).map_err(|source| ClientError::Tls { source: Box::new(source) })?;
    }
    Ok(endpoint
        .connect_timeout(options.connect_timeout)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20))
        .initial_stream_window_size(Some(1 << 20))
        .initial_connection_window_size(Some(4 << 20)))
}

fn with_scheme(address: &str) -> String {
    if address.contains("://") {
        return address.to_owned();
    }
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
    let loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    format!("{}://{address}", if loopback { "http" } else { "https" })
}

/// Connects once, by handing out the stream it has.
struct Once<S>(Arc<Mutex<Option<S>>>);

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> tower_service::Service<http::Uri> for Once<S> {
    type Response = TokioIo<S>;
    type Error = std::io::Error;
    type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Uri) -> Self::Future {
        let stream = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        std::future::ready(stream.map(TokioIo::new).ok_or_else(|| std::io::ErrorKind::NotConnected.into()))
    }
}

/// Adds the token to each request.
#[derive(Clone)]
pub(crate) struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    fn new(token: Option<&Token>) -> Result<Self, ClientError> {
        let value = token.map(|token| format!("Bearer {}", token.0.trim()).parse::<MetadataValue<Ascii>>()).transpose();
        let mut value = value.map_err(|_| ClientError::Token)?;
        if let Some(value) = &mut value {
            value.set_sensitive(true);
        }
        Ok(Self(value))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_get_the_safe_scheme() {
        for (given, expected) in [
            ("127.0.0.1:2746", "http://127.0.0.1:2746"),
            ("localhost:1", "http://localhost:1"),
            ("[::1]:2746", "http://[::1]:2746"),
            ("colchis.example.com", "https://colchis.example.com"),
            ("10.0.0.1:2746", "https://10.0.0.1:2746"),
            ("http://10.0.0.1:2746", "http://10.0.0.1:2746"),
        ] {
            assert_eq!(with_scheme(given), expected);
        }
    }

    #[test]
    fn a_token_is_not_in_debug_texts() {
        let options = Options::new("localhost:1").with_token("s3cret");
        assert!(!format!("{options:?}").contains("s3cret"));
    }

    #[tokio::test]
    async fn a_bad_address_and_a_bad_token_are_told_apart() {
        let error = Client::connect(Options::new("http://")).await.unwrap_err();
        assert!(matches!(error, ClientError::Address { .. }), "{error}");
        let error = Client::connect_lazy(Options::new("localhost:1").with_token("a\nb")).unwrap_err();
        assert!(matches!(error, ClientError::Token), "{error}");
        let error = Client::connect(Options::new("127.0.0.1:1")).await.unwrap_err();
        assert!(matches!(error, ClientError::Connect { .. }), "{error}");
    }
}
