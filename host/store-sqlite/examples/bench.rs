//! How fast the store is on this machine: `cargo run --profile quick -p store-sqlite --example bench [-- WORKFLOWS [OBJECTS]]`.
//!
//! One workflow is four journal appends of 200 bytes, the creation of a 1.5 KB object and two updates of its status, each awaited.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::time::{Duration, Instant};

use model::{Object, ObjectMeta};
use serde_json::value::RawValue;
use store::journal::{Append, InstanceId, Journal};
use store::objects::{Gvk, Key, LabelRequirement, ListQuery, Objects, Order, Precondition, Selector, StatusUpdate};
use store_sqlite::{Options, SqliteStore};

const NAMESPACE: &str = "default";

fn gvk() -> Gvk {
    Gvk::new("argoproj.io/v1alpha1", "Workflow")
}

fn raw(json: String) -> Box<RawValue> {
    RawValue::from_string(json).unwrap()
}

fn object(name: String, labels: &[(&str, String)]) -> Object {
    let mut metadata = ObjectMeta::named(NAMESPACE, name);
    metadata.labels = labels.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
    let spec = format!(r#"{{"spec":{{"entrypoint":"main","filler":"{}"}}}}"#, "x".repeat(1300));
    let gvk = gvk();
    Object {
        api_version: gvk.api_version.to_string(),
        kind: gvk.kind.to_string(),
        metadata,
        body: raw(spec).into(),
        status: None,
    }
}

fn status(phase: &str) -> StatusUpdate {
    let json = format!(
        r#"{{"phase":"{phase}","progress":"1/1","startedAt":"2026-01-01T00:00:00Z","message":"{}"}}"#,
        "m".repeat(100)
    );
    let label = ("workflows.argoproj.io/phase".to_owned(), Some(phase.to_owned()));
    StatusUpdate {
        status: raw(json),
        labels: vec![label],
        annotations: Vec::new(),
        precondition: Precondition::default(),
    }
}

fn append(instance: &InstanceId, after: u64, live: bool) -> Append {
    Append {
        instance: instance.clone(),
        generation: 1,
        after,
        format: 1,
        payload: vec![7; 200],
        live,
        wake_ms: None,
        snapshot: None,
    }
}

async fn workflow(store: &SqliteStore, n: usize) {
    let name = format!("run-{n:07x}");
    let made = store.create(object(name.clone(), &[("team", format!("t{}", n % 10))])).await.unwrap();
    let instance = InstanceId { engine: "workflow", id: made.metadata.uid.as_str().into() };
    let key = Key::new(gvk(), NAMESPACE, name);
    store.append(append(&instance, 0, true)).await.unwrap();
    store.append(append(&instance, 1, true)).await.unwrap();
    store.update_status(&key, status("Running")).await.unwrap();
    store.append(append(&instance, 2, true)).await.unwrap();
    store.append(append(&instance, 3, false)).await.unwrap();
    store.update_status(&key, status("Succeeded")).await.unwrap();
}

fn percentile(times: &mut [Duration], p: f64) -> Duration {
    times.sort();
    times[((times.len() - 1) as f64 * p) as usize]
}

/// CPU seconds of this process and of its writer thread.
fn cpu() -> (f64, f64) {
    let seconds = |stat: &str| {
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
    };
    let writer = std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("stat")).ok())
        .filter(|stat| stat.contains("(store-writer)"))
        .map(|stat| seconds(&stat))
        .sum();
    (seconds(&std::fs::read_to_string("/proc/self/stat").unwrap()), writer)
}

async fn workflows(in_flight: usize, count: usize) {
    let dir = tempfile::tempdir_in(std::env::current_dir().unwrap()).unwrap();
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    let (begin, before) = (Instant::now(), cpu());
    let tasks: Vec<_> = (0..in_flight)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in (task..count).step_by(in_flight) {
                    workflow(&store, n).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let took = begin.elapsed().as_secs_f64();
    let (health, after) = (store.health(), cpu());
    println!(
        "workflows, {in_flight:>3} in flight: {:>6.0} workflows/s, {:>6.0} requests/s, {:>5.0} commits/s, {:>5.1} requests per commit; \
         CPU per workflow {:.0} µs, writer {:.0} µs",
        count as f64 / took,
        health.requests as f64 / took,
        health.commits as f64 / took,
        health.requests as f64 / health.commits as f64,
        (after.0 - before.0) / count as f64 * 1e6,
        (after.1 - before.1) / count as f64 * 1e6,
    );
}

async fn appends() {
    let dir = tempfile::tempdir_in(std::env::current_dir().unwrap()).unwrap();
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    let instance = InstanceId { engine: "workflow", id: "one".into() };
    let mut times = Vec::new();
    for after in 0..5000 {
        let begin = Instant::now();
        store.append(append(&instance, after, true)).await.unwrap();
        times.push(begin.elapsed());
    }
    println!("single append: p50 {:?}, p99 {:?}", percentile(&mut times, 0.5), percentile(&mut times, 0.99));
    let dir = tempfile::tempdir_in(std::env::current_dir().unwrap()).unwrap();
    let path = dir.path().join("floor");
    let file = std::fs::File::create(path).unwrap();
    let mut times = Vec::new();
    for _ in 0..2000 {
        let begin = Instant::now();
        std::io::Write::write_all(&mut &file, &[7; 4096]).unwrap();
        file.sync_data().unwrap();
        times.push(begin.elapsed());
    }
    println!("  the disk's part (4 KiB write, fdatasync): p50 {:?}", percentile(&mut times, 0.5));
}

async fn lists(objects: usize) {
    let dir = tempfile::tempdir_in(std::env::current_dir().unwrap()).unwrap();
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    let begin = Instant::now();
    let tasks: Vec<_> = (0..256)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in (task..objects).step_by(256) {
                    let name = format!("run-{n:07x}");
                    let labels = [("team", format!("t{}", n % 10)), ("app", format!("a{}", n % 1000))];
                    store.create(object(name.clone(), &labels)).await.unwrap();
                    let phase = if n % 100 == 7 { "Failed" } else { "Succeeded" };
                    store.update_status(&Key::new(gvk(), NAMESPACE, name), status(phase)).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    println!("{objects} finished runs stored in {:.1?}", begin.elapsed());
    let begin = Instant::now();
    store.close();
    drop(store);
    println!("closed in {:.1?}", begin.elapsed());
    let begin = Instant::now();
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    println!(
        "opened in {:.1?}, {} MiB",
        begin.elapsed(),
        dir.path().join("colchis.db").metadata().unwrap().len() >> 20
    );
    let is = |k: &str, v: String| LabelRequirement::In(k.to_owned(), vec![v]);
    type Make<'a> = Box<dyn Fn(usize) -> Selector + 'a>;
    let cases: Vec<(&str, Make<'_>)> = vec![
        ("all", Box::new(|_| Selector::default())),
        ("phase Failed (1 %)", Box::new(|_| Selector { phases: vec!["Failed".into()], ..Selector::default() })),
        (
            "label of 10 %, phase Succeeded",
            Box::new(|n| Selector {
                labels: vec![is("team", format!("t{}", n % 10))],
                phases: vec!["Succeeded".into()],
                ..Selector::default()
            }),
        ),
        (
            "label of 10 %, phase Failed",
            Box::new(|n| Selector {
                labels: vec![is("team", format!("t{}", n % 10))],
                phases: vec!["Failed".into()],
                ..Selector::default()
            }),
        ),
        (
            "label of 0.1 %, phase Succeeded",
            Box::new(|n| Selector {
                labels: vec![is("app", format!("a{}", n * 37 % 1000))],
                phases: vec!["Succeeded".into()],
                ..Selector::default()
            }),
        ),
        (
            "two labels, phase Failed",
            Box::new(|n| Selector {
                labels: vec![is("app", format!("a{}", (n * 10 + 7) % 1000)), is("team", "t7".to_owned())],
                phases: vec!["Failed".into()],
                ..Selector::default()
            }),
        ),
    ];
    for (name, make) in cases {
        let (mut times, mut items) = (Vec::new(), 0);
        for n in 0..200 {
            let selector = Selector { gvk: Some(gvk()), namespace: Some(NAMESPACE.into()), ..make(n) };
            let query = ListQuery {
                selector,
                order: Order::NewestFirst,
                limit: Some(50),
                without_body: true,
                ..ListQuery::default()
            };
            let begin = Instant::now();
            items = store.list(&query).await.unwrap().items.len();
            times.push(begin.elapsed());
        }
        println!(
            "page of 50, {name}: p50 {:.2?}, p99 {:.2?} ({items} items)",
            percentile(&mut times, 0.5),
            percentile(&mut times, 0.99)
        );
    }
}

fn main() {
    let mut args = std::env::args().skip(1).map(|a| a.parse::<usize>().unwrap());
    let (count, objects) = (args.next().unwrap_or(40_000), args.next().unwrap_or(1_000_000));
    let only: Option<usize> = args.next();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async move {
        if let Some(only) = only {
            return workflows(only, count).await;
        }
        tokio::spawn(appends()).await.unwrap();
        for (in_flight, part) in [(1, 10), (16, 2), (64, 1), (256, 1)] {
            workflows(in_flight, count / part).await;
        }
        if objects > 0 {
            lists(objects).await;
        }
    });
}
