//! Regenerates the committed code from the proto files.
//!
//! ```text
//! generate              writes what has changed
//! generate --check      fails when something would change, or clients of the baseline would break
//! generate --baseline   makes the current proto files the baseline (refused when they break the old one; `--force` does it all the same)
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]

use std::error::Error;
use std::path::Path;

use proto_gen::generate;

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => generate::write(&root)?,
        ["--check"] => generate::check(&root)?,
        ["--baseline"] => generate::write_baseline(&root, false)?,
        ["--baseline", "--force"] => generate::write_baseline(&root, true)?,
        other => return Err(format!("unknown arguments {other:?}; --check, --baseline [--force], or none").into()),
    }
    Ok(())
}
