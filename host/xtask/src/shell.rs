//! Running other programs, and where things lie.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The top folder of the clone.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}

/// A folder for what is expensive to build and never needed for correctness: `$XDG_CACHE_HOME` or `~/.cache`, then `colchis`.
pub(crate) fn cache_dir() -> PathBuf {
    let base = match (std::env::var_os("XDG_CACHE_HOME"), std::env::var_os("HOME")) {
        (Some(dir), _) if !dir.is_empty() => PathBuf::from(dir),
        (_, Some(home)) if !home.is_empty() => Path::new(&home).join(".cache"),
        _ => root().join("target").join("cache"),
    };
    base.join("colchis")
}

/// Where cargo puts what it builds for the checks. A continuous integration run uses a folder outside its clone, so that dependencies
/// that were built once on that machine are not built again; a developer's own `CARGO_TARGET_DIR` always wins.
pub(crate) fn target_dir() -> PathBuf {
    if let Some(dir) = std::env::var_os("CARGO_TARGET_DIR").filter(|d| !d.is_empty()) {
        return root().join(dir);
    }
    if std::env::var_os("CI").is_some_and(|v| !v.is_empty()) {
        let version = capture(Command::new("rustc").arg("--version")).unwrap_or_default();
        let version = version.split_whitespace().nth(1).unwrap_or("unknown").to_owned();
        return cache_dir().join("ci-target").join(version);
    }
    root().join("target")
}

/// `cargo` in the top folder, building where [`target_dir`] says.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).env("CARGO_TARGET_DIR", target_dir()).env("CARGO_TERM_COLOR", color());
    if std::env::var_os("CI").is_some_and(|v| !v.is_empty()) {
        // Each run has sources of its own: what incremental builds keep would only fill the disk.
        command.env("CARGO_INCREMENTAL", "0");
    }
    // What cargo sets for a program that it runs must not reach the next cargo: it would rebuild what depends on it.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST") || text == "CARGO_CRATE_NAME" {
            command.env_remove(name);
        }
    }
    command
}

fn color() -> &'static str {
    use std::io::IsTerminal;
    if std::io::stdout().is_terminal() { "always" } else { "never" }
}

/// Runs a command to its end with our own output; a non-zero exit is an error that names the command.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    let status = command.status().with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}

/// Runs a command and answers its standard output; its error output is part of the error.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start `{shown}`"))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("`{shown}` ended with {}: {}", output.status, errors.trim().lines().last().unwrap_or_default());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The command as a person would type it, shortened.
fn show(command: &Command) -> String {
    let mut words = vec![short(command.get_program())];
    words.extend(command.get_args().map(short));
    words.join(" ")
}

fn short(word: &OsStr) -> String {
    let text = word.to_string_lossy();
    match Path::new(word).is_absolute().then(|| Path::new(word).file_name()).flatten() {
        Some(name) => name.to_string_lossy().into_owned(),
        None => text.into_owned(),
    }
}

/// The first executable of that name in `PATH` (and in the folders of the system's own servers, which a user's `PATH` may leave out).
pub(crate) fn which(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/local/sbin"].iter().map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|file| is_executable(file))
}

/// Whether a file is there and may be executed.
pub(crate) fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// All files below `dir` whose name ends in `suffix`, sorted, without build output and hidden folders.
pub(crate) fn files(dir: &Path, suffix: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(dir) = open.pop() {
        let Ok(entries) = dir.read_dir() else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name();
            let name = name.to_string_lossy();
            // Not `metadata()`, which follows links: a link to a folder above would never end.
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                if !name.starts_with('.') && name != "target" && name != "node_modules" {
                    open.push(path);
                }
            } else if kind.is_file() && name.ends_with(suffix) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A path as it is shown: from the top folder.
pub(crate) fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Prints what was found and answers an error when there is any.
pub(crate) fn verdict(what: &str, checked: usize, problems: &[String]) -> Result<()> {
    for problem in problems {
        println!("  {problem}");
    }
    if problems.is_empty() {
        println!("  {checked} {what} checked");
        return Ok(());
    }
    bail!("{} of {checked} {what} break a rule", problems.len())
}
