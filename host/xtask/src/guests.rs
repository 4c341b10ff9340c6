//! The components of `plugins/`, and the rules of `wit/`.

use anyhow::Result;

use crate::shell;

/// Asks `guests`, which owns both: it needs the encoder of components, and this program compiles in seconds.
pub(crate) fn command(args: &[String]) -> Result<()> {
    shell::run(shell::cargo().args(["run", "--quiet", "--package", "guests", "--"]).args(args))
}
