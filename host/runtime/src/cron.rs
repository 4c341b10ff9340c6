//! CronWorkflows: runs that the clock makes.

use std::sync::Arc;

use crate::Runtime;
use crate::control::ControlError;
use crate::workflows::Workflows;

/// Follows CronWorkflows.
pub(crate) async fn start(_runtime: &Runtime, _revision: u64) -> store::Result<()> {
    Ok(())
}

/// Makes the runs of a span of time.
pub(crate) async fn backfill(
    _workflows: &Arc<Workflows>,
    namespace: &str,
    cron_workflow: &str,
    _span: (i64, i64),
    _parallel: bool,
    _name: Option<&str>,
) -> Result<Vec<String>, ControlError> {
    Err(ControlError::NotFound { namespace: namespace.to_owned(), name: cron_workflow.to_owned() })
}
