//! A file of 5 GiB handed from one step to the next: it streams, so memory does not grow with it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::Server;

use super::{finish, submit};
use crate::report::{Row, Target};

const SMALL: u64 = 50 << 20;
const LARGE: u64 = 5 << 30;
/// Buffers differ a little from run to run (MiB).
const GROWTH_MAX: f64 = 16.0;

pub(crate) async fn run(_: usize) -> Vec<Row> {
    let (small, _) = measure(SMALL).await;
    let (large, took) = measure(LARGE).await;
    let mib = |bytes: u64| bytes as f64 / 1_048_576.0;
    vec![
        Row::new("artifact", "5 GiB from a step to a folder to a step", "s", took.as_secs_f64(), Target::None),
        Row::new("artifact", "peak memory of the server, 50 MiB", "MiB", mib(small), Target::None),
        Row::new("artifact", "peak memory of the server, 5 GiB", "MiB", mib(large), Target::None),
        Row::new("artifact", "growth of the peak", "MiB", mib(large) - mib(small), Target::Most(GROWTH_MAX)),
    ]
}

/// A server's peak memory (bytes), and how long the run took.
async fn measure(bytes: u64) -> (u64, Duration) {
    let server = Server::with(&[("images", "host")]).await;
    let client = server.client().await;
    let begun = Instant::now();
    let name = submit(&client, &manifest(bytes)).await;
    finish(&client, &name).await;
    (server.memory_peak(), begun.elapsed())
}

fn manifest(bytes: u64) -> Value {
    let sh = |command: String| json!({"image": "busybox", "command": ["/bin/sh", "-c", command]});
    let from = json!([{"name": "file", "from": "{{steps.make.outputs.artifacts.file}}"}]);
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"generateName": "large-"},
        "spec": {"entrypoint": "main", "templates": [
            {"name": "main", "steps": [
                [{"name": "make", "template": "make"}],
                [{"name": "take", "template": "take", "arguments": {"artifacts": from}}],
            ]},
            {
                "name": "make", "container": sh(format!("head -c {bytes} /dev/zero > /tmp/file")),
                "outputs": {"artifacts": [{"name": "file", "path": "/tmp/file", "archive": {"none": {}}}]},
            },
            {
                "name": "take", "container": sh(format!("test $(wc -c < /tmp/file) -eq {bytes}")),
                "inputs": {"artifacts": [{"name": "file", "path": "/tmp/file"}]},
            },
        ]},
    })
}
