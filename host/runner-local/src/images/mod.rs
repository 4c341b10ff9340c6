//! Images.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::core::PullPolicy;
use runner::Unit;

use crate::plan::Planner;

/// What of an image's configuration matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageConfig {
    /// `Entrypoint`.
    pub entrypoint: Vec<String>,
    /// `Cmd`.
    pub cmd: Vec<String>,
    /// `Env`.
    pub env: Vec<String>,
    /// `WorkingDir`.
    pub working_dir: String,
    /// `User`.
    pub user: String,
    /// `StopSignal`.
    pub stop_signal: String,
}

/// An image ready to be run.
#[derive(Debug, Clone)]
pub(crate) struct RootImage {
    pub digest: String,
    /// Unpacked layers, the topmost first.
    pub layers: Vec<PathBuf>,
    pub config: ImageConfig,
}

/// Why an image cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct ImageError {
    /// For people.
    pub reason: String,
    /// No registry answered.
    pub unreachable: bool,
}

/// The store.
#[derive(Debug)]
pub struct ImageStore {}

impl ImageStore {
    /// Opens.
    pub(crate) fn open(_data_dir: &Path, _insecure: &[String]) -> std::io::Result<Self> {
        Ok(Self {})
    }

    pub(crate) async fn obtain(
        &self,
        _planner: &Planner<'_>,
        _unit: &Unit,
        _image: &str,
        _policy: Option<PullPolicy>,
    ) -> Result<Arc<RootImage>, ImageError> {
        Err(ImageError { reason: "images are not available yet".into(), unreachable: true })
    }
}
