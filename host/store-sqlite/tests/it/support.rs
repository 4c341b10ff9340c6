//! What the tests share.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use model::{Object, ObjectMeta};
use serde_json::value::RawValue;
use store::events::NewEvent;
use store::journal::{Append, InstanceId};
use store::objects::{Gvk, Key, ListQuery, Objects, Precondition, Selector, StatusUpdate};
use store_sqlite::SqliteStore;

pub(crate) const NAMESPACE: &str = "default";

pub(crate) fn workflow() -> Gvk {
    Gvk::new("argoproj.io/v1alpha1", "Workflow")
}

pub(crate) fn secret() -> Gvk {
    Gvk::new("v1", "Secret")
}

pub(crate) fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

pub(crate) fn object(gvk: &Gvk, name: &str, body: &str) -> Object {
    Object {
        api_version: gvk.api_version.to_string(),
        kind: gvk.kind.to_string(),
        metadata: ObjectMeta::named(NAMESPACE, name),
        body: raw(body).into(),
        status: None,
    }
}

pub(crate) fn run(name: &str) -> Object {
    object(&workflow(), name, r#"{"spec":{"entrypoint":"main"}}"#)
}

pub(crate) fn key(name: &str) -> Key {
    Key::new(workflow(), NAMESPACE, name)
}

pub(crate) fn status(json: &str) -> StatusUpdate {
    StatusUpdate {
        status: raw(json),
        labels: Vec::new(),
        annotations: Vec::new(),
        precondition: Precondition::default(),
    }
}

pub(crate) fn instance(id: &str) -> InstanceId {
    InstanceId { engine: "workflow", id: id.into() }
}

pub(crate) fn append(id: &str, after: u64, payload: &[u8]) -> Append {
    Append {
        instance: instance(id),
        generation: 1,
        after,
        format: 1,
        payload: payload.to_vec(),
        live: true,
        wake_ms: None,
        snapshot: None,
    }
}

pub(crate) fn event(id: &str) -> NewEvent {
    NewEvent { id: id.into(), payload: format!(r#"{{"id":"{id}"}}"#).into_bytes() }
}

pub(crate) async fn names(store: &SqliteStore) -> Vec<String> {
    let mut query = ListQuery { selector: Selector::of(workflow()), ..ListQuery::default() };
    let mut names = Vec::new();
    loop {
        let page = store.list(&query).await.unwrap();
        names.extend(page.items.iter().map(|o| o.metadata.name.clone()));
        match page.continue_token {
            Some(token) => query.continue_token = Some(token),
            None => return names,
        }
    }
}

/// Asks until the answer is something.
pub(crate) async fn eventually<T, Fut: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> Fut) -> T {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(tokio::time::Instant::now() < deadline, "did not come true in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// SplitMix64: a seed is all that a failing round needs.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn draw(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

/// What a workload was told is done, to be looked for afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Done {
    Created { name: String, revision: u64 },
    Status { name: String, round: u64 },
    Deleted { name: String },
    Appended { id: String, seq: u64 },
    Published { id: String, offset: u64 },
}

impl Done {
    pub(crate) fn line(&self) -> String {
        match self {
            Self::Created { name, revision } => format!("created {name} {revision}"),
            Self::Status { name, round } => format!("status {name} {round}"),
            Self::Deleted { name } => format!("deleted {name} 0"),
            Self::Appended { id, seq } => format!("appended {id} {seq}"),
            Self::Published { id, offset } => format!("published {id} {offset}"),
        }
    }

    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (verb, name, number) = (words.next()?, words.next()?.to_owned(), words.next()?.parse().ok()?);
        Some(match verb {
            "created" => Self::Created { name, revision: number },
            "status" => Self::Status { name, round: number },
            "deleted" => Self::Deleted { name },
            "appended" => Self::Appended { id: name, seq: number },
            "published" => Self::Published { id: name, offset: number },
            _ => return None,
        })
    }
}

/// One writer's rounds: an object's life, a journal that grows, an event each; tells what was acknowledged. Ends at the first error when `until_error`.
pub(crate) async fn work(
    store: Arc<SqliteStore>,
    prefix: String,
    rounds: u64,
    until_error: bool,
    mut tell: impl FnMut(Done) + Send,
) -> Option<store::StoreError> {
    use store::events::Events;
    use store::journal::Journal;
    let id = format!("{prefix}-journal");
    let mut seq = store.info(&instance(&id)).await.ok()?.map_or(0, |i| i.last_seq);
    let mut failed = None;
    macro_rules! done {
        ($result:expr, $done:expr) => {
            match $result {
                Ok(answer) => {
                    tell($done(answer));
                    true
                }
                Err(error) => {
                    failed = Some(error);
                    if until_error {
                        return failed;
                    }
                    false
                }
            }
        };
    }
    for round in 0..rounds {
        let name = format!("{prefix}-{round}");
        let mut made = run(&name);
        made.metadata.labels.insert("round".into(), round.to_string());
        let created = done!(store.create(made).await, |o: Arc<Object>| Done::Created {
            name: name.clone(),
            revision: o.metadata.resource_version.parse().unwrap(),
        });
        let payload = vec![u8::try_from(round % 251).unwrap(); 50 + usize::try_from(round % 7).unwrap() * 1000];
        // Every other status comes along with a record that names the object: whoever finds one finds the other.
        let together = created && round % 2 == 0;
        if together {
            let json = format!(r#"{{"phase":"Running","round":{round},"journal":"{id}","seq":{}}}"#, seq + 1);
            let record = append(&id, seq, name.as_bytes());
            match store.append_with_status(record, &key(&name), status(&json)).await {
                Ok((now, shown)) => {
                    seq = now;
                    tell(Done::Appended { id: id.clone(), seq });
                    if shown.expect("one store").is_ok() {
                        tell(Done::Status { name: name.clone(), round });
                    }
                }
                Err(error) => {
                    failed = Some(error);
                    if until_error {
                        return failed;
                    }
                    if let Ok(info) = store.info(&instance(&id)).await {
                        seq = info.map_or(0, |i| i.last_seq);
                    }
                }
            }
        }
        match store.append(append(&id, seq, &payload)).await {
            Ok(now) => {
                seq = now;
                tell(Done::Appended { id: id.clone(), seq });
            }
            Err(error) => {
                failed = Some(error);
                if until_error {
                    return failed;
                }
                // Whether it is there is only known by asking.
                if let Ok(info) = store.info(&instance(&id)).await {
                    seq = info.map_or(0, |i| i.last_seq);
                }
            }
        }
        if created && !together {
            let json = format!(r#"{{"phase":"Running","round":{round}}}"#);
            done!(store.update_status(&key(&name), status(&json)).await, |_| Done::Status {
                name: name.clone(),
                round
            });
        }
        let published = format!("{prefix}-e{round}");
        done!(store.publish("topic", vec![event(&published)]).await, |offsets: Vec<u64>| Done::Published {
            id: published.clone(),
            offset: offsets[0],
        });
        if created && round % 5 == 4 {
            done!(Objects::delete(&*store, &key(&name), Default::default()).await, |_| Done::Deleted {
                name: name.clone()
            });
        }
    }
    failed
}

/// Everything acknowledged is there.
pub(crate) async fn verify(store: &SqliteStore, done: &[Done]) {
    use store::events::Events;
    use store::journal::Journal;
    let mut events = std::collections::HashMap::new();
    let mut after = 0;
    loop {
        let page = Events::read(store, "topic", after, 500, 0).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.offset;
        events.extend(page.into_iter().map(|e| (e.id, e.offset)));
    }
    let newest = store.revision().await.unwrap();
    for done in done {
        match done {
            Done::Created { name, revision } => {
                assert!(newest >= *revision, "{done:?}, the store is at {newest}");
                // In the rounds that delete, it may be gone without an answer.
                if round_of(name) % 5 != 4 {
                    store.get(&key(name)).await.unwrap_or_else(|e| panic!("{done:?}: {e}"));
                }
            }
            Done::Status { name, round } => {
                if let Ok(object) = store.get(&key(name)).await {
                    let text = object.status.as_ref().map(|s| s.get().to_owned()).unwrap_or_default();
                    assert!(text.contains(&format!("\"round\":{round}")), "{done:?}: {text}");
                }
            }
            Done::Deleted { name } => assert!(store.get(&key(name)).await.is_err(), "{done:?}"),
            Done::Appended { id, seq } => {
                let records = store.read_from(&instance(id), *seq, 1).await.unwrap();
                assert!(records.first().is_some_and(|r| r.seq == *seq), "{done:?}");
            }
            Done::Published { id, offset } => assert_eq!(events.get(id), Some(offset), "{done:?}"),
        }
    }
}

/// What was committed together is there together, acknowledged or not.
pub(crate) async fn verify_whole(store: &SqliteStore, journals: &[String]) {
    use store::journal::Journal;
    for id in journals {
        let records = Journal::read(store, &instance(id)).await.unwrap().records;
        let prefix = id.strip_suffix("journal").unwrap();
        let names = records.iter().filter_map(|r| Some((r.seq, std::str::from_utf8(&r.payload).ok()?)));
        for (seq, name) in names.filter(|(_, name)| name.starts_with(prefix) && round_of(name) % 5 != 4) {
            let object = store.get(&key(name)).await.unwrap_or_else(|e| panic!("{name}: {e}"));
            let text = object.status.as_ref().map(|s| s.get().to_owned()).unwrap_or_default();
            assert!(
                text.contains(&format!("\"seq\":{seq}")),
                "record {seq} of {id} without the status of {name}: {text}"
            );
        }
    }
    let mut token = None;
    loop {
        let query = ListQuery { continue_token: token, without_body: true, ..ListQuery::default() };
        let page = store.list(&query).await.unwrap();
        for object in &page.items {
            let Some(status) = &object.status else { continue };
            let status: serde_json::Value = serde_json::from_str(status.get()).unwrap();
            let (Some(id), Some(seq)) = (status["journal"].as_str(), status["seq"].as_u64()) else { continue };
            let record = store.read_from(&instance(id), seq, 1).await.unwrap();
            let found = record.first().map(|r| r.payload.as_slice());
            assert_eq!(
                found,
                Some(object.metadata.name.as_bytes()),
                "the status of {} without its record",
                object.metadata.name
            );
        }
        token = page.continue_token;
        if token.is_none() {
            return;
        }
    }
}

fn round_of(name: &str) -> u64 {
    name.rsplit('-').next().unwrap().parse().unwrap()
}
