//! What each part of the server is told, in its own type.

use std::collections::BTreeSet;
use std::path::Path;

use model::schema;
use serde_json::{Value, json};

use super::layers::Values;
use super::typed::{Reader, document};
use crate::plugins::PluginsConfig;

/// The user that the generated token stands for.
pub const ADMINISTRATOR: &str = "administrator";
/// The folder of the server's own artifact repository, in the data folder.
const ARTIFACTS_DIR: &str = "artifacts";
/// The folder of components, in the data folder.
const PLUGINS_DIR: &str = "plugins";
/// What is made of components, in the data folder.
const PLUGINS_CACHE_DIR: &str = "plugins-cache";
/// Large values that plugins keep, in the data folder.
const PLUGINS_BLOBS_DIR: &str = "plugins-blobs";
/// What was fetched for renderers, in the data folder.
const PLUGINS_FETCHED_DIR: &str = "plugins-fetched";

/// Roles and bindings; the administrator may do everything.
pub(super) fn policy(reader: &mut Reader<'_>) -> Option<api::access::Policy> {
    let mut value = document(reader.values.get("auth.policy")).cloned().unwrap_or_else(|| json!({}));
    let everything = json!({"role": "admin", "users": [ADMINISTRATOR], "namespaces": ["*"], "cluster": true});
    if let Some(fields) = value.as_object_mut() {
        match fields.entry("bindings").or_insert_with(|| json!([])) {
            Value::Array(bindings) => bindings.push(everything),
            _ => {
                reader.problem("auth.policy", "bindings: a list is expected".to_owned(), "");
                return None;
            }
        }
    }
    match api::access::Policy::from_value(value) {
        Ok(policy) => Some(policy),
        Err(error) => {
            reader.problem("auth.policy", error.to_string(), "");
            None
        }
    }
}

/// What admission is told.
pub(super) fn admission(v: &Values) -> api::AdmissionSettings {
    let template_referencing = match v.text("workflowRestrictions.templateReferencing") {
        "Strict" => Some(api::TemplateReferencing::Strict),
        "Secure" => Some(api::TemplateReferencing::Secure),
        _ => None,
    };
    api::AdmissionSettings { template_referencing }
}

/// What the loop is told.
pub(super) fn runtime(reader: &mut Reader<'_>) -> Option<runtime::Settings> {
    let v = reader.values;
    let defaults = workflow_defaults(reader);
    let artifact_repository = document(v.get("artifactRepository")).cloned().unwrap_or_else(|| json!({}));
    if let Err(error) = blob::ArtifactRepository::parse(&artifact_repository) {
        reader.problem("artifactRepository", error.to_string(), "");
    }
    let timezone = v.text("timezone");
    if !timezone.is_empty()
        && let Err(error) = model::cron::zone(timezone)
    {
        reader.problem("timezone", error.to_string(), "");
    }
    Some(runtime::Settings {
        parallelism: some(v.count("parallelism")),
        namespace_parallelism: some(v.count("namespaceParallelism")),
        start_rate: Some(v.number("resourceRateLimit.limit"))
            .filter(|limit| *limit > 0.0)
            .map(|limit| (limit, small(v.count("resourceRateLimit.burst")).max(1))),
        workflow_defaults: defaults.ok()?,
        template_referencing: match v.text("workflowRestrictions.templateReferencing") {
            "Strict" => Some(runtime::TemplateReferencing::Strict),
            "Secure" => Some(runtime::TemplateReferencing::Secure),
            _ => None,
        },
        retention: runtime::Retention {
            completed: some(v.count("retentionPolicy.completed")),
            failed: some(v.count("retentionPolicy.failed")),
            errored: some(v.count("retentionPolicy.errored")),
        },
        artifact_repository,
        limits: engine_workflow::Limits {
            nodes: small(v.count("limits.nodes_max")),
            recursion: small(v.count("limits.recursion_max")),
            items: small(v.count("limits.items_max")),
            parameter_bytes: v.count("limits.parameter_bytes_max"),
            eval_fuel: v.count("limits.eval_fuel_max"),
        },
        timezone: timezone.to_owned(),
        ..runtime::Settings::default()
    })
}

/// Metadata and spec, checked as a Workflow's are.
fn workflow_defaults(reader: &mut Reader<'_>) -> Result<Option<runtime::WorkflowDefaults>, ()> {
    const KEY: &str = "workflowDefaults";
    let Some(value) = document(reader.values.get(KEY)).cloned() else { return Ok(None) };
    let mut whole = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {}, "spec": {}});
    let (Some(whole), Some(fields)) = (whole.as_object_mut(), value.as_object()) else { return Err(()) };
    let known: BTreeSet<&str> = ["apiVersion", "kind", "metadata", "spec"].into();
    if let Some(other) = fields.keys().find(|key| !known.contains(key.as_str())) {
        reader.problem(KEY, format!("{other}: there is no such field"), "write metadata and spec, as in a Workflow");
        return Err(());
    }
    whole.extend(fields.iter().map(|(key, value)| (key.clone(), value.clone())));
    if let Some(metadata) = whole.get_mut("metadata").and_then(Value::as_object_mut) {
        // A name is what a Workflow needs and defaults have not.
        metadata.insert("name".to_owned(), "defaults".into());
    }
    let text = Value::Object(whole.clone()).to_string();
    let mut good = true;
    for violation in schema::check(&text).violations.iter().filter(|violation| violation.is_error()) {
        reader.problem(
            KEY,
            format!("{}: {}", violation.path, violation.reason),
            violation.hint.as_deref().unwrap_or_default(),
        );
        good = false;
    }
    let workflow: Option<model::workflow::Workflow> =
        model::Object::from_json(&text).ok().and_then(|object| object.decode().ok());
    let Some(workflow) = workflow.filter(|_| good) else {
        if good {
            reader.problem(KEY, "cannot be read as a Workflow's metadata and spec".to_owned(), "");
        }
        return Err(());
    };
    let pairs = |map: &[(&String, &String)]| map.iter().map(|(k, v)| ((*k).clone(), (*v).clone())).collect();
    let labels: Vec<_> = workflow.metadata.labels.iter().collect();
    let annotations: Vec<_> = workflow.metadata.annotations.iter().collect();
    Ok(Some(runtime::WorkflowDefaults {
        labels: pairs(&labels),
        annotations: pairs(&annotations),
        spec: workflow.spec,
    }))
}

/// What may be called.
pub(super) fn egress(reader: &mut Reader<'_>) -> Option<egress::Config> {
    let v = reader.values;
    let mut config = egress::Config::default();
    let mut good = true;
    for (key, rules) in [("egress.allow", &mut config.allow), ("egress.deny", &mut config.deny)] {
        for text in v.list(key) {
            match text.parse() {
                Ok(rule) => rules.push(rule),
                Err(error) => {
                    reader.problem(key, error.to_string(), "");
                    good = false;
                }
            }
        }
    }
    let networks = v.list("egress.allowPrivate");
    let value = match networks.as_slice() {
        [one] if one == "true" => json!(true),
        [] => json!(false),
        [one] if one == "false" => json!(false),
        _ => json!(networks),
    };
    match serde_json::from_value::<egress::Config>(json!({"allowPrivate": value})) {
        Ok(read) => config.allow_private = read.allow_private,
        Err(error) => {
            reader.problem("egress.allowPrivate", error.to_string(), "");
            good = false;
        }
    }
    good.then_some(config)
}

/// Instances, subscriptions and programs together.
const PLACES_MAX: u64 = 12_000;
/// What a program may be given (bytes).
const PROGRAM_MEMORY_MIN: u64 = 1 << 20;
const PROGRAM_MEMORY_MAX: u64 = 4 << 30;

/// `plugins`.
pub(super) fn plugins(reader: &mut Reader<'_>, data_dir: Option<&Path>) -> Option<PluginsConfig> {
    let [instances_max, subscriptions_max, programs_max] = places(reader)?;
    let program_memory_bytes_max = program_memory(reader)?;
    let programs_ready = reader.values.count("plugins.programsReadyMax");
    let sources = sources(reader);
    Some(PluginsConfig {
        folder: reader.path("plugins.folder").or_else(|| Some(data_dir?.join(PLUGINS_DIR)))?,
        cache: data_dir?.join(PLUGINS_CACHE_DIR),
        blobs: data_dir?.join(PLUGINS_BLOBS_DIR),
        instances_max,
        subscriptions_max,
        programs_max,
        programs_ready_max: u32::try_from(programs_ready).unwrap_or(u32::MAX),
        program_memory_bytes_max,
        file_folders: reader.paths("plugins.fileFolders"),
        signatures: super::signatures::signatures(reader)?,
        sources: sources?,
        fetched: data_dir?.join(PLUGINS_FETCHED_DIR),
        fetched_bytes_max: reader.values.count("plugins.fetchCacheSize"),
    })
}

/// Instances, subscriptions and programs at a time: address space is set apart for all of them together.
fn places(reader: &mut Reader<'_>) -> Option<[u32; 3]> {
    let keys = ["plugins.instancesMax", "plugins.subscriptionsMax", "plugins.programsMax"];
    let counts = keys.map(|key| reader.values.count(key));
    let all: u64 = counts.iter().sum();
    if all > PLACES_MAX {
        let [_, subscriptions, programs] = counts;
        let reason = format!(
            "with plugins.subscriptionsMax ({subscriptions}) and plugins.programsMax ({programs}) these are {all}: expected at most {PLACES_MAX} together"
        );
        reader.problem(
            "plugins.instancesMax",
            reason,
            "each has a place of its own in the address space of the server",
        );
        return None;
    }
    Some(counts.map(|count| u32::try_from(count).unwrap_or(u32::MAX)))
}

/// `plugins.programMemory`: what a memory of WebAssembly can have.
fn program_memory(reader: &mut Reader<'_>) -> Option<usize> {
    const KEY: &str = "plugins.programMemory";
    let bytes = reader.values.count(KEY);
    if !(PROGRAM_MEMORY_MIN..=PROGRAM_MEMORY_MAX).contains(&bytes) {
        reader.problem(KEY, format!("{bytes} bytes: expected 1Mi to 4Gi"), "a memory of WebAssembly has at most 4Gi");
        return None;
    }
    usize::try_from(bytes).ok()
}

/// `plugins.sources`: a map of names, so that one layer of settings adds to another.
fn sources(reader: &mut Reader<'_>) -> Option<Vec<fetch::Source>> {
    const KEY: &str = "plugins.sources";
    let Some(Value::Object(written)) = document(reader.values.get(KEY)).cloned() else { return Some(Vec::new()) };
    let (mut sources, mut good) = (Vec::with_capacity(written.len()), true);
    for (name, value) in written {
        match fetch::Source::parse(&name, value) {
            Ok(source) => sources.push(source),
            Err(error) => {
                reader.problem(KEY, error.to_string(), "");
                good = false;
            }
        }
    }
    good.then_some(sources)
}

/// What artifact drivers are told.
pub(super) fn artifacts(reader: &mut Reader<'_>, data_dir: Option<&Path>) -> Option<blob::Config> {
    let buckets = reader.values.list("artifacts.ambientCredentials");
    let ambient_credentials = match buckets.as_slice() {
        [] => blob::AmbientCredentials::Refused,
        [one] if one == "true" => blob::AmbientCredentials::Granted,
        [one] if one == "false" => blob::AmbientCredentials::Refused,
        _ => blob::AmbientCredentials::Buckets(buckets),
    };
    let v = reader.values;
    let retry = blob::Retry {
        attempts_max: u32::try_from(v.count("artifacts.retry.attempts")).unwrap_or(u32::MAX),
        deadline_ms: v.count("artifacts.retry.deadlineSeconds").saturating_mul(1000),
        ..blob::Retry::default()
    };
    Some(blob::Config {
        retry,
        directory: reader.path("artifacts.directory").or_else(|| Some(data_dir?.join(ARTIFACTS_DIR)))?,
        ambient_credentials,
        ssh_known_hosts: reader.path("artifacts.sshKnownHosts"),
        ..blob::Config::default()
    })
}

/// What the local runner is told.
pub(super) fn local(reader: &mut Reader<'_>) -> runner_local::Settings {
    let v = reader.values;
    let isolation = match v.text("steps.isolation") {
        "" => None,
        word => match serde_json::from_value(json!(word)) {
            Ok(isolation) => Some(isolation),
            Err(error) => {
                reader.problem("steps.isolation", error.to_string(), "");
                None
            }
        },
    };
    runner_local::Settings {
        images: v.text("images").parse().unwrap_or_default(),
        isolation,
        allow_privileged: v.switch("steps.allowPrivileged"),
        allow_host_path: v.switch("steps.allowHostPath"),
        grace_ms: v.count("steps.graceSeconds").saturating_mul(1_000),
        log_bytes_max: v.count("limits.log_bytes_max"),
        log_line_bytes_max: size(v.count("limits.log_line_bytes_max")),
        result_bytes_max: size(v.count("limits.result_bytes_max")),
        parameter_bytes_max: size(v.count("limits.parameter_bytes_max")),
        pids_max: v.count("limits.pids_max"),
        pool: size(v.count("steps.supervisors")),
        preparing_max: size(v.count("steps.preparing_max")),
        insecure_registries: v.list("steps.insecureRegistries"),
        ..runner_local::Settings::default()
    }
}

/// The api's limits.
pub(super) fn api_limits(v: &Values) -> api::Limits {
    api::Limits {
        message_bytes_max: v.count("limits.message_bytes_max"),
        object_bytes_max: v.count("limits.object_bytes_max"),
        page_max: small(v.count("limits.page_max")),
        ..api::Limits::default()
    }
}

/// The store's limits.
pub(super) fn store_limits(v: &Values) -> store::Limits {
    store::Limits {
        object_bytes_max: v.count("limits.object_bytes_max"),
        page_max: small(v.count("limits.page_max")),
        watchers_max: size(v.count("limits.watchers_max")),
        ..store::Limits::default()
    }
}

fn some(count: u64) -> Option<u32> {
    Some(small(count)).filter(|count| *count > 0)
}

fn small(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn size(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
