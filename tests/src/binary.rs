//! The binary under test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The top folder of the clone.
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The `colchis` binary: the one that `$COLCHIS_BIN` names, or else built now, in the profile and target folder of this test.
///
/// # Panics
/// It does not build.
pub fn colchis() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("COLCHIS_BIN").filter(|p| !p.is_empty()) {
        Some(path) => root().join(path),
        None => build(),
    })
}

fn build() -> PathBuf {
    let own = std::env::current_exe().expect("a program knows where it is");
    // target/PROFILE/deps/it-… for tests, target/PROFILE/bench for the bench.
    let folder = own.ancestors().skip(1).find(|dir| !dir.ends_with("deps")).expect("a target folder").to_path_buf();
    let target = folder.parent().expect("a target folder");
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(other) => other,
    };
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(root())
        .env("CARGO_TARGET_DIR", target)
        .args(["build", "--quiet", "--package", "server", "--bin", "colchis", "--profile", profile])
        .status()
        .expect("cargo starts");
    assert!(status.success(), "the server does not build");
    folder.join("colchis")
}
