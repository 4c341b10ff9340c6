//! RFC 6902, with bounds: copies may not make a document grow beyond what it could be sent as.

use json_patch::{Patch, PatchOperation};
use model::merge::check_depth;
use serde_json::Value;

use crate::failure::{Failure, Outcome};
use crate::settings::Limits;

/// Does all operations or none (the caller drops the value after an error).
pub(super) fn apply(value: &mut Value, patch: Value, limits: &Limits) -> Outcome<()> {
    let count = patch.as_array().ok_or_else(|| Failure::field("patch", "is not a list of operations"))?.len() as u64;
    if count > limits.patch_operations_max {
        return Err(Failure::too_large("the patch", "patch_operations_max", limits.patch_operations_max, count));
    }
    let patch: Patch =
        serde_json::from_value(patch).map_err(|error| Failure::field("patch", format!("is no JSON patch: {error}")))?;
    let mut budget = limits.object_bytes_max;
    for (at, operation) in patch.0.iter().enumerate() {
        if let PatchOperation::Copy(copy) = operation {
            let size = value.pointer(copy.from.as_str()).map_or(0, size_of);
            budget = budget.checked_sub(size).ok_or_else(|| {
                Failure::too_large(
                    "what the patch copies",
                    "object_bytes_max",
                    limits.object_bytes_max,
                    limits.object_bytes_max + 1,
                )
            })?;
        }
        if let Some((path, put)) = what_goes_where(value, operation) {
            check_depth(path, put).map_err(|reason| Failure::field("patch", format!("operation {at}: {reason}")))?;
        }
        json_patch::patch(value, std::slice::from_ref(operation))
            .map_err(|error| Failure::field("patch", format!("operation {at}: {error}")))?;
    }
    Ok(())
}

/// What an operation puts, and where.
fn what_goes_where<'v>(value: &'v Value, operation: &'v PatchOperation) -> Option<(&'v str, &'v Value)> {
    Some(match operation {
        PatchOperation::Add(add) => (add.path.as_str(), &add.value),
        PatchOperation::Replace(replace) => (replace.path.as_str(), &replace.value),
        PatchOperation::Copy(copy) => (copy.path.as_str(), value.pointer(copy.from.as_str())?),
        PatchOperation::Move(step) => (step.path.as_str(), value.pointer(step.from.as_str())?),
        PatchOperation::Remove(_) | PatchOperation::Test(_) => return None,
    })
}

/// About how many bytes it takes in JSON.
fn size_of(value: &Value) -> u64 {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 8,
        Value::String(text) => text.len() as u64 + 2,
        Value::Array(items) => items.iter().map(|item| size_of(item) + 1).sum::<u64>() + 2,
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| name.len() as u64 + 4 + size_of(value)).sum::<u64>() + 2
        }
    }
}
