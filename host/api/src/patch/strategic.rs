//! Kubernetes' strategic merge patch, for the kinds of workflows and what they hold.

use serde_json::{Map, Value};

use crate::failure::{Failure, Outcome};

/// By which field the items of a list are the same item. Lists that are not here are replaced.
const MERGE_KEYS: &[(&str, &str)] = &[
    ("templates", "name"),
    ("parameters", "name"),
    ("artifacts", "name"),
    ("tasks", "name"),
    ("containers", "name"),
    ("initContainers", "name"),
    ("sidecars", "name"),
    ("env", "name"),
    ("volumes", "name"),
    ("volumeClaimTemplates", "name"),
    ("volumeMounts", "mountPath"),
    ("volumeDevices", "devicePath"),
    ("ports", "containerPort"),
    ("hostAliases", "ip"),
    ("imagePullSecrets", "name"),
    ("secrets", "name"),
    ("ownerReferences", "uid"),
    ("conditions", "type"),
    ("headers", "name"),
];

/// Lists of plain values that are merged as sets.
const SETS: &[&str] = &["finalizers"];

/// The depth at which a patch is refused.
const DEPTH_MAX: usize = 100;

/// Merges a patch into a value.
pub(super) fn merge(value: &mut Value, patch: Value) -> Outcome<()> {
    merge_value(value, patch, "", 0)
}

fn merge_value(value: &mut Value, patch: Value, name: &str, depth: usize) -> Outcome<()> {
    if depth > DEPTH_MAX {
        return Err(Failure::field("patch", format!("is nested deeper than {DEPTH_MAX}")));
    }
    match patch {
        Value::Object(fields) => merge_object(value, fields, depth),
        Value::Array(items) => merge_list(value, items, name, depth),
        other => {
            *value = other;
            Ok(())
        }
    }
}

fn merge_object(value: &mut Value, mut patch: Map<String, Value>, depth: usize) -> Outcome<()> {
    match patch.remove("$patch").as_ref().map(|directive| directive.as_str().unwrap_or_default()) {
        Some("replace") => {
            *value = Value::Object(patch);
            return Ok(());
        }
        Some("delete") => {
            *value = Value::Null;
            return Ok(());
        }
        Some("merge") | None => {}
        Some(_) => return Err(Failure::field("patch.$patch", "is none of replace, delete, merge")),
    }
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let Some(target) = value.as_object_mut() else { return Ok(()) };
    if let Some(Value::Array(keep)) = patch.remove("$retainKeys") {
        target.retain(|name, _| keep.iter().any(|kept| kept == name));
    }
    for (name, change) in patch {
        if let Some(list) = name.strip_prefix("$deleteFromPrimitiveList/") {
            if let (Some(Value::Array(items)), Value::Array(gone)) = (target.get_mut(list), &change) {
                items.retain(|item| !gone.contains(item));
            }
            continue;
        }
        // Order is a wish that clients send along; items keep the order they have.
        if name.starts_with("$setElementOrder/") {
            continue;
        }
        if change.is_null() {
            target.remove(&name);
            continue;
        }
        let entry = target.entry(name.clone()).or_insert(Value::Null);
        merge_value(entry, change, &name, depth + 1)?;
        if entry.is_null() {
            target.remove(&name);
        }
    }
    Ok(())
}

fn merge_list(value: &mut Value, patch: Vec<Value>, name: &str, depth: usize) -> Outcome<()> {
    let replaces = |item: &Value| {
        item.get("$patch").and_then(Value::as_str) == Some("replace") && item.as_object().is_some_and(|o| o.len() == 1)
    };
    if patch.iter().any(replaces) {
        *value = Value::Array(patch.into_iter().filter(|item| !replaces(item)).collect());
        return Ok(());
    }
    let key = MERGE_KEYS.iter().find(|(list, _)| *list == name).map(|(_, key)| *key);
    let Value::Array(items) = value else {
        *value = Value::Array(Vec::new());
        return if key.is_some() { merge_list(value, patch, name, depth + 1) } else { fill(value, patch) };
    };
    if SETS.contains(&name) {
        for item in patch {
            if !items.contains(&item) {
                items.push(item);
            }
        }
        return Ok(());
    }
    // A list whose items are lists (parallel steps), or that has no merge key, is replaced.
    let Some(key) = key.filter(|key| patch.iter().all(|item| item.get(*key).is_some())) else {
        return fill(value, patch);
    };
    for change in patch {
        let id = change.get(key).cloned();
        let at = items.iter().position(|item| item.get(key) == id.as_ref());
        let deleted = change.get("$patch").and_then(Value::as_str) == Some("delete");
        match at {
            Some(at) if deleted => drop(items.remove(at)),
            None if deleted => {}
            Some(at) => {
                if let Some(item) = items.get_mut(at) {
                    merge_value(item, change, "", depth + 1)?;
                }
            }
            None => {
                let mut item = Value::Object(Map::new());
                merge_value(&mut item, change, "", depth + 1)?;
                items.push(item);
            }
        }
    }
    Ok(())
}

fn fill(value: &mut Value, items: Vec<Value>) -> Outcome<()> {
    *value = Value::Array(items);
    Ok(())
}
