//! From the workspace of guests to finished components.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::toolchain::Toolchain;
use crate::{cache, component, places, process};

/// How many components of a guest are kept, for who goes to and fro between branches.
const KEPT_MAX: usize = 8;

/// A package of the workspace that becomes a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// Its folder's name, and its component's.
    pub name: String,
    /// Its package's name.
    pub package: String,
    folder: PathBuf,
}

/// What became of a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// Where the component is.
    pub file: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// What it took, when it had to be made.
    pub took: Option<Duration>,
}

/// The packages of a workspace: those that become components, and those that they are made of.
#[derive(Debug, Default)]
pub struct Workspace {
    /// In the order of their names.
    pub guests: Vec<Guest>,
    libraries: Vec<PathBuf>,
    folder: PathBuf,
}

impl Workspace {
    /// Looks at the folders of a workspace.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut found = Self { folder: folder.to_path_buf(), ..Self::default() };
        let entries = folder.read_dir().with_context(|| format!("reading {}", folder.display()))?;
        let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        folders.sort();
        for folder in folders {
            let Ok(manifest) = fs::read_to_string(folder.join("Cargo.toml")) else { continue };
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let package = package_name(&manifest)
                .with_context(|| format!("{}: no name in its [package]", folder.join("Cargo.toml").display()))?;
            if manifest.contains("\"cdylib\"") {
                found.guests.push(Guest { name, package: package.to_owned(), folder });
            } else {
                found.libraries.push(folder);
            }
        }
        Ok(found)
    }

    /// All guests, or those of these names.
    pub fn select(&self, names: &[String]) -> Result<Vec<&Guest>> {
        if let Some(unknown) = names.iter().find(|name| !self.guests.iter().any(|guest| guest.name == **name)) {
            let there: Vec<&str> = self.guests.iter().map(|guest| guest.name.as_str()).collect();
            bail!("no guest `{unknown}` in plugins/; there are: {}", there.join(", "));
        }
        let wanted: BTreeSet<&String> = names.iter().collect();
        Ok(self.guests.iter().filter(|guest| wanted.is_empty() || wanted.contains(&guest.name)).collect())
    }

    /// Everything that goes into a guest's component.
    fn key(&self, guest: &Guest, wit: &Path, toolchain: &Toolchain) -> Result<String> {
        let mut key = cache::Key::default();
        key.word(&toolchain.key());
        key.folder(&self.folder, &guest.folder)?;
        for library in &self.libraries {
            key.folder(&self.folder, library)?;
        }
        key.file(&self.folder, &self.folder.join("Cargo.toml"))?;
        key.file(&self.folder, &self.folder.join("Cargo.lock"))?;
        for file in cache::files(wit)? {
            if file.extension().is_some_and(|e| e == "wit") && !file.starts_with(wit.join("released")) {
                key.file(wit, &file)?;
            }
        }
        Ok(key.finish())
    }
}

/// The `name` of a manifest's `[package]`.
fn package_name(manifest: &str) -> Option<&str> {
    manifest
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != "[package]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .find_map(|line| {
            line.strip_prefix("name")?.trim_start().strip_prefix('=')?.trim().strip_prefix('"')?.split('"').next()
        })
}

/// Makes a guest's component, or takes the one that is kept, and puts it into the output folder.
pub fn build(workspace: &Workspace, guest: &Guest, toolchain: &Toolchain) -> Result<Built> {
    let begun = Instant::now();
    let key = workspace.key(guest, &places::wit(), toolchain)?;
    let kept = places::cache().join("guests").join("components").join(format!("{}-{key}.wasm", guest.name));
    let mut took = None;
    if !kept.is_file() {
        let module = compile(workspace, guest, toolchain)?;
        let component = component::encode(&module).with_context(|| format!("guest `{}`", guest.name))?;
        cache::write_whole(&kept, &component)?;
        cache::forget_old(&kept, &format!("{}-", guest.name), KEPT_MAX);
        took = Some(begun.elapsed());
    }
    let file = places::output().join(format!("{}.wasm", guest.name));
    let bytes = fs::read(&kept).with_context(|| format!("reading {}", kept.display()))?;
    if fs::read(&file).ok().as_ref() != Some(&bytes) {
        cache::write_whole(&file, &bytes)?;
    }
    Ok(Built { file, bytes: bytes.len() as u64, took })
}

/// Runs cargo; answers what it wrote: a core module, or for some targets a component.
fn compile(workspace: &Workspace, guest: &Guest, toolchain: &Toolchain) -> Result<Vec<u8>> {
    // Shared by all clones of the machine, because building the standard library takes longer than all guests together.
    let target_dir = places::cache().join("guests").join(format!("build-{}", toolchain.key()));
    // Another clone's guest of that name goes to the same file: nobody else builds until this one is read.
    let _lock = cache::lock(&target_dir.join("guests.lock"))?;
    process::run(
        toolchain.cargo_build(&target_dir)?.current_dir(&workspace.folder).args(["--package", &guest.package]),
    )
    .with_context(|| format!("guest `{}`", guest.name))?;
    let file = format!("{}.wasm", guest.package.replace('-', "_"));
    let file = target_dir.join(toolchain.target).join("release").join(file);
    fs::read(&file).with_context(|| format!("reading {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toolchain::Source;

    fn workspace(folder: &Path) -> Workspace {
        for (name, text) in [
            ("one/Cargo.toml", "[package]\nname = \"plugin-one\"\n[lib]\ncrate-type = [\"cdylib\"]\n"),
            ("one/src/lib.rs", "//! One."),
            ("two/Cargo.toml", "[package]\nname=\"plugin-two\"\n[lib]\ncrate-type = [\"cdylib\"]\n"),
            ("sdk/Cargo.toml", "[workspace]\nname = \"no\"\n[package]\nversion = \"1\"\nname = \"sdk\"\n"),
            ("notes/README.md", "no package"),
        ] {
            let file = folder.join("plugins").join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        fs::create_dir_all(folder.join("wit/released/1.0.0")).unwrap();
        Workspace::read(&folder.join("plugins")).unwrap()
    }

    #[test]
    fn guests_are_what_becomes_a_module() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = workspace(folder.path());
        let names: Vec<_> = workspace.guests.iter().map(|g| (g.name.as_str(), g.package.as_str())).collect();
        assert_eq!(names, [("one", "plugin-one"), ("two", "plugin-two")]);
        assert_eq!(workspace.select(&[]).unwrap().len(), 2);
        assert_eq!(workspace.select(&["two".into()]).unwrap()[0].name, "two");
        let error = workspace.select(&["three".into()]).unwrap_err().to_string();
        assert_eq!(error, "no guest `three` in plugins/; there are: one, two");
    }

    #[test]
    fn a_guest_is_made_again_when_something_that_goes_into_it_changed() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = workspace(folder.path());
        let wit = folder.path().join("wit");
        let toolchain = Toolchain { target: "wasm32-wasip2", version: "1".into(), source: Source::Installed };
        let key = || workspace.key(&workspace.guests[0], &wit, &toolchain).unwrap();
        let mut last = key();
        for (file, counts) in [
            ("plugins/one/src/lib.rs", true),
            ("plugins/sdk/src/lib.rs", true),
            ("plugins/Cargo.lock", true),
            ("wit/step/step.wit", true),
            ("plugins/two/src/lib.rs", false),
            ("wit/released/1.0.0/step.wit", false),
            ("wit/README.md", false),
        ] {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "changed").unwrap();
            let next = key();
            assert_eq!(next != last, counts, "{file}");
            last = next;
        }
        let other = Toolchain { version: "2".into(), ..toolchain.clone() };
        assert_ne!(workspace.key(&workspace.guests[0], &wit, &other).unwrap(), last);
    }
}
