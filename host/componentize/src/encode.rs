//! A core module becomes a component.

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as PREVIEW_1, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_component::ComponentEncoder;

use crate::ComponentError;

/// What the first eight bytes of a file say that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A core module.
    Module,
    /// A component.
    Component,
    /// Not WebAssembly, or not of a version that is known here.
    Neither,
}

/// Looks at the beginning of a file.
pub fn kind(bytes: &[u8]) -> Kind {
    match bytes.get(..8) {
        Some(b"\0asm\x01\0\0\0") => Kind::Module,
        Some(b"\0asm\x0d\0\x01\0") => Kind::Component,
        _ => Kind::Neither,
    }
}

/// Makes a component of a module that says which world it is of, and validates it. Modules for WASI preview 1 get the adapter; components stay as they are.
///
/// # Errors
/// What is no WebAssembly, and a module that does not export what its world says.
pub fn encode(bytes: &[u8]) -> Result<Vec<u8>, ComponentError> {
    match kind(bytes) {
        Kind::Component => {
            wit_component::decode(bytes).map_err(|e| ComponentError::failed("the component is not valid", e))?;
            Ok(bytes.to_vec())
        }
        Kind::Neither => Err(ComponentError::NotWasm),
        Kind::Module => of_module(bytes, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER),
    }
}

/// Makes a program (`wasi:cli/command`) of a module with a `main` for WASI preview 1, and validates it.
///
/// # Errors
/// What is no module of WebAssembly, and one that does not export `_start`.
pub fn encode_program(module: &[u8]) -> Result<Vec<u8>, ComponentError> {
    match kind(module) {
        Kind::Module => of_module(module, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER),
        Kind::Component | Kind::Neither => Err(ComponentError::NotWasm),
    }
}

/// `adapter` gives what the module wants of WASI preview 1.
fn of_module(bytes: &[u8], adapter: &[u8]) -> Result<Vec<u8>, ComponentError> {
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true);
    encoder.module(bytes).map_err(|e| ComponentError::failed("the module does not say which interfaces it has", e))?;
    if bytes.windows(PREVIEW_1.len()).any(|window| window == PREVIEW_1.as_bytes()) {
        encoder
            .adapter(PREVIEW_1, adapter)
            .map_err(|e| ComponentError::failed("the adapter for WASI preview 1 does not fit", e))?;
    }
    encoder.encode().map_err(|e| ComponentError::failed("the module is no component of its interfaces", e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart_by_their_beginning() {
        for (bytes, expected) in [
            (&b"\0asm\x01\0\0\0rest"[..], Kind::Module),
            (&b"\0asm\x0d\0\x01\0"[..], Kind::Component),
            (&b"\0asm\x02\0\0\0"[..], Kind::Neither),
            (&b"\x7fELF"[..], Kind::Neither),
            (&b""[..], Kind::Neither),
        ] {
            assert_eq!(kind(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_no_module_is_refused_with_a_sentence() {
        let error = encode(b"#!/bin/sh").unwrap_err();
        assert_eq!(error.to_string(), "it is not WebAssembly");
        assert!(encode(b"\0asm\x0d\0\x01\0\xff\xff").is_err());
        assert!(encode_program(b"#!/bin/sh").is_err());
    }
}
