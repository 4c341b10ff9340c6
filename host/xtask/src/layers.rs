//! Who may depend on whom: the invariants of `host/ARCHITECTURE.md` as tables, checked against cargo's dependency graph.
//!
//! Dev dependencies are free (a test may see more than its crate), everything else counts, through any number of steps where the
//! table says *reachable*.

use anyhow::Result;

use crate::cargo::Graph;
use crate::{purity, shell};

/// The layer of each crate. A crate that is not here fails the check, so that a new one is placed on purpose.
/// A crate depends on its own layer and those above it in this list, except as [`SIDEWAYS`] says.
const LAYERS: &[(Layer, &[&str])] = &[
    (Layer::Words, &["model", "expr", "lint"]),
    (
        Layer::Engines,
        &[
            "engine",
            "engine-workflow",
            "engine-limiter",
            "engine-sync",
            "engine-rollout",
            "engine-events",
            "engine-workload",
        ],
    ),
    (
        Layer::Ports,
        &["store", "plugin", "plugin-registry", "componentize", "preinit", "runner", "source", "artifact", "egress"],
    ),
    (
        Layer::Adapters,
        &[
            "store-sqlite",
            "store-kube",
            "plugin-host",
            "runner-local",
            "runner-kube",
            "source-git",
            "blob",
            "fetch",
            "bus-nats",
        ],
    ),
    (Layer::Loop, &["runtime", "plugin-check"]),
    (Layer::Edges, &["proto-gen", "api", "client", "cli", "ui"]),
    (Layer::Root, &["server"]),
    (Layer::Tools, &["testkit", "simulator", "tests"]),
    (Layer::Apart, &["xtask", "guests"]),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    Words,
    Engines,
    Ports,
    Adapters,
    Loop,
    Edges,
    Root,
    Tools,
    /// Compiles alone, knows nothing of the product.
    Apart,
}

/// Layers that may not see a layer above them although the order would allow it: the layer, what it may not see, why.
const SIDEWAYS: &[(Layer, Layer, &str)] = &[
    (Layer::Ports, Layer::Engines, "a port carries words, never an engine's states"),
    (Layer::Adapters, Layer::Adapters, "an adapter knows its port, not its neighbours"),
    (Layer::Adapters, Layer::Engines, "an adapter knows its port, not the engines"),
    (Layer::Loop, Layer::Adapters, "runtime knows ports, never adapters"),
    (Layer::Edges, Layer::Adapters, "the edges know ports, never adapters; only server wires them"),
    (Layer::Edges, Layer::Engines, "the edges ask runtime, never an engine"),
    (Layer::Apart, Layer::Words, "the project's own tools know nothing of the product"),
];

/// Edges that the order forbids and that are right all the same: from, to, why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

/// Crates that decide and never act: everything they reach is searched for [`FORBIDDEN_BELOW_PURE`], their sources for clocks and files.
pub(crate) const PURE: &[&str] = &[
    "model",
    "expr",
    "engine",
    "engine-workflow",
    "engine-sync",
    "engine-rollout",
    "engine-events",
    "engine-workload",
];

/// What a pure crate may not reach, by any path. A `*` at the end matches the rest of the name.
const FORBIDDEN_BELOW_PURE: &[(&str, &str)] = &[
    ("tokio*", "async runtime"),
    ("async-std", "async runtime"),
    ("smol", "async runtime"),
    ("futures-executor", "async runtime"),
    ("mio", "network"),
    ("socket2", "network"),
    ("hyper*", "network"),
    ("reqwest*", "network"),
    ("tonic*", "network"),
    ("rustls*", "network"),
    ("rand", "randomness"),
    ("rand_core", "randomness"),
    ("getrandom", "randomness"),
    ("fastrand", "randomness"),
    ("uuid", "randomness"),
    ("tempfile", "file system"),
    ("walkdir", "file system"),
    ("rustix", "file system"),
    ("nix", "file system"),
    ("rusqlite", "file system"),
    ("libsqlite3-sys", "file system"),
    ("chrono", "clock: jiff is the calendar here"),
    ("iana-time-zone", "clock"),
    ("tracing-subscriber", "side effects"),
    ("wasmtime*", "wasmtime"),
    ("kube*", "Kubernetes"),
    ("k8s-openapi", "Kubernetes"),
];

/// Libraries that only the named crates may name in their manifests: pattern, crates, why.
const RESERVED: &[(&str, &[&str], &str)] = &[
    ("tonic*", &["proto-gen", "api", "client"], "gRPC is an edge"),
    ("prost*", &["proto-gen", "api", "client"], "wire types stay at the edges"),
    ("kube*", &["store-kube", "runner-kube"], "Kubernetes is an adapter"),
    ("k8s-openapi", &["store-kube", "runner-kube"], "Kubernetes is an adapter"),
    ("rusqlite", &["store-sqlite"], "SQL is an adapter's matter"),
    ("libsqlite3-sys", &["store-sqlite"], "SQL is an adapter's matter"),
    ("sqlx*", &["store-postgres"], "SQL is an adapter's matter"),
    (
        "wasmtime*",
        &["plugin-host", "preinit"],
        "Wasm is an adapter; preinit runs a compiler's output while it becomes a component",
    ),
    ("wit-*", &["plugin-host", "componentize", "guests"], "Wasm is an adapter"),
    ("wasi-preview1-component-adapter-provider", &["plugin-host", "componentize"], "Wasm is an adapter"),
    ("aws-sdk-*", &["blob"], "S3 is an artifact driver"),
    ("aws-*", &["blob", "plugin-host"], "S3 is an artifact driver; plugins have requests for AWS signed"),
    ("object_store", &["blob"], "object storage is an artifact driver"),
    ("clap*", &["cli", "server"], "flags belong to the command line"),
    ("anyhow", &["server", "cli", "xtask", "guests", "tests"], "libraries have typed errors"),
];

/// Checks the graph and the sources of the pure crates.
pub(crate) fn command(_: &[String]) -> Result<()> {
    let graph = Graph::load()?;
    let mut problems = Vec::new();
    for member in graph.members() {
        check_order(&graph, member, &mut problems);
        check_reserved(&graph, member, &mut problems);
        if PURE.contains(&member) {
            check_pure(&graph, member, &mut problems);
        }
    }
    purity::check(&mut problems);
    shell::verdict("crates", graph.members().len(), &problems)
}

fn layer_of(name: &str) -> Option<Layer> {
    LAYERS.iter().find(|(_, names)| names.contains(&name)).map(|(layer, _)| *layer)
}

fn check_order(graph: &Graph, member: &str, problems: &mut Vec<String>) {
    let Some(ours) = layer_of(member) else {
        problems.push(format!(
            "{member}: stands in no layer; place it in host/xtask/src/layers.rs and host/ARCHITECTURE.md"
        ));
        return;
    };
    for dependency in graph.direct(member).into_iter().filter(|d| graph.is_member(d)) {
        let Some(theirs) = layer_of(dependency) else { continue };
        if EXCEPTIONS.iter().any(|(from, to, _)| *from == member && *to == dependency) {
            continue;
        }
        if let Some((_, _, why)) = SIDEWAYS.iter().find(|(from, to, _)| *from == ours && *to == theirs) {
            problems.push(format!("{member} → {dependency}: {why}"));
        } else if theirs > ours {
            problems.push(format!("{member} ({ours:?}) → {dependency} ({theirs:?}): points down the order of layers"));
        }
    }
}

fn check_reserved(graph: &Graph, member: &str, problems: &mut Vec<String>) {
    for dependency in graph.direct(member).into_iter().filter(|d| !graph.is_member(d)) {
        for (pattern, allowed, why) in RESERVED {
            if matches(pattern, dependency) && !allowed.contains(&member) {
                problems.push(format!("{member} → {dependency}: only {} may ({why})", allowed.join(", ")));
            }
        }
    }
}

fn check_pure(graph: &Graph, member: &str, problems: &mut Vec<String>) {
    for (name, path) in graph.reachable(member) {
        if let Some((_, what)) = FORBIDDEN_BELOW_PURE.iter().find(|(pattern, _)| matches(pattern, name)) {
            problems.push(format!("{member} is pure, but reaches {what}: {path}"));
        }
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_keeps_its_layers() {
        command(&[]).unwrap();
    }

    #[test]
    fn a_pattern_ends_in_a_star_or_is_the_name() {
        assert!(matches("tokio*", "tokio-util"));
        assert!(matches("mio", "mio"));
        assert!(!matches("mio", "mio-extras"));
    }

    #[test]
    fn no_crate_stands_in_two_layers() {
        let mut names: Vec<_> = LAYERS.iter().flat_map(|(_, names)| names.iter()).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
