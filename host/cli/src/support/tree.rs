//! A folder as the source tree of a renderer.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use base64::Engine as _;
use serde_json::{Map, Value, json};

use crate::error::{CliError, CliResult};

/// Files of a tree.
const FILES_MAX: usize = 20_000;
/// Bytes of all of them.
const BYTES_MAX: u64 = 128 << 20;

/// The files of a folder by their paths, as a renderer is given them by hand: texts, or `{base64, executable}`. Git's own folder is left out, and so are links that
/// lead to no file of the folder, which are named in the second value.
///
/// # Errors
/// The folder cannot be read, or has more files or bytes than a tree may have.
pub(crate) fn read(folder: &Path) -> CliResult<(Map<String, Value>, Vec<String>)> {
    let shown = || format!("{} cannot be read", folder.display());
    let root = folder.canonicalize().with_context(shown)?;
    let (mut files, mut left_out, mut bytes) = (Map::new(), Vec::new(), 0_u64);
    let mut left = vec![PathBuf::new()];
    while let Some(inside) = left.pop() {
        let entries =
            fs::read_dir(root.join(&inside)).and_then(Iterator::collect::<io::Result<Vec<_>>>).with_context(shown)?;
        for entry in entries {
            let at = inside.join(entry.file_name());
            if entry.file_name() == ".git" {
                continue;
            }
            if entry.file_type().with_context(shown)?.is_dir() {
                left.push(at);
                continue;
            }
            let real = entry.path().canonicalize().ok().filter(|real| real.starts_with(&root) && real.is_file());
            let (Some(real), Some(path)) = (real, at.to_str()) else {
                left_out.push(at.display().to_string());
                continue;
            };
            let content = fs::read(&real).with_context(shown)?;
            bytes = bytes.saturating_add(content.len() as u64);
            if files.len() >= FILES_MAX || bytes > BYTES_MAX {
                let max = format!("{FILES_MAX} files and {} MiB", BYTES_MAX >> 20);
                return Err(CliError::usage(format!("{} has more than {max}", folder.display()))
                    .hint("name a folder that has no more than what is rendered"));
            }
            files.insert(path.to_owned(), file(content, is_executable(&real)));
        }
    }
    Ok((files, left_out))
}

fn file(content: Vec<u8>, executable: bool) -> Value {
    match String::from_utf8(content) {
        Ok(text) if !executable => Value::String(text),
        other => {
            let content = other.map_or_else(std::string::FromUtf8Error::into_bytes, String::into_bytes);
            let base64 = base64::engine::general_purpose::STANDARD.encode(content);
            json!({"base64": base64, "executable": executable})
        }
    }
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_texts_or_bytes_and_nothing_outside_is_read() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("tree");
        fs::create_dir_all(root.join("a/.git")).unwrap();
        fs::write(root.join("a/.git/config"), "token").unwrap();
        fs::write(root.join("a/text"), "ä").unwrap();
        fs::write(root.join("bytes"), [0xff]).unwrap();
        fs::write(home.path().join("secret"), "x").unwrap();
        std::os::unix::fs::symlink("a/text", root.join("inside")).unwrap();
        std::os::unix::fs::symlink("../secret", root.join("outside")).unwrap();
        let (files, left_out) = read(&root).unwrap();
        let expected = json!({"a/text": "ä", "inside": "ä", "bytes": {"base64": "/w==", "executable": false}});
        assert_eq!((Value::Object(files), left_out), (expected, vec!["outside".to_owned()]));
        assert!(read(&root.join("absent")).is_err());
    }
}
