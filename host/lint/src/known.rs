//! Template objects that are at hand.

use std::collections::{BTreeSet, HashMap};

use model::Object;
use model::validate::{Lookup, Reference, Templates};
use model::workflow::{ClusterWorkflowTemplate, CronWorkflow, Workflow, WorkflowSpec, WorkflowTemplate};

/// Template objects by name, and somebody who may know others.
pub struct KnownTemplates<'a> {
    specs: HashMap<(String, bool), WorkflowSpec>,
    others: &'a (dyn Templates + Sync),
}

impl<'a> KnownTemplates<'a> {
    /// None yet, beside what `others` knows.
    pub fn beside(others: &'a (dyn Templates + Sync)) -> Self {
        Self { specs: HashMap::new(), others }
    }

    /// Takes a template object in; other objects, and those that cannot be read, are left out.
    pub fn add(&mut self, object: &Object) {
        let spec = match object.kind.as_str() {
            "WorkflowTemplate" => object.decode::<WorkflowTemplate>().ok().map(|template| template.spec),
            "ClusterWorkflowTemplate" => object.decode::<ClusterWorkflowTemplate>().ok().map(|template| template.spec),
            _ => None,
        };
        if let Some(spec) = spec {
            self.specs.insert((object.metadata.name.clone(), object.kind == "ClusterWorkflowTemplate"), spec);
        }
    }

    /// Whether it is here already.
    pub fn has(&self, reference: &Reference) -> bool {
        self.specs.contains_key(&(reference.name.clone(), reference.cluster_scope))
    }
}

impl Templates for KnownTemplates<'_> {
    fn find(&self, name: &str, cluster_scope: bool) -> Lookup<'_> {
        match self.specs.get(&(name.to_owned(), cluster_scope)) {
            Some(spec) => Lookup::Found(spec),
            None => self.others.find(name, cluster_scope),
        }
    }
}

/// The template objects that an object refers to; nothing for one that cannot be read.
pub fn references(object: &Object) -> BTreeSet<Reference> {
    // Most objects name none, and reading one to learn that costs as much as judging it.
    if !object.body.get().contains("emplateRef") {
        return BTreeSet::new();
    }
    let of = model::validate::references;
    let found = match object.kind.as_str() {
        "Workflow" => object.decode::<Workflow>().map(|o| of(&o.spec)),
        "WorkflowTemplate" => object.decode::<WorkflowTemplate>().map(|o| of(&o.spec)),
        "ClusterWorkflowTemplate" => object.decode::<ClusterWorkflowTemplate>().map(|o| of(&o.spec)),
        "CronWorkflow" => object.decode::<CronWorkflow>().map(|o| of(&o.spec.workflow_spec)),
        _ => return BTreeSet::new(),
    };
    found.unwrap_or_default()
}
