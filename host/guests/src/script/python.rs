//! From a folder of Python to a component, with componentize-py.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{at_least, taken, tools, worlds};
use crate::{cache, places, process};

/// What to do when there is no Python.
const HINT: &str = "install Python with `venv` (Debian: python3 and python3-venv) and have `python3` in PATH";
/// What the kit is written for.
const PYTHON_MIN: [u64; 3] = [3, 11, 0];

/// Python, with the tool beside it.
#[derive(Debug, Clone)]
pub struct Python {
    /// All that the tool is made of, for keys.
    pub key: String,
    folder: PathBuf,
}

impl Python {
    /// The one in `PATH`; the tool is fetched from pip when it is not there yet.
    pub fn find() -> Result<Self> {
        if process::which("python3").is_none() {
            bail!("Python is not installed; {HINT}");
        }
        let version = process::capture(Command::new("python3").arg("--version"))?;
        at_least("Python", &version, PYTHON_MIN, HINT)?;
        process::capture(Command::new("python3").args(["-c", "import venv, ensurepip"]))
            .with_context(|| format!("Python has no `venv`: {HINT}"))?;
        let file = places::plugins().join("sdk-python/requirements.txt");
        let pinned = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let folder = tools::provide("componentize-py", &[&version, &pinned], |folder| {
            process::run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
            process::run(
                Command::new(folder.join("bin/python3"))
                    .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
                    .arg(&file),
            )
        })?;
        tools::link("componentize-py", &folder.join("bin/componentize-py"));
        Ok(Self { key: format!("{version}{pinned}"), folder })
    }

    /// Makes the component of a guest's module `app`, in a world of `plugins/worlds`.
    pub fn componentize(&self, name: &str, folder: &Path, world: &str) -> Result<Vec<u8>> {
        let out = places::cache().join("guests").join("python");
        fs::create_dir_all(&out).with_context(|| format!("creating {}", out.display()))?;
        let file = out.join(format!(".{name}-{}.wasm", std::process::id()));
        let built = process::run(
            Command::new(self.folder.join("bin/componentize-py"))
                .current_dir(folder)
                .arg("--quiet")
                .arg("--wit-path")
                .arg(worlds::folder(&places::wit(), &places::plugins().join("worlds"))?)
                .args(["--world", world, "componentize", "--python-path", ".", "--python-path"])
                .arg(places::plugins().join("sdk-python"))
                .args(["app", "--output"])
                .arg(&file)
                // Or packages of whoever runs this would be in reach.
                .env("VIRTUAL_ENV", &self.folder)
                .env("PYTHONDONTWRITEBYTECODE", "1"),
        );
        taken(&file, built)
    }
}

/// The world that a folder of Python becomes a component of, and nothing when it becomes none: `world` of `[tool.colchis]` in its `pyproject.toml`.
pub fn world(folder: &Path) -> Option<String> {
    let manifest = fs::read_to_string(folder.join("pyproject.toml")).ok()?;
    let lines = manifest.lines().map(str::trim).skip_while(|line| *line != "[tool.colchis]").skip(1);
    let mut table = lines.take_while(|line| !line.starts_with('['));
    table.find_map(|line| {
        let value = line.strip_prefix("world")?.trim_start().strip_prefix('=')?;
        Some(value.trim().trim_matches('"').to_owned())
    })
}

/// What goes into a guest beside its own folder: the kit, and the worlds.
pub(crate) fn shared(key: &mut cache::Key, plugins: &Path) -> Result<()> {
    for folder in ["sdk-python", "worlds"] {
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
        let manifest = "[project]\nworld = \"no\"\n\n[tool.colchis]\nworld = \"trigger\"\n";
        fs::write(folder.path().join("pyproject.toml"), manifest).unwrap();
        assert_eq!(world(folder.path()).as_deref(), Some("trigger"));
        fs::write(folder.path().join("pyproject.toml"), "[project]\nname = \"sdk\"\n").unwrap();
        assert_eq!(world(folder.path()), None);
    }
}
