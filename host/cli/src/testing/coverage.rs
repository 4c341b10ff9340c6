//! What no case ran: templates, steps, and the sides of conditions.
//!
//! A template has one side: it ran. So has a step; one with `when` has two: it ran, and it was skipped.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use client::v1::{Node, NodePhase};

use super::manifests::{Does, Place, TemplateFact};
use super::naming::Names;
use super::play::Played;
use super::suite::Start;

/// What the cases ran of the manifests.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    /// By place and name, so that manifests of several test files count once.
    sides: BTreeMap<Key, Side>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    file: String,
    line: u32,
    /// `main`, or `main.deploy` of a step.
    name: String,
    skipped: bool,
}

#[derive(Debug, Clone, Copy)]
struct Side {
    step: bool,
    seen: bool,
}

/// Something that no case ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// Where it stands.
    pub place: Place,
    /// `template deploy`, `step main.deploy`.
    pub what: String,
    /// `never ran` or `was never skipped`.
    pub how: &'static str,
}

/// How many of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Seen.
    pub seen: usize,
    /// There are.
    pub all: usize,
}

impl Coverage {
    /// Counts everything that templates hold, as not seen.
    pub fn expect(&mut self, templates: &[TemplateFact]) {
        for template in templates {
            self.side(&template.place, template.name.clone(), false, false, false);
            for step in &template.steps {
                let name = format!("{}.{}", template.name, step.name);
                self.side(&step.place, name.clone(), false, true, false);
                if step.conditional {
                    self.side(&step.place, name, true, true, false);
                }
            }
        }
    }

    fn side(&mut self, place: &Place, name: String, skipped: bool, step: bool, seen: bool) {
        let key = Key { file: place.file.clone(), line: place.line, name, skipped };
        self.sides.entry(key).or_insert(Side { step, seen: false }).seen |= seen;
    }

    /// Counts what a case ran.
    pub fn saw(&mut self, templates: &[TemplateFact], start: &Start, played: &Played) {
        let own = match start {
            Start::Manifest(document) => document.name(),
            Start::Template(source) => source.name.as_str(),
        };
        let nodes = played.view.nodes();
        let by_id: HashMap<&str, &Node> = nodes.iter().map(|node| (node.id.as_str(), node)).collect();
        let mut seen: BTreeSet<(usize, Option<(usize, bool)>)> = BTreeSet::new();
        for node in nodes {
            let skipped = matches!(node.phase(), NodePhase::Skipped | NodePhase::Omitted);
            if !skipped && let Some(at) = template_of(node, own, templates) {
                seen.insert((at, None));
            }
            let boundary = by_id.get(node.boundary_id.as_str());
            let Some(at) = boundary.and_then(|boundary| template_of(boundary, own, templates)) else { continue };
            let names = Names::of(&played.view.name, &node.name);
            let steps = templates.get(at).map(|template| template.steps.as_slice()).unwrap_or_default();
            if let Some(step) = steps.iter().position(|step| step.name == names.base()) {
                seen.insert((at, Some((step, skipped))));
            }
        }
        for (at, step) in seen {
            let Some(template) = templates.get(at) else { continue };
            match step {
                None => self.side(&template.place, template.name.clone(), false, false, true),
                Some((step, skipped)) => {
                    let Some(step) = template.steps.get(step).filter(|step| !skipped || step.conditional) else {
                        continue;
                    };
                    self.side(&step.place, format!("{}.{}", template.name, step.name), skipped, true, true);
                }
            }
        }
    }

    /// Templates that ran.
    pub fn templates(&self) -> Share {
        self.share(false)
    }

    /// Steps that ran, and sides of their conditions.
    pub fn steps(&self) -> Share {
        self.share(true)
    }

    fn share(&self, step: bool) -> Share {
        let sides = self.sides.values().filter(|side| side.step == step);
        let (mut seen, mut all) = (0, 0);
        for side in sides {
            all += 1;
            seen += usize::from(side.seen);
        }
        Share { seen, all }
    }

    /// What no case ran, by place.
    pub fn missed(&self) -> Vec<Missed> {
        let unseen = self.sides.iter().filter(|(_, side)| !side.seen);
        unseen
            .map(|(key, side)| Missed {
                place: Place { file: key.file.clone(), line: key.line },
                what: format!("{} {}", if side.step { "step" } else { "template" }, key.name),
                how: if key.skipped { "was never skipped" } else { "never ran" },
            })
            .collect()
    }
}

/// The template of a node: in the object that its scope names, else in the one that is run, else anywhere.
fn template_of(node: &Node, own: &str, templates: &[TemplateFact]) -> Option<usize> {
    let document: serde_json::Value = serde_json::from_slice(&node.document).unwrap_or_default();
    let scope = document.get("templateScope").and_then(serde_json::Value::as_str).unwrap_or_default();
    let (kind, owner) = match scope.split_once('/') {
        Some(("namespaced", name)) => ("WorkflowTemplate", name),
        Some(("cluster", name)) => ("ClusterWorkflowTemplate", name),
        _ => ("", own),
    };
    let name = match node.template_ref.split_once('/') {
        Some((_, template)) => template,
        None => &node.template_name,
    };
    let named = |template: &TemplateFact| template.name == name && template.does != Does::Unknown;
    let here = |template: &TemplateFact| {
        named(template) && template.owner == owner && (kind.is_empty() || template.owner_kind == kind)
    };
    if name.is_empty() {
        return None;
    }
    templates.iter().position(here).or_else(|| templates.iter().position(named))
}
