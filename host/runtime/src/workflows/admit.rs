//! From a stored Workflow to a submission: what its words refer to is looked up and pinned, defaults are merged in.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, PoisonError};

use engine_workflow::{
    Input, LockKind, LockRequest, PinnedTemplates, Repository, Shutdown, SpecChange, Submission, TemplateSource, Text,
};
use model::Object;
use model::workflow::{
    ClusterWorkflowTemplate, LifecycleHook, ShutdownStrategy, Template, TemplateRef, Workflow, WorkflowSpec,
    WorkflowTemplate,
};
use store::objects::{Gvk, Key, ListQuery, Selector, WatchEvent};
use store::{Result, StoreError};

use super::Workflows;
use crate::config::TemplateReferencing;

/// Argo's API group and version.
pub(crate) const ARGO: &str = "argoproj.io/v1alpha1";
/// The annotation that names the run (by uid) whose finished steps a resubmitted run takes over.
const MEMOIZED_FROM: &str = "colchis.dev/reuse-outputs-of";
/// How long a run waits that could not be prepared because the store cannot serve.
pub(super) const SUBMIT_RETRY: std::time::Duration = std::time::Duration::from_secs(1);
/// Template objects that one run may pin (`pinned_max`).
const PINNED_MAX: usize = 1_000;

/// The key of an object.
pub(crate) fn key(api_version: &str, kind: &str, namespace: &str, name: &str) -> Key {
    Key { gvk: Gvk::new(api_version, kind), namespace: namespace.into(), name: name.into() }
}

/// A run's id in journals, runners and limiters.
pub(crate) fn id_of(object: &Object) -> Arc<str> {
    object.metadata.uid.as_str().into()
}

impl Workflows {
    /// Takes a change of a Workflow object in.
    pub(crate) fn observed(&self, event: &WatchEvent) {
        match event {
            WatchEvent::Added(object) => self.added(object),
            WatchEvent::Modified(object) => self.modified(object),
            WatchEvent::Deleted(object) => self.deleted(object),
            WatchEvent::Bookmark(_) => {}
        }
    }

    pub(super) fn added(&self, object: &Arc<Object>) {
        if is_finished(object) {
            return;
        }
        let id = id_of(object);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.insert(id.clone(), object.metadata.generation).is_some() {
            return;
        }
        drop(seen);
        let (Some(this), object) = (self.arc(), object.clone()) else { return };
        tokio::spawn(async move { this.submit(&id, &object).await });
    }

    fn modified(&self, object: &Arc<Object>) {
        let id = id_of(object);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.get_mut(&id) {
            Some(generation) if *generation == object.metadata.generation => return,
            Some(generation) => *generation = object.metadata.generation,
            None => return,
        }
        drop(seen);
        let Ok(workflow) = object.decode::<Workflow>() else { return };
        let spec = &workflow.spec;
        let change = SpecChange {
            suspend: Some(spec.suspend.unwrap_or(false)),
            shutdown: spec.shutdown.map(shutdown),
            deadline: None,
            parallelism: Some(spec.parallelism.and_then(|n| u32::try_from(n).ok())),
            priority: Some(spec.priority.unwrap_or(0)),
            expired: false,
        };
        let deadline = spec.active_deadline_seconds;
        let (Some(this), id2) = (self.arc(), id.clone()) else { return };
        tokio::spawn(async move {
            // The deadline counts from the run's start, which its state knows.
            let _ = this
                .registry
                .decide(&id2, move |state| {
                    let started = state.run().and_then(|r| r.started)?;
                    let deadline = deadline.map(|s| started.plus_millis(s.saturating_mul(1000)));
                    Some(Input::SpecChanged(SpecChange { deadline: Some(deadline), ..change }))
                })
                .await;
        });
    }

    /// The object is gone: what runs for it is ended, and then forgotten.
    fn deleted(&self, object: &Arc<Object>) {
        let (Some(this), object) = (self.arc(), object.clone()) else { return };
        let id = id_of(&object);
        self.metrics.deleted(&id, &object.metadata.namespace, phase_of(&object).as_deref());
        tokio::spawn(async move {
            if let Err(problem) = this.forget(&id, &object).await {
                tracing::warn!(workflow = %object.metadata.name, %problem, "not everything of a deleted run is cleared away; a restart tries again");
            }
        });
    }

    async fn submit(&self, id: &Arc<str>, object: &Arc<Object>) {
        let fresh = self.is_fresh(object);
        if !fresh {
            match self.registry_knows(id).await {
                Ok(true) => return self.registry.recover(id),
                Ok(false) => {}
                Err(problem) => return self.submit_later(id, object, &problem).await,
            }
        }
        let input = match self.submission(object).await {
            Ok(submission) => Input::Submitted(Arc::new(submission)),
            Err(Refused::Spec(problem)) => return self.projector.refused(self, object, &problem),
            Err(Refused::Store(problem)) => return self.submit_later(id, object, &problem).await,
        };
        let sent = if fresh { self.registry.begin(id, input).await } else { self.registry.send(id, input).await };
        if let Err(problem) = sent {
            tracing::warn!(%problem, "a run could not be begun");
        }
    }

    /// Made since this server began and untouched: there is no journal of it to ask for.
    fn is_fresh(&self, object: &Object) -> bool {
        let revision = object.metadata.resource_version.parse::<u64>().ok();
        let since = self.since.get().copied();
        object.status.is_none() && object.metadata.generation == 1 && revision.zip(since).is_some_and(|(r, s)| r > s)
    }

    async fn submit_later(&self, id: &Arc<str>, object: &Arc<Object>, problem: &StoreError) {
        tracing::warn!(%problem, workflow = %object.metadata.name, "cannot prepare a run; trying again");
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        tokio::time::sleep(SUBMIT_RETRY).await;
        self.added(object);
    }

    async fn registry_knows(&self, id: &Arc<str>) -> Result<bool> {
        let instance = store::journal::InstanceId { engine: "workflow", id: id.clone() };
        Ok(self.journal.info(&instance).await?.is_some())
    }

    /// Everything that a run is made of, as it is now.
    pub(crate) async fn submission(&self, object: &Object) -> Result<Submission, Refused> {
        let workflow: Workflow = object.decode().map_err(|e| Refused::Spec(e.to_string()))?;
        let mut metadata = object.metadata.clone();
        let mut spec = workflow.spec;
        let mut from_template = None;
        if let Some(reference) = &spec.workflow_template_ref {
            let source = TemplateSource { cluster: reference.cluster_scope, name: reference.name.as_str().into() };
            let base = self.template_spec(&metadata.namespace, &source).await?;
            spec = merge(spec, base)?;
            from_template = Some(source);
        } else if let Some(mode) = self.settings.template_referencing {
            let mode = if mode == TemplateReferencing::Strict { "Strict" } else { "Secure" };
            return Err(Refused::Spec(format!(
                "spec.workflowTemplateRef: this server runs only workflows that refer to a template (templateReferencing: {mode})"
            )));
        }
        if let Some(defaults) = &self.settings.workflow_defaults {
            spec = merge(spec, defaults.spec.clone())?;
            for (key, value) in &defaults.labels {
                metadata.labels.entry(key.clone()).or_insert_with(|| value.clone());
            }
            for (key, value) in &defaults.annotations {
                metadata.annotations.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        if let Some(defaults) = spec.template_defaults.clone() {
            spec =
                model::defaults::with_template_defaults(spec, &defaults).map_err(|e| Refused::Spec(e.to_string()))?;
        }
        let pinned = self.pin(&metadata.namespace, &spec).await?;
        let repository = self.repository(&metadata.namespace, &spec).await?;
        let scheduled = scheduled_time(&metadata);
        let server_locks = self.server_locks(&metadata.namespace);
        let reused = match metadata.annotations.get(MEMOIZED_FROM) {
            Some(uid) => self.reused(&uid.as_str().into()).await,
            None => Vec::new(),
        };
        Ok(Submission {
            spec,
            from_template,
            pinned,
            repository: Some(repository),
            server_locks,
            scheduled_time: scheduled,
            reused,
            limits: self.settings.limits,
            metadata,
        })
    }

    fn server_locks(&self, namespace: &str) -> Vec<LockRequest> {
        let place = |key: &str| LockRequest { kind: LockKind::Parallelism, key: key.into() };
        let namespaced = self.limits.limits_namespace(namespace).then(|| place(namespace));
        let global = self.settings.parallelism.map(|_| place(""));
        // The namespace's place first: who waits for it must not take one of the server's away from others.
        namespaced.into_iter().chain(global).collect()
    }

    /// A template object's spec.
    pub(crate) async fn template_spec(
        &self,
        namespace: &str,
        source: &TemplateSource,
    ) -> Result<WorkflowSpec, Refused> {
        let (kind, namespace) =
            if source.cluster { ("ClusterWorkflowTemplate", "") } else { ("WorkflowTemplate", namespace) };
        let object = match self.objects.get(&key(ARGO, kind, namespace, &source.name)).await {
            Ok(object) => object,
            Err(StoreError::NotFound { .. }) => {
                let place = if source.cluster { String::new() } else { format!(" in namespace {namespace:?}") };
                return Err(Refused::Spec(format!(
                    "{kind} {:?} not found{place}; create it and submit again",
                    source.name
                )));
            }
            Err(problem) => return Err(Refused::Store(problem)),
        };
        let spec = if source.cluster {
            object.decode::<ClusterWorkflowTemplate>().map(|t| t.spec)
        } else {
            object.decode::<WorkflowTemplate>().map(|t| t.spec)
        };
        let spec = spec.map_err(|e| Refused::Spec(format!("{kind} {:?}: {e}", source.name)))?;
        match spec.template_defaults.clone() {
            Some(defaults) => {
                model::defaults::with_template_defaults(spec, &defaults).map_err(|e| Refused::Spec(e.to_string()))
            }
            None => Ok(spec),
        }
    }

    /// The template objects that the spec names in so many words, and those that they name. A name with a tag in it is looked up when it is known.
    async fn pin(
        &self,
        namespace: &str,
        spec: &WorkflowSpec,
    ) -> Result<Vec<(TemplateSource, PinnedTemplates)>, Refused> {
        let mut open: Vec<TemplateSource> = references(spec).into_iter().collect();
        let mut known: HashSet<TemplateSource> = open.iter().cloned().collect();
        let mut out = Vec::new();
        while let Some(source) = open.pop() {
            if out.len() >= PINNED_MAX {
                return Err(Refused::Spec(format!(
                    "the run refers to more than {PINNED_MAX} template objects (pinned_max)"
                )));
            }
            // What is missing now may be there when it is needed; the step that needs it says so if not.
            let spec = match self.template_spec(namespace, &source).await {
                Ok(spec) => spec,
                Err(Refused::Spec(_)) => continue,
                Err(problem) => return Err(problem),
            };
            for next in references(&spec) {
                if known.insert(next.clone()) {
                    open.push(next);
                }
            }
            out.push((source, PinnedTemplates { spec }));
        }
        Ok(out)
    }

    /// The artifact repository: the one that the run names, the namespace's default, or the server's.
    async fn repository(&self, namespace: &str, spec: &WorkflowSpec) -> Result<Repository, Refused> {
        let (name, wanted) = match &spec.artifact_repository_ref {
            Some(reference) if reference.config_map.is_empty() => {
                ("artifact-repositories", Some(reference.key.as_str()))
            }
            Some(reference) => (reference.config_map.as_str(), Some(reference.key.as_str())),
            None => ("artifact-repositories", None),
        };
        let map = match self.objects.get(&key("v1", "ConfigMap", namespace, name)).await {
            Ok(object) => Some(object.decode::<model::core::ConfigMap>().map_err(|e| Refused::Spec(e.to_string()))?),
            Err(StoreError::NotFound { .. }) => None,
            Err(problem) => return Err(Refused::Store(problem)),
        };
        let chosen = map.as_ref().and_then(|map| {
            let default = map.metadata.annotations.get("workflows.argoproj.io/default-artifact-repository");
            let key = wanted.filter(|k| !k.is_empty()).map(str::to_owned).or_else(|| default.cloned())?;
            Some((key.clone(), map.data.get(&key)?.clone()))
        });
        let settings = match (chosen, spec.artifact_repository_ref.is_some()) {
            (Some((key, text)), _) => {
                let at = format!("config map {name:?}, key {key:?}");
                document(&text).map_err(|e| Refused::Spec(format!("{at}: {e}")))?
            }
            (None, true) => {
                let key = wanted.unwrap_or_default();
                return Err(Refused::Spec(format!(
                    "spec.artifactRepositoryRef: config map {name:?} has no key {key:?}"
                )));
            }
            (None, false) => self.settings.artifact_repository.clone(),
        };
        let key_format =
            self.repositories.key_format(&settings).map_err(|e| Refused::Spec(format!("artifact repository: {e}")))?;
        Ok(Repository { key_format: key_format.into(), settings })
    }

    /// After a start: goes on with what was running, and begins what was accepted and not begun.
    pub(crate) async fn recover(&self) -> Result<usize> {
        use futures::TryStreamExt;
        let live: Vec<Arc<str>> =
            self.journal.live("workflow").await?.map_ok(|info| info.instance.id).try_collect().await?;
        // Counted before they go on: a run that ends meanwhile is not counted as one that still runs.
        let mut token = None;
        loop {
            let selector = Selector {
                gvk: Some(Gvk::new(ARGO, "Workflow")),
                phases: vec![String::new(), "Pending".to_owned(), "Running".to_owned()],
                ..Selector::default()
            };
            let page =
                self.objects.list(&ListQuery { selector, continue_token: token, ..ListQuery::default() }).await?;
            for object in &page.items {
                self.found(object);
                self.added(object);
            }
            token = page.continue_token;
            if token.is_none() {
                break;
            }
        }
        live.iter().for_each(|id| self.registry.recover(id));
        Ok(live.len())
    }

    /// Counts a run that an earlier server left.
    fn found(&self, object: &Object) {
        let running = phase_of(object).as_deref() == Some("Running");
        let created = object.metadata.creation_timestamp.unwrap_or_else(|| self.clock.now());
        self.metrics.recovered(&id_of(object), &object.metadata.namespace, running, created);
    }
}

/// The moment that a run of a schedule is for. One that a person began of a schedule, or again, is for the moment at which that was asked.
fn scheduled_time(metadata: &model::ObjectMeta) -> Option<Text> {
    if let Some(at) = metadata.annotations.get("workflows.argoproj.io/scheduled-time") {
        return Some(at.as_str().into());
    }
    let of_schedule = metadata.labels.contains_key(crate::cron::LABEL);
    metadata.creation_timestamp.filter(|_| of_schedule).map(|at| at.to_string().into())
}

/// A ConfigMap's value that is a document of its own.
fn document(text: &str) -> std::result::Result<serde_json::Value, String> {
    let documents = model::yaml::read(text, &model::yaml::Limits::default()).map_err(|e| e.to_string())?;
    let Some(first) = documents.first() else { return Ok(serde_json::Value::Object(serde_json::Map::new())) };
    serde_json::from_str(first.json()).map_err(|e| e.to_string())
}

/// Why no run comes of an object.
pub(crate) enum Refused {
    /// What it says.
    Spec(String),
    /// The store cannot serve now.
    Store(StoreError),
}

/// What the run says, over what it is based on.
fn merge(own: WorkflowSpec, base: WorkflowSpec) -> Result<WorkflowSpec, Refused> {
    model::defaults::merge_spec(base, own).map_err(|e| Refused::Spec(e.to_string()))
}

pub(crate) fn is_finished(object: &Object) -> bool {
    matches!(phase_of(object).as_deref(), Some("Succeeded" | "Failed" | "Error"))
}

/// `status.phase`.
pub(crate) fn phase_of(object: &Object) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Phase {
        #[serde(default)]
        phase: String,
    }
    let status = object.status.as_ref()?;
    serde_json::from_str::<Phase>(status.get()).ok().map(|p| p.phase)
}

pub(crate) fn shutdown(strategy: ShutdownStrategy) -> Shutdown {
    match strategy {
        ShutdownStrategy::Stop => Shutdown::Stop,
        ShutdownStrategy::Terminate => Shutdown::Terminate,
    }
}

/// The template objects that a spec names.
fn references(spec: &WorkflowSpec) -> BTreeSet<TemplateSource> {
    let mut out = BTreeSet::new();
    spec.templates.iter().for_each(|t| of_template(t, &mut out));
    spec.hooks.values().for_each(|h| of_hook(h, &mut out));
    out
}

fn of_template(template: &Template, out: &mut BTreeSet<TemplateSource>) {
    for task in template.dag.iter().flat_map(|d| &d.tasks) {
        note(task.template_ref.as_deref(), out);
        task.inline.iter().for_each(|t| of_template(t, out));
        task.hooks.iter().flat_map(|h| h.values()).for_each(|h| of_hook(h, out));
    }
    for step in template.steps.iter().flatten().flat_map(|g| g.iter()) {
        note(step.template_ref.as_deref(), out);
        step.inline.iter().for_each(|t| of_template(t, out));
        step.hooks.iter().flat_map(|h| h.values()).for_each(|h| of_hook(h, out));
    }
}

fn of_hook(hook: &LifecycleHook, out: &mut BTreeSet<TemplateSource>) {
    note(hook.template_ref.as_ref(), out);
}

fn note(reference: Option<&TemplateRef>, out: &mut BTreeSet<TemplateSource>) {
    if let Some(reference) = reference.filter(|r| !r.name.contains("{{")) {
        out.insert(TemplateSource { cluster: reference.cluster_scope, name: reference.name.as_str().into() });
    }
}

#[cfg(test)]
mod tests {
    use model::{ObjectMeta, Timestamp};

    use super::scheduled_time;

    #[test]
    fn a_run_of_a_schedule_knows_the_moment_that_it_is_for() {
        let mut metadata =
            ObjectMeta { creation_timestamp: Some(Timestamp::from_millis(1_700_000_000_000)), ..ObjectMeta::default() };
        assert_eq!(scheduled_time(&metadata), None);
        metadata.labels.insert(crate::cron::LABEL.to_owned(), "nightly".to_owned());
        assert_eq!(scheduled_time(&metadata).as_deref(), Some("2023-11-14T22:13:20Z"));
        let scheduled = "2023-11-14T02:00:00Z";
        metadata.annotations.insert("workflows.argoproj.io/scheduled-time".to_owned(), scheduled.to_owned());
        assert_eq!(scheduled_time(&metadata).as_deref(), Some(scheduled));
    }
}
