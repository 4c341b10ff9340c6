//! Who applied which field. What one manager applied, another does not change unawares: both are named, and who insists takes the field over, so
//! that the two do not set it in turns for ever.

use serde_json::{Map, Value};

use super::child;
use crate::document::LAST_APPLIED;
use crate::failure::{Failure, violation};

/// What stands before a manager's name in the annotation that keeps its record.
const RECORD: &str = "colchis.dev/last-applied.";

/// The manager whose record is `kubectl`'s own annotation.
const KUBECTL: &str = "kubectl";

/// How much of a value a conflict shows (bytes).
const SHOWN_MAX: usize = 60;

/// The annotation in which a manager's record is kept; `kubectl`'s own for the empty name.
pub(super) fn record_name(manager: &str) -> String {
    if manager.is_empty() || manager == KUBECTL {
        return LAST_APPLIED.to_owned();
    }
    let safe: String = manager
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' })
        .take(40)
        .collect();
    format!("{RECORD}{safe}")
}

/// The manager that an annotation is the record of.
pub(super) fn manager_of(annotation: &str) -> Option<&str> {
    if annotation == LAST_APPLIED { Some(KUBECTL) } else { annotation.strip_prefix(RECORD) }
}

/// What the other managers of an object applied.
pub(super) struct Others {
    /// Annotation and record.
    records: Vec<(String, Value)>,
    /// Their records have no values, only which keys there are.
    secret: bool,
}

/// A field that another manager applied and that is wanted otherwise.
struct Taken {
    path: Vec<String>,
    record: String,
    is: Value,
    wanted: Value,
}

impl Others {
    /// Reads the records of an object's annotations but for one's own.
    pub(super) fn of(annotations: &model::meta::StringMap, own: &str, secret: bool) -> Self {
        let records = annotations
            .iter()
            .filter(|(name, _)| *name != own && manager_of(name).is_some())
            .filter_map(|(name, text)| Some((name.clone(), serde_json::from_str(text).ok()?)))
            .collect();
        Self { records, secret }
    }

    /// Whether another manager applied the field.
    pub(super) fn has(&self, path: &[String]) -> bool {
        let found = |record: &Value| path.iter().try_fold(record, |at, name| at.get(name)).is_some();
        self.records.iter().any(|(_, record)| found(record))
    }

    /// Refuses what takes fields from other managers; with `force`, takes these fields out of their records, which stand among the
    /// annotations of `live`.
    pub(super) fn yield_to(
        &self,
        live: &mut Value,
        wanted: &Value,
        who: &str,
        subject: &str,
        force: bool,
    ) -> Result<(), Failure> {
        let mut taken = Vec::new();
        for (name, record) in &self.records {
            self.differences(name, (record, live, wanted), &mut Vec::new(), &mut taken);
        }
        if taken.is_empty() {
            return Ok(());
        }
        if !force {
            return Err(self.refusal(&taken, if who.is_empty() { KUBECTL } else { who }, subject));
        }
        let annotations = live.as_object_mut().and_then(|o| child(o, "metadata")).and_then(|m| child(m, "annotations"));
        let Some(annotations) = annotations else { return Ok(()) };
        for (name, record) in &self.records {
            let mut record = record.clone();
            for field in taken.iter().filter(|field| field.record == *name) {
                remove(&mut record, &field.path);
            }
            annotations.insert(name.clone(), Value::String(record.to_string()));
        }
        Ok(())
    }

    /// Fields that `record` has as they are and that are wanted otherwise. What changed since the record was made belongs to nobody.
    fn differences(
        &self,
        name: &str,
        (record, live, wanted): (&Value, &Value, &Value),
        path: &mut Vec<String>,
        taken: &mut Vec<Taken>,
    ) {
        if let (Value::Object(record), Value::Object(live), Value::Object(wanted)) = (record, live, wanted) {
            for (field, was) in record {
                let (Some(is), Some(wanted)) = (live.get(field), wanted.get(field)) else { continue };
                path.push(field.clone());
                self.differences(name, (was, is, wanted), path, taken);
                path.pop();
            }
            return;
        }
        let hidden = self.hides(path);
        if (record == live || hidden) && live != wanted {
            let (is, wanted) = if hidden { (Value::Null, Value::Null) } else { (live.clone(), wanted.clone()) };
            taken.push(Taken { path: path.clone(), record: name.to_owned(), is, wanted });
        }
    }

    fn hides(&self, path: &[String]) -> bool {
        self.secret && path.first().is_some_and(|first| first == "data" || first == "stringData")
    }

    fn refusal(&self, taken: &[Taken], who: &str, subject: &str) -> Failure {
        let violations: Vec<_> = taken
            .iter()
            .map(|field| {
                let owner = manager_of(&field.record).unwrap_or_default();
                let message = match self.hides(&field.path) {
                    true => format!("was applied by `{owner}`, and `{who}` wants it otherwise"),
                    false => {
                        let (is, wanted) = (shown(&field.is), shown(&field.wanted));
                        format!("was applied by `{owner}` as {is}, and `{who}` wants {wanted}")
                    }
                };
                violation(&dotted(&field.path), &message)
            })
            .collect();
        Failure::field_conflict(subject, violations)
    }
}

fn remove(record: &mut Value, path: &[String]) {
    let Some((last, above)) = path.split_last() else { return };
    let holder = above.iter().try_fold(record, |at, name| at.get_mut(name));
    if let Some(fields) = holder.and_then(Value::as_object_mut) {
        fields.shift_remove(last);
    }
}

/// `metadata.labels["example.com/team"]`.
fn dotted(path: &[String]) -> String {
    let mut text = String::new();
    for name in path {
        if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
            text.extend([if text.is_empty() { "" } else { "." }, name]);
        } else {
            text.push_str(&format!("[{name:?}]"));
        }
    }
    text
}

fn shown(value: &Value) -> String {
    let text = if *value == Value::Null { "that it goes".to_owned() } else { value.to_string() };
    match text.len() > SHOWN_MAX {
        true => format!("{}…", text.split_at(text.floor_char_boundary(SHOWN_MAX)).0),
        false => text,
    }
}

/// Takes every record out of a document's annotations: they are the server's to write.
pub(super) fn strip_records(annotations: &mut Map<String, Value>) {
    annotations.retain(|name, _| manager_of(name).is_none());
}
