//! What the README and the documents beside it tell people to type must be there.

use std::path::Path;

use regex::Regex;

use crate::shell;

const PAPERS: &[&str] =
    &["README.md", "host/ARCHITECTURE.md", "host/CONTRIBUTING.md", "host/STYLE.md", "examples/README.md"];

/// Looks at code blocks and links.
pub(super) fn check(problems: &mut Vec<String>) {
    for paper in PAPERS {
        let Ok(text) = std::fs::read_to_string(shell::root().join(paper)) else { continue };
        commands(paper, &text, problems);
        links(paper, &text, problems);
    }
}

/// `cargo xtask WORD` names a command, `examples/…` a file.
fn commands(paper: &str, text: &str, problems: &mut Vec<String>) {
    for word in captures(text, r"cargo xtask ([a-z-]+)") {
        if !crate::COMMANDS.iter().any(|c| c.name == word) {
            problems.push(format!("{paper}: `cargo xtask {word}` is no command"));
        }
    }
    for path in captures(text, r"(?:^|[\s`])((?:examples|host|proto|tests|plugins|wit)/[A-Za-z0-9_./-]*[A-Za-z0-9_])") {
        if !shell::root().join(&path).exists() {
            problems.push(format!("{paper}: {path} is not there"));
        }
    }
}

/// Relative links lead somewhere.
fn links(paper: &str, text: &str, problems: &mut Vec<String>) {
    let folder = shell::root().join(paper);
    let folder = folder.parent().unwrap_or(Path::new("."));
    for target in captures(text, r"\]\(([^)#:\s]+)(?:#[^)]*)?\)") {
        if !folder.join(&target).exists() {
            problems.push(format!("{paper}: the link to {target} leads nowhere"));
        }
    }
}

fn captures(text: &str, pattern: &str) -> Vec<String> {
    let Ok(pattern) = Regex::new(pattern) else { return Vec::new() };
    pattern.captures_iter(text).filter_map(|c| Some(c.get(1)?.as_str().to_owned())).collect()
}
