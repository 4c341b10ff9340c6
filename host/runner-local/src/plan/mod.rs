//! Translates a unit into what a supervisor needs: processes, mounts, files.
//!
//! ```text
//!   Unit + references + images ──► containers ─ env ─ volumes ─ artifacts ─ security ─ probes ──► LaunchSpec
//!                                                                 (of a component of WebAssembly) ──► component::Plan
//! ```
//!
//! All that can be wrong with a unit is found here, before anything is started.

pub(crate) mod artifacts;
pub(crate) mod component;
pub(crate) mod env;
pub(crate) mod network;
mod probes;
pub(crate) mod references;
pub(crate) mod security;
pub(crate) mod volumes;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::core::{Container, UserContainer};
use model::workflow::TemplateKind;
use runner::{EndClass, Environment, Unit};

use crate::agent::protocol::{
    Bounds, ContainerSpec, Content, FileSpec, Isolation, LaunchSpec, Limits, NetworkSpec, OutputParameter, OutputPath,
    Role, RootSpec,
};
use crate::images::{ImageStore, RootImage};
use crate::local::keys::Places;
use crate::settings::{ImagesMode, Settings};

/// Where a script is put, as Argo has it.
pub(crate) const SCRIPT_PATH: &str = "/argo/staging/script";
/// Where a step may write its progress.
pub(crate) const PROGRESS_PATH: &str = "/argo/progress";
/// Containers of one unit.
const CONTAINERS_MAX: usize = 64;

/// Why a unit cannot be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cannot {
    /// Could not start, an artifact, or something that may go away.
    pub class: EndClass,
    /// What and why, for people.
    pub message: String,
}

impl Cannot {
    pub(crate) fn start(message: impl Into<String>) -> Self {
        Self { class: EndClass::CouldNotStart, message: message.into() }
    }
}

/// What planning needs beside the unit.
pub(crate) struct Planner<'a> {
    pub settings: &'a Settings,
    pub environment: &'a Environment,
    pub images: &'a ImageStore,
    pub isolation: Isolation,
    pub places: &'a Places,
    /// The unit's scratch; none for a component that nothing is put beside.
    pub unit_dir: Option<&'a Path>,
    /// Says what is being waited for.
    pub waiting: &'a (dyn Fn(String) + Send + Sync),
}

impl<'a> Planner<'a> {
    /// The unit's scratch, where something is to be put there.
    fn scratch(&self) -> Result<&'a Path, Cannot> {
        self.unit_dir.ok_or_else(|| Cannot::start("the step has no folder of its own"))
    }
}

/// A container of the template, before translation.
struct Wanted<'a> {
    name: String,
    field: String,
    role: Role,
    container: &'a Container,
    dependencies: Vec<String>,
    script: Option<&'a str>,
    /// Sees what the main container sees.
    mirror: bool,
}

/// What is to be done for a unit.
pub(crate) enum Plan {
    /// Processes, under a supervisor.
    Launch(Box<LaunchSpec>),
    /// A component of WebAssembly, in this process.
    Component(Box<component::Plan>),
}

/// The image that decides what a unit is: that of its one container.
pub(crate) fn main_image(unit: &Unit) -> Option<&str> {
    match unit.template.kind()? {
        TemplateKind::Container(container) => Some(&container.image),
        TemplateKind::Script(script) => Some(&script.container.image),
        _ => None,
    }
}

/// Plans a unit.
pub(crate) async fn plan(planner: &Planner<'_>, unit: &Unit) -> Result<Plan, Cannot> {
    let wanted = containers(unit)?;
    let mut roots = Vec::new();
    for each in &wanted {
        roots.push(root(planner, unit, each).await?);
    }
    if roots.iter().any(|root| root.component().is_some()) {
        return component::plan(planner, unit, &wanted, &roots).await.map(|plan| Plan::Component(Box::new(plan)));
    }
    let volumes = volumes::prepare(planner, unit, &wanted).await?;
    let inputs = artifacts::load_inputs(planner, unit).await?;
    let (mut specs, mut placements) = (Vec::new(), Vec::new());
    for (each, root) in wanted.iter().zip(&roots) {
        let mut spec = container(planner, unit, each, root, &wanted, &volumes).await?;
        if each.role == Role::Main || each.mirror {
            let plain = planner.isolation == Isolation::Plain;
            let mounts = artifacts::mounts(&inputs, &spec.mounts, &mut placements, plain)?;
            spec.mounts.extend(mounts);
        }
        // Parents before what lies in them.
        spec.mounts.sort_by_key(|m| Path::new(&m.target).components().count());
        specs.push(spec);
    }
    let own_network = unit.own_network && planner.isolation == Isolation::Root;
    let mut message = describe(&wanted, &roots);
    if planner.isolation == Isolation::Plain {
        message = "plain processes on this machine, without isolation".to_owned();
    } else if unit.own_network && !own_network {
        message.push_str("; the machine's network (an unprivileged user cannot make one of its own)");
    }
    let settings = planner.settings;
    Ok(Plan::Launch(Box::new(LaunchSpec {
        key: unit.key.to_string(),
        claim: serde_json::Value::Null,
        unit_dir: planner.scratch()?.to_owned(),
        log_dir: planner.places.log_dir.clone(),
        hostname: hostname(&unit.pod_name),
        isolation: planner.isolation,
        network: if own_network {
            NetworkSpec::Own {
                bridge: settings.bridge.clone(),
                base: settings.network_base,
                prefix: settings.network_prefix,
            }
        } else {
            NetworkSpec::Host
        },
        network_files: network::files(unit, roots.iter().any(|r| r.image.is_some())),
        memory_volumes: volumes.memory,
        placements,
        containers: specs,
        limits: Limits { pids: Some(settings.pids_max), ..Limits::default() },
        deadline_ms: unit.deadline_ms,
        grace_ms: settings.grace_ms,
        daemon: unit.template.daemon == Some(true),
        parameters: parameters(unit),
        artifacts: output_paths(unit),
        hold: !unit.output_artifacts.is_empty(),
        hold_ms_max: settings.hold_ms_max,
        tied: settings.tied,
        bounds: Bounds {
            log_bytes_max: settings.log_bytes_max,
            log_line_bytes_max: settings.log_line_bytes_max,
            result_bytes_max: settings.result_bytes_max,
            parameter_bytes_max: settings.parameter_bytes_max,
        },
        message,
    })))
}

fn containers(unit: &Unit) -> Result<Vec<Wanted<'_>>, Cannot> {
    let template = &*unit.template;
    let mut wanted: Vec<Wanted<'_>> = Vec::new();
    wanted
        .extend(template.init_containers.iter().enumerate().map(|(at, c)| extra("initContainers", at, Role::Init, c)));
    let main = |container, field: &str, script| Wanted {
        name: "main".to_owned(),
        field: field.to_owned(),
        role: Role::Main,
        container,
        dependencies: Vec::new(),
        script,
        mirror: false,
    };
    match template.kind() {
        Some(TemplateKind::Container(container)) => wanted.push(main(container, "container", None)),
        Some(TemplateKind::Script(script)) => wanted.push(main(&script.container, "script", Some(&script.source))),
        Some(TemplateKind::ContainerSet(set)) => {
            wanted.extend(set.containers.iter().enumerate().map(|(at, node)| Wanted {
                name: node.container.name.clone(),
                dependencies: node.dependencies.clone(),
                ..main(&node.container, &format!("containerSet.containers[{at}]"), None)
            }));
        }
        other => {
            let kind = other.map_or("nothing", |k| k.name());
            return Err(Cannot::start(format!("a template of kind {kind} is not work for containers")));
        }
    }
    wanted.extend(template.sidecars.iter().enumerate().map(|(at, c)| extra("sidecars", at, Role::Sidecar, c)));
    check_names(&wanted)?;
    Ok(wanted)
}

fn extra<'a>(list: &str, at: usize, role: Role, user: &'a UserContainer) -> Wanted<'a> {
    let name = &user.container.name;
    Wanted {
        name: if name.is_empty() { format!("{}-{at}", list.to_ascii_lowercase()) } else { name.clone() },
        field: format!("{list}[{at}]"),
        role,
        container: &user.container,
        dependencies: Vec::new(),
        script: None,
        mirror: user.mirror_volume_mounts == Some(true),
    }
}

fn check_names(wanted: &[Wanted<'_>]) -> Result<(), Cannot> {
    if wanted.len() > CONTAINERS_MAX {
        return Err(Cannot::start(format!("{} containers in one step; at most {CONTAINERS_MAX}", wanted.len())));
    }
    for (at, each) in wanted.iter().enumerate() {
        // The name becomes a file's.
        let fine = each.name.len() <= 63
            && !each.name.is_empty()
            && each.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !fine {
            return Err(Cannot::start(format!(
                "{}.name: {:?} is not a name of at most 63 lower case letters, digits and `-`",
                each.field, each.name
            )));
        }
        if wanted.iter().take(at).any(|other| other.name == each.name) {
            return Err(Cannot::start(format!("{}.name: {} is there twice", each.field, each.name)));
        }
        for dependency in &each.dependencies {
            if !wanted.iter().any(|other| other.role == Role::Main && &other.name == dependency) {
                return Err(Cannot::start(format!("{}.dependencies: there is no container {dependency}", each.field)));
            }
        }
    }
    Ok(())
}

/// A container's root and what people are told about it.
pub(crate) struct Root {
    pub image: Option<Arc<RootImage>>,
    pub describe: String,
}

impl Root {
    /// Set when it is no root, but a component of WebAssembly.
    fn component(&self) -> Option<&crate::images::Component> {
        self.image.as_ref()?.component.as_ref()
    }
}

async fn root(planner: &Planner<'_>, unit: &Unit, wanted: &Wanted<'_>) -> Result<Root, Cannot> {
    let image = &wanted.container.image;
    let host = |describe: String| Root { image: None, describe };
    let mode = planner.settings.images;
    // A component needs no root, so what is here of them is run in every mode.
    if (mode == ImagesMode::Host || planner.isolation == Isolation::Plain)
        && let Some(found) = planner.images.component_here(image)
    {
        return Ok(Root { describe: component::describe(image, &found), image: Some(found) });
    }
    if mode == ImagesMode::Host {
        return Ok(host("the machine's own root".to_owned()));
    }
    if planner.isolation == Isolation::Plain {
        return match mode {
            ImagesMode::Auto => Ok(host("the machine's own root".to_owned())),
            _ => Err(Cannot::start(format!(
                "{}.image: {image}: images need namespaces, and steps run as plain processes here (--images=host runs them so)",
                wanted.field
            ))),
        };
    }
    if image.is_empty() {
        return match mode {
            ImagesMode::Auto => Ok(host("the machine's own root (the container names no image)".to_owned())),
            _ => Err(Cannot::start(format!("{}.image: missing", wanted.field))),
        };
    }
    let policy = wanted.container.image_pull_policy;
    let found = planner.images.obtain(planner, unit, image, policy).await;
    match found {
        Ok(root) if root.component.is_some() => {
            Ok(Root { describe: component::describe(image, &root), image: Some(root) })
        }
        Ok(root) => Ok(Root { describe: format!("image {image} ({})", root.digest), image: Some(root) }),
        Err(e) if mode == ImagesMode::Auto && e.unreachable => {
            Ok(host(format!("the machine's own root, because image {image} could not be had: {e}")))
        }
        Err(e) => {
            let class = if e.unreachable { EndClass::Transient } else { EndClass::CouldNotStart };
            let elsewhere = if mode == ImagesMode::Pull && e.unreachable { NO_REGISTRY } else { "" };
            Err(Cannot { class, message: format!("{}.image: {image}: {e}{elsewhere}", wanted.field) })
        }
    }
}

/// What to do where no registry answers.
const NO_REGISTRY: &str = " (without a registry: --images=auto takes this machine's own root for images that cannot be had, --images=host for all)";

fn describe(wanted: &[Wanted<'_>], roots: &[Root]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (each, root) in wanted.iter().zip(roots) {
        if wanted.len() == 1 || roots.iter().all(|r| r.describe == root.describe) {
            return format!("runs on {}", root.describe);
        }
        parts.push(format!("{} on {}", each.name, root.describe));
    }
    format!("runs {}", parts.join(", "))
}

/// A host name from the pod's: at most 63 characters, not ending in a hyphen or dot.
fn hostname(pod_name: &str) -> String {
    let cut: String = pod_name.chars().take(63).collect();
    cut.trim_end_matches(['-', '.']).to_owned()
}

async fn container(
    planner: &Planner<'_>,
    unit: &Unit,
    wanted: &Wanted<'_>,
    root: &Root,
    all: &[Wanted<'_>],
    volumes: &volumes::Volumes,
) -> Result<ContainerSpec, Cannot> {
    let spec = wanted.container;
    let config = root.image.as_ref().map(|i| i.config.clone()).unwrap_or_default();
    let plain = planner.isolation == Isolation::Plain;
    let env =
        env::build(planner, unit, wanted.container, &wanted.name, &wanted.field, &config, root.image.is_none()).await?;
    let mut files = Vec::new();
    let script = match wanted.script {
        Some(source) if plain => {
            let path = planner.scratch()?.join("argo/staging/script");
            write_private(&path, source).map_err(|e| Cannot::start(format!("write the script: {e}")))?;
            Some((source, path.to_string_lossy().into_owned()))
        }
        Some(source) => {
            files.push(FileSpec {
                path: SCRIPT_PATH.to_owned(),
                mode: 0o755,
                content: Content::Text(source.to_owned()),
                gid: None,
            });
            Some((source, SCRIPT_PATH.to_owned()))
        }
        None => None,
    };
    let argv = argv(wanted, &config, &env, script, root)?;
    let mounts = volumes.mounts(wanted, all, &env, unit)?;
    let (retries, retry_pause_ms) = set_retries(unit, wanted)?;
    let working_dir = match (spec.working_dir.as_str(), config.working_dir.as_str()) {
        ("", "") if plain => planner.scratch()?.join("work").to_string_lossy().into_owned(),
        ("", image) => image.to_owned(),
        (own, _) => env::expand(own, &env),
    };
    if plain {
        std::fs::create_dir_all(&working_dir).map_err(|e| Cannot::start(format!("workingDir {working_dir}: {e}")))?;
    }
    let security = security::security(planner.settings, unit, wanted.container, &wanted.field)?;
    let mut mask: Vec<PathBuf> = Vec::new();
    if root.image.is_none() {
        mask.push(planner.environment.data_dir.clone());
    }
    Ok(ContainerSpec {
        name: wanted.name.clone(),
        role: wanted.role,
        dependencies: wanted.dependencies.clone(),
        retries,
        retry_pause_ms,
        root: RootSpec {
            layers: root.image.as_ref().map_or_else(|| vec![PathBuf::from("/")], |i| i.layers.clone()),
            host: root.image.is_none(),
            hidden: mask,
            read_only: spec.security_context.as_ref().is_some_and(|s| s.read_only_root_filesystem == Some(true)),
        },
        mounts,
        files,
        argv,
        env: env.into_iter().map(|(name, value)| format!("{name}={value}")).collect(),
        working_dir,
        user: security.user(&config.user),
        limits: security::limits(spec, &wanted.field)?,
        security: security.spec,
        readiness: probes::probe(spec, spec.readiness_probe.as_deref(), &wanted.field, "readinessProbe")?,
        liveness: probes::probe(spec, spec.liveness_probe.as_deref(), &wanted.field, "livenessProbe")?,
        startup: probes::probe(spec, spec.startup_probe.as_deref(), &wanted.field, "startupProbe")?,
        post_start: probes::handler(spec, |l| l.post_start.as_ref(), &wanted.field, "postStart")?,
        pre_stop: probes::handler(spec, |l| l.pre_stop.as_ref(), &wanted.field, "preStop")?,
        grace_ms: None,
        stop_signal: probes::stop_signal(spec, &config.stop_signal),
        termination_message_path: Some(match spec.termination_message_path.as_str() {
            "" => "/dev/termination-log".to_owned(),
            path => path.to_owned(),
        }),
        termination_message_from_log: spec.termination_message_policy == "FallbackToLogsOnError",
    })
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(path, text)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
}

/// The program, as Kubernetes puts it together from container and image.
fn argv(
    wanted: &Wanted<'_>,
    config: &crate::images::ImageConfig,
    env: &[(String, String)],
    script: Option<(&str, String)>,
    root: &Root,
) -> Result<Vec<String>, Cannot> {
    let spec = wanted.container;
    let given = |list: &Option<Vec<String>>| list.clone().filter(|l| !l.is_empty());
    let expanded = |list: Vec<String>| list.iter().map(|a| env::expand(a, env)).collect::<Vec<_>>();
    let (command, args) = (given(&spec.command), given(&spec.args));
    if let Some((source, path)) = script {
        let mut argv = match command {
            Some(command) => expanded(command),
            None if !config.entrypoint.is_empty() => config.entrypoint.clone(),
            // The script says itself what runs it.
            None if source.starts_with("#!") => Vec::new(),
            None => {
                return Err(Cannot::start(format!(
                    "{}.command: missing: name the interpreter, for example [sh], or begin the source with `#!`",
                    wanted.field
                )));
            }
        };
        argv.extend(expanded(args.unwrap_or_default()));
        argv.push(path);
        return Ok(argv);
    }
    let argv = match (command, args) {
        (Some(command), args) => expanded(command.into_iter().chain(args.unwrap_or_default()).collect()),
        (None, Some(args)) => config.entrypoint.iter().cloned().chain(expanded(args)).collect(),
        (None, None) => config.entrypoint.iter().chain(&config.cmd).cloned().collect(),
    };
    let host = root.image.is_none();
    let unnamed = host && spec.command.as_ref().is_none_or(Vec::is_empty);
    if !argv.is_empty() && !unnamed {
        return Ok(argv);
    }
    Err(Cannot::start(if host {
        format!(
            "{}.command: missing: it runs on {}, where the default command of image {} is not known; give the command, \
             or run with images (--images=pull)",
            wanted.field, root.describe, spec.image
        )
    } else {
        format!("{}.command: missing, and image {} has no default", wanted.field, spec.image)
    }))
}

fn set_retries(unit: &Unit, wanted: &Wanted<'_>) -> Result<(u32, u64), Cannot> {
    let Some(TemplateKind::ContainerSet(set)) = unit.template.kind() else { return Ok((0, 0)) };
    let Some(strategy) = set.retry_strategy.as_ref().filter(|_| wanted.role == Role::Main) else { return Ok((0, 0)) };
    let pause = match &strategy.duration {
        Some(text) => model::values::parse_duration_ms(text)
            .map_err(|e| Cannot::start(format!("containerSet.retryStrategy.duration: {e}")))?,
        None => 0,
    };
    let retries = strategy.retries.as_ref().and_then(model::IntOrString::as_i64).unwrap_or(0);
    Ok((u32::try_from(retries).unwrap_or(0), u64::try_from(pause).unwrap_or(0)))
}

fn parameters(unit: &Unit) -> Vec<OutputParameter> {
    let with_path = unit.template.outputs.parameters.iter().filter_map(|p| {
        let from = p.value_from.as_deref()?;
        Some(OutputParameter {
            name: p.name.to_string(),
            path: from.path.clone()?,
            default: from.default.as_ref().map(|d| d.as_str().to_owned()),
        })
    });
    with_path.collect()
}

fn output_paths(unit: &Unit) -> Vec<OutputPath> {
    let paths = unit.output_artifacts.iter().filter_map(|a| {
        Some(OutputPath { name: a.name.to_string(), path: a.path.as_deref()?.to_owned(), optional: a.optional })
    });
    paths.collect()
}
