//! `Resources`: any object of any kind.

use std::time::Duration;

use bytes::BytesMut;
use futures::{StreamExt, stream};
use model::Object;
use proto_gen::v1::batch_apply_request::Message as BatchMessage;
use proto_gen::v1::resources_server::Resources;
use proto_gen::v1::*;
use store::objects::ListQuery;
use tonic::{Request, Response, Status, Streaming};

use crate::call::{self, Call};
use crate::document::{self, Draft, Parts, revision_of};
use crate::failure::{Failure, Outcome};
use crate::gate::{Gate, Grant};
use crate::kinds::KindRef;
use crate::patch::Manager;
use crate::streams::{Answers, bounded};
use crate::write::{self, Written};
use crate::{pages, patch, selector, streams};

/// The service.
#[derive(Clone)]
pub(crate) struct ResourcesService(pub(crate) Gate);

impl ResourcesService {
    async fn at_key(&self, call: &Call, key: Option<ObjectKey>) -> Outcome<(Grant, KindRef, store::objects::Key)> {
        let key = key.ok_or_else(|| Failure::field("key", "is required"))?;
        let kind = self.0.kind(&key.api_version, &key.kind).await?;
        call.about(|| subject(&kind, self.0.namespace(&key.namespace), &key.name));
        let grant = self.0.pass_kind(call, &kind, &key.namespace)?;
        let key = grant.key(&kind, &key.name)?;
        Ok((grant, kind, key))
    }

    /// A document that is to be written: its kind, and the call let through to its namespace.
    async fn document(&self, call: &Call, text: bytes::Bytes, namespace: &str) -> Outcome<(Grant, KindRef, Draft)> {
        let mut draft = Draft::parse(text, self.0.limits())?;
        let object = &mut draft.object;
        let kind = self.0.kind(&object.api_version, &object.kind).await?;
        write::place(object, &kind, namespace, &self.0.about().default_namespace)?;
        let subject = document::describe(object);
        let grant = self.0.pass_kind(call, &kind, &object.metadata.namespace).map_err(|failure| {
            // A batch has many subjects: each refusal names its own.
            let failure = failure.about(&subject);
            if !call.rpc().streams() {
                call.about(|| subject);
            }
            failure
        })?;
        Ok((grant, kind, draft))
    }

    async fn read(&self, call: &Call, request: GetRequest) -> Outcome<(bytes::Bytes, u64)> {
        let (grant, kind, key) = self.at_key(call, request.key).await?;
        let reveal = grant.reveals(&kind, request.reveal_secrets)?;
        let object = grant.objects().get(&key).await?;
        Ok((document::shown(&object, Parts::Whole, reveal)?, revision_of(&object)))
    }

    async fn one_applied(&self, call: &Call, request: ApplyRequest) -> Outcome<ApplyResponse> {
        let (dry_run, how) = (dry_run(call, request.dry_run), request.dry_run());
        let (grant, kind, draft) = self.document(call, request.document, &request.namespace).await?;
        if dry_run && how == DryRun::MergeOnly {
            return applied(&merged_only(draft.object), &kind, request.without_document);
        }
        let manager = Manager { name: &request.field_manager, force: request.force };
        let written = write::apply(&grant, &kind, draft, manager, dry_run).await?;
        applied(&written, &kind, request.without_document)
    }
}

/// As people write it: `workflow default/hello`.
fn subject(kind: &KindRef, namespace: &str, name: &str) -> String {
    let kind_name = kind.kind.to_lowercase();
    if kind.namespaced { format!("{kind_name} {namespace}/{name}") } else { format!("{kind_name} {name}") }
}

/// What a merge alone gives: the document as it would be sent.
fn merged_only(object: Object) -> Written {
    Written { object: std::sync::Arc::new(object), outcome: ApplyOutcome::Unspecified, warnings: Vec::new() }
}

/// Whether nothing is to be stored.
pub(crate) fn dry_run(call: &Call, asked: i32) -> bool {
    let dry = asked != DryRun::None as i32;
    if dry {
        call.set_dry_run();
    }
    dry
}

/// A written object in an answer: whole, or an error when it does not fit (it was stored all the same, so it is left out instead).
fn shown(object: &Object, gate: &Gate) -> Outcome<bytes::Bytes> {
    let document = document::shown(object, Parts::Whole, false)?;
    if pages::fits(&document, gate.limits()) {
        Ok(document)
    } else {
        document::shown(object, Parts::WithoutBody, false)
    }
}

fn applied(written: &Written, kind: &KindRef, without_document: bool) -> Outcome<ApplyResponse> {
    let object = &written.object;
    let key = ObjectKey {
        api_version: object.api_version.clone(),
        kind: kind.kind.to_string(),
        namespace: object.metadata.namespace.clone(),
        name: object.metadata.name.clone(),
    };
    let document = if without_document { bytes::Bytes::new() } else { document::shown(object, Parts::Whole, false)? };
    Ok(ApplyResponse {
        outcome: written.outcome.into(),
        key: Some(key),
        document,
        resource_version: revision_of(object),
        warnings: written.warnings.clone(),
        uid: object.metadata.uid.clone(),
    })
}

#[tonic::async_trait]
impl Resources for ResourcesService {
    type GetStreamStream = Answers<DocumentChunk>;
    type WatchStream = Answers<WatchResponse>;
    type BatchApplyStream = Answers<BatchApplyResponse>;

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<GetResponse>, Status> {
        let (call, request) = Call::of(request)?;
        let (document, resource_version) = self.read(&call, request).await?;
        if !pages::fits(&document, self.0.limits()) {
            let limit = self.0.limits().message_bytes_max;
            let failure = Failure::too_large(call.subject(), "message_bytes_max", limit, document.len() as u64);
            return Err(failure.hint("read it in chunks: Resources.GetStream").into());
        }
        Ok(Response::new(GetResponse { document, resource_version }))
    }

    async fn get_stream(&self, request: Request<GetRequest>) -> Result<Response<Self::GetStreamStream>, Status> {
        let (call, request) = Call::of(request)?;
        let (document, resource_version) = self.read(&call, request).await?;
        let total = document.len() as u64;
        let chunks = pages::chunks(document, self.0.limits()).enumerate().map(move |(at, data)| {
            let first = at == 0;
            Ok(DocumentChunk {
                data,
                total_bytes: if first { total } else { 0 },
                resource_version: if first { resource_version } else { 0 },
            })
        });
        Ok(Response::new(bounded(&self.0, &call, stream::iter(chunks))))
    }

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ListResponse>, Status> {
        let (call, request) = Call::of(request)?;
        let kind = self.0.kind(&request.api_version, &request.kind).await?;
        let grant = self.0.pass_list(&call, &kind, &request.namespace)?;
        let reveal = grant.reveals(&kind, request.reveal_secrets)?;
        let parts = if request.without_body { Parts::WithoutBody } else { Parts::Whole };
        let query = ListQuery {
            selector: selector::of(&grant, &kind, request.selector.as_ref())?,
            order: selector::order(request.order),
            limit: Some(self.0.limits().page(request.limit)),
            continue_token: (!request.continue_token.is_empty()).then_some(request.continue_token),
            without_body: request.without_body,
        };
        let page = pages::fitting(grant.objects(), query, self.0.limits(), pages::size_of).await?;
        let items: Outcome<Vec<ObjectItem>> =
            page.items.iter().map(|object| pages::item(object, parts, reveal, self.0.limits())).collect();
        Ok(Response::new(ListResponse {
            items: items?,
            continue_token: page.continue_token.unwrap_or_default(),
            revision: page.revision,
            remaining: page.remaining,
        }))
    }

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let (call, request) = Call::of(request)?;
        let kind = self.0.kind(&request.api_version, &request.kind).await?;
        let grant = self.0.pass_list(&call, &kind, &request.namespace)?;
        let reveal = grant.reveals(&kind, request.reveal_secrets)?;
        let limits = *self.0.limits();
        let selector = selector::of(&grant, &kind, request.selector.as_ref())?;
        let idle = Duration::from_millis(limits.watch_idle_ms);
        let news = streams::watch(grant.objects(), &selector, request.from_revision, idle).await?;
        let answers = news.map(move |news| {
            let (kind, object, revision) = news?;
            let object = object.map(|object| pages::item(&object, Parts::Whole, reveal, &limits)).transpose()?;
            Ok(WatchResponse { r#type: kind.into(), object, revision })
        });
        Ok(Response::new(bounded(&self.0, &call, answers)))
    }

    async fn create(&self, request: Request<CreateRequest>) -> Result<Response<CreateResponse>, Status> {
        let (call, request) = Call::of(request)?;
        let dry = dry_run(&call, request.dry_run);
        let (grant, kind, draft) = self.document(&call, request.document.clone(), &request.namespace).await?;
        let written = match request.dry_run() {
            DryRun::MergeOnly => merged_only(draft.object),
            _ => write::create(&grant, &kind, draft, dry).await?,
        };
        Ok(Response::new(CreateResponse { document: shown(&written.object, &self.0)?, warnings: written.warnings }))
    }

    async fn update(&self, request: Request<UpdateRequest>) -> Result<Response<UpdateResponse>, Status> {
        let (call, request) = Call::of(request)?;
        let dry = dry_run(&call, request.dry_run);
        let (grant, kind, draft) = self.document(&call, request.document.clone(), &request.namespace).await?;
        let written = match request.dry_run() {
            DryRun::MergeOnly => merged_only(draft.object),
            _ => write::update(&grant, &kind, draft, dry).await?,
        };
        Ok(Response::new(UpdateResponse { document: shown(&written.object, &self.0)?, warnings: written.warnings }))
    }

    async fn patch(&self, request: Request<PatchRequest>) -> Result<Response<PatchResponse>, Status> {
        let (call, request) = Call::of(request)?;
        let dry = dry_run(&call, request.dry_run);
        let kind_of_patch = request.r#type();
        let (grant, kind, key) = self.at_key(&call, request.key).await?;
        let (text, limits) = (request.patch, *self.0.limits());
        let make = |object: &Object| patch::patched(object, kind_of_patch, &text, &limits);
        let precondition = write::precondition(request.precondition.as_ref());
        let written = write::change(&grant, &kind, &key, precondition, dry, make).await?;
        let changed = written.changed();
        let document = shown(&written.object, &self.0)?;
        Ok(Response::new(PatchResponse { document, changed, warnings: written.warnings }))
    }

    async fn apply(&self, request: Request<ApplyRequest>) -> Result<Response<ApplyResponse>, Status> {
        let (call, request) = Call::of(request)?;
        let mut answer = self.one_applied(&call, request).await?;
        if !pages::fits(&answer.document, self.0.limits()) {
            answer.document = bytes::Bytes::new();
        }
        Ok(Response::new(answer))
    }

    async fn batch_apply(
        &self,
        request: Request<Streaming<BatchApplyRequest>>,
    ) -> Result<Response<Self::BatchApplyStream>, Status> {
        let (call, mut messages) = Call::of(request)?;
        let options = match call::next(&mut messages).await?.and_then(|first| first.message) {
            Some(BatchMessage::Options(options)) => options,
            _ => return Err(Failure::field("options", "must come first").into()),
        };
        let batch = Batch { service: self.clone(), call: call.clone(), messages, options, index: 0, ended: false };
        let answers = stream::unfold(batch, |mut batch| async move {
            let answer = batch.next().await?;
            Some((answer, batch))
        });
        Ok(Response::new(bounded(&self.0, &call, answers)))
    }

    async fn delete(&self, request: Request<DeleteRequest>) -> Result<Response<DeleteResponse>, Status> {
        let (call, request) = Call::of(request)?;
        let dry = dry_run(&call, request.dry_run);
        let options = store::objects::DeleteOptions {
            precondition: write::precondition(request.precondition.as_ref()),
            propagation: write::propagation(request.propagation()),
        };
        let (grant, _, key) = self.at_key(&call, request.key).await?;
        let (gone, finalizers) = write::delete(&grant, &key, options, dry).await?;
        Ok(Response::new(DeleteResponse { gone, finalizers }))
    }

    async fn list_kinds(&self, request: Request<ListKindsRequest>) -> Result<Response<ListKindsResponse>, Status> {
        Call::of(request)?;
        let kinds = self.0.kinds().await?.into_iter().map(|kind| KindInfo {
            api_version: kind.api_version.into_owned(),
            kind: kind.kind.into_owned(),
            plural: kind.plural.into_owned(),
            singular: kind.singular.into_owned(),
            short_names: kind.short_names.into_iter().map(std::borrow::Cow::into_owned).collect(),
            namespaced: kind.namespaced,
            custom: kind.custom,
        });
        Ok(Response::new(ListKindsResponse { kinds: kinds.collect() }))
    }
}

/// A batch under way.
struct Batch {
    service: ResourcesService,
    call: Call,
    messages: Streaming<BatchApplyRequest>,
    options: BatchApplyOptions,
    index: u32,
    ended: bool,
}

impl Batch {
    /// What became of the next document; `None` at the end.
    async fn next(&mut self) -> Option<Outcome<BatchApplyResponse>> {
        if self.ended {
            return None;
        }
        let document = match self.read().await {
            Ok(Some(document)) => document,
            Ok(None) => return None,
            Err(failure) => {
                self.ended = true;
                return Some(Err(failure));
            }
        };
        let index = self.index;
        self.index += 1;
        let result = self.one(document).await;
        let word = result.as_ref().map_or_else(|failure| failure.detail.code.clone(), |_| "Ok".to_owned());
        let object = match &result {
            Ok(ApplyResponse { key: Some(key), .. }) => {
                let place = if key.namespace.is_empty() { String::new() } else { format!("{}/", key.namespace) };
                format!("{} {place}{}", key.kind.to_lowercase(), key.name)
            }
            Ok(_) => String::new(),
            Err(failure) => failure.detail.subject.clone(),
        };
        crate::layer::audit_part(&self.call, &object, &word);
        let result = match result {
            Ok(applied) => batch_apply_response::Result::Applied(applied),
            Err(failure) => {
                self.ended = self.options.stop_on_error;
                batch_apply_response::Result::Error(failure.into_detail())
            }
        };
        Some(Ok(BatchApplyResponse { index, result: Some(result) }))
    }

    /// The next document, put together from its chunks.
    async fn read(&mut self) -> Outcome<Option<BytesMut>> {
        let limits = *self.service.0.limits();
        let mut document = BytesMut::new();
        loop {
            let Some(message) = call::next(&mut self.messages).await? else {
                if document.is_empty() {
                    return Ok(None);
                }
                return Err(Failure::field("chunk", "the stream ended within a document: its last chunk did not come"));
            };
            if u64::from(self.index) >= limits.batch_documents_max {
                let limit = limits.batch_documents_max;
                return Err(Failure::too_large("the batch", "batch_documents_max", limit, limit + 1));
            }
            let Some(BatchMessage::Chunk(chunk)) = message.message else {
                return Err(Failure::field("chunk", "is expected after the options"));
            };
            let size = (document.len() + chunk.data.len()) as u64;
            if size > limits.object_bytes_max {
                return Err(Failure::too_large("the document", "object_bytes_max", limits.object_bytes_max, size));
            }
            document.extend_from_slice(&chunk.data);
            if chunk.last {
                return Ok(Some(document));
            }
        }
    }

    async fn one(&self, document: BytesMut) -> Outcome<ApplyResponse> {
        let options = &self.options;
        if !options.create_only {
            let request = ApplyRequest {
                document: document.freeze(),
                namespace: options.namespace.clone(),
                field_manager: options.field_manager.clone(),
                dry_run: options.dry_run,
                without_document: true,
                force: options.force,
            };
            return self.service.one_applied(&self.call, request).await;
        }
        let dry = dry_run(&self.call, options.dry_run);
        let (grant, kind, draft) = self.service.document(&self.call, document.freeze(), &options.namespace).await?;
        grant.also("create", &kind)?;
        let written = write::create(&grant, &kind, draft, dry).await?;
        applied(&written, &kind, true)
    }
}
