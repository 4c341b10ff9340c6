//! W1, W3 and W4 with steps that a component of WebAssembly does.

use std::time::Duration;

use client::Client;
use serde_json::{Value, json};
use tests::{Server, eventually};

use super::rates::{closed_loop, warm_up};
use super::{percentile, run_once};
use crate::report::{Row, Target};

const SERIES: usize = 40;
const SIDE_BY_SIDE: usize = 400;

/// Nothing where there is no component: `cargo xtask guests greet` makes it.
pub(crate) async fn run(rounds: usize) -> Vec<Row> {
    let Some(folder) = testkit::tools::guests() else {
        eprintln!("  no component: `cargo xtask guests greet`");
        return Vec::new();
    };
    let folder = folder.display().to_string();
    let server = Server::with(&[("images", "host"), ("plugins.folder", &folder)]).await;
    let client = server.client().await;
    install(&server).await;
    let steps: Vec<Value> = (0..SERIES).map(|i| json!([{"name": format!("s{i}"), "template": "step"}])).collect();
    let series = measure(&client, &workflow(json!({"name": "main", "steps": steps})), rounds).await;
    let many = json!({"name": "s", "template": "step", "withSequence": {"count": SIDE_BY_SIDE.to_string()}});
    let many = workflow(json!({"name": "main", "parallelism": 10, "steps": [[many]]}));
    let many = measure(&client, &many, rounds).await;
    let one = workflow(json!({"name": "main", "plugin": {"greet": {"who": "x"}}}));
    warm_up(&server, &one).await;
    let (rate, mut closed) = closed_loop(&server, &one).await;
    vec![
        Row::new("W1", "40 steps in series, as components", "s", series.as_secs_f64(), Target::Most(0.03)),
        Row::new("W3", "400 steps, 10 at a time, as components", "s", many.as_secs_f64(), Target::Most(0.1)),
        Row::new("W4", "runs of a component per second, 64 in flight", "/s", rate, Target::Least(6000.0)),
        Row::new("W4", "p99 of a run of a component", "ms", super::ms(percentile(&mut closed, 0.99)), Target::None),
    ]
}

async fn install(server: &Server) {
    let plugin = json!({"apiVersion": "colchis.dev/v1", "kind": "Plugin", "metadata": {"name": "greet"}, "spec": {"source": {"file": "greet.wasm"}}});
    let file = server.home().join("plugin.json");
    std::fs::write(&file, plugin.to_string()).unwrap();
    server.cli(&["apply", "-f", &file.display().to_string()]).ok();
    eventually("the component is in service", || async {
        let shown = server.cli(&["get", "plugin", "greet", "-o", "json"]).ok();
        shown.contains("InService").then_some(())
    })
    .await;
}

async fn measure(client: &Client, manifest: &Value, rounds: usize) -> Duration {
    run_once(client, manifest).await;
    let mut took = Vec::new();
    for _ in 0..rounds.max(1) {
        took.push(run_once(client, manifest).await);
    }
    percentile(&mut took, 0.5)
}

fn workflow(main: Value) -> Value {
    let mut manifest = crate::shapes::workflow(main);
    manifest["spec"]["templates"][1] = json!({"name": "step", "plugin": {"greet": {"who": "x"}}});
    manifest
}
