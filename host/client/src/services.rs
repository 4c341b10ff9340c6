//! One method per RPC. `read` methods are repeated when the server is away; `write` methods never; `stream` methods give messages as they come.

use futures::StreamExt;
use proto_gen::v1::{self, *};
use tonic::Request;

use crate::connect::{Client, MESSAGE_BYTES_MAX, Transport};
use crate::retry::repeat;
use crate::{ClientError, Messages, Result};

macro_rules! service {
    (
        $(#[$doc:meta])* $calls:ident, $accessor:ident, $module:ident :: $stub:ident;
        $( $kind:ident $method:ident ( $request:ty ) -> $response:ty; )*
    ) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $calls<'a>(&'a Client);

        impl Client {
            $(#[$doc])*
            pub fn $accessor(&self) -> $calls<'_> {
                $calls(self)
            }
        }

        impl $calls<'_> {
            pub(crate) fn stub(&self) -> v1::$module::$stub<Transport> {
                v1::$module::$stub::new(self.0.transport.clone())
                    .max_decoding_message_size(MESSAGE_BYTES_MAX)
                    .max_encoding_message_size(MESSAGE_BYTES_MAX)
            }
            $( service!(@method $kind $method ($request) -> $response); )*
        }
    };
    (@method read $method:ident ($request:ty) -> $response:ty) => {
        #[doc = concat!("See `", stringify!($request), "` in the proto files. Repeated when the server is away.")]
        pub async fn $method(&self, request: $request) -> Result<$response> {
            let stub = self.stub();
            let timeout = self.0.call_timeout;
            let answer = repeat(self.0.retry, || {
                let mut stub = stub.clone();
                let mut request = Request::new(request.clone());
                if let Some(timeout) = timeout {
                    request.set_timeout(timeout);
                }
                async move { stub.$method(request).await }
            });
            Ok(answer.await?.into_inner())
        }
    };
    (@method long $method:ident ($request:ty) -> $response:ty) => {
        #[doc = concat!("See `", stringify!($request), "` in the proto files. Has no deadline; repeated when the server is away.")]
        pub async fn $method(&self, request: $request) -> Result<$response> {
            let stub = self.stub();
            let answer = repeat(self.0.retry, || {
                let mut stub = stub.clone();
                let request = Request::new(request.clone());
                async move { stub.$method(request).await }
            });
            Ok(answer.await?.into_inner())
        }
    };
    (@method write $method:ident ($request:ty) -> $response:ty) => {
        #[doc = concat!("See `", stringify!($request), "` in the proto files. Never repeated.")]
        pub async fn $method(&self, request: $request) -> Result<$response> {
            let mut request = Request::new(request);
            if let Some(timeout) = self.0.call_timeout {
                request.set_timeout(timeout);
            }
            Ok(self.stub().$method(request).await?.into_inner())
        }
    };
    (@method once $method:ident ($request:ty) -> $response:ty) => {
        #[doc = concat!("See `", stringify!($request), "` in the proto files. Has no deadline; never repeated.")]
        pub async fn $method(&self, request: $request) -> Result<$response> {
            Ok(self.stub().$method(request).await?.into_inner())
        }
    };
    (@method stream $method:ident ($request:ty) -> $response:ty) => {
        #[doc = concat!("See `", stringify!($request), "` in the proto files. Opened again when the server is away; not once it has answered.")]
        pub async fn $method(&self, request: $request) -> Result<Messages<$response>> {
            let stub = self.stub();
            let answer = repeat(self.0.retry, || {
                let mut stub = stub.clone();
                let request = Request::new(request.clone());
                async move { stub.$method(request).await }
            });
            Ok(answer.await?.into_inner().map(|message| message.map_err(ClientError::from)).boxed())
        }
    };
}

service! {
    /// Objects of every kind.
    ResourcesCalls, resources, resources_client::ResourcesClient;
    read get(GetRequest) -> GetResponse;
    stream get_stream(GetRequest) -> DocumentChunk;
    read list(ListRequest) -> ListResponse;
    stream watch(WatchRequest) -> WatchResponse;
    write create(CreateRequest) -> CreateResponse;
    write update(UpdateRequest) -> UpdateResponse;
    write patch(PatchRequest) -> PatchResponse;
    write apply(ApplyRequest) -> ApplyResponse;
    write delete(DeleteRequest) -> DeleteResponse;
    read list_kinds(ListKindsRequest) -> ListKindsResponse;
}

service! {
    /// Workflow runs.
    WorkflowsCalls, workflows, workflows_client::WorkflowsClient;
    write submit(SubmitRequest) -> SubmitResponse;
    read list(ListWorkflowsRequest) -> ListWorkflowsResponse;
    read get(GetWorkflowRequest) -> GetWorkflowResponse;
    stream get_stream(GetWorkflowRequest) -> GetWorkflowChunk;
    stream watch(WatchWorkflowsRequest) -> WatchWorkflowsResponse;
    read list_nodes(ListNodesRequest) -> ListNodesResponse;
    stream watch_nodes(WatchNodesRequest) -> WatchNodesResponse;
    long wait(WaitRequest) -> WaitResponse;
    write stop(StopRequest) -> StopResponse;
    write terminate(TerminateRequest) -> TerminateResponse;
    write suspend(SuspendRequest) -> SuspendResponse;
    write resume(ResumeRequest) -> ResumeResponse;
    write retry(RetryRequest) -> RetryResponse;
    write resubmit(ResubmitRequest) -> ResubmitResponse;
    write set_node(SetNodeRequest) -> SetNodeResponse;
    write delete(DeleteWorkflowRequest) -> DeleteWorkflowResponse;
    read lint(LintRequest) -> LintResponse;
}

service! {
    /// Templates that runs are made from.
    TemplatesCalls, templates, templates_client::TemplatesClient;
    read list(ListTemplatesRequest) -> ListTemplatesResponse;
    read describe(DescribeTemplateRequest) -> DescribeTemplateResponse;
    read lint(LintRequest) -> LintResponse;
}

service! {
    /// Scheduled runs.
    CronWorkflowsCalls, cron_workflows, cron_workflows_client::CronWorkflowsClient;
    read list(ListCronWorkflowsRequest) -> ListCronWorkflowsResponse;
    write suspend(SuspendCronWorkflowRequest) -> SuspendCronWorkflowResponse;
    write resume(ResumeCronWorkflowRequest) -> ResumeCronWorkflowResponse;
    write backfill(BackfillRequest) -> BackfillResponse;
    read next_runs(NextRunsRequest) -> NextRunsResponse;
}

service! {
    /// Finished runs.
    ArchiveCalls, archive, archive_client::ArchiveClient;
    read list(ListArchivedWorkflowsRequest) -> ListArchivedWorkflowsResponse;
    stream get(GetArchivedWorkflowRequest) -> GetWorkflowChunk;
    write retry(RetryArchivedWorkflowRequest) -> RetryArchivedWorkflowResponse;
    write resubmit(ResubmitArchivedWorkflowRequest) -> ResubmitArchivedWorkflowResponse;
    write delete(DeleteArchivedWorkflowRequest) -> DeleteArchivedWorkflowResponse;
    read list_label_keys(ListLabelKeysRequest) -> ListLabelKeysResponse;
    read list_label_values(ListLabelValuesRequest) -> ListLabelValuesResponse;
}

service! {
    /// What steps write.
    LogsCalls, logs, logs_client::LogsClient;
    stream stream(StreamLogsRequest) -> StreamLogsResponse;
}

service! {
    /// What steps take in and leave behind.
    ArtifactsCalls, artifacts, artifacts_client::ArtifactsClient;
    read list(ListArtifactsRequest) -> ListArtifactsResponse;
    read list_files(ListArtifactFilesRequest) -> ListArtifactFilesResponse;
    stream get(GetArtifactRequest) -> GetArtifactResponse;
}

service! {
    /// The plugins in service.
    PluginsCalls, plugins, plugins_client::PluginsClient;
    read list_plugins(ListPluginsRequest) -> ListPluginsResponse;
    read get_plugin(GetPluginRequest) -> GetPluginResponse;
    write check_config(CheckPluginConfigRequest) -> CheckPluginConfigResponse;
    once call_plugin(CallPluginRequest) -> CallPluginResponse;
    stream stream_logs(StreamPluginLogsRequest) -> StreamPluginLogsResponse;
}

service! {
    /// About the server and the caller.
    InfoCalls, info, info_client::InfoClient;
    read get_server_info(GetServerInfoRequest) -> GetServerInfoResponse;
    read who_am_i(WhoAmIRequest) -> WhoAmIResponse;
    read check_access(CheckAccessRequest) -> CheckAccessResponse;
}
