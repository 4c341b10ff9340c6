//! Plugins of this server: what `Plugin` objects say, brought into service.
//!
//! ```text
//!   Plugin object ─► wanted (grants, limits) ─┐
//!   file, registry ► bytes, kept by digest ───┴─► host.load ─► in service ─► status: digest, kinds, missing grants, counts
//!                                                     │ refused: the one before stays, and a condition says why
//! ```

pub(crate) mod blobs;
mod controller;
pub(crate) mod fetching;
mod logs;
mod registry;
mod secrets;
mod signatures;
mod source;
mod state;
mod status;
mod wanted;

use std::path::PathBuf;
use std::sync::Arc;

use plugin_host::{PluginHost, Services, Settings};
pub use signatures::{SignatureMode, SignaturePolicy};
use store::objects::Objects;
use tokio::task::JoinHandle;

/// Where plugins and what is made of them are.
#[derive(Debug, Clone)]
pub struct PluginsConfig {
    /// The folder that `spec.source.file` is in (`plugins.folder`).
    pub folder: PathBuf,
    /// Components that were in service, and what was compiled of them.
    pub cache: PathBuf,
    /// Large values that plugins keep.
    pub blobs: PathBuf,
    /// Instances at once (`plugins.instancesMax`).
    pub instances_max: u32,
    /// Subscriptions at once, beside these (`plugins.subscriptionsMax`).
    pub subscriptions_max: u32,
    /// Programs at once, beside these (`plugins.programsMax`).
    pub programs_max: u32,
    /// Programs that are kept ready (`plugins.programsReadyMax`).
    pub programs_ready_max: u32,
    /// The most memory that a program has (bytes; `plugins.programMemory`).
    pub program_memory_bytes_max: usize,
    /// Folders that plugins may be granted (`plugins.fileFolders`).
    pub file_folders: Vec<PathBuf>,
    /// Whose components are taken (`plugins.signatures`).
    pub signatures: Arc<SignaturePolicy>,
    /// Places that requirements of renderers are fetched from (`plugins.sources`).
    pub sources: Vec<fetch::Source>,
    /// What was fetched.
    pub fetched: PathBuf,
    /// Bytes of it that are kept (`plugins.fetchCacheSize`).
    pub fetched_bytes_max: u64,
}

/// The host, and the task that follows the objects.
pub(crate) struct Plugins {
    pub(crate) host: Arc<PluginHost>,
    task: JoinHandle<()>,
}

impl Plugins {
    /// Starts following. The plugins that there are already are in service a moment later. What `egress` denies is called by
    /// none, and registries are asked by all its rules.
    pub(crate) fn start(config: PluginsConfig, objects: Arc<dyn Objects>, egress: &egress::Config) -> Self {
        let blobs = blobs::FolderBlobs::new(config.blobs.clone());
        if let Err(error) = blobs.clear_half_written() {
            tracing::warn!(%error, "large values of plugins that were not finished stay");
        }
        let services = Services {
            state: Arc::new(state::ObjectState(objects.clone())),
            blobs: Arc::new(blobs.clone()),
            secrets: Arc::new(secrets::ObjectSecrets(objects.clone())),
            logs: Arc::new(logs::Logs::default()),
            resolver: Arc::new(egress::SystemResolver),
            deny: egress.deny.clone(),
            wire: None,
        };
        let settings = Settings {
            cache: Some(config.cache.join("compiled")),
            compiler: Some(PathBuf::from("/proc/self/exe")),
            instances_max: config.instances_max,
            subscriptions_max: config.subscriptions_max,
            programs_max: config.programs_max,
            programs_ready_max: config.programs_ready_max,
            program_memory_bytes_max: config.program_memory_bytes_max,
            ..Settings::default()
        };
        let host = PluginHost::new(settings, services);
        let guard = egress::Guard::new(egress::Policy::new(egress.clone()));
        let controller = controller::Controller::new(config, objects, host.clone(), guard, blobs);
        Self { host, task: tokio::spawn(controller.run()) }
    }

    /// Stops following. Calls under way end with the process.
    pub(crate) fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for Plugins {
    fn drop(&mut self) {
        self.stop();
    }
}
