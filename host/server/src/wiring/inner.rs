//! The api over a pipe within this process.
//!
//! Where time is not real, no socket may be waited for: time would jump on while bytes are under way in the kernel. A pipe of tasks has no such moment.

use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::io::DuplexStream;
use tokio_util::sync::CancellationToken;

/// Bytes that may be under way in each direction.
pub(super) const PIPE_BYTES: usize = 1 << 20;

/// Serves the one connection until it is closed or cancelled.
pub(super) async fn serve(router: axum::Router, stream: DuplexStream, stop: CancellationToken) {
    let connection = http2::Builder::new(TokioExecutor::new())
        .max_concurrent_streams(1_024)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::select! {
        () = stop.cancelled() => {}
        ended = connection => if let Err(error) = ended {
            tracing::debug!(%error, "the connection within this process broke");
        }
    }
}
