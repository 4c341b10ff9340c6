//! Reading what FILE, DIR, URL and `-` name.
//!
//! ```text
//!   FILE ─┐
//!   DIR  ─┤ every *.yaml, *.yml and *.json below it, in order of name; hidden ones and links to folders are left out
//!   URL  ─┤ http and https, through the host
//!   -    ─┴─► Vec<Source { name, text }>
//! ```

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bytes::Bytes;

use crate::error::{CliError, CliResult, Exit};
use crate::host::Host;

/// Size of one input.
pub const INPUT_BYTES_MAX: u64 = 256 << 20;
/// Files that one folder may hold.
const FILES_MAX: usize = 10_000;
/// Folders within folders.
const DEPTH_MAX: usize = 32;

/// One text that holds manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// As a person knows it: a path, a URL, `<stdin>`.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// Reads all of them, in the order named.
///
/// # Errors
/// One of them is not there, not readable, too large, or not text; a folder without manifests.
pub async fn read_all(host: &dyn Host, names: &[String]) -> CliResult<Vec<Source>> {
    let mut sources = Vec::new();
    let mut stdin_used = false;
    for name in names {
        if name == "-" {
            if std::mem::replace(&mut stdin_used, true) {
                return Err(CliError::usage("`-` is named twice: standard input can be read only once"));
            }
            let bytes = tokio::task::spawn_blocking(|| bounded(std::io::stdin().lock()))
                .await
                .context("standard input cannot be read")?;
            sources.push(source("<stdin>".into(), bytes.context("standard input cannot be read").map_err(unusable)?)?);
        } else if name.starts_with("http://") || name.starts_with("https://") {
            let bytes = host.fetch(name, INPUT_BYTES_MAX).await.map_err(|error| CliError::new(Exit::Usage, error))?;
            sources.push(source(name.clone(), bytes)?);
        } else {
            read_path(Path::new(name), &mut sources)?;
        }
    }
    Ok(sources)
}

/// Reads one file.
///
/// # Errors
/// As [`read_all`].
pub fn read_file(path: &Path) -> CliResult<Source> {
    let bytes = std::fs::File::open(path)
        .and_then(bounded)
        .with_context(|| format!("{} cannot be read", path.display()))
        .map_err(unusable)?;
    source(path.display().to_string(), bytes)
}

/// Reads the bytes of one file; `-` is standard input.
///
/// # Errors
/// It is not there, not readable, or too large.
pub async fn read_bytes(path: &Path) -> CliResult<Bytes> {
    let (name, from) = (path.display().to_string(), path.to_owned());
    let read = tokio::task::spawn_blocking(move || match from.as_os_str() == "-" {
        true => bounded(std::io::stdin().lock()),
        false => std::fs::File::open(from).and_then(bounded),
    });
    let bytes = read.await.context("the input cannot be read")?;
    bytes.map(Bytes::from).with_context(|| format!("{name} cannot be read")).map_err(unusable)
}

fn read_path(path: &Path, sources: &mut Vec<Source>) -> CliResult<()> {
    let kind =
        std::fs::metadata(path).with_context(|| format!("{} cannot be read", path.display())).map_err(unusable)?;
    if !kind.is_dir() {
        sources.push(read_file(path)?);
        return Ok(());
    }
    let mut files = Vec::new();
    manifests_below(path, 0, &mut files)?;
    if files.is_empty() {
        return Err(CliError::usage(format!("{}: no file here ends in .yaml, .yml or .json", path.display())));
    }
    for file in files {
        sources.push(read_file(&file)?);
    }
    Ok(())
}

/// Every manifest below a folder, in order of name.
///
/// # Errors
/// A folder cannot be read, or there is too much in it.
pub fn manifests_below(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> CliResult<()> {
    if depth > DEPTH_MAX {
        return Err(CliError::usage(format!("{}: more than {DEPTH_MAX} folders within folders", folder.display())));
    }
    let mut entries = std::fs::read_dir(folder)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("{} cannot be read", folder.display()))
        .map_err(unusable)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().first() == Some(&b'.') {
            continue;
        }
        // The entry's own type: a link to a folder could lead round in a circle.
        let kind = entry.file_type().with_context(|| format!("{} cannot be read", path.display())).map_err(unusable)?;
        if kind.is_dir() {
            manifests_below(&path, depth + 1, files)?;
        } else if path.extension().and_then(|e| e.to_str()).is_some_and(|e| ["yaml", "yml", "json"].contains(&e)) {
            files.push(path);
        }
        if files.len() > FILES_MAX {
            return Err(CliError::usage(format!("more than {FILES_MAX} files below {}", folder.display())));
        }
    }
    Ok(())
}

fn bounded(reader: impl std::io::Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = std::io::Read::read_to_end(&mut std::io::Read::take(reader, INPUT_BYTES_MAX + 1), &mut bytes)?;
    if read as u64 > INPUT_BYTES_MAX {
        return Err(std::io::Error::other(format!("larger than input_bytes_max, {INPUT_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

fn source(name: String, bytes: Vec<u8>) -> CliResult<Source> {
    // Windows editors put a byte order mark in front.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(bytes);
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source { name, text }),
        Err(error) => {
            let line =
                error.as_bytes().iter().take(error.utf8_error().valid_up_to()).filter(|b| **b == b'\n').count() + 1;
            Err(CliError::usage(format!("{name}:{line}: not UTF-8 text")))
        }
    }
}

fn unusable(error: anyhow::Error) -> CliError {
    CliError::new(Exit::Usage, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut sources = Vec::new();
        read_path(folder, &mut sources).unwrap();
        sources.into_iter().map(|s| s.name[folder.display().to_string().len() + 1..].to_owned()).collect()
    }

    #[test]
    fn a_folder_is_read_in_order_of_name_without_hidden_files() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("b/.git")).unwrap();
        for name in ["c.yml", "a.yaml", "b/x.json", "b/.git/y.yaml", ".hidden.yaml", "readme.md"] {
            std::fs::write(dir.path().join(name), "{}").unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink(dir.path(), dir.path().join("b/loop")).unwrap();
        assert_eq!(names(dir.path()), ["a.yaml", "b/x.json", "c.yml"]);
    }

    #[test]
    fn what_cannot_be_read_is_a_usage_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let error = read_path(dir.path(), &mut Vec::new()).unwrap_err();
        assert_eq!(error.exit, Exit::Usage);
        let error = read_path(&dir.path().join("gone.yaml"), &mut Vec::new()).unwrap_err();
        assert!(
            error
                .render(&crate::render::Terminal::plain())
                .contains("gone.yaml cannot be read\n  caused by: No such file")
        );
        assert_eq!(error.exit, Exit::Usage);
    }

    #[test]
    fn text_must_be_utf8() {
        let error = source("x.yaml".into(), b"a: b\nc: \xff\n".to_vec()).unwrap_err();
        assert!(error.render(&crate::render::Terminal::plain()).starts_with("error: x.yaml:2: not UTF-8 text"));
        assert_eq!(source("x".into(), b"\xef\xbb\xbfa".to_vec()).unwrap().text, "a");
    }
}
