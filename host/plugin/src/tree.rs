//! A tree of files in memory.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Bound;

use async_trait::async_trait;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::{Entry, EntryKind, ErrorClass, PluginError, Result, Tree};

/// What stands at a path of a [`FileTree`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeFile {
    /// A file.
    File {
        /// Its content.
        content: Bytes,
        /// Whether it may be executed.
        executable: bool,
    },
    /// What cannot be read: a link that leads to no file of the tree.
    Other,
}

impl TreeFile {
    /// A file that is not executed.
    pub fn plain(content: impl Into<Bytes>) -> Self {
        Self::File { content: content.into(), executable: false }
    }

    fn bytes(&self) -> u64 {
        match self {
            Self::File { content, .. } => content.len() as u64,
            Self::Other => 0,
        }
    }
}

/// A path that no tree has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` {why}")]
pub struct BadTreePath {
    /// The path.
    pub path: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// Files by their paths. Folders are those that the paths name.
#[derive(Debug, Clone)]
pub struct FileTree {
    files: BTreeMap<String, TreeFile>,
    digest: String,
    bytes: u64,
}

impl FileTree {
    /// A tree of these files.
    ///
    /// # Errors
    /// A path is absolute, has empty parts, `.` or `..`, or leads through what is a file.
    pub fn new(files: BTreeMap<String, TreeFile>) -> std::result::Result<Self, BadTreePath> {
        let leaves = |part: &str| part.is_empty() || part == "." || part == "..";
        for path in files.keys() {
            let bad = |why| Err(BadTreePath { path: path.clone(), why });
            if path.split('/').any(leaves) {
                return bad("is not a relative path without . and ..");
            }
            if path.match_indices('/').any(|(at, _)| path.get(..at).is_some_and(|above| files.contains_key(above))) {
                return bad("lies in what is a file");
            }
        }
        let (digest, bytes) = (digest(&files), files.values().map(TreeFile::bytes).sum());
        Ok(Self { files, digest, bytes })
    }

    /// Bytes of all files together.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Its files, by path.
    pub fn files(&self) -> &BTreeMap<String, TreeFile> {
        &self.files
    }

    /// What stands at a path that has been [`cleaned`].
    fn entry(&self, path: &str) -> Result<Entry> {
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        match self.files.get(path) {
            Some(TreeFile::File { content, executable }) => {
                Ok(Entry { name, kind: EntryKind::File, size: content.len() as u64, executable: *executable })
            }
            Some(TreeFile::Other) => Ok(Entry { name, kind: EntryKind::Other, size: 0, executable: false }),
            None if path.is_empty() || self.below(path).next().is_some() => {
                Ok(Entry { name, kind: EntryKind::Folder, size: 0, executable: false })
            }
            None => Err(PluginError::new(ErrorClass::NotFound, "no-file", format!("there is no file {path}"))),
        }
    }

    /// The paths below a folder, without its own.
    fn below<'a>(&'a self, folder: &str) -> impl Iterator<Item = &'a str> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let from = (Bound::Included(prefix.clone()), Bound::Unbounded);
        self.files.range::<String, _>(from).map_while(move |(path, _)| path.strip_prefix(prefix.as_str()))
    }
}

/// Each part with its length before it, so that no two trees are written alike.
fn digest(files: &BTreeMap<String, TreeFile>) -> String {
    let mut hash = Sha256::new();
    for (path, file) in files {
        let (content, kind) = match file {
            TreeFile::File { content, executable } => (&content[..], u8::from(*executable)),
            TreeFile::Other => (&[][..], 2),
        };
        for part in [path.as_bytes(), content, &[kind]] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    hash.finalize().iter().fold("sha256:".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A path without `.` and empty parts; one that leaves the tree names nothing.
fn cleaned(path: &str) -> Result<String> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    match parts.contains(&"..") {
        true => {
            Err(PluginError::new(ErrorClass::Denied, "outside", format!("{path} may be outside of the source tree")))
        }
        false => Ok(parts.join("/")),
    }
}

#[async_trait]
impl Tree for FileTree {
    fn digest(&self) -> &str {
        &self.digest
    }

    async fn stat(&self, path: &str) -> Result<Entry> {
        self.entry(&cleaned(path)?)
    }

    async fn list(&self, path: &str) -> Result<Vec<Entry>> {
        let folder = cleaned(path)?;
        if self.entry(&folder)?.kind != EntryKind::Folder {
            return Err(PluginError::new(ErrorClass::NotFound, "no-folder", format!("{path} is no folder")));
        }
        let mut names: Vec<&str> = self.below(&folder).filter_map(|path| path.split('/').next()).collect();
        names.sort_unstable();
        names.dedup();
        let full = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        names.into_iter().map(|name| self.entry(&full(name))).collect()
    }

    async fn read(&self, path: &str, offset: u64, length: u64) -> Result<Vec<u8>> {
        let path = cleaned(path)?;
        let Some(TreeFile::File { content, .. }) = self.files.get(&path) else {
            return Err(PluginError::new(ErrorClass::NotFound, "no-file", format!("there is no file {path}")));
        };
        let at = |value: u64| usize::try_from(value).unwrap_or(usize::MAX).min(content.len());
        Ok(content.slice(at(offset)..at(offset.saturating_add(length))).to_vec())
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn tree(paths: &[&str]) -> std::result::Result<FileTree, BadTreePath> {
        let file = |path: &&str| ((*path).to_owned(), TreeFile::plain(format!("text of {path}")));
        FileTree::new(paths.iter().map(file).collect())
    }

    /// Nothing in memory waits.
    fn now<T>(future: impl Future<Output = T>) -> T {
        future.now_or_never().unwrap()
    }

    #[test]
    fn paths_are_a_tree() {
        let tree = tree(&["Chart.yaml", "templates/a.yaml", "templates/b/c.yaml", "templates.txt"]).unwrap();
        let names = |path: &str| {
            let entries = now(tree.list(path)).unwrap();
            entries.into_iter().map(|entry| (entry.name, entry.kind == EntryKind::Folder)).collect::<Vec<_>>()
        };
        let (file, folder) = (|n: &str| (n.to_owned(), false), |n: &str| (n.to_owned(), true));
        assert_eq!(names(""), [file("Chart.yaml"), folder("templates"), file("templates.txt")]);
        assert_eq!(names("./templates/"), [file("a.yaml"), folder("b")]);
        assert_eq!(now(tree.read("templates/a.yaml", 5, 2)).unwrap(), b"of");
        assert_eq!(now(tree.read("templates/a.yaml", 500, u64::MAX)).unwrap(), b"");
        assert_eq!(now(tree.stat("")).unwrap().kind, EntryKind::Folder);
        for none in ["template", "templates/a.yaml/x", "templates/z"] {
            assert_eq!(now(tree.stat(none)).unwrap_err().class, ErrorClass::NotFound, "{none}");
        }
        assert_eq!(now(tree.read("templates/../Chart.yaml", 0, 1)).unwrap_err().class, ErrorClass::Denied);
        assert!(now(tree.list("Chart.yaml")).is_err() && now(tree.read("templates", 0, 1)).is_err());
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        for bad in ["", "/a", "a//b", "../a", "a/../b", "./a", "a/"] {
            assert!(tree(&[bad]).is_err(), "{bad}");
        }
        assert_eq!(tree(&["a", "a/b"]).unwrap_err().why, "lies in what is a file");
    }

    #[test]
    fn the_digest_is_that_of_the_content() {
        assert_eq!(tree(&["a", "b"]).unwrap().digest(), tree(&["b", "a"]).unwrap().digest());
        assert_ne!(tree(&["a"]).unwrap().digest(), tree(&["b"]).unwrap().digest());
    }
}
