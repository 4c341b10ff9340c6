//! Imports `docker save` archives and OCI layouts.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use sha2::Digest;
use tar::{Archive, EntryType};

use super::{
    ImageError, ImageRecord, ImageStore, component, is_digest, machine_architecture, parse, read_config, unpack,
};

/// Files of an archive.
const FILES_MAX: usize = 10_000;
/// Bytes of an archive, unpacked.
const ARCHIVE_BYTES_MAX: u64 = 128 << 30;
/// Of a manifest, an index or a configuration.
const DOCUMENT_BYTES_MAX: u64 = 16 << 20;
/// Indexes in indexes.
const DEPTH_MAX: usize = 4;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
    platform: Option<Platform>,
}

impl Descriptor {
    /// Whether this machine can run it, as far as it says.
    fn fits(&self) -> bool {
        self.platform
            .as_ref()
            .is_none_or(|p| p.architecture == "wasm" || (p.os == "linux" && p.architecture == machine_architecture()))
    }
}

#[derive(Deserialize)]
struct Platform {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
}

/// An index or a manifest: which one shows by what it has.
#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    manifests: Vec<Descriptor>,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
}

/// Imports all images of an archive, or of a folder that is an OCI layout.
pub(super) fn import(store: &ImageStore, archive: &Path, name: Option<&str>) -> Result<Vec<ImageRecord>, ImageError> {
    if archive.is_dir() {
        let files = Files { store, dir: archive, name };
        return match archive.join("index.json").is_file() {
            true => files.layout(),
            false => {
                Err(ImageError::new(format!("{}: a folder that is no OCI layout (index.json)", archive.display())))
            }
        };
    }
    let tmp = store.tmp_path("import").map_err(|e| ImageError::io("make a folder", e))?;
    fs::create_dir_all(&tmp).map_err(|e| ImageError::io("make a folder", e))?;
    let result = (|| {
        let file = File::open(archive).map_err(|e| ImageError::io(archive.display().to_string(), e))?;
        let reader = unpack::decompressed(file).map_err(|e| ImageError::io(archive.display().to_string(), e))?;
        extract(reader, &tmp).map_err(|e| ImageError::io(format!("read {}", archive.display()), e))?;
        let files = Files { store, dir: &tmp, name };
        if tmp.join("index.json").is_file() {
            files.layout()
        } else if tmp.join("manifest.json").is_file() {
            files.saved()
        } else {
            Err(ImageError::new(format!(
                "{}: neither an image saved by `docker save` (manifest.json) nor an OCI layout (index.json)",
                archive.display()
            )))
        }
    })();
    crate::local::remove(&tmp);
    result
}

/// Only plain files with plain names matter; links within the archive (older `docker save`) are read as copies of their target's name.
fn extract(reader: impl Read, into: &Path) -> io::Result<()> {
    let mut archive = Archive::new(reader);
    let mut bytes = 0;
    let mut links = Vec::new();
    for (at, entry) in archive.entries()?.enumerate() {
        if at >= FILES_MAX {
            return Err(io::Error::other(format!("more than {FILES_MAX} files")));
        }
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let Some(to) = inside(into, &path) else {
            return Err(io::Error::other(format!("{}: a name that leads out of the archive", path.display())));
        };
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous => {
                bytes += entry.size();
                if bytes > ARCHIVE_BYTES_MAX {
                    return Err(io::Error::other(format!("more than {ARCHIVE_BYTES_MAX} bytes")));
                }
                // A file by this name may be there: written anew, never through a link, because none is ever made.
                io::copy(&mut entry, &mut File::create(&to)?)?;
            }
            EntryType::Symlink | EntryType::Link => {
                if let Some(target) = entry.link_name()? {
                    let base = if entry.header().entry_type() == EntryType::Symlink { path.parent() } else { None };
                    links.push((to, normal(&base.unwrap_or(Path::new("")).join(target))));
                }
            }
            _ => {}
        }
    }
    for (to, target) in links {
        if let Some(from) = target.and_then(|t| inside(into, &t)).filter(|f| f.is_file()) {
            fs::hard_link(from, to)?;
        }
    }
    Ok(())
}

/// Without `..`, if that can be.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => out.push(name),
            Component::ParentDir => {
                if !out.pop() {
                    return None;
                }
            }
            Component::CurDir | Component::RootDir => {}
            Component::Prefix(_) => return None,
        }
    }
    Some(out)
}

fn inside(dir: &Path, path: &Path) -> Option<PathBuf> {
    let plain = path.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    plain.then(|| dir.join(path))
}

struct Files<'a> {
    store: &'a ImageStore,
    dir: &'a Path,
    name: Option<&'a str>,
}

impl Files<'_> {
    fn document(&self, path: &str) -> Result<Vec<u8>, ImageError> {
        let at = inside(self.dir, Path::new(path))
            .ok_or_else(|| ImageError::new(format!("{path}: a name that leads out of the archive")))?;
        let mut text = Vec::new();
        let read = File::open(at).and_then(|f| f.take(DOCUMENT_BYTES_MAX).read_to_end(&mut text));
        read.map_err(|e| ImageError::io(format!("{path} in the archive"), e))?;
        Ok(text)
    }

    fn parse<T: for<'a> Deserialize<'a>>(&self, path: &str) -> Result<T, ImageError> {
        serde_json::from_slice(&self.document(path)?)
            .map_err(|e| ImageError::new(format!("{path} in the archive is not valid: {e}")))
    }

    fn blob(digest: &str) -> Result<String, ImageError> {
        if !is_digest(digest) {
            return Err(ImageError::new(format!("{digest:?} in the archive is not a digest")));
        }
        Ok(digest.replacen(':', "/", 1))
    }

    /// A name that is given is for one image.
    fn one_name(&self, images: usize) -> Result<(), ImageError> {
        match self.name {
            Some(name) if images > 1 => Err(ImageError::new(format!(
                "the archive has {images} images, and {name} can name one only: import it without a name"
            ))),
            _ => Ok(()),
        }
    }

    /// `docker save`.
    fn saved(&self) -> Result<Vec<ImageRecord>, ImageError> {
        let mut records = Vec::new();
        let images = self.parse::<Vec<Saved>>("manifest.json")?;
        self.one_name(images.len())?;
        for image in images {
            let text = self.document(&image.config)?;
            let digest = format!("sha256:{}", hex(&text));
            let tags = image.repo_tags.unwrap_or_default();
            records.extend(self.image(&text, &digest, &image.layers, &tags)?);
        }
        Ok(records)
    }

    /// An OCI layout.
    fn layout(&self) -> Result<Vec<ImageRecord>, ImageError> {
        let mut records = Vec::new();
        let mut manifests = self.parse::<Document>("index.json")?.manifests;
        manifests.retain(Descriptor::fits);
        self.one_name(manifests.len())?;
        for descriptor in manifests {
            let name = ["io.containerd.image.name", "org.opencontainers.image.ref.name"]
                .iter()
                .find_map(|key| descriptor.annotations.get(*key).cloned());
            let digest = descriptor.digest.clone();
            records.extend(self.manifest(&descriptor.digest, &digest, name.as_slice(), 0)?);
        }
        if records.is_empty() {
            return Err(ImageError::new(format!("the archive has no image for linux/{}", machine_architecture())));
        }
        Ok(records)
    }

    fn manifest(&self, digest: &str, top: &str, tags: &[String], depth: usize) -> Result<Vec<ImageRecord>, ImageError> {
        if depth > DEPTH_MAX {
            return Err(ImageError::new("indexes within indexes without end"));
        }
        let path = format!("blobs/{}", Self::blob(digest)?);
        let found = format!("sha256:{}", hex(&self.document(&path)?));
        if found != digest {
            return Err(ImageError::new(format!("{path} in the archive has digest {found}")));
        }
        let document: Document = self.parse(&path)?;
        if let (Some(config), [layer]) = (&document.config, document.layers.as_slice())
            && component::is_config(&config.media_type)
        {
            return self.component(layer, top, tags);
        }
        if let Some(config) = &document.config {
            let config = self.document(&format!("blobs/{}", Self::blob(&config.digest)?))?;
            let layers = document.layers.iter().map(|l| Ok(format!("blobs/{}", Self::blob(&l.digest)?)));
            return self.image(&config, top, &layers.collect::<Result<Vec<_>, ImageError>>()?, tags);
        }
        for each in &document.manifests {
            if each.fits() {
                return self.manifest(&each.digest, top, tags, depth + 1);
            }
        }
        Ok(Vec::new())
    }

    fn image(
        &self,
        config: &[u8],
        digest: &str,
        layers: &[String],
        tags: &[String],
    ) -> Result<Vec<ImageRecord>, ImageError> {
        let (config, diff_ids, platform) = read_config(config)?;
        if diff_ids.len() != layers.len() {
            return Err(ImageError::new(format!(
                "the image's configuration names {} layers, its manifest {}",
                diff_ids.len(),
                layers.len()
            )));
        }
        let mut bytes = 0;
        for (diff_id, layer) in diff_ids.iter().zip(layers) {
            let blob = inside(self.dir, Path::new(layer))
                .ok_or_else(|| ImageError::new(format!("{layer}: a name that leads out of the archive")))?;
            bytes += unpack::layer(&self.store.dir, &blob, diff_id)?;
        }
        self.names(tags)?
            .into_iter()
            .map(|name| {
                Ok(ImageRecord {
                    reference: parse(name)?.whole(),
                    digest: digest.to_owned(),
                    layers: diff_ids.clone(),
                    bytes,
                    added_ms: jiff::Timestamp::now().as_millisecond(),
                    platform: platform.clone(),
                    config: config.clone(),
                    component: false,
                })
            })
            .collect()
    }

    /// A component of WebAssembly.
    fn component(&self, layer: &Descriptor, top: &str, tags: &[String]) -> Result<Vec<ImageRecord>, ImageError> {
        let blob = format!("blobs/{}", Self::blob(&layer.digest)?);
        let blob = inside(self.dir, Path::new(&blob)).ok_or_else(|| ImageError::new(format!("{blob}: no blob")))?;
        let (digest, bytes) = component::keep(&self.store.dir, &blob, Some(&layer.digest))?;
        let names = self.names(tags)?.into_iter();
        let record = |name| Ok(component::record(parse(name)?.whole(), top.to_owned(), digest.clone(), bytes));
        names.map(record).collect()
    }

    /// What an image is called.
    fn names<'a>(&'a self, tags: &'a [String]) -> Result<Vec<&'a str>, ImageError> {
        match (self.name, tags) {
            (Some(name), _) => Ok(vec![name]),
            (None, []) => Err(ImageError::new("the archive does not name its image: give it a name")),
            (None, tags) => Ok(tags.iter().map(String::as_str).collect()),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    sha2::Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}
