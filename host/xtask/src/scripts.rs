//! What is written in Python and JavaScript in `plugins/`: its tests, natively, by the languages' own runners.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::shell;

/// Runs the tests of each folder that has some. Where an interpreter is missing they are left out, and that is said.
pub(crate) fn check() -> Result<()> {
    let plugins = shell::root().join("plugins");
    let mut folders: Vec<_> = plugins.read_dir()?.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    for (manifest, program) in [("pyproject.toml", "python3"), ("package.json", "node")] {
        if shell::which(program).is_none() {
            println!("  what is written for `{program}` in plugins/ is not tested: it is not installed");
            continue;
        }
        for folder in folders.iter().filter(|folder| folder.join(manifest).is_file()) {
            shell::run(&mut tests(program, folder, &plugins))?;
        }
    }
    Ok(())
}

fn tests(program: &str, folder: &Path, plugins: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    match program {
        "node" => command.args(["--test", "--test-reporter", "dot"]),
        _ => command
            .args(["-m", "unittest", "--quiet"])
            .env("PYTHONPATH", plugins.join("sdk-python"))
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    };
    command
}
