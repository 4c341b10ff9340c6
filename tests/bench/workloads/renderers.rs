//! Renderers against the tools that they are: the real engines as components, and the command-line tools of the same Go modules as processes, with the same sources.
//!
//! *Fresh* is a call whose instance begins with it, its component being compiled; *made ahead* is one that finds the instance that the host made after the call before;
//! *stays* is an instance that answers one call after the other (`poolSize`); *kept* is a result that is given again.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use plugin::{
    CallContext, Entry, EntryKind, ErrorClass, ObjectRef, PluginError, Plugins, Release, RenderRequest, Renderer,
    Result, Tree,
};
use plugin_host::{Component, Grants, Limits, PluginHost, Settings};
use serde_json::{Value, json};

use super::{ms, percentile, plugins};
use crate::report::{Row, Target};

/// Objects that a rendering gives.
const OBJECTS: usize = 20;
/// Calls and processes that are measured.
const CALLS: usize = 40;
/// Kept results that are asked for.
const KEPT: usize = 1_000;
/// How long after a call the next comes: longer than making an instance ahead takes. The same for processes, as a processor that rested is slower.
const PAUSE: Duration = Duration::from_millis(150);

/// A renderer, and the tool that it is.
struct Subject {
    name: &'static str,
    /// The tool and its arguments, in the folder of the sources.
    tool: &'static [&'static str],
    files: fn() -> BTreeMap<String, String>,
    config: fn() -> Value,
    /// How much faster a call that finds an instance which stayed has to be than a process.
    warm: f64,
    /// How much slower a fresh one may be.
    fresh: Target,
}

const SUBJECTS: &[Subject] = &[
    Subject {
        name: "helm",
        tool: &["helm", "template", "app", "source", "--namespace", "shop"],
        files: chart,
        config: || json!({}),
        warm: 4.0,
        fresh: Target::Most(1.3),
    },
    Subject {
        name: "kustomize",
        tool: &["kustomize", "build", "source"],
        files: kustomization,
        config: || json!({}),
        warm: 1.0,
        fresh: Target::None,
    },
];

/// Nothing where there is no component, or no tool.
pub(crate) async fn run(_: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    for subject in SUBJECTS {
        let component = testkit::tools::guests().map(|folder| folder.join(format!("{}.wasm", subject.name)));
        let component = component.and_then(|file| std::fs::read(file).ok());
        let (Some(component), Some(tool)) = (component, testkit::tools::find(subject.name)) else {
            eprintln!("  no {0}: `cargo xtask guests {0}`, `cargo xtask tools {0}`", subject.name);
            continue;
        };
        rows.extend(measure(subject, &component, &tool).await);
    }
    rows
}

async fn measure(subject: &Subject, component: &[u8], tool: &Path) -> Vec<Row> {
    let folder = tempfile::tempdir().unwrap();
    let files = (subject.files)();
    for (path, text) in &files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let request = RenderRequest {
        config: (subject.config)(),
        files: Arc::new(Files(files)),
        path: "source".to_owned(),
        fetched: Vec::new(),
        release: Release { name: "app".into(), namespace: "shop".into(), ..Release::default() },
        destination: None,
    };
    let cache = folder.path().join("compiled");
    let host = async |prepares: bool, kept: usize, pool_size: u32| {
        let settings = Settings {
            cache: Some(cache.clone()),
            prepares_renderers: prepares.then_some(Duration::ZERO),
            renders_bytes_max: kept,
            ..Settings::default()
        };
        let host = plugins::host(&settings);
        load(&host, subject.name, component, pool_size).await;
        host
    };
    let render = async |host: &PluginHost, count: usize, pause: Duration| {
        renderings(&*host.renderer(subject.name).unwrap(), &request, count, pause).await
    };
    let mut process = processes(subject, tool, folder.path());
    let of_the_fresh = host(false, 0, 0).await;
    let mut fresh = render(&of_the_fresh, CALLS, PAUSE).await;
    let mut ahead = render(&*host(true, 0, 0).await, CALLS, PAUSE).await;
    let mut warm = render(&*host(true, 0, 1).await, CALLS, PAUSE).await;
    let mut kept = render(&*host(true, 32 << 20, 0).await, KEPT, Duration::ZERO).await;
    let [process, fresh, ahead, warm, kept] =
        [&mut process, &mut fresh, &mut ahead, &mut warm, &mut kept].map(|times| ms(percentile(times, 0.5)));
    let name = subject.name;
    let row = |what: String, unit, value, target| Row::new("renderers", format!("{name}: {what}"), unit, value, target);
    vec![
        row(format!("{OBJECTS} objects by the tool as a process, p50"), "ms", process, Target::None),
        row("the same as a component, fresh instance, p50".into(), "ms", fresh, Target::None),
        row("of that, the instance's beginning, mean".into(), "ms", beginning(&of_the_fresh), Target::None),
        row("the same, instance made ahead, p50".into(), "ms", ahead, Target::None),
        row("the same, instance that stays (poolSize), p50".into(), "ms", warm, Target::None),
        row("a kept result, p50".into(), "ms", kept, Target::Most(1.0)),
        row("fresh instance, in times of the process".into(), "×", fresh / process, subject.fresh),
        row("instance made ahead, times faster than the process".into(), "×", process / ahead, Target::None),
        row(
            "instance that stays, times faster than the process".into(),
            "×",
            process / warm,
            Target::Least(subject.warm),
        ),
    ]
}

/// How long its instances took to be there, mean (ms).
fn beginning(host: &PluginHost) -> f64 {
    let mut page = String::new();
    host.metrics(&mut page);
    let number = |what: &str| -> f64 {
        let name = format!("colchis_plugin_instantiate_seconds_{what} ");
        page.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or(0.0)
    };
    number("sum") * 1e3 / number("count").max(1.0)
}

async fn load(host: &PluginHost, name: &str, component: &[u8], pool_size: u32) {
    let limits = Limits {
        pool_size,
        memory_bytes_max: 512 << 20,
        cpu_time_max: Duration::from_secs(60),
        wall_time_max: Duration::from_secs(120),
        ..Limits::default()
    };
    let bytes = component.to_vec().into();
    let component = Component { name: name.into(), bytes, digest: None, grants: Grants::default(), limits };
    host.load(component).await.unwrap();
}

/// Times of renderings, one after the other. The first is not among them.
async fn renderings(renderer: &dyn Renderer, request: &RenderRequest, count: usize, pause: Duration) -> Vec<Duration> {
    let object = ObjectRef { kind: "Application".into(), namespace: "default".into(), name: "bench".into() };
    let context = CallContext::new(object, Duration::from_secs(120));
    let mut took = Vec::with_capacity(count);
    for _ in 0..=count {
        let begun = Instant::now();
        let rendered = renderer.render(&context, request).await.unwrap();
        took.push(begun.elapsed());
        assert_eq!(rendered.manifests.len(), OBJECTS);
        tokio::time::sleep(pause).await;
    }
    took.split_off(1)
}

/// Times of the tool, one after the other. The first, which reads the program from the disk, is not among them.
fn processes(subject: &Subject, tool: &Path, folder: &Path) -> Vec<Duration> {
    let mut took = Vec::with_capacity(CALLS);
    for at in 0..=CALLS {
        let mut command = Command::new(tool);
        command.args(subject.tool.iter().skip(1)).current_dir(folder).env("HOME", folder).stderr(Stdio::inherit());
        let begun = Instant::now();
        let output = command.output().unwrap();
        took.push(begun.elapsed());
        std::thread::sleep(PAUSE);
        assert!(output.status.success());
        if at == 0 {
            let text = String::from_utf8_lossy(&output.stdout);
            assert_eq!(text.lines().filter(|line| line.starts_with("kind: ")).count(), OBJECTS, "{text}");
        }
    }
    took.split_off(1)
}

/// A chart of twenty templates, as charts of services are.
fn chart() -> BTreeMap<String, String> {
    let mut files = BTreeMap::from([
        ("source/Chart.yaml".to_owned(), "apiVersion: v2\nname: shop\nversion: 1.0.0\n".to_owned()),
        (
            "source/values.yaml".to_owned(),
            "replicas: 2\nimage: {repository: example.com/shop, tag: \"1.2\"}\nlabels: {team: sea, tier: web}\nresources:\n  requests: {cpu: 100m, memory: 64Mi}\n".to_owned(),
        ),
        (
            "source/templates/_helpers.tpl".to_owned(),
            "{{- define \"labels\" -}}\napp.kubernetes.io/name: {{ .Chart.Name }}\napp.kubernetes.io/instance: {{ .Release.Name }}\n{{- with .Values.labels }}\n{{ toYaml . }}\n{{- end }}\n{{- end }}\n".to_owned(),
        ),
    ]);
    for i in 0..OBJECTS {
        let template = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{{{ .Release.Name }}}}-{i}\n  namespace: {{{{ .Release.Namespace }}}}\n  labels: {{{{- include \"labels\" . | nindent 4 }}}}\nspec:\n  replicas: {{{{ .Values.replicas }}}}\n  selector:\n    matchLabels: {{{{- include \"labels\" . | nindent 6 }}}}\n  template:\n    metadata:\n      labels: {{{{- include \"labels\" . | nindent 8 }}}}\n    spec:\n      containers:\n      - name: main\n        image: {{{{ printf \"%s:%s\" .Values.image.repository .Values.image.tag | quote }}}}\n        resources: {{{{- toYaml .Values.resources | nindent 10 }}}}\n"
        );
        files.insert(format!("source/templates/deployment-{i}.yaml"), template);
    }
    files
}

/// Twenty deployments with a prefix, labels, another image and a patch.
fn kustomization() -> BTreeMap<String, String> {
    let resources: String = (0..OBJECTS).map(|i| format!("- deployment-{i}.yaml\n")).collect();
    let text = format!(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamePrefix: sea-\nnamespace: shop\nlabels:\n- pairs: {{team: sea}}\nimages:\n- name: example.com/shop\n  newTag: \"1.3\"\npatches:\n- target: {{kind: Deployment}}\n  patch: |-\n    - op: replace\n      path: /spec/replicas\n      value: 3\nresources:\n{resources}"
    );
    let mut files = BTreeMap::from([("source/kustomization.yaml".to_owned(), text)]);
    for i in 0..OBJECTS {
        let object = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app-{i}\nspec:\n  replicas: 2\n  selector:\n    matchLabels: {{app: app-{i}}}\n  template:\n    metadata:\n      labels: {{app: app-{i}}}\n    spec:\n      containers:\n      - name: main\n        image: example.com/shop:1.2\n"
        );
        files.insert(format!("source/deployment-{i}.yaml"), object);
    }
    files
}

/// Files in memory.
struct Files(BTreeMap<String, String>);

fn missing(path: &str) -> PluginError {
    PluginError::new(ErrorClass::NotFound, "no-file", format!("nothing stands at {path}"))
}

#[async_trait]
impl Tree for Files {
    fn digest(&self) -> &str {
        "sha256:of-the-bench"
    }

    async fn stat(&self, path: &str) -> Result<Entry> {
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        if let Some(text) = self.0.get(path) {
            return Ok(Entry { name, kind: EntryKind::File, size: text.len() as u64, executable: false });
        }
        let below = format!("{path}/");
        match path.is_empty() || self.0.keys().any(|file| file.starts_with(&below)) {
            true => Ok(Entry { name, kind: EntryKind::Folder, size: 0, executable: false }),
            false => Err(missing(path)),
        }
    }

    async fn list(&self, path: &str) -> Result<Vec<Entry>> {
        let below = if path.is_empty() { String::new() } else { format!("{path}/") };
        let mut names: Vec<&str> =
            self.0.keys().filter_map(|file| file.strip_prefix(&below)?.split('/').next()).collect();
        names.dedup();
        let mut entries = Vec::new();
        for name in names {
            entries.push(self.stat(&format!("{below}{name}")).await?);
        }
        Ok(entries)
    }

    async fn read(&self, path: &str, offset: u64, length: u64) -> Result<Vec<u8>> {
        let text = self.0.get(path).ok_or_else(|| missing(path))?;
        Ok(text.bytes().skip(offset as usize).take(length as usize).collect())
    }
}
