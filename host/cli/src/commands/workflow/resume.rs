//! `colchis workflow resume`.

use clap::Args;
use client::Client;
use client::v1::{GetWorkflowRequest, ListNodesRequest, ResumeRequest, StatusDetail};

use super::steer;
use crate::context::Context;
use crate::error::{CliResult, Exit};
use crate::support::selection::{Filters, RunName};

/// Go on with suspended runs or steps
#[derive(Debug, Args)]
pub struct Resume {
    /// Names of runs, or @latest
    #[arg(value_name = "WORKFLOW")]
    names: Vec<String>,

    #[command(flatten)]
    filters: Filters,

    /// Resume only the suspended steps whose fields match, such as displayName=approve
    #[arg(long, value_name = "FIELDS")]
    node_field_selector: Option<String>,
}

impl Resume {
    pub(in crate::commands) async fn run(self, ctx: &mut Context) -> CliResult {
        let selector = self.node_field_selector.unwrap_or_default();
        let waited_not = std::sync::Mutex::new(Vec::new());
        let done = steer::each(ctx, &self.names, &self.filters, false, ("resume", "resumed"), |client, run| {
            let (waited_not, node_selector) = (&waited_not, selector.clone());
            async move {
                if node_selector.is_empty() && !waits(&client, &run).await.unwrap_or(true) {
                    waited_not.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(run.to_string());
                }
                let request = ResumeRequest { namespace: run.namespace, name: run.name, node_selector };
                client.workflows().resume(request).await.map(|_| ())
            }
        })
        .await;
        // Nothing is wrong with it, but who resumes too early would wait for ever.
        for run in waited_not.into_inner().unwrap_or_default().iter().filter(|_| matches!(done, Ok(Exit::Done))) {
            ctx.out.warn(format!(
                "nothing of workflow {run} waited for it; `colchis workflow get {run}` shows where it stands"
            ));
        }
        done
    }
}

/// Whether a run is suspended, or one of its steps waits to be resumed.
async fn waits(client: &Client, run: &RunName) -> client::Result<bool> {
    let (namespace, name) = (run.namespace.clone(), run.name.clone());
    let request = GetWorkflowRequest { namespace, name, status: StatusDetail::None.into() };
    if client.get_workflow(request).await?.summary.suspended {
        return Ok(true);
    }
    let request = ListNodesRequest {
        namespace: run.namespace.clone(),
        name: run.name.clone(),
        selector: "type=Suspend,phase=Running".to_owned(),
        limit: 1,
        ..ListNodesRequest::default()
    };
    Ok(!client.workflows().list_nodes(request).await?.nodes.is_empty())
}
