//! `colchis:manifest-renderer/source` and `destination`: the trees that a renderer is lent, and what it may ask about where manifests go.

use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};
use plugin::{Capability, Entry, EntryKind, ErrorClass, Lookup, PluginError, Tree};
use serde_json::Value;
use wasmtime::component::Resource;

use super::{Answer, told};
use crate::bindings::imports::types;
use crate::bindings::renderer::colchis::manifest_renderer::{destination, source};
use crate::grants;
use crate::instance::State;

/// Bytes of a whole file (`read_bytes_max`), and of a piece.
const READ_BYTES_MAX: u64 = 64 << 20;
const PIECE_BYTES_MAX: u32 = 8 << 20;
/// Files that a pattern is compared with (`glob_files_max`), and folders in folders.
const GLOB_FILES_MAX: usize = 100_000;
const DEPTH_MAX: usize = 64;
/// Questions to the destination in one call (`lookups_max`).
const LOOKUPS_MAX: usize = 1_000;

/// A tree that a call is lent.
#[allow(unreachable_pub, reason = "bindgen names it")]
pub struct Lent(pub(crate) Arc<dyn Tree>);

/// A path without empty parts and `.`. One that leads out names nothing.
fn cleaned(path: &str) -> Result<String, PluginError> {
    let mut parts: Vec<&str> = Vec::new();
    let outside = || PluginError::new(ErrorClass::NotFound, "outside", format!("{path:?} is not inside of the tree"));
    if path.starts_with('/') || path.contains('\0') {
        return Err(outside());
    }
    for part in path.split('/') {
        match part {
            "" | "." => {}
            // `a/../b` is `b`, as a link that leads elsewhere is not followed here.
            ".." => drop(parts.pop().ok_or_else(outside)?),
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

fn entry(entry: Entry) -> source::Entry {
    source::Entry {
        name: entry.name,
        kind: match entry.kind {
            EntryKind::File => source::EntryKind::File,
            EntryKind::Folder => source::EntryKind::Folder,
            EntryKind::Other => source::EntryKind::Other("other".to_owned()),
        },
        size: entry.size,
        executable: entry.executable,
    }
}

/// Files below a folder whose paths match, sorted.
async fn matching(tree: &dyn Tree, folder: &str, pattern: &GlobMatcher) -> Result<Vec<String>, PluginError> {
    let full = |folder: &str, name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
    let (mut open, mut found, mut seen) = (vec![(folder.to_owned(), String::new(), 0)], Vec::new(), 0);
    while let Some((path, below, depth)) = open.pop() {
        for entry in tree.list(&path).await? {
            seen += 1;
            if seen > GLOB_FILES_MAX || depth > DEPTH_MAX {
                let message = format!(
                    "the tree has more than glob_files_max ({GLOB_FILES_MAX}) files, or folders {DEPTH_MAX} deep"
                );
                return Err(PluginError::new(ErrorClass::Permanent, "too-large", message));
            }
            let (path, below) = (full(&path, &entry.name), full(&below, &entry.name));
            match entry.kind {
                EntryKind::Folder => open.push((path, below, depth + 1)),
                EntryKind::File if pattern.is_match(&below) => found.push(path),
                EntryKind::File | EntryKind::Other => {}
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn pattern(text: &str) -> Result<GlobMatcher, PluginError> {
    let glob = GlobBuilder::new(text).literal_separator(true).build().map_err(|error| {
        PluginError::new(ErrorClass::Permanent, "bad-pattern", format!("{text:?} is no pattern for paths: {error}"))
    })?;
    Ok(glob.compile_matcher())
}

async fn whole(tree: &dyn Tree, path: &str) -> Result<Vec<u8>, PluginError> {
    let path = cleaned(path)?;
    let size = tree.stat(&path).await?.size;
    if size > READ_BYTES_MAX {
        let message =
            format!("{path} has {size} bytes, more than read_bytes_max ({READ_BYTES_MAX}); read it in pieces");
        return Err(PluginError::new(ErrorClass::Permanent, "too-large", message));
    }
    tree.read(&path, 0, READ_BYTES_MAX).await
}

impl source::Host for State {}

impl State {
    /// An error of a tree, as a call is told it.
    fn failed(&mut self, error: PluginError) -> types::PluginError {
        // That a file is not there is the tree's content; that it could not be read just now is not.
        self.lent.unsure |= error.class != ErrorClass::NotFound;
        told(error)
    }
}

impl source::HostTree for State {
    async fn stat(&mut self, tree: Resource<Lent>, path: String) -> Answer<source::Entry> {
        self.host_call()?;
        let tree = self.table.get(&tree)?.0.clone();
        let stat = async { tree.stat(&cleaned(&path)?).await };
        Ok(stat.await.map(entry).map_err(|error| self.failed(error)))
    }

    async fn list(&mut self, tree: Resource<Lent>, path: String) -> Answer<Vec<source::Entry>> {
        self.host_call()?;
        let tree = self.table.get(&tree)?.0.clone();
        let list = async { tree.list(&cleaned(&path)?).await };
        Ok(list.await.map(|entries| entries.into_iter().map(entry).collect()).map_err(|error| self.failed(error)))
    }

    async fn glob(&mut self, tree: Resource<Lent>, path: String, text: String) -> Answer<Vec<String>> {
        self.host_call()?;
        let tree = self.table.get(&tree)?.0.clone();
        let found = async { matching(&*tree, &cleaned(&path)?, &pattern(&text)?).await };
        Ok(found.await.map_err(|error| self.failed(error)))
    }

    async fn read(&mut self, tree: Resource<Lent>, path: String) -> Answer<Vec<u8>> {
        self.host_call()?;
        let tree = self.table.get(&tree)?.0.clone();
        Ok(whole(&*tree, &path).await.map_err(|error| self.failed(error)))
    }

    async fn read_range(&mut self, tree: Resource<Lent>, path: String, offset: u64, length: u32) -> Answer<Vec<u8>> {
        self.host_call()?;
        let tree = self.table.get(&tree)?.0.clone();
        let read = async { tree.read(&cleaned(&path)?, offset, u64::from(length.min(PIECE_BYTES_MAX))).await };
        Ok(read.await.map_err(|error| self.failed(error)))
    }

    async fn drop(&mut self, tree: Resource<Lent>) -> wasmtime::Result<()> {
        self.table.delete(tree)?;
        Ok(())
    }
}

impl destination::Host for State {
    async fn lookup(&mut self, api_version: String, kind: String, namespace: String, name: String) -> Answer<String> {
        self.host_call()?;
        let what = Lookup { api_version, kind, namespace, name };
        if !self.shared.grants.lookup {
            self.refuse(grants::hint_for(&self.shared.name, &Capability::Lookup));
            return Ok(Ok(Value::Null.to_string()));
        }
        // Asked twice, the answer is the same.
        if let Some((_, answer)) = self.lent.lookups.iter().find(|(asked, _)| *asked == what) {
            return Ok(Ok(answer.to_string()));
        }
        if self.lent.lookups.len() >= LOOKUPS_MAX {
            let message = format!("the call asked more than lookups_max ({LOOKUPS_MAX}) times");
            return Ok(Err(told(PluginError::new(ErrorClass::Permanent, "too-many", message))));
        }
        let answer = match self.lent.destination.clone() {
            Some(destination) => destination.lookup(&what).await,
            None => Ok(Value::Null),
        };
        Ok(match answer {
            Ok(answer) => {
                let text = answer.to_string();
                self.lent.lookups.push((what, answer));
                Ok(text)
            }
            Err(error) => {
                self.lent.unsure = true;
                Err(told(error))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out() {
        for (path, expect) in [
            ("", Some("")),
            ("a/b", Some("a/b")),
            ("./a//b/", Some("a/b")),
            ("a/../b", Some("b")),
            ("a/..", Some("")),
            ("..", None),
            ("a/../../b", None),
            ("/etc/passwd", None),
            ("a\0b", None),
        ] {
            assert_eq!(cleaned(path).ok().as_deref(), expect, "{path:?}");
        }
    }

    #[test]
    fn a_star_stays_in_its_folder() {
        for (text, path, expect) in [
            ("*.yaml", "a.yaml", true),
            ("*.yaml", "b/a.yaml", false),
            ("**/*.yaml", "a.yaml", true),
            ("**/*.yaml", "b/c/a.yaml", true),
            ("templates/*", "templates/a.tpl", true),
            ("{a,b}.yaml", "b.yaml", true),
        ] {
            assert_eq!(pattern(text).unwrap().is_match(path), expect, "{text} {path}");
        }
        assert!(pattern("[").is_err());
    }
}
