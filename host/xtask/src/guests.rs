//! The components of `plugins/`, and the rules of `wit/`.

use std::process::Command;

use anyhow::Result;

use crate::advisories::Skipped;
use crate::{cargo, scripts, shell};

/// Asks `guests`, which owns both: it needs the encoder of components, and this program compiles in seconds.
pub(crate) fn command(args: &[String]) -> Result<()> {
    shell::run(program()?.args(args))
}

/// `guests`, built as a member of the workspace: alone it would ask for fewer features of some dependencies, wasmtime among them, and those would be compiled once more.
fn program() -> Result<Command> {
    shell::run(shell::cargo().args(["build", "--quiet", "--workspace", "--bin", "guests"]).args(cargo::locked()))?;
    let mut command = Command::new(shell::target_dir().join("debug").join("guests"));
    command.current_dir(shell::root());
    Ok(command)
}

/// Builds all components for the tests, where something can compile them.
pub(crate) fn provide() -> Result<()> {
    let mut program = program()?;
    let found = Command::new(program.get_program()).current_dir(shell::root()).arg("--toolchain").output()?;
    if !found.status.success() {
        let why = String::from_utf8_lossy(&found.stderr);
        let why = why.trim().trim_start_matches("error: ").lines().next().unwrap_or_default().to_owned();
        return Err(Skipped(format!("nothing here compiles to WebAssembly: {why}")).into());
    }
    shell::run(&mut program)
}

/// Formatting and lints of the workspace in `plugins/`, which is compiled natively for that, of its Go modules, and the tests of what is in Python and JavaScript.
pub(crate) fn check(_: &[String]) -> Result<()> {
    go_modules()?;
    scripts::check()?;
    shell::run(in_plugins("fmt").args(["--all", "--check"]))?;
    let lints = ["--workspace", "--all-features", "--all-targets", "--quiet"];
    shell::run(in_plugins("clippy").args(lints).args(cargo::locked()).args(["--", "-D", "warnings"]))
}

/// Formatting, lints and tests of the Go modules in `plugins/`, natively. Without Go they are left out, and that is said.
fn go_modules() -> Result<()> {
    if shell::which("go").is_none() {
        println!("  the Go modules of plugins/ are not checked: Go is not installed");
        return Ok(());
    }
    let plugins = shell::root().join("plugins");
    let mut folders: Vec<_> = plugins.read_dir()?.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    for folder in folders.iter().filter(|folder| folder.join("go.mod").is_file()) {
        let go = |words: &[&str]| {
            let mut command = Command::new("go");
            command.current_dir(folder).env("GOTOOLCHAIN", "local").env("GOFLAGS", "").env("GOWORK", "off").args(words);
            command
        };
        let badly = shell::capture(Command::new("gofmt").arg("-l").arg(folder))?;
        // What was generated is as its generator wrote it.
        let badly: Vec<_> = badly.lines().filter(|file| !file.contains("/internal/bindings/")).collect();
        if !badly.is_empty() {
            anyhow::bail!("not formatted: {}; run `gofmt -w` on them", badly.join(", "));
        }
        if folder.ends_with("sdk-go") {
            shell::run(&mut go(&["vet", ".", "./renderer", "./step"]))?;
            shell::run(&mut go(&["test", "."]))?;
        } else {
            shell::run(&mut go(&["vet", "./..."]))?;
            shell::run(&mut go(&["test", "./..."]))?;
        }
    }
    Ok(())
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
