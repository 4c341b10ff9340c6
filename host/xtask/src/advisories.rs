//! Known vulnerabilities of the dependencies, where the database can be had.
//!
//! The database of RustSec is a git repository, which not every place reaches; then the check says so and counts as skipped.
//! `cargo deny` or `cargo audit` do the work where one of them is installed.

use std::process::Command;

use anyhow::{Result, bail};

use crate::shell;

/// Why an advisory check could not be done.
#[derive(Debug)]
pub(crate) struct Skipped(pub(crate) String);

impl std::fmt::Display for Skipped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "skipped: {}", self.0)
    }
}

impl std::error::Error for Skipped {}

/// Runs the check, or answers [`Skipped`].
pub(crate) fn command(_: &[String]) -> Result<()> {
    if shell::which("cargo-deny").is_some() {
        return checked(shell::cargo().args(["deny", "--all-features", "check", "advisories"]));
    }
    if shell::which("cargo-audit").is_some() {
        return checked(shell::cargo().args(["audit"]));
    }
    bail!(Skipped("neither cargo-deny nor cargo-audit is installed (`cargo install --locked cargo-audit`)".into()))
}

/// A tool that cannot fetch its database is a reason to skip; an advisory that it found is a failure.
fn checked(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() {
        return Ok(());
    }
    let fetch =
        ["failed to fetch", "couldn't fetch", "unable to clone", "failed to clone", "failed to load advisory database"];
    if fetch.iter().any(|sign| text.to_lowercase().contains(sign)) {
        bail!(Skipped("the advisory database cannot be fetched here".into()));
    }
    print!("{text}");
    bail!("the advisory check found something")
}
