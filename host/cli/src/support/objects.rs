//! Objects of any kind through the API: apply, create, update, delete, list; and how kubectl names them.

use bytes::Bytes;
use client::v1::{
    ApplyOutcome, BatchApplyOptions, DeleteRequest, DryRun, KindInfo, ListKindsRequest, ListRequest, ObjectKey,
    ObjectSelector, Order, Precondition, Propagation, UpdateRequest,
};
use futures::TryStreamExt;
use serde_json::Value;

use super::documents::Document;
use super::{refused, violation};
use crate::context::{Connection, Context};
use crate::error::{CliError, CliResult, Exit};

/// The kinds that a server knows.
#[derive(Debug, Clone, Default)]
pub struct Kinds(Vec<KindInfo>);

impl Kinds {
    /// Asks the server.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn of(connection: &Connection) -> CliResult<Self> {
        let answer = connection.client.resources().list_kinds(ListKindsRequest {}).await;
        Ok(Self(answer.map_err(|e| refused(e, Some("cannot list the kinds".into())))?.kinds))
    }

    /// Of given kinds.
    pub fn new(kinds: Vec<KindInfo>) -> Self {
        Self(kinds)
    }

    /// The kind that a word means: plural, singular, short name, kind, with or without `.group`.
    ///
    /// # Errors
    /// None of them.
    pub fn find(&self, word: &str) -> CliResult<&KindInfo> {
        let (name, group) = word.split_once('.').map_or((word, None), |(name, group)| (name, Some(group)));
        let means = |kind: &&KindInfo| {
            let called = [&kind.plural, &kind.singular, &kind.kind]
                .into_iter()
                .chain(&kind.short_names)
                .any(|n| n.eq_ignore_ascii_case(name));
            called && group.is_none_or(|group| group == group_of(&kind.api_version))
        };
        self.0.iter().find(means).ok_or_else(|| {
            let near = self
                .0
                .iter()
                .flat_map(|kind| [&kind.plural, &kind.singular].into_iter().chain(&kind.short_names))
                .map(|known| (strsim::jaro_winkler(known, &name.to_lowercase()), known))
                .filter(|(likeness, _)| *likeness > 0.8)
                .max_by(|a, b| a.0.total_cmp(&b.0));
            let known: Vec<&str> = self.0.iter().map(|kind| kind.plural.as_str()).collect();
            let error = CliError::usage(format!("the server knows no kind `{word}`"));
            match near {
                Some((_, name)) => error.hint(format!("did you mean `{name}`?")),
                None => error
                    .hint(format!("it knows {}", known.join(", ")))
                    .hint(format!("if {word} is a run: `colchis workflow get {word}`")),
            }
        })
    }

    /// All of them.
    pub fn all(&self) -> &[KindInfo] {
        &self.0
    }
}

/// `argoproj.io` of `argoproj.io/v1alpha1`; empty for Kubernetes' own.
pub fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// `workflow.argoproj.io`: how kubectl calls a kind before the slash.
pub fn kind_name(api_version: &str, kind: &str) -> String {
    let singular = kind.to_ascii_lowercase();
    match group_of(api_version) {
        "" => singular,
        group => format!("{singular}.{group}"),
    }
}

/// `workflow.argoproj.io/hello`.
pub fn object_name(api_version: &str, kind: &str, name: &str) -> String {
    format!("{}/{name}", kind_name(api_version, kind))
}

/// On whose behalf the command line applies, unless told otherwise.
pub const MANAGER: &str = "colchis";

/// How documents are brought to the server.
#[derive(Debug, Clone, Copy, Default)]
pub struct ApplyHow<'a> {
    /// On whose behalf; [`MANAGER`] unless said.
    pub manager: Option<&'a str>,
    /// Take over fields that other managers applied.
    pub force: bool,
    /// Refuse what is there already.
    pub create_only: bool,
    /// Only try.
    pub dry_run: bool,
    /// Tell nothing of what was as it should be.
    pub quiet: bool,
    /// Tell on standard error: they are no result.
    pub aside: bool,
}

/// What was applied.
#[derive(Debug, Clone)]
pub struct Applied {
    /// Which object.
    pub key: ObjectKey,
    /// What was done.
    pub outcome: ApplyOutcome,
}

/// Applies documents in their order, and tells of each. One that is refused does not keep the others from it.
///
/// # Errors
/// All refusals have been told; the exit code says that there were some.
pub async fn apply(
    ctx: &mut Context,
    connection: &Connection,
    documents: &[Document],
    how: ApplyHow<'_>,
) -> CliResult<Vec<Applied>> {
    let options = BatchApplyOptions {
        namespace: connection.namespace.clone(),
        field_manager: how.manager.unwrap_or(MANAGER).to_owned(),
        force: how.force,
        dry_run: if how.dry_run { DryRun::Server.into() } else { DryRun::None.into() },
        stop_on_error: false,
        create_only: how.create_only,
    };
    let texts: Vec<Bytes> = documents.iter().map(Document::json).collect();
    let failed = |e| refused(e, Some("cannot apply".into()));
    let mut answers = connection.client.apply_all(options, texts).await.map_err(failed)?;
    let mut applied = Vec::new();
    let mut worst: Option<Exit> = None;
    while let Some(item) = answers.try_next().await.map_err(failed)? {
        let document = documents.get(item.index as usize);
        let label = document.map_or_else(|| format!("document {}", item.index), Document::label);
        match item.result {
            Ok(answer) => {
                for warning in &answer.warnings {
                    let mut text = crate::render::Text::plain(format!("{label}: "));
                    text.append(violation(warning));
                    ctx.out.note(text);
                }
                let outcome = answer.outcome();
                let key = answer.key.unwrap_or_default();
                if !how.quiet || outcome != ApplyOutcome::Unchanged {
                    tell(ctx, &key, outcome, how)?;
                }
                applied.push(Applied { key, outcome });
            }
            Err(error) => {
                let told = placed(error, document, &label);
                ctx.out.error(&told);
                worst = Some(worst.map_or(told.exit, |w| if w == Exit::Usage { w } else { told.exit }));
            }
        }
    }
    match worst {
        None => Ok(applied),
        Some(exit) => Err(CliError::silent(exit)),
    }
}

/// The server's violations name paths of the document; here they get the lines of the file.
fn placed(mut error: client::RpcError, document: Option<&Document>, label: &str) -> CliError {
    if let Some(document) = document {
        for violation in &mut error.violations {
            let position = document.position(&violation.path);
            (violation.line, violation.column) = (position.line, position.column);
        }
    }
    refused(client::ClientError::Rpc(Box::new(error)), Some(format!("cannot apply {label}")))
}

fn tell(ctx: &mut Context, key: &ObjectKey, outcome: ApplyOutcome, how: ApplyHow<'_>) -> CliResult<()> {
    let word = match outcome {
        ApplyOutcome::Created => "created",
        ApplyOutcome::Configured => "configured",
        ApplyOutcome::Unchanged => "unchanged",
        ApplyOutcome::Unspecified => "applied",
    };
    let dry = if how.dry_run { " (server dry run)" } else { "" };
    let line = format!("{} {word}{dry}", object_name(&key.api_version, &key.kind, &key.name));
    if how.aside {
        ctx.out.note(line);
        Ok(())
    } else {
        ctx.out.line(line)
    }
}

/// Replaces objects by documents; they must be there. With `aside` it is told on standard error.
///
/// # Errors
/// The server refuses one.
pub async fn update(ctx: &mut Context, connection: &Connection, documents: &[Document], aside: bool) -> CliResult<()> {
    for document in documents {
        let request = UpdateRequest {
            document: document.json(),
            namespace: connection.namespace.clone(),
            dry_run: DryRun::None.into(),
        };
        let answer = connection.client.resources().update(request).await;
        answer.map_err(|e| refused(e, Some(format!("cannot update {}", document.label()))))?;
        let line = format!("{} updated", object_name(document.api_version(), document.kind(), document.name()));
        match aside {
            true => ctx.out.note(line),
            false => ctx.out.line(line)?,
        }
    }
    Ok(())
}

/// Deletes an object; answers what the server says.
///
/// # Errors
/// The server refuses.
pub async fn delete(
    connection: &Connection,
    key: ObjectKey,
    propagation: Propagation,
    dry_run: bool,
) -> Result<client::v1::DeleteResponse, client::ClientError> {
    let request = DeleteRequest {
        key: Some(key),
        precondition: Some(Precondition::default()),
        propagation: propagation.into(),
        dry_run: if dry_run { DryRun::Server.into() } else { DryRun::None.into() },
    };
    connection.client.resources().delete(request).await
}

/// All objects of a kind, with their bodies.
///
/// # Errors
/// The server refuses.
pub async fn list(
    connection: &Connection,
    kind: &KindInfo,
    namespace: &str,
    selector: &ObjectSelector,
    chunk: u32,
) -> CliResult<(Vec<Value>, u64)> {
    let mut values = Vec::new();
    let mut continue_token = String::new();
    loop {
        let request = ListRequest {
            kind: kind.kind.clone(),
            api_version: kind.api_version.clone(),
            namespace: if kind.namespaced { namespace.to_owned() } else { String::new() },
            selector: Some(selector.clone()),
            order: Order::Name.into(),
            limit: chunk,
            continue_token,
            ..ListRequest::default()
        };
        let page = connection.client.resources().list(request).await;
        let page = page.map_err(|e| refused(e, Some(format!("cannot list {}", kind.plural))))?;
        for item in page.items {
            let value: Value =
                serde_json::from_slice(&item.document).map_err(|e| CliError::from(anyhow::Error::from(e)))?;
            // Larger than a message: read apart, in chunks.
            values.push(if item.body_omitted { whole(connection, kind, &value).await? } else { value });
        }
        continue_token = page.continue_token;
        if continue_token.is_empty() {
            return Ok((values, page.revision));
        }
    }
}

async fn whole(connection: &Connection, kind: &KindInfo, part: &Value) -> CliResult<Value> {
    let text = |pointer: &str| part.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    get(connection, kind, &text("/metadata/namespace"), &text("/metadata/name")).await
}

/// One object, whatever its size.
///
/// # Errors
/// The server refuses.
pub async fn get(connection: &Connection, kind: &KindInfo, namespace: &str, name: &str) -> CliResult<Value> {
    let key = ObjectKey {
        api_version: kind.api_version.clone(),
        kind: kind.kind.clone(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    let answer = connection.client.get_object(client::v1::GetRequest { key: Some(key), reveal_secrets: false }).await;
    let answer = answer.map_err(|e| refused(e, Some(format!("cannot get {} {name}", kind.singular))))?;
    serde_json::from_slice(&answer.document).map_err(|e| CliError::from(anyhow::Error::from(e)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds() -> Kinds {
        let kind = |api: &str, kind: &str, plural: &str, short: &[&str]| KindInfo {
            api_version: api.into(),
            kind: kind.into(),
            plural: plural.into(),
            singular: kind.to_lowercase(),
            short_names: short.iter().map(|s| (*s).to_owned()).collect(),
            namespaced: true,
            custom: false,
        };
        Kinds::new(vec![
            kind("argoproj.io/v1alpha1", "Workflow", "workflows", &["wf"]),
            kind("v1", "ConfigMap", "configmaps", &["cm"]),
        ])
    }

    #[test]
    fn kinds_are_found_as_people_call_them() {
        for word in ["wf", "Workflow", "workflows", "workflow.argoproj.io", "WORKFLOWS"] {
            assert_eq!(kinds().find(word).unwrap().kind, "Workflow", "{word}");
        }
        let kinds = kinds();
        let error = kinds.find("workflws").unwrap_err();
        assert_eq!(error.hints, ["did you mean `workflows`?"]);
        assert_eq!(kinds.find("workflow.apps").unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn names_are_kubectls() {
        assert_eq!(object_name("argoproj.io/v1alpha1", "Workflow", "hello"), "workflow.argoproj.io/hello");
        assert_eq!(object_name("v1", "ConfigMap", "c"), "configmap/c");
    }
}
