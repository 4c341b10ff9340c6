//! `cargo xtask test`: everything that decides whether a change lands, in one command.

mod count;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::advisories::Skipped;
use crate::{advisories, cargo, guests, layers, licences, proto, rules, shell, tools};
use count::Counts;

/// One step: the heading people read, and what it does.
struct Step {
    title: &'static str,
    run: fn(&[String]) -> Result<()>,
}

/// The quick ones first, so that a slip is told within seconds.
const CHECKS: &[Step] = &[
    Step { title: "formatting", run: cargo::fmt },
    Step { title: "layers", run: layers::command },
    Step { title: "house rules", run: rules::command },
    Step { title: "licences and sources", run: licences::command },
    Step { title: "advisories", run: advisories::command },
    Step { title: "proto files", run: proto::command },
    Step { title: "clippy", run: cargo::clippy },
    Step { title: "without Linux", run: cargo::plain },
    Step { title: "plugins", run: guests::check },
];

/// How a step ended.
struct Outcome {
    title: String,
    took: Duration,
    end: End,
}

enum End {
    Passed,
    Skipped(String),
    Failed(String),
}

/// Runs every step, then the tests; fails at the end when one of them failed. Words behind `test` go to `cargo test`.
pub(crate) fn command(args: &[String]) -> Result<()> {
    let begun = Instant::now();
    let mut outcomes: Vec<Outcome> = CHECKS.iter().map(|step| perform(step.title, || (step.run)(&[]))).collect();
    let mut skips = Vec::new();
    outcomes.push(perform("tools for the tests", || {
        provide_tools(&mut skips);
        Ok(())
    }));
    outcomes.push(perform("components for the tests", guests::provide));
    let mut counts = Counts::default();
    outcomes.push(perform("tests", || {
        run_tests(args, &mut counts, &mut skips)?;
        if counts.failed > 0 { bail!("{} tests failed: {}", counts.failed, counts.failures.join(", ")) } else { Ok(()) }
    }));
    summary(&outcomes, &skips, begun.elapsed());
    let failed_steps = outcomes.iter().filter(|o| matches!(o.end, End::Failed(_))).count();
    let skipped_steps = outcomes.iter().filter(|o| matches!(o.end, End::Skipped(_))).count();
    // A failed check counts as one failed test, so that the closing line never says less than the exit code.
    let failed = counts.failed.max(usize::from(failed_steps > 0));
    println!("\n{} passed, {failed} failed, {} skipped", counts.passed, counts.ignored + skipped_steps);
    if failed_steps > 0 {
        std::process::exit(1);
    }
    Ok(())
}

fn perform(title: &str, run: impl FnOnce() -> Result<()>) -> Outcome {
    println!("\n── {title} {}", "─".repeat(72usize.saturating_sub(title.len())));
    let begun = Instant::now();
    let end = match run() {
        Ok(()) => End::Passed,
        Err(error) => match error.downcast_ref::<Skipped>() {
            Some(Skipped(reason)) => End::Skipped(reason.clone()),
            None => End::Failed(format!("{error:#}")),
        },
    };
    match &end {
        End::Passed => {}
        End::Skipped(reason) => println!("  skipped: {reason}"),
        End::Failed(reason) => println!("  FAILED: {reason}"),
    }
    let _ = std::io::stdout().flush();
    Outcome { title: title.to_owned(), took: begun.elapsed(), end }
}

fn provide_tools(skips: &mut Vec<String>) {
    for tool in tools::provide_for_tests() {
        match tool.place {
            Ok(place) => println!("  {:<16}{}", tool.name, shell::relative(&place)),
            Err(reason) => {
                println!("  {:<16}missing: {reason:#}", tool.name);
                skips.push(format!("tool {}: {reason:#} (its tests are skipped: {})", tool.name, tool.needed_by));
            }
        }
    }
}

/// Builds, then `cargo test --workspace` here and in `plugins/`.
fn run_tests(args: &[String], counts: &mut Counts, skips: &mut Vec<String>) -> Result<()> {
    let notes = skip_file();
    let _ = std::fs::remove_file(&notes);
    // Binaries together with the tests: alone they would ask for fewer features of some dependencies, and those would be compiled once more.
    shell::run(shell::cargo().args(["build", "--quiet", "--workspace", "--bins", "--tests"]).args(cargo::locked()))?;
    let mut command = shell::cargo();
    command.args(["test", "--workspace", "--no-fail-fast"]).args(cargo::locked()).args(args);
    command.env("COLCHIS_BIN", shell::target_dir().join("debug").join("colchis"));
    command.env("COLCHIS_TOOLS", tools::folder()).env("COLCHIS_SKIPPED", &notes);
    let here = counted(command, counts);
    let mut plugins = guests::tests();
    plugins.env("COLCHIS_TOOLS", tools::folder()).env("COLCHIS_SKIPPED", &notes);
    let plugins = counted(plugins, counts);
    counts.skipped_inside(read_notes(&notes, skips));
    here.and(plugins)
}

/// Runs `cargo test`, its output passed on while its result lines are counted.
fn counted(mut command: Command, counts: &mut Counts) -> Result<()> {
    let failed = counts.failed;
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start `cargo test`")?;
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n') {
            let line = line.context("reading what cargo test says")?;
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            counts.read(&line);
        }
    }
    let status = child.wait().context("waiting for cargo test")?;
    if !status.success() && counts.failed == failed {
        bail!("`cargo test` ended with {status} before all tests were run");
    }
    Ok(())
}

/// Where tests write why they skipped themselves: one line each, `test: reason`.
fn skip_file() -> PathBuf {
    shell::root().join("target").join("skipped-tests.txt")
}

fn read_notes(file: &Path, skips: &mut Vec<String>) -> usize {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let mut lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    lines.sort_unstable();
    lines.dedup();
    skips.extend(lines.iter().map(|l| (*l).to_owned()));
    lines.len()
}

fn summary(outcomes: &[Outcome], skips: &[String], took: Duration) {
    println!("\n── summary {}", "─".repeat(65));
    for outcome in outcomes {
        let (word, reason) = match &outcome.end {
            End::Passed => ("passed", ""),
            End::Skipped(reason) => ("skipped", reason.as_str()),
            End::Failed(reason) => ("FAILED", reason.as_str()),
        };
        println!("  {word:<8} {:<24}{:>6.1} s  {reason}", outcome.title, outcome.took.as_secs_f32());
    }
    println!("           {:<24}{:>6.1} s", "all", took.as_secs_f32());
    if !skips.is_empty() {
        println!("\n  not tested here:");
        for skip in skips {
            println!("  - {skip}");
        }
    }
}
