//! What the sources of the pure crates may not call: clocks, files, sockets, threads, randomness, the environment.
//!
//! The dependency graph cannot show this, because all of it is in the standard library (and in jiff). Comments and tests are not looked at.

use std::path::Path;

use crate::layers::PURE;
use crate::shell;

/// A call and what it would smuggle in.
const BANNED: &[(&str, &str)] = &[
    ("SystemTime", "a clock"),
    ("Instant::now", "a clock"),
    ("Timestamp::now", "a clock"),
    ("Zoned::now", "a clock"),
    ("TimeZone::system", "the machine's time zone"),
    ("TimeZone::try_system", "the machine's time zone"),
    ("std::fs", "the file system"),
    ("File::open", "the file system"),
    ("std::net", "the network"),
    ("std::os", "the operating system"),
    ("std::thread", "threads"),
    ("std::process", "processes"),
    ("std::env::", "the environment"),
    ("std::io::stdin", "standard input"),
    ("std::io::stdout", "standard output"),
    ("rand::", "randomness"),
    ("getrandom", "randomness"),
    ("RandomState", "randomness (iteration order differs from run to run)"),
    ("Uuid::new_v4", "randomness"),
    ("static mut", "shared state"),
];

/// Beside these, in the crates that decide: what they iterate must come in the same order in every run. (Others may look things up.)
const BANNED_IN_ENGINES: &[(&str, &str)] = &[
    ("HashMap<", "an order that differs from run to run: IndexMap, BTreeMap or FxHashMap"),
    ("HashMap::new", "an order that differs from run to run: IndexMap, BTreeMap or FxHashMap"),
    ("HashSet<", "an order that differs from run to run: IndexSet, BTreeSet or FxHashSet"),
    ("HashSet::new", "an order that differs from run to run: IndexSet, BTreeSet or FxHashSet"),
];

/// Uses that are right all the same: file, call, why.
const ALLOWED: &[(&str, &str, &str)] =
    &[("host/engine-workflow/src/state/mod.rs", "HashMap<", "looked up; where its keys are listed they are sorted")];

/// Searches the sources of every pure crate.
pub(crate) fn check(problems: &mut Vec<String>) {
    for name in PURE {
        for file in shell::files(&shell::root().join("host").join(name).join("src"), ".rs") {
            if is_test_file(&file) {
                continue;
            }
            let Ok(text) = std::fs::read_to_string(&file) else { continue };
            let shown = shell::relative(&file);
            let engines: &[_] = if name.starts_with("engine") { BANNED_IN_ENGINES } else { &[] };
            for (line, call, what) in findings(&text, &[BANNED, engines]) {
                if !ALLOWED.iter().any(|(file, allowed, _)| *file == shown && *allowed == call) {
                    problems
                        .push(format!("{shown}:{line}: `{call}` brings in {what}; a pure crate is handed such values"));
                }
            }
        }
    }
}

/// A file that is compiled for tests alone, by its name.
fn is_test_file(file: &Path) -> bool {
    file.components().any(|c| c.as_os_str() == "tests" || c.as_os_str() == "tests.rs")
        || file.file_name().is_some_and(|n| n.to_string_lossy().ends_with("_tests.rs"))
}

/// The banned calls of a source text with their line, before its test module.
fn findings(text: &str, lists: &[&[(&'static str, &'static str)]]) -> Vec<(usize, &'static str, &'static str)> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("#[cfg(test)]") {
            break;
        }
        let code = line.split("//").next().unwrap_or_default();
        for (call, what) in lists.iter().copied().flatten() {
            if let Some(at) = code.find(call)
                && !is_inside_a_word(code, at)
            {
                found.push((index + 1, *call, *what));
            }
        }
    }
    found
}

/// `FxHashMap<` holds `HashMap<`, `operand::` holds `rand::`.
fn is_inside_a_word(code: &str, at: usize) -> bool {
    code.get(..at).and_then(|before| before.chars().next_back()).is_some_and(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(text: &str) -> Vec<&'static str> {
        findings(text, &[BANNED, BANNED_IN_ENGINES]).into_iter().map(|(_, call, _)| call).collect()
    }

    #[test]
    fn a_clock_is_found() {
        assert_eq!(calls("let t = std::time::Instant::now();"), ["Instant::now"]);
    }

    #[test]
    fn comments_words_and_tests_are_left_alone() {
        assert_eq!(
            calls(
                "// Instant::now is banned\nlet m: FxHashMap<u8, u8>; operand::x();\n#[cfg(test)]\nmod tests { std::fs::read(); }"
            ),
            [""; 0]
        );
    }
}
