//! Linting: everything that is wrong with manifests, where in their text, as the offline lint says it.

use model::schema;
use model::yaml::{self, Document, Position, ReadError};
use model::{Object, Violation};
use proto_gen::v1::{FieldViolation, LintRequest, LintResponse, LintedDocument, ObjectKey, Severity};

use crate::admission::{all, told};
use crate::failure::{Failure, Outcome};
use crate::gate::Grant;
use crate::meaning;

/// Violations in one answer; more are counted in the last.
const VIOLATIONS_MAX: usize = 5_000;

/// Lints all documents of all manifests.
pub(crate) async fn lint(grant: &Grant, request: &LintRequest) -> Outcome<LintResponse> {
    let limits = grant.limits();
    if request.manifests.is_empty() {
        return Err(Failure::field("manifests", "is required"));
    }
    let reading = yaml::Limits {
        document_bytes_max: usize::try_from(limits.object_bytes_max).unwrap_or(usize::MAX),
        documents_max: usize::try_from(limits.lint_documents_max).unwrap_or(usize::MAX),
        ..yaml::Limits::DEFAULT
    };
    let mut answer = LintResponse::default();
    let mut documents: Vec<(u32, Document)> = Vec::new();
    for (at, manifest) in request.manifests.iter().enumerate() {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        let (read, error) = match std::str::from_utf8(manifest) {
            Ok(text) => yaml::read_partial(text, &reading),
            Err(_) => (Vec::new(), yaml::read_bytes(manifest, &reading).err()),
        };
        documents.extend(read.into_iter().map(|document| (at, document)));
        if let Some(error) = error {
            let document = u32::try_from(documents.len()).unwrap_or(u32::MAX);
            answer.violations.push(unreadable(&error, document));
        }
    }
    let count = documents.len() as u64;
    if count > limits.lint_documents_max {
        return Err(Failure::too_large("the request", "lint_documents_max", limits.lint_documents_max, count));
    }
    let objects: Vec<Option<Object>> = documents.iter().map(|(_, document)| object_of(document, grant)).collect();
    for (at, ((manifest, document), object)) in documents.iter().zip(&objects).enumerate() {
        let key = object.as_ref().map(key_of);
        answer.documents.push(LintedDocument { manifest: *manifest, key });
        let mut found = all(&schema::check(document.json()), true);
        if let Some(object) = object.as_ref().filter(|_| !found.iter().any(|v| v.severity() == Severity::Error)) {
            found.extend(meaning::of(grant, object).await?.iter().map(told));
        }
        place(&mut found, document, u32::try_from(at).unwrap_or(u32::MAX));
        answer.violations.extend(found);
    }
    if answer.violations.len() > VIOLATIONS_MAX {
        let more = answer.violations.len() - VIOLATIONS_MAX;
        answer.violations.truncate(VIOLATIONS_MAX);
        let rest = Violation::error("LINT", "", format!("and {more} more"));
        answer.violations.push(told(&rest));
    }
    answer.ok = !answer.violations.iter().any(|violation| violation.severity() == Severity::Error);
    Ok(answer)
}

fn object_of(document: &Document, grant: &Grant) -> Option<Object> {
    let mut object = Object::from_json(document.json()).ok()?;
    let namespaced = model::meta::find_kind(&object.api_version, &object.kind).is_none_or(|info| info.namespaced);
    if object.metadata.namespace.is_empty() && namespaced {
        grant.namespace().clone_into(&mut object.metadata.namespace);
    }
    Some(object)
}

fn key_of(object: &Object) -> ObjectKey {
    let meta = &object.metadata;
    ObjectKey {
        api_version: object.api_version.clone(),
        kind: object.kind.clone(),
        namespace: meta.namespace.clone(),
        name: if meta.name.is_empty() { meta.generate_name.clone() } else { meta.name.clone() },
    }
}

/// Puts line and column to violations.
fn place(found: &mut [FieldViolation], document: &Document, at: u32) {
    let paths: Vec<&str> = found.iter().map(|violation| violation.path.as_str()).collect();
    let places: Vec<Position> = document
        .positions(&paths)
        .into_iter()
        .zip(&paths)
        .map(|(position, path)| position.unwrap_or_else(|| document.nearest_position(path)))
        .collect();
    for (violation, position) in found.iter_mut().zip(places) {
        violation.line = u32::try_from(position.line).unwrap_or_default();
        violation.column = u32::try_from(position.column).unwrap_or_default();
        violation.document = at;
    }
}

fn unreadable(error: &ReadError, document: u32) -> FieldViolation {
    FieldViolation {
        message: error.reason.clone(),
        code: error.kind.code().to_owned(),
        hint: error.hint.clone().unwrap_or_default(),
        severity: Severity::Error.into(),
        line: u32::try_from(error.position.line).unwrap_or_default(),
        column: u32::try_from(error.position.column).unwrap_or_default(),
        document,
        ..FieldViolation::default()
    }
}
