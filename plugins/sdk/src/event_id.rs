//! Ids of what has none.

use sha2::{Digest, Sha256};

/// An id made of contents: 32 hexadecimal digits, the same for the same parts in the same order. Each part's length counts, so that `ab`, `c` is not `a`, `bc`.
pub fn id_of(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_tell_contents_apart() {
        assert_eq!(id_of(&[b"ab", b"c"]), id_of(&[b"ab", b"c"]));
        assert_ne!(id_of(&[b"ab", b"c"]), id_of(&[b"a", b"bc"]));
        assert_eq!(id_of(&[]).len(), 32);
    }
}
