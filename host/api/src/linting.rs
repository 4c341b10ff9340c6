//! Linting: what the offline lint says, with the server's templates known.

use lint::{KnownTemplates, Problem, Texts, Weight};
use model::Object;
use model::yaml;
use proto_gen::v1::{FieldViolation, LintRequest, LintResponse, LintedDocument, ObjectKey, Severity};

use crate::configs;
use crate::failure::{Failure, Outcome};
use crate::gate::Grant;
use crate::meaning;

/// Violations in one answer; how many more there are is told in the last.
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
    let texts = Texts::read(request.manifests.iter().map(|manifest| &**manifest), &reading, grant.namespace());
    let count = texts.len() as u64;
    if count > limits.lint_documents_max {
        return Err(Failure::too_large("the request", "lint_documents_max", limits.lint_documents_max, count));
    }
    let mut known = KnownTemplates::beside(meaning::judge_others(request.offline));
    if !request.offline {
        meaning::fetch(grant, texts.objects(), &mut known).await?;
    }
    // What this server's plugins say is nothing that a lint without it can know.
    let configs = |object: &Object| if request.offline { Vec::new() } else { configs::of(grant.plugins(), object) };
    let report = texts.judge_also(&known, configs);
    let ok = report.is_ok();
    let documents = report
        .documents
        .into_iter()
        .map(|document| LintedDocument { manifest: number(document.text), key: document.object.as_ref().map(key_of) });
    let documents = documents.collect();
    let more = report.problems.len().saturating_sub(VIOLATIONS_MAX);
    let mut violations: Vec<FieldViolation> = report.problems.into_iter().take(VIOLATIONS_MAX).map(told).collect();
    if more > 0 {
        violations.push(FieldViolation {
            message: format!("and {more} more"),
            code: "More".to_owned(),
            severity: Severity::Warning.into(),
            ..FieldViolation::default()
        });
    }
    Ok(LintResponse { violations, ok, documents })
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
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

fn told(problem: Problem) -> FieldViolation {
    let severity = match problem.weight {
        Weight::Error => Severity::Error,
        Weight::Warning => Severity::Warning,
        Weight::NoEffect => Severity::NoEffect,
    };
    FieldViolation {
        path: problem.path,
        message: problem.reason,
        code: problem.code.to_owned(),
        hint: problem.hint.unwrap_or_default(),
        severity: severity.into(),
        line: problem.position.line,
        column: problem.position.column,
        document: number(problem.document),
    }
}
