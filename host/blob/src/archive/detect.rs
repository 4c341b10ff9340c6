//! What an object is, by its first bytes.

use std::io::{self, Cursor, Read};

use flate2::read::GzDecoder;

/// The first bytes of an object.
pub(crate) struct Head(Vec<u8>);

/// Bytes looked at: enough for the gzip header, its optional name, and the first block of a tar.
const HEAD_BYTES: u64 = 64 * 1024;
/// Bytes of a tar's block.
const BLOCK_BYTES: usize = 512;

impl Head {
    /// Takes them from `content`.
    pub(crate) fn read(content: &mut impl Read) -> io::Result<Self> {
        let mut head = Vec::new();
        content.by_ref().take(HEAD_BYTES).read_to_end(&mut head)?;
        Ok(Self(head))
    }

    /// Whether this begins as gzip does.
    pub(crate) fn is_gzip(&self) -> bool {
        self.0.starts_with(&[0x1f, 0x8b])
    }

    /// Whether this is gzip and holds a tar.
    pub(crate) fn is_tar_with_gzip(&self) -> bool {
        let mut block = [0; BLOCK_BYTES];
        self.is_gzip() && GzDecoder::new(self.0.as_slice()).read_exact(&mut block).is_ok() && is_tar_header(&block)
    }

    /// Puts them back before the rest.
    pub(crate) fn chain<R: Read>(self, rest: R) -> impl Read + use<R> {
        Cursor::new(self.0).chain(rest)
    }
}

/// A tar header is known by its checksum, which old tars without a magic word have too.
fn is_tar_header(block: &[u8; BLOCK_BYTES]) -> bool {
    let header = tar::Header::from_byte_slice(block);
    let sum: u32 =
        block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) }).sum();
    header.cksum().is_ok_and(|stated| stated == sum) && block.iter().any(|byte| *byte != 0)
}
