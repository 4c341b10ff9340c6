//! Large documents, limits, deadlines.

use std::time::{Duration, Instant};

use bytes::Bytes;
use client::ErrorKind;
use client::v1::*;
use prost::Message;
use proto_gen::Rpc;

use crate::world::*;

/// A DAG of so many tasks in a chain of layers.
fn dag(name: &str, tasks: usize) -> serde_json::Value {
    let tasks: Vec<serde_json::Value> = (0..tasks)
        .map(|n| {
            let mut task = serde_json::json!({"name": format!("task-{n}"), "template": "work",
                "arguments": {"parameters": [{"name": "n", "value": n.to_string()}]}});
            if n >= 100 {
                task["dependencies"] = serde_json::json!([format!("task-{}", n - 100)]);
            }
            task
        })
        .collect();
    let mut run = hello(name);
    run["spec"]["templates"] = serde_json::json!([
        {"name": "main", "dag": {"tasks": tasks}},
        {"name": "work", "inputs": {"parameters": [{"name": "n"}]}, "container": {"image": "alpine", "command": ["echo", "{{inputs.parameters.n}}"]}}
    ]);
    run
}

#[tokio::test]
async fn a_dag_of_a_hundred_thousand_tasks_fits_through() {
    let world = World::new().await;
    let mut options = world.options("root");
    options.call_timeout = Some(Duration::from_secs(120));
    let root = client::Client::connect(options).await.unwrap();
    let manifest = dag("big", 100_000);
    let request = submit(&manifest);
    let Some(submit_request::Source::Manifest(text)) = &request.source else { panic!("no manifest") };
    let size = text.len();
    assert!(size > 8 << 20, "{size}");
    let submitted = root.submit(request.clone()).await.unwrap();
    assert_eq!(submitted.name, "big");

    // Whole, it is refused with what to do; in chunks it comes back as it went in.
    let error = refused(root.workflows().submit(request).await);
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::ResourceExhausted, "TooLarge"));
    assert!(error.hints[0].contains("SubmitStream"), "{:?}", error.hints);
    let error = refused(root.workflows().get(get_workflow("big", StatusDetail::Summary)).await);
    assert_eq!(error.code, "TooLarge");
    assert!(error.hints[0].contains("GetStream"));
    let got = root.get_workflow(get_workflow("big", StatusDetail::Summary)).await.unwrap();
    assert_eq!(json(&got.document)["spec"], manifest["spec"]);
    let got = root.get_object(get("wf", "big")).await.unwrap();
    assert!(got.document.len() >= size && got.resource_version == submitted.resource_version);

    // In lists and watches it comes without its body, in pages that fit.
    let page = root.resources().list(ListRequest { kind: "wf".to_owned(), ..ListRequest::default() }).await.unwrap();
    assert!(page.items[0].body_omitted && json(&page.items[0].document).get("spec").is_none());
    let mut events =
        root.resources().watch(WatchRequest { kind: "wf".to_owned(), ..WatchRequest::default() }).await.unwrap();
    assert!(next(&mut events).await.unwrap().object.unwrap().body_omitted);
}

#[tokio::test]
async fn pages_end_where_a_message_would_be_too_large() {
    let world = World::new().await;
    let root = world.root().await;
    let padding = "x".repeat(1 << 20);
    for n in 0..9 {
        root.resources()
            .create(create(&config_map(&format!("m{n}"), serde_json::json!({"p": padding}))))
            .await
            .unwrap();
    }
    let mut request = ListRequest { kind: "cm".to_owned(), ..ListRequest::default() };
    let mut pages = Vec::new();
    loop {
        let page = root.resources().list(request.clone()).await.unwrap();
        assert!(page.encoded_len() <= 4 << 20);
        pages.push(page.items.len());
        request.continue_token = page.continue_token;
        if request.continue_token.is_empty() {
            break;
        }
    }
    assert_eq!(pages, [3, 3, 3]);
}

#[tokio::test]
async fn a_document_has_a_largest_size_also_in_chunks() {
    let limits = api::Limits { object_bytes_max: 3 << 20, ..Setup::default().limits };
    let world = World::with(Setup { limits, ..Setup::default() }).await;
    let root = world.root().await;
    let mut run = hello("a");
    run["metadata"]["annotations"] = serde_json::json!({"a": "x".repeat(4 << 20)});
    let error = refused(root.submit(submit(&run)).await);
    assert_eq!((error.code.as_str(), error.kind), ("TooLarge", ErrorKind::ResourceExhausted));
    assert!(error.message.contains("object_bytes_max"), "{}", error.message);
    let mut items = root.apply_all(BatchApplyOptions::default(), [bytes(&run)]).await.unwrap();
    let error = next(&mut items).await.unwrap_err();
    assert_eq!(error.code(), "TooLarge");
}

#[tokio::test]
async fn a_batch_has_a_largest_number_of_documents() {
    let limits = api::Limits { batch_documents_max: 2, ..Setup::default().limits };
    let world = World::with(Setup { limits, ..Setup::default() }).await;
    let root = world.root().await;
    let documents: Vec<Bytes> = (0..3).map(|n| bytes(&config_map(&format!("m{n}"), serde_json::json!({})))).collect();
    let mut items = root.apply_all(BatchApplyOptions::default(), documents).await.unwrap();
    assert!(next(&mut items).await.unwrap().result.is_ok() && next(&mut items).await.unwrap().result.is_ok());
    assert!(next(&mut items).await.unwrap_err().to_string().contains("batch_documents_max"));
}

#[tokio::test]
async fn a_deadline_ends_a_call_and_a_stream() {
    let limits = api::Limits { deadline_default_ms: 30, wait_max_ms: 600_000, ..Setup::default().limits };
    let world = World::with(Setup { limits, ..Setup::default() }).await;
    world.run("a").await;
    let channel =
        || async { tonic::transport::Channel::from_shared(world.address.clone()).unwrap().connect().await.unwrap() };
    let ask = |rpc: Rpc, message: Bytes, timeout: Option<Duration>| {
        let channel = channel();
        async move {
            use futures::{StreamExt, TryStreamExt};
            let mut grpc = tonic::client::Grpc::new(channel.await);
            grpc.ready().await.unwrap();
            let mut request = tonic::Request::new(futures::stream::iter([message]));
            // By the header alone: a client that also counts itself would hide the server's answer.
            if let Some(timeout) = timeout {
                request.metadata_mut().insert("grpc-timeout", format!("{}m", timeout.as_millis()).parse().unwrap());
            }
            request.metadata_mut().insert("authorization", "Bearer token-of-root".parse().unwrap());
            let answer = grpc.streaming(request, rpc.path().parse().unwrap(), RawCodec).await?;
            answer.into_inner().map_ok(drop).boxed().try_collect::<Vec<()>>().await
        }
    };
    // A watch without news ends when its caller said so.
    let watch = WatchWorkflowsRequest::default().encode_to_vec().into();
    let began = Instant::now();
    let status = ask(Rpc::WorkflowsWatch, watch, Some(Duration::from_millis(80))).await.unwrap_err();
    assert_eq!(
        proto_gen::status::from_status(&status).map(|d| d.code),
        Some("DeadlineExceeded".to_owned()),
        "{status:?}"
    );
    assert!(began.elapsed() >= Duration::from_millis(70));
    // A wait answers before its caller's deadline.
    let wait = WaitRequest { name: "a".to_owned(), ..WaitRequest::default() }.encode_to_vec().into();
    ask(Rpc::WorkflowsWait, wait, Some(Duration::from_millis(500))).await.unwrap();
    // A call whose engine does not answer ends at the server's default.
    let nodes = ListNodesRequest { name: "a".to_owned(), selector: "hang=1".to_owned(), ..Default::default() }
        .encode_to_vec()
        .into();
    let status = ask(Rpc::WorkflowsListNodes, nodes, None).await.unwrap_err();
    let detail = proto_gen::status::from_status(&status).unwrap();
    assert_eq!((status.code(), detail.code.as_str()), (tonic::Code::DeadlineExceeded, "DeadlineExceeded"));
}

#[tokio::test]
async fn a_panic_ends_its_own_call_only() {
    let world = World::new().await;
    world.run("a").await;
    let root = world.root().await;
    world.control.panics.store(true, std::sync::atomic::Ordering::Relaxed);
    let error =
        refused(root.workflows().terminate(TerminateRequest { name: "a".to_owned(), ..Default::default() }).await);
    assert_eq!((error.kind, error.fault, error.code.as_str()), (ErrorKind::Internal, Fault::Server, "Internal"));
    assert!(!error.message.contains("fell over"), "{}", error.message);
    root.workflows().list(ListWorkflowsRequest::default()).await.unwrap();
}
