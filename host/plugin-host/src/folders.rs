//! Folders of a program, which are opened when it first asks for them.
//!
//! A step that only computes and prints never does, and making folders for it and removing them is the most of what it would cost.

use std::sync::Arc;

use plugin::{Folder, ProgramOutput};
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder};

use crate::instance::State;

/// Folders that were not asked for yet.
pub(crate) struct Unopened {
    /// Who has them.
    pub(crate) of: Arc<dyn ProgramOutput>,
    /// Whether the thread that runs the program may wait for them.
    pub(crate) waits: bool,
}

/// Why a program has not got them.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}")]
pub(crate) struct NoFolders {
    what: String,
    source: std::io::Error,
}

impl Unopened {
    fn open(&self) -> Result<WasiCtx, NoFolders> {
        let failed = |what: String| move |source| NoFolders { what, source };
        let mut wasi = WasiCtxBuilder::new();
        wasi.allow_blocking_current_thread(self.waits);
        for Folder { path, target, read_only } in self.of.folders().map_err(failed("its folders".to_owned()))? {
            let perms = if read_only { FsPerms::ReadOnly } else { FsPerms::ReadWrite };
            let opened = wasi.preopened_dir(&path, &target, perms);
            opened.map_err(|error| failed(format!("its folder {target}"))(std::io::Error::other(error.to_string())))?;
        }
        Ok(wasi.build())
    }
}

impl preopens::Host for State {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        if let Some(unopened) = self.unopened.take() {
            let mut opened = unopened.open()?;
            *self.wasi.filesystem() = opened.filesystem().clone();
        }
        preopens::Host::get_directories(&mut self.filesystem())
    }
}
