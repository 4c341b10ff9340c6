//! Components that misbehave: each call ends, and ends alone.

use std::time::{Duration, Instant};

use plugin::ErrorClass;
use plugin_host::{Limits, Settings};
use serde_json::json;

use crate::support::{World, context};

fn tight() -> Limits {
    Limits {
        memory_bytes_max: 16 << 20,
        cpu_time_max: Duration::from_millis(200),
        wall_time_max: Duration::from_millis(800),
        ..Limits::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_ends_with_its_reason() {
    let Some(world) = World::new("each_ends_with_its_reason") else { return };
    world.install("guest", json!({}), tight()).await;
    for (config, code, part) in [
        (json!({"do": "loop"}), "limit", "cpuTime (200 ms)"),
        (json!({"do": "allocate", "mebibytes": 64}), "limit", "more than memory (16777216)"),
        (json!({"do": "recurse"}), "trapped", "stack"),
        (json!({"do": "trap", "message": "no"}), "trapped", "broke off"),
        (json!({"do": "trap", "message": "the reason"}), "trapped", "the reason"),
        (json!({"do": "sleep", "time": 60_000}), "timed-out", "within 800 ms"),
    ] {
        let begun = Instant::now();
        let error = world.run("guest", config.clone()).await.unwrap_err();
        assert!(error.code == code && error.message.contains(part), "{config}: {error:?}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{config}: {:?}", begun.elapsed());
        assert_eq!(world.value("guest", json!({"do": "echo", "value": 1})).await["value"], json!(1), "after {config}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_nobody_waits_for_ends() {
    let Some(world) = World::new("a_call_that_nobody_waits_for_ends") else { return };
    world.install("guest", json!({}), Limits::default()).await;
    for (config, ends_itself) in [(json!({"do": "untilCancelled"}), true), (json!({"do": "loop"}), false)] {
        let context = context("run");
        let cancel = context.cancel.clone();
        let call = world.run_for("guest", context, config.clone());
        let cancelling = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            cancel.cancel();
            Instant::now()
        };
        let (answer, cancelled) = tokio::join!(call, cancelling);
        assert!(cancelled.elapsed() < Duration::from_secs(2), "{config}");
        assert_eq!(answer.is_ok(), ends_itself, "{config}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_calls_do_not_disturb_others() {
    let settings = Settings { instances_max: 24, ..Settings::default() };
    let Some(world) = World::with("hostile_calls_do_not_disturb_others", settings) else { return };
    let limits = Limits { wait_max: Duration::from_secs(60), ..tight() };
    world.install("bad", json!({}), Limits { concurrency_max: 8, ..limits.clone() }).await;
    world.install("good", json!({}), limits).await;
    let hostile = (0..200).map(|nth| {
        let what = ["loop", "trap", "recurse", "allocate"][nth % 4];
        world.run_for("bad", long("bad"), json!({"do": what, "message": "x", "mebibytes": 64}))
    });
    let good = (0..200).map(|nth| world.run_for("good", long("good"), json!({"do": "echo", "value": nth})));
    let (bad, good) = tokio::join!(futures::future::join_all(hostile), futures::future::join_all(good));
    assert!(bad.iter().all(Result::is_err));
    for (nth, answer) in good.into_iter().enumerate() {
        assert_eq!(answer.unwrap().value["value"], json!(nth));
    }
}

fn long(name: &str) -> plugin::CallContext {
    plugin::CallContext { timeout: Duration::from_secs(120), ..context(name) }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_no_place_is_told() {
    let Some(world) = World::new("who_finds_no_place_is_told") else { return };
    let limits = Limits { concurrency_max: 1, wait_max: Duration::from_millis(50), ..Limits::default() };
    world.install("guest", json!({}), limits).await;
    let slow = world.run("guest", json!({"do": "sleep", "time": 1_000}));
    let late = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        world.run("guest", json!({"do": "echo"})).await
    };
    let (slow, late) = tokio::join!(slow, late);
    slow.unwrap();
    let late = late.unwrap_err();
    assert!(late.class == ErrorClass::Unavailable && late.message.contains("limit: concurrency"), "{late:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_off_again_and_again_is_set_aside() {
    let Some(world) = World::new("what_breaks_off_again_and_again_is_set_aside") else { return };
    world.install("guest", json!({}), Limits::default()).await;
    for _ in 0..5 {
        assert_eq!(world.run("guest", json!({"do": "trap", "message": "no"})).await.unwrap_err().code, "trapped");
    }
    let aside = world.run("guest", json!({"do": "echo"})).await.unwrap_err();
    assert!(aside.code == "set-aside" && aside.class.is_transient(), "{aside:?}");
    assert!(world.host.set_aside("guest").is_some());
    tokio::time::sleep(world.host.set_aside("guest").unwrap_or_default()).await;
    assert_eq!(world.value("guest", json!({"do": "echo", "value": 1})).await["value"], json!(1));
    assert!(world.host.set_aside("guest").is_none());
    // A new version begins anew.
    for _ in 0..5 {
        world.run("guest", json!({"do": "trap", "message": "no"})).await.unwrap_err();
    }
    world.install("guest", json!({}), Limits::default()).await;
    world.run("guest", json!({"do": "echo"})).await.unwrap();
}
