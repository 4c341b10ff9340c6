//! What can be checked and prepared before the transaction, in the caller's thread.

use model::{Object, ObjectMeta};

use crate::objects::{Key, StatusUpdate};
use crate::{Limits, Result, StoreError, codec};

/// A name's longest form (Kubernetes: a DNS subdomain).
const NAME_BYTES_MAX: u64 = 253;
/// `metadata.uid`'s longest form.
const UID_BYTES_MAX: u64 = 128;

/// Prepares an object for creation.
pub fn admit_create(mut object: Object, limits: &Limits) -> Result<Object> {
    let what = describe(&object);
    let meta = &mut object.metadata;
    if !meta.resource_version.is_empty() {
        return Err(StoreError::Invalid {
            what,
            reason: "metadata.resourceVersion is set; an object that is to be created must not have one".to_owned(),
        });
    }
    if meta.name.is_empty() && meta.generate_name.is_empty() {
        return Err(StoreError::Invalid {
            what,
            reason: "metadata.name or metadata.generateName is required".to_owned(),
        });
    }
    meta.deletion_timestamp = None;
    meta.deletion_grace_period_seconds = None;
    object.status = None;
    admit(object, limits)
}

/// Prepares an object for an update.
pub fn admit_update(object: Object, limits: &Limits) -> Result<Object> {
    if object.metadata.name.is_empty() {
        return Err(StoreError::Invalid { what: describe(&object), reason: "metadata.name is required".to_owned() });
    }
    admit(object, limits)
}

/// Prepares a status; `null` is no status.
pub fn admit_status(key: &Key, mut status: StatusUpdate, limits: &Limits) -> Result<StatusUpdate> {
    status.status = codec::compact(status.status);
    let text = status.status.get();
    if !(text.starts_with('{') || text == "null") {
        return Err(StoreError::Invalid {
            what: key.to_string(),
            reason: "the status is not a JSON object".to_owned(),
        });
    }
    Limits::check(|| key.to_string(), "object_bytes_max", limits.object_bytes_max, text.len() as u64)?;
    Ok(status)
}

fn admit(mut object: Object, limits: &Limits) -> Result<Object> {
    let what = describe(&object);
    object.body = codec::compact(object.body);
    let reason = fault(&object);
    if let Some(reason) = reason {
        return Err(StoreError::Invalid { what, reason });
    }
    let describe = || what.clone();
    Limits::check(
        describe,
        "metadata_bytes_max",
        limits.metadata_bytes_max,
        codec::size_of_metadata(&object.metadata),
    )?;
    Limits::check(describe, "object_bytes_max", limits.object_bytes_max, codec::size_of(&object))?;
    Ok(object)
}

fn fault(object: &Object) -> Option<String> {
    let meta = &object.metadata;
    if object.api_version.is_empty() || object.kind.is_empty() {
        return Some("apiVersion and kind are required".to_owned());
    }
    for (field, text, limit) in [
        ("apiVersion", &object.api_version, NAME_BYTES_MAX),
        ("kind", &object.kind, NAME_BYTES_MAX),
        ("metadata.name", &meta.name, NAME_BYTES_MAX),
        ("metadata.generateName", &meta.generate_name, NAME_BYTES_MAX),
        ("metadata.namespace", &meta.namespace, NAME_BYTES_MAX),
        ("metadata.uid", &meta.uid, UID_BYTES_MAX),
    ] {
        if text.len() as u64 > limit {
            return Some(format!("{field} has {} bytes, at most {limit} are allowed", text.len()));
        }
        let separator = |c: char| c.is_control() || c == '%' || (c == '/' && field != "apiVersion");
        if text.contains(separator) || text == "." || text == ".." {
            return Some(format!("{field} {text:?} cannot stand in a path: no '/', no '%', no control characters"));
        }
    }
    if !object.body.get().starts_with('{') {
        return Some("the body is not a JSON object".to_owned());
    }
    reference_fault(meta)
}

fn reference_fault(meta: &ObjectMeta) -> Option<String> {
    for (i, owner) in meta.owner_references.iter().enumerate() {
        let parts = [&owner.api_version, &owner.kind, &owner.name, &owner.uid];
        if parts.iter().any(|p| p.is_empty()) {
            return Some(format!("metadata.ownerReferences[{i}] needs apiVersion, kind, name and uid"));
        }
    }
    if meta.owner_references.iter().filter(|o| o.controller == Some(true)).count() > 1 {
        return Some("metadata.ownerReferences names more than one controller".to_owned());
    }
    if meta.finalizers.iter().any(String::is_empty) {
        return Some("metadata.finalizers has an empty name".to_owned());
    }
    None
}

fn describe(object: &Object) -> String {
    let mut key = Key::of(object);
    if key.name.is_empty() {
        key.name = format!("{}…", object.metadata.generate_name).into();
    }
    key.to_string()
}
