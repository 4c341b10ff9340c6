//! Tools from a package registry, in a folder of the cache that is keyed by what is in it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{cache, places};

/// Written when everything else is there.
const DONE: &str = "complete";

/// Names a program where tests look for the tools that they start (`target/tools/bin`). It is for them alone: what cannot be named is no error here.
pub(super) fn link(name: &str, program: &Path) {
    let folder = places::root().join("target").join("tools").join("bin");
    let link = folder.join(name);
    if std::fs::read_link(&link).is_ok_and(|there| there == program) {
        return;
    }
    let _ = std::fs::create_dir_all(&folder);
    let _ = std::fs::remove_file(&link);
    let _ = std::os::unix::fs::symlink(program, &link);
}

/// The folder of a tool, made when it is not there. `words` are all that the tool depends on: its pinned versions, the interpreter's.
pub(super) fn provide(name: &str, words: &[&str], make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let mut key = cache::Key::default();
    key.word(std::env::consts::ARCH);
    key.word(std::env::consts::OS);
    words.iter().for_each(|word| key.word(word));
    let folder = places::cache().join("tools").join(format!("{name}-{}", key.finish()));
    if folder.join(DONE).is_file() {
        return Ok(folder);
    }
    let _lock = cache::lock(&folder.with_extension("lock"))?;
    if !folder.join(DONE).is_file() {
        // What somebody began and did not end.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        make(&folder).with_context(|| format!("fetching the tool {name}"))?;
        cache::write_whole(&folder.join(DONE), b"")?;
    }
    Ok(folder)
}
