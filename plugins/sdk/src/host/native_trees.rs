//! Source trees and artifacts in tests: memory.

#![allow(dead_code, reason = "without the features of their kinds nobody asks")]

use std::collections::{BTreeMap, BTreeSet};

use super::native::with;
use crate::{Error, Result};

/// Files by path.
#[derive(Debug, Default)]
pub(crate) struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    pub(crate) fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(files.into_iter().map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).collect())
    }

    pub(crate) fn read(&self, path: &str) -> Result<Vec<u8>> {
        self.0.get(path).cloned().ok_or_else(|| Error::not_found(format!("no file `{path}`")))
    }

    pub(crate) fn read_range(&self, path: &str, offset: u64, length: u32) -> Result<Vec<u8>> {
        let bytes = self.read(path)?;
        let begin = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let end = begin.saturating_add(length as usize).min(bytes.len());
        Ok(bytes.get(begin..end).unwrap_or_default().to_vec())
    }

    /// Names right below a folder: with a size for files, without for folders.
    fn below(&self, folder: &str) -> Vec<(String, Option<u64>)> {
        let mut found = BTreeSet::new();
        for (path, bytes) in &self.0 {
            let rest = if folder.is_empty() {
                Some(path.as_str())
            } else {
                path.strip_prefix(folder).and_then(|p| p.strip_prefix('/'))
            };
            match rest.map(|rest| rest.split_once('/').ok_or(rest)) {
                Some(Ok((folder, _))) => found.insert((folder.to_owned(), None)),
                Some(Err(file)) => found.insert((file.to_owned(), Some(bytes.len() as u64))),
                None => false,
            };
        }
        found.into_iter().collect()
    }

    pub(crate) fn glob(&self, folder: &str, pattern: &str) -> Result<Vec<String>> {
        let Some(ending) = pattern.strip_prefix("**/*").filter(|ending| !ending.contains(['*', '?', '['])) else {
            return Err(Error::permanent(format!("tests know patterns as `**/*.yaml`, not `{pattern}`")));
        };
        let folder = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        Ok(self.0.keys().filter(|path| path.starts_with(&folder) && path.ends_with(ending)).cloned().collect())
    }
}

#[cfg(feature = "manifest-renderer")]
mod renderer {
    use serde_json::Value;

    use super::{Files, Result};
    use crate::Error;
    use crate::manifest_renderer::{Entry, EntryKind};

    #[derive(Debug, Default)]
    pub(crate) struct Tree(Files);

    impl Tree {
        pub(crate) fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
            Self(Files::of(files))
        }

        pub(crate) fn stat(&self, path: &str) -> Result<Entry> {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            if path.is_empty() {
                return Ok(entry((String::new(), None)));
            }
            let found = self.0.below(folder).into_iter().find(|(other, _)| other == name);
            found.map(entry).ok_or_else(|| Error::not_found(format!("nothing at `{path}`")))
        }

        pub(crate) fn list(&self, path: &str) -> Result<Vec<Entry>> {
            Ok(self.0.below(path).into_iter().map(entry).collect())
        }

        pub(crate) fn glob(&self, path: &str, pattern: &str) -> Result<Vec<String>> {
            self.0.glob(path, pattern)
        }

        pub(crate) fn read(&self, path: &str) -> Result<Vec<u8>> {
            self.0.read(path)
        }

        pub(crate) fn read_range(&self, path: &str, offset: u64, length: u32) -> Result<Vec<u8>> {
            self.0.read_range(path, offset, length)
        }
    }

    fn entry((name, size): (String, Option<u64>)) -> Entry {
        let kind = if size.is_some() { EntryKind::File } else { EntryKind::Folder };
        Entry { name, kind, size: size.unwrap_or_default(), executable: false }
    }

    pub(crate) fn lookup(_: &str, _: &str, _: &str, _: &str) -> Result<Value> {
        Ok(Value::Null)
    }
}

#[cfg(feature = "manifest-renderer")]
pub(crate) use renderer::{Tree, lookup};

/// An artifact: one file of memory, called by the empty path.
#[derive(Debug)]
pub(crate) struct Artifact(Vec<u8>);

impl Artifact {
    pub(crate) fn open(name: &str) -> Result<Self> {
        let bytes = with(|fakes| fakes.artifacts.get(name).cloned());
        bytes.map(Self).ok_or_else(|| Error::not_found(format!("no input artifact `{name}`")))
    }

    pub(crate) fn paths(&self) -> Result<Vec<String>> {
        Ok(vec![String::new()])
    }

    pub(crate) fn size(&self, _: &str) -> Result<u64> {
        Ok(self.0.len() as u64)
    }

    pub(crate) fn read(&self, path: &str, offset: u64, length: u32) -> Result<Vec<u8>> {
        Files(BTreeMap::from([(String::new(), self.0.clone())])).read_range(path, offset, length)
    }
}

#[derive(Debug)]
pub(crate) struct ArtifactWriter {
    name: String,
    bytes: Vec<u8>,
}

impl ArtifactWriter {
    pub(crate) fn create(name: &str) -> Result<Self> {
        Ok(Self { name: name.to_owned(), bytes: Vec::new() })
    }

    pub(crate) fn write(&mut self, _: &str, bytes: &[u8]) -> Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<()> {
        with(|fakes| fakes.artifacts.insert(self.name, self.bytes));
        Ok(())
    }
}

pub(crate) fn step_output(text: &[u8]) {
    with(|fakes| fakes.output.extend_from_slice(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_of_memory_is_as_a_host_would_show_it() {
        let files = Files::of([("a.yaml", "a"), ("deep/b.yaml", "bb"), ("deep/er/c.txt", "c")]);
        assert_eq!(files.below(""), [("a.yaml".to_owned(), Some(1)), ("deep".to_owned(), None)]);
        assert_eq!(files.below("deep"), [("b.yaml".to_owned(), Some(2)), ("er".to_owned(), None)]);
        assert_eq!(files.glob("", "**/*.yaml").unwrap(), ["a.yaml", "deep/b.yaml"]);
        assert_eq!(files.glob("deep", "**/*").unwrap(), ["deep/b.yaml", "deep/er/c.txt"]);
        assert_eq!(files.read_range("deep/b.yaml", 1, 9).unwrap(), b"b");
        assert!(files.glob("", "*.yaml").is_err());
        assert!(files.read("none").is_err());
    }
}
