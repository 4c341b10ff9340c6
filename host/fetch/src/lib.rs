//! What renderers need beside their source: charts of Helm repositories and OCI registries, folders of git repositories, files behind URLs.
//!
//! ```text
//!   Requirement ─► sources (plugins.sources: may this place be asked, as whom?) ─► pinned and kept? ─► cache
//!                     ▲                                                              │ no
//!                     │ every redirect, every URL of an index, every realm ◄── helm │ oci │ git │ file ── egress
//!                     │                                                              │ digest, limits
//!                     └── nothing else is ever called                  archive ◄─────┘ ─► FileTree
//! ```
//!
//! Invariants
//! - No request goes to a place that no source names, however it was named: by the requirement, a redirect, an index or a challenge. The addresses that a
//!   source may have are looked at by [`egress`] for each connection.
//! - Credentials go to the source that they are of, and to nobody else.
//! - What was promised is what is handed on: digests of indexes, manifests and requirements are compared, also when it comes from the cache.
//! - An archive has files and folders: links, devices and paths that lead out are refused, and bytes, files, depth and time have limits with names.
//! - An exact version is asked for once. A range, a tag that is no version and a branch are looked up each time.
//!
//! Must not know: which renderer asks, where settings are written, stores. Git is the artifact port's: whoever makes this hands in checkouts.

mod archive;
mod cache;
mod error;
mod fetcher;
mod file;
mod git;
mod helm;
mod oci;
mod settings;
mod sources;
mod version;
mod web;

pub use error::FetchError;
pub use fetcher::{Fetcher, Surroundings};
pub use settings::{Limits, SecretRef, Settings, Source, SourceError};
