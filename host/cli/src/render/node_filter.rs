//! Which nodes of a run that is watched are shown: what `--node-field-selector` and `--status` say, looked at as nodes change.

use client::v1::{Node, NodePhase};

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
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq)]
struct Term {
    field: &'static str,
    equal: bool,
    value: String,
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
        for part in selector.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, rest) = part.split_once('=').ok_or_else(|| {
                CliError::usage(format!("--node-field-selector {part}: not of the form FIELD=VALUE or FIELD!=VALUE"))
            })?;
            let (name, equal) = name.strip_suffix('!').map_or((name, true), |name| (name, false));
            let value = rest.strip_prefix('=').unwrap_or(rest).trim().to_owned();
            let field = FIELDS.into_iter().find(|known| *known == name.trim()).ok_or_else(|| {
                let hint = model::violation::did_you_mean(name.trim(), FIELDS);
                CliError::usage(format!("--node-field-selector {part}: there is no such field"))
                    .hint(hint.unwrap_or_else(|| format!("one of {}", FIELDS.join(", "))))
            })?;
            filter.terms.push(Term { field, equal, value });
        }
        Ok(filter)
    }

    /// Whether a node is shown.
    pub fn shows(&self, node: &Node) -> bool {
        (self.phases.is_empty() || self.phases.contains(&node.phase()))
            && self.terms.iter().all(|term| (value(node, term.field) == term.value) == term.equal)
    }
}

fn value<'n>(node: &'n Node, field: &str) -> &'n str {
    let elsewhere = || node.template_ref.split_once('/').unwrap_or((&node.template_ref, ""));
    match field {
        "displayName" => &node.display_name,
        "name" => &node.name,
        "id" => &node.id,
        "templateName" => &node.template_name,
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
            template_name: "compile".into(),
            template_ref: "tools/compile".into(),
            phase: NodePhase::Failed.into(),
            ..Node::default()
        };
        for (selector, phases, shown) in [
            ("", &[][..], true),
            ("displayName=build", &["failed", "Error"], true),
            ("displayName==build,templateName!=test", &[], true),
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
