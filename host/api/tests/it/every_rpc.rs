//! What holds for every RPC: it wants to know who asks, refuses who may not, survives garbage, and does its work.

use bytes::Bytes;
use client::v1::*;
use prost::Message;
use proto_gen::Rpc;
use tonic::Code;

use crate::fakes::{node, phase, s3};
use crate::world::*;

fn one(message: impl Message) -> Vec<Bytes> {
    vec![message.encode_to_vec().into()]
}

fn many<T: Message>(messages: impl IntoIterator<Item = T>) -> Vec<Bytes> {
    messages.into_iter().map(|message| message.encode_to_vec().into()).collect()
}

/// A request that root gets an answer to, and whoever may nothing does not. A new RPC does not compile without one.
fn request(rpc: Rpc) -> Vec<Bytes> {
    let (ns, name) = (String::new(), "run".to_owned());
    let cron_name = "cron".to_owned();
    let archived = || Some(ArchivedKey { name: "done".to_owned(), ..ArchivedKey::default() });
    let artifact = || {
        Some(ArtifactKey {
            name: "run".to_owned(),
            node: "n1".to_owned(),
            artifact_name: "out".to_owned(),
            ..ArtifactKey::default()
        })
    };
    let lint = || LintRequest { manifests: vec![bytes(&hello("x"))], ..LintRequest::default() };
    match rpc {
        Rpc::ResourcesGet | Rpc::ResourcesGetStream => one(get("wf", "run")),
        Rpc::ResourcesList => one(ListRequest { kind: "wf".to_owned(), ..ListRequest::default() }),
        Rpc::ResourcesWatch => one(WatchRequest { kind: "wf".to_owned(), ..WatchRequest::default() }),
        Rpc::ResourcesCreate => one(create(&config_map("new", serde_json::json!({})))),
        Rpc::ResourcesUpdate => one(UpdateRequest {
            document: bytes(&config_map("cm", serde_json::json!({"a": "2"}))),
            ..UpdateRequest::default()
        }),
        Rpc::ResourcesPatch => one(PatchRequest {
            key: object_key("cm", "cm"),
            patch: Bytes::from_static(b"{}"),
            ..PatchRequest::default()
        }),
        Rpc::ResourcesApply => one(apply(&config_map("cm", serde_json::json!({"a": "3"})))),
        Rpc::ResourcesBatchApply => many([
            BatchApplyRequest { message: Some(batch_apply_request::Message::Options(BatchApplyOptions::default())) },
            BatchApplyRequest {
                message: Some(batch_apply_request::Message::Chunk(BatchApplyChunk {
                    data: bytes(&config_map("cm", serde_json::json!({"a": "4"}))),
                    last: true,
                })),
            },
        ]),
        Rpc::ResourcesDelete => one(DeleteRequest { key: object_key("cm", "cm"), ..DeleteRequest::default() }),
        Rpc::ResourcesListKinds => one(ListKindsRequest {}),
        Rpc::WorkflowsSubmit => one(submit(&hello("submitted"))),
        Rpc::WorkflowsSubmitStream => many([
            SubmitStreamRequest { message: Some(submit_stream_request::Message::Head(SubmitRequest::default())) },
            SubmitStreamRequest { message: Some(submit_stream_request::Message::Chunk(bytes(&hello("streamed")))) },
        ]),
        Rpc::WorkflowsList => one(ListWorkflowsRequest::default()),
        Rpc::WorkflowsGet | Rpc::WorkflowsGetStream => one(get_workflow("run", StatusDetail::Full)),
        Rpc::WorkflowsWatch => one(WatchWorkflowsRequest::default()),
        Rpc::WorkflowsListNodes => one(ListNodesRequest { name, ..ListNodesRequest::default() }),
        Rpc::WorkflowsWatchNodes => one(WatchNodesRequest { name: "done".to_owned(), ..WatchNodesRequest::default() }),
        Rpc::WorkflowsWait => one(WaitRequest { name: "done".to_owned(), ..WaitRequest::default() }),
        Rpc::WorkflowsStop => one(StopRequest { name, ..StopRequest::default() }),
        Rpc::WorkflowsTerminate => one(TerminateRequest { namespace: ns, name }),
        Rpc::WorkflowsSuspend => one(SuspendRequest { namespace: ns, name }),
        Rpc::WorkflowsResume => one(ResumeRequest { name, ..ResumeRequest::default() }),
        Rpc::WorkflowsRetry => one(RetryRequest { name, ..RetryRequest::default() }),
        Rpc::WorkflowsResubmit => one(ResubmitRequest { name, ..ResubmitRequest::default() }),
        Rpc::WorkflowsSetNode => {
            one(SetNodeRequest { name, node_selector: "id=n1".to_owned(), ..SetNodeRequest::default() })
        }
        Rpc::WorkflowsDelete => {
            one(DeleteWorkflowRequest { name: "run2".to_owned(), ..DeleteWorkflowRequest::default() })
        }
        Rpc::WorkflowsLint | Rpc::TemplatesLint => one(lint()),
        Rpc::TemplatesList => one(ListTemplatesRequest::default()),
        Rpc::TemplatesDescribe => one(DescribeTemplateRequest {
            source: Some(TemplateSource { kind: TemplateKind::WorkflowTemplate.into(), name: "template".to_owned() }),
            ..DescribeTemplateRequest::default()
        }),
        Rpc::CronWorkflowsList => one(ListCronWorkflowsRequest::default()),
        Rpc::CronWorkflowsSuspend => one(SuspendCronWorkflowRequest { namespace: ns, name: cron_name }),
        Rpc::CronWorkflowsResume => one(ResumeCronWorkflowRequest { namespace: ns, name: cron_name }),
        Rpc::CronWorkflowsBackfill => {
            one(BackfillRequest { name: cron_name, from_ms: 1, until_ms: 2, ..BackfillRequest::default() })
        }
        Rpc::CronWorkflowsNextRuns => {
            one(NextRunsRequest { schedules: vec!["every 10".to_owned()], ..NextRunsRequest::default() })
        }
        Rpc::ArchiveList => one(ListArchivedWorkflowsRequest::default()),
        Rpc::ArchiveGet => one(GetArchivedWorkflowRequest { key: archived(), ..GetArchivedWorkflowRequest::default() }),
        Rpc::ArchiveRetry => {
            one(RetryArchivedWorkflowRequest { key: archived(), ..RetryArchivedWorkflowRequest::default() })
        }
        Rpc::ArchiveResubmit => {
            one(ResubmitArchivedWorkflowRequest { key: archived(), ..ResubmitArchivedWorkflowRequest::default() })
        }
        Rpc::ArchiveDelete => one(DeleteArchivedWorkflowRequest { key: archived() }),
        Rpc::ArchiveListLabelKeys => one(ListLabelKeysRequest::default()),
        Rpc::ArchiveListLabelValues => {
            one(ListLabelValuesRequest { key: "a".to_owned(), ..ListLabelValuesRequest::default() })
        }
        Rpc::LogsStream => one(StreamLogsRequest { name, ..StreamLogsRequest::default() }),
        Rpc::ArtifactsList => one(ListArtifactsRequest { name, ..ListArtifactsRequest::default() }),
        Rpc::ArtifactsListFiles => one(ListArtifactFilesRequest { key: artifact(), limit: 1 }),
        Rpc::ArtifactsGet => one(GetArtifactRequest { key: artifact(), ..GetArtifactRequest::default() }),
        Rpc::ArtifactsPut => many([
            PutArtifactRequest {
                message: Some(put_artifact_request::Message::Head(PutArtifactHead {
                    artifact_name: "in".to_owned(),
                    ..PutArtifactHead::default()
                })),
            },
            PutArtifactRequest { message: Some(put_artifact_request::Message::Chunk(Bytes::from_static(b"x"))) },
        ]),
        Rpc::PluginsListPlugins => one(ListPluginsRequest::default()),
        Rpc::PluginsGetPlugin => one(GetPluginRequest { name: "prometheus".to_owned() }),
        Rpc::PluginsInspectPlugin => many([InspectPluginRequest { chunk: Bytes::from_static(b"\0asm") }]),
        Rpc::PluginsCheckConfig => one(CheckPluginConfigRequest {
            name: "prometheus".to_owned(),
            config: Bytes::from_static(b"{}"),
            ..CheckPluginConfigRequest::default()
        }),
        Rpc::PluginsCallPlugin => one(CallPluginRequest {
            name: "prometheus".to_owned(),
            function: "run".to_owned(),
            ..CallPluginRequest::default()
        }),
        Rpc::PluginsStreamLogs => {
            one(StreamPluginLogsRequest { name: "prometheus".to_owned(), ..StreamPluginLogsRequest::default() })
        }
        Rpc::InfoGetServerInfo => one(GetServerInfoRequest {}),
        Rpc::InfoWhoAmI => one(WhoAmIRequest {}),
        Rpc::InfoCheckAccess => one(CheckAccessRequest {
            verb: "get".to_owned(),
            resource: "wf".to_owned(),
            ..CheckAccessRequest::default()
        }),
    }
}

/// A world in which every request of [`request`] finds what it asks for.
async fn world() -> World {
    let world = World::new().await;
    for run in ["run", "run2", "done"] {
        world.run(run).await;
    }
    let mut with_artifact = node("n1", "a", "Succeeded");
    with_artifact.outputs =
        Some(Box::new(model::workflow::Outputs { artifacts: vec![s3("out", "k")], ..Default::default() }));
    world.control.change("run", |run| {
        run.nodes = vec![with_artifact];
        run.logs.insert("n1".to_owned(), vec!["line".to_owned()]);
    });
    world.artifacts.0.lock().unwrap().insert("k".to_owned(), Bytes::from_static(b"content"));
    world.control.change("done", |run| run.status.phase = phase("Succeeded"));
    world.set_status("done", serde_json::json!({"phase": "Succeeded"})).await;
    let root = world.root().await;
    for document in
        [config_map("cm", serde_json::json!({"a": "1"})), template("WorkflowTemplate", "template"), cron("cron")]
    {
        root.resources().create(create(&document)).await.unwrap();
    }
    world
}

/// Streams that do not end by themselves: their first message is answer enough.
fn endless(rpc: Rpc) -> bool {
    matches!(rpc, Rpc::ResourcesWatch | Rpc::WorkflowsWatch)
}

async fn first(world: &World, rpc: Rpc) -> Result<(), tonic::Status> {
    use futures::StreamExt;
    let channel = tonic::transport::Channel::from_shared(world.address.clone()).unwrap().connect().await.unwrap();
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.unwrap();
    let mut asked = tonic::Request::new(futures::stream::iter(request(rpc)));
    asked.metadata_mut().insert("authorization", "Bearer token-of-root".parse().unwrap());
    let answer = grpc.streaming(asked, rpc.path().parse().unwrap(), RawCodec).await?;
    answer.into_inner().next().await.expect("the watch told nothing").map(drop)
}

#[tokio::test]
async fn every_rpc_does_its_work() {
    for rpc in Rpc::ALL {
        // Each has a world of its own: some delete what others look at.
        let world = world().await;
        if endless(*rpc) {
            first(&world, *rpc).await.unwrap_or_else(|status| panic!("{}: {status}", rpc.name()));
            continue;
        }
        let answer = world.raw(Some("token-of-root"), rpc.path(), request(*rpc)).await;
        let messages = answer.unwrap_or_else(|status| panic!("{}: {status}", rpc.name()));
        assert!(!messages.is_empty(), "{} told nothing", rpc.name());
    }
}

#[tokio::test]
async fn every_rpc_wants_to_know_who_asks() {
    let world = world().await;
    for rpc in Rpc::ALL {
        for token in [None, Some("no such token")] {
            let status = world.raw(token, rpc.path(), request(*rpc)).await.unwrap_err();
            assert_eq!(status.code(), Code::Unauthenticated, "{}", rpc.name());
            assert_eq!(proto_gen::status::from_status(&status).unwrap().code, "Unauthenticated");
        }
    }
}

#[tokio::test]
async fn every_rpc_refuses_who_may_not() {
    let world = world().await;
    let before = world.store_revision().await;
    for rpc in Rpc::ALL {
        let answer = world.raw(Some("token-of-nobody"), rpc.path(), request(*rpc)).await;
        if api::access::rule(*rpc).on == api::access::On::Anyone {
            answer.unwrap_or_else(|status| panic!("{}: {status}", rpc.name()));
            continue;
        }
        if *rpc == Rpc::ResourcesBatchApply {
            let answers: Vec<BatchApplyResponse> =
                answer.unwrap().into_iter().map(|bytes| BatchApplyResponse::decode(bytes).unwrap()).collect();
            let [BatchApplyResponse { result: Some(batch_apply_response::Result::Error(detail)), .. }] = &answers[..]
            else {
                panic!("{answers:?}")
            };
            assert_eq!(detail.code, "Forbidden");
            continue;
        }
        let status = match answer {
            Err(status) => status,
            Ok(_) => panic!("{} was answered", rpc.name()),
        };
        assert_eq!(status.code(), Code::PermissionDenied, "{}: {status}", rpc.name());
        let detail = proto_gen::status::from_status(&status).unwrap();
        assert_eq!(detail.code, "Forbidden");
        assert!(!detail.hints.is_empty());
    }
    assert_eq!(world.store_revision().await, before, "something was written");
    assert!(world.control.commands.lock().unwrap().is_empty());
}

#[tokio::test]
async fn no_rpc_minds_garbage() {
    let world = world().await;
    let garbage: [&[u8]; 4] =
        [b"\xff\xff\xff\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x00", b"\x0a\x05\xff\xfe\xfd\xfc\xfb"];
    for rpc in Rpc::ALL {
        for bytes in garbage {
            let answer = world.raw(Some("token-of-root"), rpc.path(), vec![Bytes::from_static(bytes)]).await;
            let Err(status) = answer else { continue };
            let detail = proto_gen::status::from_status(&status);
            let detail = detail.unwrap_or_else(|| panic!("{} {bytes:?}: no detail in {status:?}", rpc.name()));
            assert_eq!(detail.fault(), Fault::Caller, "{} {bytes:?}: {detail:?}", rpc.name());
        }
        // Nothing at all is an error or an answer, never a hang.
        let soon = std::time::Duration::from_secs(10);
        tokio::time::timeout(soon, world.raw(Some("token-of-root"), rpc.path(), vec![])).await.unwrap().ok();
    }
}

/// Fields that a request cannot do without: the path is told.
#[tokio::test]
async fn what_is_missing_is_named() {
    let world = world().await;
    for (rpc, path) in [
        (Rpc::ResourcesGet, "key"),
        (Rpc::ResourcesGetStream, "key"),
        (Rpc::ResourcesList, "kind"),
        (Rpc::ResourcesWatch, "kind"),
        (Rpc::ResourcesCreate, "document"),
        (Rpc::ResourcesUpdate, "document"),
        (Rpc::ResourcesPatch, "key"),
        (Rpc::ResourcesApply, "document"),
        (Rpc::ResourcesBatchApply, "options"),
        (Rpc::ResourcesDelete, "key"),
        (Rpc::WorkflowsSubmit, "source"),
        (Rpc::WorkflowsSubmitStream, "head"),
        (Rpc::WorkflowsGet, "name"),
        (Rpc::WorkflowsGetStream, "name"),
        (Rpc::WorkflowsListNodes, "name"),
        (Rpc::WorkflowsWatchNodes, "name"),
        (Rpc::WorkflowsWait, "name"),
        (Rpc::WorkflowsStop, "name"),
        (Rpc::WorkflowsTerminate, "name"),
        (Rpc::WorkflowsSuspend, "name"),
        (Rpc::WorkflowsResume, "name"),
        (Rpc::WorkflowsRetry, "name"),
        (Rpc::WorkflowsResubmit, "name"),
        (Rpc::WorkflowsSetNode, "node_selector"),
        (Rpc::WorkflowsDelete, "name"),
        (Rpc::WorkflowsLint, "manifests"),
        (Rpc::TemplatesDescribe, "source"),
        (Rpc::TemplatesLint, "manifests"),
        (Rpc::CronWorkflowsSuspend, "name"),
        (Rpc::CronWorkflowsResume, "name"),
        (Rpc::CronWorkflowsBackfill, "name"),
        (Rpc::CronWorkflowsNextRuns, "name"),
        (Rpc::ArchiveGet, "key"),
        (Rpc::ArchiveRetry, "key"),
        (Rpc::ArchiveResubmit, "key"),
        (Rpc::ArchiveDelete, "key"),
        (Rpc::ArchiveListLabelValues, "key"),
        (Rpc::LogsStream, "name"),
        (Rpc::ArtifactsList, "name"),
        (Rpc::ArtifactsListFiles, "key"),
        (Rpc::ArtifactsGet, "key"),
        (Rpc::ArtifactsPut, "head"),
        (Rpc::PluginsGetPlugin, "name"),
        (Rpc::PluginsInspectPlugin, "chunk"),
        (Rpc::PluginsCheckConfig, "name"),
        (Rpc::PluginsCallPlugin, "name"),
        (Rpc::PluginsStreamLogs, "name"),
        (Rpc::InfoCheckAccess, "verb"),
    ] {
        let status = world.raw(Some("token-of-root"), rpc.path(), vec![Bytes::new()]).await.unwrap_err();
        let detail = proto_gen::status::from_status(&status).unwrap();
        assert_eq!(detail.violations.first().map(|v| v.path.as_str()), Some(path), "{}: {detail:?}", rpc.name());
    }
}

impl World {
    async fn store_revision(&self) -> u64 {
        use store::objects::Objects;
        self.store.revision().await.unwrap()
    }
}
