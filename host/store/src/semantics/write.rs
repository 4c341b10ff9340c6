//! Create, update, update of the status.

use std::sync::Arc;

use model::{Object, Timestamp};

use super::collect::after_references;
use super::delete::gone;
use super::{Row, Table, check, present};
use crate::objects::{Key, Precondition, Stamp, StatusUpdate};
use crate::{Limits, Result, StoreError, codec};

/// `generateName` is cut to this, so that the whole name is a DNS label.
const GENERATE_NAME_BYTES_MAX: usize = 58;

/// Creates what [`super::admit_create`] let through.
pub fn create<T: Table>(
    table: &mut T,
    new: &Object,
    stamp: &dyn Stamp,
    limits: &Limits,
) -> Result<Arc<Object>, T::Error> {
    let mut object = new.clone();
    if object.metadata.name.is_empty() {
        object.metadata.name = free_name(table, &object, stamp, limits)?;
    }
    let meta = &mut object.metadata;
    if meta.uid.is_empty() {
        meta.uid = stamp.uid();
    }
    meta.creation_timestamp = Some(Timestamp::from_millis(stamp.now_ms()));
    create_stamped(table, object)
}

/// Creates an object that has its name, uid and creation time.
pub fn create_stamped<T: Table>(table: &mut T, mut object: Object) -> Result<Arc<Object>, T::Error> {
    let key = Key::of(&object);
    if let Some(there) = table.get(&key)? {
        let deleting = there.object().metadata.deletion_timestamp.is_some();
        let what = if deleting { format!("{key} (which is being deleted)") } else { key.to_string() };
        return Err(StoreError::AlreadyExists { what }.into());
    }
    object.metadata.generation = 1;
    let row = table.put(None, object, "".into())?;
    after_references(table, &row)?;
    Ok(row.object().clone())
}

/// A name of `generateName`: as much of the prefix as leaves room for the suffix.
pub fn generated_name(prefix: &str, suffix: &str) -> String {
    let end = prefix.floor_char_boundary(GENERATE_NAME_BYTES_MAX.min(prefix.len()));
    format!("{}{suffix}", prefix.split_at(end).0)
}

fn free_name<T: Table>(table: &mut T, object: &Object, stamp: &dyn Stamp, limits: &Limits) -> Result<String, T::Error> {
    let mut key = Key::of(object);
    for _ in 0..limits.generate_name_tries_max {
        let name = generated_name(&object.metadata.generate_name, &stamp.name_suffix());
        key.name = name.as_str().into();
        if table.get(&key)?.is_none() {
            return Ok(name);
        }
    }
    Err(StoreError::AlreadyExists {
        what: format!(
            "{key} (and {} more names tried for generateName)",
            limits.generate_name_tries_max.saturating_sub(1)
        ),
    }
    .into())
}

/// Replaces metadata and body by what [`super::admit_update`] let through.
pub fn update<T: Table>(
    table: &mut T,
    new: &Object,
    precondition: &Precondition,
    limits: &Limits,
) -> Result<Arc<Object>, T::Error> {
    let key = Key::of(new);
    let row = present(table, &key)?;
    let old = row.object();
    check(&key, old, precondition)?;
    if !new.metadata.uid.is_empty() {
        check(&key, old, &Precondition { uid: Some(new.metadata.uid.clone()), resource_version: None })?;
    }
    let same_body = codec::same_json(&old.body, &new.body);
    let (was, is) = (&old.metadata, &new.metadata);
    let same_references = was.owner_references == is.owner_references;
    if same_body
        && same_references
        && was.labels == is.labels
        && was.annotations == is.annotations
        && was.finalizers == is.finalizers
    {
        return Ok(old.clone());
    }
    if was.deletion_timestamp.is_some()
        && let Some(added) = is.finalizers.iter().find(|f| !was.finalizers.contains(f))
    {
        return Err(StoreError::Invalid {
            what: key.to_string(),
            reason: format!("it is being deleted: the finalizer {added} can no longer be added"),
        }
        .into());
    }
    let mut object = Object {
        api_version: old.api_version.clone(),
        kind: old.kind.clone(),
        metadata: was.clone(),
        body: if same_body { old.body.clone() } else { new.body.clone() },
        status: old.status.clone(),
    };
    let meta = &mut object.metadata;
    meta.labels.clone_from(&is.labels);
    meta.annotations.clone_from(&is.annotations);
    meta.finalizers.clone_from(&is.finalizers);
    meta.owner_references.clone_from(&is.owner_references);
    if !same_body {
        meta.generation = was.generation.saturating_add(1);
    }
    Limits::check(|| key.to_string(), "object_bytes_max", limits.object_bytes_max, codec::size_of(&object))?;
    if was.deletion_timestamp.is_some() && object.metadata.finalizers.is_empty() {
        return gone(table, &row, object);
    }
    let now = table.put(Some(&row), object, row.phase().clone())?;
    if !same_references {
        after_references(table, &now)?;
        super::collect::after_release(table, &row)?;
    }
    Ok(now.object().clone())
}

/// Replaces the status by what [`super::admit_status`] let through; `phase` is its phase.
pub fn update_status<T: Table>(
    table: &mut T,
    key: &Key,
    update: &StatusUpdate,
    phase: &Arc<str>,
    limits: &Limits,
) -> Result<Arc<Object>, T::Error> {
    let row = present(table, key)?;
    let old = row.object();
    check(key, old, &update.precondition)?;
    let status = Some(&update.status).filter(|s| s.get() != "null");
    let same_status = match (&old.status, status) {
        (Some(a), Some(b)) => codec::same_json(a, b),
        (a, b) => a.is_none() == b.is_none(),
    };
    let changed = |map: &model::meta::StringMap, changes: &[(String, Option<String>)]| {
        changes.iter().any(|(k, v)| map.get(k) != v.as_ref())
    };
    let relabelled = changed(&old.metadata.labels, &update.labels);
    let annotated = changed(&old.metadata.annotations, &update.annotations);
    if same_status && !relabelled && !annotated {
        return Ok(old.clone());
    }
    let mut object = Object {
        api_version: old.api_version.clone(),
        kind: old.kind.clone(),
        metadata: old.metadata.clone(),
        body: old.body.clone(),
        status: if same_status { old.status.clone() } else { status.cloned() },
    };
    for (map, changes) in
        [(&mut object.metadata.labels, &update.labels), (&mut object.metadata.annotations, &update.annotations)]
    {
        for (name, value) in changes {
            match value {
                Some(value) => map.insert(name.clone(), value.clone()),
                None => map.remove(name),
            };
        }
    }
    let describe = || key.to_string();
    Limits::check(
        describe,
        "metadata_bytes_max",
        limits.metadata_bytes_max,
        codec::size_of_metadata(&object.metadata),
    )?;
    Limits::check(describe, "object_bytes_max", limits.object_bytes_max, codec::size_of(&object))?;
    let phase = if same_status { row.phase().clone() } else { phase.clone() };
    Ok(table.put(Some(&row), object, phase)?.object().clone())
}
