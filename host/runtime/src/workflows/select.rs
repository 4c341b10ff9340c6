//! Field selectors over nodes: `displayName=approve,phase!=Succeeded`.

use engine_workflow::{NodeIx, RunState, project};
use expr::selector::FieldSelector;
use model::workflow::NodeStatus;

/// A parsed selector: all terms must hold.
#[derive(Debug, Clone, Default)]
pub(super) struct NodeSelector(FieldSelector);

const FIELDS: &[&str] = &[
    "displayName",
    "name",
    "id",
    "templateName",
    "phase",
    "templateRef.name",
    "templateRef.template",
    "type",
    "boundaryID",
    "inputs.parameters.*.value",
];

impl NodeSelector {
    /// Parses `field=value`, `field==value` and `field!=value`, separated by commas.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let selector = FieldSelector::parse(text).map_err(|e| format!("node field selector: {e}"))?;
        for (field, ..) in selector.terms() {
            let parameter = field.starts_with("inputs.parameters.") && field.ends_with(".value");
            if !FIELDS.contains(&field) && !parameter {
                return Err(format!("node field selector: unknown field {field:?}; there are {}", FIELDS.join(", ")));
            }
        }
        Ok(Self(selector))
    }

    pub(super) fn matches(&self, node: &NodeStatus) -> bool {
        self.0.terms().all(|(field, equal, wanted)| (value(node, field).as_deref() == Some(wanted)) == equal)
    }

    /// The matching nodes of a run.
    pub(super) fn nodes(&self, state: &RunState) -> Vec<NodeIx> {
        project::shown(state)
            .filter(|ix| project::node_status(state, *ix).is_some_and(|node| self.matches(&node)))
            .collect()
    }
}

fn value(node: &NodeStatus, field: &str) -> Option<String> {
    Some(match field {
        "displayName" => node.display_name.to_string(),
        "name" => node.name.to_string(),
        "id" => node.id.to_string(),
        "templateName" => match &node.template_ref {
            Some(reference) => reference.template.clone(),
            None => node.template_name.to_string(),
        },
        "phase" => node.phase.as_str().to_owned(),
        "type" => node.r#type?.as_str().to_owned(),
        "boundaryID" => node.boundary_id.to_string(),
        "templateRef.name" => node.template_ref.as_ref()?.name.clone(),
        "templateRef.template" => node.template_ref.as_ref()?.template.clone(),
        _ => {
            let name = field.strip_prefix("inputs.parameters.")?.strip_suffix(".value")?;
            node.inputs.as_ref()?.parameter(name)?.value.as_ref()?.to_string()
        }
    })
}
