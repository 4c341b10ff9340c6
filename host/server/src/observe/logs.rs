//! Log lines: for people or for machines, to standard error.

use std::io::IsTerminal;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::config::LogFormat;

/// The filter cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("log.level `{level}` is not a level such as info, or directives such as info,runtime=debug")]
pub struct LevelError {
    /// What was given.
    level: String,
    #[source]
    source: tracing_subscriber::filter::ParseError,
}

/// Begins to log, and hands spans to `traces` where there is one. A process logs in one way only: when something logs already (a test), that stays.
///
/// # Errors
/// The level is not one.
pub fn start(
    format: LogFormat,
    level: &str,
    traces: Option<Box<dyn Layer<Registry> + Send + Sync>>,
) -> Result<(), LevelError> {
    let filter = EnvFilter::try_new(level).map_err(|source| LevelError { level: level.to_owned(), source })?;
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Json => Box::new(layer.json().flatten_event(true).with_filter(filter)),
        LogFormat::Pretty => {
            let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
            Box::new(layer.with_ansi(color).with_target(false).with_filter(filter))
        }
    };
    let mut layers = vec![lines];
    layers.extend(traces);
    // Fails only when a subscriber is set already, which is then used.
    let _ = tracing_subscriber::registry().with(layers).try_init();
    Ok(())
}
