//! Documents before they are stored: schema, then meaning, then what may change about an object that is there.

use std::sync::Arc;

use model::core::{CustomResourceDefinition, Secret};
use model::meta::{Kind as _, find_kind};
use model::schema::{self, Checked, CustomSchema};
use model::workflow::Workflow;
use model::{Object, Violation};
use proto_gen::Rpc;
use proto_gen::v1::{FieldViolation, Severity};
use serde_json::Value;
use store::objects::{ListQuery, Selector};

use crate::configs;
use crate::document::{self, Draft, describe, fields_of};
use crate::failure::{Failure, Outcome, violation};
use crate::gate::Grant;
use crate::kinds::KindRef;
use crate::meaning;
use crate::submit::{CREATOR_LABEL, REUSE_ANNOTATION, label_of};

/// What the server demands of documents beyond what they must be.
#[derive(Debug, Clone, Default)]
pub struct AdmissionSettings {
    /// `workflowRestrictions.templateReferencing`: runs must be made from templates.
    pub template_referencing: Option<TemplateReferencing>,
}

/// How far a run is bound to its template (`workflowRestrictions.templateReferencing`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateReferencing {
    /// A run must have `spec.workflowTemplateRef`.
    Strict,
    /// As strict; and beside it a run may give arguments and choose the entry point, nothing else.
    Secure,
}

/// What may change in the spec of a run that is there.
const MUTABLE_SPEC: &[&str] = &[
    "suspend",
    "shutdown",
    "activeDeadlineSeconds",
    "parallelism",
    "priority",
    "ttlStrategy",
    "podGC",
    "volumeClaimGC",
    "artifactGC",
];

/// What a run may have beside `workflowTemplateRef` where it is bound to its template.
const SECURE_SPEC: &[&str] =
    &["workflowTemplateRef", "arguments", "entrypoint", "suspend", "priority", "shutdown", "activeDeadlineSeconds"];

/// Checks documents.
pub(crate) struct Admission {
    settings: AdmissionSettings,
}

impl Admission {
    pub(crate) fn new(settings: AdmissionSettings) -> Self {
        Self { settings }
    }

    /// A new object as it is to be stored, and what is worth a look.
    pub(crate) async fn create(
        &self,
        grant: &Grant,
        kind: &KindRef,
        mut draft: Draft,
    ) -> Outcome<(Object, Vec<FieldViolation>)> {
        // A uid names an instance for ever: only the server gives one.
        draft.object.metadata.uid.clear();
        if draft.object.is::<Workflow>() {
            own_marks(grant, &mut draft.object)?;
        }
        self.admit(grant, kind, draft).await
    }

    /// Refuses what a caller wrote that cannot be right by itself, before it is merged with what is there.
    pub(crate) async fn written(&self, grant: &Grant, kind: &KindRef, draft: &Draft) -> Outcome<()> {
        let found = shape(grant, kind, draft).await?;
        if errors(&found) { Err(Failure::violations(&describe(&draft.object), found)) } else { Ok(()) }
    }

    /// A changed object as it is to be stored, and what is worth a look.
    pub(crate) async fn update(
        &self,
        grant: &Grant,
        kind: &KindRef,
        mut draft: Draft,
        before: &Object,
    ) -> Outcome<(Object, Vec<FieldViolation>)> {
        if draft.object.is::<Workflow>() {
            keep_marks(&mut draft.object, before);
            self.written(grant, kind, &draft).await?;
            self.keeps_its_spec(&draft.object, before)?;
            // Steering a run does not ask whether its templates are still there.
            return Ok((draft.object, Vec::new()));
        }
        self.admit(grant, kind, draft).await
    }

    async fn admit(&self, grant: &Grant, kind: &KindRef, draft: Draft) -> Outcome<(Object, Vec<FieldViolation>)> {
        let subject = describe(&draft.object);
        let mut found = shape(grant, kind, &draft).await?;
        let object = draft.object;
        if errors(&found) {
            return Err(Failure::violations(&subject, found));
        }
        let object = if document::is_secret(&object) { with_string_data(object)? } else { object };
        self.restrictions(&object, &mut found)?;
        found.extend(meaning::of(grant, &object).await?.iter().map(told));
        found.extend(configs::of(grant.plugins(), &object).iter().map(told));
        if errors(&found) {
            return Err(Failure::violations(&subject, found));
        }
        Ok((object, found))
    }

    fn restrictions(&self, object: &Object, found: &mut Vec<FieldViolation>) -> Outcome<()> {
        let Some(mode) = self.settings.template_referencing.filter(|_| object.is::<Workflow>()) else { return Ok(()) };
        let fields = fields_of(object)?;
        let spec = fields.get("spec").and_then(Value::as_object);
        let has = |name: &str| spec.is_some_and(|spec| spec.get(name).is_some_and(|value| !value.is_null()));
        let mut refuse = |path: &str, reason: &str| {
            found.push(FieldViolation { code: "Restricted".to_owned(), ..violation(path, reason) });
        };
        if !has("workflowTemplateRef") {
            refuse(
                "spec.workflowTemplateRef",
                "is required: this server runs only what its templates say (templateReferencing)",
            );
        }
        if mode == TemplateReferencing::Secure {
            for name in
                spec.into_iter().flatten().map(|(name, _)| name).filter(|name| !SECURE_SPEC.contains(&name.as_str()))
            {
                refuse(&format!("spec.{name}"), "may not be given beside the template (templateReferencing: Secure)");
            }
        } else if has("templates") {
            refuse("spec.templates", "may not be given beside the template (templateReferencing: Strict)");
        }
        Ok(())
    }

    /// A run's program does not change under it.
    fn keeps_its_spec(&self, object: &Object, before: &Object) -> Outcome<()> {
        if store::codec::same_json(&object.body, &before.body) {
            return Ok(());
        }
        let (old, new) = (fields_of(before)?, fields_of(object)?);
        let mut found = Vec::new();
        for name in old.keys().chain(new.keys()).filter(|name| *name != "spec") {
            if old.get(name) != new.get(name) {
                found.push(fixed(name));
            }
        }
        let spec = |fields: &serde_json::Map<String, Value>| {
            fields.get("spec").and_then(Value::as_object).cloned().unwrap_or_default()
        };
        let (old, new) = (spec(&old), spec(&new));
        for name in old.keys().chain(new.keys().filter(|name| !old.contains_key(*name))) {
            if old.get(name) != new.get(name) && !MUTABLE_SPEC.contains(&name.as_str()) {
                found.push(fixed(&format!("spec.{name}")));
            }
        }
        if found.is_empty() {
            return Ok(());
        }
        Err(Failure::violations(&describe(object), found)
            .hint(format!("of a run that is there, spec may change only in {}", MUTABLE_SPEC.join(", ")))
            .hint("submit a new run, or resubmit this one"))
    }
}

/// What a run says about where it comes from is the server's to say: who submitted it, and whose results it reuses (any uid would do there, also one of
/// another namespace).
fn own_marks(grant: &Grant, run: &mut Object) -> Outcome<()> {
    let call = grant.call();
    let resubmits = matches!(call.rpc(), Rpc::WorkflowsResubmit | Rpc::ArchiveResubmit);
    if !resubmits && run.metadata.annotations.contains_key(REUSE_ANNOTATION) {
        let path = format!("metadata.annotations[{REUSE_ANNOTATION:?}]");
        return Err(
            Failure::field(&path, "is set by the server").hint("to reuse results, resubmit the run with `memoized`")
        );
    }
    run.metadata.labels.remove(CREATOR_LABEL);
    run.metadata.labels.extend(label_of(CREATOR_LABEL, &call.identity().user));
    Ok(())
}

/// The server's marks stay as they are.
fn keep_marks(run: &mut Object, before: &Object) {
    let marks = [
        (&mut run.metadata.labels, &before.metadata.labels, CREATOR_LABEL),
        (&mut run.metadata.annotations, &before.metadata.annotations, REUSE_ANNOTATION),
    ];
    for (now, was, name) in marks {
        match was.get(name) {
            Some(value) => drop(now.insert(name.to_owned(), value.clone())),
            None => drop(now.remove(name)),
        }
    }
}

fn fixed(path: &str) -> FieldViolation {
    FieldViolation { code: "Immutable".to_owned(), ..violation(path, "cannot be changed once the run is there") }
}

fn is_run(object: &Object) -> bool {
    object.api_version == Workflow::API_VERSION
}

/// What is wrong with the shape of what was written.
async fn shape(grant: &Grant, kind: &KindRef, draft: &Draft) -> Outcome<Vec<FieldViolation>> {
    let mut found = Vec::new();
    for text in draft.texts()? {
        let text = std::str::from_utf8(&text).map_err(|error| Failure::internal("a document is not UTF-8", error))?;
        let more = all(&check(grant, kind, text).await?, is_run(&draft.object));
        found.extend(more.into_iter().filter(|one| !found.contains(one)).collect::<Vec<_>>());
    }
    Ok(found)
}

/// The schema's answer.
async fn check(grant: &Grant, kind: &KindRef, json: &str) -> Outcome<Checked> {
    if !kind.custom {
        return Ok(match find_kind(&kind.api_version, &kind.kind) {
            Some(info) => schema::check_as(info, json),
            None => schema::check(json),
        });
    }
    let Some(schema) = custom_schema(grant, kind).await? else { return Ok(Checked::default()) };
    Ok(schema.check(json))
}

/// The schema of a custom kind's definition.
async fn custom_schema(grant: &Grant, kind: &KindRef) -> Outcome<Option<CustomSchema>> {
    let gvk = store::objects::Gvk::new(CustomResourceDefinition::API_VERSION, CustomResourceDefinition::KIND);
    let (group, version) = kind.api_version.split_once('/').unwrap_or(("", &kind.api_version));
    let mut query = ListQuery { selector: Selector::of(gvk), ..ListQuery::default() };
    query.selector.name = Some(Arc::from(format!("{}.{group}", kind.plural)));
    let page = grant.objects().list(&query).await?;
    let Some(object) = page.items.first() else { return Ok(None) };
    let Ok(definition) = object.decode::<CustomResourceDefinition>() else { return Ok(None) };
    CustomSchema::new(&definition, version).map(Some).map_err(|error| {
        Failure::precondition(&describe(object), error).hint("correct the definition, then send the object again")
    })
}

/// `stringData` becomes `data`, as it is stored.
fn with_string_data(object: Object) -> Outcome<Object> {
    let secret = object.decode::<Secret>().map_err(|error| Failure::field("data", error))?;
    let written = secret.into_object().map_err(|error| Failure::internal("a secret cannot be written", error))?;
    Ok(Object { status: None, ..written })
}

fn errors(found: &[FieldViolation]) -> bool {
    found.iter().any(|violation| violation.severity() == Severity::Error)
}

/// Violations, and fields without effect.
pub(crate) fn all(checked: &Checked, with_kept: bool) -> Vec<FieldViolation> {
    let mut found: Vec<FieldViolation> = checked.violations.iter().map(told).collect();
    if with_kept {
        found.extend(checked.kept.iter().map(|kept| FieldViolation {
            path: kept.path.clone(),
            message: format!("is kept and has no effect here: {}", kept.reason),
            code: "NoEffect".to_owned(),
            severity: Severity::NoEffect.into(),
            ..FieldViolation::default()
        }));
    }
    found
}

/// A violation as a message.
pub(crate) fn told(violation: &Violation) -> FieldViolation {
    let severity = match violation.severity {
        model::Severity::Error => Severity::Error,
        model::Severity::Warning => Severity::Warning,
    };
    FieldViolation {
        path: violation.path.clone(),
        message: violation.reason.clone(),
        code: violation.code.to_owned(),
        hint: violation.hint.clone().unwrap_or_default(),
        severity: severity.into(),
        ..FieldViolation::default()
    }
}
