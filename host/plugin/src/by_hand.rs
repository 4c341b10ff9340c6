//! Renderings by hand: a request as JSON, in the words of `wit/`, and its answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    BadTreePath, CallContext, ErrorClass, Fetch, FileTree, Manifest, PluginError, Release, RenderRequest, Rendered,
    Renderer, Requirement, RequirementSource, Result, TreeFile, complete,
};

/// What a renderer is given by hand. What a person need not know has a default.
#[derive(Debug, Clone, Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RenderByHand {
    /// The renderer's configuration.
    pub config: Value,
    /// The source tree: files by their paths.
    pub files: BTreeMap<String, FileByHand>,
    /// The folder in it.
    pub path: String,
    /// What for.
    pub release: ReleaseByHand,
}

/// A file: its text, or bytes that are no text.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum FileByHand {
    /// Text.
    Text(String),
    /// Bytes.
    Encoded(EncodedFile),
}

/// Bytes of a file as JSON.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EncodedFile {
    /// The content.
    pub base64: String,
    /// Whether it may be executed.
    #[serde(default)]
    pub executable: bool,
}

/// A release, as [`Release`].
#[derive(Debug, Clone, Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[allow(missing_docs, reason = "as in Release")]
pub struct ReleaseByHand {
    pub name: String,
    pub namespace: String,
    pub kube_version: String,
    pub api_versions: Vec<String>,
    pub environment: BTreeMap<String, String>,
}

impl RenderByHand {
    /// The request that it means.
    ///
    /// # Errors
    /// A path of `files` that no tree has, or content that is no base64.
    pub fn into_request(self) -> std::result::Result<RenderRequest, BadTreePath> {
        let mut files = BTreeMap::new();
        for (path, file) in self.files {
            let file = match file {
                FileByHand::Text(text) => TreeFile::plain(text),
                FileByHand::Encoded(EncodedFile { base64, executable }) => {
                    let decoded = base64::engine::general_purpose::STANDARD.decode(base64);
                    let Ok(content) = decoded else { return Err(BadTreePath { path, why: "has no base64" }) };
                    TreeFile::File { content: content.into(), executable }
                }
            };
            files.insert(path, file);
        }
        let ReleaseByHand { name, namespace, kube_version, api_versions, environment } = self.release;
        let environment = environment.into_iter().collect();
        Ok(RenderRequest {
            config: if self.config.is_null() { json!({}) } else { self.config },
            files: Arc::new(FileTree::new(files)?),
            path: self.path,
            fetched: Vec::new(),
            release: Release { name, namespace, kube_version, api_versions, environment },
            destination: None,
        })
    }
}

/// Calls `detect`, `requirements` or `render`. To render is all of it: detect, fetch what is named until nothing more is, render.
///
/// # Errors
/// Those of the renderer and of [`Fetch`].
pub async fn render_by_hand(
    renderer: &dyn Renderer,
    fetch: &dyn Fetch,
    function: &str,
    call: &CallContext,
    mut request: RenderRequest,
) -> Result<Value> {
    if function == "requirements" {
        return Ok(renderer.requirements(call, &request).await?.into_iter().map(requirement).collect());
    }
    let detected = renderer.detect(call, request.files.clone(), &request.path).await?;
    if function == "detect" {
        return Ok(json!(detected));
    }
    if !detected {
        let folder = if request.path.is_empty() { "." } else { &request.path };
        let message = format!("the folder `{folder}` of the source has nothing that this renderer renders");
        return Err(PluginError {
            field: Some("path".to_owned()),
            ..PluginError::new(ErrorClass::NotFound, "not-detected", message)
        }
        .hint("name the folder in it that has the chart, kustomization or program with `path`"));
    }
    complete(renderer, fetch, call, &mut request).await?;
    let Rendered { manifests, warnings, notes, .. } = renderer.render(call, &request).await?;
    let manifest = |Manifest { object, file }| json!({"object": object, "file": file});
    let manifests: Vec<Value> = manifests.into_iter().map(manifest).collect();
    let fetched: Vec<Value> =
        request.fetched.iter().map(|one| json!({"name": one.name, "digest": one.files.digest()})).collect();
    Ok(json!({"manifests": manifests, "warnings": warnings, "notes": notes, "fetched": fetched}))
}

fn requirement(requirement: Requirement) -> Value {
    let source = match requirement.source {
        RequirementSource::HelmChart { repository, chart, version } => {
            json!({"helmChart": {"repository": repository, "chart": chart, "version": version}})
        }
        RequirementSource::Oci { reference, version } => json!({"oci": {"reference": reference, "version": version}}),
        RequirementSource::Git { url, revision, path } => {
            json!({"git": {"url": url, "revision": revision, "path": path}})
        }
        RequirementSource::Url(url) => json!({"url": url}),
    };
    json!({"name": requirement.name, "source": source, "digest": requirement.digest})
}
