//! Secrets at rest: sealed with a key that lies beside the database in a file of its own.
//!
//! A sealed value is `nonce (24) ‖ ciphertext ‖ tag (16)` of XChaCha20-Poly1305; the place it stands in is authenticated with it, so that values
//! cannot be moved between rows.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use store::{Result, StoreError};

use crate::error::corrupt;

/// The key's file in the data directory.
pub(crate) const KEY_FILE: &str = "secrets.key";
const NONCE_BYTES: usize = 24;

/// Seals and opens. Has no Debug: the key reaches no log.
#[derive(Clone)]
pub(crate) struct Seal {
    cipher: XChaCha20Poly1305,
}

impl Seal {
    /// Reads the key of a data directory; makes one when `create`.
    pub(crate) fn load(dir: &Path, create: bool) -> Result<Self> {
        let path = dir.join(KEY_FILE);
        let unavailable = |reason: String, source: std::io::Error| StoreError::Unavailable {
            reason: format!("{}: {reason}", path.display()),
            source: Some(Box::new(source)),
        };
        let mut text = String::new();
        match File::open(&path) {
            Ok(file) => {
                let read = file.take(256).read_to_string(&mut text);
                read.map_err(|e| unavailable("the key of the secrets cannot be read".to_owned(), e))?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && create => {
                text =
                    make(&path).map_err(|e| unavailable("the key of the secrets cannot be written".to_owned(), e))?;
            }
            Err(error) => {
                let reason = "the key of the secrets is missing; put back the file that was beside this database";
                return Err(unavailable(reason.to_owned(), error));
            }
        }
        let bytes = from_hex(text.trim()).filter(|b| b.len() == 32);
        let Some(key) = bytes.as_deref().and_then(|b| Key::try_from(b).ok()) else {
            return Err(corrupt(path.display().to_string(), "a key of the secrets is 64 hexadecimal digits"));
        };
        Ok(Self { cipher: XChaCha20Poly1305::new(&key) })
    }

    /// Seals `plain` for `place`.
    pub(crate) fn seal(&self, place: &str, plain: &[u8]) -> Result<Vec<u8>> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|e| StoreError::Unavailable {
            reason: "no random numbers to seal a secret with".to_owned(),
            source: Some(Box::new(e)),
        })?;
        let payload = Payload { msg: plain, aad: place.as_bytes() };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| corrupt(place, "it cannot be sealed"))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for `place`.
    pub(crate) fn open(&self, place: &str, sealed: &[u8]) -> Result<Vec<u8>> {
        let opened = sealed.split_at_checked(NONCE_BYTES).and_then(|(nonce, sealed)| {
            let nonce = XNonce::try_from(nonce).ok()?;
            self.cipher.decrypt(&nonce, Payload { msg: sealed, aad: place.as_bytes() }).ok()
        });
        opened.ok_or_else(|| corrupt(place, format!("it cannot be opened with this {KEY_FILE}")))
    }
}

fn make(path: &Path) -> std::io::Result<String> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(std::io::Error::other)?;
    let text: String = key.iter().map(|b| format!("{b:02x}")).collect();
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    if let Some(dir) = path.parent() {
        File::open(dir)?.sync_all()?;
    }
    Ok(text)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |c: &u8| char::from(*c).to_digit(16).and_then(|d| u8::try_from(d).ok());
    text.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn seals_for_one_place() {
        let dir = tempfile::tempdir().unwrap();
        let seal = Seal::load(dir.path(), true).unwrap();
        let mode = dir.path().join(KEY_FILE).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let sealed = seal.seal("bodies:1", b"hunter2").unwrap();
        assert!(!sealed.windows(7).any(|w| w == b"hunter2"));
        assert_ne!(sealed, seal.seal("bodies:1", b"hunter2").unwrap(), "a nonce is used once");
        let again = Seal::load(dir.path(), false).unwrap();
        assert_eq!(again.open("bodies:1", &sealed).unwrap(), b"hunter2");
        assert_eq!(again.open("bodies:2", &sealed).unwrap_err().code(), "Corrupt");
        let mut bent = sealed;
        *bent.last_mut().unwrap() ^= 1;
        assert_eq!(again.open("bodies:1", &bent).unwrap_err().code(), "Corrupt");
        assert_eq!(again.open("bodies:1", b"short").unwrap_err().code(), "Corrupt");
    }

    #[test]
    fn says_what_is_wrong_with_a_key() {
        let dir = tempfile::tempdir().unwrap();
        let missing = Seal::load(dir.path(), false).err().unwrap();
        assert!(missing.to_string().contains("put back"), "{missing}");
        std::fs::write(dir.path().join(KEY_FILE), "zz").unwrap();
        assert_eq!(Seal::load(dir.path(), true).err().unwrap().code(), "Corrupt");
    }
}
