//! The administrator's token: made at the first start, in a file that only its owner reads.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Random bytes of a token.
const TOKEN_BYTES: usize = 32;
/// A token file is this long at most.
const TOKEN_FILE_BYTES_MAX: u64 = 4096;

/// The token cannot be read or made.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read, or not be written.
    #[error("{path}: the token cannot be {done}")]
    Io {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        done: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Others can read it.
    #[error("{path}: others can read this token (mode {mode:o})")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Nothing is in it.
    #[error("{path}: there is no token in this file")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random(#[source] getrandom::Error),
}

/// Reads a token file.
///
/// # Errors
/// It is not there, empty, or others can read it.
pub fn read(path: &Path) -> Result<String, TokenError> {
    let io = |source| TokenError::Io { path: path.to_owned(), done: "read", source };
    let file = std::fs::File::open(path).map_err(io)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata().map_err(io)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(TokenError::Exposed { path: path.to_owned(), mode });
        }
    }
    let mut text = String::new();
    file.take(TOKEN_FILE_BYTES_MAX).read_to_string(&mut text).map_err(io)?;
    match text.trim() {
        "" => Err(TokenError::Empty { path: path.to_owned() }),
        token => Ok(token.to_owned()),
    }
}

/// Reads the token file, or makes it with a new token. Two servers that start at once agree on one token: the file comes into being whole.
///
/// # Errors
/// As [`read`], or the file cannot be written.
pub fn read_or_create(path: &Path) -> Result<String, TokenError> {
    match read(path) {
        Err(TokenError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
        other => return other,
    }
    let io = |source| TokenError::Io { path: path.to_owned(), done: "written", source };
    let token = random_token()?;
    // Neither another process nor another thread has a draft of this name.
    let draft = path.with_extension(format!("{}.tmp", token.chars().rev().take(8).collect::<String>()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let written = options.open(&draft).and_then(|mut file| {
        file.write_all(format!("{token}\n").as_bytes())?;
        file.sync_all()
    });
    // A link fails when somebody else was faster; a rename would replace the token that others hold already.
    let linked = written.and_then(|()| std::fs::hard_link(&draft, path));
    let _ = std::fs::remove_file(&draft);
    match linked {
        Ok(()) => Ok(token),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => read(path),
        Err(error) => Err(io(error)),
    }
}

/// A new token: `colchis_` and 64 hexadecimal digits.
///
/// # Errors
/// The system gives no random bytes.
pub fn random_token() -> Result<String, TokenError> {
    let mut bytes = [0_u8; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(TokenError::Random)?;
    Ok(bytes.iter().fold("colchis_".to_owned(), |mut token, byte| {
        for nibble in [byte >> 4, byte & 15] {
            token.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
        token
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_and_kept_from_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let token = read_or_create(&path).unwrap();
        assert_eq!(token.len(), "colchis_".len() + 64);
        assert_eq!(read_or_create(&path).unwrap(), token);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
            let error = read_or_create(&path).unwrap_err().to_string();
            assert!(error.ends_with("others can read this token (mode 644)"), "{error}");
        }
    }

    #[test]
    fn an_empty_file_is_no_token() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let mut options = std::fs::OpenOptions::new();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.write(true).create(true).open(&path).unwrap();
        assert!(matches!(read(&path), Err(TokenError::Empty { .. })));
    }

    #[test]
    fn many_starts_agree() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let tokens: std::collections::HashSet<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| read_or_create(&path).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(tokens.len(), 1);
    }
}
