//! Where a unit's things lie, from its key alone.
//!
//! ```text
//!   <data>/logs/<workflow uid>/<node id>[#n]/   record and logs, until the run is forgotten
//!   <data>/agent/units/<n>/                     scratch, until the unit is released (see `slots`)
//!   <data>/volumes/<namespace>/<claim>/         claims
//! ```

use std::path::{Path, PathBuf};

use sha2::Digest;

/// A longer part of a key is cut, with a digest in place of the rest.
const PART_BYTES_MAX: usize = 110;

/// The lasting folder of one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Places {
    pub log_dir: PathBuf,
    data_dir: PathBuf,
}

impl Places {
    pub(crate) fn of(data_dir: &Path, key: &str) -> Self {
        let (uid, node) = key.split_once('/').unwrap_or(("none", key));
        let (uid, node) = (part(uid), part(node));
        Self { log_dir: logs_dir(data_dir).join(uid).join(node), data_dir: data_dir.to_owned() }
    }

    /// The unit's record, locked while its supervisor lives.
    pub(crate) fn record(&self) -> PathBuf {
        self.log_dir.join(crate::agent::protocol::RECORD_FILE)
    }

    /// A claim's folder; `None` for a name that is not one.
    pub(crate) fn claim_dir(&self, namespace: &str, claim: &str) -> Option<PathBuf> {
        let fine = |name: &str| !name.is_empty() && !name.contains('/') && !name.starts_with('.');
        (fine(namespace) && fine(claim)).then(|| self.data_dir.join("volumes").join(namespace).join(claim))
    }
}

/// The agent's folder.
pub(crate) fn agent_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("agent")
}

pub(crate) fn units_dir(data_dir: &Path) -> PathBuf {
    agent_dir(data_dir).join("units")
}

pub(crate) fn logs_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("logs")
}

/// A run's logs.
pub(crate) fn workflow_logs(data_dir: &Path, workflow_uid: &str) -> PathBuf {
    logs_dir(data_dir).join(part(workflow_uid))
}

/// A part of a key as a file's name: what is not plain is replaced, and then the whole is told apart by a digest.
fn part(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '#');
    if text.len() <= PART_BYTES_MAX && !text.is_empty() && text.chars().all(plain) && !text.starts_with('.') {
        return text.to_owned();
    }
    let digest: String = sha2::Sha256::digest(text.as_bytes()).iter().take(8).map(|b| format!("{b:02x}")).collect();
    let cut: String = text.chars().take(80).map(|c| if plain(c) && c != '.' { c } else { '_' }).collect();
    format!("{cut}-{digest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_leaves_its_folder() {
        let data = Path::new("/data");
        let places = Places::of(data, "uid-1/wf-123#2");
        assert_eq!(places.log_dir, Path::new("/data/logs/uid-1/wf-123#2"));
        for key in ["../../etc", "a/../../b", "a/b/c", "/", "a/.", &format!("a/{}", "x".repeat(400))] {
            let places = Places::of(data, key);
            assert!(places.log_dir.starts_with("/data/logs"), "{key}");
            let odd = |p: &Path| p.components().any(|c| c == std::path::Component::ParentDir);
            assert!(!odd(&places.log_dir), "{key}");
            assert!(places.log_dir.file_name().unwrap().len() < 250);
        }
        assert_ne!(Places::of(data, "a/b/c").log_dir, Places::of(data, "a/b_c").log_dir);
    }
}
