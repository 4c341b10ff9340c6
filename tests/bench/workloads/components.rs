//! W1, W3 and W4 with steps that a component of WebAssembly does: a plugin's, and a program that is the image of a container.

use std::time::Duration;

use client::Client;
use serde_json::{Value, json};
use tests::{Server, eventually};

use super::rates::{closed_loop, warm_up};
use super::{percentile, run_once};
use crate::report::{Row, Target};

const SERIES: usize = 40;
const SIDE_BY_SIDE: usize = 400;

/// Nothing where there is no component: `cargo xtask guests greet program` makes them.
pub(crate) async fn run(rounds: usize) -> Vec<Row> {
    let Some(folder) = testkit::tools::guests() else {
        eprintln!("  no component: `cargo xtask guests greet program`");
        return Vec::new();
    };
    let program = folder.join("program.wasm");
    let folder = folder.display().to_string();
    let server = Server::with(&[("images", "host"), ("plugins.folder", &folder)]).await;
    let client = server.client().await;
    install(&server).await;
    let mut rows = each(&server, &client, rounds, "plugin", &json!({"plugin": {"greet": {"who": "x"}}})).await;
    if program.is_file() {
        server.cli(&["image", "import", &program.display().to_string(), "--name", "program:1"]).ok();
        let does_nothing = json!({"container": {"image": "program:1"}});
        rows.extend(each(&server, &client, rounds, "program", &does_nothing).await);
    } else {
        eprintln!("  no program: `cargo xtask guests program`");
    }
    rows
}

/// The three workloads with one kind of step.
async fn each(server: &Server, client: &Client, rounds: usize, kind: &str, step: &Value) -> Vec<Row> {
    let steps: Vec<Value> = (0..SERIES).map(|i| json!([{"name": format!("s{i}"), "template": "step"}])).collect();
    let series = measure(client, &workflow(json!({"name": "main", "steps": steps}), step), rounds).await;
    let many = json!({"name": "s", "template": "step", "withSequence": {"count": SIDE_BY_SIDE.to_string()}});
    let many = workflow(json!({"name": "main", "parallelism": 10, "steps": [[many]]}), step);
    let many = measure(client, &many, rounds).await;
    let one = workflow(named("main", step), step);
    warm_up(server, &one).await;
    let (rate, mut closed) = closed_loop(server, &one).await;
    let p99 = super::ms(percentile(&mut closed, 0.99));
    let what = |what: &str| format!("{what} ({kind})");
    vec![
        Row::new("W1", what("40 steps in series, as components"), "s", series.as_secs_f64(), Target::Most(0.03)),
        Row::new("W3", what("400 steps, 10 at a time, as components"), "s", many.as_secs_f64(), Target::Most(0.1)),
        Row::new("W4", what("runs of a component per second, 64 in flight"), "/s", rate, Target::Least(6000.0)),
        Row::new("W4", what("p99 of a run of a component"), "ms", p99, Target::None),
    ]
}

/// A template of that name.
fn named(name: &str, step: &Value) -> Value {
    let mut template = step.clone();
    template["name"] = json!(name);
    template
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

fn workflow(main: Value, step: &Value) -> Value {
    let mut manifest = crate::shapes::workflow(main);
    manifest["spec"]["templates"][1] = named("step", step);
    manifest
}
