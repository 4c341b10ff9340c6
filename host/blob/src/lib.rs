//! Artifact drivers: the port [`artifact::Artifacts`] over a folder, S3, HTTP, Artifactory, git, text, GCS, Azure and OSS.
//!
//! ```text
//!   Drivers ──place──► Driver (objects under keys: get, put, below, delete)      git: a checkout, load only
//!     │                  directory · s3 · http · artifactory · gcs azure oss · raw
//!     ├─ archive: pack, unpack (safe from what an archive may say)
//!     ├─ tree: a folder as many objects
//!     ├─ retry: transient errors, with pauses and a deadline
//!     └─ egress: every connection of every driver passes the guard
//! ```
//!
//! Where an artifact lies: its location as [`ArtifactRepository::locate`] completed it. An `s3` location with a key and no bucket is
//! the server's own folder, `<directory>/<namespace>/<key>`: a run's status then reads as Argo's does with a default repository.
//!
//! Invariants: those of the port, and
//! - a driver makes no connection but through [`egress`];
//! - the credentials of the machine are used only where the configuration says so ([`AmbientCredentials`]);
//! - an error's text has key and reason, never a credential: URLs lose user, password and query.
//!
//! Must not know: engines, stores, runners.

mod archive;
mod breaker;
mod bridge;
mod cloud;
mod config;
mod directory;
mod driver;
mod drivers;
mod failure;
mod git;
mod http;
mod mode;
mod place;
mod raw;
mod repository;
mod resume;
mod retry;
mod s3;
mod secrets;
mod tap;
mod tree;

pub use archive::UnpackLimits;
pub use config::{AmbientCredentials, Config};
pub use drivers::{Drivers, DriversError};
pub use place::driver;
pub use repository::{ArtifactRepository, RepositoryError};
pub use retry::Retry;

#[cfg(test)]
mod tests;
