//! Files behind URLs.

use std::collections::BTreeMap;

use bytes::Bytes;
use egress::shown;
use plugin::{FileTree, TreeFile};
use url::Url;

use crate::error::FetchError;
use crate::settings::Limits;
use crate::sources::Sources;
use crate::web::{self, Ask, Came, Most};

/// The URL of a file.
pub(crate) fn url(text: &str) -> Result<Url, FetchError> {
    let url = web::parse(text)?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err(FetchError::Url { url: shown(text), why: "is not fetched: expected https:// or http://".to_owned() }),
    }
}

/// Its content.
pub(crate) async fn content(sources: &Sources, limits: &Limits, url: &Url) -> Result<Bytes, FetchError> {
    let most = Most { name: "archive_bytes_max", bytes: limits.archive_bytes_max };
    match web::get(sources, &Ask { url, accept: "*/*", known: None, most }).await? {
        Came::New { bytes, .. } => Ok(bytes),
        Came::Same => Err(FetchError::Status { url: shown(url.as_str()), status: 304 }),
    }
}

/// Whether the URL's name is that of an archive, which is unpacked.
pub(crate) fn is_archive(url: &Url) -> bool {
    let path = url.path().to_ascii_lowercase();
    path.ends_with(".tgz") || path.ends_with(".tar.gz")
}

/// A tree with this one file, called as its URL is.
pub(crate) fn alone(url: &Url, content: Bytes) -> Result<FileTree, FetchError> {
    let name = url.path_segments().and_then(Iterator::last).unwrap_or_default();
    let name = if name.is_empty() { "file" } else { name };
    FileTree::new(BTreeMap::from([(name.to_owned(), TreeFile::plain(content))]))
        .map_err(|error| FetchError::Archive(error.to_string()))
}
