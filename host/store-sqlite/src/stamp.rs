//! Real times and ids.

use std::time::{SystemTime, UNIX_EPOCH};

use store::objects::Stamp;

/// The machine's clock and random numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemStamp;

impl Stamp for SystemStamp {
    fn now_ms(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        }
    }

    /// Version 7: those made together stand together in indexes, which then dirty few pages.
    fn uid(&self) -> String {
        let ms = self.now_ms().cast_unsigned() & 0xffff_ffff_ffff;
        let (a, b) = (random_u64(), random_u64());
        let (version, variant) = (0x7000 | (a & 0xfff), 0x8000 | (a >> 16 & 0x3fff));
        format!("{:08x}-{:04x}-{version:04x}-{variant:04x}-{:012x}", ms >> 16, ms & 0xffff, b & 0xffff_ffff_ffff)
    }

    fn name_suffix(&self) -> String {
        store::stamp::suffix(random_u64())
    }
}

/// From the operating system; where it has none, from the address-space and clock noise that hash maps are seeded with.
fn random_u64() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    getrandom::u64().unwrap_or_else(|_| RandomState::new().hash_one(SystemTime::now()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_their_shapes() {
        let uid = SystemStamp.uid();
        let parts: Vec<usize> = uid.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12], "{uid}");
        assert!(uid.as_bytes()[14] == b'7' && b"89ab".contains(&uid.as_bytes()[19]), "{uid}");
        assert_ne!(uid, SystemStamp.uid());
        assert_eq!(SystemStamp.name_suffix().len(), 5);
        assert!(SystemStamp.now_ms() > 1_700_000_000_000);
    }
}
