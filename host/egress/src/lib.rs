//! The one guarded way out of the server: everything that a user's manifest can make the server call goes through here.
//!
//! ```text
//!   URL ─► rules (scheme, host, port) ─► resolve ─► address classes ─► connect to exactly that address ─► TLS ─► request
//!           deny, then allow               once       public, private,     (pinned: a second look-up
//!                                                     metadata, never       cannot give another answer)
//!   a redirect is a new URL and begins at the left again; credentials do not follow it to another origin
//! ```
//!
//! Invariants
//! - No connection is made to an address that [`Policy`] does not permit, however it was named: by name, as a literal, through a
//!   redirect, in a proxy request ([`Socks`]), or as an IPv4 address inside an IPv6 one.
//! - Link-local and metadata addresses need a grant that names them: a grant of all private networks, or of everything, is none.
//! - Each wait has a limit: to connect, for progress of a body either way, in all. A body has a limit where the caller sets one.
//! - No error shows what a URL may hide: user, password and query are left out.
//!
//! Must not know: what is fetched and why. Artifacts, `http` templates and plugins are its callers.

mod address;
mod body;
mod client;
mod connect;
mod error;
mod guard;
mod policy;
mod redirect;
mod resolve;
mod socks;
mod tls;

pub use address::{Class, class_of};
pub use body::{Body, BoxError, ResponseBody, empty, full};
pub use client::{Client, Limits};
pub use connect::Dialer;
pub use error::EgressError;
pub use guard::{Guard, Target};
pub use policy::{Config, Policy, Private, Rule, RuleError};
pub use redirect::{Redirects, shown};
pub use resolve::{Resolve, SystemResolver};
pub use socks::{Refused, Socks};
pub use tls::{Identity, TlsSettings};

#[cfg(test)]
mod tests;
