//! No forgotten file: every source is named in a module list, and a crate has one test binary.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::shell;

/// Looks at every crate of the workspace.
pub(super) fn check(problems: &mut Vec<String>) {
    let Ok(entries) = shell::root().join("host").read_dir() else { return };
    let mut crates: Vec<PathBuf> =
        entries.flatten().map(|e| e.path()).filter(|p| p.join("Cargo.toml").is_file()).collect();
    crates.push(shell::root().join("tests"));
    crates.sort();
    for folder in crates {
        one_test_binary(&folder, problems);
        forgotten(&folder, problems);
        heading(&folder, problems);
    }
}

fn one_test_binary(folder: &Path, problems: &mut Vec<String>) {
    let loose =
        shell::files(&folder.join("tests"), ".rs").into_iter().filter(|f| f.parent() == Some(&folder.join("tests")));
    for file in loose {
        problems.push(format!(
            "{}: every file here links a binary of its own; put it below tests/it/ and into the list of main.rs",
            shell::relative(&file)
        ));
    }
}

/// Every `.rs` that no module tree of the crate reaches.
fn forgotten(folder: &Path, problems: &mut Vec<String>) {
    let all = shell::files(folder, ".rs");
    // The end-to-end crate holds folders that are crates of their own.
    let own: Vec<&PathBuf> = all.iter().filter(|f| nearest_manifest(f) == Some(folder)).collect();
    let mut reached: HashSet<PathBuf> = HashSet::new();
    for file in &own {
        let name = file.file_name().unwrap_or_default();
        let is_root = ["lib.rs", "main.rs", "build.rs"].iter().any(|root| name == *root)
            || file.parent().is_some_and(|p| p.ends_with("bin") || p.ends_with("examples") || p.ends_with("benches"));
        if is_root {
            follow(file, true, &mut reached);
        }
    }
    for file in own {
        if !reached.contains(file) {
            problems.push(format!("{}: no module list names it, so it is never compiled", shell::relative(file)));
        }
    }
}

fn nearest_manifest(file: &Path) -> Option<&Path> {
    file.ancestors().skip(1).find(|dir| dir.join("Cargo.toml").is_file())
}

/// Adds a file and all it declares. `owns_folder`: its modules lie beside it (`lib.rs`, `main.rs`, `mod.rs`), not in a folder of its name.
fn follow(file: &Path, owns_folder: bool, reached: &mut HashSet<PathBuf>) {
    if !reached.insert(file.to_path_buf()) {
        return;
    }
    let Ok(text) = std::fs::read_to_string(file) else { return };
    let Some(parent) = file.parent() else { return };
    let below = if owns_folder { parent.to_path_buf() } else { parent.join(file.file_stem().unwrap_or_default()) };
    for (name, path) in declared(&text) {
        let candidates = match path {
            Some(path) => vec![(parent.join(path), true)],
            None => vec![(below.join(format!("{name}.rs")), false), (below.join(&name).join("mod.rs"), true)],
        };
        for (candidate, owns) in candidates.into_iter().filter(|(c, _)| c.is_file()) {
            follow(&candidate, owns, reached);
        }
    }
    for included in captures(&text, r#"include!\(\s*"([^"]+\.rs)"\s*\)"#) {
        follow(&parent.join(included), false, reached);
    }
}

/// `mod name;` with the `#[path = "…"]` before it.
fn declared(text: &str) -> Vec<(String, Option<String>)> {
    let Ok(pattern) = Regex::new(
        r#"(?m)(?:#\[path\s*=\s*"([^"]+)"\]\s*)?^\s*(?:pub(?:\([^)]*\))?\s+)?mod\s+(?:r#)?([A-Za-z_0-9]+)\s*;"#,
    ) else {
        return Vec::new();
    };
    pattern
        .captures_iter(text)
        .map(|c| (c.get(2).map_or("", |m| m.as_str()).to_owned(), c.get(1).map(|m| m.as_str().to_owned())))
        .collect()
}

fn captures(text: &str, pattern: &str) -> Vec<String> {
    let Ok(pattern) = Regex::new(pattern) else { return Vec::new() };
    pattern.captures_iter(text).filter_map(|c| Some(c.get(1)?.as_str().to_owned())).collect()
}

/// A crate opens by saying what it is.
fn heading(folder: &Path, problems: &mut Vec<String>) {
    for name in ["src/lib.rs", "src/main.rs"] {
        let file = folder.join(name);
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        if !text.starts_with("//!") {
            problems.push(format!("{}: opens without a `//!` head", shell::relative(&file)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_lists_are_read() {
        let text = "pub(crate) mod a;\n#[path = \"x/b.rs\"]\nmod b;\nmod c { }\n// mod d;\n";
        assert_eq!(declared(text), [("a".into(), None), ("b".into(), Some("x/b.rs".into()))]);
    }
}
