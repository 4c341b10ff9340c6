//! The small page server beside the API: `/metrics`, `/healthz`, `/readyz`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::exposition::{self, Exposition};

/// Connections at a time; a further one waits to be accepted.
const CONNECTIONS_MAX: usize = 64;
/// A client that does not finish its request's head is cut off.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether the server is ready: set when it serves, taken back when it stops.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Says it.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    /// Asks it.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The pages cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("metrics.listen {address}: cannot listen there")]
pub struct ListenError {
    /// Where.
    pub address: SocketAddr,
    #[source]
    source: std::io::Error,
}

/// Opens the address.
///
/// # Errors
/// It is in use or not of this machine.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|source| ListenError { address, source })
}

/// Serves the pages until it is cancelled.
pub async fn serve(listener: TcpListener, metrics: Exposition, readiness: Readiness, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: others will be closed in a moment.
                tracing::debug!(%error, "a connection to the metrics address was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let (metrics, readiness, stop) = (metrics.clone(), readiness.clone(), stop.clone());
        tokio::spawn(async move {
            let _place = place;
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = answer(request.method(), request.uri().path(), &metrics, &readiness);
                async move { Ok::<_, Infallible>(answer) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                () = stop.cancelled() => {}
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(%error, "a connection to the metrics address broke");
                }
            }
        });
    }
}

fn answer(method: &Method, path: &str, metrics: &Exposition, readiness: &Readiness) -> Response<Full<Bytes>> {
    if method != Method::GET && method != Method::HEAD {
        return page(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "GET only\n".into());
    }
    match path {
        "/metrics" => page(StatusCode::OK, exposition::CONTENT_TYPE, metrics.page()),
        "/healthz" | "/livez" => page(StatusCode::OK, "text/plain", "ok\n".into()),
        "/readyz" if readiness.get() => page(StatusCode::OK, "text/plain", "ok\n".into()),
        "/readyz" => page(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "starting or stopping\n".into()),
        _ => page(StatusCode::NOT_FOUND, "text/plain", "here are /metrics, /healthz and /readyz\n".into()),
    }
}

fn page(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    async fn get(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("{request}\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test]
    async fn pages_are_served_until_stopped() {
        // An address where no other test listens, so that nobody answers in its place once it has stopped.
        let listener = bind(([127, 0, 0, 153], 0).into()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (metrics, readiness, stop) = (Exposition::new(), Readiness::default(), CancellationToken::new());
        metrics.add(super::super::process::part());
        let serving = tokio::spawn(serve(listener, metrics, readiness.clone(), stop.clone()));

        assert!(get(address, "GET /readyz HTTP/1.1").await.starts_with("HTTP/1.1 503"));
        readiness.set(true);
        assert!(get(address, "GET /readyz HTTP/1.1").await.starts_with("HTTP/1.1 200"));
        let page = get(address, "GET /metrics HTTP/1.1").await;
        assert!(page.contains("text/plain; version=0.0.4") && page.contains("process_start_time_seconds "), "{page}");
        assert!(get(address, "POST /metrics HTTP/1.1").await.starts_with("HTTP/1.1 405"));
        assert!(get(address, "GET / HTTP/1.1").await.starts_with("HTTP/1.1 404"));
        assert!(bind(address).await.unwrap_err().to_string().contains("cannot listen there"));

        stop.cancel();
        serving.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}
