//! A run whose object is gone: what still runs is ended, what was shared is given back, what was kept is deleted.

use std::sync::Arc;
use std::time::Duration;

use engine::Engine;
use engine_workflow::{Input, RunState, Shutdown, SpecChange, WorkflowEngine};
use model::Object;
use store::Result;
use store::journal::InstanceId;

use super::Workflows;

/// How often it is looked whether a run that was terminated is over.
const LOOK: Duration = Duration::from_millis(100);
/// How long its steps may take to end; then they are left to their supervisors, which end them.
const PATIENCE: Duration = Duration::from_secs(60);

impl Workflows {
    /// Ends and forgets a run.
    pub(super) async fn forget(&self, id: &Arc<str>, object: &Object) -> Result<()> {
        let instance = InstanceId { engine: WorkflowEngine::NAME, id: id.clone() };
        if self.journal.info(&instance).await?.is_some() {
            let change = SpecChange { shutdown: Some(Shutdown::Terminate), ..SpecChange::default() };
            self.registry.commit(id, Input::SpecChanged(change)).await?;
            let begun = tokio::time::Instant::now();
            while self.registry.look(id, |state: &RunState, _| WorkflowEngine::live(state)).await?
                && begun.elapsed() < PATIENCE
            {
                tokio::time::sleep(LOOK).await;
            }
            self.collect_of_deleted(id, &object.metadata.namespace, &object.metadata.name).await?;
            self.journal.delete(&instance).await?;
        }
        if let Err(problem) = self.runner.forget(id).await {
            tracing::warn!(%problem, "logs and folders of a deleted run could not be cleared away");
        }
        Ok(())
    }
}
