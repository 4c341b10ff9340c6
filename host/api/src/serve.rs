//! Listening: plain on loopback, TLS elsewhere.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

use crate::Api;

/// Concurrent streams' windows: what one slow reader may hold back, and all of a connection (bytes).
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;
/// A request's headers (bytes).
const HEADER_BYTES_MAX: u32 = 16 << 10;

/// How to listen.
pub struct Listen {
    /// Where; already bound, so that the address is known.
    pub listener: TcpListener,
    /// TLS; without it only loopback addresses are served.
    pub tls: Option<ServerTls>,
    /// Serve other addresses without TLS all the same: something in front of the server has it.
    pub plaintext_anywhere: bool,
    /// How long calls may go on after the server was asked to stop.
    pub grace: Duration,
}

/// TLS settings.
#[derive(Clone)]
pub struct ServerTls {
    /// PEM of the certificate chain.
    pub certificate_pem: Vec<u8>,
    /// PEM of its key.
    pub key_pem: Vec<u8>,
    /// PEM of the authorities that clients' certificates must come from; none: clients need none.
    pub client_ca_pem: Option<Vec<u8>>,
}

/// Why the server does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address can be reached from elsewhere, and there is no TLS.
    #[error("{address} can be reached from other machines and has no TLS: tokens would travel in the open")]
    Insecure {
        /// The address.
        address: SocketAddr,
    },
    /// The listener is not usable.
    #[error("the listener cannot be used")]
    Listener(#[source] std::io::Error),
    /// Certificate or key are not usable.
    #[error("the TLS certificate and key cannot be used")]
    Tls(#[source] tonic::transport::Error),
    /// It stopped by itself.
    #[error("the server stopped listening")]
    Transport(#[source] tonic::transport::Error),
}

impl Api {
    /// Serves until `shutdown` is done and the calls under way have ended (streams are told to end; `grace` at most). `beside` answers what the api does
    /// not: `/metrics`, over HTTP/1 too.
    pub async fn serve(
        &self,
        listen: Listen,
        beside: Option<axum::Router>,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), ServeError> {
        let address = listen.listener.local_addr().map_err(ServeError::Listener)?;
        if listen.tls.is_none() && !listen.plaintext_anywhere && !address.ip().is_loopback() {
            return Err(ServeError::Insecure { address });
        }
        let mut server = Server::builder()
            .accept_http1(beside.is_some())
            .max_concurrent_streams(self.limits().streams_per_connection_max)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .http2_max_header_list_size(HEADER_BYTES_MAX)
            .http2_keepalive_interval(Some(Duration::from_secs(30)))
            .http2_keepalive_timeout(Some(Duration::from_secs(20)));
        if let Some(tls) = &listen.tls {
            server = server.tls_config(tls.config()).map_err(ServeError::Tls)?;
        }
        let router = match beside {
            Some(beside) => beside.fallback_service(self.router()),
            None => self.router(),
        };
        let incoming = TcpIncoming::from(listen.listener).with_nodelay(Some(true));
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = server.add_routes(Routes::from(router)).serve_with_incoming_shutdown(incoming, async {
            // Dropped or sent: either way it is time.
            let _ = stopped.await;
        });
        tokio::pin!(serving);
        tokio::select! {
            ended = &mut serving => return ended.map_err(ServeError::Transport),
            () = shutdown => {}
        }
        self.stop().await;
        drop(stop);
        match tokio::time::timeout(listen.grace, serving).await {
            Ok(ended) => ended.map_err(ServeError::Transport),
            // What is still under way is cut.
            Err(_) => Ok(()),
        }
    }
}

impl ServerTls {
    fn config(&self) -> ServerTlsConfig {
        let config = ServerTlsConfig::new().identity(Identity::from_pem(&self.certificate_pem, &self.key_pem));
        match &self.client_ca_pem {
            Some(pem) => config.client_ca_root(Certificate::from_pem(pem)),
            None => config,
        }
    }
}
