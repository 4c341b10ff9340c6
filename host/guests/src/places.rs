//! Where things lie.

use std::path::{Path, PathBuf};

/// The top folder of the clone.
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}

/// The workspace of the guests.
pub fn plugins() -> PathBuf {
    root().join("plugins")
}

/// The interfaces.
pub fn wit() -> PathBuf {
    root().join("wit")
}

/// Where finished components are put: `NAME.wasm` each.
pub fn output() -> PathBuf {
    root().join("target").join("guests")
}

/// A folder for what is expensive to make and never needed for correctness, shared by all clones: the one that `cargo xtask tools` uses.
pub fn cache() -> PathBuf {
    let base = match (std::env::var_os("XDG_CACHE_HOME"), std::env::var_os("HOME")) {
        (Some(dir), _) if !dir.is_empty() => PathBuf::from(dir),
        (_, Some(home)) if !home.is_empty() => Path::new(&home).join(".cache"),
        _ => root().join("target").join("cache"),
    };
    base.join("colchis")
}

/// Where cargo keeps what it downloads.
pub(crate) fn cargo_home() -> Option<PathBuf> {
    match (std::env::var_os("CARGO_HOME"), std::env::var_os("HOME")) {
        (Some(dir), _) if !dir.is_empty() => Some(PathBuf::from(dir)),
        (_, Some(home)) if !home.is_empty() => Some(Path::new(&home).join(".cargo")),
        _ => None,
    }
}
