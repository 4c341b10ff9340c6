//! The interfaces: read, documented, and as they were promised.

mod compat;
mod docs;
mod types;

#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use wit_parser::{Resolve, SourceMap, UnresolvedPackageGroup};

use crate::cache;

/// The namespace of our own packages. Others are WASI's, as they came.
pub const NAMESPACE: &str = "colchis";

/// What a check found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many packages were read, with WASI's.
    pub packages: usize,
    /// A sentence each.
    pub problems: Vec<String>,
}

/// Checks a folder of packages: all resolve, ours are documented, and each version below `released/` is still kept. That something does not parse is an error.
pub fn check(folder: &Path) -> Result<Report> {
    let now = load(&[&folder.join("deps"), folder])?;
    let mut report = Report { packages: now.packages.len(), problems: docs::check(&now) };
    for released in subfolders(&folder.join("released"))? {
        let then = load(&[&folder.join("deps"), &released])?;
        let version = released.file_name().unwrap_or_default().to_string_lossy();
        report.problems.extend(
            compat::breaks(&then, &now).into_iter().map(|problem| format!("{problem} (as released in {version})")),
        );
    }
    Ok(report)
}

/// Copies our packages to `released/VERSION`, whole or not at all; answers how many files that are.
pub fn freeze(folder: &Path, version: &str) -> Result<usize> {
    let numbers: Vec<&str> = version.split('.').collect();
    if numbers.len() != 3
        || numbers.iter().any(|number| number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()))
    {
        bail!("`{version}` is no version: three numbers are expected, as 1.0.0");
    }
    load(&[&folder.join("deps"), folder])?;
    let kept = folder.join("released").join(version);
    let work = folder.join("released").join(format!(".{version}-{}", std::process::id()));
    let mut count = 0;
    for package in packages(folder)? {
        for file in cache::files(&package)?.iter().filter(|file| is_wit(file)) {
            let inside = file.strip_prefix(folder).context("a file of a package lies below it")?;
            let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
            cache::write_whole(&work.join(inside), &bytes)?;
            count += 1;
        }
    }
    let _ = fs::remove_dir_all(&kept);
    fs::rename(&work, &kept).with_context(|| format!("writing {}", kept.display()))?;
    Ok(count)
}

/// Reads the packages in folders: each folder with `.wit` files below one is a package, and so is each `.wit` file right in it.
pub(crate) fn load(folders: &[&Path]) -> Result<Resolve> {
    let mut groups = Vec::new();
    for folder in folders {
        for place in packages(folder)? {
            let mut sources = SourceMap::default();
            if place.is_dir() { sources.push_dir(&place) } else { sources.push_file(&place) }
                .with_context(|| format!("reading {}", place.display()))?;
            groups.push(parse(sources)?);
        }
    }
    resolve(groups)
}

fn parse(sources: SourceMap) -> Result<UnresolvedPackageGroup> {
    sources.parse().map_err(|(sources, error)| anyhow::anyhow!("{}", error.render(&sources)))
}

fn resolve(groups: Vec<UnresolvedPackageGroup>) -> Result<Resolve> {
    Ok(componentize::resolve(groups)?)
}

/// The packages right below a folder. `deps` and `released` are no packages.
fn packages(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in folder.read_dir().with_context(|| format!("reading {}", folder.display()))?.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() {
            let holds = name != "deps" && name != "released" && cache::files(&path)?.iter().any(|file| is_wit(file));
            if holds {
                found.push(path);
            }
        } else if is_wit(&path) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn subfolders(folder: &Path) -> Result<Vec<PathBuf>> {
    let Ok(entries) = folder.read_dir() else { return Ok(Vec::new()) };
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    found.sort();
    Ok(found)
}

fn is_wit(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "wit")
}
