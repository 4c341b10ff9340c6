//! Large values: needs the grant `blobs`. They are read and written in pieces, and never copied whole.

use crate::{Result, host};

/// A value that is being read.
#[derive(Debug)]
pub struct Reader(host::BlobReader);

impl Reader {
    /// Opens a value of this plugin.
    pub fn open(name: &str) -> Result<Self> {
        host::BlobReader::open(name).map(Self)
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.0.size()
    }

    /// Up to `length` bytes from `offset` on; fewer at the end.
    pub fn read(&self, offset: u64, length: u32) -> Result<Vec<u8>> {
        self.0.read(offset, length)
    }
}

/// A value that is being written. Dropped before [`Writer::finish`], it never was.
#[derive(Debug)]
pub struct Writer(host::BlobWriter);

impl Writer {
    /// Begins to write one; an earlier value of that name stays until it is finished.
    pub fn create(name: &str) -> Result<Self> {
        host::BlobWriter::create(name).map(Self)
    }

    /// Adds bytes at the end.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write(bytes)
    }

    /// Makes it durable and answers its digest (`sha256:…`; natively, in tests, another word).
    pub fn finish(self) -> Result<String> {
        self.0.finish()
    }
}

/// Removes one. Removing what is not there is no error.
pub fn delete(name: &str) -> Result<()> {
    host::blob_delete(name)
}
