//! Artifacts and output of steps.

use super::error_from;
use crate::Result;
use crate::bindings::step::colchis::step::files;

#[derive(Debug)]
pub(crate) struct Artifact(files::Artifact);

impl Artifact {
    pub(crate) fn open(name: &str) -> Result<Self> {
        files::open(name).map(Self).map_err(error_from)
    }

    pub(crate) fn paths(&self) -> Result<Vec<String>> {
        self.0.paths().map_err(error_from)
    }

    pub(crate) fn size(&self, path: &str) -> Result<u64> {
        self.0.size(path).map_err(error_from)
    }

    pub(crate) fn read(&self, path: &str, offset: u64, length: u32) -> Result<Vec<u8>> {
        self.0.read(path, offset, length).map_err(error_from)
    }
}

#[derive(Debug)]
pub(crate) struct ArtifactWriter(files::ArtifactWriter);

impl ArtifactWriter {
    pub(crate) fn create(name: &str) -> Result<Self> {
        files::create(name).map(Self).map_err(error_from)
    }

    pub(crate) fn write(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        self.0.write(path, bytes).map_err(error_from)
    }

    pub(crate) fn finish(self) -> Result<()> {
        self.0.finish().map_err(error_from)
    }
}

pub(crate) fn step_output(text: &[u8]) {
    files::output(text);
}
