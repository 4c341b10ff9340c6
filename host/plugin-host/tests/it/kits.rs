//! What the kits of all languages have: connections of subscriptions, large values, artifacts of steps. The same is asked of a component of each.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use plugin::{CallContext, ErrorClass, Event, Plugins, StepFiles, StepPhase, StepProgress, StepRequest, Subscription};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::kinds::{Artifacts, Lent};
use crate::languages::Guest;
use crate::support::context;

/// A server of numbered lines: `FROM 2` is answered with those behind the second.
struct Lines {
    address: String,
    heard: Arc<Mutex<Vec<String>>>,
    open: Arc<AtomicU32>,
}

impl Lines {
    /// So many lines, each at least so wide.
    async fn start(count: u64, width: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (heard, open) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicU32>::default());
        let (hears, counts) = (heard.clone(), open.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (hears, counts) = (hears.clone(), counts.clone());
                counts.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    answer(stream, &hears, count, width).await;
                    counts.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        Self { address, heard, open }
    }

    async fn hears(&self, line: &str) {
        until(line, || self.heard.lock().unwrap().iter().any(|heard| heard == line)).await;
    }
}

/// Says what is asked for, in pieces that end within lines.
async fn answer(mut stream: TcpStream, heard: &Mutex<Vec<String>>, count: u64, width: usize) {
    let (reading, mut writing) = stream.split();
    let mut lines = BufReader::new(reading).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(from) = line.strip_prefix("FROM ") {
            let from: u64 = from.parse().unwrap();
            for number in from + 1..=count {
                let text = format!("{number} text of {number}{:width$}\n", "");
                for piece in text.as_bytes().chunks(10.max(width / 2)) {
                    if writing.write_all(piece).await.is_err() {
                        return;
                    }
                    tokio::task::yield_now().await;
                }
            }
        }
        heard.lock().unwrap().push(line);
    }
}

async fn until(what: &str, is: impl Fn() -> bool) {
    let waiting = async {
        while !is() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap_or_else(|_| panic!("{what}"));
}

/// Polls until so many events came; what the last batch said beside them.
async fn poll(running: &mut Box<dyn Subscription>, count: usize, most: u32) -> (Vec<Event>, String, u64) {
    let (mut events, mut cursor, mut delivery) = (Vec::new(), String::new(), 0);
    while events.len() < count {
        let batch = running.poll(&call(), most, Duration::from_secs(5)).await.unwrap();
        assert!(batch.events.len() <= most as usize, "{:?}", batch.events);
        events.extend(batch.events);
        (cursor, delivery) = (batch.cursor, batch.delivery);
    }
    (events, cursor, delivery)
}

fn call() -> CallContext {
    context("s")
}

async fn brings_lines_in(name: &str, test: &str) {
    let Some(guest) = Guest::new(name, test) else { return };
    let server = Lines::start(5, 0).await;
    let (config, grant) = (json!({"address": server.address}), format!("tcp://{}", server.address));
    guest.install("granted", json!({"endpoints": [{"address": grant, "private": true}]})).await;
    guest.install("bare", json!({})).await;
    let source = guest.world.host.subscriber("granted").unwrap();
    let mut first = source.open(&call(), &config, "e", None).await.unwrap();
    let ids = |events: &[Event]| events.iter().map(|event| event.id.clone()).collect::<Vec<_>>();
    let (events, cursor, delivery) = poll(&mut first, 2, 1).await;
    assert_eq!((ids(&events), cursor.as_str()), (vec!["1".to_owned(), "2".to_owned()], "2"));
    let data: Value = serde_json::from_slice(&events[1].data).unwrap();
    assert_eq!(data, json!({"text": "text of 2"}));
    first.ack(&call(), delivery).await.unwrap();
    server.hears("ACK 2").await;
    // Another goes on behind what was durable; nothing of the first is lost by it.
    let mut second = source.open(&call(), &config, "e", Some("2")).await.unwrap();
    assert_eq!(ids(&poll(&mut second, 3, 9).await.0), ["3", "4", "5"]);
    server.hears("FROM 2").await;
    first.drain(&call()).await.unwrap();
    assert!(first.poll(&call(), 9, Duration::ZERO).await.unwrap().events.is_empty());
    // When nothing comes, nothing comes.
    assert!(second.poll(&call(), 9, Duration::from_millis(50)).await.unwrap().events.is_empty());
    drop((first, second));
    until("connections go with their subscriptions", || server.open.load(Ordering::Relaxed) == 0).await;
    let bare = guest.world.host.subscriber("bare").unwrap();
    let Err(denied) = bare.open(&call(), &config, "e", None).await else { panic!("it is not granted") };
    assert_eq!((&denied.class, denied.code.as_str()), (&ErrorClass::Denied, "not-granted"), "{denied:?}");
    assert!(denied.message.contains(&grant), "{denied:?}");
    assert_eq!(server.open.load(Ordering::Relaxed), 0);
}

async fn copies_an_artifact(name: &str, test: &str) {
    let Some(guest) = Guest::new(name, test) else { return };
    guest.install("granted", json!({"blobBytesMax": 1000})).await;
    guest.install("bare", json!({})).await;
    let artifacts = Arc::<Artifacts>::default();
    let lent: Arc<dyn StepFiles> = Arc::new(Lent(artifacts.clone()));
    let start = async |plugin: &str, source: &str| {
        let request = StepRequest {
            config: json!({"source": source, "target": "out"}),
            workflow_uid: "u".to_owned(),
            node: "n".to_owned(),
            template: "t".to_owned(),
            parameters: Vec::new(),
            artifacts: vec!["in".to_owned()],
        };
        guest.world.host.step(plugin).unwrap().start(&context("w"), &request, &lent).await
    };
    // What the first copy kept is there in the second, which has an instance of its own.
    for before in ["", "2501"] {
        let StepProgress { phase, result, parameters, .. } = start("granted", "in").await.unwrap();
        assert_eq!((phase, result.as_deref()), (StepPhase::Succeeded, Some("2501")));
        assert_eq!(parameters, [("before".to_owned(), before.to_owned())]);
    }
    {
        let written = artifacts.written.lock().unwrap();
        assert_eq!((written["a"].as_slice(), written["b/c"].as_slice()), ([b'a'; 2_500].as_slice(), &b"b"[..]));
        assert_eq!(artifacts.log.lock().unwrap().as_slice(), b"2501 bytes\n2501 bytes\n");
    }
    let missing = start("granted", "other").await.unwrap_err();
    assert_eq!((missing.class, missing.code.as_str()), (ErrorClass::NotFound, "no-artifact"));
    let denied = start("bare", "in").await.unwrap_err();
    assert_eq!((&denied.class, denied.code.as_str()), (&ErrorClass::Denied, "not-granted"), "{denied:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_in_python_reads_from_a_granted_endpoint_at_its_cursor() {
    brings_lines_in("greet-python", "a_source_in_python_reads_from_a_granted_endpoint_at_its_cursor").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_in_javascript_reads_from_a_granted_endpoint_at_its_cursor() {
    brings_lines_in("greet-js", "a_source_in_javascript_reads_from_a_granted_endpoint_at_its_cursor").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_in_go_reads_from_a_granted_endpoint_at_its_cursor() {
    brings_lines_in("lines-go", "a_source_in_go_reads_from_a_granted_endpoint_at_its_cursor").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_in_python_copies_an_artifact_and_keeps_a_blob() {
    copies_an_artifact("greet-python", "a_step_in_python_copies_an_artifact_and_keeps_a_blob").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_in_javascript_copies_an_artifact_and_keeps_a_blob() {
    copies_an_artifact("greet-js", "a_step_in_javascript_copies_an_artifact_and_keeps_a_blob").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_in_go_copies_an_artifact_and_keeps_a_blob() {
    copies_an_artifact("copy-go", "a_step_in_go_copies_an_artifact_and_keeps_a_blob").await;
}

/// A subscription lives long: 60 MB go through one whose instance has 64 MiB. What a language leaves behind in each call makes another take over before that breaks one;
/// how often that may be.
async fn lasts(name: &str, others_max: u32, test: &str) {
    let Some(guest) = Guest::new(name, test) else { return };
    let server = Lines::start(3_000, 20_000).await;
    guest.install("granted", json!({"endpoints": [{"address": "*", "private": true}]})).await;
    let source = guest.world.host.subscriber("granted").unwrap();
    let config = json!({"address": server.address});
    let mut running = source.open(&call(), &config, "e", None).await.unwrap();
    let (mut next, mut others) = (1, 0);
    while next <= 3_000 {
        let (events, cursor, delivery) = poll(&mut running, 1, 9).await;
        for event in events {
            assert_eq!(event.id, next.to_string());
            next += 1;
        }
        running.ack(&call(), delivery).await.unwrap();
        if running.is_superseded() {
            running.drain(&call()).await.unwrap();
            running = source.open(&call(), &config, "e", Some(&cursor)).await.unwrap();
            others += 1;
        }
    }
    server.hears("ACK 3000").await;
    assert!(others <= others_max, "{others} others took over");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_in_go_lasts() {
    lasts("lines-go", 0, "a_source_in_go_lasts").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_in_python_lasts() {
    lasts("greet-python", 2, "a_source_in_python_lasts").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_in_javascript_lasts() {
    lasts("greet-js", 10, "a_source_in_javascript_lasts").await;
}
