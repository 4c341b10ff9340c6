//! How much an archive may unpack to.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use serde::Deserialize;

/// Limits of one unpacking. Passing one is a permanent error that names it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct UnpackLimits {
    /// Bytes of all files together, unpacked.
    pub total_bytes_max: u64,
    /// Files, folders and links.
    pub entries_max: u64,
    /// Bytes of one path.
    pub path_bytes_max: usize,
    /// Folders within folders.
    pub depth_max: usize,
    /// Unpacked bytes for each packed one, looked at once `ratio_free_bytes` are unpacked.
    pub ratio_max: u64,
    /// What may be unpacked before the ratio counts.
    pub ratio_free_bytes: u64,
    /// Bytes of what is remembered until the end: links and the modes of folders; and of one entry's header.
    pub metadata_bytes_max: usize,
}

impl Default for UnpackLimits {
    fn default() -> Self {
        Self {
            total_bytes_max: 256 << 30,
            entries_max: 1_000_000,
            path_bytes_max: 4096,
            depth_max: 128,
            ratio_max: 200,
            ratio_free_bytes: 1 << 30,
            metadata_bytes_max: 16 << 20,
        }
    }
}

/// A limit that was passed.
#[derive(Debug, thiserror::Error)]
#[error("the archive passes the limit {limit} of {max}")]
pub(crate) struct Exceeded {
    /// The limit's name as in the configuration.
    pub(crate) limit: &'static str,
    /// Its value.
    pub(crate) max: u64,
}

impl Exceeded {
    /// The error as a reader gives it.
    pub(crate) fn io(limit: &'static str, max: u64) -> io::Error {
        io::Error::other(Self { limit, max })
    }
}

/// Counts the bytes that pass.
pub(crate) struct Counted<R> {
    inner: R,
    count: Rc<Cell<u64>>,
}

impl<R: Read> Counted<R> {
    /// Counts into `count`.
    pub(crate) fn new(inner: R, count: Rc<Cell<u64>>) -> Self {
        Self { inner, count }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count.set(self.count.get().saturating_add(count as u64));
        Ok(count)
    }
}

/// Ends a reading that unpacks too much: in all, for what went in, or within one header.
pub(crate) struct Metered<R> {
    inner: R,
    packed: Rc<Cell<u64>>,
    unpacked: u64,
    header: Rc<Cell<Option<usize>>>,
    limits: UnpackLimits,
}

impl<R: Read> Metered<R> {
    /// `packed` counts what went in; `header` holds what is left of one header while one is being read.
    pub(crate) fn new(inner: R, packed: Rc<Cell<u64>>, header: Rc<Cell<Option<usize>>>, limits: UnpackLimits) -> Self {
        Self { inner, packed, unpacked: 0, header, limits }
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.unpacked = self.unpacked.saturating_add(count as u64);
        if self.unpacked > self.limits.total_bytes_max {
            return Err(Exceeded::io("totalBytesMax", self.limits.total_bytes_max));
        }
        check_ratio(self.unpacked, self.packed.get(), &self.limits)?;
        if let Some(left) = self.header.get() {
            let left = left
                .checked_sub(count)
                .ok_or_else(|| Exceeded::io("metadataBytesMax", self.limits.metadata_bytes_max as u64))?;
            self.header.set(Some(left));
        }
        Ok(count)
    }
}

/// Whether so much may come of so little.
pub(crate) fn check_ratio(unpacked: u64, packed: u64, limits: &UnpackLimits) -> io::Result<()> {
    if unpacked > limits.ratio_free_bytes && unpacked / packed.max(1) > limits.ratio_max {
        return Err(Exceeded::io("ratioMax", limits.ratio_max));
    }
    Ok(())
}
