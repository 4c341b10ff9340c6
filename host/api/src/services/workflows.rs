//! `Workflows`: submit, look, wait, steer.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream};
use model::Object;
use proto_gen::v1::submit_stream_request::Message as SubmitMessage;
use proto_gen::v1::workflows_server::Workflows;
use proto_gen::v1::*;
use runtime::control::Command;
use serde_json::value::RawValue;
use store::objects::{DeleteOptions, Key, ListQuery, Precondition as StorePrecondition};
use tonic::{Request, Response, Status, Streaming};

use super::nodes;
use super::resources::dry_run;
use crate::call::{self, Call};
use crate::document::{self, Draft, Parts, revision_of};
use crate::failure::{Failure, Outcome};
use crate::gate::{Gate, Grant};
use crate::kinds::WORKFLOW;
use crate::streams::{Answers, bounded};
use crate::{linting, pages, selector, streams, submit, summary, write};

/// The service.
#[derive(Clone)]
pub(crate) struct WorkflowsService(pub(crate) Gate);

impl WorkflowsService {
    /// One run of the request, and the call let through to it.
    fn at(&self, call: &Call, namespace: &str, name: &str) -> Outcome<(Grant, Key)> {
        call.about(|| format!("workflow {}/{name}", self.0.namespace(namespace)));
        let grant = self.0.pass(call, namespace)?;
        let key = grant.key(&WORKFLOW, name)?;
        Ok((grant, key))
    }

    async fn submit_one(&self, call: &Call, request: SubmitRequest) -> Outcome<SubmitResponse> {
        let mut options = request.options.unwrap_or_default();
        let dry = dry_run(call, options.dry_run);
        let (grant, draft) = match request.source {
            Some(submit_request::Source::Manifest(manifest)) => {
                let mut draft = Draft::parse(manifest, self.0.limits())?;
                let object = &mut draft.object;
                submit::require_workflow(object)?;
                write::place(object, &WORKFLOW, &request.namespace, &self.0.about().default_namespace)?;
                let options = &options;
                call.about(|| {
                    let name = if options.name.is_empty() { &object.metadata.name } else { &options.name };
                    format!("workflow {}/{name}", object.metadata.namespace)
                });
                (self.0.pass(call, &object.metadata.namespace)?, draft)
            }
            Some(submit_request::Source::Template(source)) => {
                let grant = self.0.pass(call, &request.namespace)?;
                let draft = Draft::of(submit::from_template(&grant, &source).await?)?;
                (grant, draft)
            }
            None => return Err(Failure::field("source", "is required: a manifest or a template")),
        };
        let return_document = std::mem::take(&mut options.return_document);
        let draft = submit::overridden(draft, &options)?;
        submitted(&grant, draft, options.dry_run(), dry, return_document).await
    }

    async fn command(&self, call: &Call, namespace: &str, name: &str, command: Command) -> Outcome<WorkflowSummary> {
        let (grant, key) = self.at(call, namespace, name)?;
        grant.control().command(&key.namespace, &key.name, command).await?;
        Ok(summary::workflow(&*grant.objects().get(&key).await?, true))
    }

    /// A run and its document.
    async fn read(&self, call: &Call, request: &GetWorkflowRequest) -> Outcome<(WorkflowSummary, Bytes)> {
        let (grant, key) = self.at(call, &request.namespace, &request.name)?;
        read(&grant, &key, request.status()).await
    }
}

/// A run and its document, with as much of its status as is asked for.
pub(crate) async fn read(grant: &Grant, key: &Key, status: StatusDetail) -> Outcome<(WorkflowSummary, Bytes)> {
    let object = grant.objects().get(key).await?;
    let row = summary::workflow(&object, true);
    let document = match status {
        StatusDetail::Summary => document::to_json(&object, Parts::Whole)?,
        StatusDetail::None => document::to_json(&object, Parts::WithoutStatus)?,
        StatusDetail::Full => {
            let status = grant.control().full_status(&key.namespace, &key.name).await?;
            let status: Box<RawValue> = document::raw(&*status)?;
            let object = Object { status: Some(status), ..Object::clone(&object) };
            document::to_json(&object, Parts::Whole)?
        }
    };
    Ok((row, document))
}

/// Stores a run that is complete.
pub(crate) async fn submitted(
    grant: &Grant,
    draft: Draft,
    how: DryRun,
    dry_run: bool,
    return_document: bool,
) -> Outcome<SubmitResponse> {
    let (object, warnings) = match how {
        DryRun::MergeOnly => (std::sync::Arc::new(draft.object), Vec::new()),
        _ => {
            let written = write::create(grant, &WORKFLOW, draft, dry_run).await?;
            (written.object, written.warnings)
        }
    };
    let mut answer = SubmitResponse {
        namespace: object.metadata.namespace.clone(),
        name: object.metadata.name.clone(),
        uid: object.metadata.uid.clone(),
        resource_version: revision_of(&object),
        document: Bytes::new(),
        warnings,
    };
    if return_document || dry_run {
        let document = document::to_json(&object, Parts::Whole)?;
        if pages::fits(&document, grant.limits()) {
            answer.document = document;
        }
    }
    Ok(answer)
}

/// Options for a resubmitted run.
pub(crate) fn resubmit_options(parameters: Vec<Parameter>) -> SubmitOptions {
    SubmitOptions { parameters, ..SubmitOptions::default() }
}

pub(crate) fn parameters(given: Vec<Parameter>) -> Vec<(String, String)> {
    given.into_iter().map(|parameter| (parameter.name, parameter.value)).collect()
}

pub(crate) fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// A run's document in chunks, its row first.
pub(crate) fn document_chunks(
    gate: &Gate,
    call: &Call,
    row: WorkflowSummary,
    document: Bytes,
) -> Answers<GetWorkflowChunk> {
    let total = document.len() as u64;
    let mut row = Some(row);
    let chunks = pages::chunks(document, gate.limits()).map(move |data| {
        let summary = row.take();
        let total_bytes = if summary.is_some() { total } else { 0 };
        Ok(GetWorkflowChunk { summary, data, total_bytes })
    });
    bounded(gate, call, stream::iter(chunks))
}

#[tonic::async_trait]
impl Workflows for WorkflowsService {
    type GetStreamStream = Answers<GetWorkflowChunk>;
    type WatchStream = Answers<WatchWorkflowsResponse>;
    type WatchNodesStream = Answers<WatchNodesResponse>;

    async fn submit(&self, request: Request<SubmitRequest>) -> Result<Response<SubmitResponse>, Status> {
        let (call, request) = Call::of(request)?;
        Ok(Response::new(self.submit_one(&call, request).await?))
    }

    async fn submit_stream(
        &self,
        request: Request<Streaming<SubmitStreamRequest>>,
    ) -> Result<Response<SubmitResponse>, Status> {
        let (call, mut messages) = Call::of(request)?;
        let limit = self.0.limits().object_bytes_max;
        let mut head = match call::next(&mut messages).await?.and_then(|first| first.message) {
            Some(SubmitMessage::Head(head)) => head,
            _ => return Err(Failure::field("head", "must come first").into()),
        };
        let mut manifest = BytesMut::new();
        while let Some(message) = call::next(&mut messages).await? {
            let Some(SubmitMessage::Chunk(chunk)) = message.message else {
                return Err(Failure::field("chunk", "is expected after the head").into());
            };
            let size = (manifest.len() + chunk.len()) as u64;
            if size > limit {
                return Err(Failure::too_large("the manifest", "object_bytes_max", limit, size).into());
            }
            manifest.extend_from_slice(&chunk);
        }
        if !manifest.is_empty() {
            if head.source.is_some() {
                return Err(Failure::field("chunk", "the head has a source already").into());
            }
            head.source = Some(submit_request::Source::Manifest(manifest.freeze()));
        }
        Ok(Response::new(self.submit_one(&call, head).await?))
    }

    async fn list(&self, request: Request<ListWorkflowsRequest>) -> Result<Response<ListWorkflowsResponse>, Status> {
        let (call, request) = Call::of(request)?;
        let grant = self.0.pass_list(&call, &WORKFLOW, &request.namespace)?;
        let query = ListQuery {
            selector: selector::of(&grant, &WORKFLOW, request.selector.as_ref())?,
            order: selector::order(request.order),
            limit: Some(self.0.limits().page(request.limit)),
            continue_token: some(request.continue_token),
            without_body: !request.wide,
        };
        let page = rows(&grant, query, request.wide).await?;
        Ok(Response::new(page))
    }

    async fn get(&self, request: Request<GetWorkflowRequest>) -> Result<Response<GetWorkflowResponse>, Status> {
        let (call, request) = Call::of(request)?;
        let (summary, document) = self.read(&call, &request).await?;
        if !pages::fits(&document, self.0.limits()) {
            let limit = self.0.limits().message_bytes_max;
            let failure = Failure::too_large(call.subject(), "message_bytes_max", limit, document.len() as u64);
            return Err(failure.hint("read it in chunks: Workflows.GetStream").into());
        }
        Ok(Response::new(GetWorkflowResponse { summary: Some(summary), document }))
    }

    async fn get_stream(
        &self,
        request: Request<GetWorkflowRequest>,
    ) -> Result<Response<Self::GetStreamStream>, Status> {
        let (call, request) = Call::of(request)?;
        let (summary, document) = self.read(&call, &request).await?;
        Ok(Response::new(document_chunks(&self.0, &call, summary, document)))
    }

    async fn watch(&self, request: Request<WatchWorkflowsRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let (call, request) = Call::of(request)?;
        let grant = self.0.pass_list(&call, &WORKFLOW, &request.namespace)?;
        let selector = selector::of(&grant, &WORKFLOW, request.selector.as_ref())?;
        let idle = Duration::from_millis(self.0.limits().watch_idle_ms);
        let news = streams::watch(grant.objects(), &selector, request.from_revision, idle).await?;
        let answers = news.map(move |news| {
            let (kind, object, revision) = news?;
            let workflow = object.map(|object| summary::workflow(&object, request.wide));
            Ok(WatchWorkflowsResponse { r#type: kind.into(), workflow, revision })
        });
        Ok(Response::new(bounded(&self.0, &call, answers)))
    }

    async fn list_nodes(&self, request: Request<ListNodesRequest>) -> Result<Response<ListNodesResponse>, Status> {
        let (call, request) = Call::of(request)?;
        let (grant, key) = self.at(&call, &request.namespace, &request.name)?;
        Ok(Response::new(nodes::page(&grant, &key, &request).await?))
    }

    async fn watch_nodes(
        &self,
        request: Request<WatchNodesRequest>,
    ) -> Result<Response<Self::WatchNodesStream>, Status> {
        let (call, request) = Call::of(request)?;
        let (grant, key) = self.at(&call, &request.namespace, &request.name)?;
        let answers = nodes::watch(&grant, &key, request.full).await?;
        Ok(Response::new(bounded(&self.0, &call, answers)))
    }

    async fn wait(&self, request: Request<WaitRequest>) -> Result<Response<WaitResponse>, Status> {
        let (call, request) = Call::of(request)?;
        let (grant, key) = self.at(&call, &request.namespace, &request.name)?;
        let max = self.0.limits().wait_max_ms;
        let timeout = if request.timeout_ms == 0 { max } else { request.timeout_ms.min(max) };
        // The caller's own deadline ends the wait a little earlier, so that the answer still arrives.
        let left = call.deadline().map(|at| at.saturating_duration_since(tokio::time::Instant::now()).mul_f32(0.9));
        let timeout = Duration::from_millis(timeout).min(left.unwrap_or(Duration::MAX));
        let wait = grant.control().wait(&key.namespace, &key.name);
        let status = tokio::select! {
            status = tokio::time::timeout(timeout, wait) => status,
            () = self.0.stopping().cancelled() => return Err(crate::failure::stopping().into()),
        };
        let row = |object: &Object| summary::workflow(object, true);
        Ok(Response::new(match status {
            Ok(status) => {
                let status = status.map_err(Failure::from)?;
                // A run that is deleted as soon as it ends is still told of.
                let row = match grant.objects().get(&key).await {
                    Ok(object) => row(&object),
                    Err(_) => WorkflowSummary {
                        namespace: key.namespace.to_string(),
                        name: key.name.to_string(),
                        ..WorkflowSummary::default()
                    },
                };
                WaitResponse { workflow: Some(summary::with_status(row, &status)), ended: true }
            }
            Err(_) => {
                let object = grant.objects().get(&key).await.map_err(Failure::from)?;
                WaitResponse { workflow: Some(row(&object)), ended: false }
            }
        }))
    }

    async fn stop(&self, request: Request<StopRequest>) -> Result<Response<StopResponse>, Status> {
        let (call, r) = Call::of(request)?;
        let command = Command::Stop { node_selector: some(r.node_selector), message: some(r.message) };
        let workflow = Some(self.command(&call, &r.namespace, &r.name, command).await?);
        Ok(Response::new(StopResponse { workflow }))
    }

    async fn terminate(&self, request: Request<TerminateRequest>) -> Result<Response<TerminateResponse>, Status> {
        let (call, r) = Call::of(request)?;
        let workflow = Some(self.command(&call, &r.namespace, &r.name, Command::Terminate).await?);
        Ok(Response::new(TerminateResponse { workflow }))
    }

    async fn suspend(&self, request: Request<SuspendRequest>) -> Result<Response<SuspendResponse>, Status> {
        let (call, r) = Call::of(request)?;
        let workflow = Some(self.command(&call, &r.namespace, &r.name, Command::Suspend).await?);
        Ok(Response::new(SuspendResponse { workflow }))
    }

    async fn resume(&self, request: Request<ResumeRequest>) -> Result<Response<ResumeResponse>, Status> {
        let (call, r) = Call::of(request)?;
        let command = Command::Resume { node_selector: some(r.node_selector) };
        let workflow = Some(self.command(&call, &r.namespace, &r.name, command).await?);
        Ok(Response::new(ResumeResponse { workflow }))
    }

    async fn retry(&self, request: Request<RetryRequest>) -> Result<Response<RetryResponse>, Status> {
        let (call, r) = Call::of(request)?;
        let command = Command::Retry {
            restart_successful: r.restart_successful,
            node_selector: some(r.node_selector),
            parameters: parameters(r.parameters),
        };
        let workflow = Some(self.command(&call, &r.namespace, &r.name, command).await?);
        Ok(Response::new(RetryResponse { workflow }))
    }

    async fn resubmit(&self, request: Request<ResubmitRequest>) -> Result<Response<ResubmitResponse>, Status> {
        let (call, r) = Call::of(request)?;
        let (grant, key) = self.at(&call, &r.namespace, &r.name)?;
        let run = grant.objects().get(&key).await.map_err(Failure::from)?;
        let options = SubmitOptions { labels: r.labels, priority: r.priority, ..resubmit_options(r.parameters) };
        let submitted = resubmitted(&grant, &run, r.memoized, &options).await?;
        Ok(Response::new(ResubmitResponse { submitted: Some(submitted) }))
    }

    async fn set_node(&self, request: Request<SetNodeRequest>) -> Result<Response<SetNodeResponse>, Status> {
        let (call, r) = Call::of(request)?;
        if r.node_selector.is_empty() {
            return Err(Failure::field("node_selector", "is required")
                .hint("for example `displayName=approve`")
                .into());
        }
        let phase = summary::model_node_phase(r.phase());
        let command = Command::Set {
            node_selector: r.node_selector,
            parameters: parameters(r.output_parameters),
            phase,
            message: some(r.message),
        };
        let workflow = Some(self.command(&call, &r.namespace, &r.name, command).await?);
        Ok(Response::new(SetNodeResponse { workflow }))
    }

    async fn delete(
        &self,
        request: Request<DeleteWorkflowRequest>,
    ) -> Result<Response<DeleteWorkflowResponse>, Status> {
        let (call, request) = Call::of(request)?;
        let dry = dry_run(&call, request.dry_run);
        let (grant, key) = self.at(&call, &request.namespace, &request.name)?;
        let precondition = write::precondition(request.precondition.as_ref());
        let propagation = write::propagation(request.propagation());
        let (gone, finalizers) = remove(&grant, &key, precondition, propagation, request.force, dry).await?;
        Ok(Response::new(DeleteWorkflowResponse { gone, finalizers }))
    }

    async fn lint(&self, request: Request<LintRequest>) -> Result<Response<LintResponse>, Status> {
        let (call, request) = Call::of(request)?;
        let grant = self.0.pass(&call, &request.namespace)?;
        Ok(Response::new(linting::lint(&grant, &request).await?))
    }
}

/// A page of runs as rows.
pub(crate) async fn rows(grant: &Grant, query: ListQuery, wide: bool) -> Outcome<ListWorkflowsResponse> {
    let meta = |object: &Object| {
        store::codec::size_of_metadata(&object.metadata)
            + object.status.as_ref().map_or(0, |s| s.get().len() as u64).min(64 << 10)
            + 512
    };
    let page = pages::fitting(grant.objects(), query, grant.limits(), meta).await?;
    Ok(ListWorkflowsResponse {
        workflows: page.items.iter().map(|object| summary::workflow(object, wide)).collect(),
        continue_token: page.continue_token.unwrap_or_default(),
        revision: page.revision,
        remaining: page.remaining,
    })
}

/// Submits an earlier run's manifest anew.
pub(crate) async fn resubmitted(
    grant: &Grant,
    run: &Object,
    memoized: bool,
    options: &SubmitOptions,
) -> Outcome<SubmitResponse> {
    if memoized && !summary::ended(&summary::workflow(run, false)) {
        return Err(Failure::precondition(
            &document::describe(run),
            "it still runs: only a finished run's results can be reused",
        )
        .hint("wait for its end, or resubmit without memoized"));
    }
    let draft = submit::overridden(Draft::of(submit::from_run(run, memoized)?)?, options)?;
    submitted(grant, draft, DryRun::None, false, false).await
}

/// Deletes a run; with `force`, also what its finalizers would have waited for.
pub(crate) async fn remove(
    grant: &Grant,
    key: &Key,
    precondition: StorePrecondition,
    propagation: store::objects::Propagation,
    force: bool,
    dry_run: bool,
) -> Outcome<(bool, Vec<String>)> {
    if force && !dry_run {
        let mut tried = 0;
        loop {
            tried += 1;
            let before = grant.objects().get(key).await?;
            if before.metadata.finalizers.is_empty() {
                break;
            }
            let mut object = Object::clone(&before);
            object.metadata.finalizers.clear();
            let seen =
                StorePrecondition { resource_version: Some(revision_of(&before)), uid: precondition.uid.clone() };
            match grant.objects().update(object, seen).await {
                // Being deleted already: the last finalizer held it.
                Ok(_) if before.metadata.deletion_timestamp.is_some() => return Ok((true, Vec::new())),
                Ok(_) => break,
                Err(store::StoreError::Conflict { .. }) if tried <= grant.limits().conflict_retries_max => {}
                Err(error) => return Err(error.into()),
            }
        }
        let options =
            DeleteOptions { precondition: StorePrecondition { resource_version: None, ..precondition }, propagation };
        return write::delete(grant, key, options, false).await;
    }
    write::delete(grant, key, DeleteOptions { precondition, propagation }, dry_run).await
}
