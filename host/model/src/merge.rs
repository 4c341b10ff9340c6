//! Merging JSON documents: strategic merge as Kubernetes does it for the kinds known here, merge patch (RFC 7386), JSON patch (RFC 6902).

use serde_json::{Map, Value};

/// Operations of one JSON patch (`patch_operations_max`).
const OPERATIONS_MAX: usize = 10_000;
/// What the copies of one JSON patch may add (`copied_bytes_max`): forty of them, each of all that is there, would fill any memory.
const COPIED_BYTES_MAX: usize = 64 << 20;
/// Maps and lists inside one another in what a patch makes (`depth_max`): what goes through a document goes down into it, and a stack ends.
pub const DEPTH_MAX: usize = crate::yaml::Limits::DEPTH_CAP;

/// Why a JSON patch was not applied. Nothing of it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The patch is not a list of operations.
    #[error("a JSON patch is a list of operations")]
    NotAList,
    /// There are too many operations.
    #[error("the patch has {0} operations, more than patch_operations_max ({OPERATIONS_MAX})")]
    TooMany(usize),
    /// An operation cannot be done.
    #[error("operation {index}: {reason}")]
    Operation {
        /// Which, from 0.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// The field by which the elements of a list are told apart; `None` for lists that are replaced as a whole.
fn merge_key(kind: &str, field: &str) -> Option<&'static str> {
    Some(match field {
        "templates" | "parameters" | "volumes" | "env" | "containers" | "initContainers" | "sidecars" | "tasks"
        | "imagePullSecrets" | "artifacts" | "headers" => "name",
        "volumeMounts" => "mountPath",
        "volumeDevices" => "devicePath",
        "ports" if kind == "Service" => "port",
        "ports" => "containerPort",
        "hostAliases" => "ip",
        "ownerReferences" => "uid",
        "conditions" => "type",
        _ => return None,
    })
}

/// Lays `patch` over `base`: fields of the patch win, `null` removes, lists whose elements have names are merged by name (new elements behind the
/// others), other lists are replaced. The directive `$patch: delete|replace` in an object does as it says.
pub fn strategic(kind: &str, base: Value, patch: &Value) -> Value {
    match (base, patch) {
        (Value::Object(mut base), Value::Object(patch)) => {
            if patch.get("$patch").and_then(Value::as_str) == Some("replace") {
                let rest = patch.iter().filter(|(k, _)| *k != "$patch").map(|(k, v)| (k.clone(), v.clone()));
                return Value::Object(rest.collect());
            }
            for (field, value) in patch {
                match (value, base.get_mut(field)) {
                    (Value::Null, _) => {
                        base.shift_remove(field);
                    }
                    (Value::Array(items), Some(Value::Array(old))) if merge_key(kind, field).is_some() => {
                        let key = merge_key(kind, field).unwrap_or_default();
                        merge_list(kind, old, items, key);
                    }
                    (_, Some(old)) => *old = strategic(kind, old.take(), value),
                    (_, None) => {
                        base.insert(field.clone(), without_nulls(value));
                    }
                }
            }
            Value::Object(base)
        }
        (_, patch) => without_nulls(patch),
    }
}

fn merge_list(kind: &str, old: &mut Vec<Value>, items: &[Value], key: &str) {
    for item in items {
        let id = item.get(key).filter(|v| !v.is_null());
        let at = id.and_then(|id| old.iter().position(|o| o.get(key) == Some(id)));
        let delete = item.get("$patch").and_then(Value::as_str) == Some("delete");
        match (at, delete) {
            (Some(at), true) => {
                old.remove(at);
            }
            (None, true) => {}
            (Some(at), false) => {
                if let Some(slot) = old.get_mut(at) {
                    *slot = strategic(kind, slot.take(), item);
                }
            }
            (None, false) => old.push(without_nulls(item)),
        }
    }
}

/// A value that is new where it goes: there is nothing that its nulls could remove.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), without_nulls(v)));
            Value::Object(kept.collect())
        }
        other => other.clone(),
    }
}

/// Lays `patch` over `base` as RFC 7386 says: objects are merged, `null` removes, all else replaces.
pub fn merge_patch(base: Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut out = match base {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    for (field, value) in patch {
        if value.is_null() {
            out.shift_remove(field);
        } else {
            let old = out.get_mut(field).map(Value::take).unwrap_or_default();
            out.insert(field.clone(), merge_patch(old, value));
        }
    }
    Value::Object(out)
}

/// Applies the operations of RFC 6902 in order; all of them or none.
pub fn json_patch(base: Value, patch: &Value) -> Result<Value, PatchError> {
    let Value::Array(operations) = patch else { return Err(PatchError::NotAList) };
    if operations.len() > OPERATIONS_MAX {
        return Err(PatchError::TooMany(operations.len()));
    }
    let mut out = base;
    let mut room = COPIED_BYTES_MAX;
    for (index, operation) in operations.iter().enumerate() {
        let done = within_limits(&out, operation, &mut room).and_then(|()| apply(&mut out, operation));
        done.map_err(|reason| PatchError::Operation { index, reason })?;
    }
    Ok(out)
}

/// What an operation puts somewhere is neither too deep there nor, copied, too much.
fn within_limits(target: &Value, operation: &Value, room: &mut usize) -> Result<(), String> {
    let text = |field: &str| operation.get(field).and_then(Value::as_str);
    let copied = text("from").and_then(|from| target.pointer(from));
    if let Some(value) = operation.get("value").or(copied) {
        check_depth(text("path").unwrap_or_default(), value)?;
    }
    if let (Some("copy"), Some(value)) = (text("op"), copied) {
        *room = room
            .checked_sub(size_of(value))
            .ok_or_else(|| format!("copies add more than {COPIED_BYTES_MAX} bytes (copied_bytes_max)"))?;
    }
    Ok(())
}

/// Whether a value may be put at a JSON pointer. Everything stays so shallow that going through it is safe.
pub fn check_depth(path: &str, value: &Value) -> Result<(), String> {
    let depth = path.matches('/').count().saturating_add(depth_of(value));
    if depth > DEPTH_MAX {
        return Err(format!(
            "maps and lists would be {depth} deep inside one another, more than {DEPTH_MAX} (depth_max)"
        ));
    }
    Ok(())
}

fn depth_of(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth_of).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth_of).max().unwrap_or(0),
        _ => 0,
    }
}

/// About how many bytes it takes in JSON.
fn size_of(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(|item| size_of(item) + 1).sum::<usize>() + 2,
        Value::Object(fields) => fields.iter().map(|(name, value)| name.len() + 4 + size_of(value)).sum::<usize>() + 2,
        _ => 8,
    }
}

fn apply(target: &mut Value, operation: &Value) -> Result<(), String> {
    let text = |field: &str| operation.get(field).and_then(Value::as_str);
    let op = text("op").ok_or("op is missing")?;
    let path = text("path").ok_or("path is missing")?;
    let value = || operation.get("value").cloned().ok_or_else(|| format!("{op}: value is missing"));
    let from = || text("from").ok_or_else(|| format!("{op}: from is missing"));
    match op {
        "add" => add(target, path, value()?),
        "remove" => remove(target, path).map(|_| ()),
        "replace" => {
            let value = value()?;
            let slot = target.pointer_mut(path).ok_or_else(|| format!("replace: there is nothing at {path:?}"))?;
            *slot = value;
            Ok(())
        }
        "move" => {
            let from = from()?;
            if path.strip_prefix(from).is_some_and(|rest| rest.starts_with('/')) {
                return Err(format!("move: {from:?} cannot be moved into itself"));
            }
            let value = remove(target, from)?;
            add(target, path, value)
        }
        "copy" => {
            let from = from()?;
            let value = target.pointer(from).cloned().ok_or_else(|| format!("copy: there is nothing at {from:?}"))?;
            add(target, path, value)
        }
        "test" => {
            let wanted = value()?;
            match target.pointer(path) {
                Some(found) if *found == wanted => Ok(()),
                _ => Err(format!("test: the value at {path:?} is another")),
            }
        }
        other => Err(format!("op: {other:?} is none of add, remove, replace, move, copy, test")),
    }
}

/// The parent of what a pointer names, and the last part of the pointer, unescaped.
fn parent<'a>(target: &'a mut Value, path: &str) -> Result<(&'a mut Value, String), String> {
    let (up, last) =
        path.rsplit_once('/').ok_or_else(|| format!("{path:?} is not a JSON pointer: it begins with /"))?;
    let parent = target.pointer_mut(up).ok_or_else(|| format!("there is nothing at {up:?}"))?;
    Ok((parent, last.replace("~1", "/").replace("~0", "~")))
}

fn add(target: &mut Value, path: &str, value: Value) -> Result<(), String> {
    if path.is_empty() {
        *target = value;
        return Ok(());
    }
    match parent(target, path)? {
        (Value::Object(fields), last) => {
            fields.insert(last, value);
            Ok(())
        }
        (Value::Array(items), last) if last == "-" => {
            items.push(value);
            Ok(())
        }
        (Value::Array(items), last) => {
            let at = index(&last, items.len() + 1)?;
            items.insert(at, value);
            Ok(())
        }
        (_, last) => Err(format!("{last:?} cannot be added to a value that is neither object nor list")),
    }
}

fn remove(target: &mut Value, path: &str) -> Result<Value, String> {
    match parent(target, path)? {
        (Value::Object(fields), last) => {
            fields.shift_remove(&last).ok_or_else(|| format!("there is nothing at {path:?}"))
        }
        (Value::Array(items), last) => {
            let at = index(&last, items.len())?;
            Ok(items.remove(at))
        }
        _ => Err(format!("there is nothing at {path:?}")),
    }
}

fn index(text: &str, below: usize) -> Result<usize, String> {
    let plain = text.len() == 1 || !text.starts_with('0');
    let at = text.parse::<usize>().ok().filter(|_| plain && !text.starts_with('+'));
    at.filter(|at| *at < below).ok_or_else(|| format!("{text:?} is no place in a list of {} elements", below))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn strategic_merge() {
        for (base, patch, expect) in [
            (
                json!({"a": 1, "b": 2}),
                json!({"b": 3, "c": {"x": null, "y": 1}}),
                json!({"a": 1, "b": 3, "c": {"y": 1}}),
            ),
            (json!({"a": 1}), json!({"a": null}), json!({})),
            (
                json!({"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}),
                json!({"env": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}, {"name": "A", "$patch": "delete"}]}),
                json!({"env": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}]}),
            ),
            (json!({"args": ["a", "b"]}), json!({"args": ["c"]}), json!({"args": ["c"]})),
            (json!({"m": {"a": 1}}), json!({"m": {"$patch": "replace", "b": 2}}), json!({"m": {"b": 2}})),
        ] {
            assert_eq!(strategic("Workflow", base, &patch), expect);
        }
    }

    #[test]
    fn a_json_patch_neither_digs_nor_grows_without_end() {
        let round = json!([
            {"op": "add", "path": "/b", "value": {"x": null}}, {"op": "move", "from": "/a", "path": "/b/x"}, {"op": "move", "from": "/b", "path": "/a"},
        ]);
        let round = round.as_array().unwrap();
        let dig: Vec<Value> = (0..3_000).flat_map(|_| round.clone()).collect();
        let error = json_patch(json!({"a": {}}), &dig.into()).unwrap_err().to_string();
        assert!(error.contains("depth_max"), "{error}");
        let double: Vec<Value> = (0..40).map(|n| json!({"op": "copy", "from": "", "path": format!("/x{n}")})).collect();
        let error = json_patch(json!({"a": "x".repeat(1000)}), &double.into()).unwrap_err().to_string();
        assert!(error.contains("copied_bytes_max"), "{error}");
    }

    #[test]
    fn merge_patch_as_in_the_appendix_of_its_rfc() {
        for (base, patch, expect) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            assert_eq!(merge_patch(base, &patch), expect);
        }
    }

    #[test]
    fn json_patch_all_or_nothing() {
        let base = json!({"a": [1, 2], "m/n": {"x~y": 1}});
        let good = json!([
            {"op": "add", "path": "/a/1", "value": 9}, {"op": "remove", "path": "/m~1n/x~0y"},
            {"op": "copy", "from": "/a/0", "path": "/b"}, {"op": "test", "path": "/b", "value": 1},
            {"op": "move", "from": "/b", "path": "/a/-"},
        ]);
        assert_eq!(json_patch(base.clone(), &good), Ok(json!({"a": [1, 9, 2, 1], "m/n": {}})));
        for bad in [
            json!([{"op": "add", "path": "/a/7", "value": 1}]),
            json!([{"op": "test", "path": "/a/0", "value": 2}]),
            json!([{"op": "move", "from": "/a", "path": "/a/0"}]),
            json!([{"op": "remove", "path": "/a/01"}]),
            json!({"op": "add"}),
        ] {
            assert!(json_patch(base.clone(), &bad).is_err(), "{bad}");
        }
    }
}
