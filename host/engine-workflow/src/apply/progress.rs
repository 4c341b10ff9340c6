//! How much is done: each leaf says it of itself, and each node above it and the run keep the sum, so that who asks for one node need not look at those below.

use crate::state::{NodeIx, Progress, RunState};

/// The annotation of a template by which its leaves begin with a progress of their own.
const ANNOTATION: &str = "workflows.argoproj.io/progress";

/// What a leaf has done before it says so itself: nothing of one piece, or what its template's annotation says.
pub(super) fn at_first(state: &RunState, template: Option<u32>) -> Progress {
    let said = || {
        let template = &state.run()?.program.get(template?)?.template;
        Progress::parse(template.metadata.as_ref()?.annotations.get(ANNOTATION)?)
    };
    said().unwrap_or(Progress { done: 0, total: 1 })
}

/// A leaf has done so much; the sums of all above it follow.
pub(super) fn set(state: &mut RunState, leaf: NodeIx, to: Progress) {
    let Some(node) = state.nodes.get_mut(leaf.index()) else { return };
    let from = std::mem::replace(&mut node.progress, to);
    if from == to {
        return;
    }
    let mut above = node.parent;
    while let Some(node) = above.and_then(|ix| state.nodes.get_mut(ix.index())) {
        node.progress.exchange(from, to);
        above = node.parent;
    }
    state.progress.exchange(from, to);
}
