//! Who may do what: the static table of RPCs, identities, policies.
//!
//! ```text
//!   request ──► layer: token ──► Identity ──► gate: rule(rpc) + kind + namespace ──► Authorizer ──► Grant ──► ports
//! ```
//!
//! The ports are reachable through a [`crate::gate::Grant`] only, so a handler that forgets to ask cannot do anything.

mod identity;
mod policy;
mod table;
mod tokens;

pub use identity::{AuthError, Authenticator, Identity};
pub use policy::{AccessRule, Asked, Authorizer, Binding, Decision, Policy, PolicyError, Role, RoleRule};
pub(crate) use table::VERBS;
pub use table::{On, Pace, Rule, rule};
pub use tokens::{TokenEntry, TokenFile, TokenFileError, TokenHash};
