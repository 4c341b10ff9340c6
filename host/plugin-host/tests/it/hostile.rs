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
    world.install("guest", json!({"stateBytesMax": 1}), Limits::default()).await;
    world.run("guest", json!({"do": "echo"})).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_what_another_left_in_memory() {
    // Few places, so that each is used again and again.
    let settings = Settings { instances_max: 4, subscriptions_max: 0, ..Settings::default() };
    let Some(world) = World::with("nobody_sees_what_another_left_in_memory", settings) else { return };
    for name in ["one", "other"] {
        world.install(name, json!({}), Limits::default()).await;
    }
    let calls = (0..60).map(|nth| {
        let name = if nth % 2 == 0 { "one" } else { "other" };
        // Also less than is kept resident, and more.
        let mebibytes = [1, 3, 20][nth % 3];
        world.run_for(name, long(name), json!({"do": "fresh", "mebibytes": mebibytes}))
    });
    for measured in futures::future::join_all(calls).await {
        assert_eq!(measured.unwrap().value, json!(0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_hostile_calls_at_once_leave_the_others_answered() {
    let Some(world) = World::new("a_thousand_hostile_calls_at_once_leave_the_others_answered") else { return };
    let limits = Limits {
        cpu_time_max: Duration::from_millis(20),
        wall_time_max: Duration::from_millis(500),
        memory_bytes_max: 8 << 20,
        wait_max: Duration::from_secs(100),
        concurrency_max: 32,
        ..Limits::default()
    };
    // A plugin each, so that none is set aside before the others were called.
    for nth in 0..50 {
        world.install(&format!("bad-{nth}"), json!({}), limits.clone()).await;
    }
    world.install("good", json!({}), limits).await;
    let names: Vec<String> = (0..1_000).map(|nth| format!("bad-{}", nth % 50)).collect();
    let hostile = names.iter().enumerate().map(|(nth, name)| {
        let what = ["loop", "sleep", "recurse", "allocate", "log"][nth % 5];
        let config = json!({"do": what, "time": 60_000, "mebibytes": 64, "lines": 1_000_000, "bytes": 1_000});
        world.run_for(name, long(name), config)
    });
    let good = async {
        let mut took = Vec::new();
        for nth in 0..50 {
            let begun = Instant::now();
            let answer = world.run_for("good", long("good"), json!({"do": "echo", "value": nth})).await.unwrap();
            assert_eq!(answer.value["value"], json!(nth));
            took.push(begun.elapsed());
        }
        took.sort_unstable();
        took
    };
    let (hostile, took) = tokio::join!(futures::future::join_all(hostile), good);
    assert!(hostile.iter().filter(|answer| answer.is_err()).count() >= 800, "all but those that only write logs");
    let slowest = took.last().unwrap();
    assert!(*slowest < Duration::from_secs(60), "{slowest:?}");
    let mut page = String::new();
    world.host.metrics(&mut page);
    assert!(page.contains("colchis_plugin_calls_total{plugin=\"good\",outcome=\"answered\"} 50"), "{page}");
}
