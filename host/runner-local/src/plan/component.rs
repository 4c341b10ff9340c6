//! Plans a unit whose image is a component of WebAssembly: a program in a folder of its own.
//!
//! ```text
//!   <scratch>/root/            what it sees as `/`: folders, input artifacts where the template has them, /tmp
//!             volumes/<name>/  seen at their mount paths
//! ```
//!
//! Everything is made before anything from outside is put there, so that no link of an artifact is ever followed by us; where nothing is put there and nothing expected,
//! it is made when the program first looks. What a component cannot have is refused by its path.

use std::path::{Component as Part, Path, PathBuf};

use model::core::{Container, ResourceRequirements};
use model::workflow::{Artifact, TemplateKind};
use plugin::{Folder, Invocation};
use runner::Unit;

use super::{Cannot, Planner, Root, SCRIPT_PATH, Wanted, artifacts, env, security, volumes};
use crate::agent::container::{LOOPBACK, with_address};
use crate::agent::protocol::{Isolation, MountSource, OutputParameter, OutputPath, Role};
use crate::images::{ImageConfig, RootImage};

/// What is to be done for a unit that is a component.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The program and what it is run with.
    pub(crate) invocation: Invocation,
    /// What it sees of files.
    pub(crate) files: Files,
    /// For people: what it runs as.
    pub(crate) message: String,
    /// Output parameters.
    pub(crate) parameters: Vec<OutputParameter>,
    /// Output artifacts.
    pub(crate) artifacts: Vec<OutputPath>,
    /// Where it may say why it failed.
    pub(crate) termination_message_path: String,
    /// Whether the end of its log says so where it does not.
    pub(crate) termination_message_from_log: bool,
}

/// What a program sees of files.
#[derive(Debug)]
pub(crate) enum Files {
    /// They were made.
    Made(Vec<Folder>),
    /// A root with nothing but these folders, made when it first looks ([`make_root`]).
    Unmade(Vec<String>),
}

/// Whether something is put into a program's folders, or expected there when it has ended.
pub(crate) fn wants_files(unit: &Unit) -> bool {
    let mounts = match unit.template.kind() {
        Some(TemplateKind::Container(container)) => !container.volume_mounts.is_empty(),
        // A script is a file.
        _ => true,
    };
    mounts
        || unit.input_artifacts.iter().any(|artifact| artifact.path.is_some())
        || !super::parameters(unit).is_empty()
        || !super::output_paths(unit).is_empty()
}

/// Makes a root with these folders (absolute paths in it) in the unit's scratch.
///
/// # Errors
/// One cannot be made.
pub(crate) fn make_root(unit_dir: &Path, folders: &[String]) -> std::io::Result<Folder> {
    let root = root_of(unit_dir);
    for path in folders {
        std::fs::create_dir_all(root.path.join(path.trim_start_matches('/')))?;
    }
    Ok(root)
}

fn root_of(unit_dir: &Path) -> Folder {
    Folder { path: unit_dir.join("root"), target: "/".to_owned(), read_only: false }
}

/// How a component is told to people.
pub(super) fn describe(image: &str, root: &RootImage) -> String {
    format!("component {image} ({})", root.digest)
}

/// Plans it.
pub(super) async fn plan(
    planner: &Planner<'_>,
    unit: &Unit,
    wanted: &[Wanted<'_>],
    roots: &[Root],
) -> Result<Plan, Cannot> {
    let (main, root) = only(unit, wanted, roots)?;
    let Some(component) = root.component() else { return Err(Cannot::start("no component")) };
    let spec = main.container;
    // What a component lacks is what plain processes lack: mounts of the kernel.
    let as_plain = Planner { isolation: Isolation::Plain, ..*planner };
    let mounted = volumes::prepare(&as_plain, unit, wanted).await?;
    let mut variables =
        env::build(planner, unit, spec, &main.name, &main.field, &ImageConfig::default(), false).await?;
    let working_dir = match env::expand(&spec.working_dir, &variables).as_str() {
        "" => "/".to_owned(),
        own => absolute(own).ok_or_else(|| not_a_place(&format!("{}.workingDir", main.field), own))?,
    };
    let mut shares_folders = false;
    let files = match planner.unit_dir {
        None => Files::Unmade(own_folders(&working_dir).map(str::to_owned).to_vec()),
        Some(unit_dir) => {
            let folders = folders(unit_dir, unit, main, wanted, &mounted, &variables)?;
            place(planner, unit_dir, unit, main, &folders, &working_dir).await?;
            shares_folders = folders.iter().any(|folder| !folder.path.starts_with(unit_dir));
            Files::Made(folders)
        }
    };
    variables.retain(|(name, _)| name != "PWD");
    // There is no such thing as the current folder in WASI: libraries take it from here.
    variables.push(("PWD".to_owned(), working_dir.clone()));
    let arguments = arguments(main, &component.name, &variables);
    let resources = security::limits(spec, &main.field)?;
    Ok(Plan {
        message: format!("runs as {}{}", root.describe, without_effect(spec)),
        parameters: super::parameters(unit),
        artifacts: super::output_paths(unit),
        termination_message_path: match spec.termination_message_path.as_str() {
            "" => "/dev/termination-log".to_owned(),
            path => path.to_owned(),
        },
        termination_message_from_log: spec.termination_message_policy == "FallbackToLogsOnError",
        files,
        invocation: Invocation {
            file: component.file.clone(),
            digest: component.digest.clone(),
            name: component.name.clone(),
            arguments: with_address(&arguments, LOOPBACK),
            environment: variables
                .into_iter()
                .map(|(name, value)| (name, value.replace(env::ADDRESS_TOKEN, LOOPBACK)))
                .collect(),
            working_dir,
            has_files: wants_files(unit),
            shares_folders,
            memory_bytes_max: resources.memory_bytes,
        },
    })
}

/// What of its resources is kept and has no effect: a component computes in threads that all share.
fn without_effect(container: &Container) -> &'static str {
    let asks = |resources: &ResourceRequirements| {
        resources.limits.contains_key("cpu") || resources.requests.contains_key("cpu")
    };
    match container.resources.as_deref().is_some_and(asks) {
        true => "; resources: cpu is kept and has no effect on a component",
        false => "",
    }
}

/// The one container that there may be.
fn only<'a>(unit: &Unit, wanted: &'a [Wanted<'a>], roots: &'a [Root]) -> Result<(&'a Wanted<'a>, &'a Root), Cannot> {
    let both = || wanted.iter().zip(roots);
    let Some((component, _)) = both().find(|(_, root)| root.component().is_some()) else {
        return Err(Cannot::start("no component"));
    };
    let image = &component.container.image;
    let in_set = matches!(unit.template.kind(), Some(TemplateKind::ContainerSet(_)));
    if component.role != Role::Main || in_set {
        return Err(Cannot::start(format!(
            "{}.image: {image} is a component of WebAssembly, which runs as the container of a container or script template alone",
            component.field
        )));
    }
    if let Some((other, _)) = both().find(|(each, _)| each.role != Role::Main) {
        return Err(Cannot::start(format!(
            "{}: a component of WebAssembly ({image}) runs alone, without init containers and sidecars",
            other.field
        )));
    }
    if unit.template.daemon == Some(true) {
        return Err(Cannot::start(format!("daemon: {image} is a component of WebAssembly, which listens nowhere")));
    }
    let spec = component.container;
    let unknown = [
        ("livenessProbe", spec.liveness_probe.is_some()),
        ("readinessProbe", spec.readiness_probe.is_some()),
        ("startupProbe", spec.startup_probe.is_some()),
        ("lifecycle", spec.lifecycle.is_some()),
    ];
    if let Some((field, _)) = unknown.iter().find(|(_, set)| *set) {
        return Err(Cannot::start(format!(
            "{}.{field}: a component of WebAssembly ({image}) has nothing beside it that could be run or asked",
            component.field
        )));
    }
    match both().next() {
        Some(found) => Ok(found),
        None => Err(Cannot::start("no container")),
    }
}

/// An absolute path without `.` and `..`; nothing for one that leads out.
fn absolute(path: &str) -> Option<String> {
    let mut out = String::new();
    for part in Path::new("/").join(path).components() {
        match part {
            Part::Normal(name) => {
                out.push('/');
                out.push_str(name.to_str()?);
            }
            Part::RootDir | Part::CurDir => {}
            Part::ParentDir | Part::Prefix(_) => return None,
        }
    }
    Some(if out.is_empty() { "/".to_owned() } else { out })
}

fn not_a_place(field: &str, path: &str) -> Cannot {
    Cannot::start(format!("{field}: {path:?} is not a place: expected a path without `..`"))
}

/// What is in every root.
fn own_folders(working_dir: &str) -> [&str; 3] {
    ["/tmp", "/argo/staging", working_dir]
}

/// The root, then what is mounted.
fn folders(
    unit_dir: &Path,
    unit: &Unit,
    main: &Wanted<'_>,
    all: &[Wanted<'_>],
    mounted: &volumes::Volumes,
    variables: &[(String, String)],
) -> Result<Vec<Folder>, Cannot> {
    let mut folders = vec![root_of(unit_dir)];
    let of_container = main.container.volume_mounts.iter().enumerate();
    for (at, mount) in of_container {
        let field = format!("{}.volumeMounts[{at}]", main.field);
        let volume = unit.template.volumes.iter().chain(&unit.volumes).find(|volume| volume.name == mount.name);
        if volume.is_some_and(|volume| volume.host_path.is_some()) {
            return Err(Cannot::start(format!(
                "{field}: volume {} is a folder of the machine (hostPath), and a component of WebAssembly sees none",
                mount.name
            )));
        }
        if !mount.sub_path.is_empty() || !mount.sub_path_expr.is_empty() {
            return Err(Cannot::start(format!("{field}.subPath: a component of WebAssembly sees volumes whole")));
        }
    }
    for mount in mounted.mounts(main, all, variables, unit)? {
        let target = absolute(&mount.target).ok_or_else(|| not_a_place("volumeMounts", &mount.target))?;
        match mount.source {
            MountSource::Path(path) => folders.push(Folder { path, target, read_only: mount.read_only }),
            MountSource::Memory(name) => {
                return Err(Cannot::start(format!("volumeMounts: {name} is in memory, and cannot be had there")));
            }
        }
    }
    Ok(folders)
}

/// Makes the root and puts into it what the template wants there.
async fn place(
    planner: &Planner<'_>,
    unit_dir: &Path,
    unit: &Unit,
    main: &Wanted<'_>,
    folders: &[Folder],
    working_dir: &str,
) -> Result<(), Cannot> {
    let mut wanted: Vec<(&Artifact, String, PathBuf)> = Vec::new();
    for artifact in &unit.input_artifacts {
        let Some(path) = artifact.path.as_deref() else { continue };
        let field = format!("inputs.artifacts: {}: path", artifact.name);
        let target = absolute(path).ok_or_else(|| not_a_place(&field, path))?;
        let Some(at) = host_path(folders, &target) else { return Err(not_a_place(&field, path)) };
        let around = |other: &str| Path::new(&target).starts_with(other) || Path::new(other).starts_with(&target);
        if around("/argo") || folders.iter().any(|folder| folder.target == target) {
            return Err(Cannot::start(format!("{field}: {path} is taken: an artifact is put where nothing else is")));
        }
        if let Some((other, _, _)) = wanted.iter().find(|(_, other, _)| around(other)) {
            return Err(Cannot::start(format!(
                "{field}: {path} lies in the way of artifact {}; a component of WebAssembly has each at a place of its own",
                other.name
            )));
        }
        if deepest(folders, Path::new(&target)).is_some_and(|(folder, _)| folder.read_only) {
            return Err(Cannot::start(format!("{field}: {path} lies in a volume that is mounted read-only")));
        }
        if !at.starts_with(unit_dir) {
            return Err(Cannot::start(format!(
                "{field}: {path} lies in a volume that others write to; a component of WebAssembly has artifacts beside it"
            )));
        }
        wanted.push((artifact, target, at));
    }
    let within_artifact = |path: &str| wanted.iter().any(|(_, target, _)| Path::new(path).starts_with(target));
    let root = root_of(unit_dir).path;
    let mut made = vec![root.clone()];
    let own = own_folders(working_dir).into_iter().chain(folders.iter().map(|f| f.target.as_str()));
    for path in own.filter(|path| !within_artifact(path)) {
        made.extend(host_path(folders, path).filter(|at| at.starts_with(unit_dir)));
        made.push(root.join(path.trim_start_matches('/')));
    }
    made.extend(wanted.iter().filter_map(|(_, _, at)| Some(at.parent()?.to_owned())));
    for path in made {
        std::fs::create_dir_all(&path).map_err(|e| Cannot::start(format!("make {}: {e}", path.display())))?;
    }
    if let Some(source) = main.script {
        let path = root.join(SCRIPT_PATH.trim_start_matches('/'));
        std::fs::write(&path, source).map_err(|e| Cannot::start(format!("write the script: {e}")))?;
    }
    if !wanted.is_empty() {
        let places = wanted.into_iter().map(|(artifact, _, at)| (artifact, at)).collect();
        artifacts::load_into(planner, unit, places).await?;
    }
    Ok(())
}

/// Where a path of the program lies: in the deepest folder that fits.
fn host_path(folders: &[Folder], path: &str) -> Option<PathBuf> {
    let (folder, below) = deepest(folders, Path::new(path))?;
    Some(if below.as_os_str().is_empty() { folder.path.clone() } else { folder.path.join(below) })
}

/// The deepest folder that a path lies in, and what is below it.
pub(crate) fn deepest<'a>(folders: &'a [Folder], path: &'a Path) -> Option<(&'a Folder, &'a Path)> {
    let around = folders.iter().filter_map(|folder| Some((folder, path.strip_prefix(&folder.target).ok()?)));
    around.max_by_key(|(folder, _)| Path::new(&folder.target).components().count())
}

/// Its own name, then command and arguments; a script's file at the end.
fn arguments(main: &Wanted<'_>, name: &str, variables: &[(String, String)]) -> Vec<String> {
    let given = [&main.container.command, &main.container.args].into_iter().flatten().flatten();
    let given = given.map(|argument| env::expand(argument, variables));
    let script = main.script.map(|_| SCRIPT_PATH.to_owned());
    std::iter::once(name.to_owned()).chain(given).chain(script).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_a_program() {
        let folder = |path: &str, target: &str| Folder { path: path.into(), target: target.into(), read_only: false };
        let folders = [folder("/s/root", "/"), folder("/s/v", "/data"), folder("/s/w", "/data/deep")];
        for (path, at) in [
            ("/", "/s/root"),
            ("/out.txt", "/s/root/out.txt"),
            ("/data", "/s/v"),
            ("/data/a/b", "/s/v/a/b"),
            ("/database", "/s/root/database"),
            ("/data/deep/x", "/s/w/x"),
        ] {
            assert_eq!(host_path(&folders, path).as_deref(), Some(Path::new(at)), "{path}");
        }
        for (path, expected) in
            [("a/./b//c", Some("/a/b/c")), ("/", Some("/")), ("", Some("/")), ("/a/../b", None), ("..", None)]
        {
            assert_eq!(absolute(path).as_deref(), expected, "{path}");
        }
    }
}
