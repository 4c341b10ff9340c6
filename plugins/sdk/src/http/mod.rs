//! Requests over HTTP: `wasi:http` with an address, a deadline and errors that say what the caller does about them.
//!
//! ```no_run
//! # fn main() -> colchis_sdk::Result<()> {
//! use colchis_sdk::http::Request;
//!
//! let answer: serde_json::Value =
//!     Request::get("https://api.example.com/v1/level").query("service", "shop").send()?.ok()?.json()?;
//! # Ok(()) }
//! ```
//!
//! Invariants
//! - Redirects are not followed: the host that was granted is the host that is asked.
//! - A request ends before its call does, so that an author's error is told rather than the host's.
//! - A stand-in of a secret is sent as it stands; the host puts the value in its place.

pub mod auth;
mod request;
mod response;
mod url;

pub use request::{BODY_BYTES_MAX, Request, TIMEOUT};
pub use response::Response;
pub(crate) use url::Target;
pub use url::encode;
