//! From bytes to a compiled component: looked at, compiled, cached by content.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::compiler::Compiler;
use crate::error::LoadError;

/// What a component of WebAssembly begins with: the magic number, then version 13 in the layer of components.
const MAGIC: &[u8] = b"\0asm\x0d\0\x01\0";
/// What a core module begins with.
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// Where compiled components are kept.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// A cache in a folder that only the server may write: what is in it is run as it is.
    pub(crate) fn in_folder(folder: &Path) -> Result<Self, LoadError> {
        use std::os::unix::fs::{DirBuilderExt, MetadataExt};
        let failed = |source| LoadError::Cache { what: format!("the cache {}", folder.display()), source };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let found = std::fs::metadata(folder).map_err(failed)?;
        if found.mode() & 0o022 != 0 || found.uid() != rustix::process::geteuid().as_raw() {
            return Err(failed(std::io::Error::other("others may write there; compiled code is not taken from it")));
        }
        Ok(Self { folder: folder.to_owned() })
    }

    /// By content of the component, and by what compiled it.
    fn place(&self, engine: &Engine, digest: &str) -> PathBuf {
        let mut hash = Sha256::new();
        hash.update(digest);
        hash.update(compiler(engine));
        self.folder.join(format!("{}.cwasm", hex(&hash.finalize())))
    }

    /// Keeps code: whole and durable before it has its name, as it is run as it stands there.
    fn keep(&self, place: &Path, code: &[u8]) -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(code)?;
        file.as_file().sync_all()?;
        file.persist(place).map(|_| ()).map_err(|error| error.error)
    }

    /// Removes everything but the code of these components: other versions, other compilers, what a killed server left.
    pub(crate) fn keep_only(&self, engine: &Engine, digests: &[String]) -> std::io::Result<()> {
        let kept: Vec<PathBuf> = digests.iter().map(|digest| self.place(engine, digest)).collect();
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if !kept.contains(&path) {
                // Code that is in use stays in memory until nobody uses it.
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

/// What decides about compiled code, as text.
fn compiler(engine: &Engine) -> String {
    use std::hash::{Hash, Hasher};
    let mut hasher = Sha256Hasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let _ = hasher.finish();
    hex(&hasher.0.finalize())
}

/// A hasher that does not change from build to build of the standard library.
struct Sha256Hasher(Sha256);

impl std::hash::Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

/// `sha256:…` of bytes.
pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Refuses what is no component of a size that can be taken.
pub(crate) fn look(bytes: &[u8], max: usize) -> Result<(), LoadError> {
    if bytes.len() > max {
        return Err(LoadError::TooLarge { actual: bytes.len(), limit: max });
    }
    if bytes.starts_with(MAGIC) {
        return Ok(());
    }
    let why = if bytes.starts_with(MODULE) {
        "it is a core module; make a component of it (`wasm-tools component new`, or build for wasm32-wasip2)"
    } else if bytes.starts_with(b"(") {
        "it is text; give its binary form"
    } else {
        "it does not begin as one"
    };
    Err(LoadError::NotAComponent { why: why.to_owned() })
}

/// Compiles, or takes what was compiled of the same content before.
pub(crate) async fn compile(
    engine: &Engine,
    compiler: &Compiler,
    cache: Option<&Cache>,
    bytes: Bytes,
    digest: &str,
) -> Result<Component, LoadError> {
    let place = cache.map(|cache| cache.place(engine, digest));
    if let Some(place) = place.as_deref().filter(|place| place.is_file()) {
        match read(engine, place) {
            Ok(component) => return Ok(component),
            // Cut off by a crash, or of another compiler after all: compiled anew.
            Err(error) => tracing::warn!(file = %place.display(), %error, "a compiled component cannot be read"),
        }
    }
    let compiled = Bytes::from(compiler.run(engine, bytes).await?);
    let why = |error: wasmtime::Error| LoadError::Compile { why: format!("{error:#}") };
    if let (Some(cache), Some(place)) = (cache.cloned(), place) {
        let (to, code) = (place.clone(), compiled.clone());
        let kept = tokio::task::spawn_blocking(move || cache.keep(&to, &code)).await;
        match kept.unwrap_or_else(|_| Err(std::io::Error::other("it broke off"))) {
            Ok(()) => return read(engine, &place).map_err(why),
            // A full disk keeps nobody from a plugin: it is compiled again next time.
            Err(error) => tracing::warn!(file = %place.display(), %error, "a compiled component is not kept"),
        }
    }
    from_memory(engine, &compiled).map_err(why)
}

#[allow(unsafe_code, reason = "compiled code is run as it is: the file is of our own cache, which only we may write")]
fn read(engine: &Engine, file: &Path) -> wasmtime::Result<Component> {
    // SAFETY: the file was written by `compile` of this server or an earlier one, in a folder that nobody else may write.
    unsafe { Component::deserialize_file(engine, file) }
}

#[allow(unsafe_code, reason = "compiled code is run as it is: our own compiler made it a moment ago")]
fn from_memory(engine: &Engine, compiled: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes come from `Compiler::run`, which nobody else writes into.
    unsafe { Component::deserialize(engine, compiled) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As on a full disk.
    #[tokio::test]
    async fn code_that_cannot_be_kept_is_run_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::in_folder(&folder.path().join("cache")).unwrap();
        std::fs::remove_dir(&cache.folder).unwrap();
        let engine = Engine::new(&crate::engine::config(None)).unwrap();
        let empty = Bytes::from_static(MAGIC);
        compile(&engine, &Compiler::Here, Some(&cache), empty.clone(), &digest(&empty)).await.unwrap();
        assert!(!cache.folder.exists());
    }
}
