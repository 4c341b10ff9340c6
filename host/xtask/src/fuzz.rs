//! `cargo xtask fuzz [--seconds N] [NAME…]`: hostile input for a bounded time.
//!
//! The targets are the ordinary tests whose names begin with `hostile_`: each takes its seed and its time from the environment
//! (`COLCHIS_FUZZ_SEED`, `COLCHIS_FUZZ_SECONDS`; without them a fixed seed and a moment) and prints the seed with which it failed. They are built
//! like everything else, on a stable compiler, so that a seed that failed becomes a line of an ordinary test.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;

use crate::cargo;
use crate::shell;

/// Runs the targets one after the other.
pub(crate) fn command(args: &[String]) -> Result<()> {
    let mut seconds = "60".to_owned();
    let mut names = Vec::new();
    let mut words = args.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seconds" => seconds = words.next().cloned().unwrap_or(seconds),
            name => names.push(name),
        }
    }
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64);
    println!("seed {seed}, {seconds} s for each target");
    let mut command = shell::cargo();
    command.args(["test", "--workspace", "--no-fail-fast"]).args(cargo::locked()).args([
        "--",
        "hostile_",
        "--nocapture",
        "--test-threads=1",
    ]);
    command.args(names).env("COLCHIS_FUZZ_SEED", seed.to_string()).env("COLCHIS_FUZZ_SECONDS", seconds);
    shell::run(&mut command)
}
