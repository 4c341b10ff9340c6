//! W1 and W3: light steps as processes.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::Server;

use super::{percentile, run_once};
use crate::report::{Row, Target};
use crate::shapes::workflow;

/// W1.
pub(crate) async fn in_series(rounds: usize) -> Vec<Row> {
    const STEPS: usize = 40;
    let steps: Vec<Value> = (0..STEPS).map(|i| json!([{"name": format!("s{i}"), "template": "step"}])).collect();
    let took = measure(&workflow(json!({"name": "main", "steps": steps})), rounds).await;
    let bare = bare(STEPS);
    vec![
        Row::new("W1", "40 steps in series", "s", took.as_secs_f64(), Target::Most(0.25)),
        Row::new("W1", "of a bare `sh -c :` 40 times", "×", took.as_secs_f64() / bare.as_secs_f64(), Target::None),
    ]
}

/// W3.
pub(crate) async fn side_by_side(rounds: usize) -> Vec<Row> {
    const STEPS: usize = 400;
    let step = json!({"name": "s", "template": "step", "withSequence": {"count": STEPS.to_string()}});
    let took = measure(&workflow(json!({"name": "main", "parallelism": 10, "steps": [[step]]})), rounds).await;
    vec![
        Row::new("W3", "400 steps, 10 at a time", "s", took.as_secs_f64(), Target::Most(1.2)),
        Row::new("W3", "steps per second", "/s", STEPS as f64 / took.as_secs_f64(), Target::None),
    ]
}

async fn measure(manifest: &Value, rounds: usize) -> Duration {
    let server = Server::with(&[("images", "host")]).await;
    let client = server.client().await;
    // The first run warms what a server makes once.
    run_once(&client, manifest).await;
    let mut took = Vec::new();
    for _ in 0..rounds.max(1) {
        took.push(run_once(&client, manifest).await);
    }
    percentile(&mut took, 0.5)
}

/// The same processes without anything around them.
fn bare(count: usize) -> Duration {
    let begun = Instant::now();
    for _ in 0..count {
        assert!(Command::new("/bin/sh").args(["-c", ":"]).status().is_ok_and(|s| s.success()));
    }
    begun.elapsed()
}
