//! House rules as an ordinary test: what `host/STYLE.md` says and a machine can see.

mod dashboards;
mod manifests;
mod modules;
mod readme;
mod words;

use anyhow::Result;

use crate::shell;

/// Lines beyond which a source file needs a reason.
const FILE_LINES_MAX: usize = 600;

/// Files that are longer, each with its reason. Generated code is not looked at.
const LONG_FILES: &[(&str, &str)] = &[];

/// How large a file may be that everybody clones (bytes). What is larger is usually something that a compiler left behind.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Checks all rules.
pub(crate) fn command(_: &[String]) -> Result<()> {
    let mut problems = Vec::new();
    let sources = shell::files(shell::root(), ".rs");
    lengths(&sources, &mut problems);
    words::check(&mut problems);
    modules::check(&mut problems);
    manifests::check(&mut problems);
    readme::check(&mut problems);
    dashboards::check(&mut problems);
    papers(&mut problems);
    sizes(&mut problems);
    shell::verdict("source files", sources.len(), &problems)
}

fn lengths(sources: &[std::path::PathBuf], problems: &mut Vec<String>) {
    for file in sources {
        let shown = shell::relative(file);
        if is_generated(&shown) {
            continue;
        }
        let lines = std::fs::read_to_string(file).map_or(0, |text| text.lines().count());
        let listed = LONG_FILES.iter().any(|(name, _)| *name == shown);
        if lines > FILE_LINES_MAX && !listed {
            problems.push(format!(
                "{shown}: {lines} lines; split it, or give a reason in LONG_FILES of host/xtask/src/rules.rs (limit {FILE_LINES_MAX})"
            ));
        } else if lines <= FILE_LINES_MAX && listed {
            problems.push(format!("{shown}: {lines} lines; take it out of LONG_FILES"));
        }
    }
}

/// Files that git has, or would take.
fn sizes(problems: &mut Vec<String>) {
    let mut git = std::process::Command::new("git");
    git.current_dir(shell::root()).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    // An archive of the sources has no git about it.
    let Ok(listed) = git.output() else { return };
    for name in String::from_utf8_lossy(&listed.stdout).split_terminator('\0') {
        let bytes = shell::root().join(name).symlink_metadata().map_or(0, |found| found.len());
        if bytes > FILE_BYTES_MAX {
            problems.push(format!(
                "{name}: {bytes} bytes; remove it, or have it made when it is wanted (limit {FILE_BYTES_MAX})"
            ));
        }
    }
}

/// Code that a program wrote.
fn is_generated(shown: &str) -> bool {
    shown.starts_with("host/proto-gen/src/") && !shown.ends_with("/lib.rs")
}

/// What every landing keeps true.
fn papers(problems: &mut Vec<String>) {
    for name in
        ["README.md", "LICENSE", "host/ARCHITECTURE.md", "host/STYLE.md", "host/CONTRIBUTING.md", "host/CHANGELOG.md"]
    {
        if !shell::root().join(name).metadata().is_ok_and(|m| m.len() > 0) {
            problems.push(format!("{name}: missing or empty"));
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_house_rules_hold() {
        super::command(&[]).unwrap();
    }
}
