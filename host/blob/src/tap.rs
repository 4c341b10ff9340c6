//! Size and digest of what passes.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use artifact::Saved;
use futures::stream::StreamExt;
use sha2::{Digest, Sha256};

use crate::bridge::Chunks;

/// Counts and digests bytes.
#[derive(Default)]
pub(crate) struct Tap {
    bytes: u64,
    hash: Sha256,
}

/// What a [`Tap`] on a stream saw.
pub(crate) struct Tapped(Arc<Mutex<Tap>>);

impl Tap {
    /// Adds bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.hash.update(bytes);
    }

    /// `sha256:…`.
    pub(crate) fn digest(self) -> String {
        let mut text = "sha256:".to_owned();
        for byte in self.hash.finalize() {
            write!(text, "{byte:02x}").ok();
        }
        text
    }

    /// A stream that passes the same chunks, and what was seen of it.
    pub(crate) fn on(content: Chunks) -> (Tapped, Chunks) {
        let tap = Arc::new(Mutex::new(Self::default()));
        let seen = Arc::clone(&tap);
        let content = content.inspect(move |chunk| {
            if let Ok(chunk) = chunk {
                seen.lock().unwrap_or_else(PoisonError::into_inner).update(chunk);
            }
        });
        (Tapped(tap), content.boxed())
    }
}

impl Tapped {
    /// Bytes so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).bytes
    }

    /// Bytes and digest of the whole stream.
    pub(crate) fn saved(self) -> Saved {
        let tap = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        Saved { bytes: tap.bytes, digest: tap.digest() }
    }
}
