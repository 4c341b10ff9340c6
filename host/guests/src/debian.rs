//! Debian's packages of a newer Rust, unpacked beside the build: for machines that reach package sources and no installer of toolchains.
//!
//! Which packages that are follows from what the first ones say about themselves, because their names carry versions (`libstd-rust-web-1.96`, `libllvm22`).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{places, process};

/// Changes whenever what is unpacked changes: part of the folder's name.
pub(crate) const RECIPE: &str = "rustc-web 1";

/// The packages to begin with: the compiler, the library for build scripts and macros, the sources of the standard library, the linker's name.
const FIRST: &[&str] = &["rustc-web", "libstd-rust-web-dev", "rust-web-src", "rust-web-llvm"];

/// More packages than this were never meant.
const PACKAGES_MAX: usize = 24;

/// Fetches and unpacks all of them at a place: in a folder of its own, which is moved into place at the end, so that two at once do not meet.
#[allow(clippy::print_stderr, reason = "it takes long enough that a person wants to know why")]
pub(crate) fn unpack(kept: &Path) -> Result<()> {
    if process::which("apt-get").is_none() || process::which("dpkg-deb").is_none() {
        bail!("this is not a Debian system");
    }
    eprintln!("  fetching a Rust toolchain for guests from Debian's packages, this is done once …");
    let work = kept.with_file_name(format!("making-rustc-web-{}", std::process::id()));
    fs::create_dir_all(&work).with_context(|| format!("creating {}", work.display()))?;
    let made = fetch(&work).and_then(|()| {
        trim(&work)?;
        match fs::rename(&work, kept) {
            Err(_) if kept.join("usr/bin/rustc").is_file() => Ok(()),
            other => other.with_context(|| format!("moving it to {}", kept.display())),
        }
    });
    let _ = fs::remove_dir_all(&work);
    made
}

/// Downloads and unpacks round by round, until no package names another that is missing.
fn fetch(work: &Path) -> Result<()> {
    let mut have = BTreeSet::new();
    let mut wanted: BTreeSet<String> = FIRST.iter().map(|name| (*name).to_owned()).collect();
    while !wanted.is_empty() {
        if have.len() + wanted.len() > PACKAGES_MAX {
            bail!("Debian's packages need more than {PACKAGES_MAX} others: {}", join(&wanted));
        }
        let archives = work.join("archives");
        fs::create_dir_all(&archives)?;
        download(&wanted, &archives)?;
        let mut next = BTreeSet::new();
        for archive in files(&archives)? {
            process::run(Command::new("dpkg-deb").arg("-x").arg(&archive).arg(work))?;
            let depends = process::capture(Command::new("dpkg-deb").arg("-f").arg(&archive).arg("Depends"))?;
            next.extend(further(&depends, is_installed));
        }
        fs::remove_dir_all(&archives)?;
        have.append(&mut wanted);
        wanted = next.difference(&have).cloned().collect();
    }
    Ok(())
}

/// Which packages of a `Depends` line are fetched as well: Rust's own, LLVM's library with its linker, and libraries that the system lacks.
fn further(depends: &str, installed: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for name in depends.split(',').filter_map(|part| part.split(['(', '|', ':']).next()).map(str::trim) {
        if let Some(version) = name.strip_prefix("libllvm") {
            found.insert(name.to_owned());
            found.insert(format!("lld-{version}"));
        } else if name.starts_with("libstd-rust-web")
            || (name.starts_with("lib") && !name.ends_with("-dev") && !installed(name))
        {
            found.insert(name.to_owned());
        }
    }
    found
}

fn is_installed(package: &str) -> bool {
    process::capture(Command::new("dpkg-query").args(["-W", "-f", "${db:Status-Status}", package]))
        .is_ok_and(|status| status.contains("installed") && !status.contains("not-installed"))
}

/// Package lists of our own are used when the system has none; they are checked against the system's keys.
fn download(packages: &BTreeSet<String>, into: &Path) -> Result<()> {
    let plain = process::capture(Command::new("apt-get").arg("download").args(packages).current_dir(into));
    if plain.is_ok() && files(into)?.len() >= packages.len() {
        return Ok(());
    }
    let state = places::cache().join("apt");
    fs::create_dir_all(state.join("lists/partial"))?;
    fs::create_dir_all(state.join("cache/archives/partial"))?;
    let lists = format!("Dir::State::lists={}", state.join("lists").display());
    let cache = format!("Dir::Cache={}", state.join("cache").display());
    let apt = |words: &mut dyn Iterator<Item = &str>| {
        let mut command = Command::new("apt-get");
        command.args(["-q", "-o", &lists, "-o", &cache, "-o", "APT::Sandbox::User=root"]).args(words).current_dir(into);
        process::capture(&mut command)
    };
    apt(&mut ["update"].into_iter()).context("Debian's package lists cannot be read")?;
    apt(&mut ["download"].into_iter().chain(packages.iter().map(String::as_str)))
        .with_context(|| format!("Debian's {} cannot be fetched", join(packages)))?;
    Ok(())
}

/// Takes out what no build needs: the sources of the compiler itself, and documents.
fn trim(work: &Path) -> Result<()> {
    let sources = work.join("usr/src");
    for tree in sources.read_dir().with_context(|| format!("reading {}", sources.display()))?.flatten() {
        for entry in tree.path().read_dir().context("the sources of the standard library are missing")?.flatten() {
            let name = entry.file_name();
            let folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if folder && name != "library" {
                fs::remove_dir_all(entry.path())?;
            }
        }
    }
    let library = work.join("usr/lib/rustlib/src/rust/library/std/Cargo.toml");
    if !library.is_file() {
        bail!("Debian's packages have the standard library's sources at another place than expected");
    }
    let _ = fs::remove_dir_all(work.join("usr/share"));
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = folder.read_dir().with_context(|| format!("reading {}", folder.display()))?;
    Ok(entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "deb"))
        .collect())
}

fn join(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_packages_follow_from_what_packages_say() {
        let installed = |name: &str| name == "libc6" || name == "libgcc-s1";
        for (depends, expected) in [
            (
                "libc6 (>= 2.34), libgcc-s1 (>= 3.0), libstd-rust-web-dev (= 1.96.0), gcc, libc-dev, binutils",
                "libstd-rust-web-dev",
            ),
            ("libc6, libllvm22, libz3-4 (>= 4.8.12)", "libllvm22, libz3-4, lld-22"),
            ("libc6 (>= 2.34), llvm-22\n", ""),
            ("", ""),
        ] {
            assert_eq!(join(&further(depends, installed)), expected, "{depends}");
        }
    }
}
