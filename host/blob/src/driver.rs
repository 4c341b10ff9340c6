//! What every place that holds objects can do. Packing, folders, digests and retries are made of this by the dispatcher.

use artifact::Entry;
use async_trait::async_trait;
use futures::stream::BoxStream;

use crate::bridge::Chunks;
use crate::failure::Failure;

/// A place with objects under keys. A key is text with `/` between its parts and none at its begin or end.
#[async_trait]
pub(crate) trait Driver: Send + Sync {
    /// The object under exactly this key. `NotFound` when there is none, also when there are objects below it.
    async fn get(&self, key: &str) -> Result<Chunks, Failure>;

    /// Stores an object, whole or not at all; one that was there is replaced.
    async fn put(&self, key: &str, content: Chunks, size: Size) -> Result<(), Failure>;

    /// Objects below `folder` (`""` for everything), in the order of the bytes of their paths, which are relative to it. A path
    /// that ends with `/`, or the empty one, marks an empty folder.
    async fn below(&self, folder: &str) -> Result<Entries, Failure>;

    /// Deletes the object and everything below its key. What is not there is no error.
    async fn delete(&self, key: &str) -> Result<(), Failure>;

    /// Stores a mark of an empty folder.
    async fn put_folder(&self, key: &str) -> Result<(), Failure>;

    /// Whether there can be objects below a key.
    fn has_folders(&self) -> bool {
        true
    }
}

/// A listing.
pub(crate) type Entries = BoxStream<'static, Result<Entry, Failure>>;

/// What is known of the size of a content before it is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// Its bytes.
    pub(crate) exact: Option<u64>,
    /// Its bytes at most.
    pub(crate) at_most: Option<u64>,
}
