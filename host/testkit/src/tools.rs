//! Programs that tests start, and how a test says that it cannot run without one.
//!
//! `cargo xtask tools` puts them into `target/tools/bin`; `cargo xtask test` names that folder in `$COLCHIS_TOOLS` and counts the skips.

use std::io::Write;
use std::path::{Path, PathBuf};

/// The program `name`, searched in `$COLCHIS_TOOLS`, in `target/tools/bin` of the clone and in `PATH`.
pub fn find(name: &str) -> Option<PathBuf> {
    let named = std::env::var_os("COLCHIS_TOOLS").map(PathBuf::from);
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(|top| top.join("target/tools/bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    named
        .into_iter()
        .chain(built)
        .chain(std::env::split_paths(&path))
        .chain(["/usr/sbin", "/sbin"].iter().map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// The program `name`, or `None` after saying aloud that `test` is skipped for the want of it: `let Some(etcd) = need("etcd", "…") else { return };`
pub fn need(name: &str, test: &str) -> Option<PathBuf> {
    let found = find(name);
    if found.is_none() {
        skip(test, &format!("{name} is missing: `cargo xtask tools {name}` says why"));
    }
    found
}

/// Says aloud that a test is skipped, and why: on the terminal (past the test harness, which would keep it back) and in the file
/// that `$COLCHIS_SKIPPED` names.
pub fn skip(test: &str, reason: &str) {
    let line = format!("{test}: {reason}\n");
    let _ = std::io::stderr().write_all(format!("skipped: {line}").as_bytes());
    if let Some(file) = std::env::var_os("COLCHIS_SKIPPED") {
        let appended = std::fs::OpenOptions::new().create(true).append(true).open(file);
        let _ = appended.and_then(|mut file| file.write_all(line.as_bytes()));
    }
}

/// The folder of components: `$COLCHIS_GUESTS` or `target/guests` of the clone, if there are any.
pub fn guests() -> Option<PathBuf> {
    let named = std::env::var_os("COLCHIS_GUESTS").map(PathBuf::from);
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(|top| top.join("target/guests"));
    named.into_iter().chain(built).find(|folder| folder.join("greet.wasm").is_file())
}

/// The component of a plugin; `None` after saying aloud that `test` is skipped for the want of it.
pub fn guest(name: &str, test: &str) -> Option<PathBuf> {
    let found = guests().map(|folder| folder.join(format!("{name}.wasm"))).filter(|file| file.is_file());
    if found.is_none() {
        skip(test, &format!("{name}.wasm is missing: `cargo xtask guests {name}` says why"));
    }
    found
}
