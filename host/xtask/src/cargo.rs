//! What cargo itself is asked: the dependency graph, formatting, lints.

use std::collections::HashMap;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::shell;

/// `cargo metadata`, as much of it as the checks read.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) workspace_members: Vec<String>,
    resolve: Resolve,
}

/// One package of the graph.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: Option<String>,
    pub(crate) license_file: Option<String>,
    /// Absent for a folder of the workspace.
    pub(crate) source: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Debug, Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<EdgeKind>,
}

#[derive(Debug, Deserialize)]
struct EdgeKind {
    /// Absent for an ordinary dependency; `dev` or `build` otherwise.
    kind: Option<String>,
}

/// The graph by name: what each package needs to be built into a product (dev dependencies apart).
pub(crate) struct Graph {
    pub(crate) metadata: Metadata,
    names: HashMap<String, usize>,
    edges: HashMap<usize, Vec<usize>>,
}

impl Graph {
    /// Asks cargo; never the network.
    pub(crate) fn load() -> Result<Self> {
        let text = shell::capture(
            shell::cargo()
                .args(["metadata", "--format-version=1", "--filter-platform=x86_64-unknown-linux-gnu"])
                .args(locked()),
        )
        .context("reading the dependency graph (is Cargo.lock up to date?)")?;
        let metadata: Metadata = serde_json::from_str(&text).context("reading what cargo metadata says")?;
        let ids: HashMap<&str, usize> = metadata.packages.iter().enumerate().map(|(i, p)| (p.id.as_str(), i)).collect();
        let mut edges: HashMap<usize, Vec<usize>> = HashMap::new();
        for node in &metadata.resolve.nodes {
            let Some(&from) = ids.get(node.id.as_str()) else { continue };
            let ordinary = node.deps.iter().filter(|e| e.dep_kinds.iter().any(|k| k.kind.as_deref() != Some("dev")));
            edges.insert(from, ordinary.filter_map(|e| ids.get(e.pkg.as_str()).copied()).collect());
        }
        let names = metadata
            .packages
            .iter()
            .enumerate()
            .filter(|(_, p)| metadata.workspace_members.contains(&p.id))
            .map(|(i, p)| (p.name.clone(), i))
            .collect();
        Ok(Self { metadata, names, edges })
    }

    /// The workspace's own crates, sorted.
    pub(crate) fn members(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.names.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// Whether a package is one of ours.
    pub(crate) fn is_member(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// What a member names in its own manifest (dev dependencies apart).
    pub(crate) fn direct(&self, member: &str) -> Vec<&str> {
        let Some(from) = self.names.get(member) else { return Vec::new() };
        self.edges.get(from).into_iter().flatten().filter_map(|&i| self.name(i)).collect()
    }

    /// Everything a member pulls in, each with the path that leads there: `expr → regex → memchr`.
    pub(crate) fn reachable(&self, member: &str) -> Vec<(&str, String)> {
        let Some(&start) = self.names.get(member) else { return Vec::new() };
        let mut came_from: HashMap<usize, usize> = HashMap::new();
        let mut open = std::collections::VecDeque::from([start]);
        let mut order = Vec::new();
        while let Some(at) = open.pop_front() {
            for &next in self.edges.get(&at).into_iter().flatten() {
                if next != start && !came_from.contains_key(&next) {
                    came_from.insert(next, at);
                    order.push(next);
                    open.push_back(next);
                }
            }
        }
        order.into_iter().filter_map(|i| Some((self.name(i)?, self.path(&came_from, i)))).collect()
    }

    fn path(&self, came_from: &HashMap<usize, usize>, mut at: usize) -> String {
        let mut names = vec![self.name(at).unwrap_or_default()];
        while let Some(&before) = came_from.get(&at) {
            names.push(self.name(before).unwrap_or_default());
            at = before;
        }
        names.reverse();
        names.join(" → ")
    }

    fn name(&self, index: usize) -> Option<&str> {
        self.metadata.packages.get(index).map(|p| p.name.as_str())
    }
}

/// `cargo fmt --check`.
pub(crate) fn fmt(_: &[String]) -> Result<()> {
    shell::run(shell::cargo().args(["fmt", "--all", "--check"]))
}

/// Compiles the runner as it is where there is no Linux. Its calls of the machine are this machine's all the same: what another has not is for the reader to see.
pub(crate) fn plain(_: &[String]) -> Result<()> {
    let mut command = shell::cargo();
    command.args(["rustc", "--quiet", "-p", "runner-local", "--lib", "--profile", "check"]).args(locked());
    shell::run(command.args(["--", "--cfg", "colchis_plain", "-D", "warnings"]))
}

/// Clippy over everything, tests included; warnings are errors.
pub(crate) fn clippy(_: &[String]) -> Result<()> {
    shell::run(
        shell::cargo()
            .args(["clippy", "--workspace", "--all-targets", "--quiet"])
            .args(locked())
            .args(["--", "-D", "warnings"]),
    )
}

/// A landing must bring its `Cargo.lock`; while people work, cargo may complete it.
pub(crate) fn locked() -> Option<&'static str> {
    std::env::var_os("CI").is_some_and(|v| !v.is_empty()).then_some("--locked")
}
