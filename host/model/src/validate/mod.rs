//! What objects mean: everything that a linter can know without running anything, all of it said at once.
//!
//! ```text
//!  Object ──decode──► kind ──► metadata · spec · templates · calls · graphs · arguments · tags ──► Vec<Violation>
//!                                 ▲                      ▲
//!                       Syntax (expressions, given)      Templates (other objects, given)
//! ```
//!
//! It assumes that the shape was checked before ([`crate::schema::check`]). What belongs to other crates is given by the caller:
//! the grammar of expressions ([`Syntax`]) and other objects ([`Templates`]). The cost is linear in the size of the object.
//!
//! Errors refuse an object. Warnings say what cannot be known here (a template of another object, offline) or what is accepted
//! and probably not meant.

mod arguments;
mod artifacts;
mod calls;
mod container;
mod cron;
mod dag;
mod event;
mod leaf;
mod metadata;
mod plugin;
mod references;
mod report;
mod scope;
mod settings;
mod spec;
mod strings;
mod syntax;
mod template;
mod volumes;

use crate::core::{ConfigMap, CustomResourceDefinition, PersistentVolumeClaim, Secret};
use crate::meta::{Kind, Object, find_kind};
use crate::plugin::Plugin;
use crate::violation::Violation;
use crate::workflow::{
    ClusterWorkflowTemplate, CronWorkflow, Workflow, WorkflowEventBinding, WorkflowSpec, WorkflowTemplate,
};

pub use references::{Reference, references};
pub use syntax::{Fault, PlainSyntax, Syntax, Tag, TaskResult};

use report::Report;
use spec::Role;

/// What validation is given.
pub struct Context<'a> {
    /// The grammar of expressions.
    pub syntax: &'a dyn Syntax,
    /// Template objects.
    pub templates: &'a dyn Templates,
    /// Limits.
    pub limits: Limits,
}

/// Limits of one object. Passing one is an error, not a cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Templates of one object.
    pub templates_max: usize,
    /// Tasks of one graph, and steps of one list of steps.
    pub tasks_max: usize,
    /// Items written into one `withItems`.
    pub items_max: usize,
    /// Parameters, and artifacts, of one list.
    pub parameters_max: usize,
    /// Violations that are listed.
    pub violations_max: usize,
    /// Inline templates inside one another.
    pub inline_depth_max: usize,
}

impl Limits {
    /// 10,000 templates, 200,000 tasks, 100,000 items, 10,000 parameters, 1,000 violations, 16 inline templates deep.
    pub const DEFAULT: Self = Self {
        templates_max: 10_000,
        tasks_max: 200_000,
        items_max: 100_000,
        parameters_max: 10_000,
        violations_max: 1_000,
        inline_depth_max: 16,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What is known of a template object.
#[derive(Debug, Clone, Copy)]
pub enum Lookup<'a> {
    /// It exists.
    Found(&'a WorkflowSpec),
    /// It does not exist.
    Missing,
    /// It cannot be known here (offline).
    Unknown,
}

/// Template objects of the namespace and of the cluster.
pub trait Templates {
    /// The WorkflowTemplate of this name, or with `cluster_scope` the ClusterWorkflowTemplate.
    fn find(&self, name: &str, cluster_scope: bool) -> Lookup<'_>;
}

/// Nothing is known of other objects.
pub struct Offline;

impl Templates for Offline {
    fn find(&self, _: &str, _: bool) -> Lookup<'_> {
        Lookup::Unknown
    }
}

/// Validates an object of any kind. Of kinds without rules of their own the metadata is validated.
pub fn validate(object: &Object, context: &Context<'_>) -> Vec<Violation> {
    let mut report = Report::new(context);
    report.within("metadata", |r| metadata::check(r, &object.metadata, find_kind(&object.api_version, &object.kind)));
    let body = match (&*object.api_version, &*object.kind) {
        (Workflow::API_VERSION, Workflow::KIND) => {
            decoded(&mut report, object, |r, o: Workflow| spec::check(r, &o.spec, Role::Run))
        }
        (WorkflowTemplate::API_VERSION, WorkflowTemplate::KIND) => {
            decoded(&mut report, object, |r, o: WorkflowTemplate| spec::check(r, &o.spec, Role::Template))
        }
        (ClusterWorkflowTemplate::API_VERSION, ClusterWorkflowTemplate::KIND) => {
            decoded(&mut report, object, |r, o: ClusterWorkflowTemplate| spec::check(r, &o.spec, Role::Template))
        }
        (CronWorkflow::API_VERSION, CronWorkflow::KIND) => {
            decoded(&mut report, object, |r, o: CronWorkflow| cron::check(r, &o))
        }
        (WorkflowEventBinding::API_VERSION, WorkflowEventBinding::KIND) => {
            decoded(&mut report, object, |r, o: WorkflowEventBinding| event::check(r, &o))
        }
        (ConfigMap::API_VERSION, ConfigMap::KIND) => {
            decoded(&mut report, object, |r, o: ConfigMap| metadata::config_map(r, &o))
        }
        (Secret::API_VERSION, Secret::KIND) => decoded(&mut report, object, |r, o: Secret| metadata::secret(r, &o)),
        (PersistentVolumeClaim::API_VERSION, PersistentVolumeClaim::KIND) => {
            decoded(&mut report, object, |r, o: PersistentVolumeClaim| metadata::claim(r, &o))
        }
        (CustomResourceDefinition::API_VERSION, CustomResourceDefinition::KIND) => {
            decoded(&mut report, object, |r, o: CustomResourceDefinition| metadata::definition(r, &o))
        }
        (Plugin::API_VERSION, Plugin::KIND) => decoded(&mut report, object, |r, o: Plugin| plugin::check(r, &o)),
        _ => Ok(()),
    };
    if let Err(violation) = body {
        report.add(*violation);
    }
    report.finish()
}

/// Validates a run's spec by itself, such as one put together from a template object, defaults and its own fields.
pub fn validate_spec(spec: &WorkflowSpec, context: &Context<'_>) -> Vec<Violation> {
    let mut report = Report::new(context);
    report.within("spec", |r| spec::check_at(r, spec, Role::Run));
    report.finish()
}

fn decoded<'c, K: Kind>(
    report: &mut Report<'c>,
    object: &Object,
    check: impl FnOnce(&mut Report<'c>, K),
) -> Result<(), Box<Violation>> {
    match object.decode::<K>() {
        Ok(kind) => {
            check(report, kind);
            Ok(())
        }
        Err(error) => {
            let source = std::error::Error::source(&error).map(|s| format!(": {s}")).unwrap_or_default();
            Err(Box::new(Violation::error("SC003", "", format!("{error}{source}"))))
        }
    }
}

#[cfg(test)]
mod tests;
