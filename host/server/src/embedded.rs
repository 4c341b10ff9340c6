//! A server within another program: `colchis run`, `colchis test`, end-to-end tests.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use cli::host::Target;
use runner_local::{ImageStore, ImagesMode};

use crate::config::{Config, RunnerKind};
use crate::run_folder::{self, RunFolder};
use crate::wiring::{Ground, Server};

/// How long stopping waits for calls: they are this program's own.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// Tries to remove a temporary folder, and the pause between two.
const REMOVE_TRIES: u32 = 50;
const REMOVE_PAUSE: Duration = Duration::from_millis(20);

/// Where it keeps its data.
#[derive(Debug, Clone, Default)]
pub struct EmbeddedOptions {
    /// A folder; a temporary one when absent.
    pub data_dir: Option<PathBuf>,
    /// Leave a temporary folder behind.
    pub keep: bool,
}

/// A server in this process, on loopback and any free port.
pub struct Embedded {
    server: Server,
    folder: Folder,
    timeout: Duration,
    namespace: String,
    announcements: Vec<String>,
}

enum Folder {
    Named(PathBuf),
    Temporary(RunFolder),
}

impl Folder {
    fn path(&self) -> &Path {
        match self {
            Self::Named(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}

impl Embedded {
    /// Starts it with a configuration, of which address and metrics page are left aside.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub async fn start(mut config: Config, options: EmbeddedOptions, ground: Ground) -> anyhow::Result<Self> {
        let folder = match options.data_dir {
            Some(path) => Folder::Named(path),
            None => Folder::Temporary(RunFolder::make(options.keep).context("no temporary folder can be made")?),
        };
        let on_machine = matches!(ground, Ground::Machine);
        if on_machine {
            run_folder::remove_forgotten();
        }
        // Artifacts lie in the folder unless they were sent elsewhere.
        if config.artifacts.directory.starts_with(&config.data_dir)
            && let Ok(inner) = config.artifacts.directory.strip_prefix(&config.data_dir)
        {
            config.artifacts.directory = folder.path().join(inner);
        }
        let images = on_machine && config.runner != RunnerKind::Virtual && config.local.images != ImagesMode::Host;
        if images && matches!(folder, Folder::Temporary(_)) && ImageStore::open(&config.data_dir, &[]).is_ok() {
            // Images outlast a run: those of `colchis image` are there, and one that is pulled is pulled once.
            config.local.image_store = Some(config.data_dir.clone());
        }
        // Nobody will open the folder again to see how a step went on.
        config.local.tied = matches!(folder, Folder::Temporary(_)) && !options.keep;
        config.data_dir = folder.path().to_owned();
        config.listen = ([127, 0, 0, 1], 0).into();
        config.tls = None;
        config.metrics_listen = None;
        config.stop_grace = STOP_GRACE;
        let (timeout, namespace) = (config.client.timeout, config.client.namespace.clone());
        let server = Server::start(&config, ground).await?;
        let announcements = if on_machine { announce(&config, &server).await } else { Vec::new() };
        Ok(Self { server, folder, timeout, namespace: namespace.unwrap_or(config.default_namespace), announcements })
    }

    /// Its address and the administrator's token.
    pub fn reach(&self) -> Target {
        Target {
            address: self.server.address(),
            token: Some(self.server.token().to_owned()),
            namespace: self.namespace.clone(),
            timeout: self.timeout,
            ..Target::default()
        }
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Stops it, and removes a temporary folder that is not kept.
    ///
    /// # Errors
    /// It broke while it ended, or the folder cannot be removed.
    pub async fn shut_down(self) -> anyhow::Result<()> {
        self.server.stop().await?;
        if let Folder::Temporary(folder) = self.folder
            && let Some((path, _lock)) = folder.leave()
        {
            remove(&path).await.with_context(|| format!("{} cannot be removed", path.display()))?;
        }
        Ok(())
    }
}

/// Removes the folder. What ended last may still be tidying up in it.
async fn remove(path: &Path) -> std::io::Result<()> {
    let mut tries = 0;
    loop {
        let at = path.to_owned();
        let removed = tokio::task::spawn_blocking(move || runner_local::remove_all(&at)).await?;
        tries += 1;
        if removed.is_ok() || tries >= REMOVE_TRIES {
            return removed;
        }
        tokio::time::sleep(REMOVE_PAUSE).await;
    }
}

/// What a person should know before steps run.
async fn announce(config: &Config, server: &Server) -> Vec<String> {
    if config.runner == RunnerKind::Virtual {
        return vec!["steps: virtual; none is run, each succeeds at once".to_owned()];
    }
    let images = match config.local.images {
        ImagesMode::Auto => {
            "auto: a step's image where it can be had, otherwise this machine's own root (read-only, with a private layer)"
        }
        ImagesMode::Pull => "pull: each step's image from its registry",
        ImagesMode::Imported => "imported: images that were imported or pulled before",
        ImagesMode::Host => "host: this machine's own root (read-only, with a private layer); images are not looked at",
    };
    let mut lines = vec![format!("images: {images}")];
    lines.extend(server.notes().await.into_iter().map(|note| format!("steps: {note}")));
    lines
}

#[async_trait]
impl cli::host::Embedded for Embedded {
    fn target(&self) -> Target {
        self.reach()
    }

    fn announcements(&self) -> Vec<String> {
        self.announcements.clone()
    }

    fn data_dir(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    async fn stop(self: Box<Self>) -> anyhow::Result<()> {
        self.shut_down().await
    }
}
