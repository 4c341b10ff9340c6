//! Submits an example and follows it to its end.

use std::collections::BTreeMap;
use std::time::Duration;

use client::v1::{
    ApplyRequest, Parameter, SubmitOptions, SubmitRequest, TemplateKind, TemplateSource, WorkflowPhase, submit_request,
};
use client::{Client, ClientError};
use serde_json::{Value, json};

use super::check::check;
use super::follow::follow;
use super::{Action, End, Example};
use crate::Server;
use crate::http::Http;
use crate::s3::{self, S3};

/// A server and what the examples talk to.
pub struct World {
    /// The server.
    pub server: Server,
    /// Its API.
    pub client: Client,
    /// Whether container images were imported.
    pub images: bool,
    /// Whether there are components for plugins.
    pub plugins: bool,
    /// Whether there is the image that is a component.
    pub components: bool,
    /// For `http` steps.
    pub http: Http,
    /// For artifacts on S3.
    pub s3: Option<S3>,
}

impl World {
    /// A server with the images of the examples; without busybox steps run on the machine's own root.
    pub async fn start(test: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let archive = folder.path().join("busybox.tar");
        let images = crate::images::write(&archive, crate::images::NAMES);
        let http = Http::start();
        let components = testkit::tools::guests();
        let folder = components.as_deref().unwrap_or(folder.path()).display().to_string();
        let settings = [
            ("images", if images { "imported" } else { "host" }),
            ("egress.allowPrivate", "[127.0.0.1/32]"),
            ("plugins.folder", &folder),
        ];
        let server = Server::with(&settings).await;
        if images {
            server.cli(&["image", "import", &archive.to_string_lossy()]).ok();
        } else {
            testkit::tools::skip(test, "busybox is missing: steps run on the machine's own root");
        }
        let program = components.as_ref().map(|folder| folder.join("program.wasm")).filter(|file| file.is_file());
        if let Some(program) = &program {
            server.cli(&["image", "import", &program.to_string_lossy(), "--name", crate::images::COMPONENT]).ok();
        }
        let client = server.client().await;
        let (plugins, components) = (components.is_some(), program.is_some());
        Self { server, client, images, plugins, components, http, s3: S3::start(test) }
    }

    /// Why an example cannot run here.
    fn lacks(&self, example: &Example) -> Option<&'static str> {
        example.expected.needs.iter().find_map(|need| match need.as_str() {
            "images" if !self.images => Some("container images need busybox"),
            "bucket" if self.s3.is_none() => Some("a bucket needs versitygw"),
            "plugins" if !self.plugins => Some("components are made by `cargo xtask guests`"),
            "components" if !self.components => Some("the component is made by `cargo xtask guests program`"),
            "images" | "bucket" | "http" | "plugins" | "components" => None,
            _ => Some("its header needs something that the tests do not know"),
        })
    }
}

/// Runs an example; answers what differs from its header.
pub async fn run(world: &World, example: &Example) -> Vec<String> {
    if let Some(reason) = world.lacks(example) {
        testkit::tools::skip(&format!("examples/{}", example.name), reason);
        return Vec::new();
    }
    let within = Duration::from_secs(example.expected.within);
    match tokio::time::timeout(within, attempt(world, example)).await {
        Ok(Ok(differences)) => differences,
        Ok(Err(error)) => vec![error],
        Err(_) => vec![format!("did not end within {} s", within.as_secs())],
    }
}

async fn attempt(world: &World, example: &Example) -> Result<Vec<String>, String> {
    let namespace = namespace_of(&example.name);
    prepare(world, example, &namespace).await?;
    let (runs, others): (Vec<&Value>, Vec<&Value>) = example.documents.iter().partition(|d| d["kind"] == "Workflow");
    let mut differences = Vec::new();
    for document in others {
        if let Err(error) = apply(&world.client, document, &namespace).await {
            return refusal(example, &error);
        }
    }
    for document in runs {
        let parameters = arguments(world, &example.expected.arguments);
        let request = SubmitRequest {
            namespace: namespace.clone(),
            source: Some(submit_request::Source::Manifest(document.to_string().into())),
            options: Some(SubmitOptions { parameters, ..SubmitOptions::default() }),
        };
        let submitted = match world.client.submit(request).await {
            Ok(submitted) => submitted,
            Err(error) => return refusal(example, &error),
        };
        let followed = follow(&world.client, &namespace, &submitted.name, &example.expected.actions).await?;
        differences.extend(check(world, example, &followed).await);
    }
    for action in &example.expected.actions {
        if let Some(from) = &action.submit_from {
            differences.extend(submit_from(world, &namespace, from, action).await?);
        }
    }
    match example.expected.expect {
        End::Refused => differences.push("was taken, although its header says Refused".into()),
        End::Applied | End::Succeeded | End::Failed | End::Error => {}
    }
    Ok(differences)
}

fn namespace_of(name: &str) -> String {
    let plain: String =
        name.trim_end_matches(".yaml").chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("ex-{plain}")
}

/// What an example's surroundings hold.
async fn prepare(world: &World, example: &Example, namespace: &str) -> Result<(), String> {
    let namespace_object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
    apply(&world.client, &namespace_object, "").await.map_err(|e| text_of(&e))?;
    if let Some(s3) = world.s3.as_ref().filter(|_| example.expected.needs.iter().any(|n| n == "bucket")) {
        for key in ["days/monday.csv", "days/tuesday.csv", "days/notes.txt"] {
            s3.put("examples", key, key.as_bytes());
        }
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bucket"},
            "stringData": {"access-key": s3::ACCESS_KEY, "secret-key": s3::SECRET_KEY}});
        apply(&world.client, &secret, namespace).await.map_err(|e| text_of(&e))?;
    }
    Ok(())
}

async fn apply(client: &Client, document: &Value, namespace: &str) -> Result<(), ClientError> {
    let request = ApplyRequest {
        document: document.to_string().into(),
        namespace: namespace.to_owned(),
        without_document: true,
        ..ApplyRequest::default()
    };
    client.resources().apply(request).await.map(drop)
}

fn arguments(world: &World, arguments: &BTreeMap<String, String>) -> Vec<Parameter> {
    let bucket = world.s3.as_ref().map_or("", S3::address);
    let value = |text: &str| text.replace("$HTTP", &world.http.url()).replace("$BUCKET", bucket);
    arguments.iter().map(|(name, text)| Parameter { name: name.clone(), value: value(text) }).collect()
}

/// An error is what `Refused` asks for.
fn refusal(example: &Example, error: &ClientError) -> Result<Vec<String>, String> {
    let text = text_of(error);
    if example.expected.expect != End::Refused {
        return Err(format!("was refused: {text}"));
    }
    let missing = example.expected.message.iter().filter(|part| !text.contains(part.as_str()));
    Ok(missing.map(|part| format!("the refusal does not say {part:?}: {text}")).collect())
}

/// Everything that a person is told.
pub(super) fn text_of(error: &ClientError) -> String {
    let mut text = error.to_string();
    if let Some(rpc) = error.rpc() {
        for violation in &rpc.violations {
            text.push_str(&format!("; {}: {} {}", violation.path, violation.message, violation.hint));
        }
        for hint in &rpc.hints {
            text.push_str(&format!("; hint: {hint}"));
        }
    }
    text
}

async fn submit_from(world: &World, namespace: &str, from: &str, action: &Action) -> Result<Vec<String>, String> {
    let (kind, name) = from.split_once('/').ok_or("submit-from: KIND/NAME")?;
    let kind = match kind {
        "cronwf" => TemplateKind::CronWorkflow,
        "workflowtemplate" => TemplateKind::WorkflowTemplate,
        _ => TemplateKind::ClusterWorkflowTemplate,
    };
    let template = TemplateSource { kind: kind.into(), name: name.to_owned() };
    let request = SubmitRequest {
        namespace: namespace.to_owned(),
        source: Some(submit_request::Source::Template(template)),
        options: None,
    };
    let submitted = world.client.submit(request).await.map_err(|e| text_of(&e))?;
    let ended = world.client.wait(namespace, &submitted.name).await.map_err(|e| text_of(&e))?;
    let phase = phase_name(ended.phase());
    let expected = action.is.as_deref().unwrap_or("Succeeded");
    Ok(if phase == expected {
        Vec::new()
    } else {
        vec![format!("the run from {from} ended {phase}: {}", ended.message)]
    })
}

/// As manifests write it.
pub(super) fn phase_name(phase: WorkflowPhase) -> &'static str {
    match phase {
        WorkflowPhase::Unknown => "",
        WorkflowPhase::Pending => "Pending",
        WorkflowPhase::Running => "Running",
        WorkflowPhase::Succeeded => "Succeeded",
        WorkflowPhase::Failed => "Failed",
        WorkflowPhase::Error => "Error",
    }
}
