//! Laying specs over each other: what a run says itself, over the template that it is made from, over the server's defaults.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::merge::strategic;
use crate::workflow::{Template, WorkflowSpec};

/// The bodies of templates: a default for one of them is for templates of that kind.
const KINDS: &[&str] =
    &["container", "containerSet", "script", "resource", "dag", "steps", "suspend", "data", "http", "plugin"];

/// Lays `own` over `base`: fields set in `own` win, lists of named things are merged by name.
pub fn merge_spec(mut base: WorkflowSpec, mut own: WorkflowSpec) -> Result<WorkflowSpec, serde_json::Error> {
    if base == WorkflowSpec::default() {
        return Ok(own);
    }
    // Templates are set apart: they may be very large, and only those of one name need to be laid over each other.
    let mut templates = std::mem::take(&mut base.templates);
    let own_templates = std::mem::take(&mut own.templates);
    let places: HashMap<String, usize> = templates.iter().enumerate().map(|(i, t)| (t.name.clone(), i)).collect();
    for template in own_templates {
        match places.get(&template.name).and_then(|i| templates.get_mut(*i)) {
            Some(place) => *place = Arc::new(merge(&**place, &*template)?),
            None => templates.push(template),
        }
    }
    let mut merged: WorkflowSpec = merge(&base, &own)?;
    merged.templates = templates;
    Ok(merged)
}

/// Gives every template of a spec what `templateDefaults` says and it does not say itself.
pub fn with_template_defaults(mut spec: WorkflowSpec, defaults: &Template) -> Result<WorkflowSpec, serde_json::Error> {
    let mut common = serde_json::to_value(defaults)?;
    let kinds: Vec<(&str, serde_json::Value)> = match common.as_object_mut() {
        Some(fields) => KINDS.iter().filter_map(|kind| Some((*kind, fields.shift_remove(*kind)?))).collect(),
        None => Vec::new(),
    };
    for shared in &mut spec.templates {
        let template = Arc::make_mut(shared);
        // A graph of many tasks is not taken through JSON when there is nothing to lay under it.
        let dag = template.dag.take_if(|_| defaults.dag.is_none());
        let steps = template.steps.take_if(|_| defaults.steps.is_none());
        let own = serde_json::to_value(&*template)?;
        let mut base = common.clone();
        if let Some(fields) = base.as_object_mut() {
            for (kind, default) in kinds.iter().filter(|(kind, _)| own.get(*kind).is_some()) {
                fields.insert((*kind).to_owned(), default.clone());
            }
        }
        *template = serde_json::from_value(strategic("Workflow", base, &own))?;
        template.dag = dag.or(template.dag.take());
        template.steps = steps.or(template.steps.take());
    }
    Ok(spec)
}

fn merge<T: Serialize + DeserializeOwned>(base: &T, own: &T) -> Result<T, serde_json::Error> {
    serde_json::from_value(strategic("Workflow", serde_json::to_value(base)?, &serde_json::to_value(own)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(value: serde_json::Value) -> WorkflowSpec {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_a_run_says_itself_wins() {
        let base = spec(json!({
            "entrypoint": "main", "arguments": {"parameters": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]},
            "templates": [{"name": "main", "container": {"image": "x"}}],
        }));
        let own = spec(json!({"arguments": {"parameters": [{"name": "b", "value": "3"}]}, "priority": 5}));
        let merged = merge_spec(base, own).unwrap();
        assert_eq!(merged.entrypoint.as_deref(), Some("main"));
        assert_eq!(merged.arguments.parameter("b").and_then(|p| p.value.clone()).unwrap().as_str(), "3");
        assert_eq!(merged.arguments.parameter("a").and_then(|p| p.value.clone()).unwrap().as_str(), "1");
        assert_eq!((merged.priority, merged.templates.len()), (Some(5), 1));
    }

    #[test]
    fn a_default_container_is_for_container_templates() {
        let defaults: Template =
            serde_json::from_value(json!({"timeout": "30s", "container": {"imagePullPolicy": "Never"}})).unwrap();
        let spec = spec(json!({"templates": [
            {"name": "a", "container": {"image": "x"}},
            {"name": "b", "steps": [[{"name": "s", "template": "a"}]], "timeout": "5s"},
        ]}));
        let done = with_template_defaults(spec, &defaults).unwrap();
        let [a, b] = done.templates.as_slice() else { panic!("two templates") };
        assert!(a.container.as_ref().is_some_and(|c| c.image_pull_policy.is_some()));
        assert_eq!((a.timeout.as_deref(), b.timeout.as_deref()), (Some("30s"), Some("5s")));
        assert_eq!(b.kinds().count(), 1);
    }
}
