//! `guests [NAME…]`: makes the components of `plugins/`. `cargo xtask guests` runs it.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks to its user")]

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use guests::build::{Compilers, Workspace};
use guests::toolchain::Toolchain;
use guests::{build, places, wit};

const HELP: &str = "\
guests [NAME…]            make the components of plugins/, all or the named ones, in target/guests
guests --list             their names
guests --toolchain        find or fetch the toolchain, and say which it is
guests --check-wit        wit/ parses, everything in it is documented, and nothing released is changed
guests --go-bindings      write the Go code of the interfaces anew
guests --freeze VERSION   keep the interfaces as they are in wit/released/VERSION";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<()> {
    match args.first().map(String::as_str) {
        Some("-h" | "--help" | "help") => println!("{HELP}"),
        Some("--list") => {
            for guest in Workspace::read(&places::plugins())?.guests {
                println!("{}", guest.name);
            }
        }
        Some("--toolchain") => println!("{}", Toolchain::find()?.shown()),
        Some("--go-bindings") => return go_bindings(),
        Some("--check-wit") => return check_wit(),
        Some("--freeze") => {
            let version = args.get(1).context("which version? `guests --freeze 1.0.0`")?;
            let count = wit::freeze(&places::wit(), version)?;
            println!("  {count} files kept in wit/released/{version}");
        }
        Some(option) if option.starts_with('-') => bail!("no option `{option}`\n{HELP}"),
        _ => return make(args),
    }
    Ok(())
}

fn make(names: &[String]) -> Result<()> {
    let workspace = Workspace::read(&places::plugins())?;
    let wanted = workspace.select(names)?;
    let mut compilers = Compilers::default();
    for guest in wanted {
        // Who names a guest wants it, and is told why it cannot be had. Who wants them all goes on with the others.
        if names.is_empty()
            && let Some(why) = compilers.lacks(guest)
        {
            println!("  {:<16}skipped: {why}", guest.name);
            continue;
        }
        let built = build::build(&workspace, guest, &mut compilers)?;
        let how = match built.took {
            Some(took) => format!("made in {:.1} s", took.as_secs_f32()),
            None => "kept".to_owned(),
        };
        println!("  {:<16}{:>7} KiB  {how}", guest.name, built.bytes.div_ceil(1024));
    }
    Ok(())
}

fn go_bindings() -> Result<()> {
    let folder = places::plugins().join("sdk-go");
    let files = guests::go::bindings::generate(&places::wit())?;
    for (name, bytes) in &files {
        guests::cache::write_whole(&folder.join(name), bytes)?;
    }
    println!("  {} files written in plugins/sdk-go", files.len());
    Ok(())
}

fn check_wit() -> Result<()> {
    let report = wit::check(&places::wit())?;
    for problem in &report.problems {
        println!("  {problem}");
    }
    if !report.problems.is_empty() {
        bail!("{} problems in wit/", report.problems.len());
    }
    println!("  {} packages of interfaces checked", report.packages);
    Ok(())
}
