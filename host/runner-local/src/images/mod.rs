//! Images: an OCI store of our own, content-addressed, each layer unpacked once.
//!
//! ```text
//!   <data>/images/refs/<sha of the name>.json      name → manifest digest, layers, configuration
//!                /layers/<diff id>/                an unpacked layer, shared by all images that have it; or a component
//!                /tmp/                             downloads and layers being unpacked
//!                /LOCK                             held, shared, by whoever may run steps on the layers
//! ```
//!
//! A layer appears under its name only after its whole content has been checked against its digest. The compressed blobs are
//! not kept. Runs use the digest that was recorded when the image was pulled or imported.

mod archive;
mod component;
mod registry;
mod unpack;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use model::core::PullPolicy;
use oci_client::Reference;
use runner::Unit;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use crate::plan::Planner;
use crate::settings::ImagesMode;
pub(crate) use component::Component;
pub use registry::Credentials;

/// Layers of one image.
pub(crate) const LAYERS_MAX: usize = 256;
const LOCK: &str = "LOCK";
/// A registry that did not answer is not asked again for so long.
const UNREACHABLE_FOR: Duration = Duration::from_secs(30);

/// What of an image's configuration matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// An image in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// Its whole name: `docker.io/library/alpine:latest`.
    pub reference: String,
    /// Digest of its manifest.
    pub digest: String,
    /// Digests of its layers' content, the lowest first.
    pub layers: Vec<String>,
    /// Bytes of its unpacked layers.
    pub bytes: u64,
    /// When it was pulled or imported (milliseconds since the epoch).
    pub added_ms: i64,
    /// `linux/amd64`; `wasi/wasm` of a component of WebAssembly.
    pub platform: String,
    /// What a container takes from it.
    pub config: ImageConfig,
    /// Its one layer is a component of WebAssembly, and no part of a root.
    #[serde(default)]
    pub component: bool,
}

/// An image ready to be run.
#[derive(Debug, Clone)]
pub(crate) struct RootImage {
    pub digest: String,
    /// Unpacked layers, the topmost first; at the bottom the folders that every container needs.
    pub layers: Vec<PathBuf>,
    pub config: ImageConfig,
    /// Set when it is no root at all, but a component of WebAssembly.
    pub component: Option<Component>,
}

/// Why an image cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct ImageError {
    /// For people: what failed and what to do.
    pub reason: String,
    /// No registry answered: it may be there later, or elsewhere.
    pub unreachable: bool,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ImageError {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), unreachable: false, source: None }
    }

    fn io(what: impl Into<String>, e: io::Error) -> Self {
        Self { reason: format!("{}: {e}", what.into()), unreachable: false, source: Some(Box::new(e)) }
    }
}

/// Names of images that are remembered with what they mean.
const NAMES_MAX: usize = 1024;

/// The store.
#[derive(Debug)]
pub struct ImageStore {
    dir: PathBuf,
    lock: fs::File,
    insecure: Vec<String>,
    guard: Option<egress::Guard>,
    ready: Mutex<HashMap<String, Arc<RootImage>>>,
    /// Whole names by names as steps have them.
    names: Mutex<HashMap<String, String>>,
    pulling: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    unreachable: Mutex<HashMap<String, (Instant, String)>>,
    pulls: Mutex<Pulls>,
}

/// Pulls since the store was opened.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct Pulls {
    /// That brought their image.
    pub done: u64,
    /// That did not.
    pub failed: u64,
    /// How long all of them took together.
    pub lasted: Duration,
}

impl ImageStore {
    /// Opens the store of a data folder; `insecure` names registries that are spoken to without TLS.
    ///
    /// # Errors
    /// When its folders cannot be made.
    pub fn open(data_dir: &Path, insecure: &[String]) -> io::Result<Self> {
        let dir = data_dir.join("images");
        for folder in ["refs", "layers", "tmp"] {
            fs::create_dir_all(dir.join(folder))?;
        }
        // The agent works elsewhere: only whole paths mean the same to it.
        let dir = fs::canonicalize(dir)?;
        base(&dir.join("base"))?;
        let lock = fs::OpenOptions::new().create(true).truncate(false).write(true).open(dir.join(LOCK))?;
        flock(&lock, FlockOperation::LockShared)?;
        Ok(Self {
            dir,
            lock,
            insecure: insecure.to_vec(),
            guard: None,
            ready: Mutex::default(),
            names: Mutex::default(),
            pulling: Mutex::default(),
            unreachable: Mutex::default(),
            pulls: Mutex::default(),
        })
    }

    /// With what its pulls go through.
    pub fn guarded(self, guard: Option<egress::Guard>) -> Self {
        Self { guard, ..self }
    }

    /// Pulls an image from its registry, whether or not it is there already.
    ///
    /// # Errors
    /// When the registry does not answer or refuses, or the image is not what it says it is.
    pub async fn pull(&self, name: &str, credentials: &[Credentials]) -> Result<ImageRecord, ImageError> {
        let reference = parse(name)?;
        let lock = {
            let mut pulling = self.pulling.lock().unwrap_or_else(PoisonError::into_inner);
            pulling.entry(reference.whole()).or_default().clone()
        };
        // Ten steps of one image pull it once, one after another seeing what the first one did.
        let _one = lock.lock().await;
        let begun = Instant::now();
        let pulled = registry::pull(self, &reference, credentials).await;
        self.count(pulled.is_ok(), begun.elapsed());
        self.pulling.lock().unwrap_or_else(PoisonError::into_inner).remove(&reference.whole());
        let record = pulled?;
        self.record(&record)?;
        Ok(record)
    }

    fn count(&self, done: bool, lasted: Duration) {
        let mut pulls = self.pulls.lock().unwrap_or_else(PoisonError::into_inner);
        *(if done { &mut pulls.done } else { &mut pulls.failed }) += 1;
        pulls.lasted += lasted;
    }

    /// Pulls since it was opened.
    pub fn pulls(&self) -> Pulls {
        *self.pulls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Imports the images of a `docker save` archive or an OCI layout, plain, compressed or as a folder, or a component of WebAssembly. `name` names an
    /// image that has none.
    ///
    /// # Errors
    /// When the file is none of these, or is damaged or hostile.
    pub async fn import(self: &Arc<Self>, archive: &Path, name: Option<&str>) -> Result<Vec<ImageRecord>, ImageError> {
        let (store, archive, name) = (self.clone(), archive.to_owned(), name.map(str::to_owned));
        let done = tokio::task::spawn_blocking(move || {
            let wasm = if archive.is_dir() { Ok(false) } else { component::is_wasm(&archive) };
            let records = match wasm.map_err(|e| ImageError::io(archive.display().to_string(), e))? {
                true => vec![component::import(&store, &archive, name.as_deref())?],
                false => archive::import(&store, &archive, name.as_deref())?,
            };
            for record in &records {
                store.record(record)?;
            }
            Ok(records)
        });
        done.await.unwrap_or_else(|e| Err(ImageError::new(format!("the import ended: {e}"))))
    }

    /// All images, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn list(&self) -> Result<Vec<ImageRecord>, ImageError> {
        let refs = self.dir.join("refs");
        let entries = fs::read_dir(&refs).map_err(|e| ImageError::io(refs.display().to_string(), e))?;
        let mut records: Vec<ImageRecord> =
            entries.flatten().filter_map(|e| serde_json::from_slice(&fs::read(e.path()).ok()?).ok()).collect();
        records.sort_by(|a, b| a.reference.cmp(&b.reference));
        Ok(records)
    }

    /// One image.
    ///
    /// # Errors
    /// When the name is not one of an image.
    pub fn inspect(&self, name: &str) -> Result<Option<ImageRecord>, ImageError> {
        let reference = parse(name)?;
        let by_name = self.read(&reference.whole());
        if by_name.is_some() || reference.digest().is_none() {
            return Ok(by_name);
        }
        let same = |r: &ImageRecord| Some(r.digest.as_str()) == reference.digest();
        Ok(self.list()?.into_iter().find(same).map(|r| ImageRecord { reference: reference.whole(), ..r }))
    }

    /// Forgets a name; [`ImageStore::prune`] then frees its layers.
    ///
    /// # Errors
    /// When the name is not one of an image, or the store cannot be written.
    pub fn remove(&self, name: &str) -> Result<bool, ImageError> {
        let whole = parse(name)?.whole();
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).remove(&whole);
        match fs::remove_file(self.ref_path(&whole)) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(ImageError::io(format!("remove {whole}"), e)),
        }
    }

    /// Removes layers that no image has, except those of manifests in `in_use`; answers the bytes freed.
    ///
    /// # Errors
    /// When the store cannot be read, or another process has it open: its steps may stand on any layer.
    pub fn prune(&self, in_use: &[PathBuf]) -> Result<u64, ImageError> {
        if flock(&self.lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(ImageError::new(format!(
                "another process uses the images of {}: its steps may stand on layers that would be removed; wait for its end",
                self.dir.display()
            )));
        }
        let pruned = self.prune_alone(in_use);
        flock(&self.lock, FlockOperation::LockShared).map_err(|e| ImageError::io("share the store again", e.into()))?;
        pruned
    }

    fn prune_alone(&self, in_use: &[PathBuf]) -> Result<u64, ImageError> {
        let kept: Vec<String> = self.list()?.into_iter().flat_map(|r| r.layers).collect();
        let layers = self.dir.join("layers");
        let entries = fs::read_dir(&layers).map_err(|e| ImageError::io(layers.display().to_string(), e))?;
        let mut freed = 0;
        for entry in entries.flatten() {
            let path = entry.path();
            let wanted = kept.iter().any(|l| self.layer_path(l) == path) || in_use.contains(&path);
            if !wanted {
                freed += unpack::size(&path);
                crate::local::remove(&path);
            }
        }
        // What a crash left of downloads: anything older than an hour.
        for entry in fs::read_dir(self.dir.join("tmp")).into_iter().flatten().flatten() {
            let age = entry.metadata().and_then(|m| m.modified()).ok().and_then(|t| t.elapsed().ok());
            if age.is_some_and(|a| a > Duration::from_secs(3600)) {
                crate::local::remove(&entry.path());
            }
        }
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(freed)
    }

    /// The image of a container, by the server's mode and the container's policy.
    pub(crate) async fn obtain(
        &self,
        planner: &Planner<'_>,
        unit: &Unit,
        name: &str,
        policy: Option<PullPolicy>,
    ) -> Result<Arc<RootImage>, ImageError> {
        let whole = self.whole(name)?;
        let may_pull = planner.settings.images != ImagesMode::Imported && policy != Some(PullPolicy::Never);
        if policy != Some(PullPolicy::Always) || !may_pull {
            if let Some(found) = self.ready(&whole) {
                return Ok(found);
            }
            if let Some(found) = self.stored(name)? {
                return Ok(found);
            }
        }
        if !may_pull {
            let why = if planner.settings.images == ImagesMode::Imported {
                "--images=imported"
            } else {
                "imagePullPolicy: Never"
            };
            return Err(ImageError {
                // In that mode another root takes its place.
                unreachable: planner.settings.images == ImagesMode::Auto,
                ..ImageError::new(format!(
                    "it is not in the image store, and {why} forbids to pull it: colchis image import FILE, or colchis image pull {name}"
                ))
            });
        }
        let registry = parse(name)?.resolve_registry().to_owned();
        let pulled = match self.recently_unreachable(&registry) {
            Err(e) => Err(e),
            Ok(()) => {
                (planner.waiting)(format!("pulling image {whole}"));
                let credentials = registry::credentials(planner, unit).await?;
                self.pull(name, &credentials).await
            }
        };
        match pulled {
            Ok(record) => Ok(self.make_ready(&record)),
            Err(e) if !e.unreachable => Err(e),
            Err(e) => {
                let mut unreachable = self.unreachable.lock().unwrap_or_else(PoisonError::into_inner);
                unreachable.entry(registry).or_insert_with(|| (Instant::now(), e.reason.clone()));
                drop(unreachable);
                // `imagePullPolicy: Always` without a registry: the image that is here is nearer than any other root.
                let here = if planner.settings.images == ImagesMode::Auto { self.stored(name)? } else { None };
                here.ok_or(e)
            }
        }
    }

    /// The component that an image is, where it is here and is one. Asks no registry.
    pub(crate) fn component_here(&self, name: &str) -> Option<Arc<RootImage>> {
        let whole = self.whole(name).ok()?;
        let found = self.ready(&whole).or_else(|| self.stored(name).ok().flatten());
        found.filter(|image| image.component.is_some())
    }

    /// An image of the store, whole.
    fn stored(&self, name: &str) -> Result<Option<Arc<RootImage>>, ImageError> {
        let record = self.inspect(name)?;
        let whole = record.filter(|r| r.layers.iter().all(|l| self.layer_path(l).is_dir()));
        Ok(whole.map(|record| self.make_ready(&record)))
    }

    fn recently_unreachable(&self, registry: &str) -> Result<(), ImageError> {
        let unreachable = self.unreachable.lock().unwrap_or_else(PoisonError::into_inner);
        match unreachable.get(registry) {
            Some((when, reason)) if when.elapsed() < UNREACHABLE_FOR => {
                Err(ImageError { reason: reason.clone(), unreachable: true, source: None })
            }
            _ => Ok(()),
        }
    }

    /// An image's whole name. It is asked for with each step, and reading one takes a regular expression.
    fn whole(&self, name: &str) -> Result<String, ImageError> {
        if let Some(whole) = self.names.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Ok(whole.clone());
        }
        let whole = parse(name)?.whole();
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= NAMES_MAX {
            names.clear();
        }
        names.insert(name.to_owned(), whole.clone());
        Ok(whole)
    }

    fn ready(&self, whole: &str) -> Option<Arc<RootImage>> {
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        // Another process may have removed it.
        ready.get(whole).filter(|image| image.layers.iter().all(|l| l.is_dir())).cloned()
    }

    fn make_ready(&self, record: &ImageRecord) -> Arc<RootImage> {
        let layers = record.layers.iter().rev().map(|l| self.layer_path(l)).chain([self.dir.join("base")]);
        let image = Arc::new(RootImage {
            digest: record.digest.clone(),
            layers: layers.collect(),
            config: record.config.clone(),
            component: component::of(&self.dir, record),
        });
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        ready.insert(record.reference.clone(), image.clone());
        image
    }

    fn read(&self, whole: &str) -> Option<ImageRecord> {
        serde_json::from_slice(&fs::read(self.ref_path(whole)).ok()?).ok()
    }

    fn record(&self, record: &ImageRecord) -> Result<(), ImageError> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).remove(&record.reference);
        let write = || -> io::Result<()> {
            let path = self.ref_path(&record.reference);
            let tmp = self.tmp_path("ref")?;
            let mut file = fs::File::create(&tmp)?;
            io::Write::write_all(&mut file, &serde_json::to_vec_pretty(record)?)?;
            file.sync_all()?;
            fs::rename(&tmp, &path)
        };
        write().map_err(|e| ImageError::io(format!("write down image {}", record.reference), e))
    }

    fn ref_path(&self, whole: &str) -> PathBuf {
        let hex: String = sha2::Sha256::digest(whole.as_bytes()).iter().take(16).map(|b| format!("{b:02x}")).collect();
        self.dir.join("refs").join(format!("{hex}.json"))
    }

    fn layer_path(&self, diff_id: &str) -> PathBuf {
        layer_path(&self.dir, diff_id)
    }

    fn tmp_path(&self, what: &str) -> io::Result<PathBuf> {
        tmp_path(&self.dir, what)
    }
}

/// Short, because older kernels take all layers of a container in one page of options.
fn layer_path(store: &Path, diff_id: &str) -> PathBuf {
    let hex = diff_id.rsplit(':').next().unwrap_or_default();
    store.join("layers").join(hex.chars().filter(char::is_ascii_hexdigit).take(40).collect::<String>())
}

/// A name nobody else uses, in a folder that is there.
fn tmp_path(store: &Path, what: &str) -> io::Result<PathBuf> {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let dir = store.join("tmp");
    fs::create_dir_all(&dir)?;
    Ok(dir.join(format!("{what}-{}-{number}", std::process::id())))
}

/// An image's name, with Docker's defaults.
pub(crate) fn parse(name: &str) -> Result<Reference, ImageError> {
    name.parse().map_err(|e| ImageError::new(format!("{name:?} is not the name of an image: {e}")))
}

/// What every container needs and an image may lack: places to mount on.
fn base(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    for (folder, mode) in
        [("proc", 0o555), ("sys", 0o555), ("dev", 0o755), ("etc", 0o755), ("tmp", 0o1777), ("var/tmp", 0o1777)]
    {
        let path = dir.join(folder);
        fs::create_dir_all(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
    }
    for file in ["etc/hosts", "etc/resolv.conf", "etc/hostname"] {
        fs::OpenOptions::new().append(true).create(true).open(dir.join(file))?;
    }
    Ok(())
}

/// What an image's configuration file says, from its JSON.
pub(crate) fn read_config(text: &[u8]) -> Result<(ImageConfig, Vec<String>, String), ImageError> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct File {
        architecture: String,
        os: String,
        config: Option<Settings>,
        rootfs: Option<RootFs>,
    }
    #[derive(Deserialize, Default)]
    #[serde(default, rename_all = "PascalCase")]
    struct Settings {
        entrypoint: Option<Vec<String>>,
        cmd: Option<Vec<String>>,
        env: Option<Vec<String>>,
        working_dir: Option<String>,
        user: Option<String>,
        stop_signal: Option<String>,
    }
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct RootFs {
        diff_ids: Vec<String>,
    }
    let file: File = serde_json::from_slice(text)
        .map_err(|e| ImageError::new(format!("the image's configuration is not valid: {e}")))?;
    let settings = file.config.unwrap_or_default();
    let layers = file.rootfs.unwrap_or_default().diff_ids;
    if layers.len() > LAYERS_MAX {
        return Err(ImageError::new(format!("the image has {} layers; at most {LAYERS_MAX}", layers.len())));
    }
    if let Some(odd) = layers.iter().find(|l| !is_digest(l)) {
        return Err(ImageError::new(format!("the image's configuration names a layer {odd:?}, which is not a digest")));
    }
    let config = ImageConfig {
        entrypoint: settings.entrypoint.unwrap_or_default(),
        cmd: settings.cmd.unwrap_or_default(),
        env: settings.env.unwrap_or_default(),
        working_dir: settings.working_dir.unwrap_or_default(),
        user: settings.user.unwrap_or_default(),
        stop_signal: settings.stop_signal.unwrap_or_default(),
    };
    Ok((config, layers, format!("{}/{}", file.os, file.architecture)))
}

pub(crate) fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|h| h.len() == 64 && h.chars().all(|c| c.is_ascii_hexdigit()))
}

/// Architecture as images name it.
pub(crate) fn machine_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
