//! The folder of interfaces as tools of other languages want it: `plugins/worlds`, and what it names in `deps`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{cache, places};

/// Puts the folder together in the cache, under a key of its content.
pub(super) fn folder(interfaces: &Path, worlds: &Path) -> Result<PathBuf> {
    let mut wanted: Vec<(PathBuf, PathBuf)> = Vec::new();
    for file in wit_files(worlds)? {
        wanted.push((file.strip_prefix(worlds).unwrap_or(&file).to_path_buf(), file.clone()));
    }
    for file in wit_files(interfaces)? {
        let inside = file.strip_prefix(interfaces).unwrap_or(&file);
        if !inside.starts_with("released") {
            // WASI's packages lie in a folder `deps` already.
            wanted.push((Path::new("deps").join(inside.strip_prefix("deps").unwrap_or(inside)), file.clone()));
        }
    }
    let mut key = cache::Key::default();
    for (_, file) in &wanted {
        key.file(if file.starts_with(worlds) { worlds } else { interfaces }, file)?;
    }
    let made = places::cache().join("guests").join("worlds").join(key.finish());
    let _lock = cache::lock(&made.with_extension("lock"))?;
    for (inside, file) in &wanted {
        let place = made.join(inside);
        if !place.is_file() {
            let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
            cache::write_whole(&place, &bytes)?;
        }
    }
    Ok(made)
}

fn wit_files(folder: &Path) -> Result<Vec<PathBuf>> {
    Ok(cache::files(folder)?.into_iter().filter(|file| file.extension().is_some_and(|end| end == "wit")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worlds_of_the_kits_are_worlds() {
        let (interfaces, worlds) = (places::wit(), places::plugins().join("worlds"));
        let graph = crate::wit::load(&[&interfaces.join("deps"), &interfaces, &worlds]).unwrap();
        let mut names: Vec<&str> = graph.worlds.iter().map(|(_, world)| world.name.as_str()).collect();
        names.retain(|name| *name == "asking" || name.starts_with("event-"));
        names.sort_unstable();
        assert_eq!(names, ["asking", "event-receiver", "event-receiver", "event-subscriber", "event-subscriber"]);
    }
}
