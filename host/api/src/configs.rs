//! Configurations of plugins, checked before an object is stored: what the schema of a plugin in service refuses, no run begins with.

use model::{Object, Violation};
use plugin::{Desk, Kind};
use serde_json::{Map, Value};

/// How deep templates may be within each other; more than any has.
const DEPTH_MAX: usize = 16;

/// What is wrong with the configurations in an object's `plugin` templates. A plugin that is not there says nothing: it may come later.
pub(crate) fn of(desk: &dyn Desk, object: &Object) -> Vec<Violation> {
    let mut found = Vec::new();
    // Most objects have none, and are not read for it.
    if object.body.get().contains("\"plugin\"") && object.api_version == "argoproj.io/v1alpha1" {
        // A body that cannot be read was refused before.
        let fields: Map<String, Value> = serde_json::from_str(object.body.get()).unwrap_or_default();
        fields.get("spec").into_iter().for_each(|spec| within(desk, spec, "spec", 0, &mut found));
    }
    found
}

/// Looks for templates: members of `templates`, `templateDefaults`, and those that stand inline in steps and tasks.
fn within(desk: &dyn Desk, value: &Value, path: &str, depth: usize, found: &mut Vec<Violation>) {
    if depth > DEPTH_MAX {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = format!("{path}.{name}");
                match (name.as_str(), value) {
                    ("templates", Value::Array(templates)) => {
                        for (i, template) in templates.iter().enumerate() {
                            template_of(desk, template, &format!("{path}[{i}]"), depth, found);
                        }
                    }
                    ("inline" | "templateDefaults", _) => template_of(desk, value, &path, depth, found),
                    ("workflowSpec" | "dag", _) => within(desk, value, &path, depth + 1, found),
                    ("steps" | "tasks", Value::Array(_)) => within(desk, value, &path, depth + 1, found),
                    _ => {}
                }
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                within(desk, item, &format!("{path}[{i}]"), depth + 1, found);
            }
        }
        _ => {}
    }
}

fn template_of(desk: &dyn Desk, template: &Value, path: &str, depth: usize, found: &mut Vec<Violation>) {
    if let Some((name, config)) = template.get("plugin").and_then(Value::as_object).and_then(only) {
        for finding in desk.schema_findings(name, Kind::Step, config) {
            let below = if finding.field.is_empty() || finding.field.starts_with('[') { "" } else { "." };
            let at = format!("{path}.plugin.{name}{below}{}", finding.field);
            let hint = format!("`colchis plugin get {name}` shows how it is configured");
            found.push(Violation::error("PluginConfig", at, finding.message).hint(hint));
        }
    }
    within(desk, template, path, depth + 1, found);
}

/// The one field, which is the plugin's name. What has another number of them is refused elsewhere.
fn only(fields: &Map<String, Value>) -> Option<(&String, &Value)> {
    let mut fields = fields.iter();
    fields.next().filter(|_| fields.next().is_none())
}
