//! From bytes to a compiled component: looked at, compiled, cached by content.

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
        if found.mode() & 0o022 != 0 || found.uid() != own_uid(folder).map_err(failed)? {
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
}

/// The owner that files of ours have.
fn own_uid(folder: &Path) -> std::io::Result<u32> {
    use std::os::unix::fs::MetadataExt;
    let probe = tempfile_in(folder)?;
    std::fs::metadata(&probe.0).map(|m| m.uid())
}

/// A file that goes with the value.
struct Probe(PathBuf);

impl Drop for Probe {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn tempfile_in(folder: &Path) -> std::io::Result<Probe> {
    let name = format!(".{:016x}", getrandom::u64().map_err(|error| std::io::Error::other(error.to_string()))?);
    let path = folder.join(name);
    std::fs::OpenOptions::new().write(true).create_new(true).open(&path)?;
    Ok(Probe(path))
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
    let compiled = compiler.run(engine, bytes).await?;
    let why = |error: wasmtime::Error| LoadError::Compile { why: format!("{error:#}") };
    let Some(place) = place else { return from_memory(engine, &compiled).map_err(why) };
    let failed = |source| LoadError::Cache { what: format!("writing {}", place.display()), source };
    let partial = place.with_extension(format!("{:08x}.part", std::process::id()));
    tokio::fs::write(&partial, &compiled).await.map_err(failed)?;
    tokio::fs::rename(&partial, &place).await.map_err(failed)?;
    read(engine, &place).map_err(why)
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
