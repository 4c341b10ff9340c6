//! Which licences and sources a dependency may have.
//!
//! A check of our own over `cargo metadata` rather than cargo-deny: building that tool from nothing takes minutes on two cores for the
//! two rules that are needed here. A licence expression is accepted when one of its alternatives has accepted parts only.

use anyhow::Result;

use crate::cargo::{Graph, Package};
use crate::shell;

/// Licences that are accepted everywhere: permissive ones.
const ACCEPTED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    "bzip2-1.0.6",
];

/// Packages with another licence, or none that can be read: name, the licence as it stands, why it is right.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("option-ext", "MPL-2.0", "file-level copyleft, used unchanged"),
    ("aws-lc-sys", "ISC AND (Apache-2.0 OR ISC) AND OpenSSL", "the OpenSSL part asks for a notice only"),
];

/// Where a dependency may come from.
const SOURCES: &[&str] = &["registry+https://github.com/rust-lang/crates.io-index"];

/// Checks every package of the graph, dev and build dependencies among them.
pub(crate) fn command(_: &[String]) -> Result<()> {
    let graph = Graph::load()?;
    let problems: Vec<String> = graph.metadata.packages.iter().filter_map(problem).collect();
    shell::verdict("packages", graph.metadata.packages.len(), &problems)
}

fn problem(package: &Package) -> Option<String> {
    let subject = format!("{} {}", package.name, package.version);
    if let Some(source) = &package.source
        && !SOURCES.contains(&source.as_str())
    {
        return Some(format!("{subject}: comes from {source}; only {} is a source here", SOURCES.join(", ")));
    }
    let Some(licence) = &package.license else {
        let file = package.license_file.as_deref().unwrap_or("no licence file");
        return Some(format!("{subject}: says no licence ({file})"));
    };
    if EXCEPTIONS.iter().any(|(name, text, _)| *name == package.name && *text == licence) || accepted(licence) {
        return None;
    }
    Some(format!("{subject}: licence `{licence}` is not in the list of host/xtask/src/licences.rs"))
}

/// Whether an SPDX expression (`AND` binds closer than `OR`; the old `/` means `OR`) leaves a choice that is accepted.
fn accepted(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let answer = either(&words, &mut at);
    answer && at == words.len()
}

fn either(words: &[&str], at: &mut usize) -> bool {
    let mut answer = both(words, at);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        answer |= both(words, at);
    }
    answer
}

fn both(words: &[&str], at: &mut usize) -> bool {
    let mut answer = one(words, at);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        answer &= one(words, at);
    }
    answer
}

fn one(words: &[&str], at: &mut usize) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let answer = either(words, at);
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return answer && closed;
    }
    let mut licence = (*word).to_owned();
    if words.get(*at) == Some(&"WITH") {
        licence = format!("{word} WITH {}", words.get(*at + 1).unwrap_or(&""));
        *at += 2;
    }
    ACCEPTED.contains(&licence.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dependency_is_accepted() {
        command(&[]).unwrap();
    }

    #[test]
    fn expressions() {
        for (expression, expected) in [
            ("MIT", true),
            ("MIT/Apache-2.0", true),
            ("GPL-3.0-only OR MIT", true),
            ("GPL-3.0-only AND MIT", false),
            ("(MIT OR GPL-2.0-only) AND Unicode-3.0", true),
            ("Apache-2.0 WITH LLVM-exception OR GPL-2.0-only", true),
            ("GPL-2.0-only WITH Classpath-exception-2.0", false),
            ("(MIT", false),
            ("MIT OR", true),
            ("AND MIT", false),
            ("", false),
        ] {
            assert_eq!(accepted(expression), expected, "{expression}");
        }
    }
}
