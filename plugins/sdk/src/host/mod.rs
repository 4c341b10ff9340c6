//! What is outside: the host's interfaces where the plugin is a component, and stand-ins for tests where it is not. Both have the same functions.

#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
mod convert;
#[cfg(all(target_family = "wasm", feature = "step"))]
mod files;
#[cfg(target_family = "wasm")]
mod http;
#[cfg(not(target_family = "wasm"))]
pub(crate) mod native;
#[cfg(not(target_family = "wasm"))]
mod native_io;
#[cfg(not(target_family = "wasm"))]
mod native_trees;
#[cfg(all(target_family = "wasm", feature = "manifest-renderer"))]
mod renderer;

#[cfg(target_family = "wasm")]
pub(crate) use component::*;
#[cfg(target_family = "wasm")]
#[allow(unused_imports, reason = "not every kind needs each")]
pub(crate) use convert::{error_from, error_into, millis};
#[cfg(all(target_family = "wasm", feature = "step"))]
pub(crate) use files::*;
#[cfg(target_family = "wasm")]
pub(crate) use http::http_send;
#[cfg(not(target_family = "wasm"))]
pub(crate) use native::*;
#[cfg(not(target_family = "wasm"))]
pub(crate) use native_io::*;
#[cfg(not(target_family = "wasm"))]
#[allow(unused_imports, reason = "not every kind needs each")]
pub(crate) use native_trees::*;
#[cfg(all(target_family = "wasm", feature = "manifest-renderer"))]
pub(crate) use renderer::*;
