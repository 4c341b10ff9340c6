//! Bearer tokens from a file that holds their hashes only.
//!
//! ```text
//!   # user  groups      sha256 of the token                                               not after (optional)
//!   alice   dev,oncall  sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae  2027-01-31T00:00:00Z
//!   ci      -           sha256:fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9
//! ```
//!
//! A token is as long and random as the server makes it (32 bytes), so a plain SHA-256 is enough: there is nothing to guess.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use model::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::identity::{AuthError, Authenticator, Identity, bearer};

/// How many tokens a file may hold: each request is compared with all of them.
const TOKENS_MAX: usize = 1_000;

/// A token's SHA-256.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Of a token.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

impl FromStr for TokenHash {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let digits = text.strip_prefix("sha256:").filter(|digits| digits.len() == 64 && digits.is_ascii()).ok_or(())?;
        let mut hash = [0; 32];
        for (at, byte) in hash.iter_mut().enumerate() {
            let pair = digits.get(2 * at..2 * at + 2).ok_or(())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| ())?;
        }
        Ok(Self(hash))
    }
}

/// One line of a token file.
#[derive(Debug, Clone)]
pub struct TokenEntry {
    /// Whom the token stands for.
    pub user: String,
    /// The user's groups.
    pub groups: Vec<String>,
    /// Its hash.
    pub hash: TokenHash,
    /// When it stops being valid.
    pub not_after: Option<Timestamp>,
}

impl fmt::Display for TokenEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = if self.groups.is_empty() { "-".to_owned() } else { self.groups.join(",") };
        write!(f, "{} {groups} {}", self.user, self.hash)?;
        self.not_after.map_or(Ok(()), |at| write!(f, " {at}"))
    }
}

/// A line that is no token.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct TokenFileError {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong, without showing the line.
    pub reason: &'static str,
}

/// Recognises callers by the tokens of a file.
#[derive(Default)]
pub struct TokenFile {
    entries: RwLock<Arc<[(TokenEntry, Identity)]>>,
}

impl TokenFile {
    /// From the file's text.
    pub fn parse(text: &str) -> Result<Self, TokenFileError> {
        let file = Self::default();
        file.replace(text)?;
        Ok(file)
    }

    /// From entries.
    pub fn new(entries: impl IntoIterator<Item = TokenEntry>) -> Self {
        let known = entries.into_iter().map(|entry| (entry.clone(), identity_of(&entry)));
        Self { entries: RwLock::new(known.collect()) }
    }

    /// Takes a file's new text; what was there stays when it is not right.
    pub fn replace(&self, text: &str) -> Result<(), TokenFileError> {
        let mut known = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let entry = parse_line(line).map_err(|reason| TokenFileError { line: at + 1, reason })?;
            if known.len() == TOKENS_MAX {
                return Err(TokenFileError { line: at + 1, reason: "there are more than 1000 tokens" });
            }
            known.push((entry.clone(), identity_of(&entry)));
        }
        *self.entries.write().unwrap_or_else(std::sync::PoisonError::into_inner) = known.into();
        Ok(())
    }

    fn find(&self, token: &str, now_ms: i64) -> Result<Identity, AuthError> {
        let hash = TokenHash::of(token);
        let entries = self.entries.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        // All are compared, whichever matches.
        let mut found = None;
        for (entry, identity) in entries.iter() {
            if bool::from(entry.hash.0.ct_eq(&hash.0)) {
                found = Some((entry, identity));
            }
        }
        match found {
            Some((entry, identity)) if entry.not_after.is_none_or(|end| now_ms < end.as_millis()) => {
                Ok(identity.clone())
            }
            _ => Err(AuthError::Unknown),
        }
    }
}

fn identity_of(entry: &TokenEntry) -> Identity {
    Identity { user: entry.user.as_str().into(), groups: entry.groups.clone().into(), authenticator: "token" }
}

fn parse_line(line: &str) -> Result<TokenEntry, &'static str> {
    let mut words = line.split_ascii_whitespace();
    let (Some(user), Some(groups), Some(hash)) = (words.next(), words.next(), words.next()) else {
        return Err("expected: USER GROUPS sha256:HEX [NOT-AFTER]");
    };
    let not_after = words.next().map(str::parse).transpose().map_err(|_| "the fourth word is not an RFC 3339 time")?;
    if words.next().is_some() {
        return Err("there is more than USER GROUPS sha256:HEX [NOT-AFTER]");
    }
    let hash = hash.parse().map_err(|()| "the third word is not `sha256:` and 64 hexadecimal digits")?;
    let groups = groups.split(',').filter(|group| !group.is_empty() && *group != "-").map(str::to_owned).collect();
    Ok(TokenEntry { user: user.to_owned(), groups, hash, not_after })
}

#[async_trait]
impl Authenticator for TokenFile {
    async fn authenticate(&self, headers: &http::HeaderMap) -> Result<Identity, AuthError> {
        let token = bearer(headers)?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX));
        self.find(token, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> TokenFile {
        let alice = TokenHash::of("token-a");
        let bob = TokenHash::of("token-b");
        TokenFile::parse(&format!("# people\n\nalice dev,oncall {alice}\nbob - {bob} 2026-01-01T00:00:00Z\n")).unwrap()
    }

    #[test]
    fn tokens_are_recognised_until_they_end() {
        let file = file();
        let alice = file.find("token-a", 0).unwrap();
        assert_eq!((&*alice.user, &*alice.groups), ("alice", &["dev".to_owned(), "oncall".to_owned()][..]));
        let end = "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap().as_millis();
        assert_eq!(&*file.find("token-b", end - 1).unwrap().user, "bob");
        assert_eq!(file.find("token-b", end).unwrap_err(), AuthError::Unknown);
        assert_eq!(file.find("token-c", 0).unwrap_err(), AuthError::Unknown);
    }

    #[test]
    fn an_entry_is_written_as_it_is_read() {
        let line = format!("alice dev,oncall {} 2026-01-01T00:00:00Z", TokenHash::of("x"));
        assert_eq!(parse_line(&line).unwrap().to_string(), line);
    }

    #[test]
    fn bad_lines_are_named_and_not_shown() {
        for (text, line, part) in [
            ("alice", 1, "expected"),
            ("\nalice dev sha256:12", 2, "64 hexadecimal"),
            ("alice dev plaintext-token", 1, "64 hexadecimal"),
            (&format!("alice - {} tomorrow", TokenHash::of("x")), 1, "RFC 3339"),
            (&format!("alice - {} 2026-01-01T00:00:00Z more", TokenHash::of("x")), 1, "more than"),
        ] {
            let Err(error) = TokenFile::parse(text) else { panic!("{text} was taken") };
            assert_eq!(error.line, line);
            assert!(error.to_string().contains(part) && !error.to_string().contains("plaintext"), "{error}");
        }
    }

    #[test]
    fn a_bad_new_text_changes_nothing() {
        let file = file();
        assert!(file.replace("nonsense").is_err());
        assert!(file.find("token-a", 0).is_ok());
        file.replace("").unwrap();
        assert!(file.find("token-a", 0).is_err());
    }

    #[test]
    fn headers_are_read_strictly() {
        let headers = |value: &'static str| {
            let mut headers = http::HeaderMap::new();
            headers.insert("authorization", http::HeaderValue::from_static(value));
            headers
        };
        assert_eq!(bearer(&headers("Bearer abc")), Ok("abc"));
        assert_eq!(bearer(&headers("bearer  abc ")), Ok("abc"));
        for bad in ["Basic abc", "Bearer", "Bearer ", "abc"] {
            assert_eq!(bearer(&headers(bad)), Err(AuthError::Malformed), "{bad}");
        }
        assert_eq!(bearer(&http::HeaderMap::new()), Err(AuthError::Missing));
    }
}
