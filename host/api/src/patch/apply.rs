//! The three-way merge of an apply: what this manager applied before, what it applies now, what is there.

use model::Object;
use serde_json::{Map, Value};

use super::owners::{self, Others, record_name};
use super::{child, from_value, to_value};
use crate::document::{Draft, is_secret};
use crate::failure::Outcome;

/// A record above this is not kept (bytes): an apply then removes nothing by itself but what stands in a list, as lists are replaced.
const RECORD_BYTES_MAX: usize = 256 << 10;

/// On whose behalf an object is applied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manager<'a> {
    /// Its name; empty is `kubectl`.
    pub(crate) name: &'a str,
    /// Fields that other managers applied are taken over.
    pub(crate) force: bool,
}

/// What the object becomes: fields of `wanted` are set; fields that the manager's record has and `wanted` has not are removed; others stay.
/// Lists are replaced. With `live` absent, what is to be created.
pub(crate) fn three_way(live: Option<&Object>, wanted: &Draft, manager: Manager<'_>) -> Outcome<Draft> {
    let name = record_name(manager.name);
    let draft = wanted;
    let wanted = &draft.object;
    let mut wanted_value = to_value(wanted)?;
    strip(&mut wanted_value);
    let record = record_of(&wanted_value, is_secret(wanted));
    let Some(live) = live else {
        let mut object = wanted.clone();
        object.status = None;
        object.metadata.annotations.retain(|name, _| owners::manager_of(name).is_none());
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
    let others = Others::of(&live.metadata.annotations, &name, is_secret(wanted));
    let subject = format!("{} {}", live.kind.to_lowercase(), live.metadata.name);
    others.yield_to(&mut value, &wanted_value, manager.name, &subject, manager.force)?;
    remove_dropped(&mut value, &before, &wanted_value, &others, &mut Vec::new());
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
fn strip(value: &mut Value) {
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
            owners::strip_records(annotations);
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

/// Removes what the record has and neither the new document nor another manager has.
fn remove_dropped(live: &mut Value, record: &Value, wanted: &Value, others: &Others, path: &mut Vec<String>) {
    let (Some(live), Some(record)) = (live.as_object_mut(), record.as_object()) else { return };
    for (name, was) in record {
        path.push(name.clone());
        match wanted.get(name) {
            None | Some(Value::Null) if others.has(path) => {
                // Of a part that another manager has too, what it has stays.
                if let (Some(there), true) = (live.get_mut(name), was.is_object()) {
                    remove_dropped(there, was, &Value::Null, others, path);
                }
            }
            None | Some(Value::Null) => drop(live.shift_remove(name)),
            Some(is) => {
                if let (Some(there), true, true) = (live.get_mut(name), was.is_object(), is.is_object()) {
                    remove_dropped(there, was, is, others, path);
                }
            }
        }
        path.pop();
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
    use crate::document::LAST_APPLIED;
    use crate::settings::Limits;

    fn by(name: &str) -> Manager<'_> {
        Manager { name, force: false }
    }

    fn object(value: Value) -> Draft {
        Draft::parse(value.to_string().into(), &Limits::default()).unwrap()
    }

    fn map(data: Value, metadata: Value) -> Draft {
        let mut value = serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "n"}, "data": data});
        if !metadata.is_null() {
            json_patch::merge(&mut value["metadata"], &metadata);
        }
        object(value)
    }

    fn data(applied: &Draft) -> Value {
        applied.object.to_value().unwrap()["data"].clone()
    }

    #[test]
    fn what_a_manager_no_longer_says_goes_and_what_others_set_stays() {
        let first = three_way(None, &map(serde_json::json!({"a": "1", "b": "2"}), Value::Null), by("")).unwrap();
        let mut live = first.object;
        live.body =
            crate::document::raw(&serde_json::json!({"data": {"a": "9", "b": "2", "c": "by hand"}})).unwrap().into();
        let second = three_way(Some(&live), &map(serde_json::json!({"a": "1"}), Value::Null), by("")).unwrap();
        assert_eq!(data(&second), serde_json::json!({"a": "1", "c": "by hand"}));
    }

    #[test]
    fn managers_do_not_remove_each_others_fields() {
        let first = three_way(None, &map(serde_json::json!({"a": "1"}), Value::Null), by("one")).unwrap();
        let second =
            three_way(Some(&first.object), &map(serde_json::json!({"b": "2"}), Value::Null), by("two")).unwrap();
        assert_eq!(data(&second), serde_json::json!({"a": "1", "b": "2"}));
        let third = three_way(Some(&second.object), &map(serde_json::json!({}), Value::Null), by("one")).unwrap();
        assert_eq!(data(&third), serde_json::json!({"b": "2"}));
    }

    #[test]
    fn labels_and_annotations_are_merged_likewise() {
        let first =
            three_way(None, &map(serde_json::json!({}), serde_json::json!({"labels": {"x": "1", "y": "1"}})), by(""))
                .unwrap();
        let second = three_way(
            Some(&first.object),
            &map(serde_json::json!({}), serde_json::json!({"labels": {"y": "2"}})),
            by(""),
        )
        .unwrap();
        assert_eq!(second.object.metadata.labels.into_iter().collect::<Vec<_>>(), [("y".to_owned(), "2".to_owned())]);
    }

    #[test]
    fn applying_the_same_twice_changes_nothing() {
        let wanted = map(serde_json::json!({"a": "1"}), serde_json::json!({"labels": {"x": "1"}}));
        let first = three_way(None, &wanted, by("")).unwrap().object;
        assert_eq!(three_way(Some(&first), &wanted, by("")).unwrap().object, first);
    }

    #[test]
    fn a_secrets_record_has_no_values() {
        let secret = object(serde_json::json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"k": "dG9w"}, "stringData": {"s": "top"}
        }));
        let record =
            three_way(None, &secret, by("")).unwrap().object.metadata.annotations.remove(LAST_APPLIED).unwrap();
        assert!(
            !record.contains("dG9w") && !record.contains("top") && record.contains("\"k\"") && record.contains("\"s\""),
            "{record}"
        );
    }

    #[test]
    fn a_large_record_is_not_kept() {
        let big = map(serde_json::json!({"a": "x".repeat(RECORD_BYTES_MAX)}), Value::Null);
        assert!(three_way(None, &big, by("")).unwrap().object.metadata.annotations.is_empty());
    }

    fn values(manager: &str, data: Value) -> (Draft, &str) {
        (map(data, Value::Null), manager)
    }

    /// Applies one after another; what the last one came to.
    fn applied(steps: &[(Draft, &str)], force: bool) -> Outcome<Draft> {
        let (last, before) = steps.split_last().unwrap();
        let mut live: Option<Object> = None;
        for (wanted, name) in before {
            live = Some(three_way(live.as_ref(), wanted, by(name)).unwrap().object);
        }
        three_way(live.as_ref(), &last.0, Manager { name: last.1, force })
    }

    #[test]
    fn two_who_want_one_field_are_named() {
        let steps = [
            values("one", serde_json::json!({"a": "1", "b": "1", "x/y": "1"})),
            values("two", serde_json::json!({"b": "1", "c": "1"})),
            values("", serde_json::json!({"a": "2", "b": "2", "x/y": "2"})),
        ];
        let refused = applied(&steps, false).unwrap_err();
        assert_eq!(refused.detail.code, "FieldConflict");
        let told: Vec<String> = refused.detail.violations.iter().map(|v| format!("{} {}", v.path, v.message)).collect();
        let expected = [
            r#"data.a was applied by `one` as "1", and `kubectl` wants "2""#,
            r#"data.b was applied by `one` as "1", and `kubectl` wants "2""#,
            r#"data["x/y"] was applied by `one` as "1", and `kubectl` wants "2""#,
            r#"data.b was applied by `two` as "1", and `kubectl` wants "2""#,
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn who_insists_takes_the_field_over() {
        let steps =
            vec![values("one", serde_json::json!({"a": "1", "b": "1"})), values("two", serde_json::json!({"a": "2"}))];
        let taken = applied(&steps, true).unwrap();
        assert_eq!(data(&taken), serde_json::json!({"a": "2", "b": "1"}));
        // Now it is the other who is told, and what it no longer has it does not take away.
        let again = three_way(Some(&taken.object), &steps[0].0, by("one")).unwrap_err();
        assert!(again.detail.message.contains("was applied by `two`"), "{}", again.detail.message);
        let left = three_way(Some(&taken.object), &map(serde_json::json!({}), Value::Null), by("one")).unwrap();
        assert_eq!(data(&left), serde_json::json!({"a": "2"}));
    }

    #[test]
    fn what_is_wanted_alike_is_shared() {
        let both = [values("one", serde_json::json!({"a": "1"})), values("two", serde_json::json!({"a": "1"}))];
        let shared = applied(&both, false).unwrap();
        let left = three_way(Some(&shared.object), &map(serde_json::json!({}), Value::Null), by("two")).unwrap();
        assert_eq!(data(&left), serde_json::json!({"a": "1"}), "the other one has it still");
        let gone = three_way(Some(&left.object), &map(serde_json::json!({}), Value::Null), by("one")).unwrap();
        assert!(gone.object.to_value().unwrap().get("data").is_none_or(|data| *data == serde_json::json!({})));
    }

    #[test]
    fn what_was_changed_by_hand_since_belongs_to_nobody() {
        let mut live = three_way(None, &map(serde_json::json!({"a": "1"}), Value::Null), by("one")).unwrap().object;
        live.body = crate::document::raw(&serde_json::json!({"data": {"a": "by hand"}})).unwrap().into();
        let taken = three_way(Some(&live), &map(serde_json::json!({"a": "2"}), Value::Null), by("two")).unwrap();
        assert_eq!(data(&taken), serde_json::json!({"a": "2"}));
    }

    #[test]
    fn a_conflict_over_a_secret_shows_no_value() {
        let secret = |value: &str| {
            object(
                serde_json::json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"k": value}}),
            )
        };
        let live = three_way(None, &secret("dG9w"), by("one")).unwrap().object;
        three_way(Some(&live), &secret("dG9w"), by("two")).unwrap();
        let refused = three_way(Some(&live), &secret("c2VjcmV0"), by("two")).unwrap_err();
        let told = format!("{:?}", refused.detail);
        assert!(told.contains("data.k") && !told.contains("dG9w") && !told.contains("c2VjcmV0"), "{told}");
    }

    #[test]
    fn records_that_a_document_brings_along_are_not_believed() {
        let record = serde_json::json!({"annotations": {LAST_APPLIED: "{\"data\":{\"a\":\"1\"}}", "mine": "1"}});
        let exported = map(serde_json::json!({"a": "1"}), record);
        let live = three_way(None, &exported, by("one")).unwrap().object;
        assert!(
            !live.metadata.annotations.contains_key(LAST_APPLIED) && live.metadata.annotations.contains_key("mine")
        );
        let changed = map(serde_json::json!({"a": "2"}), Value::Null);
        assert_eq!(data(&three_way(Some(&live), &changed, by("one")).unwrap()), serde_json::json!({"a": "2"}));
    }
}
