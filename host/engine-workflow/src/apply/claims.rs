//! Claims of `volumeClaimTemplates`.

use model::workflow::{NodePhase, VolumeClaimGcStrategy};

use crate::state::{ClaimState, Run, RunState, Todo};
use crate::values::Text;

pub(super) fn wanted(state: &mut RunState) {
    state.take_todo(Todo::Begin);
    if let Some(run) = &mut state.run {
        run.claims = ClaimState::Creating;
    }
}

pub(super) fn there(state: &mut RunState, claims: &[(Text, Text)]) {
    if let Some(run) = &mut state.run {
        run.claims = ClaimState::There;
        run.claim_names = claims.to_vec();
    }
    state.todo.push_back(Todo::Begin);
}

pub(super) fn gone(state: &mut RunState) {
    if let Some(run) = &mut state.run {
        run.claims = ClaimState::None;
        run.claim_names.clear();
    }
}

/// Whether `volumeClaimGC` deletes the claims at such an end: `OnWorkflowSuccess` (the default) only after success, `OnWorkflowCompletion` always.
pub(super) fn deleted_with(run: &Run, phase: NodePhase) -> bool {
    let strategy = run.submission.spec.volume_claim_gc.as_ref().and_then(|gc| gc.strategy);
    strategy == Some(VolumeClaimGcStrategy::OnWorkflowCompletion) || phase == NodePhase::Succeeded
}
