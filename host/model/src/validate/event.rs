//! WorkflowEventBindings.

use super::report::Report;
use super::{Lookup, metadata};
use crate::workflow::WorkflowEventBinding;

/// Checks an event binding; the walk is at the object.
pub(super) fn check(report: &mut Report<'_>, binding: &WorkflowEventBinding) {
    let spec = &binding.spec;
    report.within("spec", |r| {
        r.within("event", |r| {
            r.within("selector", |r| {
                if spec.event.selector.is_empty() {
                    r.error("WF220", "the selector is missing")
                        .hinted("an expression such as payload.action == \"opened\"");
                } else if let Err(fault) = r.context.syntax.expression(&spec.event.selector) {
                    r.error("WF041", fault.reason).maybe_hinted(fault.hint);
                }
            });
        });
        let Some(submit) = &spec.submit else { return };
        r.within("submit", |r| {
            let reference = &submit.workflow_template_ref;
            let kind = if reference.cluster_scope { "ClusterWorkflowTemplate" } else { "WorkflowTemplate" };
            let templates = r.context.templates;
            r.within("workflowTemplateRef", |r| {
                if reference.name.is_empty() {
                    r.error_in("name", "WF011", "the field is missing");
                    return;
                }
                match templates.find(&reference.name, reference.cluster_scope) {
                    Lookup::Missing => {
                        r.error_in("name", "WF012", format!("there is no {kind} {:?}", reference.name));
                    }
                    Lookup::Unknown => {
                        let reason = format!("the {kind} {:?} is not known here", reference.name);
                        r.warning_in("name", "WF012", reason);
                    }
                    Lookup::Found(_) => {}
                }
            });
            if let Some(meta) = &submit.metadata {
                r.within("metadata", |r| {
                    r.within("labels", |r| metadata::labels(r, &meta.labels));
                    r.within("annotations", |r| metadata::annotations(r, &meta.annotations));
                });
            }
            for (i, parameter) in submit.arguments.iter().flat_map(|a| &a.parameters).enumerate() {
                r.within("arguments", |r| {
                    r.within_item("parameters", i, |r| {
                        super::arguments::name(r, &parameter.name);
                        let event = parameter.value_from.as_ref().and_then(|f| f.event.as_deref());
                        match event {
                            Some(event) => {
                                if let Err(fault) = r.context.syntax.expression(event) {
                                    let mark = r.path.push_path("valueFrom.event");
                                    r.error("WF041", fault.reason).maybe_hinted(fault.hint);
                                    r.path.truncate(mark);
                                }
                            }
                            None if parameter.value.is_none() && parameter.value_from.is_none() => {
                                r.error("WF032", format!("{:?} has no value", parameter.name))
                                    .hinted("write valueFrom.event");
                            }
                            None => {}
                        }
                    });
                });
            }
        });
    });
}
