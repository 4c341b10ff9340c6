//! Documents of any size, batches, uploads and long waits.

use bytes::{Bytes, BytesMut};
use futures::stream;
use futures::{Stream, StreamExt, TryStreamExt};
use proto_gen::v1::batch_apply_request::Message as BatchMessage;
use proto_gen::v1::batch_apply_response::Result as BatchResult;
use proto_gen::v1::*;

use crate::{Client, ClientError, Messages, Result, RpcError};

/// Manifests above this size travel in chunks (bytes); below the smallest `message_bytes_max` a server is likely to have.
const UNARY_BYTES_MAX: usize = 2 << 20;

/// The size of a chunk (bytes).
const CHUNK_BYTES: usize = 256 << 10;

/// A run read whole.
#[derive(Debug, Clone)]
pub struct GotWorkflow {
    /// Its row.
    pub summary: WorkflowSummary,
    /// The object as JSON text.
    pub document: Bytes,
}

/// What became of one document of a batch.
#[derive(Debug)]
pub struct BatchItem {
    /// Which one, from 0.
    pub index: u32,
    /// What became of it.
    pub result: Result<ApplyResponse, RpcError>,
}

impl Client {
    /// Submits a run, whatever its size. Never repeated.
    pub async fn submit(&self, request: SubmitRequest) -> Result<SubmitResponse> {
        let manifest = match &request.source {
            Some(submit_request::Source::Manifest(manifest)) if manifest.len() > UNARY_BYTES_MAX => manifest.clone(),
            _ => return self.workflows().submit(request).await,
        };
        let head = SubmitRequest { source: None, ..request };
        let first = SubmitStreamRequest { message: Some(submit_stream_request::Message::Head(head)) };
        let rest = chunks(manifest)
            .map(|chunk| SubmitStreamRequest { message: Some(submit_stream_request::Message::Chunk(chunk)) });
        let messages = stream::iter(std::iter::once(first).chain(rest));
        Ok(self.workflows().stub().submit_stream(messages).await?.into_inner())
    }

    /// Reads one object, whatever its size: its JSON text and revision.
    pub async fn get_object(&self, request: GetRequest) -> Result<GetResponse> {
        let mut chunks = self.resources().get_stream(request).await?;
        let mut document = BytesMut::new();
        let mut resource_version = 0;
        let mut total = 0;
        while let Some(chunk) = chunks.try_next().await? {
            resource_version = resource_version.max(chunk.resource_version);
            total = total.max(chunk.total_bytes);
            document.extend_from_slice(&chunk.data);
        }
        complete(document.len(), total)?;
        Ok(GetResponse { document: document.freeze(), resource_version })
    }

    /// Reads one run, whatever its size.
    pub async fn get_workflow(&self, request: GetWorkflowRequest) -> Result<GotWorkflow> {
        joined(self.workflows().get_stream(request).await?).await
    }

    /// Reads one finished run, whatever its size.
    pub async fn get_archived_workflow(&self, request: GetArchivedWorkflowRequest) -> Result<GotWorkflow> {
        joined(self.archive().get(request).await?).await
    }

    /// Applies documents (JSON texts of any size) in order. Never repeated.
    pub async fn apply_all(
        &self,
        options: BatchApplyOptions,
        documents: impl IntoIterator<Item = Bytes, IntoIter: Send + 'static>,
    ) -> Result<Messages<BatchItem>> {
        let first = BatchApplyRequest { message: Some(BatchMessage::Options(options)) };
        let rest = documents.into_iter().flat_map(|document| {
            let count = document.len().div_ceil(CHUNK_BYTES).max(1);
            chunks(document).enumerate().map(move |(at, data)| {
                let chunk = BatchApplyChunk { data, last: at + 1 == count };
                BatchApplyRequest { message: Some(BatchMessage::Chunk(chunk)) }
            })
        });
        let messages = stream::iter(std::iter::once(first).chain(rest));
        let answers = self.resources().stub().batch_apply(messages).await?.into_inner();
        Ok(answers
            .map(|answer| {
                let answer = answer?;
                let result = match answer.result {
                    Some(BatchResult::Applied(applied)) => Ok(applied),
                    Some(BatchResult::Error(detail)) => Err(RpcError::from_detail(detail)),
                    None => return Err(ClientError::Incomplete("a batch's answer has no result")),
                };
                Ok(BatchItem { index: answer.index, result })
            })
            .boxed())
    }

    /// Stores bytes as an artifact. Never repeated.
    pub async fn put_artifact(
        &self,
        head: PutArtifactHead,
        content: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    ) -> Result<PutArtifactResponse> {
        // An error of the caller's stream cannot travel inside a gRPC request: it is told beside, and what was sent never looks complete.
        let (tell, told) = tokio::sync::oneshot::channel();
        let mut tell = Some(tell);
        let bytes = content.flat_map(move |item| match item {
            Ok(chunk) => stream::iter(chunks(chunk)).boxed(),
            Err(error) => {
                if let Some(tell) = tell.take() {
                    // The receiver is gone only when the call is.
                    let _ = tell.send(error);
                }
                stream::pending().boxed()
            }
        });
        let first = PutArtifactRequest { message: Some(put_artifact_request::Message::Head(head)) };
        let rest = bytes.map(|chunk| PutArtifactRequest { message: Some(put_artifact_request::Message::Chunk(chunk)) });
        let mut artifacts = self.artifacts().stub();
        let call = artifacts.put(stream::iter([first]).chain(rest));
        tokio::select! {
            answer = call => Ok(answer?.into_inner()),
            Ok(error) = told => Err(ClientError::Read(error)),
        }
    }

    /// Asks what a component is. Never repeated.
    pub async fn inspect_plugin(&self, component: Bytes) -> Result<InspectPluginResponse> {
        let messages = stream::iter(chunks(component).map(|chunk| InspectPluginRequest { chunk }));
        Ok(self.plugins().stub().inspect_plugin(messages).await?.into_inner())
    }

    /// Waits until a run has ended; asks again for as long as it takes, also over a restart of the server.
    pub async fn wait(&self, namespace: &str, name: &str) -> Result<WorkflowSummary> {
        loop {
            let request = WaitRequest { namespace: namespace.to_owned(), name: name.to_owned(), timeout_ms: 0 };
            let answer = self.workflows().wait(request).await?;
            if answer.ended {
                return answer.workflow.ok_or(ClientError::Incomplete("a wait's answer has no workflow"));
            }
        }
    }
}

async fn joined(mut chunks: Messages<GetWorkflowChunk>) -> Result<GotWorkflow> {
    let mut document = BytesMut::new();
    let mut summary = None;
    let mut total = 0;
    while let Some(chunk) = chunks.try_next().await? {
        summary = summary.or(chunk.summary);
        total = total.max(chunk.total_bytes);
        document.extend_from_slice(&chunk.data);
    }
    complete(document.len(), total)?;
    let summary = summary.ok_or(ClientError::Incomplete("a workflow's first chunk has no summary"))?;
    Ok(GotWorkflow { summary, document: document.freeze() })
}

fn complete(have: usize, total: u64) -> Result<()> {
    if have as u64 == total { Ok(()) } else { Err(ClientError::Incomplete("a document's chunks are not all there")) }
}

/// The parts of a text; one empty part of an empty text.
fn chunks(mut data: Bytes) -> impl Iterator<Item = Bytes> + Send {
    let mut first = true;
    std::iter::from_fn(move || {
        if data.is_empty() && !std::mem::take(&mut first) {
            return None;
        }
        first = false;
        Some(data.split_to(data.len().min(CHUNK_BYTES)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_join_to_what_they_came_from() {
        for size in [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES] {
            let parts: Vec<Bytes> = chunks(Bytes::from(vec![7; size])).collect();
            assert_eq!(parts.len(), size.div_ceil(CHUNK_BYTES).max(1), "{size}");
            assert_eq!(parts.concat().len(), size);
        }
    }
}
