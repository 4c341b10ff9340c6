//! Writes. Kubernetes replaces what it was shown: each write reads, changes, and puts back on the revision that it read.

use http::Method;
use model::Object;
use serde_json::json;
use store::objects::{DeleteOptions, Deleted, Key, Precondition, Propagation, Revision, StatusUpdate};
use store::{Result, StoreError, codec, semantics};

use crate::Inner;
use crate::wire::{self, JSON, MERGE_PATCH};

impl Inner {
    pub(crate) async fn create(&self, object: Object) -> Result<Object> {
        let object = semantics::admit_create(object, &self.settings.limits)?;
        let key = Key::of(&object);
        let resource = self.resource(&key.gvk).await?;
        let what = match key.name.is_empty() {
            true => Key { name: format!("{}…", object.metadata.generate_name).into(), ..key.clone() }.to_string(),
            false => key.to_string(),
        };
        if resource.namespaced == key.namespace.is_empty() {
            let reason = match resource.namespaced {
                true => "metadata.namespace is required: the kind is namespaced",
                false => "metadata.namespace is set, but the kind is cluster-wide",
            };
            return Err(StoreError::Invalid { what, reason: reason.into() });
        }
        if !key.namespace.is_empty() && !wire::is_segment(&key.namespace) {
            return Err(StoreError::NotFound { what: format!("namespace {}", key.namespace) });
        }
        let body = encode(&what, &object)?;
        self.send_for_object(&what, &resource, Method::POST, resource.collection(&key.namespace), Some((JSON, body)))
            .await
    }

    pub(crate) async fn update(&self, object: Object, precondition: Precondition) -> Result<Object> {
        let new = semantics::admit_update(object, &self.settings.limits)?;
        let key = Key::of(&new);
        let (resource, address) = self.address(&key).await?;
        let what = key.to_string();
        let mut tries = Tries::new(&precondition, self.settings.update_tries_max);
        loop {
            let current = self.get(&key).await?;
            check(&key, &current, &precondition)?;
            if !new.metadata.uid.is_empty() && new.metadata.uid != current.metadata.uid {
                return Err(conflict(&key, "uid", &new.metadata.uid, &current.metadata.uid));
            }
            let (was, is) = (&current.metadata, &new.metadata);
            let same_meta = was.labels == is.labels
                && was.annotations == is.annotations
                && was.finalizers == is.finalizers
                && was.owner_references == is.owner_references;
            if same_meta && codec::same_json(&codec::compact(current.body.clone()), &new.body) {
                return Ok(current);
            }
            let mut next = Object { body: new.body.clone(), ..current };
            next.metadata.labels.clone_from(&is.labels);
            next.metadata.annotations.clone_from(&is.annotations);
            next.metadata.finalizers.clone_from(&is.finalizers);
            next.metadata.owner_references.clone_from(&is.owner_references);
            let body = encode(&what, &next)?;
            let answer = self.send_for_object(&what, &resource, Method::PUT, address.clone(), Some((JSON, body))).await;
            if let Some(answer) = tries.settle(answer) {
                return answer;
            }
        }
    }

    pub(crate) async fn update_status(&self, key: &Key, update: StatusUpdate) -> Result<Object> {
        let update = semantics::admit_status(key, update, &self.settings.limits)?;
        let (resource, address) = self.address(key).await?;
        let what = key.to_string();
        let mut tries = Tries::new(&update.precondition, self.settings.update_tries_max);
        loop {
            let mut current = self.get(key).await?;
            check(key, &current, &update.precondition)?;
            let status = Some(&update.status).filter(|s| s.get() != "null");
            let same_status = match (&current.status, status) {
                (Some(a), Some(b)) => codec::same_json(&codec::compact(a.clone()), b),
                (a, b) => a.is_none() == b.is_none(),
            };
            let marked = marks(&mut current, &update);
            if same_status && !marked {
                return Ok(current);
            }
            let answer = if resource.status_subresource {
                let labelled = if marked { self.mark(&what, key, &current, &update).await } else { Ok(current) };
                match labelled {
                    Ok(labelled) if same_status => Ok(labelled),
                    Ok(labelled) => {
                        let body = encode(&what, &Object { status: status.cloned(), ..labelled })?;
                        let uri = format!("{address}/status");
                        self.send_for_object(&what, &resource, Method::PUT, uri, Some((JSON, body))).await
                    }
                    Err(error) => Err(error),
                }
            } else {
                let body = encode(&what, &Object { status: status.cloned(), ..current })?;
                self.send_for_object(&what, &resource, Method::PUT, address.clone(), Some((JSON, body))).await
            };
            if let Some(answer) = tries.settle(answer) {
                return answer;
            }
        }
    }

    /// Sets labels and annotations on the revision that was read.
    async fn mark(&self, what: &str, key: &Key, current: &Object, update: &StatusUpdate) -> Result<Object> {
        let (resource, address) = self.address(key).await?;
        let map = |changes: &[(String, Option<String>)]| -> serde_json::Map<String, serde_json::Value> {
            changes.iter().map(|(name, value)| (name.clone(), json!(value))).collect()
        };
        let patch = json!({"metadata": {
            "resourceVersion": current.metadata.resource_version,
            "uid": current.metadata.uid,
            "labels": map(&update.labels),
            "annotations": map(&update.annotations),
        }});
        let body = (MERGE_PATCH, patch.to_string().into_bytes());
        self.send_for_object(what, &resource, Method::PATCH, address, Some(body)).await
    }

    pub(crate) async fn delete(&self, key: &Key, options: DeleteOptions) -> Result<Deleted> {
        let (resource, address) = self.address(key).await?;
        let what = key.to_string();
        let mut tries = Tries::new(&options.precondition, self.settings.update_tries_max);
        loop {
            let current = self.get(key).await?;
            check(key, &current, &options.precondition)?;
            let policy = match options.propagation {
                Propagation::Background => "Background",
                Propagation::Foreground => "Foreground",
                Propagation::Orphan => "Orphan",
            };
            // Always of the object that was read: one that took its name meanwhile is not meant. The revision keeps the answer true.
            let body = json!({
                "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": policy,
                "preconditions": {"uid": current.metadata.uid, "resourceVersion": current.metadata.resource_version},
            });
            let body = Some((JSON, body.to_string().into_bytes()));
            let answer = match self.send(&what, Method::DELETE, address.clone(), body).await {
                Ok(text) => self.deleted(&what, &resource.gvk, current, &text),
                Err(error) => Err(error),
            };
            if let Some(answer) = tries.settle(answer) {
                return answer;
            }
        }
    }

    /// The server answers with the object where something holds it (and for some kinds always), else with a status.
    fn deleted(&self, what: &str, gvk: &store::objects::Gvk, current: Object, text: &str) -> Result<Deleted> {
        let answer = wire::object(what, gvk, text)?;
        if answer.kind == "Status" {
            return Ok(Deleted::Gone(current.into()));
        }
        let held = answer.metadata.deletion_timestamp.is_some() && !answer.metadata.finalizers.is_empty();
        Ok(if held { Deleted::Waiting(answer.into()) } else { Deleted::Gone(answer.into()) })
    }
}

/// Applies the labels and annotations of a status update; says whether that changed any.
fn marks(object: &mut Object, update: &StatusUpdate) -> bool {
    let mut changed = false;
    let meta = &mut object.metadata;
    for (map, changes) in [(&mut meta.labels, &update.labels), (&mut meta.annotations, &update.annotations)] {
        for (name, value) in changes {
            changed |= map.get(name) != value.as_ref();
            match value {
                Some(value) => map.insert(name.clone(), value.clone()),
                None => map.remove(name),
            };
        }
    }
    changed
}

fn encode(what: &str, object: &Object) -> Result<Vec<u8>> {
    object
        .to_json()
        .map(String::into_bytes)
        .map_err(|error| StoreError::Invalid { what: what.to_owned(), reason: wire::chain(&error) })
}

/// Checks a precondition on what was read.
fn check(key: &Key, current: &Object, precondition: &Precondition) -> Result<()> {
    let meta = &current.metadata;
    if let Some(uid) = precondition.uid.as_ref().filter(|uid| **uid != meta.uid) {
        return Err(conflict(key, "uid", uid, &meta.uid));
    }
    let seen: Revision = wire::revision(&key.to_string(), &meta.resource_version)?;
    match precondition.resource_version {
        Some(expected) if expected != seen => Err(StoreError::Conflict {
            what: key.to_string(),
            expected: expected.to_string(),
            actual: seen.to_string(),
        }),
        _ => Ok(()),
    }
}

fn conflict(key: &Key, field: &str, expected: &str, actual: &str) -> StoreError {
    StoreError::Conflict {
        what: key.to_string(),
        expected: format!("{field} {expected}"),
        actual: format!("{field} {actual}"),
    }
}

/// Counts the attempts of a write.
struct Tries {
    left: u32,
}

impl Tries {
    /// With a revision as precondition there is one attempt: another writer is the answer.
    fn new(precondition: &Precondition, most: u32) -> Self {
        Self { left: if precondition.resource_version.is_some() { 1 } else { most.max(1) } }
    }

    /// The answer to give, or nothing when it is to be tried again.
    fn settle<T>(&mut self, answer: Result<T>) -> Option<Result<T>> {
        self.left = self.left.saturating_sub(1);
        match answer {
            Err(StoreError::Conflict { .. }) if self.left > 0 => None,
            other => Some(other),
        }
    }
}
