//! What a commit holds, before it is checked out: a small repository can describe a tree without end.

use std::collections::HashMap;
use std::path::Path;

use super::program::Program;
use crate::archive::UnpackLimits;
use crate::failure::Failure;

/// A submodule in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gitlink {
    /// Its path.
    pub(super) path: String,
    /// Its commit.
    pub(super) commit: String,
}

/// What a tree holds.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) entries: u64,
    pub(super) bytes: u64,
    pub(super) links: Vec<Gitlink>,
}

/// Counts entries and bytes of a commit's tree onto `before`, and ends the counting where a limit is passed.
pub(super) async fn look(
    program: &Program,
    tree: &Path,
    commit: &str,
    limits: &UnpackLimits,
    before: (u64, u64),
) -> Result<Seen, Failure> {
    let mut seen = Seen { entries: before.0, bytes: before.1, links: Vec::new() };
    let (mut rest, mut passed) = (Vec::new(), None);
    let complaint = program
        .run(tree, &["ls-tree", "-r", "-l", "-z", "--full-tree", commit], &mut |bytes| {
            rest.extend_from_slice(bytes);
            while let Some(end) = rest.iter().position(|byte| *byte == 0) {
                let line: Vec<u8> = rest.drain(..=end).collect();
                seen.add(&line);
            }
            if seen.entries > limits.entries_max {
                passed = Some(("entriesMax", limits.entries_max));
            } else if seen.bytes > limits.total_bytes_max {
                passed = Some(("totalBytesMax", limits.total_bytes_max));
            }
            passed.is_none() && rest.len() <= limits.metadata_bytes_max
        })
        .await?;
    match (passed, complaint) {
        (Some((limit, max)), _) => Err(Failure::permanent(format!("the repository passes the limit {limit} of {max}"))),
        (None, Some(complaint)) => Err(Failure::permanent(format!("the tree of {commit} cannot be read: {complaint}"))),
        (None, None) => Ok(seen),
    }
}

impl Seen {
    /// Adds a line: `mode kind object size<TAB>path<NUL>`.
    fn add(&mut self, line: &[u8]) {
        self.entries += 1;
        let text = String::from_utf8_lossy(line.strip_suffix(b"\0").unwrap_or(line));
        let Some((head, path)) = text.split_once('\t') else { return };
        let mut words = head.split_whitespace();
        let (_, kind, object, size) = (words.next(), words.next(), words.next(), words.next());
        match (kind, object) {
            (Some("commit"), Some(commit)) => {
                self.links.push(Gitlink { path: path.to_owned(), commit: commit.to_owned() })
            }
            _ => self.bytes = self.bytes.saturating_add(size.and_then(|size| size.parse().ok()).unwrap_or(0)),
        }
    }
}

/// The addresses in a checkout's `.gitmodules`, by path.
pub(super) async fn modules(program: &Program, tree: &Path) -> Result<HashMap<String, String>, Failure> {
    let mut output = Vec::new();
    let arguments = ["config", "--blob", "HEAD:.gitmodules", "-z", "--get-regexp", r"^submodule\..*\.(path|url)$"];
    // No such file, or none of these in it, is a complaint and means no submodule.
    program
        .run(tree, &arguments, &mut |bytes| {
            output.extend_from_slice(bytes);
            output.len() <= 4 << 20
        })
        .await?;
    let text = String::from_utf8_lossy(&output);
    let (mut paths, mut urls) = (HashMap::new(), HashMap::new());
    for (name, value) in text.split('\0').filter_map(|line| line.split_once('\n')) {
        let Some(name) = name.strip_prefix("submodule.") else { continue };
        if let Some(name) = name.strip_suffix(".path") {
            paths.insert(name.to_owned(), value.to_owned());
        } else if let Some(name) = name.strip_suffix(".url") {
            urls.insert(name.to_owned(), value.to_owned());
        }
    }
    Ok(paths.into_iter().filter_map(|(name, path)| Some((path, urls.remove(&name)?))).collect())
}
