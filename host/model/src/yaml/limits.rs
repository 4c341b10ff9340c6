//! How much a text may ask of its reader.

/// Limits of reading. Passing one is a [`super::ReadError`], never a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the text, and of the JSON of all its documents together.
    pub document_bytes_max: usize,
    /// Documents in one text.
    pub documents_max: usize,
    /// Maps and lists inside one another; at most [`Limits::DEPTH_CAP`].
    pub depth_max: usize,
    /// Bytes of JSON that aliases and merges may add, all documents together.
    pub alias_expansion_max: usize,
}

impl Limits {
    /// No text may be deeper than this, whatever `depth_max` says: the readers of JSON further on stop at 128.
    pub const DEPTH_CAP: usize = 120;

    /// What is accepted where nothing else is configured: 64 MiB, 10,000 documents, a depth of 100, 8 MiB by aliases.
    pub const DEFAULT: Self =
        Self { document_bytes_max: 64 << 20, documents_max: 10_000, depth_max: 100, alias_expansion_max: 8 << 20 };

    /// The depth that counts.
    pub(super) fn depth(&self) -> usize {
        self.depth_max.min(Self::DEPTH_CAP)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
