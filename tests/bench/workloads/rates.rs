//! W4 and W6: many small runs, and one at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use client::Client;
use serde_json::{Value, json};
use tests::Server;

use super::{ms, percentile, run_once, virtual_server};
use crate::report::{Row, Target};
use crate::shapes::workflow;

const IN_FLIGHT: usize = 64;
/// Connections that they share, as callers of one process do.
const CONNECTIONS: usize = 8;
const WINDOW: Duration = Duration::from_secs(10);
/// Runs before a figure counts.
const WARM_UP: usize = 200;

/// W4.
pub(crate) async fn throughput(_: usize) -> Vec<Row> {
    let server = virtual_server().await;
    let manifest = one_step();
    warm_up(&server, &manifest).await;
    let (cpu, begun) = (server.cpu(), Instant::now());
    let (rate, mut closed) = closed_loop(&server, &manifest).await;
    let cpu = (server.cpu() - cpu).as_secs_f64() / begun.elapsed().as_secs_f64();
    let mut open = open_loop(&server, &manifest, rate / 2.0).await;
    vec![
        Row::new("W4", "runs per second, 64 in flight", "/s", rate, Target::Least(6000.0)),
        Row::new("W4", "p99 submit to end, 64 in flight", "ms", ms(percentile(&mut closed, 0.99)), Target::None),
        Row::new("W4", "p50 submit to end at half that load", "ms", ms(percentile(&mut open, 0.5)), Target::None),
        Row::new(
            "W4",
            "p99 submit to end at half that load",
            "ms",
            ms(percentile(&mut open, 0.99)),
            Target::Most(25.0),
        ),
        Row::new("W4", "the server's share of the machine", "cores", cpu, Target::None),
        Row::new("W4", "memory of the server afterwards", "MiB", server.memory() as f64 / 1_048_576.0, Target::None),
    ]
}

/// W6.
pub(crate) async fn latency(_: usize) -> Vec<Row> {
    let server = virtual_server().await;
    let client = server.client().await;
    let steps: Vec<Value> = (0..3).map(|i| json!([{"name": format!("s{i}"), "template": "step"}])).collect();
    let manifest = workflow(json!({"name": "main", "steps": steps}));
    for _ in 0..50 {
        run_once(&client, &manifest).await;
    }
    let mut took = Vec::new();
    for _ in 0..1000 {
        took.push(run_once(&client, &manifest).await);
    }
    vec![
        Row::new("W6", "p50 of a three-step run", "ms", ms(percentile(&mut took, 0.5)), Target::Most(1.5)),
        Row::new("W6", "p99 of a three-step run", "ms", ms(percentile(&mut took, 0.99)), Target::Most(5.0)),
    ]
}

fn one_step() -> Value {
    workflow(json!({"name": "main", "container": {"image": "busybox", "command": ["/bin/sh", "-c", ":"]}}))
}

pub(super) async fn warm_up(server: &Server, manifest: &Value) {
    let client = server.client().await;
    for _ in 0..WARM_UP {
        run_once(&client, manifest).await;
    }
}

async fn connections(server: &Server) -> Vec<Client> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(server.client().await);
    }
    clients
}

/// So many callers, each with its next run as soon as the last has ended; answers runs per second and how long each took.
pub(super) async fn closed_loop(server: &Server, manifest: &Value) -> (f64, Vec<Duration>) {
    let over = Arc::new(AtomicBool::new(false));
    let clients = connections(server).await;
    let begun = Instant::now();
    let mut workers = Vec::new();
    for nth in 0..IN_FLIGHT {
        let (client, manifest, over) = (clients[nth % CONNECTIONS].clone(), manifest.clone(), over.clone());
        workers.push(tokio::spawn(async move {
            let mut took = Vec::new();
            while !over.load(Ordering::Relaxed) {
                took.push(run_once(&client, &manifest).await);
            }
            took
        }));
    }
    tokio::time::sleep(WINDOW).await;
    over.store(true, Ordering::Relaxed);
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await.unwrap());
    }
    (all.len() as f64 / begun.elapsed().as_secs_f64(), all)
}

/// Runs at a fixed rate, whatever the server does; time is counted from the moment at which a run was due.
async fn open_loop(server: &Server, manifest: &Value, rate: f64) -> Vec<Duration> {
    let clients = connections(server).await;
    let gap = Duration::from_secs_f64(1.0 / rate.max(1.0));
    let (begun, sent) = (Instant::now(), AtomicU64::new(0));
    let mut runs = Vec::new();
    while begun.elapsed() < WINDOW {
        // All that are due by now go out at once: a timer of a millisecond is coarser than the gaps.
        while gap.mul_f64(sent.load(Ordering::Relaxed) as f64) <= begun.elapsed() {
            let nth = sent.fetch_add(1, Ordering::Relaxed);
            let due = begun + gap.mul_f64(nth as f64);
            let (client, manifest) = (clients[nth as usize % clients.len()].clone(), manifest.clone());
            runs.push(tokio::spawn(async move {
                run_once(&client, &manifest).await;
                due.elapsed()
            }));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut took = Vec::new();
    for run in runs {
        took.push(run.await.unwrap());
    }
    took
}
