//! Which other template objects a spec refers to, so that they can be fetched before it is validated or run.

use std::collections::BTreeSet;

use crate::workflow::{LifecycleHook, Template, TemplateRef, WorkflowSpec};

/// A template object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// The object's name.
    pub name: String,
    /// It is a ClusterWorkflowTemplate.
    pub cluster_scope: bool,
}

/// The template objects that a spec refers to, without those that they refer to, each once; names that hold tags are left out.
pub fn references(spec: &WorkflowSpec) -> BTreeSet<Reference> {
    let mut found = BTreeSet::new();
    if let Some(base) = &spec.workflow_template_ref {
        add(&mut found, &base.name, base.cluster_scope);
    }
    hooks(&mut found, spec.hooks.values());
    for template in &spec.templates {
        in_template(&mut found, template);
    }
    found
}

fn in_template(found: &mut BTreeSet<Reference>, template: &Template) {
    for task in template.dag.iter().flat_map(|dag| &dag.tasks) {
        reference(found, task.template_ref.as_deref());
        hooks(found, task.hooks.iter().flat_map(|h| h.values()));
        if let Some(inline) = &task.inline {
            in_template(found, inline);
        }
    }
    for step in template.steps.iter().flatten().flat_map(|group| group.iter()) {
        reference(found, step.template_ref.as_deref());
        hooks(found, step.hooks.iter().flat_map(|h| h.values()));
        if let Some(inline) = &step.inline {
            in_template(found, inline);
        }
    }
}

fn hooks<'a>(found: &mut BTreeSet<Reference>, hooks: impl Iterator<Item = &'a LifecycleHook>) {
    hooks.for_each(|hook| reference(found, hook.template_ref.as_ref()));
}

fn reference(found: &mut BTreeSet<Reference>, reference: Option<&TemplateRef>) {
    if let Some(reference) = reference {
        add(found, &reference.name, reference.cluster_scope);
    }
}

fn add(found: &mut BTreeSet<Reference>, name: &str, cluster_scope: bool) {
    if !name.is_empty() && !name.contains("{{") {
        found.insert(Reference { name: name.to_owned(), cluster_scope });
    }
}
