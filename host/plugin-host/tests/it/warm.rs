//! Instances that stay for the next call.

use plugin_host::{Limits, Settings};
use serde_json::json;

use crate::support::{World, context};

fn warm(pool_size: u32, invocations_max: u32) -> Limits {
    Limits { pool_size, invocations_max, ..Limits::default() }
}

/// How often the instance that answers was called before.
async fn called_before(world: &World, name: &str) -> u64 {
    world.value(name, json!({"do": "instance"})).await.as_u64().unwrap()
}

#[tokio::test]
async fn an_instance_stays_for_as_many_calls_as_it_may_answer() {
    let Some(world) = World::new("an_instance_stays_for_as_many_calls_as_it_may_answer") else { return };
    world.install("guest", json!({}), warm(1, 3)).await;
    world.install("other", json!({}), warm(1, 100)).await;
    let mut counts = Vec::new();
    for _ in 0..7 {
        counts.push(called_before(&world, "guest").await);
    }
    assert_eq!(counts, [0, 1, 2, 0, 1, 2, 0]);
    // Of the same component, and yet another plugin's.
    assert_eq!(called_before(&world, "other").await, 0);
    assert_eq!(called_before(&world, "other").await, 1);
    // With other limits it is another version: nothing of the one before stays.
    world.install("other", json!({}), warm(1, 99)).await;
    assert_eq!(called_before(&world, "other").await, 0);
}

#[tokio::test]
async fn a_call_that_breaks_off_takes_its_instance_with_it() {
    let Some(world) = World::new("a_call_that_breaks_off_takes_its_instance_with_it") else { return };
    world.install("guest", json!({}), warm(2, 100)).await;
    assert_eq!(called_before(&world, "guest").await, 0);
    assert_eq!(called_before(&world, "guest").await, 1);
    world.run("guest", json!({"do": "trap", "message": "ended"})).await.unwrap_err();
    assert_eq!(called_before(&world, "guest").await, 0);
    // So does nobody's calling.
    world.host.give_up_idle(std::time::Duration::from_secs(60));
    assert_eq!(called_before(&world, "guest").await, 1);
    world.host.give_up_idle(std::time::Duration::ZERO);
    assert_eq!(called_before(&world, "guest").await, 0);
    // An error that the plugin tells is an answer.
    world
        .run("guest", json!({"do": "fail", "class": "permanent", "code": "c", "message": "m", "field": "f"}))
        .await
        .unwrap_err();
    assert_eq!(called_before(&world, "guest").await, 2);
}

#[tokio::test]
async fn each_call_has_its_own_time_and_counts() {
    let Some(world) = World::new("each_call_has_its_own_time_and_counts") else { return };
    let limits = Limits { host_calls_max: 200, ..warm(1, 100) };
    world.install("guest", json!({}), limits).await;
    for round in 0..4 {
        world.value("guest", json!({"do": "log", "lines": 40, "bytes": 1})).await;
        assert_eq!(called_before(&world, "guest").await, 2 * round + 1, "it is the same instance");
    }
    let mut cancelled = context("guest");
    cancelled.timeout = std::time::Duration::from_millis(200);
    world.run_for("guest", cancelled, json!({"do": "loop"})).await.unwrap_err();
    assert_eq!(called_before(&world, "guest").await, 0);
}

#[tokio::test]
async fn without_places_for_them_calls_are_answered_all_the_same() {
    let test = "without_places_for_them_calls_are_answered_all_the_same";
    let settings = Settings { subscriptions_max: 1, ..Settings::default() };
    let Some(world) = World::with(test, settings) else { return };
    world.install("guest", json!({}), warm(4, 100)).await;
    world.install("other", json!({}), warm(4, 100)).await;
    assert_eq!(called_before(&world, "guest").await, 0);
    for _ in 0..3 {
        assert_eq!(called_before(&world, "other").await, 0);
    }
    assert_eq!(called_before(&world, "guest").await, 1);
    // At once: what is beyond the pool is answered, and does not stay.
    let calls = (0..8).map(|_| world.run("guest", json!({"do": "instance"})));
    assert!(futures::future::join_all(calls).await.iter().all(Result::is_ok));
}
