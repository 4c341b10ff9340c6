//! `colchis plugin call` of renderers: a folder as the source tree, and a component without a server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use plugin::{CallContext, Kind, ObjectRef, PluginError, RenderByHand, render_by_hand};
use plugin_check::Order;
use serde_json::{Value, json};

use super::subject::document;
use crate::context::Context;
use crate::error::{CliError, CliResult};
use crate::input;
use crate::render::yaml;
use crate::support::tree;

/// Memory of an instance without a server: renderers are large.
const MEMORY_BYTES_MAX: usize = 1 << 30;
/// How long a rendering without a server may take that names no time.
const TIMEOUT: Duration = Duration::from_secs(300);

/// What a renderer is given beside `-f`.
#[derive(Debug, Args)]
pub(super) struct Rendering {
    /// Render the files of this folder (functions of a manifest-renderer)
    #[arg(long, value_name = "FOLDER")]
    tree: Option<PathBuf>,

    /// Folder in the tree that is rendered [default: all of it]
    #[arg(long, value_name = "PATH", requires = "tree")]
    path: Option<String>,

    /// The renderer's configuration, in YAML or JSON: a file, a URL, - for standard input, or the text itself
    #[arg(long, value_name = "FILE|JSON")]
    parameters: Option<String>,

    /// Name of the release [default: that of the folder]
    #[arg(long, value_name = "NAME", requires = "tree")]
    release: Option<String>,

    /// Without a server: fetch charts, bases and value files from this place, such as https://charts.example.com; may be repeated
    #[arg(long, value_name = "URL")]
    source: Vec<String>,
}

impl Rendering {
    /// Whether a tree is rendered.
    pub(super) fn has_tree(&self) -> bool {
        self.tree.is_some()
    }

    /// Puts the options into a request.
    pub(super) async fn complete(&self, ctx: &mut Context, mut request: Value) -> CliResult<Value> {
        let config = document(ctx, self.parameters.as_deref()).await?;
        let Some(fields) = request.as_object_mut() else {
            return Err(CliError::usage("-f: an object is expected"));
        };
        if let Some(config) = config {
            fields.insert("config".to_owned(), config);
        }
        let Some(folder) = &self.tree else { return Ok(request) };
        let (files, left_out) = tree::read(folder)?;
        for path in left_out {
            ctx.out.note(format!("{path} is left out: it is a link out of the folder, or no file"));
        }
        fields.insert("files".to_owned(), Value::Object(files));
        if let Some(path) = &self.path {
            fields.insert("path".to_owned(), json!(path));
        }
        let rendered = self.path.as_deref().map_or_else(|| folder.clone(), |path| folder.join(path));
        let release = fields.entry("release").or_insert_with(|| json!({}));
        if let Some(release) = release.as_object_mut() {
            let name = self.release.clone().or_else(|| name_of(&rendered));
            let namespace = ctx.globals.namespace.clone().unwrap_or_else(|| "default".to_owned());
            for (field, value) in [("name", name), ("namespace", Some(namespace))] {
                let is_named = field == "name" && self.release.is_some();
                if let Some(value) = value.filter(|_| is_named || !release.contains_key(field)) {
                    release.insert(field.to_owned(), value.into());
                }
            }
        }
        Ok(request)
    }

    /// Calls a function of the component in a file, in a host as a server has it.
    pub(super) async fn without_server(
        &self,
        ctx: &Context,
        component: &Path,
        function: &str,
        timeout: Option<Duration>,
        request: Value,
    ) -> CliResult<Value> {
        const NAME: &str = "renderer";
        if !["detect", "requirements", "render"].contains(&function) {
            return Err(CliError::usage(format!(
                "{function}: without a server only renderers are called, by detect, requirements and render"
            ))
            .hint("`colchis plugin test` calls components of other kinds; or install it, and name the plugin"));
        }
        let asked: RenderByHand = serde_json::from_value(request)
            .map_err(|error| CliError::usage(format!("the request cannot be read: {error}")))?;
        let asked = asked.into_request().map_err(|error| CliError::usage(format!("files: {error}")))?;
        let order = Order {
            component: input::read_bytes(component).await?.to_vec().into(),
            cache: cache(),
            memory_bytes_max: MEMORY_BYTES_MAX,
            sources: self.source.clone(),
            ..Order::default()
        };
        let bench = ctx.host.workbench(order)?;
        let facts = bench.load(NAME, &[]).await.map_err(|refused| CliError::failed(refused.to_string()))?;
        if !facts.info.kinds.iter().any(|info| info.kind == Kind::ManifestRenderer) {
            return Err(CliError::usage(format!("{} is no manifest-renderer", component.display()))
                .hint("install it, and name the plugin"));
        }
        let object = ObjectRef { kind: "CallByHand".into(), namespace: "".into(), name: "you".into() };
        let call = CallContext::new(object, timeout.unwrap_or(TIMEOUT));
        let renderer = bench.desk().renderer(NAME).map_err(told)?;
        render_by_hand(&*renderer, bench.fetch(), function, &call, asked).await.map_err(told)
    }
}

/// Whether what is called is the file of a component, and no plugin of the server.
pub(super) fn is_component(name: &str) -> bool {
    name.contains('/') || (name.ends_with(".wasm") && Path::new(name).exists())
}

/// An error of a rendering. Without a server the places to fetch from are options.
fn told(error: PluginError) -> CliError {
    let message = format!("{error} [{}]", error.code);
    let hints = match error.code.as_str() {
        "source-not-allowed" => {
            vec!["allow it with --source URL, such as --source https://charts.example.com".to_owned()]
        }
        _ => error.hints,
    };
    hints.into_iter().fold(CliError::failed(message), CliError::hint)
}

/// The manifests of a rendering, as documents of one text; what people should know goes beside it.
pub(super) fn manifests(ctx: &mut Context, answer: &Value) -> CliResult<()> {
    let list = |name: &str| answer.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    for manifest in list("manifests") {
        let object = manifest.get("object").cloned().unwrap_or_default();
        ctx.out.write(format!("---\n{}", yaml::to_text(&object)))?;
    }
    for warning in list("warnings") {
        ctx.out.note(format!("warning: {}", warning.as_str().unwrap_or_default()));
    }
    for fetched in list("fetched") {
        let text = |name: &str| fetched.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        ctx.out.note(format!("fetched {} ({})", text("name"), text("digest")));
    }
    Ok(())
}

fn name_of(folder: &Path) -> Option<String> {
    let real = folder.canonicalize().ok()?;
    Some(real.file_name()?.to_str()?.to_owned())
}

/// Where what was compiled and fetched is kept for this user.
fn cache() -> Option<PathBuf> {
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::home_dir().filter(|home| home.is_dir()).map(|home| home.join(".cache"));
    Some(named.or_else(home)?.join("colchis").join("plugins"))
}
