//! Writing objects: what Resources and Workflows have in common.

use std::sync::Arc;

use model::Object;
use proto_gen::v1::{ApplyOutcome, FieldViolation};
use store::StoreError;
use store::objects::{DeleteOptions, Deleted, Key, Precondition};

use crate::document::{self, Draft, revision_of};
use crate::failure::{Failure, Outcome};
use crate::gate::Grant;
use crate::kinds::{KindRef, WORKFLOW};
use crate::patch;

/// What a write made of an object.
pub(crate) struct Written {
    pub(crate) object: Arc<Object>,
    pub(crate) outcome: ApplyOutcome,
    pub(crate) warnings: Vec<FieldViolation>,
}

impl Written {
    pub(crate) fn changed(&self) -> bool {
        self.outcome != ApplyOutcome::Unchanged
    }
}

/// Fills in what the request says about a document: the namespace, which must not contradict it.
pub(crate) fn place(object: &mut Object, kind: &KindRef, asked: &str, default: &str) -> Outcome<()> {
    let namespace = &mut object.metadata.namespace;
    if !kind.namespaced {
        if !namespace.is_empty() {
            return Err(Failure::field("metadata.namespace", format!("a {} has no namespace", kind.kind)));
        }
        return Ok(());
    }
    if !asked.is_empty() && !namespace.is_empty() && asked != namespace {
        return Err(Failure::field("metadata.namespace", format!("is `{namespace}`, but the request says `{asked}`"))
            .hint("leave one of them out"));
    }
    if namespace.is_empty() {
        *namespace = if asked.is_empty() { default } else { asked }.to_owned();
    }
    Ok(())
}

/// Creates. The object has its namespace.
pub(crate) async fn create(grant: &Grant, kind: &KindRef, draft: Draft, dry_run: bool) -> Outcome<Written> {
    document::refuse_redacted(&draft.object)?;
    grant.call().about(|| document::describe(&draft.object));
    let (object, warnings) = grant.admission().create(grant, kind, draft).await?;
    let outcome = ApplyOutcome::Created;
    if dry_run {
        if !object.metadata.name.is_empty() {
            let key = Key::of(&object);
            match grant.objects().get(&key).await {
                Ok(_) => return Err(StoreError::AlreadyExists { what: key.to_string() }.into()),
                Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        return Ok(Written { object: Arc::new(object), outcome, warnings });
    }
    let begun = if *kind == WORKFLOW { grant.control().create(&object).await? } else { None };
    let object = match begun {
        Some(object) => object,
        None => grant.objects().create(object).await?,
    };
    Ok(Written { object, outcome, warnings })
}

/// Replaces an object that is there. The object has its namespace; its `resourceVersion` is a precondition.
pub(crate) async fn update(grant: &Grant, kind: &KindRef, draft: Draft, dry_run: bool) -> Outcome<Written> {
    let object = &draft.object;
    document::refuse_redacted(object)?;
    let key = grant.key(kind, &object.metadata.name)?;
    let expected = match object.metadata.resource_version.as_str() {
        "" => None,
        text => Some(text.parse().map_err(|_| Failure::field("metadata.resourceVersion", "is not a revision"))?),
    };
    change(grant, kind, &key, Precondition { resource_version: expected, uid: None }, dry_run, |_| Ok(draft.clone()))
        .await
}

/// Changes an object by a function of what is there, again if somebody else wrote meanwhile (and no revision is demanded).
pub(crate) async fn change(
    grant: &Grant,
    kind: &KindRef,
    key: &Key,
    precondition: Precondition,
    dry_run: bool,
    make: impl Fn(&Object) -> Outcome<Draft> + Send + Sync,
) -> Outcome<Written> {
    let mut tried = 0;
    loop {
        tried += 1;
        let before = grant.objects().get(key).await?;
        check(key, &before, &precondition)?;
        let mut after = make(&before)?;
        after.object.metadata.uid.clone_from(&before.metadata.uid);
        after.object.status.clone_from(&before.status);
        let (after, warnings) = grant.admission().update(grant, kind, after, &before).await?;
        let seen = revision_of(&before);
        if dry_run {
            let outcome = if same(&before, &after) { ApplyOutcome::Unchanged } else { ApplyOutcome::Configured };
            return Ok(Written { object: Arc::new(after), outcome, warnings });
        }
        let condition = Precondition { resource_version: Some(seen), uid: precondition.uid.clone() };
        match grant.objects().update(after, condition).await {
            Ok(object) => {
                let outcome =
                    if revision_of(&object) == seen { ApplyOutcome::Unchanged } else { ApplyOutcome::Configured };
                return Ok(Written { object, outcome, warnings });
            }
            Err(StoreError::Conflict { .. })
                if precondition.resource_version.is_none() && tried <= grant.limits().conflict_retries_max => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Creates, or brings what is there to what the document says.
pub(crate) async fn apply(
    grant: &Grant,
    kind: &KindRef,
    draft: Draft,
    manager: patch::Manager<'_>,
    dry_run: bool,
) -> Outcome<Written> {
    let object = &draft.object;
    document::refuse_redacted(object)?;
    grant.admission().written(grant, kind, &draft).await?;
    if object.metadata.name.is_empty() {
        if object.metadata.generate_name.is_empty() {
            return Err(Failure::field("metadata.name", "is required"));
        }
        grant.also("create", kind)?;
        return create(grant, kind, draft, dry_run).await;
    }
    let key = grant.key(kind, &object.metadata.name)?;
    let expected = object.metadata.resource_version.parse().ok();
    let mut tried = 0;
    loop {
        tried += 1;
        let precondition = Precondition { resource_version: expected, uid: None };
        let make = |live: &Object| patch::three_way(Some(live), &draft, manager);
        let failure = match change(grant, kind, &key, precondition, dry_run, make).await {
            Err(failure) if failure.detail.code == "NotFound" && tried <= grant.limits().conflict_retries_max => {
                failure
            }
            answer => return answer,
        };
        if expected.is_some() {
            return Err(failure);
        }
        grant.also("create", kind)?;
        let fresh = patch::three_way(None, &draft, manager)?;
        match create(grant, kind, fresh, dry_run).await {
            // Somebody else created it meanwhile.
            Err(failure) if failure.detail.code == "AlreadyExists" && tried <= grant.limits().conflict_retries_max => {}
            answer => return answer,
        }
    }
}

/// Deletes: whether it is gone, and which finalizers hold it.
pub(crate) async fn delete(
    grant: &Grant,
    key: &Key,
    options: DeleteOptions,
    dry_run: bool,
) -> Outcome<(bool, Vec<String>)> {
    if dry_run {
        let object = grant.objects().get(key).await?;
        check(key, &object, &options.precondition)?;
        return Ok((object.metadata.finalizers.is_empty(), object.metadata.finalizers.clone()));
    }
    Ok(match grant.objects().delete(key, options).await? {
        Deleted::Gone(_) => (true, Vec::new()),
        Deleted::Waiting(object) => (false, object.metadata.finalizers.clone()),
    })
}

/// The store's precondition of a request's.
pub(crate) fn precondition(asked: Option<&proto_gen::v1::Precondition>) -> Precondition {
    let Some(asked) = asked else { return Precondition::default() };
    Precondition {
        resource_version: (asked.resource_version != 0).then_some(asked.resource_version),
        uid: (!asked.uid.is_empty()).then(|| asked.uid.clone()),
    }
}

/// The store's propagation of a request's.
pub(crate) fn propagation(asked: proto_gen::v1::Propagation) -> store::objects::Propagation {
    use proto_gen::v1::Propagation as Asked;
    match asked {
        Asked::Background => store::objects::Propagation::Background,
        Asked::Foreground => store::objects::Propagation::Foreground,
        Asked::Orphan => store::objects::Propagation::Orphan,
    }
}

fn check(key: &Key, object: &Object, precondition: &Precondition) -> Outcome<()> {
    let conflict = |expected: String, actual: String| StoreError::Conflict { what: key.to_string(), expected, actual };
    if let Some(expected) = precondition.resource_version {
        let actual = revision_of(object);
        if expected != actual {
            return Err(conflict(expected.to_string(), actual.to_string()).into());
        }
    }
    match &precondition.uid {
        Some(uid) if *uid != object.metadata.uid => Err(conflict(uid.clone(), object.metadata.uid.clone()).into()),
        _ => Ok(()),
    }
}

fn same(before: &Object, after: &Object) -> bool {
    let (was, is) = (&before.metadata, &after.metadata);
    store::codec::same_json(&before.body, &after.body)
        && was.labels == is.labels
        && was.annotations == is.annotations
        && was.owner_references == is.owner_references
        && was.finalizers == is.finalizers
}
