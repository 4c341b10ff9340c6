//! Plugins: who may what, what travels, how errors of plugins look.

use std::time::Duration;

use bytes::Bytes;
use client::ErrorKind;
use client::v1::*;
use futures::TryStreamExt;
use plugin::{ErrorClass, FileTree, PluginError, Tree, TreeFile};
use serde_json::{Value, json};

use crate::world::*;

fn call(name: &str, function: &str, request: Value) -> CallPluginRequest {
    CallPluginRequest {
        name: name.to_owned(),
        function: function.to_owned(),
        request: bytes(&request),
        ..CallPluginRequest::default()
    }
}

async fn answer(root: &client::Client, request: CallPluginRequest) -> Value {
    json(&root.plugins().call_plugin(request).await.unwrap().answer)
}

#[tokio::test]
async fn those_in_service_are_listed_and_told() {
    let world = World::new().await;
    let root = world.root().await;
    let all = root.plugins().list_plugins(ListPluginsRequest::default()).await.unwrap();
    let rows: Vec<_> =
        all.plugins.iter().map(|row| format!("{} {} {}", row.name, row.ready, row.kinds.len())).collect();
    let expected =
        ["broken false 0", "hooks true 1", "jsonnet true 1", "prometheus true 1", "slack true 1", "tool true 2"];
    assert_eq!(rows, expected);
    assert_eq!((all.plugins[0].reason.as_str(), all.continue_token.as_str()), ("it is being loaded", ""));
    let row = &all.plugins[3];
    assert_eq!((row.version.as_str(), row.digest.as_str()), ("1.2.0", "sha256:prometheus"));
    assert_eq!(row.missing_grants[0].grant, "state: {bytes: 64Ki}");
    let numbers = row.numbers.clone().unwrap();
    assert_eq!((numbers.calls, numbers.killed, numbers.last_error.as_str()), (3, 1, "query-failed"));

    let mut request = ListPluginsRequest { limit: 4, ..ListPluginsRequest::default() };
    let first = root.plugins().list_plugins(request.clone()).await.unwrap();
    request.continue_token = first.continue_token.clone();
    let second = root.plugins().list_plugins(request).await.unwrap();
    assert_eq!((first.plugins.len(), second.plugins.len(), second.continue_token.as_str()), (4, 2, ""));

    let got = root.plugins().get_plugin(GetPluginRequest { name: "tool".to_owned() }).await.unwrap();
    let facts = got.facts.unwrap();
    assert_eq!((facts.name.as_str(), facts.size_bytes, facts.imports.len()), ("tool-component", 7, 1));
    assert_eq!(json(&facts.kinds[1].config_schema)["properties"]["query"]["type"], "string");
    let needs: Vec<_> = facts.needs.iter().map(|n| (n.what.as_str(), n.target.as_str(), n.optional)).collect();
    assert_eq!(needs, [("http", "*", false), ("state", "", true)]);
    let missing = root.plugins().get_plugin(GetPluginRequest { name: "none".to_owned() }).await;
    let error = refused(missing);
    assert_eq!((error.code.as_str(), error.subject.as_str()), ("NotFound", "plugin none"));
}

#[tokio::test]
async fn who_may_look_may_not_call() {
    let world = World::new().await;
    // A view of the cluster is enough to look, a namespace's is not.
    let viewer = world.client("viewer").await;
    viewer.plugins().list_plugins(ListPluginsRequest::default()).await.unwrap();
    let logs = StreamPluginLogsRequest { name: "prometheus".to_owned(), ..StreamPluginLogsRequest::default() };
    drop(viewer.plugins().stream_logs(logs).await.unwrap());
    let check =
        CheckPluginConfigRequest { name: "prometheus".to_owned(), config: bytes(&json!({})), ..Default::default() };
    viewer.plugins().check_config(check).await.unwrap();
    let error = refused(viewer.plugins().call_plugin(call("prometheus", "run", json!({}))).await);
    assert!(error.code == "Forbidden" && error.hints[0].contains("the verb `call` on `plugins`"), "{error:?}");
    let error = refused(viewer.inspect_plugin(Bytes::from_static(b"\0asm")).await);
    assert!(error.code == "Forbidden" && error.hints[0].contains("the verb `inspect`"), "{error:?}");
    for user in ["dev", "two", "nobody"] {
        let client = world.client(user).await;
        assert_eq!(refused(client.plugins().list_plugins(ListPluginsRequest::default()).await).code, "Forbidden");
    }
    // The call that was refused never came to a plugin; the check did.
    assert_eq!(world.desk.notes.lock().unwrap().calls.len(), 1);
    assert!(world.desk.notes.lock().unwrap().inspected.is_empty());
}

#[tokio::test]
async fn a_component_travels_in_chunks() {
    let setup = Setup::default();
    let limits = api::Limits { component_bytes_max: 6 << 20, ..setup.limits };
    let world = World::with(Setup { limits, ..setup }).await;
    let root = world.root().await;
    let component = |size: usize| {
        let mut bytes = b"\0asm".to_vec();
        bytes.resize(size, 7);
        Bytes::from(bytes)
    };
    let facts = root.inspect_plugin(component(5 << 20)).await.unwrap().facts.unwrap();
    assert_eq!((facts.size_bytes, facts.version.as_str()), (5 << 20, "1.2.0"));
    assert_eq!(world.desk.notes.lock().unwrap().inspected, [5 << 20]);
    let error = refused(root.inspect_plugin(component((6 << 20) + 1)).await);
    assert!(error.code == "TooLarge" && error.message.contains("component_bytes_max"), "{error:?}");
    let error = refused(root.inspect_plugin(Bytes::from_static(b"#!/bin/sh")).await);
    assert_eq!((error.code.as_str(), error.message.as_str()), ("Invalid", "this is no component [NotAComponent]"));
    assert_eq!(error.hints, ["build it for wasm32-wasip2"]);
    assert_eq!(refused(root.inspect_plugin(Bytes::new()).await).violations[0].path, "chunk");
}

#[tokio::test]
async fn configurations_are_checked() {
    let world = World::new().await;
    let root = world.root().await;
    let check = |name: &str, kind: &str, config: &'static str| {
        let config = Bytes::from_static(config.as_bytes());
        let request = CheckPluginConfigRequest { name: name.to_owned(), kind: kind.to_owned(), config };
        async { root.plugins().check_config(request).await }
    };
    let checked = check("prometheus", "", "{}").await.unwrap();
    let said: Vec<_> = checked.findings.iter().map(|f| (f.severity(), f.field.as_str(), f.message.as_str())).collect();
    assert_eq!(said, [(Severity::Error, "query", "is required"), (Severity::Warning, "query", "metric-provider")]);
    assert!(check("tool", "step", r#"{"query": 1}"#).await.unwrap().findings.is_empty());
    for (name, kind, config, path, part) in [
        ("prometheus", "", "{", "config", "no JSON"),
        ("prometheus", "metricprovider", "{}", "kind", "none of metric-provider, "),
        ("tool", "", "{}", "kind", "which of them is meant?"),
    ] {
        let error = refused(check(name, kind, config).await);
        let violation = &error.violations[0];
        assert!(violation.path == path && violation.message.contains(part), "{error:?}");
    }
}

#[tokio::test]
async fn functions_are_called_by_hand() {
    let world = World::new().await;
    let root = world.root().await;
    let measured = answer(&root, call("prometheus", "run", json!({"config": {"query": "up"}}))).await;
    assert_eq!(
        measured,
        json!({
            "phase": "running", "value": {"config": {"query": "up"}, "metric": "by-hand"}, "message": "",
            "resumeAfterMs": 5000, "token": "t", "metadata": {"a": "b"},
        })
    );
    let resumed = answer(&root, call("prometheus", "resume", json!({"token": "t", "startedMs": 5}))).await;
    assert_eq!((&resumed["phase"], &resumed["value"]), (&json!("measured"), &json!("t")));
    assert_eq!(answer(&root, call("prometheus", "metadata", json!({}))).await, json!({"query": "up"}));
    // Of two kinds, the one that has the function.
    let started = root.plugins().call_plugin(call("tool", "start", json!({"parameters": {"a": "1"}}))).await.unwrap();
    assert_eq!((started.kind.as_str(), &json(&started.answer)["parameters"]["a"]), ("step", &json!("1")));

    let context = world.desk.notes.lock().unwrap().calls[0].clone();
    assert_eq!(context.object.to_string(), "CallByHand root");
    assert_eq!(context.timeout, Duration::from_secs(30));
    root.plugins().call_plugin(CallPluginRequest { timeout_ms: 7, ..call("tool", "run", json!({})) }).await.unwrap();
    assert_eq!(world.desk.notes.lock().unwrap().calls.last().unwrap().timeout, Duration::from_millis(7));
}

#[tokio::test]
async fn every_kind_is_called_with_json() {
    let world = World::new().await;
    let root = world.root().await;
    let event = |id: &str, content_type: &str, field: &str, data: Value| {
        json!({
            "id": id, "type": "x", "time": "2027-01-15T08:00:00Z", "datacontenttype": content_type, "subject": "s", field: data,
        })
    };
    let hook = json!({"request": {"path": "/x", "headers": {"a": "b"}, "body": {"c": 1}}});
    let files = json!({"app/main.jsonnet": "{}"});
    let fetched = FileTree::new([("a".to_owned(), TreeFile::plain("fetched"))].into()).unwrap();
    for (name, function, request, expected) in [
        ("slack", "resolve", json!({"config": {"a": 1}}), json!({"name": "by-hand", "config": {"a": 1}})),
        ("slack", "execute", json!({"payload": [1], "idempotencyKey": "k"}), json!({"message": "k", "answer": [1]})),
        ("slack", "check-policy", json!({"policy": 1, "executed": {"answer": 1}}), json!({"state": "met"})),
        (
            "slack",
            "check-policy",
            json!({"policy": 1, "executed": {"answer": 2}}),
            json!({"state": "violated", "why": "2 is not 1"}),
        ),
        (
            "hooks",
            "poll",
            json!({"cursor": "7"}),
            json!({
                "events": [event("1", "", "data", json!({"a": 1})), event("2", "text/plain", "data", json!("1")),
                    event("3", "", "data_base64", json!("/w=="))],
                "cursor": "7+",
            }),
        ),
        ("hooks", "poll", json!({"max": 0}), json!({"events": [], "cursor": "0+"})),
        ("hooks", "endpoints", json!({"name": "gh"}), json!([{"path": "/gh", "methods": ["POST"]}])),
        (
            "hooks",
            "on-request",
            hook,
            json!({
                "events": [event("1", "application/json", "data", json!({"c": 1}))],
                "answer": {"status": 202, "headers": {"a": "b"}, "body": "POST"},
            }),
        ),
        ("jsonnet", "detect", json!({"files": files, "path": "app"}), json!(true)),
        ("jsonnet", "detect", json!({"files": files}), json!(false)),
        (
            "jsonnet",
            "requirements",
            json!({}),
            json!([{"name": "a", "source": {"url": "https://example.com/a.tgz"}, "digest": null}]),
        ),
        (
            "jsonnet",
            "render",
            json!({"files": files, "path": "app", "release": {"namespace": "n"}}),
            json!({
                "manifests": [{"object": {"text": "{}", "namespace": "n"}, "file": "main.jsonnet"}],
                "warnings": ["old"], "notes": null, "fetched": [{"name": "a", "digest": fetched.digest()}],
            }),
        ),
    ] {
        assert_eq!(answer(&root, call(name, function, request)).await, expected, "{name} {function}");
    }
    let outside = json!({"files": {"../a": ""}});
    let error = refused(root.plugins().call_plugin(call("jsonnet", "detect", outside)).await);
    assert_eq!(error.violations[0].path, "request.files");
    let encoded = json!({"files": {"a": {"base64": "?"}}});
    let error = refused(root.plugins().call_plugin(call("jsonnet", "detect", encoded)).await);
    assert!(error.violations[0].message.contains("base64"), "{error:?}");
    let elsewhere = refused(root.plugins().call_plugin(call("jsonnet", "render", json!({"files": files}))).await);
    assert!(elsewhere.message.contains("the folder `.` of the source has nothing"), "{elsewhere:?}");
    let error = refused(root.plugins().call_plugin(call("hooks", "on-request", json!({}))).await);
    assert_eq!(error.violations[0].path, "request.request");
}

#[tokio::test]
async fn wrong_calls_say_what_is_expected() {
    let world = World::new().await;
    let root = world.root().await;
    let step = CallPluginRequest { kind: "step".to_owned(), ..call("tool", "run", json!({})) };
    for (request, path, part) in [
        (call("prometheus", "", json!({})), "function", "required"),
        (call("prometheus", "rum", json!({})), "function", "a metric-provider has run, resume, terminate, metadata"),
        (call("tool", "execute", json!({})), "kind", "none of them has that function"),
        (step, "function", "a step has start, poll, stop"),
        (call("prometheus", "resume", json!({})), "request.token", "required"),
        (call("prometheus", "run", json!({"confg": {}})), "request", "unknown field `confg`"),
        (call("prometheus", "run", json!([1])), "request", "cannot be read"),
    ] {
        let error = refused(root.plugins().call_plugin(request).await);
        let violation = &error.violations[0];
        assert!(violation.path == path && violation.message.contains(part), "{error:?}");
    }
    let renderer = CallPluginRequest { kind: "manifest-renderer".to_owned(), ..call("tool", "render", json!({})) };
    let error = refused(root.plugins().call_plugin(renderer).await);
    assert_eq!((error.code.as_str(), error.message.as_str()), ("Invalid", "tool is no manifest-renderer [wrong-kind]"));
    assert!(world.desk.notes.lock().unwrap().calls.is_empty());
}

#[tokio::test]
async fn errors_of_plugins_say_whose_fault_and_what_to_do() {
    let world = World::new().await;
    let root = world.root().await;
    let throttled = ErrorClass::Throttled { retry_after: Some(Duration::from_secs(9)) };
    let new = PluginError::new;
    for (error, kind, code, fault, retry_after_ms, message) in [
        (
            PluginError::denied("GET https://a is not granted", "http: [{host: \"a\"}]"),
            (ErrorKind::FailedPrecondition),
            "PluginDenied",
            Fault::Environment,
            0,
            "GET https://a is not granted [not-granted]",
        ),
        (
            PluginError::invalid("rangeQuery.step", "is no duration").hint("5m"),
            ErrorKind::InvalidArgument,
            "Invalid",
            Fault::Caller,
            0,
            "rangeQuery.step: is no duration",
        ),
        (
            new(ErrorClass::Unavailable, "refused", "nobody answers").hint("start it"),
            ErrorKind::Unavailable,
            "PluginUnavailable",
            Fault::Environment,
            1_000,
            "nobody answers [refused]",
        ),
        (
            new(throttled, "throttled", "too often").hint("wait"),
            ErrorKind::Unavailable,
            "PluginUnavailable",
            Fault::Environment,
            9_000,
            "too often [throttled]",
        ),
        (
            new(ErrorClass::NotFound, "no-series", "there is no series").hint("look"),
            ErrorKind::NotFound,
            "NotFound",
            Fault::Caller,
            0,
            "there is no series",
        ),
        (
            new(ErrorClass::Permanent, "trap", "it trapped").hint("report it"),
            ErrorKind::FailedPrecondition,
            "PluginFailed",
            Fault::Environment,
            0,
            "it trapped [trap]",
        ),
    ] {
        let hints = error.hints.clone();
        let field = error.field.clone();
        world.desk.fail_next(error);
        let told = refused(root.plugins().call_plugin(call("prometheus", "run", json!({}))).await);
        assert_eq!(
            (told.kind, told.code.as_str(), told.fault, told.retry_after_ms),
            (kind, code, fault, retry_after_ms)
        );
        assert_eq!((told.message.as_str(), told.subject.as_str()), (message, "plugin prometheus"));
        assert_eq!(told.hints, hints);
        assert_eq!(told.violations.first().map(|v| v.path.clone()), field);
    }
}

#[tokio::test]
async fn a_call_ends_with_its_caller() {
    let world = World::new().await;
    let root = world.root().await;
    world.desk.notes.lock().unwrap().hangs = true;
    let asked =
        tokio::spawn(async move { root.plugins().call_plugin(call("prometheus", "run", json!({}))).await.map(drop) });
    let begun = tokio::time::timeout(Duration::from_secs(10), world.desk.hanging.notified());
    begun.await.expect("the plugin is never called");
    asked.abort();
    let context = world.desk.notes.lock().unwrap().calls.last().unwrap().clone();
    tokio::time::timeout(Duration::from_secs(10), context.cancel.cancelled()).await.expect("the call goes on");
}

#[tokio::test]
async fn logs_are_cut_where_asked() {
    let world = World::new().await;
    let root = world.root().await;
    let request = StreamPluginLogsRequest { name: "prometheus".to_owned(), ..StreamPluginLogsRequest::default() };
    let lines = |request: StreamPluginLogsRequest| async {
        let messages: Vec<StreamPluginLogsResponse> =
            root.plugins().stream_logs(request).await.unwrap().try_collect().await.unwrap();
        messages.into_iter().flat_map(|message| message.lines).collect::<Vec<_>>()
    };
    let all = lines(request.clone()).await;
    assert_eq!(all.iter().map(|line| line.at_ms).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let (line, object) = (&all[1], all[1].object.clone().unwrap());
    assert_eq!((line.level(), line.message.as_str()), (PluginLogLevel::Error, "line 2"));
    assert_eq!(
        (object.kind.as_str(), object.namespace.as_str(), object.name.as_str()),
        ("AnalysisRun", "default", "a")
    );
    assert_eq!(line.fields[0].name, "status");
    let warned = StreamPluginLogsRequest { level: PluginLogLevel::Warn.into(), ..request.clone() };
    assert_eq!(lines(warned.clone()).await.iter().map(|line| line.at_ms).collect::<Vec<_>>(), [2, 4]);
    let last = StreamPluginLogsRequest { tail_lines: Some(1), ..warned };
    assert_eq!(lines(last.clone()).await.iter().map(|line| line.at_ms).collect::<Vec<_>>(), [4]);
    let mut followed = root.plugins().stream_logs(StreamPluginLogsRequest { follow: true, ..last }).await.unwrap();
    assert_eq!(next(&mut followed).await.unwrap().lines[0].at_ms, 4);
    let missing = StreamPluginLogsRequest { name: "none".to_owned(), ..request };
    assert_eq!(refused(root.plugins().stream_logs(missing).await.map(drop)).code, "NotFound");
}
