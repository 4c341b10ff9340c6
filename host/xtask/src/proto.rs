//! Generated protobuf code is fresh, and the proto files break no client.

use anyhow::Result;

use crate::shell;

/// Asks `proto-gen`, which owns both rules. With words behind it (`accept`), they are handed on.
pub(crate) fn command(args: &[String]) -> Result<()> {
    let words = if args.is_empty() { vec!["--check".to_owned()] } else { args.to_vec() };
    shell::run(
        shell::cargo()
            .args(["run", "--quiet", "--package", "proto-gen", "--features", "generate", "--example", "generate", "--"])
            .args(words),
    )
}
