//! From the workspace of guests to finished components.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::go::bindings;
use crate::go::build::{self as go, Go};
use crate::script;
use crate::script::javascript::{self, Node};
use crate::script::python::{self, Python};
use crate::toolchain::Toolchain;
use crate::{cache, places, process};

/// How many components of a guest are kept, for who goes to and fro between branches.
const KEPT_MAX: usize = 8;

/// A package of the workspace that becomes a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// Its folder's name, and its component's.
    pub name: String,
    /// What it is written in.
    pub language: Language,
    folder: PathBuf,
}

/// What a guest is written in, and what its compiler has to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Language {
    /// Rust: its package's name.
    Rust(String),
    /// Go: the world that its component is of.
    Go(String),
    /// Python: that world, of `plugins/worlds`.
    Python(String),
    /// JavaScript: that world, of `plugins/worlds`.
    JavaScript(String),
}

/// The compilers, each looked for when the first guest wants it.
#[derive(Debug, Default)]
pub struct Compilers {
    rust: Option<Toolchain>,
    go: Option<Go>,
    python: Option<Python>,
    node: Option<Node>,
}

impl Compilers {
    /// That of Rust.
    fn rust(&mut self) -> Result<&Toolchain> {
        if self.rust.is_none() {
            self.rust = Some(Toolchain::find()?);
        }
        self.rust.as_ref().context("a toolchain was found")
    }

    /// That of Go, new enough for the module in a folder.
    fn go(&mut self, folder: &Path) -> Result<&Go> {
        if self.go.is_none() {
            self.go = Some(Go::find()?);
        }
        let go = self.go.as_ref().context("Go was found")?;
        go.is_enough_for(folder)?;
        Ok(go)
    }

    /// That of Python.
    fn python(&mut self) -> Result<&Python> {
        if self.python.is_none() {
            self.python = Some(Python::find()?);
        }
        self.python.as_ref().context("Python was found")
    }

    /// That of JavaScript.
    fn node(&mut self) -> Result<&Node> {
        if self.node.is_none() {
            self.node = Some(Node::find()?);
        }
        self.node.as_ref().context("Node.js was found")
    }

    /// Why a guest cannot be made here, when it is one of a language whose compiler a machine may well not have.
    pub fn lacks(&mut self, guest: &Guest) -> Option<String> {
        match guest.language {
            Language::Rust(_) => None,
            Language::Go(_) => self.go(&guest.folder).err().map(|why| format!("{why:#}")),
            Language::Python(_) => self.python().err().map(|why| format!("{why:#}")),
            Language::JavaScript(_) => self.node().err().map(|why| format!("{why:#}")),
        }
    }
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
    go_libraries: Vec<PathBuf>,
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
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if folder.join("go.mod").is_file() {
                match go::world(&folder) {
                    Some(world) => found.guests.push(Guest { name, language: Language::Go(world), folder }),
                    None => found.go_libraries.push(folder),
                }
                continue;
            }
            if let Some(world) = python::world(&folder) {
                found.guests.push(Guest { name, language: Language::Python(world), folder });
                continue;
            }
            if let Some(world) = javascript::world(&folder) {
                found.guests.push(Guest { name, language: Language::JavaScript(world), folder });
                continue;
            }
            let Ok(manifest) = fs::read_to_string(folder.join("Cargo.toml")) else { continue };
            let package = package_name(&manifest)
                .with_context(|| format!("{}: no name in its [package]", folder.join("Cargo.toml").display()))?;
            if manifest.contains("\"cdylib\"") {
                found.guests.push(Guest { name, language: Language::Rust(package.to_owned()), folder });
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

    /// Everything that goes into a guest's component; the compiler by its own key.
    fn key(&self, guest: &Guest, wit: &Path, compiler: &str) -> Result<String> {
        let mut key = cache::Key::default();
        key.word(compiler);
        match &guest.language {
            Language::Rust(_) => {
                key.folder(&self.folder, &guest.folder)?;
                for library in &self.libraries {
                    key.folder(&self.folder, library)?;
                }
                key.file(&self.folder, &self.folder.join("Cargo.toml"))?;
                key.file(&self.folder, &self.folder.join("Cargo.lock"))?;
            }
            Language::Go(world) => {
                if world == RENDERER {
                    key.word(preinit::FORM);
                }
                for folder in self.go_libraries.iter().chain([&guest.folder]) {
                    for file in go::files(folder)? {
                        key.file(&self.folder, &file)?;
                    }
                }
            }
            Language::Python(world) | Language::JavaScript(world) => {
                key.word(world);
                for file in script::files(&guest.folder)? {
                    key.file(&self.folder, &file)?;
                }
                match guest.language {
                    Language::Python(_) => python::shared(&mut key, &self.folder)?,
                    _ => javascript::shared(&mut key, &self.folder)?,
                }
            }
        }
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
pub fn build(workspace: &Workspace, guest: &Guest, compilers: &mut Compilers) -> Result<Built> {
    let begun = Instant::now();
    let compiler = match guest.language {
        Language::Rust(_) => compilers.rust()?.key(),
        Language::Go(_) => compilers.go(&guest.folder)?.version.clone(),
        Language::Python(_) => compilers.python()?.key.clone(),
        Language::JavaScript(_) => compilers.node()?.key.clone(),
    };
    let key = workspace.key(guest, &places::wit(), &compiler)?;
    let kept = places::cache().join("guests").join("components").join(format!("{}-{key}.wasm", guest.name));
    let mut took = None;
    if !kept.is_file() {
        let module = match &guest.language {
            Language::Rust(package) => compile(workspace, guest, package, compilers.rust()?)?,
            Language::Go(world) => compile_go(guest, world, compilers.go(&guest.folder)?)?,
            Language::Python(world) => {
                let made = compilers.python()?.componentize(&guest.name, &guest.folder, world);
                made.with_context(|| format!("guest `{}`", guest.name))?
            }
            Language::JavaScript(world) => {
                let made = compilers.node()?.componentize(&guest.name, &guest.folder, world);
                made.with_context(|| format!("guest `{}`", guest.name))?
            }
        };
        let component = componentize::encode(&module).with_context(|| format!("guest `{}`", guest.name))?;
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

/// The world whose components see the same clock and randomness each time, so that they can begin ahead.
const RENDERER: &str = "manifest-renderer";

/// Runs Go; answers a core module that says which world it is of.
fn compile_go(guest: &Guest, world: &str, go: &Go) -> Result<Vec<u8>> {
    let mut module = go.compile(&guest.name, &guest.folder).with_context(|| format!("guest `{}`", guest.name))?;
    if world == RENDERER {
        module = preinit::preinitialize(&module).with_context(|| format!("guest `{}`", guest.name))?;
    }
    bindings::embed(&mut module, &places::wit(), world).with_context(|| format!("guest `{}`", guest.name))?;
    Ok(module)
}

/// Runs cargo; answers what it wrote: a core module, or for some targets a component.
fn compile(workspace: &Workspace, guest: &Guest, package: &str, toolchain: &Toolchain) -> Result<Vec<u8>> {
    // Shared by all clones of the machine, because building the standard library takes longer than all guests together.
    let target_dir = places::cache().join("guests").join(format!("build-{}", toolchain.key()));
    // Another clone's guest of that name goes to the same file: nobody else builds until this one is read.
    let _lock = cache::lock(&target_dir.join("guests.lock"))?;
    process::run(toolchain.cargo_build(&target_dir)?.current_dir(&workspace.folder).args(["--package", package]))
        .with_context(|| format!("guest `{}`", guest.name))?;
    let file = format!("{}.wasm", package.replace('-', "_"));
    let file = target_dir.join(toolchain.target).join("release").join(file);
    fs::read(&file).with_context(|| format!("reading {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(folder: &Path) -> Workspace {
        for (name, text) in [
            ("one/Cargo.toml", "[package]\nname = \"plugin-one\"\n[lib]\ncrate-type = [\"cdylib\"]\n"),
            ("one/src/lib.rs", "//! One."),
            ("two/Cargo.toml", "[package]\nname=\"plugin-two\"\n[lib]\ncrate-type = [\"cdylib\"]\n"),
            ("sdk/Cargo.toml", "[workspace]\nname = \"no\"\n[package]\nversion = \"1\"\nname = \"sdk\"\n"),
            ("notes/README.md", "no package"),
            ("gopher/go.mod", "module gopher\n\ngo 1.25\n"),
            ("gopher/main.go", "//colchis:world workflow-step\n\npackage main\n"),
            ("sdk-go/go.mod", "module colchis/sdk\n\ngo 1.25\n"),
            ("monty/pyproject.toml", "[tool.colchis]\nworld = \"trigger\"\n"),
            ("monty/app.py", "import colchis"),
            ("sdk-python/pyproject.toml", "[project]\n"),
            ("nodes/package.json", "{\"colchis\": {\"world\": \"trigger\"}}"),
            ("sdk-js/package.json", "{}"),
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
        let names: Vec<_> = workspace.guests.iter().map(|g| (g.name.as_str(), g.language.clone())).collect();
        let rust = |package: &str| Language::Rust(package.into());
        let go = |world: &str| Language::Go(world.into());
        let (python, javascript) = (Language::Python("trigger".into()), Language::JavaScript("trigger".into()));
        let one_and_two = [("one", rust("plugin-one")), ("two", rust("plugin-two"))];
        let others = [("gopher", go("workflow-step")), ("monty", python), ("nodes", javascript)];
        assert_eq!(names, others.into_iter().chain(one_and_two).collect::<Vec<_>>());
        assert_eq!(workspace.select(&[]).unwrap().len(), 5);
        assert_eq!(workspace.select(&["two".into()]).unwrap()[0].name, "two");
        let error = workspace.select(&["three".into()]).unwrap_err().to_string();
        assert_eq!(error, "no guest `three` in plugins/; there are: gopher, monty, nodes, one, two");
    }

    /// Changes files one after the other and compares the key of a guest before and after.
    fn check_key(guest: &str, changes: &[(&str, bool)]) {
        let folder = tempfile::tempdir().unwrap();
        let workspace = workspace(folder.path());
        let wit = folder.path().join("wit");
        let guest = workspace.select(&[guest.into()]).unwrap().remove(0);
        let key = |compiler: &str| workspace.key(guest, &wit, compiler).unwrap();
        let mut last = key("1");
        for (file, counts) in changes {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "changed").unwrap();
            let next = key("1");
            assert_eq!(next != last, *counts, "{file}");
            last = next;
        }
        assert_ne!(key("2"), last);
    }

    #[test]
    fn a_guest_is_made_again_when_something_that_goes_into_it_changed() {
        check_key(
            "one",
            &[
                ("plugins/one/src/lib.rs", true),
                ("plugins/sdk/src/lib.rs", true),
                ("plugins/Cargo.lock", true),
                ("wit/step/step.wit", true),
                ("plugins/two/src/lib.rs", false),
                ("plugins/sdk-go/error.go", false),
                ("wit/released/1.0.0/step.wit", false),
                ("wit/README.md", false),
            ],
        );
    }

    #[test]
    fn a_guest_in_go_is_made_of_its_module_and_the_kit() {
        check_key(
            "gopher",
            &[
                ("plugins/gopher/greet.go", true),
                ("plugins/gopher/go.sum", true),
                ("plugins/sdk-go/error.go", true),
                ("wit/step/step.wit", true),
                ("plugins/gopher/greet_test.go", false),
                ("plugins/gopher/testdata/a.yaml", false),
                ("plugins/sdk/src/lib.rs", false),
                ("plugins/Cargo.lock", false),
            ],
        );
    }

    #[test]
    fn a_guest_in_a_scripting_language_is_made_of_its_files_the_kit_and_the_worlds() {
        for (guest, kit, other, ending) in
            [("monty", "sdk-python", "sdk-js", "py"), ("nodes", "sdk-js", "sdk-python", "js")]
        {
            let at = |folder: &str, name: &str| format!("plugins/{folder}/{name}.{ending}");
            let (own, of_kit) = (at(guest, "app2"), at(kit, "http"));
            let (of_other, test) = (at(other, "http"), format!("plugins/{guest}/test_app.py"));
            check_key(
                guest,
                &[
                    (own.as_str(), true),
                    (of_kit.as_str(), true),
                    ("plugins/worlds/worlds.wit", true),
                    ("wit/step/step.wit", true),
                    (of_other.as_str(), false),
                    (test.as_str(), false),
                    ("plugins/Cargo.lock", false),
                ],
            );
        }
    }
}
