//! The three-way merge of an apply: what this manager applied before, what it applies now, what is there.

use model::Object;
use serde_json::{Map, Value};

use super::{child, from_value, to_value};
use crate::document::{Draft, LAST_APPLIED, is_secret};
use crate::failure::Outcome;

/// A record above this is not kept (bytes): an apply then removes nothing by itself but what stands in a list, as lists are replaced.
const RECORD_BYTES_MAX: usize = 256 << 10;

/// The annotation in which a manager's record is kept; `kubectl`'s own for the empty name.
fn record_name(manager: &str) -> String {
    if manager.is_empty() || manager == "kubectl" {
        return LAST_APPLIED.to_owned();
    }
    let safe: String = manager
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' })
        .take(40)
        .collect();
    format!("colchis.dev/last-applied.{safe}")
}

/// What the object becomes: fields of `wanted` are set; fields that the manager's record has and `wanted` has not are removed; others stay.
/// Lists are replaced. With `live` absent, what is to be created.
pub(crate) fn three_way(live: Option<&Object>, wanted: &Draft, manager: &str) -> Outcome<Draft> {
    let name = record_name(manager);
    let draft = wanted;
    let wanted = &draft.object;
    let mut wanted_value = to_value(wanted)?;
    strip(&mut wanted_value, &name);
    let record = record_of(&wanted_value, is_secret(wanted));
    let Some(live) = live else {
        let mut object = wanted.clone();
        object.status = None;
        object.metadata.annotations.remove(&name);
        if let Some(record) = record {
            object.metadata.annotations.insert(name, record);
        }
        // The record is ours: what is to be checked is what was written.
        return Ok(draft.clone().with(object));
    };
    let before: Value = live
        .metadata
        .annotations
        .get(&name)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_else(|| Value::Object(Map::new()));
    let mut value = to_value(live)?;
    remove_dropped(&mut value, &before, &wanted_value);
    set(&mut value, &wanted_value);
    if let Some(annotations) =
        value.as_object_mut().and_then(|o| child(o, "metadata")).and_then(|m| child(m, "annotations"))
    {
        match record {
            Some(record) => drop(annotations.insert(name, Value::String(record))),
            None => drop(annotations.remove(&name)),
        }
    }
    from_value(live, value)
}

/// Leaves out what is not the caller's to set.
fn strip(value: &mut Value, record: &str) {
    let Some(object) = value.as_object_mut() else { return };
    object.remove("status");
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        for name in [
            "uid",
            "resourceVersion",
            "generation",
            "creationTimestamp",
            "deletionTimestamp",
            "generateName",
            "selfLink",
            "managedFields",
        ] {
            metadata.remove(name);
        }
        if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
            annotations.remove(record);
        }
    }
}

fn record_of(wanted: &Value, secret: bool) -> Option<String> {
    let mut record = wanted.clone();
    if secret {
        // Only which keys were set matters for removing them later.
        for part in ["data", "stringData"] {
            if let Some(Value::Object(values)) = record.get_mut(part) {
                values.values_mut().for_each(|value| *value = Value::Bool(true));
            }
        }
        // What comes as text is stored as data.
        if let Some(fields) = record.as_object_mut()
            && let Some(Value::Object(texts)) = fields.shift_remove("stringData")
            && let Some(data) = child(fields, "data")
        {
            data.extend(texts);
        }
    }
    let text = serde_json::to_string(&record).ok()?;
    (text.len() <= RECORD_BYTES_MAX).then_some(text)
}

/// Removes what the record has and the new document has not.
fn remove_dropped(live: &mut Value, record: &Value, wanted: &Value) {
    let (Some(live), Some(record)) = (live.as_object_mut(), record.as_object()) else { return };
    for (name, was) in record {
        match wanted.get(name) {
            None | Some(Value::Null) => drop(live.shift_remove(name)),
            Some(is) => {
                if let (Some(there), true, true) = (live.get_mut(name), was.is_object(), is.is_object()) {
                    remove_dropped(there, was, is);
                }
            }
        }
    }
}

fn set(live: &mut Value, wanted: &Value) {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => {
            for (name, value) in wanted {
                if value.is_null() {
                    live.shift_remove(name);
                } else {
                    set(live.entry(name.clone()).or_insert(Value::Null), value);
                }
            }
        }
        (live, wanted) => live.clone_from(wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Limits;

    fn object(value: Value) -> Draft {
        Draft::parse(value.to_string().into(), &Limits::default()).unwrap()
    }

    fn map(data: Value, metadata: Value) -> Draft {
        let mut value = serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "n"}, "data": data});
        json_patch::merge(&mut value["metadata"], &metadata);
        object(value)
    }

    fn data(applied: &Draft) -> Value {
        applied.object.to_value().unwrap()["data"].clone()
    }

    #[test]
    fn what_a_manager_no_longer_says_goes_and_what_others_set_stays() {
        let first = three_way(None, &map(serde_json::json!({"a": "1", "b": "2"}), Value::Null), "").unwrap();
        let mut live = first.object;
        live.body =
            crate::document::raw(&serde_json::json!({"data": {"a": "9", "b": "2", "c": "by hand"}})).unwrap().into();
        let second = three_way(Some(&live), &map(serde_json::json!({"a": "1"}), Value::Null), "").unwrap();
        assert_eq!(data(&second), serde_json::json!({"a": "1", "c": "by hand"}));
    }

    #[test]
    fn managers_do_not_remove_each_others_fields() {
        let first = three_way(None, &map(serde_json::json!({"a": "1"}), Value::Null), "one").unwrap();
        let second = three_way(Some(&first.object), &map(serde_json::json!({"b": "2"}), Value::Null), "two").unwrap();
        assert_eq!(data(&second), serde_json::json!({"a": "1", "b": "2"}));
        let third = three_way(Some(&second.object), &map(serde_json::json!({}), Value::Null), "one").unwrap();
        assert_eq!(data(&third), serde_json::json!({"b": "2"}));
    }

    #[test]
    fn labels_and_annotations_are_merged_likewise() {
        let first =
            three_way(None, &map(serde_json::json!({}), serde_json::json!({"labels": {"x": "1", "y": "1"}})), "")
                .unwrap();
        let second =
            three_way(Some(&first.object), &map(serde_json::json!({}), serde_json::json!({"labels": {"y": "2"}})), "")
                .unwrap();
        assert_eq!(second.object.metadata.labels.into_iter().collect::<Vec<_>>(), [("y".to_owned(), "2".to_owned())]);
    }

    #[test]
    fn applying_the_same_twice_changes_nothing() {
        let wanted = map(serde_json::json!({"a": "1"}), serde_json::json!({"labels": {"x": "1"}}));
        let first = three_way(None, &wanted, "").unwrap().object;
        assert_eq!(three_way(Some(&first), &wanted, "").unwrap().object, first);
    }

    #[test]
    fn a_secrets_record_has_no_values() {
        let secret = object(serde_json::json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"k": "dG9w"}, "stringData": {"s": "top"}
        }));
        let record = three_way(None, &secret, "").unwrap().object.metadata.annotations.remove(LAST_APPLIED).unwrap();
        assert!(
            !record.contains("dG9w") && !record.contains("top") && record.contains("\"k\"") && record.contains("\"s\""),
            "{record}"
        );
    }

    #[test]
    fn a_large_record_is_not_kept() {
        let big = map(serde_json::json!({"a": "x".repeat(RECORD_BYTES_MAX)}), Value::Null);
        assert!(three_way(None, &big, "").unwrap().object.metadata.annotations.is_empty());
    }
}
