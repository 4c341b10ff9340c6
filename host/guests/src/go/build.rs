//! From a Go module to a core module.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{cache, places, process};

/// The comment by which a Go module says that it becomes a component, in the manner of Go's own directives: `//colchis:world manifest-renderer`. It stands alone
/// on a line of `main.go`.
const MARK: &str = "//colchis:world ";

/// What to do when there is no Go.
const HINT: &str = "install Go (go.dev/dl, or your system's package) and have `go` in PATH";

/// A Go compiler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Go {
    /// As `go1.26.1`.
    pub version: String,
}

impl Go {
    /// The one in `PATH`.
    pub fn find() -> Result<Self> {
        if process::which("go").is_none() {
            bail!("Go is not installed; {HINT}");
        }
        let version = process::capture(go().args(["env", "GOVERSION"]))?.trim().to_owned();
        Ok(Self { version })
    }

    /// Says when a module asks for a newer one: its `go` line is what its libraries need.
    pub fn is_enough_for(&self, folder: &Path) -> Result<()> {
        let file = folder.join("go.mod");
        let manifest = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let Some(wanted) = manifest.lines().find_map(|line| line.strip_prefix("go ")) else { return Ok(()) };
        if numbers(&self.version) < numbers(wanted) {
            bail!("it is written for Go {}, and {} is installed; {HINT}", wanted.trim(), self.version);
        }
        Ok(())
    }

    /// Compiles a module's main package to a core module without a `main` that runs.
    pub fn compile(&self, name: &str, folder: &Path) -> Result<Vec<u8>> {
        let out = places::cache().join("guests").join("go");
        fs::create_dir_all(&out).with_context(|| format!("creating {}", out.display()))?;
        let file = out.join(format!(".{name}-{}.wasm", std::process::id()));
        let built = process::run(
            go().current_dir(folder)
                .args(["build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false"])
                // The bindings' runtime reaches the allocator of Go's own runtime by name.
                .arg("-ldflags=-checklinkname=0 -s -w")
                .arg("-o")
                .args([&file, Path::new(".")])
                .env("GOOS", "wasip1")
                .env("GOARCH", "wasm"),
        );
        let bytes = built.and_then(|()| fs::read(&file).with_context(|| format!("reading {}", file.display())));
        let _ = fs::remove_file(&file);
        bytes
    }
}

/// `go` with nothing of the surroundings that would make another module of the same sources.
fn go() -> Command {
    let mut command = Command::new("go");
    command.env("GOTOOLCHAIN", "local").env("GOWORK", "off").env("GOFLAGS", "").env("CGO_ENABLED", "0");
    command
}

/// The world that a Go module's component is of, and nothing when it becomes none.
pub fn world(folder: &Path) -> Option<String> {
    let main = fs::read_to_string(folder.join("main.go")).ok()?;
    Some(main.lines().find_map(|line| line.strip_prefix(MARK))?.trim().to_owned())
}

/// What goes into a Go module: all its files without tests and what they read.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let all = cache::files(folder)?;
    let counts = |file: &PathBuf| {
        let inside = file.strip_prefix(folder).unwrap_or(file);
        !inside.components().any(|part| part.as_os_str() == "testdata") && !file.to_string_lossy().ends_with("_test.go")
    };
    Ok(all.into_iter().filter(counts).collect())
}

/// The numbers of a version: `go1.26.1` and `1.26.1` alike. What is not there is 0.
fn numbers(version: &str) -> [u64; 3] {
    let mut parts = version.trim().trim_start_matches("go").split('.').map(|part| {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        part.get(..end).and_then(|digits| digits.parse().ok()).unwrap_or(0)
    });
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_go_is_told_from_a_newer() {
        for (version, wanted, enough) in [
            ("go1.26.1", "1.25", true),
            ("go1.25", "1.25.0", true),
            ("go1.19.8", "1.25", false),
            ("go1.26rc1", "1.26", true),
        ] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("go.mod"), format!("module x\n\ngo {wanted}\n")).unwrap();
            let found = Go { version: version.into() }.is_enough_for(folder.path());
            assert_eq!(found.is_ok(), enough, "{version} for {wanted}");
        }
    }

    #[test]
    fn a_module_says_its_world_and_tests_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(world(folder.path()), None);
        for (name, text) in [
            ("main.go", "//colchis:world workflow-step\n\npackage main\n"),
            ("main_test.go", ""),
            ("testdata/a.yaml", ""),
            ("inner/b.go", ""),
        ] {
            fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
            fs::write(folder.path().join(name), text).unwrap();
        }
        assert_eq!(world(folder.path()).as_deref(), Some("workflow-step"));
        let found = files(folder.path()).unwrap();
        assert_eq!(found, [folder.path().join("inner/b.go"), folder.path().join("main.go")]);
    }
}
