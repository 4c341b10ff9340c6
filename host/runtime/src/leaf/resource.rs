//! The `resource` template: an action on an object of this server, and waiting for its conditions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine_workflow::{LeafStart, Outputs};
use expr::selector::ResourceCondition;
use futures::StreamExt;
use model::meta::KindInfo;
use model::workflow::{ResourceAction, ResourceTemplate};
use model::{Object, OwnerReference};
use serde_json::Value;
use store::StoreError;
use store::objects::{DeleteOptions, Gvk, Key, ListQuery, Objects, Precondition, Selector, WatchEvent};
use tokio::sync::OwnedSemaphorePermit;

use super::flags::Flags;
use super::{Failure, RunFacts, manifest, outputs};
use crate::workflows::{ARGO, Workflows, key};

/// How often a write that lost a race is tried again.
const TRIES: usize = 10;
/// How long a watch that ended is left alone before it is begun again.
const AGAIN: Duration = Duration::from_millis(200);

/// The annotation that says which step made an object, so that a step which is performed again after a restart finds its own.
const MADE_BY: &str = "colchis.dev/made-by-step";
/// The annotation that says which steps patched an object, set in the same write: a step which is performed again finds that it did.
const PATCHED_BY: &str = "colchis.dev/patched-by-steps";
/// So many of them are remembered, the last ones; as many steps may wait on one object after they patched it.
const PATCHED_BY_MAX: usize = 32;

/// Does it. What the tool that Argo runs for it would refuse (a kind that is not there, a manifest that cannot be read) is a failure and no error, so
/// that `continueOn.failed` and retries cover it.
pub(super) async fn run(
    workflows: &Workflows,
    run: &RunFacts,
    start: &LeafStart,
    resource: &ResourceTemplate,
    slot: OwnedSemaphorePermit,
) -> Result<Outputs, Failure> {
    let action = resource
        .action
        .ok_or_else(|| Failure::error("resource.action: get, create, apply, patch, replace or delete is needed"))?;
    let flags = Flags::parse(&resource.flags).map_err(|e| Failure::error(format!("resource.flags: {e}")))?;
    let kind = match &flags.kind {
        Some(word) => Some(kind_called(workflows, word).await?),
        None => None,
    };
    let (at, value) = match (kind, &flags.name) {
        (Some(kind), Some(name)) => {
            let namespace = if kind.namespaced { &*run.namespace } else { "" };
            // What there is of a manifest is what the object is patched with.
            let value = manifest::read(workflows, run, start, resource).await?.unwrap_or(Value::Null);
            (key(&kind.api_version, &kind.kind, namespace, name), value)
        }
        (Some(kind), None) if action == ResourceAction::Delete => {
            delete_selected(workflows, run, &kind, &flags).await?;
            return Ok(Outputs::default());
        }
        _ => {
            let value = manifest::read(workflows, run, start, resource).await?;
            let mut value = value.ok_or_else(|| Failure::failed("resource.manifest: an object is needed"))?;
            complete(&mut value, run, resource)?;
            if action == ResourceAction::Create {
                make_ours(&mut value, run, start);
            }
            (target(workflows, &value).await?, value)
        }
    };
    let object = match action {
        ResourceAction::Get => patiently(|| workflows.objects.get(&at)).await?,
        ResourceAction::Create => create(workflows, &at, value).await?,
        ResourceAction::Apply => apply(workflows, &at, value).await?,
        ResourceAction::Replace => {
            let object = decode(value)?;
            patiently(|| workflows.objects.update(object.clone(), Precondition::default())).await?
        }
        ResourceAction::Patch => {
            let strategy = resource.merge_strategy.as_deref().filter(|s| !s.is_empty()).unwrap_or("strategic");
            let patched = |old| patched(strategy, &at.gvk.kind, old, &value);
            change(workflows, &at, Some(&maker(run, start)), patched).await?
        }
        ResourceAction::Delete => {
            delete(workflows, run, &at, &flags).await?;
            return Ok(Outputs::default());
        }
    };
    // Waiting is no work: what is waited for may be a run whose own steps need a place.
    drop(slot);
    let object = wait(workflows, resource, &at, object).await?;
    let text = object.to_json().map_err(|e| Failure::error(e.to_string()))?;
    outputs::of_object(workflows, &start.template, &text).await
}

/// What a step waits for once it has acted.
pub(super) fn waits_for(resource: &ResourceTemplate) -> Option<String> {
    let given = |text: &Option<String>| text.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
    match (given(&resource.success_condition), given(&resource.failure_condition)) {
        (None, None) => None,
        (Some(success), _) => Some(format!("Waiting for the object: {success}")),
        (None, Some(failure)) => Some(format!("Waiting for the object; it fails when {failure}")),
    }
}

/// Fills in the namespace and, if asked for, the owner.
fn complete(value: &mut Value, run: &RunFacts, resource: &ResourceTemplate) -> Result<(), Failure> {
    let Some(object) = value.as_object_mut() else {
        return Err(Failure::failed("resource.manifest: an object is needed"));
    };
    let metadata = object.entry("metadata").or_insert_with(|| Value::Object(serde_json::Map::new()));
    let Some(metadata) = metadata.as_object_mut() else {
        return Err(Failure::failed("resource.manifest: metadata is no object"));
    };
    let own = metadata.get("namespace").and_then(Value::as_str).filter(|n| !n.is_empty());
    match own {
        Some(other) if other != &*run.namespace => {
            return Err(Failure::failed(format!(
                "resource.manifest: metadata.namespace: a run in {:?} acts on objects of its own namespace, not of {other:?}",
                run.namespace
            )));
        }
        _ => {
            metadata.insert("namespace".to_owned(), Value::String(run.namespace.to_string()));
        }
    }
    if resource.set_owner_reference {
        let owner = OwnerReference {
            api_version: ARGO.to_owned(),
            kind: "Workflow".to_owned(),
            name: run.name.to_string(),
            uid: run.uid.to_string(),
            controller: Some(true),
            block_owner_deletion: None,
        };
        let owner = serde_json::to_value([owner]).map_err(|e| Failure::failed(e.to_string()))?;
        metadata.insert("ownerReferences".to_owned(), owner);
    }
    Ok(())
}

/// Marks an object as made by this step, and gives it the name that this step would give it again.
fn make_ours(value: &mut Value, run: &RunFacts, start: &LeafStart) {
    let Some(metadata) = value.pointer_mut("/metadata").and_then(Value::as_object_mut) else { return };
    let named = metadata.get("name").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
    if let (false, Some(beginning)) = (named, metadata.get("generateName").and_then(Value::as_str)) {
        let of_run = run.uid.split('-').next().unwrap_or_default();
        let name = format!("{beginning}{of_run}-{}", start.node);
        metadata.insert("name".to_owned(), Value::String(name));
    }
    let annotations = metadata.entry("annotations").or_insert_with(|| Value::Object(serde_json::Map::new()));
    if let Some(annotations) = annotations.as_object_mut() {
        annotations.insert(MADE_BY.to_owned(), Value::String(maker(run, start)));
    }
}

fn maker(run: &RunFacts, start: &LeafStart) -> String {
    format!("{}/{}", run.uid, start.node)
}

/// Which object is meant. Only kinds that this server has may be acted on: its own, and those that a CustomResourceDefinition names.
async fn target(workflows: &Workflows, value: &Value) -> Result<Key, Failure> {
    let field = |path: &str| value.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (field("/apiVersion"), field("/kind"));
    let namespaced = match model::meta::find_kind(api_version, kind) {
        Some(info) => info.namespaced,
        None => {
            let custom = workflows.custom_kinds().await.map_err(|e| store_failure(&e))?;
            let named = custom.iter().find(|info| info.api_version == api_version && info.kind == kind);
            named.map(|info| info.namespaced).ok_or_else(|| {
                Failure::failed(format!(
                    "resource.manifest: this server has no kind {kind:?} of {api_version:?}; apply a CustomResourceDefinition that names it"
                ))
            })?
        }
    };
    let namespace = if namespaced { field("/metadata/namespace") } else { "" };
    Ok(key(api_version, kind, namespace, field("/metadata/name")))
}

/// The kind that a flag calls `widget`, `widgets.example.com` or `widgets.v1.example.com`: one of this server's own, or of those that
/// CustomResourceDefinitions name. Of several versions the first that its definition serves is meant.
async fn kind_called(workflows: &Workflows, word: &str) -> Result<KindInfo, Failure> {
    if let Some(info) = model::meta::find_resource(word) {
        return Ok(info.clone());
    }
    let (name, rest) = word.split_once('.').map_or((word, None), |(name, rest)| (name, Some(rest)));
    let of = |info: &KindInfo, rest: &str| {
        rest.eq_ignore_ascii_case(info.group())
            || rest.split_once('.').is_some_and(|(version, group)| version == info.version() && group == info.group())
    };
    let custom = workflows.custom_kinds().await.map_err(|e| store_failure(&e))?;
    let found = custom.iter().find(|info| info.is_called(name) && rest.is_none_or(|rest| of(info, rest)));
    found.cloned().ok_or_else(|| {
        let known = model::meta::kinds().iter().chain(&custom).map(|info| &*info.plural);
        let hint = model::violation::did_you_mean(word, known)
            .unwrap_or_else(|| "apply a CustomResourceDefinition that names it".to_owned());
        Failure::failed(format!("resource.flags: this server has no kind called {word:?}; {hint}"))
    })
}

fn decode(value: Value) -> Result<Object, Failure> {
    Object::from_value(value).map_err(|e| Failure::error(format!("resource.manifest: {e}")))
}

/// Asks again while the store cannot answer. What is asked for must be harmless when it was done and only its answer was lost.
async fn patiently<T, F>(ask: impl Fn() -> F) -> Result<T, Failure>
where
    F: Future<Output = store::Result<T>>,
{
    for _ in 1..TRIES {
        match ask().await {
            Err(StoreError::Unavailable { .. }) => tokio::time::sleep(AGAIN).await,
            answer => return answer.map_err(|e| store_failure(&e)),
        }
    }
    ask().await.map_err(|e| store_failure(&e))
}

async fn create(workflows: &Workflows, at: &Key, value: Value) -> Result<Arc<Object>, Failure> {
    let objects = &workflows.objects;
    let object = decode(value)?;
    let maker = object.metadata.annotations.get(MADE_BY).cloned();
    patiently(|| async {
        match objects.create(object.clone()).await {
            // This step made it, before the server's last start.
            Err(StoreError::AlreadyExists { .. }) if made_by(objects.as_ref(), at, maker.as_deref()).await? => {
                objects.get(at).await
            }
            other => other,
        }
    })
    .await
}

async fn apply(workflows: &Workflows, at: &Key, value: Value) -> Result<Arc<Object>, Failure> {
    let there = patiently(|| async {
        match workflows.objects.get(at).await {
            Ok(_) => Ok(true),
            Err(StoreError::NotFound { .. }) => Ok(false),
            Err(problem) => Err(problem),
        }
    });
    if there.await? {
        return change(workflows, at, None, |old| Ok(model::merge::strategic(&at.gvk.kind, old, &value))).await;
    }
    create(workflows, at, value).await
}

/// Deletes an object. One that is gone when the step is performed again was deleted by it, before the server's last start.
async fn delete(workflows: &Workflows, run: &RunFacts, at: &Key, flags: &Flags) -> Result<(), Failure> {
    let tried = AtomicBool::new(run.again);
    patiently(|| async {
        let again = tried.swap(true, Ordering::Relaxed);
        match workflows.objects.delete(at, DeleteOptions::default()).await {
            Ok(_) => Ok(()),
            Err(StoreError::NotFound { .. }) if flags.ignore_not_found || again => Ok(()),
            Err(problem) => Err(problem),
        }
    })
    .await
}

/// Deletes all objects of a kind in the run's namespace that have the labels.
async fn delete_selected(workflows: &Workflows, run: &RunFacts, kind: &KindInfo, flags: &Flags) -> Result<(), Failure> {
    let Some(labels) = &flags.selector else {
        return Err(Failure::error("resource.flags: a name or --selector is needed to delete objects"));
    };
    let namespace = if kind.namespaced { &*run.namespace } else { "" };
    let mut token = None;
    loop {
        let selector = Selector {
            gvk: Some(Gvk::new(&*kind.api_version, &*kind.kind)),
            namespace: kind.namespaced.then(|| namespace.into()),
            ..Selector::default()
        };
        let query = ListQuery { selector, continue_token: token, without_body: true, ..ListQuery::default() };
        let page = patiently(|| workflows.objects.list(&query)).await?;
        for object in &page.items {
            let metadata = &object.metadata;
            if !labels.matches(|key| metadata.labels.get(key).map(String::as_str)) {
                continue;
            }
            let at = key(&kind.api_version, &kind.kind, namespace, &metadata.name);
            patiently(|| async {
                match workflows.objects.delete(&at, DeleteOptions::default()).await {
                    Ok(_) | Err(StoreError::NotFound { .. }) => Ok(()),
                    Err(problem) => Err(problem),
                }
            })
            .await?;
        }
        token = page.continue_token;
        if token.is_none() {
            return Ok(());
        }
    }
}

async fn made_by(objects: &dyn Objects, at: &Key, maker: Option<&str>) -> store::Result<bool> {
    let Some(maker) = maker else { return Ok(false) };
    let there = objects.get(at).await?;
    Ok(there.metadata.annotations.get(MADE_BY).is_some_and(|by| by == maker))
}

fn patched(strategy: &str, kind: &str, old: Value, patch: &Value) -> Result<Value, String> {
    match strategy {
        "strategic" => Ok(model::merge::strategic(kind, old, patch)),
        "merge" => Ok(model::merge::merge_patch(old, patch)),
        "json" => model::merge::json_patch(old, patch).map_err(|e| e.to_string()),
        other => Err(format!("resource.mergeStrategy: {other:?} is none of strategic, merge, json")),
    }
}

/// Changes an object as it is now; again when somebody else was faster, or when the store could not answer. With a `mark`, which is left on the object
/// in the same write, it is changed once however often this is called: not every change may be made twice, and by then others may have changed it further.
async fn change(
    workflows: &Workflows,
    at: &Key,
    mark: Option<&str>,
    change: impl Fn(Value) -> Result<Value, String>,
) -> Result<Arc<Object>, Failure> {
    for _ in 0..TRIES {
        let old = patiently(|| workflows.objects.get(at)).await?;
        let marks = old.metadata.annotations.get(PATCHED_BY).map(String::as_str).unwrap_or_default();
        if mark.is_some_and(|mark| marks.split(' ').any(|m| m == mark)) {
            return Ok(old);
        }
        let revision = old.metadata.resource_version.parse().ok();
        let value = old.to_value().map_err(|e| Failure::error(e.to_string()))?;
        let mut object = decode(change(value).map_err(Failure::error)?)?;
        if let Some(mark) = mark {
            object.metadata.annotations.insert(PATCHED_BY.to_owned(), with_mark(marks, mark));
        }
        let precondition = Precondition { resource_version: revision, ..Precondition::default() };
        match workflows.objects.update(object, precondition).await {
            Ok(object) => return Ok(object),
            Err(StoreError::Conflict { .. }) => {}
            Err(StoreError::Unavailable { .. }) => tokio::time::sleep(AGAIN).await,
            Err(problem) => return Err(store_failure(&problem)),
        }
    }
    Err(Failure::error("others change the object all the time, or the store does not answer").transient(true))
}

/// The marks with one more, and no more than are remembered.
fn with_mark(marks: &str, mark: &str) -> String {
    let mut marks: Vec<&str> = marks.split(' ').filter(|m| !m.is_empty()).chain([mark]).collect();
    marks.drain(..marks.len().saturating_sub(PATCHED_BY_MAX));
    marks.join(" ")
}

fn store_failure(problem: &StoreError) -> Failure {
    Failure::failed(format!("resource: {problem}")).transient(matches!(problem, StoreError::Unavailable { .. }))
}

/// Waits until a condition holds. Without conditions there is nothing to wait for.
async fn wait(
    workflows: &Workflows,
    resource: &ResourceTemplate,
    at: &Key,
    object: Arc<Object>,
) -> Result<Arc<Object>, Failure> {
    let parse = |field: &str, text: &Option<String>| match text.as_deref().filter(|t| !t.trim().is_empty()) {
        Some(text) => {
            ResourceCondition::parse(text).map(Some).map_err(|e| Failure::error(format!("resource.{field}: {e}")))
        }
        None => Ok(None),
    };
    let success = parse("successCondition", &resource.success_condition)?;
    let failure = parse("failureCondition", &resource.failure_condition)?;
    if success.is_none() && failure.is_none() {
        return Ok(object);
    }
    let selector = Selector {
        gvk: Some(at.gvk.clone()),
        namespace: (!at.namespace.is_empty()).then(|| at.namespace.clone()),
        name: Some(object.metadata.name.as_str().into()),
        ..Selector::default()
    };
    loop {
        let mut events = patiently(|| workflows.objects.watch(&selector, None)).await?;
        while let Some(Ok(event)) = events.next().await {
            let seen = match event {
                WatchEvent::Added(seen) | WatchEvent::Modified(seen) => seen,
                WatchEvent::Deleted(_) => {
                    return Err(Failure::failed(format!(
                        "resource: {} was deleted while it was waited for",
                        object.metadata.name
                    )));
                }
                WatchEvent::Bookmark(_) => continue,
            };
            let value = seen.to_value().map_err(|e| Failure::error(e.to_string()))?;
            if let Some(failure) = &failure
                && failure.matches(&value)
            {
                let condition = resource.failure_condition.as_deref().unwrap_or_default();
                return Err(Failure::failed(format!("resource: failureCondition {condition:?} holds")));
            }
            if success.as_ref().is_none_or(|success| success.matches(&value)) {
                return Ok(seen);
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_bounded_and_the_last_stay() {
        assert_eq!(with_mark("", "a/1"), "a/1");
        let all = (0..100).fold(String::new(), |marks, n| with_mark(&marks, &format!("a/{n}")));
        let all: Vec<&str> = all.split(' ').collect();
        assert_eq!((all.len(), all.first(), all.last()), (PATCHED_BY_MAX, Some(&"a/68"), Some(&"a/99")));
    }
}
