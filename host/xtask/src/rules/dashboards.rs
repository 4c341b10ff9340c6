//! What dashboards and alerts ask for is what the server measures.

use std::collections::BTreeSet;

use regex::Regex;

use crate::shell;

/// Names that come from the scraper, not from the server.
const FROM_PROMETHEUS: &[&str] = &["up"];

/// Every metric named below `examples/observability` stands as a name in some source.
pub(super) fn check(problems: &mut Vec<String>) {
    let folder = shell::root().join("examples").join("observability");
    let Ok(pattern) = Regex::new(r"\b(?:argo_workflows|colchis|process)_[a-z0-9_]+\b|\bup\b") else { return };
    let mut asked: BTreeSet<(String, String)> = BTreeSet::new();
    for ending in [".json", ".yaml", ".md"] {
        for file in shell::files(&folder, ending) {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            asked.extend(pattern.find_iter(&text).map(|m| (m.as_str().to_owned(), shell::relative(&file))));
        }
    }
    let sources: String = shell::files(&shell::root().join("host"), ".rs")
        .iter()
        .filter(|file| !file.components().any(|c| c.as_os_str() == "xtask"))
        .filter_map(|file| std::fs::read_to_string(file).ok())
        .collect();
    for (name, file) in asked {
        let base =
            ["_bucket", "_sum", "_count", "_total"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
        let known = [name.as_str(), base].iter().any(|n| sources.contains(&format!("\"{n}\"")));
        if !known && !FROM_PROMETHEUS.contains(&name.as_str()) {
            problems.push(format!("{file}: nothing measures {name}"));
        }
    }
}
