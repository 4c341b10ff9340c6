//! Calls by hand of renderers: the source tree is a map of paths and texts.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use plugin::{
    CallContext, Desk, Entry, EntryKind, ErrorClass, Manifest, PluginError, Release, RenderRequest, Rendered,
    Requirement, RequirementSource, Tree,
};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::failure::{Failure, Outcome};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RendererCall {
    #[serde(default)]
    config: Value,
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default)]
    path: String,
    #[serde(default)]
    release: ReleaseCall,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct ReleaseCall {
    name: String,
    namespace: String,
    kube_version: String,
    api_versions: Vec<String>,
    environment: BTreeMap<String, String>,
}

pub(super) async fn renderer(
    plugins: &dyn Desk,
    name: &str,
    function: &str,
    context: &CallContext,
    asked: RendererCall,
) -> Outcome<Value> {
    let renderer = plugins.renderer(name)?;
    let files: Arc<dyn Tree> = Arc::new(Files::new(asked.files)?);
    if function == "detect" {
        return Ok(json!(renderer.detect(context, files, &asked.path).await?));
    }
    let ReleaseCall { name, namespace, kube_version, api_versions, environment } = asked.release;
    let environment = environment.into_iter().collect();
    let request = RenderRequest {
        config: asked.config,
        files,
        path: asked.path,
        fetched: Vec::new(),
        release: Release { name, namespace, kube_version, api_versions, environment },
        destination: None,
    };
    if function == "requirements" {
        return Ok(renderer.requirements(context, &request).await?.into_iter().map(requirement).collect());
    }
    let Rendered { manifests, warnings, notes, .. } = renderer.render(context, &request).await?;
    let manifest = |Manifest { object, file }| json!({"object": object, "file": file});
    let manifests: Vec<Value> = manifests.into_iter().map(manifest).collect();
    Ok(json!({"manifests": manifests, "warnings": warnings, "notes": notes}))
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

/// A tree of files in memory, by their paths.
struct Files {
    files: BTreeMap<String, String>,
    digest: String,
}

impl Files {
    fn new(files: BTreeMap<String, String>) -> Outcome<Self> {
        let leaves = |part: &str| part.is_empty() || part == "." || part == "..";
        if let Some(path) = files.keys().find(|path| path.split('/').any(leaves)) {
            return Err(Failure::field("request.files", format!("`{path}` is not a relative path without . and ..")));
        }
        let mut hash = Sha256::new();
        for (path, text) in &files {
            for part in [path, text] {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part);
            }
        }
        let digest = hash.finalize().iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"));
        Ok(Self { files, digest })
    }

    /// What stands at a path that has been [`cleaned`].
    fn entry(&self, path: &str) -> plugin::Result<Entry> {
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        if let Some(text) = self.files.get(path) {
            return Ok(Entry { name, kind: EntryKind::File, size: text.len() as u64, executable: false });
        }
        match path.is_empty() || self.below(path).next().is_some() {
            true => Ok(Entry { name, kind: EntryKind::Folder, size: 0, executable: false }),
            false => Err(PluginError::new(ErrorClass::NotFound, "no-file", format!("there is no file {path}"))),
        }
    }

    /// The paths below a folder, without its own.
    fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a str> {
        self.files.keys().filter_map(move |path| match folder {
            "" => Some(path.as_str()),
            folder => path.strip_prefix(folder)?.strip_prefix('/'),
        })
    }
}

/// A path without `.` and empty parts; one that leaves the tree names nothing.
fn cleaned(path: &str) -> plugin::Result<String> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    match parts.contains(&"..") {
        true => {
            Err(PluginError::new(ErrorClass::Denied, "outside", format!("{path} may be outside of the source tree")))
        }
        false => Ok(parts.join("/")),
    }
}

#[async_trait]
impl Tree for Files {
    fn digest(&self) -> &str {
        &self.digest
    }

    async fn stat(&self, path: &str) -> plugin::Result<Entry> {
        self.entry(&cleaned(path)?)
    }

    async fn list(&self, path: &str) -> plugin::Result<Vec<Entry>> {
        let folder = cleaned(path)?;
        if self.entry(&folder)?.kind != EntryKind::Folder {
            return Err(PluginError::new(ErrorClass::NotFound, "no-folder", format!("{path} is no folder")));
        }
        let mut names: Vec<&str> = self.below(&folder).filter_map(|path| path.split('/').next()).collect();
        names.sort_unstable();
        names.dedup();
        let full = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        names.into_iter().map(|name| self.entry(&full(name))).collect()
    }

    async fn read(&self, path: &str, offset: u64, length: u64) -> plugin::Result<Vec<u8>> {
        let path = cleaned(path)?;
        let missing = || PluginError::new(ErrorClass::NotFound, "no-file", format!("there is no file {path}"));
        let bytes = self.files.get(&path).ok_or_else(missing)?.as_bytes();
        let size = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        Ok(bytes.iter().copied().skip(size(offset)).take(size(length)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(paths: &[&str]) -> Outcome<Files> {
        Files::new(paths.iter().map(|path| ((*path).to_owned(), format!("text of {path}"))).collect())
    }

    #[tokio::test]
    async fn a_map_of_texts_is_a_tree() {
        let tree = files(&["Chart.yaml", "templates/a.yaml", "templates/b/c.yaml", "templates.txt"]).unwrap();
        let names = async |path: &str| -> Vec<String> {
            let entries = tree.list(path).await.unwrap();
            entries.into_iter().map(|entry| format!("{}:{:?}:{}", entry.name, entry.kind, entry.size)).collect()
        };
        assert_eq!(names("").await, ["Chart.yaml:File:18", "templates:Folder:0", "templates.txt:File:21"]);
        assert_eq!(names("./templates/").await, ["a.yaml:File:24", "b:Folder:0"]);
        assert_eq!(tree.read("templates/b/c.yaml", 8, 9).await.unwrap(), b"templates");
        assert_eq!(tree.read("Chart.yaml", 100, 9).await.unwrap(), b"");
        for path in ["../etc/passwd", "templates/../..", "nothing", "templates/a.yaml/x"] {
            assert!(tree.stat(path).await.is_err() && tree.read(path, 0, 1).await.is_err(), "{path}");
        }
        assert!(tree.list("Chart.yaml").await.is_err() && tree.read("templates", 0, 1).await.is_err());
        assert_ne!(tree.digest(), files(&["Chart.yaml"]).unwrap().digest());
        for path in ["/a", "a//b", "../a", ""] {
            assert!(files(&[path]).is_err(), "{path}");
        }
    }
}
