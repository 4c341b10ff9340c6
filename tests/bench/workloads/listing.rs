//! A page of 50 of very many finished runs, filtered by label and phase.

use std::time::Instant;

use client::v1::{ListWorkflowsRequest, ObjectSelector, Order};
use serde_json::json;

use super::{finish, ms, percentile, submit_text, virtual_server};
use crate::report::{Row, Target};
use crate::shapes::workflow;

const RUNS: usize = 1_000_000;
const IN_FLIGHT: usize = 256;

/// The million takes minutes: the rate of W4 decides how many.
pub(crate) async fn run(_: usize) -> Vec<Row> {
    let server = virtual_server().await;
    let client = server.client().await;
    let mut workers = Vec::new();
    for worker in 0..IN_FLIGHT {
        let client = client.clone();
        workers.push(tokio::spawn(async move {
            for nth in (worker..RUNS).step_by(IN_FLIGHT) {
                let mut manifest = workflow(
                    json!({"name": "main", "container": {"image": "busybox", "command": ["/bin/sh", "-c", ":"]}}),
                );
                manifest["metadata"]["labels"] = json!({"team": format!("t{}", nth % 20)});
                let name = submit_text(&client, manifest.to_string()).await;
                finish(&client, &name).await;
            }
        }));
    }
    for worker in workers {
        worker.await.unwrap();
    }
    let mut took = Vec::new();
    for nth in 0..500 {
        let selector = ObjectSelector {
            labels: format!("team=t{}", nth % 20),
            phases: vec!["Succeeded".into()],
            ..ObjectSelector::default()
        };
        let request = ListWorkflowsRequest {
            namespace: "default".into(),
            selector: Some(selector),
            order: Order::NewestFirst.into(),
            limit: 50,
            ..ListWorkflowsRequest::default()
        };
        let begun = Instant::now();
        let page = client.workflows().list(request).await.unwrap();
        took.push(begun.elapsed());
        assert_eq!(page.workflows.len(), 50);
    }
    vec![
        Row::new(
            "listing",
            format!("p50 of a page of 50 out of {RUNS}"),
            "ms",
            ms(percentile(&mut took, 0.5)),
            Target::None,
        ),
        Row::new(
            "listing",
            format!("p99 of a page of 50 out of {RUNS}"),
            "ms",
            ms(percentile(&mut took, 0.99)),
            Target::Most(50.0),
        ),
    ]
}
