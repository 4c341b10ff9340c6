//! A Rust compiler that can make WebAssembly.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::{debian, places, process};

/// Targets that guests can be built for, the preferred first. The first gives core modules without any system interface, so that a component imports
/// what its author wrote and nothing else.
const TARGETS: &[&str] = &["wasm32-unknown-unknown", "wasm32-wasip2"];

/// What to do when there is no toolchain.
const HINT: &str =
    "install a target for the compiler in use: `rustup target add wasm32-wasip2` (or wasm32-unknown-unknown)";

/// A compiler and what has to be said to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    /// The target that it builds for.
    pub target: &'static str,
    /// What `rustc -vV` says, for keys.
    pub version: String,
    /// Where it comes from.
    pub source: Source,
}

/// Where a toolchain comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The compiler in use has the target.
    Installed,
    /// Debian's packages, unpacked at this place; the standard library is built with the guest.
    Debian(PathBuf),
}

impl Toolchain {
    /// Finds one, or makes one where Debian's packages can be had.
    pub fn find() -> Result<Self> {
        if let Some(installed) = installed() {
            return Ok(installed);
        }
        let root = match unpacked().context("no Rust toolchain for WebAssembly: Debian's packages cannot be had either")
        {
            Ok(root) => root,
            Err(error) => bail!("{error:#}\n  {HINT}"),
        };
        let mut rustc = Command::new(root.join("usr/bin/rustc"));
        rustc.arg("-vV").env("LD_LIBRARY_PATH", libraries(&root)?);
        let version = process::capture(&mut rustc)
            .with_context(|| format!("the compiler in {} does not start; {HINT}", root.display()))?;
        Ok(Self { target: "wasm32-unknown-unknown", version, source: Source::Debian(root) })
    }

    /// One line for people.
    pub fn shown(&self) -> String {
        let version = self.version.lines().next().unwrap_or_default();
        match &self.source {
            Source::Installed => format!("{version}, target {} as installed", self.target),
            Source::Debian(root) => format!("{version} of Debian's packages, in {}", root.display()),
        }
    }

    /// A word for the folders of what it builds.
    pub fn key(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.target);
        hash.update(&self.version);
        hash.update([u8::from(matches!(self.source, Source::Debian(_)))]);
        hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// `cargo build` for its target, without saying what of.
    pub fn cargo_build(&self, target_dir: &Path) -> Result<Command> {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // What cargo sets for a program that it runs must not reach the next cargo.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST") || text == "CARGO_CRATE_NAME" {
                command.env_remove(name);
            }
        }
        command
            .args(["build", "--release", "--locked", "--target", self.target])
            .env("CARGO_TARGET_DIR", target_dir)
            .env("CARGO_INCREMENTAL", "0")
            .env_remove("RUSTFLAGS");
        let mut flags = Vec::new();
        if let Some(home) = places::cargo_home() {
            flags.push(format!("--remap-path-prefix={}=/cargo", home.display()));
        }
        if let Source::Debian(root) = &self.source {
            command
                .arg("-Zbuild-std=std,panic_abort")
                .env("RUSTC_BOOTSTRAP", "1")
                .env("RUSTC", root.join("usr/bin/rustc"))
                .env("RUSTDOC", root.join("usr/bin/rustdoc"))
                .env("LD_LIBRARY_PATH", libraries(root)?)
                .env("PATH", path_with(&root.join("usr/bin"))?);
            flags.push(format!("--remap-path-prefix={}=/rust", root.display()));
        }
        command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
        Ok(command)
    }
}

/// The compiler in use, when it has one of the targets.
fn installed() -> Option<Toolchain> {
    let rustc = || Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let target = TARGETS.iter().copied().find(|target| {
        process::capture(rustc().args(["--print", "target-libdir", "--target", target]))
            .is_ok_and(|folder| has_std(Path::new(folder.trim())))
    })?;
    let version = process::capture(rustc().arg("-vV")).ok()?;
    Some(Toolchain { target, version, source: Source::Installed })
}

fn has_std(folder: &Path) -> bool {
    let Ok(entries) = folder.read_dir() else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libstd-") && name.ends_with(".rlib")
    })
}

/// Debian's packages in the cache folder, fetched when they are not there.
fn unpacked() -> Result<PathBuf> {
    let mut hash = Sha256::new();
    hash.update(debian::RECIPE);
    hash.update(std::env::consts::ARCH);
    hash.update(std::fs::read("/etc/os-release").unwrap_or_default());
    let digest: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let kept = places::cache().join("tools").join(format!("rustc-web-{digest}"));
    if !kept.join("usr/bin/rustc").is_file() {
        debian::unpack(&kept)?;
    }
    Ok(kept)
}

/// Where the compiler's own libraries lie: `usr/lib/ARCHITECTURE-linux-gnu` and `usr/lib/llvm-VERSION/lib`.
fn libraries(root: &Path) -> Result<std::ffi::OsString> {
    let lib = root.join("usr/lib");
    let mut folders = Vec::new();
    for entry in lib.read_dir().with_context(|| format!("reading {}", lib.display()))?.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.contains("-linux-gnu") {
            folders.insert(0, entry.path());
        } else if name.starts_with("llvm-") {
            folders.push(entry.path().join("lib"));
        }
    }
    if let Some(before) = std::env::var_os("LD_LIBRARY_PATH").filter(|value| !value.is_empty()) {
        folders.extend(std::env::split_paths(&before));
    }
    std::env::join_paths(folders).context("a folder of libraries has a `:` in its name")
}

/// `PATH` with a folder behind all others, so that nothing of the system is hidden by it.
fn path_with(folder: &Path) -> Result<std::ffi::OsString> {
    let before = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::env::split_paths(&before).chain([folder.to_path_buf()]))
        .context("the cache folder has a `:` in its name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_toolchains_apart() {
        let toolchain = |version: &str, source| Toolchain { target: "wasm32-wasip2", version: version.into(), source };
        let one = toolchain("rustc 1.95.0", Source::Installed);
        assert_eq!(one.key(), one.clone().key());
        assert_ne!(one.key(), toolchain("rustc 1.96.0", Source::Installed).key());
        assert_ne!(one.key(), toolchain("rustc 1.95.0", Source::Debian(PathBuf::from("x"))).key());
    }

    #[test]
    fn a_target_is_installed_when_its_std_is_there() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!has_std(folder.path()));
        std::fs::write(folder.path().join("libstd-0123.rlib"), "").unwrap();
        assert!(has_std(folder.path()));
        assert!(!has_std(&folder.path().join("absent")));
    }

    #[test]
    fn libraries_are_found_whatever_the_architecture_and_version() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["usr/lib/llvm-22/lib", "usr/lib/aarch64-linux-gnu", "usr/lib/rustlib"] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let found = libraries(folder.path()).unwrap();
        let found: Vec<_> = std::env::split_paths(&found).take(2).collect();
        assert_eq!(found, [folder.path().join("usr/lib/aarch64-linux-gnu"), folder.path().join("usr/lib/llvm-22/lib")]);
    }
}
