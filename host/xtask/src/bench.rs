//! `cargo xtask bench [NAME…] [--rounds N] [--readme]`: builds the server and the bench in release, runs it, keeps what it measured.
//!
//! `list` shows the workloads. `--readme` puts the table into the README; only a run of all workloads on a quiet machine belongs there.

use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use crate::shell;

const BEGIN: &str = "<!-- bench -->";
const END: &str = "<!-- /bench -->";

/// Runs it.
pub(crate) fn command(args: &[String]) -> Result<()> {
    let readme = args.iter().any(|a| a == "--readme");
    let rest: Vec<&String> = args.iter().filter(|a| *a != "--readme").collect();
    shell::run(shell::cargo().args([
        "build",
        "--release",
        "--package",
        "server",
        "--bin",
        "colchis",
        "--package",
        "tests",
        "--bin",
        "bench",
    ]))?;
    let built = shell::target_dir().join("release");
    let folder = shell::root().join("target").join("bench");
    std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let out = folder.join(format!("{seconds}.json"));
    let mut bench = Command::new(built.join("bench"));
    bench.args(rest).arg("--out").arg(&out).env("COLCHIS_BIN", built.join("colchis")).current_dir(shell::root());
    let output = bench.stderr(std::process::Stdio::inherit()).output().context("starting the bench")?;
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{table}");
    if !output.status.success() {
        bail!("the bench ended with {}", output.status);
    }
    if out.is_file() {
        println!("kept in {}", shell::relative(&out));
    }
    if readme { put_into_readme(&shell::root().join("README.md"), table.trim()) } else { Ok(()) }
}

fn put_into_readme(file: &Path, table: &str) -> Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let changed =
        replaced(&text, table).with_context(|| format!("{} has no lines {BEGIN} and {END}", file.display()))?;
    std::fs::write(file, changed).with_context(|| format!("writing {}", file.display()))
}

/// The text with what stands between the marks replaced.
fn replaced(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_changes() {
        let text = "a\n<!-- bench -->\nold\n<!-- /bench -->\nb\n";
        assert_eq!(replaced(text, "new").unwrap(), "a\n<!-- bench -->\nnew\n<!-- /bench -->\nb\n");
        assert_eq!(replaced("nothing", "new"), None);
    }
}
