//! From a folder of JavaScript to a component, with componentize-js.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{at_least, taken, tools, worlds};
use crate::{cache, places, process};

/// What to do when there is no Node.js.
const HINT: &str =
    "install Node.js (nodejs.org, or your system's packages nodejs and npm) and have `node` and `npm` in PATH";
/// What the tool needs.
const NODE_MIN: [u64; 3] = [20, 0, 0];
/// The tool's command, in what npm installed.
const TOOL: &str = "node_modules/.bin/componentize-js";

/// Node.js, with the tool beside it.
#[derive(Debug, Clone)]
pub struct Node {
    /// All that the tool is made of, for keys.
    pub key: String,
    folder: PathBuf,
}

impl Node {
    /// The one in `PATH`; the tool is fetched from npm when it is not there yet.
    pub fn find() -> Result<Self> {
        for program in ["node", "npm"] {
            if process::which(program).is_none() {
                bail!("`{program}` is not installed; {HINT}");
            }
        }
        let version = process::capture(Command::new("node").arg("--version"))?;
        at_least("Node.js", &version, NODE_MIN, HINT)?;
        let own = places::plugins().join("sdk-js/tools");
        let mut pinned = Vec::new();
        for name in ["package.json", "package-lock.json"] {
            let file = own.join(name);
            pinned.push((name, fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?));
        }
        let words: Vec<&str> = pinned.iter().map(|(_, text)| text.as_str()).chain([version.trim()]).collect();
        let folder = tools::provide("componentize-js", &words, |folder| {
            for (name, text) in &pinned {
                cache::write_whole(&folder.join(name), text.as_bytes())?;
            }
            process::run(Command::new("npm").args(["ci", "--silent", "--no-audit", "--no-fund"]).current_dir(folder))
        })?;
        tools::link("componentize-js", &folder.join(TOOL));
        // Comes with it; projects in TypeScript are bundled by it.
        tools::link("rolldown", &folder.join("node_modules/.bin/rolldown"));
        let mut key = cache::Key::default();
        words.iter().for_each(|word| key.word(word));
        Ok(Self { key: key.finish(), folder })
    }

    /// Makes the component of a guest's `app.js`, in a world of `plugins/worlds`.
    pub fn componentize(&self, name: &str, folder: &Path, world: &str) -> Result<Vec<u8>> {
        let out = places::cache().join("guests").join("javascript");
        fs::create_dir_all(&out).with_context(|| format!("creating {}", out.display()))?;
        let file = out.join(format!(".{name}-{}.wasm", std::process::id()));
        let built = process::run(
            Command::new("node")
                // The tool sees what is below its folder: the guest, and the kit beside it.
                .current_dir(places::plugins())
                .arg(self.folder.join(TOOL))
                .arg(folder.join("app.js"))
                .arg("--wit")
                .arg(worlds::folder(&places::wit(), &places::plugins().join("worlds"))?)
                .args(["--world-name", world, "--disable", "http", "fetch-event", "--out"])
                .arg(&file),
        );
        taken(&file, built)
    }
}

/// The world that a folder of JavaScript becomes a component of, and nothing when it becomes none: `colchis.world` in its `package.json`.
pub fn world(folder: &Path) -> Option<String> {
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("package.json")).ok()?).ok()?;
    Some(manifest.get("colchis")?.get("world")?.as_str()?.to_owned())
}

/// What goes into a guest beside its own folder: the kit, and the worlds.
pub(crate) fn shared(key: &mut cache::Key, plugins: &Path) -> Result<()> {
    for folder in ["sdk-js", "worlds"] {
        super::folder_into(key, plugins, folder)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_says_its_world() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(world(folder.path()), None);
        for (manifest, expected) in
            [(r#"{"colchis": {"world": "trigger"}}"#, Some("trigger")), (r#"{"name": "sdk"}"#, None), ("no", None)]
        {
            fs::write(folder.path().join("package.json"), manifest).unwrap();
            assert_eq!(world(folder.path()).as_deref(), expected, "{manifest}");
        }
    }
}
