//! Words and marks that do not belong into the product.

use regex::Regex;

use crate::shell;

/// Endings of the files that people read.
const READ: &[&str] =
    &[".rs", ".md", ".yaml", ".yml", ".toml", ".proto", ".wit", ".go", ".py", ".ts", ".js", ".sh", ".json"];

/// A pattern and why it is banned. Spelled so that this file does not match itself.
const BANNED: &[(&str, &str)] = &[
    (r"(^|[\s\x22'`(=])/wo[r]k/(main|shared|brief|\.)", "an absolute path of one person's machine"),
    (r"(^|[\s\x22'`(=])/home/[a-z]+/[a-z]", "an absolute path of one person's machine"),
    (r"(?i)\b(this|our|my|last|next|an? (earlier|later|parallel)) se[s]sion\b", "how the work was organised"),
    (r"(?i)\bissue (#|no\.? ?)?\d+", "a number of some tracker: say what it is about"),
    (r"(//|#|<!--)[/!]?\s*(TODO|FIXME|XXX)\b", "unfinished work: do it, or describe the limit where users see it"),
    (r"(?i)\b(chatgpt|claude|copilot|language model)\b", "how the work was written"),
    (r"\u{2028}|\u{200b}", "an invisible character"),
];

/// Whole files that are about such words.
const EXEMPT: &[&str] = &["host/xtask/src/rules/words.rs"];

/// Searches every text file of the clone.
pub(super) fn check(problems: &mut Vec<String>) {
    let patterns: Vec<(Regex, &str)> =
        BANNED.iter().filter_map(|(pattern, why)| Some((Regex::new(pattern).ok()?, *why))).collect();
    if patterns.len() != BANNED.len() {
        problems.push("a banned pattern is not a regular expression".into());
    }
    for ending in READ {
        for file in shell::files(shell::root(), ending) {
            let shown = shell::relative(&file);
            if EXEMPT.contains(&shown.as_str()) || super::is_generated(&shown) {
                continue;
            }
            let Ok(text) = std::fs::read_to_string(&file) else { continue };
            for (index, line) in text.lines().enumerate() {
                for (pattern, why) in &patterns {
                    if let Some(found) = pattern.find(line) {
                        problems.push(format!("{shown}:{}: `{}`: {why}", index + 1, found.as_str().trim()));
                    }
                }
            }
        }
    }
}
