//! The project's own tools: `cargo xtask COMMAND`.
//!
//! ```text
//!   test ── tools ─ layers ─ rules ─ licences ─ advisories ─ fmt ─ proto ─ clippy ─ cargo test ──► one summary, one exit code
//!   each of those alone: layers, rules, licences, advisories, fmt, proto, clippy, tools
//!   guests ── plugins/ ──► components in target/guests
//!   bench ── real server, named workloads ──► table, target/bench/*.json, README
//!   fuzz ── hostile input for a bounded time
//! ```
//!
//! Invariants
//! - What cannot run says why and is counted as skipped; nothing is left out silently.
//! - A step that fails does not hide the steps behind it: all run, the summary names every failure, the exit code tells.
//! - Nothing is downloaded but from the ordinary sources of packages (crates.io, Debian, the Go module proxy).
//! - It compiles in seconds: no async runtime, no network, nothing of the product.
//!
//! Must not know: how the product works inside.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks to its user")]

mod advisories;
mod bench;
mod cargo;
mod fuzz;
mod guests;
mod layers;
mod licences;
mod proto;
mod purity;
mod rules;
mod scripts;
mod shell;
mod test;
mod tools;

use std::process::ExitCode;

use anyhow::{Result, bail};

/// What people can ask for: the word, what it does, and the function.
struct Command {
    name: &'static str,
    help: &'static str,
    run: fn(&[String]) -> Result<()>,
}

const COMMANDS: &[Command] = &[
    Command { name: "test", help: "everything that decides whether a change lands", run: test::command },
    Command { name: "tools", help: "install or build the servers that tests talk to", run: tools::command },
    Command {
        name: "layers",
        help: "who may depend on whom, and what the pure crates may not call",
        run: layers::command,
    },
    Command {
        name: "rules",
        help: "house rules: file lengths, words, module lists, manifests, README",
        run: rules::command,
    },
    Command { name: "licences", help: "licences and sources of all dependencies", run: licences::command },
    Command {
        name: "advisories",
        help: "known vulnerabilities, where a database can be had",
        run: advisories::command,
    },
    Command { name: "fmt", help: "rustfmt --check of the workspace", run: cargo::fmt },
    Command {
        name: "proto",
        help: "generated code is fresh, no breaking change of the proto files",
        run: proto::command,
    },
    Command {
        name: "guests",
        help: "the components of plugins/: [NAME…]; `--check-wit`, `--freeze VERSION`, `--toolchain`, `--list`",
        run: guests::command,
    },
    Command {
        name: "bench",
        help: "measure a release build: [NAME…] [--rounds N] [--readme]; `list` shows the workloads",
        run: bench::command,
    },
    Command { name: "fuzz", help: "hostile input for a bounded time: [--seconds N] [NAME…]", run: fuzz::command },
    Command {
        name: "plain",
        help: "what stands in for namespaces where there is no Linux, compiled",
        run: cargo::plain,
    },
    Command { name: "clippy", help: "lints of the workspace, warnings are errors", run: cargo::clippy },
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[String]) -> Result<()> {
    let Some(name) = args.first().filter(|a| !matches!(a.as_str(), "help" | "-h" | "--help")) else {
        println!("cargo xtask COMMAND\n");
        for command in COMMANDS {
            println!("  {:<12}{}", command.name, command.help);
        }
        return Ok(());
    };
    let Some(command) = COMMANDS.iter().find(|c| c.name == name) else {
        let names: Vec<_> = COMMANDS.iter().map(|c| c.name).collect();
        bail!("no command `{name}`; there are: {}", names.join(", "));
    };
    (command.run)(args.get(1..).unwrap_or_default())
}
