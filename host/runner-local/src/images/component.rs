//! Components of WebAssembly as images: one file instead of unpacked layers.
//!
//! A component is kept as the only layer of its image, so that listing, removing and pruning see nothing new:
//!
//! ```text
//!   <data>/images/layers/<digest>/component.wasm
//! ```

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use oci_client::manifest::{OciDescriptor, OciImageManifest};
use sha2::Digest as _;

use super::{ImageConfig, ImageError, ImageRecord, ImageStore, layer_path, parse, tmp_path};

/// The file's name.
const FILE: &str = "component.wasm";
/// What such an image says of the machine that it is for.
const PLATFORM: &str = "wasi/wasm";
/// The configuration's media type, as the WebAssembly working group of the CNCF has it.
const CONFIG_TYPE: &str = "application/vnd.wasm.config.v0+json";
/// The layer's.
const LAYER_TYPE: &str = "application/wasm";
/// Bytes of one component: the server takes fewer, and says so when it is to run one.
const BYTES_MAX: u64 = 1 << 30;
/// What a component begins with: the magic number, then version 13 in the layer of components.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
/// What every file of WebAssembly begins with.
const WASM: &[u8] = b"\0asm";

/// A component that is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Component {
    /// The file.
    pub(crate) file: PathBuf,
    /// Its digest.
    pub(crate) digest: String,
    /// What it is called as a program: the last part of its image's name.
    pub(crate) name: String,
}

/// Whether a file is of WebAssembly, by what it begins with.
pub(super) fn is_wasm(file: &Path) -> io::Result<bool> {
    Ok(head(file)?.starts_with(WASM))
}

fn head(file: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(file)?.take(COMPONENT.len() as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Takes a file in. `name` is what its image is called.
pub(super) fn import(store: &ImageStore, file: &Path, name: Option<&str>) -> Result<ImageRecord, ImageError> {
    let Some(name) = name else {
        return Err(ImageError::new("a component does not name its image: give it a name (--name)"));
    };
    let reference = parse(name)?.whole();
    let (digest, bytes) = keep(&store.dir, file, None)?;
    Ok(record(reference, digest.clone(), digest, bytes))
}

/// An image that is a component.
pub(super) fn record(reference: String, manifest: String, component: String, bytes: u64) -> ImageRecord {
    ImageRecord {
        reference,
        digest: manifest,
        layers: vec![component],
        bytes,
        added_ms: jiff::Timestamp::now().as_millisecond(),
        platform: PLATFORM.to_owned(),
        config: ImageConfig::default(),
        component: true,
    }
}

/// The layer of an artifact that is a component, where it is one.
pub(super) fn layer_of(manifest: &OciImageManifest) -> Result<Option<&OciDescriptor>, ImageError> {
    match manifest.layers.as_slice() {
        [layer] if layer.media_type == LAYER_TYPE => Ok(Some(layer)),
        layers if is_config(&manifest.config.media_type) || layers.iter().any(|l| l.media_type == LAYER_TYPE) => {
            Err(ImageError::new(format!(
                "it is an artifact of WebAssembly with {} layers: expected one, of type {LAYER_TYPE}",
                layers.len()
            )))
        }
        _ => Ok(None),
    }
}

/// Whether a configuration is one of a component.
pub(super) fn is_config(media_type: &str) -> bool {
    media_type == CONFIG_TYPE
}

/// The size of a component that is here already.
pub(super) fn kept(store: &Path, digest: &str) -> Option<u64> {
    Some(fs::metadata(layer_path(store, digest).join(FILE)).ok()?.len())
}

/// Puts a component to its place, unless it is there, and answers its digest and size. With `digest`, it must be that.
pub(super) fn keep(store: &Path, file: &Path, digest: Option<&str>) -> Result<(String, u64), ImageError> {
    let fail = |what: &str, e: io::Error| ImageError::io(format!("{}: {what}", file.display()), e);
    let head = head(file).map_err(|e| fail("read", e))?;
    if head != COMPONENT {
        return Err(ImageError::new(match head.starts_with(WASM) {
            true => {
                "it is a core module of WebAssembly, not a component: build for wasm32-wasip2, or make one of it with `colchis plugin componentize FILE --program`"
            }
            false => "it is no component of WebAssembly",
        }));
    }
    let tmp = tmp_path(store, "component").map_err(|e| fail("make a folder", e))?;
    fs::create_dir_all(&tmp).map_err(|e| fail("make a folder", e))?;
    let kept = copy(file, &tmp.join(FILE)).map_err(|e| fail("copy", e)).and_then(|(found, bytes)| {
        if let Some(expected) = digest.filter(|expected| *expected != found) {
            return Err(ImageError::new(format!("the component has digest {found}, and {expected} was promised")));
        }
        let at = layer_path(store, &found);
        match fs::rename(&tmp, &at) {
            Ok(()) => Ok((found, bytes)),
            // It is there: what lies there is the same.
            Err(_) if at.is_dir() => Ok((found, bytes)),
            Err(e) => Err(fail("move it to its place", e)),
        }
    });
    crate::local::remove(&tmp);
    kept
}

/// Copies durably; answers digest and size.
fn copy(from: &Path, to: &Path) -> io::Result<(String, u64)> {
    let (mut from, mut to) = (File::open(from)?.take(BYTES_MAX + 1), File::create(to)?);
    let (mut hash, mut bytes, mut piece) = (sha2::Sha256::new(), 0, vec![0; 64 << 10]);
    loop {
        let read = from.read(&mut piece)?;
        let piece = piece.get(..read).unwrap_or_default();
        if piece.is_empty() {
            break;
        }
        hash.update(piece);
        io::Write::write_all(&mut to, piece)?;
        bytes += read as u64;
    }
    if bytes > BYTES_MAX {
        return Err(io::Error::other(format!("it has more than {BYTES_MAX} bytes")));
    }
    to.sync_all()?;
    let digest: String = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    Ok((format!("sha256:{digest}"), bytes))
}

/// The component of an image, where it is one.
pub(super) fn of(store: &Path, record: &ImageRecord) -> Option<Component> {
    let digest = record.layers.first().filter(|_| record.component)?;
    let name = record.reference.split('@').next().unwrap_or_default();
    let name = name.rsplit('/').next().unwrap_or_default();
    let name = name.split(':').next().unwrap_or_default().to_owned();
    Some(Component { file: layer_path(store, digest).join(FILE), digest: digest.clone(), name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_kept_once_and_a_module_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store = ImageStore::open(dir.path(), &[]).unwrap();
        let file = dir.path().join("app.wasm");
        let import = |bytes: &[u8], name: Option<&str>| {
            fs::write(&file, bytes).unwrap();
            import(&store, &file, name).map_err(|e| e.to_string())
        };
        let record = import(COMPONENT, Some("r.example/team/app:1")).unwrap();
        assert_eq!((record.bytes, record.platform.as_str()), (8, "wasi/wasm"));
        let component = of(&store.dir, &record).unwrap();
        assert_eq!((component.name.as_str(), fs::read(&component.file).unwrap().as_slice()), ("app", COMPONENT));
        assert_eq!(import(COMPONENT, Some("again")).unwrap().digest, record.digest);
        for (bytes, name, why) in [
            (COMPONENT, None, "--name"),
            (b"\0asm\x01\0\0\0".as_slice(), Some("m"), "core module"),
            (b"#!/bin/sh\n".as_slice(), Some("m"), "no component"),
        ] {
            let error = import(bytes, name).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        assert_eq!(fs::read_dir(store.dir.join("tmp")).unwrap().count(), 0);
    }
}
