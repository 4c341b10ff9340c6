//! What a plugin may import, one file each. Each looks at the grants itself: there is no other way to what is behind it.

pub(crate) mod blobs;
mod cancellation;
pub(crate) mod endpoints;
pub(crate) mod files;
mod log;
mod secrets;
pub(crate) mod source;
mod state;

use plugin::PluginError;
use wasmtime::component::{HasSelf, Linker};

use crate::bindings::imports;
use crate::bindings::renderer::colchis::manifest_renderer as renderer;
use crate::bindings::step::colchis::step;
use crate::instance::State;

/// Everything that components may import: WASI with nothing behind it, HTTP by grant, and our own.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    // Of a program, folders are opened when it first asks for them (`folders`).
    linker.allow_shadowing(true);
    wasmtime_wasi::p2::bindings::filesystem::preopens::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    linker.allow_shadowing(false);
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    imports::types::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    imports::log::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    imports::cancellation::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    imports::secrets::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    imports::state::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    imports::blobs::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    imports::endpoints::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    renderer::source::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    renderer::destination::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    step::files::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    Ok(())
}

impl imports::types::Host for State {}

/// What a call of the host gives: a trap, or what the plugin sees.
type Answer<T> = wasmtime::Result<Result<T, imports::types::PluginError>>;

/// An error of the host, as the plugin sees it.
fn told(error: PluginError) -> imports::types::PluginError {
    crate::convert::error_to_wit(error)
}
