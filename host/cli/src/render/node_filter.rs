//! Which nodes of a run that is watched are shown: what `--node-field-selector` and `--status` say, looked at as nodes change.

use client::v1::{Node, NodePhase};
use expr::selector::FieldSelector;

use super::phase;
use crate::error::{CliError, CliResult};

/// The fields of a node that can be asked for while it is watched.
const FIELDS: [&str; 9] = [
    "displayName",
    "name",
    "id",
    "templateName",
    "phase",
    "templateRef.name",
    "templateRef.template",
    "type",
    "boundaryID",
];

/// Which nodes are shown; all by default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodeFilter {
    phases: Vec<NodePhase>,
    fields: FieldSelector,
}

impl NodeFilter {
    /// Reads `field=value`, `field==value` and `field!=value`, separated by commas, and names of phases.
    ///
    /// # Errors
    /// A field or phase that there is not.
    pub fn parse(selector: &str, phases: &[String]) -> CliResult<Self> {
        let mut filter = Self::default();
        for word in phases {
            filter.phases.push(phase::node_phase(word).ok_or_else(|| {
                CliError::usage(format!("--status {word}: not a phase of a step"))
                    .hint("one of Pending, Running, Succeeded, Skipped, Failed, Error, Omitted")
            })?);
        }
        filter.fields = FieldSelector::parse(selector)
            .map_err(|e| CliError::usage(format!("--node-field-selector {selector}: {e}")))?;
        for (field, ..) in filter.fields.terms() {
            if !FIELDS.contains(&field) {
                let hint = model::violation::did_you_mean(field, FIELDS);
                return Err(CliError::usage(format!("--node-field-selector {selector}: there is no field {field:?}"))
                    .hint(hint.unwrap_or_else(|| format!("one of {}", FIELDS.join(", ")))));
            }
        }
        Ok(filter)
    }

    /// Whether a node is shown.
    pub fn shows(&self, node: &Node) -> bool {
        (self.phases.is_empty() || self.phases.contains(&node.phase()))
            && self.fields.matches(|field| Some(value(node, field)))
    }
}

fn value<'n>(node: &'n Node, field: &str) -> &'n str {
    let elsewhere = || node.template_ref.split_once('/').unwrap_or((&node.template_ref, ""));
    match field {
        "displayName" => &node.display_name,
        "name" => &node.name,
        "id" => &node.id,
        "templateName" if node.template_ref.is_empty() => &node.template_name,
        "templateName" => elsewhere().1,
        "phase" => phase::node_word(node.phase()),
        "templateRef.name" => elsewhere().0,
        "templateRef.template" => elsewhere().1,
        "type" => &node.r#type,
        _ => &node.boundary_id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exit;

    #[test]
    fn nodes_are_chosen_by_field_and_phase() {
        let node = Node {
            display_name: "build".into(),
            template_ref: "tools/compile".into(),
            phase: NodePhase::Failed.into(),
            ..Node::default()
        };
        for (selector, phases, shown) in [
            ("", &[][..], true),
            ("displayName=build", &["failed", "Error"], true),
            ("displayName==build,templateName!=test", &[], true),
            ("templateName=compile", &[], true),
            ("phase=Failed,templateRef.name=tools", &[], true),
            ("displayName=test", &[], false),
            ("phase!=Failed", &[], false),
            ("", &["Running"], false),
        ] {
            let phases: Vec<String> = phases.iter().map(|p| (*p).to_owned()).collect();
            assert_eq!(NodeFilter::parse(selector, &phases).unwrap().shows(&node), shown, "{selector} {phases:?}");
        }
        for (selector, phases) in [("displayname=x", &[][..]), ("build", &[]), ("", &["Done".to_owned()])] {
            assert_eq!(NodeFilter::parse(selector, phases).unwrap_err().exit, Exit::Usage, "{selector}");
        }
    }
}
