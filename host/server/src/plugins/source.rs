//! Components, from where a `Plugin` says, and those that were in service before.

use std::io::{self, Write as _};
use std::path::{Component as Part, Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use model::plugin::PluginSource;
use plugin_registry::{RegistryError, Signer};
use sha2::{Digest, Sha256};

use super::signatures::Signed;
use super::wanted::Wrong;

/// The largest component that is read (bytes).
const COMPONENT_BYTES_MAX: u64 = 64 << 20;

/// The fields that say where a component comes from.
pub(super) const FILE: &str = "spec.source.file";
pub(super) const REFERENCE: &str = "spec.source.oci.reference";

/// A component, and what is known of it.
pub(super) struct Got {
    pub(super) bytes: Bytes,
    pub(super) signed: Signed,
    /// When to look for another.
    pub(super) next: Again,
}

/// Why there are no bytes.
#[derive(Debug, thiserror::Error)]
pub(super) enum SourceError {
    /// The object says it in a way that cannot be.
    #[error(transparent)]
    Wrong(#[from] Wrong),
    /// It cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Its registry does not give it.
    #[error("{field}: {source}{fix}")]
    Registry {
        /// The field to look at.
        field: &'static str,
        /// Why.
        #[source]
        source: RegistryError,
        /// What to do.
        fix: &'static str,
    },
    /// Nobody whom the server trusts has signed it.
    #[error(
        "{field}: not signed as plugins.signatures of the server asks: {why}; sign it with a key that is trusted \
         (`colchis plugin push --sign`)"
    )]
    Unsigned {
        /// The field to look at.
        field: &'static str,
        /// Why no signature counts.
        why: String,
        /// Somebody may sign it yet.
        again: Again,
    },
    /// The server's own rules for what leaves it.
    #[error("spec.source.oci.reference: {0}")]
    Egress(String),
    /// The Secret to sign in with cannot be used.
    #[error("spec.source.oci.pullSecret: {0}")]
    PullSecret(String),
}

impl SourceError {
    /// The condition's reason.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Wrong(_) => "BadSpec",
            Self::Read { .. } => "SourceUnreadable",
            Self::PullSecret(_) => "BadPullSecret",
            Self::Unsigned { .. } => "NotSigned",
            Self::Egress(_) => "Denied",
            Self::Registry { source, .. } => match source {
                RegistryError::Credentials { .. } => "RegistryRefuses",
                RegistryError::NotFound { .. } => "NotInRegistry",
                RegistryError::Unreachable { .. } | RegistryError::Answer { .. } => "RegistryUnreachable",
                RegistryError::Artifact { .. } => "NotAnArtifact",
                RegistryError::Content { .. } => "DigestMismatch",
                RegistryError::Reference { .. } | RegistryError::Key(_) => "BadSpec",
            },
        }
    }

    /// Whether what is in service is still what the object asks for, as far as anybody can tell.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::Registry { source: RegistryError::Unreachable { .. }, .. })
    }

    /// When to try again, without the object being changed.
    pub(super) fn again(&self) -> Again {
        match self {
            Self::Wrong(_) => Again::No,
            Self::Read { .. } => Again::Round,
            Self::Registry { source, .. } if !source.may_pass() => Again::No,
            Self::Unsigned { again, .. } => *again,
            Self::Registry { .. } | Self::PullSecret(_) | Self::Egress(_) => Again::BackOff,
        }
    }
}

/// When something is looked at again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// Never.
    No,
    /// With the next round.
    Round,
    /// After this time.
    After(Duration),
    /// After a pause that grows each time.
    BackOff,
}

/// Reads the component in the file that a plugin's object names. Blocks.
pub(super) fn read(source: &PluginSource, folder: &Path) -> Result<Bytes, SourceError> {
    let wrong = |field: &str, why: &str| Wrong { field: field.to_owned(), why: why.to_owned() };
    match (source.file.as_deref(), &source.oci) {
        (Some(file), None) => {
            let path = inside(folder, file).ok_or_else(|| {
                wrong("spec.source.file", "expected a path below the server's folder of plugins (`plugins.folder`)")
            })?;
            let failed = |source| SourceError::Read { path: path.clone(), source };
            let size = std::fs::metadata(&path).map_err(failed)?.len();
            if size > COMPONENT_BYTES_MAX {
                let why = format!("it has {size} bytes, more than component_bytes_max ({COMPONENT_BYTES_MAX})");
                return Err(failed(io::Error::other(why)));
            }
            std::fs::read(&path).map(Bytes::from).map_err(failed)
        }
        _ => Err(wrong("spec.source", "expected either `file` or `oci`").into()),
    }
}

/// What tells that a file is another than it was: when it was written, and how large it is.
pub(super) type Stamp = (SystemTime, u64);

/// That of the file that a plugin's object names, if it names one that is there. Blocks.
pub(super) fn stamp(source: &PluginSource, folder: &Path) -> Option<Stamp> {
    let found = std::fs::metadata(inside(folder, source.file.as_deref()?)?).ok()?;
    Some((found.modified().ok()?, found.len()))
}

/// The path of a file below a folder, unless it leads out of it, by itself or by a link.
fn inside(folder: &Path, file: &str) -> Option<PathBuf> {
    let relative = Path::new(file);
    if file.is_empty() || !relative.components().all(|part| matches!(part, Part::Normal(_))) {
        return None;
    }
    let path = folder.join(relative);
    match (path.canonicalize(), folder.canonicalize()) {
        (Ok(real), Ok(root)) => real.starts_with(root).then_some(path),
        // Reading it says why.
        _ => Some(path),
    }
}

/// How the name of a file ends that says who signed the component beside it.
const SIGNER: &str = "signer";

/// Components that were in service, by digest: a server that starts while the source is broken goes on with the last good one.
#[derive(Debug, Clone)]
pub(super) struct Kept(pub(super) PathBuf);

impl Kept {
    fn place(&self, digest: &str) -> Option<PathBuf> {
        let hash =
            digest.strip_prefix("sha256:").filter(|h| h.len() == 64 && h.bytes().all(|b| b.is_ascii_hexdigit()))?;
        Some(self.0.join(format!("{hash}.wasm")))
    }

    /// Keeps one, and who signed it. Blocks.
    pub(super) fn keep(&self, digest: &str, component: &[u8], signer: Option<&Signer>) -> io::Result<()> {
        let Some(place) = self.place(digest) else { return Ok(()) };
        if let Some(signer) = signer.filter(|signer| self.signer(digest).as_ref() != Some(signer)) {
            self.write(&place.with_extension(SIGNER), &serde_json::to_vec(signer)?)?;
        }
        if place.exists() { Ok(()) } else { self.write(&place, component) }
    }

    fn write(&self, place: &Path, content: &[u8]) -> io::Result<()> {
        std::fs::create_dir_all(&self.0)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.0)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(place).map(|_| ()).map_err(|error| error.error)
    }

    /// Who signed one that was kept. Blocks.
    pub(super) fn signer(&self, digest: &str) -> Option<Signer> {
        serde_json::from_slice(&std::fs::read(self.place(digest)?.with_extension(SIGNER)).ok()?).ok()
    }

    /// Forgets all but these. Blocks.
    pub(super) fn keep_only(&self, digests: &[String]) -> io::Result<()> {
        let places = digests.iter().filter_map(|digest| self.place(digest));
        let kept: Vec<PathBuf> = places.flat_map(|place| [place.with_extension(SIGNER), place]).collect();
        let entries = match std::fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let path = entry?.path();
            if !kept.contains(&path) {
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// One that was kept, if its content is still what it was. Blocks.
    pub(super) fn find(&self, digest: &str) -> Option<Bytes> {
        let bytes = std::fs::read(self.place(digest)?).ok()?;
        let found: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
        (digest == format!("sha256:{found}")).then(|| bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> PluginSource {
        PluginSource { file: Some(name.to_owned()), ..PluginSource::default() }
    }

    #[test]
    fn nothing_outside_the_folder_is_read() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("plugins");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(home.path().join("secret.wasm"), "x").unwrap();
        std::fs::write(folder.join("good.wasm"), "y").unwrap();
        std::os::unix::fs::symlink(home.path().join("secret.wasm"), folder.join("link.wasm")).unwrap();
        assert_eq!(&read(&file("good.wasm"), &folder).unwrap()[..], b"y");
        for bad in ["../secret.wasm", "/etc/passwd", "link.wasm", "", "./../secret.wasm", "a/../../secret.wasm"] {
            let error = read(&file(bad), &folder).unwrap_err();
            assert!(error.to_string().starts_with("spec.source.file: "), "{bad}: {error}");
        }
        assert!(read(&file("none.wasm"), &folder).unwrap_err().to_string().contains("none.wasm"));
        assert!(read(&PluginSource::default(), &folder).is_err());
    }

    #[test]
    fn what_was_kept_is_given_back_while_it_is_the_same() {
        let home = tempfile::tempdir().unwrap();
        let kept = Kept(home.path().join("kept"));
        let digest = "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
        assert!(kept.find(digest).is_none());
        let signer = Signer::Key("sha256:0".into());
        kept.keep(digest, b"x", None).unwrap();
        assert_eq!(kept.signer(digest), None);
        kept.keep(digest, b"x", Some(&signer)).unwrap();
        assert_eq!(kept.signer(digest), Some(signer));
        assert_eq!(&kept.find(digest).unwrap()[..], b"x");
        std::fs::write(kept.place(digest).unwrap(), "changed").unwrap();
        assert!(kept.find(digest).is_none());
        assert!(kept.place("sha256:../../etc").is_none());
        std::fs::write(kept.0.join("left.part"), "by a server that was killed").unwrap();
        kept.keep_only(&[digest.to_owned()]).unwrap();
        assert_eq!(std::fs::read_dir(&kept.0).unwrap().count(), 2);
        kept.keep_only(&[]).unwrap();
        assert_eq!(std::fs::read_dir(&kept.0).unwrap().count(), 0);
    }
}
