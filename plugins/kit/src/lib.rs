//! What the metric providers have in common, so that each of them is only about its own service.
//!
//! ```text
//!   address  ── a base address as users write it ──► one that a path can be put behind
//!   time     ── `5m` ──► a duration;  milliseconds since 1970 ──► RFC 3339 and its parts
//!   profile  ── the names that a provider's secrets have in its grants ──► stand-ins and settings
//!   refusal  ── an answer that is no value ──► an error of the class that fits
//! ```
//!
//! Must not know: any service in particular.

pub mod address;
pub mod profile;
pub mod refusal;
pub mod time;

pub use profile::Profile;
pub use refusal::refuse;
