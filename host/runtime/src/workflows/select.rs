//! Field selectors over nodes: `displayName=approve,phase!=Succeeded`.

use engine_workflow::{NodeIx, RunState, project};
use model::workflow::NodeStatus;

/// A parsed selector: all requirements must hold.
#[derive(Debug, Clone, Default)]
pub(super) struct NodeSelector(Vec<Requirement>);

#[derive(Debug, Clone)]
struct Requirement {
    field: String,
    equal: bool,
    value: String,
}

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
        let mut out = Vec::new();
        for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let (field, equal, value) = if let Some((field, value)) = part.split_once("!=") {
                (field, false, value)
            } else if let Some((field, value)) = part.split_once("==") {
                (field, true, value)
            } else if let Some((field, value)) = part.split_once('=') {
                (field, true, value)
            } else {
                return Err(format!("node field selector: {part:?} is not of the form field=value or field!=value"));
            };
            let field = field.trim();
            let parameter = field.starts_with("inputs.parameters.") && field.ends_with(".value");
            if !FIELDS.contains(&field) && !parameter {
                return Err(format!("node field selector: unknown field {field:?}; there are {}", FIELDS.join(", ")));
            }
            out.push(Requirement { field: field.to_owned(), equal, value: value.trim().to_owned() });
        }
        Ok(Self(out))
    }

    pub(super) fn matches(&self, node: &NodeStatus) -> bool {
        self.0.iter().all(|r| (value(node, &r.field).as_deref() == Some(r.value.as_str())) == r.equal)
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
