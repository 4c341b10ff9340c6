//! Guests written in Python and JavaScript: their tools are fetched once, from pip and npm, into the cache folder.

pub mod javascript;
pub mod python;
mod tools;
mod worlds;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::cache;

/// What goes into a guest: all its files without tests, documents and what tools leave behind.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let counts = |file: &PathBuf| {
        let inside = file.strip_prefix(folder).unwrap_or(file);
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let is_test = (name.starts_with("test_") && name.ends_with(".py")) || name.ends_with(".test.js");
        let left =
            inside.components().any(|part| part.as_os_str() == "__pycache__" || part.as_os_str() == "node_modules");
        !left && !is_test && !name.ends_with(".md")
    };
    Ok(cache::files(folder)?.into_iter().filter(counts).collect())
}

/// Adds what goes into guests of a folder beside theirs; one that is not there adds nothing.
fn folder_into(key: &mut cache::Key, plugins: &Path, name: &str) -> Result<()> {
    let folder = plugins.join(name);
    if folder.is_dir() {
        for file in files(&folder)? {
            key.file(plugins, &file)?;
        }
    }
    Ok(())
}

/// The first three numbers of a version, as `Python 3.11.7` or `v20.20.2`. What is not there is 0.
fn numbers(version: &str) -> [u64; 3] {
    let begins = version.find(|c: char| c.is_ascii_digit()).unwrap_or(version.len());
    let mut parts = version.get(begins..).unwrap_or_default().split('.').map(|part| {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        part.get(..end).and_then(|digits| digits.parse().ok()).unwrap_or(0)
    });
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}

/// Says when a program is older than a tool needs.
fn at_least(what: &str, version: &str, wanted: [u64; 3], hint: &str) -> Result<()> {
    if numbers(version) < wanted {
        let [major, minor, _] = wanted;
        bail!("{what} {major}.{minor} or newer is needed, and {} is installed; {hint}", version.trim());
    }
    Ok(())
}

/// What a tool wrote into a file, which goes.
fn taken(file: &Path, built: Result<()>) -> Result<Vec<u8>> {
    let bytes = built.and_then(|()| fs::read(file).with_context(|| format!("reading {}", file.display())));
    let _ = fs::remove_file(file);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_program_is_told_from_a_newer() {
        for (version, enough) in [("Python 3.11.7\n", true), ("v20.20.2", true), ("Python 3.9.2", false), ("", false)] {
            assert_eq!(at_least("it", version, [3, 11, 0], "").is_ok(), enough, "{version}");
        }
        let error = at_least("Python", "Python 3.9.2\n", [3, 11, 0], "install it").unwrap_err().to_string();
        assert_eq!(error, "Python 3.11 or newer is needed, and Python 3.9.2 is installed; install it");
    }

    #[test]
    fn tests_and_what_tools_leave_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        for name in
            ["app.py", "test_app.py", "__pycache__/app.pyc", "a/b.js", "a/b.test.js", "node_modules/x.js", "README.md"]
        {
            fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(files(folder.path()).unwrap(), [folder.path().join("a/b.js"), folder.path().join("app.py")]);
    }
}
