//! Changes to documents: merge, JSON and strategic patches, and the three-way merge of an apply.

mod apply;
mod json;
mod owners;
mod strategic;

use model::Object;
use proto_gen::v1::PatchType;
use serde_json::{Map, Value};

pub(crate) use apply::{Manager, three_way};

use crate::document::Draft;
use crate::failure::{Failure, Outcome};
use crate::settings::Limits;

/// The object after a patch (JSON text).
pub(crate) fn patched(object: &Object, kind: PatchType, patch: &[u8], limits: &Limits) -> Outcome<Draft> {
    if patch.len() as u64 > limits.object_bytes_max {
        return Err(Failure::too_large("the patch", "object_bytes_max", limits.object_bytes_max, patch.len() as u64));
    }
    let patch: Value =
        serde_json::from_slice(patch).map_err(|error| Failure::field("patch", format!("is not JSON: {error}")))?;
    let mut value = to_value(object)?;
    match kind {
        PatchType::Unspecified | PatchType::Merge => {
            require_object(&patch)?;
            json_patch::merge(&mut value, &patch);
        }
        PatchType::Json => json::apply(&mut value, patch, limits)?,
        PatchType::Strategic => {
            require_object(&patch)?;
            strategic::merge(&mut value, patch)?;
        }
    }
    from_value(object, value)
}

fn require_object(patch: &Value) -> Outcome<()> {
    if patch.is_object() { Ok(()) } else { Err(Failure::field("patch", "is not a JSON object")) }
}

/// The object as one JSON value.
pub(crate) fn to_value(object: &Object) -> Outcome<Value> {
    object.to_value().map_err(|error| Failure::internal("a stored object cannot be read", error))
}

/// A changed value as an object again; it must still be the same object.
fn from_value(before: &Object, mut value: Value) -> Outcome<Draft> {
    // The status is not the caller's to write.
    if let Some(fields) = value.as_object_mut() {
        fields.shift_remove("status");
    }
    let text = serde_json::to_vec(&value).map_err(|error| Failure::internal("a document cannot be written", error))?;
    let limits = Limits { object_bytes_max: u64::MAX, ..Limits::default() };
    let mut after = Draft::parse(text.into(), &limits)?;
    let same = [
        ("apiVersion", &before.api_version, &after.object.api_version),
        ("kind", &before.kind, &after.object.kind),
        ("metadata.name", &before.metadata.name, &after.object.metadata.name),
        ("metadata.namespace", &before.metadata.namespace, &after.object.metadata.namespace),
    ];
    for (path, was, is) in same {
        if was != is {
            return Err(Failure::field(path, format!("cannot be changed from `{was}` to `{is}`")));
        }
    }
    after.object.status.clone_from(&before.status);
    Ok(after)
}

/// Reads a JSON object's field as an object, making it if it is not there.
fn child<'a>(map: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Map<String, Value>> {
    let entry = map.entry(name.to_owned()).or_insert_with(|| Value::Object(Map::new()));
    if entry.is_null() {
        *entry = Value::Object(Map::new());
    }
    entry.as_object_mut()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;

    fn object() -> Object {
        let text = serde_json::json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
            "metadata": {"name": "a", "namespace": "n", "labels": {"x": "1"}},
            "spec": {
                "entrypoint": "main",
                "arguments": {"parameters": [{"name": "p", "value": "1"}, {"name": "q", "value": "2"}]},
                "templates": [{"name": "main", "container": {"image": "a"}}, {"name": "b", "suspend": {}}]
            },
            "status": {"phase": "Running"}
        });
        document::parse(text.to_string().as_bytes(), &Limits::default()).unwrap()
    }

    fn after(kind: PatchType, patch: Value) -> Result<Value, String> {
        let patched = patched(&object(), kind, patch.to_string().as_bytes(), &Limits::default());
        patched.map(|draft| draft.object.to_value().unwrap()).map_err(|failure| failure.detail.message)
    }

    #[test]
    fn a_merge_patch_replaces_lists() {
        let value = after(
            PatchType::Merge,
            serde_json::json!({"metadata": {"labels": {"x": null, "y": "2"}}, "spec": {"templates": [{"name": "c"}]}, "status": {"phase": "Failed"}}),
        )
        .unwrap();
        assert_eq!(value["metadata"]["labels"], serde_json::json!({"y": "2"}));
        assert_eq!(value["spec"]["templates"], serde_json::json!([{"name": "c"}]));
        assert_eq!(value["spec"]["entrypoint"], "main");
        assert_eq!(value["status"]["phase"], "Running");
    }

    #[test]
    fn a_strategic_patch_merges_lists_by_name() {
        let value = after(
            PatchType::Strategic,
            serde_json::json!({"spec": {
                "templates": [{"name": "main", "container": {"command": ["x"]}}, {"name": "c", "suspend": {}}, {"$patch": "delete", "name": "b"}],
                "arguments": {"parameters": [{"name": "q", "value": "3"}]}
            }}),
        )
        .unwrap();
        assert_eq!(
            value["spec"]["templates"],
            serde_json::json!([{"name": "main", "container": {"image": "a", "command": ["x"]}}, {"name": "c", "suspend": {}}])
        );
        assert_eq!(
            value["spec"]["arguments"]["parameters"],
            serde_json::json!([{"name": "p", "value": "1"}, {"name": "q", "value": "3"}])
        );
    }

    #[test]
    fn a_json_patch_is_done_all_or_not_at_all() {
        let value = after(
            PatchType::Json,
            serde_json::json!([
                {"op": "test", "path": "/spec/entrypoint", "value": "main"},
                {"op": "replace", "path": "/spec/entrypoint", "value": "b"},
                {"op": "remove", "path": "/spec/templates/0"}
            ]),
        )
        .unwrap();
        assert_eq!((&value["spec"]["entrypoint"], &value["spec"]["templates"][0]["name"]), (&"b".into(), &"b".into()));
        let error =
            after(PatchType::Json, serde_json::json!([{"op": "test", "path": "/spec/entrypoint", "value": "x"}]));
        assert!(error.unwrap_err().contains("operation 0"));
        assert!(after(PatchType::Json, serde_json::json!({"op": "test"})).is_err());
        assert!(after(PatchType::Json, serde_json::json!([{"op": "fly", "path": "/a"}])).is_err());
    }

    #[test]
    fn copies_cannot_grow_without_end() {
        let bomb: Vec<Value> = (0..40)
            .map(|n| serde_json::json!({"op": "copy", "from": "/spec", "path": format!("/spec/x{n}")}))
            .collect();
        assert!(after(PatchType::Json, bomb.into()).unwrap_err().contains("object_bytes_max"));
        let many: Vec<Value> = (0..2000).map(|_| serde_json::json!({"op": "test", "path": "", "value": 1})).collect();
        assert!(after(PatchType::Json, many.into()).unwrap_err().contains("patch_operations_max"));
    }

    #[test]
    fn a_patch_cannot_dig_without_end() {
        // Each round puts what there is one map deeper, by paths that stay short.
        let round = [
            serde_json::json!({"op": "add", "path": "/spec/b", "value": {"x": null}}),
            serde_json::json!({"op": "move", "from": "/spec/a", "path": "/spec/b/x"}),
            serde_json::json!({"op": "move", "from": "/spec/b", "path": "/spec/a"}),
        ];
        let begin = [serde_json::json!({"op": "add", "path": "/spec/a", "value": {}})];
        let dig: Vec<Value> = begin.into_iter().chain((0..200).flat_map(|_| round.clone())).collect();
        assert!(after(PatchType::Json, dig.into()).unwrap_err().contains("depth_max"));
    }

    #[test]
    fn an_object_stays_itself() {
        for (patch, path) in [
            (serde_json::json!({"metadata": {"name": "b"}}), "metadata.name"),
            (serde_json::json!({"metadata": {"namespace": "b"}}), "metadata.namespace"),
            (serde_json::json!({"kind": "Secret"}), "kind"),
            (serde_json::json!({"apiVersion": null}), "apiVersion"),
        ] {
            let error = after(PatchType::Merge, patch).unwrap_err();
            assert!(error.starts_with(path), "{error}");
        }
        assert!(after(PatchType::Merge, Value::Null).is_err());
    }
}
