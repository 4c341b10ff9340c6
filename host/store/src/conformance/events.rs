//! The events suite.

use std::future::Future;
use std::sync::Arc;

use super::refused;
use crate::Limits;
use crate::events::{Events, NewEvent, Retention, StoredEvent};
use crate::stamp::ManualStamp;

/// An events store under test.
pub struct EventsSubject {
    /// The store.
    pub store: Arc<dyn Events>,
    /// The clock behind it.
    pub clock: Arc<ManualStamp>,
}

/// Runs every case on fresh stores.
pub async fn events<F, Fut>(make: F)
where
    F: Fn(Limits) -> Fut,
    Fut: Future<Output = EventsSubject>,
{
    let fresh = || make(Limits::default());
    in_order(&*fresh().await.store).await;
    once_per_id(&*fresh().await.store).await;
    cursors(&*fresh().await.store).await;
    retention_by_age(fresh().await).await;
    retention_by_bytes(&*fresh().await.store).await;
    full_topics(&*fresh().await.store).await;
    dropped_is_expired(&*fresh().await.store).await;
    waiting(fresh().await.store).await;
    racing(fresh().await.store).await;
    let small = Limits {
        payload_bytes_max: 4,
        publish_max: 2,
        event_name_bytes_max: 8,
        page_max: 3,
        topic_bytes_max: 30,
        ..Limits::default()
    };
    limits(&*make(small).await.store).await;
}

const FOREVER: i64 = i64::MAX;

fn event(id: &str) -> NewEvent {
    NewEvent { id: id.into(), payload: format!("p-{id}").into_bytes() }
}

fn ids(events: &[StoredEvent]) -> Vec<&str> {
    events.iter().map(|e| e.id.as_str()).collect()
}

async fn in_order(e: &dyn Events) {
    assert!(e.read("t", 0, 10, 0).await.unwrap().is_empty());
    let offsets = e.publish("t", vec![event("a"), event("b")]).await.unwrap();
    assert!(offsets[0] < offsets[1] && offsets[0] > 0);
    let third = e.publish("t", vec![event("c")]).await.unwrap()[0];
    assert!(e.publish("t", Vec::new()).await.unwrap().is_empty());
    let all = e.read("t", 0, 10, 0).await.unwrap();
    assert_eq!(ids(&all), ["a", "b", "c"]);
    assert_eq!(all.iter().map(|e| e.offset).collect::<Vec<_>>(), [offsets[0], offsets[1], third]);
    assert_eq!(all[0].payload, b"p-a");
    assert_eq!(ids(&e.read("t", offsets[0], 1, 0).await.unwrap()), ["b"]);
    assert!(e.read("t", third, 10, 0).await.unwrap().is_empty());
    assert!(e.read("other", 0, 10, 0).await.unwrap().is_empty(), "topics are apart");
}

async fn once_per_id(e: &dyn Events) {
    let first = e.publish("t", vec![event("a"), event("b")]).await.unwrap();
    let again = e.publish("t", vec![event("b"), event("c"), event("a"), event("c")]).await.unwrap();
    assert_eq!((again[0], again[2]), (first[1], first[0]));
    assert_eq!(again[1], again[3], "within one publish");
    assert_eq!(ids(&e.read("t", 0, 10, 0).await.unwrap()), ["a", "b", "c"]);
    e.publish("u", vec![event("a")]).await.unwrap();
    assert_eq!(e.read("u", 0, 10, 0).await.unwrap().len(), 1, "the same id in another topic");
    // Once it has been dropped, an id is new again.
    e.trim("u", Retention { age_ms: FOREVER, bytes_max: 0 }).await.unwrap();
    e.trim("u", Retention { age_ms: FOREVER, bytes_max: 1000 }).await.unwrap();
    e.publish("u", vec![event("a")]).await.unwrap();
    assert_eq!(e.read("u", 0, 10, 0).await.unwrap().len(), 1);
}

async fn cursors(e: &dyn Events) {
    let offsets = e.publish("t", vec![event("a"), event("b"), event("c")]).await.unwrap();
    assert_eq!(e.cursor("t", "s", 0).await.unwrap(), 0);
    assert_eq!(e.cursor("t", "s", offsets[1]).await.unwrap(), 0, "only a new consumer starts there");
    assert_eq!(e.cursor("t", "late", offsets[2]).await.unwrap(), offsets[2]);
    e.ack("t", "s", offsets[1], false).await.unwrap();
    e.ack("t", "s", offsets[1], false).await.unwrap();
    assert_eq!(e.cursor("t", "s", 0).await.unwrap(), offsets[1]);
    refused(e.ack("t", "s", offsets[0], false).await, "Conflict");
    assert_eq!(e.cursor("t", "s", 0).await.unwrap(), offsets[1]);
    e.ack("t", "s", offsets[0], true).await.unwrap();
    assert_eq!(e.cursor("t", "s", 0).await.unwrap(), offsets[0]);
    refused(e.ack("t", "nobody", offsets[0], false).await, "NotFound");
    refused(e.ack("nowhere", "s", offsets[0], false).await, "NotFound");
    refused(e.ack("t", "s", offsets[2] + 100, false).await, "Invalid");
    e.forget("t", "s").await.unwrap();
    e.forget("t", "s").await.unwrap();
    e.forget("nowhere", "s").await.unwrap();
    refused(e.ack("t", "s", offsets[2], false).await, "NotFound");
    assert_eq!(e.cursor("t", "s", offsets[2]).await.unwrap(), offsets[2], "a forgotten consumer is new");
    assert_eq!(e.cursor("fresh", "s", 0).await.unwrap(), 0, "a consumer may come before the first event");
}

async fn retention_by_age(subject: EventsSubject) {
    let (e, clock) = (&*subject.store, &subject.clock);
    let hour = 3_600_000;
    e.publish("t", vec![event("a")]).await.unwrap();
    clock.advance_ms(hour);
    let offsets = e.publish("t", vec![event("b")]).await.unwrap();
    clock.advance_ms(1);
    let keep = Retention { age_ms: hour, bytes_max: 1 << 20 };
    e.cursor("t", "s", 0).await.unwrap();
    assert_eq!(e.trim("t", keep).await.unwrap(), 0, "never before every consumer acknowledged it");
    e.ack("t", "s", offsets[0], false).await.unwrap();
    assert_eq!(e.trim("t", keep).await.unwrap(), 1);
    assert_eq!(ids(&e.read("t", 0, 10, 0).await.unwrap()), ["b"]);
    assert_eq!(e.trim("t", keep).await.unwrap(), 0, "young events stay");
    clock.advance_ms(hour);
    assert_eq!(e.trim("t", keep).await.unwrap(), 1);
    assert_eq!(e.trim("nowhere", keep).await.unwrap(), 0);
    // Offsets go on.
    assert!(e.publish("t", vec![event("c")]).await.unwrap()[0] > offsets[0]);
}

async fn retention_by_bytes(e: &dyn Events) {
    let offsets = e.publish("t", ["a", "b", "c", "d"].map(event).to_vec()).await.unwrap();
    e.cursor("t", "one", offsets[3]).await.unwrap();
    e.cursor("t", "two", offsets[0]).await.unwrap();
    let one = Retention { age_ms: FOREVER, bytes_max: 4 };
    assert_eq!(e.trim("t", one).await.unwrap(), 1, "up to the slowest consumer");
    e.forget("t", "two").await.unwrap();
    assert_eq!(e.trim("t", one).await.unwrap(), 2, "oldest first, down to the bound");
    assert_eq!(ids(&e.read("t", 0, 10, 0).await.unwrap()), ["d"]);
}

async fn full_topics(e: &dyn Events) {
    e.cursor("t", "s", 0).await.unwrap();
    // Four bytes each: an id of one and a payload of three.
    e.trim("t", Retention { age_ms: FOREVER, bytes_max: 8 }).await.unwrap();
    let offsets = e.publish("t", vec![event("a"), event("b")]).await.unwrap();
    let error = refused(e.publish("t", vec![event("c")]).await, "TooLarge");
    assert!(error.to_string().contains("bytes_max"), "{error}");
    assert_eq!(e.publish("t", vec![event("a")]).await.unwrap(), [offsets[0]], "a repeated id takes no room");
    assert_eq!(e.read("t", 0, 10, 0).await.unwrap().len(), 2);
    e.ack("t", "s", offsets[0], false).await.unwrap();
    e.publish("t", vec![event("c")]).await.unwrap();
    assert_eq!(ids(&e.read("t", offsets[0], 10, 0).await.unwrap()), ["b", "c"]);
    refused(e.publish("t", vec![event("d"), event("e")]).await, "TooLarge");
    assert_eq!(e.read("t", offsets[0], 10, 0).await.unwrap().len(), 2, "all or none");
}

async fn dropped_is_expired(e: &dyn Events) {
    let offsets = e.publish("t", ["a", "b", "c"].map(event).to_vec()).await.unwrap();
    e.trim("t", Retention { age_ms: FOREVER, bytes_max: 4 }).await.unwrap();
    refused(e.read("t", offsets[0], 10, 0).await, "Expired");
    assert_eq!(
        ids(&e.read("t", offsets[1], 10, 0).await.unwrap()),
        ["c"],
        "nothing was missed behind the last dropped"
    );
    assert_eq!(ids(&e.read("t", 0, 10, 0).await.unwrap()), ["c"], "0 is the oldest kept");
}

async fn waiting(e: Arc<dyn Events>) {
    assert!(e.read("t", 0, 10, 1).await.unwrap().is_empty(), "gives up in time");
    let reader = tokio::spawn({
        let e = e.clone();
        async move { e.read("t", 0, 10, 60_000).await.unwrap() }
    });
    tokio::task::yield_now().await;
    e.publish("other", vec![event("x")]).await.unwrap();
    e.publish("t", vec![event("a")]).await.unwrap();
    let read = tokio::time::timeout(super::DEADLINE, reader).await.expect("a waiting reader wakes").unwrap();
    assert_eq!(ids(&read), ["a"]);
}

async fn racing(e: Arc<dyn Events>) {
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let e = e.clone();
            tokio::spawn(async move {
                for i in 0..25 {
                    e.publish("t", vec![event(&format!("own-{n}-{i}")), event(&format!("shared-{i}"))]).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let all = e.read("t", 0, 500, 0).await.unwrap();
    assert_eq!(all.len(), 8 * 25 + 25);
    assert!(all.windows(2).all(|w| w[0].offset < w[1].offset));
}

async fn limits(e: &dyn Events) {
    let error = refused(e.publish("t", vec![event("abc")]).await, "TooLarge");
    assert!(error.to_string().contains("payload_bytes_max"), "{error}");
    refused(e.publish("t", vec![event("a"), event("b"), event("c")]).await, "TooLarge");
    refused(e.publish("a-long-topic", vec![event("a")]).await, "TooLarge");
    refused(e.publish("", vec![event("a")]).await, "Invalid");
    refused(e.publish("t", vec![event("")]).await, "Invalid");
    refused(e.cursor("t", "", 0).await, "Invalid");
    assert!(e.read("t", 0, 10, 0).await.unwrap().is_empty());
    for id in ["a", "b", "c", "d"] {
        e.publish("t", vec![event(id)]).await.unwrap();
    }
    assert_eq!(e.read("t", 0, 100, 0).await.unwrap().len(), 3, "page_max bounds a read");
    // Without a consumer topic_bytes_max drops the oldest.
    for n in 0..20 {
        e.publish("t", vec![event(&n.to_string()[..1])]).await.unwrap();
    }
    assert!(e.read("t", 0, 100, 0).await.unwrap()[0].id != "a");
}
