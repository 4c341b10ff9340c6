//! The workloads by name.

mod artifact;
mod components;
mod dags;
mod idle;
mod listing;
mod plugins;
mod rates;
mod renderers;
mod steps;

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use client::Client;
use client::v1::{SubmitRequest, WorkflowPhase, submit_request};
use serde_json::Value;
use tests::Server;

use crate::report::Row;

type Measured = Pin<Box<dyn Future<Output = Vec<Row>>>>;

/// One workload.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    /// Runs only when it is named.
    pub(crate) long: bool,
    pub(crate) run: fn(usize) -> Measured,
}

/// All of them, in the order in which they run.
pub(crate) const ALL: &[Workload] = &[
    Workload {
        name: "idle",
        what: "start, memory and CPU of a server that does nothing",
        long: false,
        run: |n| Box::pin(idle::run(n)),
    },
    Workload {
        name: "W1",
        what: "40 light steps one after the other, as processes",
        long: false,
        run: |n| Box::pin(steps::in_series(n)),
    },
    Workload {
        name: "W3",
        what: "400 light steps, 10 at a time, as processes",
        long: false,
        run: |n| Box::pin(steps::side_by_side(n)),
    },
    Workload {
        name: "W4",
        what: "one-step runs, 64 in flight, virtual steps",
        long: false,
        run: |n| Box::pin(rates::throughput(n)),
    },
    Workload {
        name: "W5",
        what: "DAGs of 10² to 10⁵ tasks, virtual steps",
        long: false,
        run: |n| Box::pin(dags::run(n)),
    },
    Workload {
        name: "W6",
        what: "three-step runs, one at a time, virtual steps",
        long: false,
        run: |n| Box::pin(rates::latency(n)),
    },
    Workload {
        name: "plugins",
        what: "calls of a component, without a server",
        long: false,
        run: |n| Box::pin(plugins::run(n)),
    },
    Workload {
        name: "renderers",
        what: "Helm and Kustomize as components, against the tools as processes",
        long: false,
        run: |n| Box::pin(renderers::run(n)),
    },
    Workload {
        name: "components",
        what: "light steps as components of WebAssembly",
        long: false,
        run: |n| Box::pin(components::run(n)),
    },
    Workload {
        name: "artifact",
        what: "a file of 5 GiB from one step to the next",
        long: true,
        run: |n| Box::pin(artifact::run(n)),
    },
    Workload {
        name: "listing",
        what: "a page of 50 of very many finished runs",
        long: true,
        run: |n| Box::pin(listing::run(n)),
    },
];

/// Submits a run and waits for its end, as one client does it; answers how long both took together.
pub(crate) async fn run_once(client: &Client, manifest: &Value) -> Duration {
    let begun = Instant::now();
    let name = submit(client, manifest).await;
    finish(client, &name).await;
    begun.elapsed()
}

/// Submits a run.
pub(crate) async fn submit(client: &Client, manifest: &Value) -> String {
    submit_text(client, manifest.to_string()).await
}

/// Submits a manifest that is text already.
pub(crate) async fn submit_text(client: &Client, manifest: String) -> String {
    let source = Some(submit_request::Source::Manifest(manifest.into()));
    let request = SubmitRequest { namespace: "default".into(), source, options: None };
    client.submit(request).await.unwrap_or_else(|e| panic!("submit: {e}")).name
}

/// Waits until a run has succeeded.
pub(crate) async fn finish(client: &Client, name: &str) {
    let summary = client.wait("default", name).await.unwrap_or_else(|e| panic!("wait: {e}"));
    assert!(summary.phase() == WorkflowPhase::Succeeded, "{name} ended {:?}: {}", summary.phase(), summary.message);
}

/// A server whose steps end at once without a process.
pub(crate) async fn virtual_server() -> Server {
    Server::with(&[("runner", "virtual")]).await
}

/// The value below which a share of the sorted values lies.
pub(crate) fn percentile(values: &mut [Duration], share: f64) -> Duration {
    values.sort_unstable();
    let at = ((values.len() as f64 * share).ceil() as usize).clamp(1, values.len());
    values[at - 1]
}

/// In milliseconds.
pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
