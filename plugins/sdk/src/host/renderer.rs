//! Source trees and the destination, for renderers.

use std::mem::ManuallyDrop;

use serde_json::Value;

use super::error_from;
use crate::bindings::manifest_renderer::colchis::manifest_renderer::{destination, source};
use crate::manifest_renderer::{Entry, EntryKind, Tree as PublicTree};
use crate::{Result, config};

#[derive(Debug)]
pub(crate) struct Tree(source::Tree);

impl Tree {
    pub(crate) fn owned(tree: source::Tree) -> Self {
        Self(tree)
    }

    /// Lends a tree that was lent: it is not dropped at the end.
    pub(crate) fn borrowed<T>(tree: &source::Tree, look: impl FnOnce(&PublicTree) -> T) -> T {
        // SAFETY: the handle is valid for as long as `tree` is, which outlives the closure, and `ManuallyDrop` keeps it from being dropped here.
        let lent = ManuallyDrop::new(PublicTree(Self(unsafe { source::Tree::from_handle(tree.handle()) })));
        look(&lent)
    }

    pub(crate) fn stat(&self, path: &str) -> Result<Entry> {
        self.0.stat(path).map(entry).map_err(error_from)
    }

    pub(crate) fn list(&self, path: &str) -> Result<Vec<Entry>> {
        let entries = self.0.list(path).map_err(error_from)?;
        Ok(entries.into_iter().map(entry).collect())
    }

    pub(crate) fn glob(&self, path: &str, pattern: &str) -> Result<Vec<String>> {
        self.0.glob(path, pattern).map_err(error_from)
    }

    pub(crate) fn read(&self, path: &str) -> Result<Vec<u8>> {
        self.0.read(path).map_err(error_from)
    }

    pub(crate) fn read_range(&self, path: &str, offset: u64, length: u32) -> Result<Vec<u8>> {
        self.0.read_range(path, offset, length).map_err(error_from)
    }
}

fn entry(entry: source::Entry) -> Entry {
    Entry {
        name: entry.name,
        kind: match entry.kind {
            source::EntryKind::File => EntryKind::File,
            source::EntryKind::Folder => EntryKind::Folder,
            source::EntryKind::Other(_) => EntryKind::Other,
        },
        size: entry.size,
        executable: entry.executable,
    }
}

pub(crate) fn lookup(api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Value> {
    let json = destination::lookup(api_version, kind, namespace, name).map_err(error_from)?;
    config::document(&json, "the host's answer")
}
