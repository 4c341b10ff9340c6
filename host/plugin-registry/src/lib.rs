//! Components in OCI registries: the artifact's form, pulling, pushing, signing and verifying.
//!
//! Decides what an artifact must look like and that its bytes are what their digests say. It must not know `Plugin` objects, settings,
//! or where a component is kept afterwards.

mod artifact;
mod bundle;
mod credentials;
mod der;
mod error;
mod identity;
mod referrers;
mod signature;
mod signing;
mod statement;
mod timestamp;
mod transparency;
mod trust;
mod wire;

pub use artifact::{COMPONENT_BYTES_MAX, digest_of, is_digest};
pub use credentials::Credentials;
pub use error::RegistryError;
pub use identity::Authorities;
pub use oci_client::Reference;
pub use signature::{PublicKey, SigningKey};
pub use trust::{Identity, Signer, Trust};
pub use wire::{Found, Registry, parse_reference};
