//! Who may what; what is shown to whom; what is written down.

use std::sync::{Arc, Mutex};

use client::ErrorKind;
use client::v1::*;

use crate::world::*;

#[tokio::test]
async fn a_namespace_is_a_wall() {
    let world = World::new().await;
    let root = world.root().await;
    for namespace in ["default", "other", "third"] {
        root.submit(SubmitRequest { namespace: namespace.to_owned(), ..submit(&hello("a")) }).await.unwrap();
    }
    let dev = world.client("dev").await;
    let list =
        |namespace: &str| ListWorkflowsRequest { namespace: namespace.to_owned(), ..ListWorkflowsRequest::default() };
    // Without a namespace, the only one that dev may see.
    let rows = dev.workflows().list(list("")).await.unwrap().workflows;
    assert_eq!(rows.iter().map(|row| row.namespace.as_str()).collect::<Vec<_>>(), ["default"]);
    assert_eq!(root.workflows().list(list("")).await.unwrap().workflows.len(), 3);
    let two = world.client("two").await;
    let error = refused(two.workflows().list(list("")).await);
    assert!(
        error.kind == ErrorKind::PermissionDenied && error.hints.iter().any(|hint| hint.contains("default, other")),
        "{error:?}"
    );
    assert_eq!(two.workflows().list(list("other")).await.unwrap().workflows.len(), 1);

    // By every way in, the other namespace stays shut.
    let elsewhere = || "other".to_owned();
    let get = GetWorkflowRequest { namespace: elsewhere(), name: "a".to_owned(), ..Default::default() };
    assert_eq!(refused(dev.workflows().get(get).await).code, "Forbidden");
    let mut inside = hello("b");
    inside["metadata"]["namespace"] = "other".into();
    assert_eq!(refused(dev.submit(submit(&inside)).await).code, "Forbidden");
    assert_eq!(refused(dev.resources().create(create(&inside)).await).code, "Forbidden");
    assert_eq!(refused(dev.resources().apply(apply(&inside)).await).code, "Forbidden");
    let fields = ObjectSelector { fields: "metadata.namespace=other".to_owned(), ..ObjectSelector::default() };
    let sneaky = ListWorkflowsRequest { selector: Some(fields.clone()), ..ListWorkflowsRequest::default() };
    assert_eq!(refused(dev.workflows().list(sneaky).await).violations[0].path, "selector.fields");
    let sneaky = WatchRequest { kind: "wf".to_owned(), selector: Some(fields), ..WatchRequest::default() };
    assert_eq!(refused(dev.resources().watch(sneaky).await.map(drop)).violations[0].path, "selector.fields");
    let uid = root.workflows().list(list("other")).await.unwrap().workflows[0].uid.clone();
    let key = Some(ArchivedKey { uid, namespace: elsewhere(), ..ArchivedKey::default() });
    assert_eq!(refused(dev.archive().delete(DeleteArchivedWorkflowRequest { key }).await).code, "Forbidden");
}

#[tokio::test]
async fn verbs_are_told_apart() {
    let world = World::new().await;
    world.run("a").await;
    let viewer = world.client("viewer").await;
    viewer.workflows().get(get_workflow("a", StatusDetail::Summary)).await.unwrap();
    assert_eq!(refused(viewer.submit(submit(&hello("b"))).await).code, "Forbidden");
    let stop = StopRequest { name: "a".to_owned(), ..StopRequest::default() };
    assert_eq!(refused(viewer.workflows().stop(stop).await).code, "Forbidden");
    // Who may change but not create cannot create by applying.
    let error = refused(world.client("dev").await.resources().apply(apply(&secret("s"))).await);
    assert_eq!(error.code, "Forbidden");
    assert_eq!(refused(viewer.resources().get(get("secret", "s")).await).code, "Forbidden");
}

#[tokio::test]
async fn a_secrets_values_are_shown_to_who_may_see_them_only() {
    let world = World::new().await;
    let root = world.root().await;
    let created = root.resources().create(create(&secret("s"))).await.unwrap();
    let base64 = "aHVudGVyMg==";
    let hidden = |text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        assert!(!text.contains("hunter2") && !text.contains(base64) && text.contains("password"), "{text}");
    };
    hidden(&created.document);
    hidden(&root.resources().get(get("secret", "s")).await.unwrap().document);
    hidden(&root.get_object(get("secret", "s")).await.unwrap().document);
    let list = ListRequest { kind: "secrets".to_owned(), ..ListRequest::default() };
    hidden(&root.resources().list(list.clone()).await.unwrap().items[0].document);
    let mut events =
        root.resources().watch(WatchRequest { kind: "secrets".to_owned(), ..WatchRequest::default() }).await.unwrap();
    hidden(&next(&mut events).await.unwrap().object.unwrap().document);
    let touch = PatchRequest {
        key: object_key("secret", "s"),
        patch: bytes(&serde_json::json!({"metadata": {"labels": {"a": "b"}}})),
        ..Default::default()
    };
    hidden(&root.resources().patch(touch).await.unwrap().document);
    hidden(&root.resources().apply(apply(&secret("s"))).await.unwrap().document);

    let revealed = root.resources().get(GetRequest { reveal_secrets: true, ..get("secret", "s") }).await.unwrap();
    assert_eq!(json(&revealed.document)["data"]["password"], base64);
    assert!(json(&revealed.document).get("stringData").is_none());
    let dev = world.client("dev").await;
    hidden(&dev.resources().get(get("secret", "s")).await.unwrap().document);
    let error = refused(dev.resources().get(GetRequest { reveal_secrets: true, ..get("secret", "s") }).await);
    assert!(error.code == "Forbidden" && error.message.contains("reveal"), "{error:?}");
    assert_eq!(refused(dev.resources().list(ListRequest { reveal_secrets: true, ..list }).await).code, "Forbidden");

    // What was read without its values does not overwrite them.
    let shown = root.resources().get(get("secret", "s")).await.unwrap().document;
    let error = refused(root.resources().update(UpdateRequest { document: shown, ..Default::default() }).await);
    assert!(error.violations[0].path.contains("colchis.dev/redacted"), "{error:?}");
    let error = refused(
        root.resources()
            .create(create(&serde_json::json!({
                "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "t"}, "data": {"password": "hunter2!"}
            })))
            .await,
    );
    assert!(
        !error.message.contains("hunter2") && error.violations.iter().all(|v| !v.message.contains("hunter2")),
        "{error:?}"
    );
}

#[tokio::test]
async fn what_the_server_says_of_a_run_is_not_the_callers_to_say() {
    let world = World::new().await;
    let dev = world.client("dev").await;
    let mut run = hello("a");
    run["metadata"]["uid"] = "11111111-1111-4111-8111-111111111111".into();
    run["metadata"]["labels"] = serde_json::json!({api::CREATOR_LABEL: "somebody-else"});
    let created = json(&dev.resources().create(create(&run)).await.unwrap().document);
    assert_ne!(created["metadata"]["uid"], run["metadata"]["uid"]);
    assert_eq!(created["metadata"]["labels"][api::CREATOR_LABEL], "dev");
    let patch = serde_json::json!({"metadata": {"labels": {api::CREATOR_LABEL: "x"}, "annotations": {api::REUSE_ANNOTATION: "u"}}});
    let patch = PatchRequest { key: object_key("wf", "a"), patch: bytes(&patch), ..PatchRequest::default() };
    let after = json(&dev.resources().patch(patch).await.unwrap().document);
    assert_eq!(after["metadata"]["labels"][api::CREATOR_LABEL], "dev");
    assert!(after["metadata"]["annotations"].get(api::REUSE_ANNOTATION).is_none());

    // Another namespace's results cannot be had by naming a run of it.
    let mut thief = hello("b");
    thief["metadata"]["annotations"] = serde_json::json!({api::REUSE_ANNOTATION: "a-uid-of-another-namespace"});
    let ways = [dev.submit(submit(&thief)).await.map(drop), dev.resources().apply(apply(&thief)).await.map(drop)];
    for answer in ways {
        assert!(refused(answer).violations[0].path.contains(api::REUSE_ANNOTATION));
    }
}

#[tokio::test]
async fn people_can_ask_what_they_may() {
    let world = World::new().await;
    let dev = world.client("dev").await;
    let me = dev.info().who_am_i(WhoAmIRequest {}).await.unwrap();
    assert_eq!((me.user.as_str(), me.authenticator.as_str()), ("dev", "token"));
    assert!(me.rules.iter().all(|rule| rule.role == "edit" && rule.namespaces == ["default"]));
    let may = |verb: &str, resource: &str, namespace: &str| {
        let request = CheckAccessRequest {
            verb: verb.to_owned(),
            resource: resource.to_owned(),
            namespace: namespace.to_owned(),
        };
        let dev = dev.clone();
        async move { dev.info().check_access(request).await.map(|answer| answer.allowed) }
    };
    assert!(may("submit", "wf", "default").await.unwrap());
    assert!(!may("submit", "wf", "other").await.unwrap());
    assert!(!may("reveal", "secrets", "default").await.unwrap());
    assert!(!may("create", "clusterworkflowtemplates", "default").await.unwrap());
    assert_eq!(refused(may("fly", "wf", "default").await).violations[0].path, "verb");
    let info = dev.info().get_server_info(GetServerInfoRequest {}).await.unwrap();
    assert!(info.limits.iter().any(|limit| limit.name == "page_max" && limit.value == 500));
    assert_eq!((info.api_version.as_str(), info.default_namespace.as_str()), ("colchis.v1", "default"));
}

#[tokio::test]
async fn health_and_reflection_answer_everyone() {
    let world = World::new().await;
    for service in ["", "colchis.v1"] {
        // HealthCheckRequest { service }, HealthCheckResponse { status: SERVING }.
        let mut request = vec![0x0a, service.len() as u8];
        request.extend_from_slice(service.as_bytes());
        let answer = world.raw(None, "/grpc.health.v1.Health/Check", vec![request.into()]).await.unwrap();
        assert_eq!(answer[0].as_ref(), [8, 1]);
    }
    world.api.stop().await;
    let answer = world.raw(None, "/grpc.health.v1.Health/Check", vec![vec![].into()]).await.unwrap();
    assert_eq!(answer[0].as_ref(), [8, 2]);
    for version in ["v1", "v1alpha"] {
        // ServerReflectionRequest { list_services: "" }.
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        let answer = world.raw(None, &path, vec![vec![0x3a, 0].into()]).await.unwrap();
        let text = String::from_utf8_lossy(&answer[0]).into_owned();
        for service in ["colchis.v1.Workflows", "colchis.v1.Resources", "colchis.v1.Logs", "grpc.health.v1.Health"] {
            assert!(text.contains(service), "{version}: {service} is not told");
        }
    }
}

#[tokio::test]
async fn an_unknown_rpc_is_told_with_a_suggestion() {
    let world = World::new().await;
    let status = world.raw(Some("token-of-root"), "/colchis.v1.Workflows/Submitt", vec![]).await.unwrap_err();
    let detail = proto_gen::status::from_status(&status).unwrap();
    assert_eq!((status.code(), detail.code.as_str()), (tonic::Code::Unimplemented, "UnknownRpc"));
    assert!(detail.hints[0].contains("/colchis.v1.Workflows/Submit?"));
}

#[tokio::test]
async fn plain_text_is_for_loopback_only() {
    let world = World::new().await;
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let listen = api::Listen { listener, tls: None, plaintext_anywhere: false, grace: std::time::Duration::ZERO };
    let error = world.api.serve(listen, None, std::future::pending()).await.unwrap_err();
    assert!(matches!(error, api::ServeError::Insecure { .. }), "{error}");
}

#[tokio::test]
async fn tls_is_spoken() {
    let world = World::new().await;
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate_pem = made.cert.pem().into_bytes();
    let tls = api::ServerTls {
        certificate_pem: certificate_pem.clone(),
        key_pem: made.signing_key.serialize_pem().into_bytes(),
        client_ca_pem: None,
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let listen = api::Listen { listener, tls: Some(tls), plaintext_anywhere: false, grace: std::time::Duration::ZERO };
    let api = world.api.clone();
    let serving = tokio::spawn(async move { api.serve(listen, None, std::future::pending()).await });
    let mut options = client::Options::new(format!("https://localhost:{port}")).with_token("token-of-root");
    assert!(client::Client::connect(options.clone()).await.is_err(), "a certificate that nobody vouches for was taken");
    options.tls.ca_pem = Some(certificate_pem);
    let client = client::Client::connect(options).await.unwrap();
    assert_eq!(client.info().who_am_i(WhoAmIRequest {}).await.unwrap().user, "root");
    serving.abort();
}

/// Lines of the target `audit`.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn what_changes_something_is_written_down() {
    use tracing_subscriber::layer::SubscriberExt;
    let lines = Lines::default();
    let writer = lines.clone();
    let layer = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(move || writer.clone());
    let filter = tracing_subscriber::filter::Targets::new().with_target("audit", tracing::Level::INFO);
    let subscriber = tracing_subscriber::registry().with(filter).with(layer);
    // One thread: everything of this test's server happens below this guard.
    let _guard = tracing::subscriber::set_default(subscriber);
    let world = World::new().await;
    let dev = world.client("dev").await;
    dev.submit(submit(&hello("a"))).await.unwrap();
    dev.workflows().list(ListWorkflowsRequest::default()).await.unwrap();
    let elsewhere = SubmitRequest { namespace: "other".to_owned(), ..submit(&hello("b")) };
    refused(dev.submit(elsewhere).await);
    let dry = SubmitOptions { dry_run: DryRun::Server.into(), ..SubmitOptions::default() };
    dev.submit(SubmitRequest { options: Some(dry), ..submit(&hello("c")) }).await.unwrap();
    use futures::TryStreamExt;
    let batch = dev
        .apply_all(BatchApplyOptions::default(), [bytes(&config_map("m", serde_json::json!({}))), bytes(&secret("s"))]);
    batch.await.unwrap().try_collect::<Vec<_>>().await.unwrap();
    world.raw(None, "/colchis.v1.Workflows/Stop", vec![]).await.unwrap_err();

    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains("hunter2"));
    let told: Vec<String> = text
        .lines()
        .map(|line| {
            let line = json(line.as_bytes());
            let of = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            format!(
                "{} {} {} {} dry={} {}",
                of("user"),
                of("rpc"),
                of("verb"),
                of("object"),
                line["dry_run"],
                of("result")
            )
        })
        .collect();
    let expected = [
        "dev Workflows.Submit submit workflow default/a dry=false Ok",
        "dev Workflows.Submit submit workflow other/b dry=false Forbidden",
        "dev Workflows.Submit submit workflow default/c dry=true Ok",
        "dev Resources.BatchApply patch configmap default/m dry=false Ok",
        "dev Resources.BatchApply patch secret default/s dry=false Forbidden",
        " Workflows.Stop stop  dry=false Unauthenticated",
    ];
    assert_eq!(told, expected);
}
