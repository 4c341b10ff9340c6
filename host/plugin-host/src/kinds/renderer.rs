//! `colchis:manifest-renderer`: calls that see the same clock and randomness each time, no network and no secret.

use std::sync::Arc;

use async_trait::async_trait;
use plugin::{
    CallContext, Kind, Lookup, Manifest, RenderRequest, Rendered, Renderer, Requirement, RequirementSource, Result,
    Tree,
};
use serde_json::Value;
use wasmtime::Store;
use wasmtime::component::Resource;

use super::{MESSAGE_BYTES_MAX, no_export, no_larger};
use crate::bindings::renderer::exports::colchis::manifest_renderer::renderer as wit;
use crate::bindings::renderer::{Rendering, RenderingIndices};
use crate::call::{Called, Ground};
use crate::capabilities::source::Lent as LentTree;
use crate::convert;
use crate::instance::{Lent, State};
use crate::loaded::Loaded;
use crate::renders;
use crate::told::Told;

/// Bytes of all manifests of one rendering (`manifests_bytes_max`).
const MANIFESTS_BYTES_MAX: usize = 256 << 20;
/// Warnings that are told; more are left out.
const WARNINGS_MAX: usize = 100;
/// Bytes of notes.
const NOTES_BYTES_MAX: usize = 1 << 20;
/// Requirements of one answer.
const REQUIREMENTS_MAX: usize = 1_000;

/// A component that renders.
pub(crate) struct ComponentRenderer {
    pub(crate) ground: Ground,
    pub(crate) loaded: Arc<Loaded>,
}

impl ComponentRenderer {
    async fn call<T: Told>(
        &self,
        context: &CallContext,
        export: impl AsyncFnOnce(&mut Store<State>, Rendering) -> Called<T>,
    ) -> Result<T> {
        let none = || no_export(&self.loaded.shared.name, "manifest renderer");
        let indices: &RenderingIndices = self.loaded.exports.renderer.as_ref().ok_or_else(none)?;
        let call = self.ground.call_renderer(&self.loaded, context, async |store, instance| {
            let rendering = indices.load(&mut *store, instance)?;
            export(store, rendering).await
        });
        call.await
    }
}

/// Lends a tree to a call.
fn lend(store: &mut Store<State>, tree: &Arc<dyn Tree>) -> wasmtime::Result<Resource<LentTree>> {
    Ok(store.data_mut().table.push(LentTree(tree.clone()))?)
}

/// A request, whose trees are handles of the call.
fn asked(store: &mut Store<State>, request: &RenderRequest) -> wasmtime::Result<wit::RenderRequest> {
    store.data_mut().lent.destination = request.destination.clone();
    let mut fetched = Vec::with_capacity(request.fetched.len());
    for tree in &request.fetched {
        fetched.push(wit::Fetched { name: tree.name.clone(), files: lend(store, &tree.files)? });
    }
    let release = &request.release;
    Ok(wit::RenderRequest {
        config: request.config.to_string(),
        files: lend(store, &request.files)?,
        path: request.path.clone(),
        fetched,
        release: wit::Release {
            name: release.name.clone(),
            namespace: release.namespace.clone(),
            kube_version: release.kube_version.clone(),
            api_versions: release.api_versions.clone(),
            environment: release.environment.clone(),
            extensions: Vec::new(),
        },
    })
}

#[async_trait]
impl Renderer for ComponentRenderer {
    async fn detect(&self, call: &CallContext, files: Arc<dyn Tree>, path: &str) -> Result<bool> {
        let said = self.call(call, async |store, rendering: Rendering| {
            let tree = lend(store, &files)?;
            rendering.colchis_manifest_renderer_renderer().call_detect(store, tree, path).await
        });
        said.await
    }

    async fn requirements(&self, call: &CallContext, request: &RenderRequest) -> Result<Vec<Requirement>> {
        self.loaded.check(Kind::ManifestRenderer, &request.config)?;
        let said = self.call(call, async |store, rendering: Rendering| {
            let asked = asked(store, request)?;
            rendering.colchis_manifest_renderer_renderer().call_requirements(store, &asked).await
        });
        let said = said.await?;
        no_larger("the list of requirements", said.len(), REQUIREMENTS_MAX)?;
        said.into_iter().map(requirement).collect()
    }

    async fn render(&self, call: &CallContext, request: &RenderRequest) -> Result<Rendered> {
        self.loaded.check(Kind::ManifestRenderer, &request.config)?;
        let renders = &self.ground.renders;
        let key = renders::key(&self.loaded.facts.digest, self.loaded.shared.grants.lookup, request);
        if let Some(kept) = renders.get(&key) {
            let holds = tokio::time::timeout(call.timeout, renders::holds(request, &kept.lookups)).await;
            if holds.unwrap_or(false) {
                renders.count(true);
                return Ok((*kept).clone());
            }
        }
        let mut lent = Lent::default();
        let said = self.call(call, async |store, rendering: Rendering| {
            let asked = asked(store, request)?;
            let said = rendering.colchis_manifest_renderer_renderer().call_render(&mut *store, &asked).await;
            lent = std::mem::take(&mut store.data_mut().lent);
            said
        });
        let said = said.await?;
        let bytes = said.manifests.iter().map(|manifest| manifest.object.len()).sum();
        let rendered = Arc::new(rendered(said, lent.lookups)?);
        renders.count(false);
        if !lent.unsure {
            renders.put(key, &rendered, bytes);
        }
        Ok(Arc::unwrap_or_clone(rendered))
    }
}

fn rendered(said: wit::Rendered, lookups: Vec<(Lookup, Value)>) -> Result<Rendered> {
    no_larger("all of the manifests", said.manifests.iter().map(|m| m.object.len()).sum(), MANIFESTS_BYTES_MAX)?;
    let manifest = |said: wit::Manifest| -> Result<Manifest> {
        let what = || format!("a manifest{}", said.file.as_ref().map(|f| format!(" of {f}")).unwrap_or_default());
        Ok(Manifest { object: convert::json(&what(), &said.object)?, file: said.file })
    };
    let manifests = said.manifests.into_iter().map(manifest).collect::<Result<_>>()?;
    let warnings = said.warnings.into_iter().take(WARNINGS_MAX).map(|w| convert::cut(w, MESSAGE_BYTES_MAX)).collect();
    let notes = said.notes.map(|notes| convert::cut(notes, NOTES_BYTES_MAX));
    Ok(Rendered { manifests, warnings, notes, lookups })
}

fn requirement(said: wit::Requirement) -> Result<Requirement> {
    let source = match said.source {
        wit::RequirementSource::HelmChart((repository, chart, version)) => {
            RequirementSource::HelmChart { repository, chart, version }
        }
        wit::RequirementSource::Oci((reference, version)) => RequirementSource::Oci { reference, version },
        wit::RequirementSource::Git((url, revision, path)) => RequirementSource::Git { url, revision, path },
        wit::RequirementSource::Url(url) => RequirementSource::Url(url),
        wit::RequirementSource::Other((kind, _)) => {
            let message =
                format!("the plugin needs {:?} of the kind {kind:?}, which this server cannot fetch", said.name);
            return Err(plugin::PluginError::new(plugin::ErrorClass::Permanent, "unknown-requirement", message));
        }
    };
    Ok(Requirement { name: said.name, source, digest: said.digest })
}
