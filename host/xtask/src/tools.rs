//! The servers and programs that tests talk to: found, or fetched from ordinary package sources, or said to be missing.
//!
//! ```text
//!   PATH ──► Debian package, unpacked beside the build ──► Go module, built ──► npm or Python package ──► our own Go program, built ──► missing, with the reason
//!                        └────────────── kept in the cache folder by recipe, linked into target/tools/bin ──────────────┘
//! ```
//!
//! Invariants
//! - Nothing is installed into the system: Debian packages are unpacked into the cache folder, so no root is needed and no service starts.
//! - A tool that cannot be had is never an error here. The tests that need it skip themselves and say so.
//! - Tests find tools in `$COLCHIS_TOOLS`, in `target/tools/bin` of the clone, then in `PATH` (`testkit::tools`).

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::shell;

/// A program that tests start.
struct Tool {
    name: &'static str,
    /// Which tests cannot run without it.
    needed_by: &'static str,
    from: From,
}

enum From {
    /// A file of a Debian package.
    Debian { package: &'static str, file: &'static str },
    /// A file of the first of several Debian packages; the others have the libraries that it wants.
    DebianWith { packages: &'static [&'static str], file: &'static str },
    /// A command of a Go module at a version.
    Go { package: &'static str, version: &'static str },
    /// A command of an npm package at a version; its own install scripts do not run.
    Npm { package: &'static str, version: &'static str },
    /// A module of a Python package at a version, run as a program; `with` are packages that it needs and does not name (`name==version`).
    Python { package: &'static str, version: &'static str, module: &'static str, with: &'static [&'static str] },
    /// A Go program of this repository.
    Folder(&'static str),
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "busybox",
        needed_by: "container images made by the tests",
        from: From::Debian { package: "busybox-static", file: "bin/busybox" },
    },
    Tool {
        name: "docker-registry",
        needed_by: "pulling images from an OCI registry",
        from: From::Debian { package: "docker-registry", file: "usr/bin/docker-registry" },
    },
    Tool {
        name: "etcd",
        needed_by: "the Kubernetes API server (store-kube)",
        from: From::Debian { package: "etcd-server", file: "usr/bin/etcd" },
    },
    Tool {
        name: "versitygw",
        needed_by: "artifacts on an S3 server",
        from: From::Go { package: "github.com/versity/versitygw/cmd/versitygw", version: "v1.8.0" },
    },
    Tool {
        name: "fake-gcs-server",
        needed_by: "artifacts on Google Cloud Storage",
        from: From::Go { package: "github.com/fsouza/fake-gcs-server", version: "v1.54.0" },
    },
    Tool {
        name: "azurite-blob",
        needed_by: "artifacts on Azure Blob Storage",
        from: From::Npm { package: "azurite", version: "3.35.0" },
    },
    Tool {
        name: "nats-server",
        needed_by: "the plugin nats",
        from: From::Go { package: "github.com/nats-io/nats-server/v2", version: "v2.15.3" },
    },
    Tool {
        name: "redis-server",
        needed_by: "the plugin redis-streams",
        from: From::DebianWith {
            packages: &["redis-tools", "liblzf1", "libjemalloc2", "libatomic1"],
            file: "usr/bin/redis-check-rdb",
        },
    },
    Tool {
        name: "mosquitto",
        needed_by: "the plugin mqtt",
        from: From::DebianWith {
            packages: &["mosquitto", "libcjson1", "libdlt2", "libwrap0"],
            file: "usr/sbin/mosquitto",
        },
    },
    Tool {
        name: "protoc",
        needed_by: "the client in Go",
        from: From::Python { package: "grpcio-tools", version: "1.76.0", module: "grpc_tools.protoc", with: &[] },
    },
    Tool {
        name: "prometheus",
        needed_by: "the metric provider prometheus",
        from: From::Debian { package: "prometheus", file: "usr/bin/prometheus" },
    },
    Tool {
        name: "influxd",
        needed_by: "the metric provider influxdb",
        from: From::Debian { package: "influxdb", file: "usr/bin/influxd" },
    },
    Tool {
        name: "graphite-web",
        needed_by: "the metric provider graphite",
        // Its own configuration of Django is named by the tests. Series lie in the files of whisper.
        from: From::Python {
            package: "graphite-web",
            version: "1.1.10",
            module: "django",
            with: &["whisper==1.1.10", "setuptools<81"],
        },
    },
    Tool {
        name: "helm",
        needed_by: "the bench of renderers, and test data of the plugin helm",
        from: From::Go { package: "helm.sh/helm/v3/cmd/helm", version: "v3.22.0" },
    },
    Tool {
        name: "kustomize",
        needed_by: "the bench of renderers, and test data of the plugin kustomize",
        from: From::Go { package: "sigs.k8s.io/kustomize/kustomize/v5", version: "v5.8.1" },
    },
    Tool {
        name: "cosign",
        needed_by: "signatures of plugins that cosign makes or verifies",
        from: From::Go { package: "github.com/sigstore/cosign/v3/cmd/cosign", version: "v3.1.3" },
    },
    Tool {
        name: "kubetest",
        needed_by: "the Kubernetes API server (store-kube)",
        from: From::Folder("tests/kubetest"),
    },
];

/// One tool's fate.
pub(crate) struct Provided {
    pub(crate) name: &'static str,
    pub(crate) needed_by: &'static str,
    /// Where it is, or why it is not there.
    pub(crate) place: Result<PathBuf>,
    /// What it took, when it had to be made.
    pub(crate) took: Option<Duration>,
}

/// `tools [NAME…]`: all of them, or the named ones.
pub(crate) fn command(args: &[String]) -> Result<()> {
    if let Some(unknown) = args.iter().find(|a| !TOOLS.iter().any(|t| t.name == a.as_str())) {
        let names: Vec<_> = TOOLS.iter().map(|t| t.name).collect();
        bail!("no tool `{unknown}`; there are: {}", names.join(", "));
    }
    for provided in provide(|name| args.is_empty() || args.iter().any(|a| a == name)) {
        match (&provided.place, provided.took) {
            (Ok(place), Some(took)) => {
                println!("  {:<16}{} ({:.0} s)", provided.name, place.display(), took.as_secs_f32());
            }
            (Ok(place), None) => println!("  {:<16}{}", provided.name, place.display()),
            (Err(reason), _) => {
                println!("  {:<16}missing: {reason:#}\n{:18}needed by: {}", provided.name, "", provided.needed_by)
            }
        }
    }
    Ok(())
}

/// The folder that `$COLCHIS_TOOLS` names for the tests.
pub(crate) fn folder() -> PathBuf {
    shell::root().join("target").join("tools").join("bin")
}

/// Whether a tool is what the bench compares with: no test wants it, and it has to be of the version that the component is of.
pub(crate) fn is_of_the_bench(name: &str) -> bool {
    matches!(name, "helm" | "kustomize")
}

/// Whether a tool takes so long to make that a test run does not do it unasked.
fn is_slow_to_make(name: &str) -> bool {
    name == "cosign"
}

/// Finds or makes the wanted tools and links each into [`folder`].
pub(crate) fn provide(wanted: impl Fn(&str) -> bool) -> Vec<Provided> {
    TOOLS.iter().filter(|tool| wanted(tool.name)).map(|tool| provide_one(tool, true)).collect()
}

/// [`provide`] of what the tests want, without what is slow to make.
pub(crate) fn provide_for_tests() -> Vec<Provided> {
    let wanted = TOOLS.iter().filter(|tool| !is_of_the_bench(tool.name));
    wanted.map(|tool| provide_one(tool, !is_slow_to_make(tool.name))).collect()
}

fn provide_one(tool: &Tool, may_make: bool) -> Provided {
    let begun = Instant::now();
    let mut took = None;
    let place = in_path(tool).map_or_else(
        || {
            let kept = shell::cache_dir().join("tools").join(key(tool)?).join("bin").join(tool.name);
            if !shell::is_executable(&kept) {
                if !may_make {
                    bail!("it takes minutes to make; `cargo xtask tools {}` does", tool.name);
                }
                println!("  {}: making it, this is done once …", tool.name);
                make(tool, &kept)?;
                took = Some(begun.elapsed());
            }
            Ok(kept)
        },
        Ok,
    );
    let place = place.and_then(|place| link(tool.name, &place));
    Provided { name: tool.name, needed_by: tool.needed_by, place, took }
}

fn in_path(tool: &Tool) -> Option<PathBuf> {
    if matches!(tool.from, From::Folder(_)) || is_of_the_bench(tool.name) {
        return None;
    }
    let found = shell::which(tool.name)?;
    // A busybox that needs the machine's libraries does not run in an image that has none.
    let usable = tool.name != "busybox" || fs::read(&found).is_ok_and(|bytes| !contains(&bytes, b"/ld-linux"));
    usable.then_some(found)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// What the tool is made of: the same key, the same program.
fn key(tool: &Tool) -> Result<String> {
    let mut hash = Sha256::new();
    hash.update(tool.name);
    hash.update(std::env::consts::ARCH);
    match &tool.from {
        From::Debian { package, file } => {
            hash.update(package);
            hash.update(file);
            hash.update(fs::read("/etc/os-release").unwrap_or_default());
        }
        From::DebianWith { packages, file } => {
            packages.iter().for_each(|package| hash.update(package));
            hash.update(file);
            hash.update(fs::read("/etc/os-release").unwrap_or_default());
        }
        From::Go { package, version } => {
            hash.update(package);
            hash.update(version);
            hash.update(go_version()?);
        }
        From::Npm { package, version } => {
            hash.update(package);
            hash.update(version);
        }
        From::Python { package, version, with, .. } => {
            hash.update(package);
            hash.update(version);
            hash.update(with.concat());
        }
        From::Folder(folder) => {
            hash.update(go_version()?);
            for ending in [".go", "go.mod", "go.sum"] {
                for file in shell::files(&shell::root().join(folder), ending) {
                    hash.update(shell::relative(&file));
                    hash.update(fs::read(&file).with_context(|| format!("reading {}", file.display()))?);
                }
            }
        }
    }
    let digest = hash.finalize();
    Ok(format!("{}-{}", tool.name, digest.iter().take(8).map(|b| format!("{b:02x}")).collect::<String>()))
}

fn go_version() -> Result<String> {
    shell::capture(Command::new("go").args(["env", "GOVERSION"])).context("Go is needed to build it")
}

/// Makes the tool in a folder of its own and moves it into place at the end, so that two at once do not meet.
fn make(tool: &Tool, kept: &Path) -> Result<()> {
    let work = shell::cache_dir().join("tools").join(format!("making-{}-{}", tool.name, std::process::id()));
    fs::create_dir_all(&work).with_context(|| format!("creating {}", work.display()))?;
    let made = make_in(tool, &work, kept).and_then(|made| {
        let bin = kept.parent().context("a tool lies in a folder")?;
        fs::create_dir_all(bin)?;
        fs::set_permissions(&made, fs::Permissions::from_mode(0o755))?;
        fs::rename(&made, kept).with_context(|| format!("moving it to {}", kept.display()))
    });
    let _ = fs::remove_dir_all(&work);
    made
}

fn make_in(tool: &Tool, work: &Path, kept: &Path) -> Result<PathBuf> {
    match &tool.from {
        From::Debian { package, file } => debian(package, work).map(|()| work.join(file)),
        From::DebianWith { packages, file } => debian_with(tool.name, packages, file, work, kept),
        From::Go { package, version } => {
            shell::run(
                Command::new("go")
                    .args(["install", "-trimpath", "-ldflags=-s -w"])
                    .arg(format!("{package}@{version}"))
                    .env("GOBIN", work),
            )?;
            Ok(work.join(tool.name))
        }
        From::Npm { package, version } => npm(tool.name, &format!("{package}@{version}"), work, kept),
        From::Python { package, version, module, with } => {
            let mut packages = vec![format!("{package}=={version}")];
            packages.extend(with.iter().map(|one| (*one).to_owned()));
            python(tool.name, &packages, module, work, kept)
        }
        From::Folder(folder) => {
            let out = work.join(tool.name);
            shell::run(
                Command::new("go")
                    .args(["build", "-mod=readonly", "-trimpath", "-ldflags=-s -w", "-o"])
                    .arg(&out)
                    .arg(".")
                    .current_dir(shell::root().join(folder)),
            )?;
            Ok(out)
        }
    }
}

/// Installs an npm package beside the place that is kept, and makes a program of its command.
fn npm(name: &str, package: &str, work: &Path, kept: &Path) -> Result<PathBuf> {
    let home = kept.parent().and_then(Path::parent).context("a tool lies in a folder")?;
    shell::run(
        Command::new("npm")
            .args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--no-save", "--prefix"])
            .arg(work)
            .arg(package),
    )
    .context("Node.js with npm is needed for it")?;
    let modules = home.join("node_modules");
    fs::create_dir_all(home)?;
    let _ = fs::remove_dir_all(&modules);
    fs::rename(work.join("node_modules"), &modules).with_context(|| format!("moving it to {}", modules.display()))?;
    let program = work.join(name);
    fs::write(&program, format!("#!/bin/sh\nexec '{}' \"$@\"\n", modules.join(".bin").join(name).display()))?;
    Ok(program)
}

/// Installs Python packages into an environment beside the place that is kept, and makes a program of a module.
fn python(name: &str, packages: &[String], module: &str, work: &Path, kept: &Path) -> Result<PathBuf> {
    // Environments do not like to be moved, so it is made where it stays.
    let home = kept.parent().and_then(Path::parent).context("a tool lies in a folder")?.join("environment");
    let _ = fs::remove_dir_all(&home);
    shell::run(Command::new("python3").args(["-m", "venv"]).arg(&home)).context("Python with venv is needed for it")?;
    shell::run(
        Command::new(home.join("bin").join("pip"))
            .args(["install", "--quiet", "--disable-pip-version-check"])
            .args(packages),
    )?;
    let program = work.join(name);
    let python = home.join("bin").join("python");
    fs::write(&program, format!("#!/bin/sh\nexec '{}' -m {module} \"$@\"\n", python.display()))?;
    Ok(program)
}

/// Unpacks a Debian package below `work`. Package lists of our own are used when the system has none (they are checked against the system's keys).
fn debian(package: &str, work: &Path) -> Result<()> {
    if shell::which("apt-get").is_none() || shell::which("dpkg-deb").is_none() {
        bail!("not a Debian system: install `{package}` or what provides it by hand");
    }
    let packages = || -> Vec<PathBuf> {
        let begins = format!("{package}_");
        let named = |file: &PathBuf| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&begins));
        shell::files(work, ".deb").into_iter().filter(named).collect()
    };
    if shell::capture(Command::new("apt-get").args(["download", package]).current_dir(work)).is_err()
        || packages().is_empty()
    {
        let state = shell::cache_dir().join("apt");
        fs::create_dir_all(state.join("lists/partial"))?;
        fs::create_dir_all(state.join("cache/archives/partial"))?;
        let lists = format!("Dir::State::lists={}", state.join("lists").display());
        let cache = format!("Dir::Cache={}", state.join("cache").display());
        let apt = |words: &[&str]| {
            let mut command = Command::new("apt-get");
            command
                .args(["-q", "-o", &lists, "-o", &cache, "-o", "APT::Sandbox::User=root"])
                .args(words)
                .current_dir(work);
            shell::capture(&mut command)
        };
        apt(&["update"]).context("Debian's package lists cannot be read")?;
        apt(&["download", package])?;
    }
    let archive = packages().into_iter().next().with_context(|| format!("apt-get downloaded no {package}"))?;
    shell::run(Command::new("dpkg-deb").arg("-x").arg(archive).arg(work))
}

/// Unpacks Debian packages beside the place that is kept, and makes a program that finds its libraries there. The file is given its own name: some programs
/// are links to one of another name, and do what they are called.
fn debian_with(name: &str, packages: &[&str], file: &str, work: &Path, kept: &Path) -> Result<PathBuf> {
    let home = kept.parent().and_then(Path::parent).context("a tool lies in a folder")?.join("unpacked");
    for package in packages {
        debian(package, work)?;
    }
    fs::rename(work.join(file), work.join(name)).with_context(|| format!("there is no {file} in {packages:?}"))?;
    let _ = fs::remove_dir_all(&home);
    fs::create_dir_all(&home)?;
    for part in [name, "usr", "lib"] {
        if work.join(part).exists() {
            fs::rename(work.join(part), home.join(part)).with_context(|| format!("moving {part}"))?;
        }
    }
    let libraries = format!("{}-linux-gnu", std::env::consts::ARCH);
    let (usr, lib) = (home.join("usr/lib").join(&libraries), home.join("lib").join(&libraries));
    let program = work.join(format!("{name}.sh"));
    let lines = format!(
        "#!/bin/sh\nLD_LIBRARY_PATH='{}:{}' exec '{}' \"$@\"\n",
        usr.display(),
        lib.display(),
        home.join(name).display()
    );
    fs::write(&program, lines)?;
    Ok(program)
}

fn link(name: &str, place: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder())?;
    let link = folder().join(name);
    if fs::read_link(&link).is_ok_and(|to| to == place) {
        return Ok(link);
    }
    let fresh = folder().join(format!(".{name}-{}", std::process::id()));
    symlink(place, &fresh).with_context(|| format!("linking {}", link.display()))?;
    fs::rename(&fresh, &link).with_context(|| format!("linking {}", link.display()))?;
    Ok(link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_folder_name_and_differs() {
        let mut keys: Vec<String> = TOOLS.iter().filter_map(|t| key(t).ok()).collect();
        assert!(keys.iter().all(|k| k.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')), "{keys:?}");
        let count = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }

    #[test]
    fn bytes_are_searched() {
        assert!(contains(b"a/lib64/ld-linux-x86-64.so.2", b"/ld-linux"));
        assert!(!contains(b"", b"x"));
    }
}
