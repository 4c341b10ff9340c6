//! Makes the components of `plugins/`, and keeps the interfaces of `wit/` as they were promised.
//!
//! ```text
//!   plugins/NAME ──► key of all that goes into it ──► kept already? ──► target/guests/NAME.wasm
//!                                                        │ no
//!        toolchain: installed target, or Debian's packages unpacked beside ──► cargo ──► core module ──► component, validated ──► kept
//!
//!   wit/* ──► parsed, resolved ──► everything documented? ──► nothing that wit/released/VERSION promises is changed?
//! ```
//!
//! Invariants
//! - The same sources, interfaces and toolchain give the same key; what is kept under a key is complete (written beside, then renamed).
//! - Guests are built one by one: built together, cargo would give each the features of all, and a component would depend on what it was built with.
//! - Nothing is installed into the system.
//!
//! Must not know: how the server runs components.

pub mod build;
pub mod cache;
mod debian;
pub mod go;
pub mod places;
mod process;
pub mod script;
pub mod toolchain;
pub mod wit;
