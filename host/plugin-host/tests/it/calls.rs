//! What calls give.

use std::time::Duration;

use plugin::{Desk, ErrorClass, Kind, LogLevel, MetricPhase, MetricRequest, Plugins};
use plugin_host::{Component, Limits};
use serde_json::json;

use crate::support::{World, context};

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_comes_back_whole() {
    let Some(world) = World::new("an_answer_comes_back_whole") else { return };
    world.install("guest", json!({}), Limits::default()).await;
    let measured = world.run("guest", json!({"do": "echo", "value": {"ä": [1, null, "x"]}})).await.unwrap();
    assert_eq!(measured.phase, MetricPhase::Measured);
    assert_eq!(
        measured.value,
        json!({"value": {"ä": [1, null, "x"]}, "metric": "m", "namespace": "ns", "analysisRun": "run", "started": 7})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_measurement_goes_on() {
    let Some(world) = World::new("a_long_measurement_goes_on") else { return };
    world.install("guest", json!({}), Limits::default()).await;
    let config = json!({"do": "running", "token": "t1", "resumeAfter": 250});
    let begun = world.run("guest", config.clone()).await.unwrap();
    assert_eq!((begun.phase, begun.resume_after), (MetricPhase::Running, Some(Duration::from_millis(250))));
    let request = MetricRequest { config, metric: "m".into(), started_ms: 7 };
    let provider = world.host.metric_provider("guest").unwrap();
    let ended = provider.resume(&context("run"), &request, &begun.token.unwrap()).await.unwrap();
    assert_eq!((ended.phase, ended.value), (MetricPhase::Measured, json!("t1")));
    assert_eq!(provider.resume(&context("run"), &request, "another").await.unwrap_err().code, "bad-token");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_keep_class_code_message_and_field() {
    let Some(world) = World::new("errors_keep_class_code_message_and_field") else { return };
    world.install("guest", json!({}), Limits::default()).await;
    let wait = Duration::from_millis(1500);
    for (class, expected) in [
        ("invalidConfig", ErrorClass::InvalidConfig),
        ("denied", ErrorClass::Denied),
        ("unavailable", ErrorClass::Unavailable),
        ("throttled", ErrorClass::Throttled { retry_after: Some(wait) }),
        ("notFound", ErrorClass::NotFound),
        ("permanent", ErrorClass::Permanent),
        ("other", ErrorClass::Permanent),
    ] {
        let config =
            json!({"do": "fail", "class": class, "code": "c", "message": "m", "field": "a.b", "retryAfter": 1500});
        let error = world.run("guest", config).await.unwrap_err();
        let got = (error.class, error.code.as_str(), error.message.as_str(), error.field.as_deref());
        assert_eq!(got, (expected, "c", "m", Some("a.b")), "{class}");
    }
    let long =
        json!({"do": "fail", "class": "permanent", "code": "c".repeat(500), "message": "ü".repeat(9000), "field": ""});
    let error = world.run("guest", long).await.unwrap_err();
    assert!(error.message.len() < 4200 && error.code.len() < 70, "{} {}", error.message.len(), error.code.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_has_an_instance_of_its_own() {
    let Some(world) = World::new("every_call_has_an_instance_of_its_own") else { return };
    world.install("guest", json!({}), Limits::default()).await;
    for _ in 0..3 {
        assert_eq!(world.value("guest", json!({"do": "instance"})).await, json!(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_is_looked_at() {
    let Some(world) = World::new("a_configuration_is_looked_at") else { return };
    world.install("guest", json!({}), Limits::default()).await;
    let config = json!({"do": "findings", "findings": ["a", "b.c"]});
    let found = world.host.check_config("guest", Kind::MetricProvider, &context("x"), &config).await.unwrap();
    assert_eq!(found.iter().map(|f| f.field.as_str()).collect::<Vec<_>>(), ["a", "b.c"]);
    let Some(step) = testkit::tools::guest("greet", "a_configuration_is_looked_at") else { return };
    let greet = world.component("greet", json!({}), Limits::default());
    world.host.load(Component { bytes: std::fs::read(step).unwrap().into(), ..greet }).await.unwrap();
    let wrong = world.host.check_config("greet", Kind::Trigger, &context("x"), &config).await.unwrap_err();
    assert_eq!(wrong.code, "wrong-kind");
    let early = world.host.check_config("other", Kind::Trigger, &context("x"), &config).await.unwrap_err();
    assert!(early.class == ErrorClass::Unavailable && early.message.contains("just begun"), "{early:?}");
    world.host.expect_no_others();
    let none = world.host.check_config("other", Kind::Trigger, &context("x"), &config).await.unwrap_err();
    assert!(none.class == ErrorClass::NotFound && none.hints[0].contains("plugin list"), "{none:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_for_whom_and_has_an_end() {
    let Some(world) = World::new("the_log_says_for_whom_and_has_an_end") else { return };
    world.install("guest", json!({}), Limits { log_bytes_max: 10_000, ..Limits::default() }).await;
    world.run("guest", json!({"do": "log", "lines": 5, "bytes": 10})).await.unwrap();
    {
        let lines = world.lines.0.lock().unwrap();
        assert_eq!(lines.len(), 5);
        let last = lines.last().unwrap();
        assert_eq!((last.level, &*last.message, &*last.object.name), (LogLevel::Info, "xxxxxxxxxx", "run"));
        assert_eq!(last.fields, [("line".to_owned(), "4".to_owned())]);
    }
    world.run("guest", json!({"do": "log", "lines": 50_000, "bytes": 1000})).await.unwrap();
    let lines = world.lines.0.lock().unwrap();
    assert!(lines.len() < 20);
    let last = lines.last().unwrap();
    assert!(last.level == LogLevel::Warn && last.message.contains("more lines were dropped"), "{last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn state_lasts_and_is_each_objects_own() {
    let Some(world) = World::new("state_lasts_and_is_each_objects_own") else { return };
    world.install("guest", json!({"stateBytesMax": 100}), Limits::default()).await;
    world.install("other", json!({"stateBytesMax": 100}), Limits::default()).await;
    assert_eq!(world.value("guest", json!({"do": "stateSet", "key": "k", "value": "v", "version": 0})).await, json!(1));
    let conflict = world.run("guest", json!({"do": "stateSet", "key": "k", "value": "w", "version": 0})).await;
    assert_eq!(conflict.unwrap_err().code, "conflict");
    let got = world.value("guest", json!({"do": "stateGet", "key": "k"})).await;
    assert_eq!(got, json!({"value": "v", "version": 1}));
    assert_eq!(world.value("other", json!({"do": "stateGet", "key": "k"})).await, json!(null));
    let elsewhere = world.run_for("guest", context("another"), json!({"do": "stateGet", "key": "k"})).await.unwrap();
    assert_eq!(elsewhere.value, json!(null));
    let counts = (0..20).map(|_| world.run("guest", json!({"do": "stateCount"})));
    let mut counted: Vec<u64> =
        futures::future::join_all(counts).await.into_iter().map(|m| m.unwrap().value.as_u64().unwrap()).collect();
    counted.sort_unstable();
    assert_eq!(counted, (1..=20).collect::<Vec<_>>(), "no write is lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_counted() {
    let Some(world) = World::new("calls_are_counted") else { return };
    world.install("guest", json!({}), Limits::default()).await;
    world.run("guest", json!({"do": "echo"})).await.unwrap();
    world.run("guest", json!({"do": "fail", "class": "permanent", "code": "c", "message": "mine"})).await.unwrap_err();
    world.run("guest", json!({"do": "trap", "message": "away"})).await.unwrap_err();
    let (facts, numbers) = world.host.report("guest").unwrap();
    assert_eq!((numbers.calls, numbers.errors, numbers.killed), (3, 1, 1));
    assert!(numbers.p99_seconds > 0.0 && numbers.last_error.unwrap().contains("broke off"));
    assert_eq!(facts.info.name, "conformance");
}
