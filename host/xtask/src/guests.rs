//! The components of `plugins/`, and the rules of `wit/`.

use std::process::Command;

use anyhow::Result;

use crate::advisories::Skipped;
use crate::{cargo, shell};

/// Asks `guests`, which owns both: it needs the encoder of components, and this program compiles in seconds.
pub(crate) fn command(args: &[String]) -> Result<()> {
    shell::run(shell::cargo().args(["run", "--quiet", "--package", "guests", "--"]).args(args))
}

/// Builds all components for the tests, where something can compile them.
pub(crate) fn provide() -> Result<()> {
    let guests = || {
        let mut command = shell::cargo();
        command.args(["run", "--quiet", "--package", "guests"]).args(cargo::locked()).arg("--");
        command
    };
    let found = guests().arg("--toolchain").output()?;
    if !found.status.success() {
        let why = String::from_utf8_lossy(&found.stderr);
        let why = why.trim().trim_start_matches("error: ").lines().next().unwrap_or_default().to_owned();
        return Err(Skipped(format!("nothing here compiles to WebAssembly: {why}")).into());
    }
    shell::run(&mut guests())
}

/// Formatting and lints of the workspace in `plugins/`, which is compiled natively for that.
pub(crate) fn check(_: &[String]) -> Result<()> {
    shell::run(in_plugins("fmt").args(["--all", "--check"]))?;
    let lints = ["--workspace", "--all-features", "--all-targets", "--quiet"];
    shell::run(in_plugins("clippy").args(lints).args(cargo::locked()).args(["--", "-D", "warnings"]))
}

/// The tests of the workspace in `plugins/`, natively.
pub(crate) fn tests() -> Command {
    let mut command = in_plugins("test");
    command.args(["--workspace", "--all-features", "--no-fail-fast"]).args(cargo::locked());
    command
}

fn in_plugins(what: &str) -> Command {
    let mut command = shell::cargo();
    command.arg(what).arg("--manifest-path").arg(shell::root().join("plugins/Cargo.toml"));
    command
}
