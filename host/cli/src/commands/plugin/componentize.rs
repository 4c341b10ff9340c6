//! `colchis plugin componentize`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use componentize::{ComponentError, Interfaces, Kind};

use super::project::Form;
use crate::context::Context;
use crate::error::{CliError, CliResult, Exit};

/// Make a component of the core module that a compiler wrote
///
/// For compilers that know WASI preview 1 alone, as Go's. The module's exports have to be those of the kind's world; it is told which world that is, and what it imports of WASI
/// preview 1 is given by an adapter. With --program it is an ordinary program with a main, which becomes a component that can be the image of a step. Of a renderer, `_initialize` is run here, once, with a clock that stands and the same randomness each time, and each instance begins with the memory that it left. Interfaces and adapter are in this binary: it does what `wasm-tools component embed` and `wasm-tools component new` do.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags='-checklinkname=0 -s -w' -o core.wasm .
  colchis plugin componentize core.wasm --kind step -o word_count.wasm
  GOOS=wasip1 GOARCH=wasm go build -o core.wasm .
  colchis plugin componentize core.wasm --program -o report.wasm && colchis image import report.wasm --name report:1")]
pub struct Componentize {
    /// The core module
    #[arg(value_name = "MODULE.wasm")]
    module: PathBuf,

    /// What it is, of a plugin
    #[arg(long, value_enum, value_name = "KIND", required_unless_present = "program", conflicts_with = "program")]
    kind: Option<Form>,

    /// It is no plugin, but a program with a main
    #[arg(long)]
    program: bool,

    /// Where the component goes
    #[arg(short = 'o', long, value_name = "FILE")]
    output: PathBuf,
}

impl Componentize {
    pub(super) fn run(self, ctx: &mut Context) -> CliResult {
        let shown = self.module.display();
        let cannot = || format!("{shown} cannot be read");
        let mut module = std::fs::read(&self.module).with_context(cannot).map_err(|e| CliError::new(Exit::Usage, e))?;
        match componentize::kind(&module) {
            Kind::Module => {}
            Kind::Component => return Err(CliError::usage(format!("{shown} is a component already"))),
            Kind::Neither => {
                return Err(CliError::usage(format!("{shown} is no module of WebAssembly"))
                    .hint("Go writes one with GOOS=wasip1 GOARCH=wasm, and -buildmode=c-shared for a plugin"));
            }
        }
        let mut begins = String::new();
        if self.kind == Some(Form::ManifestRenderer) {
            match ctx.host.begun(&module) {
                Ok(begun) => {
                    module = begun;
                    begins = ", whose instances begin where its `_initialize` ended".to_owned();
                }
                // It is as good without, and takes longer.
                Err(error) => begins = format!(", whose instances run its `_initialize` each: {error:#}"),
            }
        }
        let component = component(&mut module, self.kind).map_err(|error| {
            CliError::new(
                Exit::Failed,
                anyhow::Error::new(error).context(format!("{shown} cannot be made a component")),
            )
            .hint(match self.kind {
                Some(kind) => format!("its exports have to be those of a {}: is it of that kind?", kind.word()),
                None => "a program exports _start: was it built as a library (-buildmode=c-shared)?".to_owned(),
            })
        })?;
        std::fs::write(&self.output, &component)
            .with_context(|| format!("{} cannot be written", self.output.display()))?;
        ctx.out.line(format!("{} is made: {} KiB{begins}", self.output.display(), component.len().div_ceil(1024)))?;
        Ok(Exit::Done)
    }
}

fn component(module: &mut Vec<u8>, kind: Option<Form>) -> Result<Vec<u8>, ComponentError> {
    let Some(kind) = kind else { return componentize::encode_program(module) };
    Interfaces::embedded()?.embed(module, kind.world())?;
    componentize::encode(module)
}
