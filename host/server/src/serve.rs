//! `colchis server`: start, say so, wait for a signal, stop.

use anyhow::Context as _;
use cli::error::Exit;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::Config;
use crate::observe::logs;
use crate::observe::traces::Traces;
use crate::wiring::{Ground, Server};

/// Runs until TERM or INT comes, or the listener breaks.
pub(crate) async fn serve(config: &Config) -> anyhow::Result<Exit> {
    let begun = std::time::Instant::now();
    let (traces, layer) = match &config.otlp {
        Some(otlp) => {
            let (traces, layer) = Traces::start(otlp)?;
            (Some(traces), Some(layer))
        }
        None => (None, None),
    };
    logs::start(config.log_format, &config.log_level, layer)?;
    // Before the server is ready: a signal that comes at once must find somebody.
    let mut term = signal(SignalKind::terminate()).context("signals cannot be received")?;
    let mut int = signal(SignalKind::interrupt()).context("signals cannot be received")?;

    let mut server = Server::start(config, Ground::Machine).await?;
    let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(
        address = server.address(),
        metrics = server.metrics_address().map(tracing::field::display),
        data_dir = %config.data_dir.display(),
        version = env!("CARGO_PKG_VERSION"),
        took_ms,
        "ready"
    );
    let why = tokio::select! {
        _ = term.recv() => "TERM",
        _ = int.recv() => "INT",
        broken = server.broken() => {
            broken?;
            "its listener ended"
        }
    };
    tracing::info!(why, "stopping; steps that run go on and are taken up by the next start");
    // Whoever asks again does not want to wait.
    let stopped = tokio::select! {
        stopped = server.stop() => stopped,
        _ = term.recv() => Ok(()),
        _ = int.recv() => Ok(()),
    };
    if let Some(traces) = traces {
        tokio::task::spawn_blocking(move || traces.stop()).await?;
    }
    stopped?;
    tracing::info!("stopped");
    Ok(Exit::Done)
}
