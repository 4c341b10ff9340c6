//! The dispatcher: the port over all drivers.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use artifact::{ArtifactError, Artifacts, ByteStream, Context, Entry, Loaded, Saved};
use async_trait::async_trait;
use egress::{Client, EgressError, Guard, TlsSettings};
use futures::stream::{StreamExt, TryStreamExt};
use model::workflow::Artifact;
use tokio::task;

use crate::archive::{self, Packing, Source, Unpacking};
use crate::breaker::Breakers;
use crate::bridge::{self, Chunks};
use crate::cloud::Clouds;
use crate::config::Config;
use crate::directory::Directory;
use crate::driver::Size;
use crate::failure::Failure;
use crate::http::Tokens;
use crate::mode;
use crate::place::{Place, shown};
use crate::s3::Clients;
use crate::tap::Tap;
use crate::tree;

/// All artifact drivers of a server.
pub struct Drivers {
    pub(crate) config: Config,
    pub(crate) guard: Guard,
    pub(crate) directory: Directory,
    pub(crate) http: Client,
    pub(crate) s3: Clients,
    pub(crate) clouds: Clouds,
    pub(crate) tokens: Tokens,
    pub(crate) breakers: Breakers,
    /// What git over ssh starts; a test puts another program here.
    pub(crate) ssh_program: String,
}

/// Why drivers cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum DriversError {
    /// The folder of the default repository.
    #[error("the folder {} cannot be used for artifacts: {source}", .folder.display())]
    Directory {
        /// Which.
        folder: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The client of all connections.
    #[error("no client for artifacts: {0}")]
    Client(#[from] EgressError),
}

impl Drivers {
    /// The drivers of a configuration. Makes the folder of the default repository if it is not there.
    ///
    /// # Errors
    /// The folder cannot be made or opened.
    pub fn new(config: Config, guard: Guard) -> Result<Self, DriversError> {
        let open = Directory::open(&config.directory);
        let directory = open.map_err(|source| DriversError::Directory { folder: config.directory.clone(), source })?;
        let http = Client::new(guard.clone(), &TlsSettings::default())?;
        let s3 = Clients::new(http.clone(), config.ambient_credentials.clone(), config.retry)?;
        let clouds =
            Clouds::new(http.clone(), config.ambient_credentials.clone(), config.gcs_endpoint.clone(), config.retry)?;
        Ok(Self {
            directory,
            http,
            s3,
            clouds,
            tokens: Tokens::default(),
            breakers: Breakers::default(),
            ssh_program: "ssh".to_owned(),
            config,
            guard,
        })
    }

    /// Repositories that did not answer once (driver and host), and whether they do not now.
    pub fn circuits(&self) -> Vec<(String, bool)> {
        self.breakers.seen()
    }

    async fn load_once(&self, context: &Context, artifact: &Artifact, destination: &Path) -> Result<Loaded, Failure> {
        if let Some(git) = &artifact.location.git {
            return self.checkout(context, artifact, git, destination).await;
        }
        let place = self.place(context, artifact).await?;
        let loaded = match self.load_object(&place, artifact, destination).await? {
            Some(loaded) => loaded,
            None => self.load_folder(&place, destination).await?,
        };
        Ok(loaded)
    }

    /// Loads the one object under the key; nothing when there is none but there may be a folder.
    async fn load_object(
        &self,
        place: &Place,
        artifact: &Artifact,
        destination: &Path,
    ) -> Result<Option<Loaded>, Failure> {
        if place.folder && place.driver.has_folders() {
            return Ok(None);
        }
        let content = match place.driver.get(&place.key).await {
            Ok(content) => content,
            Err(failure) if failure.class == artifact::ErrorClass::NotFound && place.driver.has_folders() => {
                return Ok(None);
            }
            Err(failure) => return Err(failure),
        };
        let (tap, content) = Tap::on(content);
        let unpacking = Unpacking::of(artifact.archive.as_deref());
        let (to, limits) = (destination.to_owned(), self.config.unpack.clone());
        let directory = bridge::consume(content, move |reader| archive::place(reader, unpacking, &to, &limits)).await?;
        Ok(Some(Loaded { bytes: tap.bytes(), directory }))
    }

    async fn load_folder(&self, place: &Place, destination: &Path) -> Result<Loaded, Failure> {
        let scratch = archive::scratch(destination)?;
        let tree = scratch.path().join("tree");
        let Some(bytes) = tree::load(place, &tree, &self.config.unpack).await? else {
            return Err(Failure::not_found("there is no such object, and nothing below its key"));
        };
        let directory = archive::publish(&tree, destination)?;
        Ok(Loaded { bytes, directory })
    }

    async fn save_once(&self, context: &Context, artifact: &Artifact, source: &Path) -> Result<Saved, Failure> {
        let place = self.place(context, artifact).await?;
        let packing = Packing::of(artifact.archive.as_deref())?;
        let path = source.to_owned();
        let (source, size) = task::spawn_blocking(move || open_source(&path, packing)).await.map_err(ended_early)??;
        match source {
            (Source::Folder(root), _) if packing == Packing::None => {
                not_empty(&place)?;
                if !place.driver.has_folders() {
                    return Err(Failure::permanent(
                        "it is a folder, and only one file can be stored here: choose an archive, tar or zip",
                    ));
                }
                tree::save(&place, root).await
            }
            (source, name) => {
                not_empty(&place)?;
                let packed = bridge::produce(move |out| archive::pack(source, &name, packing, out));
                let (tap, content) = Tap::on(packed);
                place.driver.put(&place.key, content, size).await?;
                Ok(tap.saved())
            }
        }
    }

    async fn open_once(&self, context: &Context, artifact: &Artifact) -> Result<Chunks, Failure> {
        let place = self.place(context, artifact).await?;
        match place.driver.get(&place.key).await {
            Err(failure) if failure.class == artifact::ErrorClass::NotFound && place.driver.has_folders() => {
                match place.driver.below(&place.key).await?.try_next().await? {
                    Some(_) => {
                        Err(Failure::permanent("it is a folder of objects: list it and open one of them (subPath)"))
                    }
                    None => Err(failure),
                }
            }
            other => other,
        }
    }

    async fn list_once(&self, context: &Context, artifact: &Artifact, limit: usize) -> Result<Vec<Entry>, Failure> {
        let place = self.place(context, artifact).await?;
        let objects = place.driver.below(&place.key).await?;
        let objects =
            objects.try_filter(|entry| std::future::ready(!entry.path.is_empty() && !entry.path.ends_with('/')));
        objects.take(limit).try_collect().await
    }

    async fn delete_once(&self, context: &Context, artifact: &Artifact) -> Result<(), Failure> {
        let place = self.place(context, artifact).await?;
        not_empty(&place)?;
        place.driver.delete(&place.key).await
    }
}

/// An empty key is the whole bucket: nothing is stored there, and nothing is deleted by it.
fn not_empty(place: &Place) -> Result<(), Failure> {
    if place.key.is_empty() && place.driver.has_folders() {
        return Err(Failure::permanent("the key is empty: it would be the whole bucket"));
    }
    Ok(())
}

fn ended_early(error: task::JoinError) -> Failure {
    Failure::permanent("the work on a blocking thread ended early").because(error)
}

/// Opens what is to be saved, and says how large it can become.
fn open_source(path: &Path, packing: Packing) -> Result<((Source, std::ffi::OsString), Size), Failure> {
    let source = Source::open(path)?;
    let name = path.file_name().unwrap_or(OsStr::new("artifact")).to_owned();
    let (bytes, items) = match (&source, packing) {
        (Source::Folder(_), Packing::None) => (0, 0),
        _ => archive::measure(&source)?,
    };
    let size = match packing {
        Packing::None => Size { exact: Some(bytes), at_most: Some(bytes) },
        // Deflate grows what it cannot shrink by 5 bytes each 32 KiB; an entry's headers, with a long name, stay below 10 KiB.
        _ => Size { exact: None, at_most: Some(bytes + bytes / 4096 + (items + 2) * (10 << 10)) },
    };
    Ok(((source, name), size))
}

#[async_trait]
impl Artifacts for Drivers {
    async fn load(&self, context: &Context, artifact: &Artifact, destination: &Path) -> Result<Loaded, ArtifactError> {
        let named = |failure: Failure| failure.of(&artifact.name, "load", &shown(artifact));
        let mode = artifact.mode.map(mode::bits).transpose().map_err(named)?;
        let loaded = self
            .config
            .retry
            .run_at("load", &self.breakers.of(artifact), || self.load_once(context, artifact, destination))
            .await
            .map_err(named)?;
        if let Some(mode) = mode {
            let (path, recurse): (PathBuf, bool) = (destination.to_owned(), artifact.recurse_mode);
            task::spawn_blocking(move || mode::apply(&path, mode, recurse))
                .await
                .map_err(ended_early)
                .and_then(|set| set)
                .map_err(named)?;
        }
        Ok(loaded)
    }

    async fn save(&self, context: &Context, artifact: &Artifact, source: &Path) -> Result<Saved, ArtifactError> {
        let saved = self
            .config
            .retry
            .run_at("save", &self.breakers.of(artifact), || self.save_once(context, artifact, source))
            .await;
        saved.map_err(|failure| failure.of(&artifact.name, "save", &shown(artifact)))
    }

    async fn open(&self, context: &Context, artifact: &Artifact) -> Result<ByteStream, ArtifactError> {
        let (name, location) = (artifact.name.clone(), shown(artifact));
        let opened =
            self.config.retry.run_at("open", &self.breakers.of(artifact), || self.open_once(context, artifact)).await;
        let content = opened.map_err(|failure| failure.of(&name, "open", &location))?;
        Ok(content.map_err(move |failure| failure.of(&name, "open", &location)).boxed())
    }

    async fn put(&self, context: &Context, artifact: &Artifact, content: ByteStream) -> Result<Saved, ArtifactError> {
        let named = |failure: Failure| failure.of(&artifact.name, "put", &shown(artifact));
        let place = self.place(context, artifact).await.map_err(named)?;
        not_empty(&place).map_err(named)?;
        let (tap, content) = Tap::on(content.map_err(Failure::from).boxed());
        place.driver.put(&place.key, content, Size::default()).await.map_err(named)?;
        Ok(tap.saved())
    }

    async fn list(&self, context: &Context, artifact: &Artifact, limit: usize) -> Result<Vec<Entry>, ArtifactError> {
        let listed = self
            .config
            .retry
            .run_at("list", &self.breakers.of(artifact), || self.list_once(context, artifact, limit))
            .await;
        listed.map_err(|failure| failure.of(&artifact.name, "list", &shown(artifact)))
    }

    async fn delete(&self, context: &Context, artifact: &Artifact) -> Result<(), ArtifactError> {
        let deleted = self
            .config
            .retry
            .run_at("delete", &self.breakers.of(artifact), || self.delete_once(context, artifact))
            .await;
        deleted.map_err(|failure| failure.of(&artifact.name, "delete", &shown(artifact)))
    }
}
