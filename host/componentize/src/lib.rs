//! Makes a component of the core module that a compiler wrote.
//!
//! ```text
//!   core module ─► say which world it is of (embed) ─► imports, exports, the adapter of WASI preview 1 (encode) ─► component
//!                        ▲
//!         wit/, of a folder or as it is in this binary
//!
//!   core module with a main ─► the adapter of WASI preview 1 (encode_program) ─► component that exports `wasi:cli/run`
//! ```
//!
//! Compilers that know WASI preview 1 alone, as Go's, write core modules. What is done with those here is what `wasm-tools component embed` and `new` do, so that an
//! author needs a compiler and `colchis` and nothing else.
//!
//! Invariants
//! - What comes out is validated.
//! - A component imports what its module uses, and nothing else of what a world offers.
//!
//! Must not know: how components are run, where modules come from.

mod encode;
mod error;
mod interfaces;

pub use encode::{Kind, encode, encode_program, kind};
pub use error::ComponentError;
pub use interfaces::{Interfaces, KIT, resolve};
