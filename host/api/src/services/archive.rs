//! `Archive`: finished runs. They are where all runs are; this service finds them by other means.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::Object;
use proto_gen::v1::archive_server::Archive;
use proto_gen::v1::*;
use runtime::control::Command;
use store::objects::{Key, ListQuery, Order, Precondition, Propagation, Selector};
use tonic::{Request, Response, Status};

use super::workflows::{document_chunks, parameters, read, remove, resubmit_options, resubmitted, rows, some};
use crate::call::Call;
use crate::document;
use crate::failure::{Failure, Outcome};
use crate::gate::{Gate, Grant};
use crate::kinds::WORKFLOW;
use crate::streams::Answers;
use crate::{selector, summary};

/// The phases of finished runs.
const FINISHED: [&str; 3] = ["Succeeded", "Failed", "Error"];

/// The service.
#[derive(Clone)]
pub(crate) struct ArchiveService(pub(crate) Gate);

impl ArchiveService {
    /// The finished run that a request names, and the call let through to its namespace.
    async fn find(&self, call: &Call, key: Option<ArchivedKey>) -> Outcome<(Grant, Key, Arc<Object>)> {
        let asked = key.ok_or_else(|| Failure::field("key", "is required"))?;
        let (grant, object) = if asked.name.is_empty() {
            if asked.uid.is_empty() {
                return Err(Failure::field("key", "needs a uid, or a name"));
            }
            self.by_uid(call, &asked).await?
        } else {
            let grant = self.0.pass(call, &asked.namespace)?;
            let object = grant.objects().get(&grant.key(&WORKFLOW, &asked.name)?).await?;
            if !asked.uid.is_empty() && object.metadata.uid != asked.uid {
                return Err(Failure::not_found(format!(
                    "workflow {}/{} with uid {}",
                    grant.namespace(),
                    asked.name,
                    asked.uid
                ))
                .hint("a newer run has that name"));
            }
            (grant, object)
        };
        if !summary::ended(&summary::workflow(&object, false)) {
            return Err(Failure::precondition(&document::describe(&object), "it has not ended")
                .hint("use the Workflows service for runs that go on"));
        }
        let key = Key::of(&object);
        call.about(|| key.to_string());
        Ok((grant, key, object))
    }

    async fn by_uid(&self, call: &Call, asked: &ArchivedKey) -> Outcome<(Grant, Arc<Object>)> {
        let scope = self.0.pass_list(call, &WORKFLOW, &asked.namespace)?;
        let mut found = None;
        let complete = scan(&scope, |object| {
            let hit = object.metadata.uid == asked.uid;
            if hit {
                found = Some(Key::of(object));
            }
            !hit
        })
        .await?;
        let Some(key) = found else {
            let failure = Failure::not_found(format!("a finished workflow with uid {}", asked.uid));
            let hint = format!(
                "the newest {} runs were looked at; give its namespace and name",
                scope.limits().label_scan_max
            );
            return Err(if complete { failure } else { failure.hint(hint) });
        };
        let grant = scope.elsewhere(&key.namespace)?;
        let object = grant.objects().get(&key).await?;
        Ok((grant, object))
    }
}

/// Looks at finished runs, the newest first, until `look` has seen enough; false when `label_scan_max` came first.
async fn scan(grant: &Grant, mut look: impl FnMut(&Object) -> bool + Send) -> Outcome<bool> {
    let mut query = ListQuery {
        selector: Selector {
            namespace: grant.namespace_selector(),
            phases: finished(),
            ..Selector::of(WORKFLOW.gvk())
        },
        order: Order::NewestFirst,
        limit: Some(grant.limits().page_max),
        continue_token: None,
        without_body: true,
    };
    let mut seen = 0;
    loop {
        let page = grant.objects().list(&query).await?;
        for object in &page.items {
            if !look(object) {
                return Ok(true);
            }
        }
        seen += page.items.len() as u64;
        query.continue_token = page.continue_token;
        if query.continue_token.is_none() {
            return Ok(true);
        }
        if seen >= grant.limits().label_scan_max {
            return Ok(false);
        }
    }
}

fn finished() -> Vec<String> {
    FINISHED.iter().map(|phase| (*phase).to_owned()).collect()
}

#[tonic::async_trait]
impl Archive for ArchiveService {
    type GetStream = Answers<GetWorkflowChunk>;

    async fn list(
        &self,
        request: Request<ListArchivedWorkflowsRequest>,
    ) -> Result<Response<ListArchivedWorkflowsResponse>, Status> {
        let (call, request) = Call::of(request)?;
        let grant = self.0.pass_list(&call, &WORKFLOW, &request.namespace)?;
        let mut selector = selector::of(&grant, &WORKFLOW, request.selector.as_ref())?;
        if selector.phases.is_empty() {
            selector.phases = finished();
        } else if let Some(other) = selector.phases.iter().find(|phase| !FINISHED.contains(&phase.as_str())) {
            return Err(
                Failure::field("selector.phases", format!("`{other}` is none of {}", FINISHED.join(", "))).into()
            );
        }
        let query = ListQuery {
            selector,
            order: Order::NewestFirst,
            limit: Some(self.0.limits().page(request.limit)),
            continue_token: some(request.continue_token),
            without_body: !request.wide,
        };
        let page = rows(&grant, query, request.wide).await?;
        Ok(Response::new(ListArchivedWorkflowsResponse {
            workflows: page.workflows,
            continue_token: page.continue_token,
            remaining: page.remaining,
        }))
    }

    async fn get(&self, request: Request<GetArchivedWorkflowRequest>) -> Result<Response<Self::GetStream>, Status> {
        let (call, request) = Call::of(request)?;
        let status = request.status();
        let (grant, key, _) = self.find(&call, request.key).await?;
        let (row, document) = read(&grant, &key, status).await?;
        Ok(Response::new(document_chunks(&self.0, &call, row, document)))
    }

    async fn retry(
        &self,
        request: Request<RetryArchivedWorkflowRequest>,
    ) -> Result<Response<RetryArchivedWorkflowResponse>, Status> {
        let (call, r) = Call::of(request)?;
        let (grant, key, _) = self.find(&call, r.key).await?;
        let command = Command::Retry {
            restart_successful: r.restart_successful,
            node_selector: some(r.node_selector),
            parameters: parameters(r.parameters),
        };
        grant.control().command(&key.namespace, &key.name, command).await.map_err(Failure::from)?;
        let object = grant.objects().get(&key).await.map_err(Failure::from)?;
        Ok(Response::new(RetryArchivedWorkflowResponse { workflow: Some(summary::workflow(&object, true)) }))
    }

    async fn resubmit(
        &self,
        request: Request<ResubmitArchivedWorkflowRequest>,
    ) -> Result<Response<ResubmitArchivedWorkflowResponse>, Status> {
        let (call, r) = Call::of(request)?;
        let (grant, _, object) = self.find(&call, r.key).await?;
        let submitted = resubmitted(&grant, &object, r.memoized, &resubmit_options(r.parameters)).await?;
        Ok(Response::new(ResubmitArchivedWorkflowResponse { submitted: Some(submitted) }))
    }

    async fn delete(
        &self,
        request: Request<DeleteArchivedWorkflowRequest>,
    ) -> Result<Response<DeleteArchivedWorkflowResponse>, Status> {
        let (call, r) = Call::of(request)?;
        let (grant, key, object) = self.find(&call, r.key).await?;
        let precondition = Precondition { resource_version: None, uid: Some(object.metadata.uid.clone()) };
        let (gone, _) = remove(&grant, &key, precondition, Propagation::Background, false, false).await?;
        Ok(Response::new(DeleteArchivedWorkflowResponse { gone }))
    }

    async fn list_label_keys(
        &self,
        request: Request<ListLabelKeysRequest>,
    ) -> Result<Response<ListLabelKeysResponse>, Status> {
        let (call, request) = Call::of(request)?;
        let grant = self.0.pass_list(&call, &WORKFLOW, &request.namespace)?;
        let mut keys = BTreeSet::new();
        let complete = scan(&grant, |object| {
            for key in object.metadata.labels.keys() {
                if !keys.contains(key) {
                    keys.insert(key.clone());
                }
            }
            true
        });
        let incomplete = !complete.await?;
        Ok(Response::new(ListLabelKeysResponse { keys: keys.into_iter().collect(), incomplete }))
    }

    async fn list_label_values(
        &self,
        request: Request<ListLabelValuesRequest>,
    ) -> Result<Response<ListLabelValuesResponse>, Status> {
        let (call, request) = Call::of(request)?;
        let grant = self.0.pass_list(&call, &WORKFLOW, &request.namespace)?;
        if request.key.is_empty() {
            return Err(Failure::field("key", "is required").into());
        }
        let mut values = BTreeSet::new();
        let complete = scan(&grant, |object| {
            if let Some(value) = object.metadata.labels.get(&request.key).filter(|value| !values.contains(*value)) {
                values.insert(value.clone());
            }
            true
        });
        let incomplete = !complete.await?;
        Ok(Response::new(ListLabelValuesResponse { values: values.into_iter().collect(), incomplete }))
    }
}
