//! How phases look: a sign, a colour, a word.

use client::v1::{Node, NodePhase, WorkflowPhase};

use super::terminal::Terminal;
use super::text::{Paint, Text};

/// The sign of a node, in its colour.
pub fn node_sign(node: &Node, terminal: &Terminal) -> Text {
    let signs = terminal.signs();
    match node.phase() {
        NodePhase::Running if node.r#type == "Suspend" => Text::painted(Paint::Yellow, signs.suspended),
        NodePhase::Running => Text::painted(Paint::Blue, signs.running),
        NodePhase::Succeeded => Text::painted(Paint::Green, signs.ok),
        NodePhase::Failed => Text::painted(Paint::Red, signs.failed),
        NodePhase::Error => Text::painted(Paint::Magenta, signs.error),
        NodePhase::Skipped | NodePhase::Omitted => Text::painted(Paint::Dim, signs.skipped),
        NodePhase::Pending | NodePhase::Unknown => Text::painted(Paint::Yellow, signs.pending),
    }
}

/// Argo's word for a node's phase.
pub fn node_word(phase: NodePhase) -> &'static str {
    match phase {
        NodePhase::Unknown => "",
        NodePhase::Pending => "Pending",
        NodePhase::Running => "Running",
        NodePhase::Succeeded => "Succeeded",
        NodePhase::Skipped => "Skipped",
        NodePhase::Failed => "Failed",
        NodePhase::Error => "Error",
        NodePhase::Omitted => "Omitted",
    }
}

/// The phase that a word names, in any case.
pub fn node_phase(word: &str) -> Option<NodePhase> {
    use NodePhase::{Error, Failed, Omitted, Pending, Running, Skipped, Succeeded};
    [Pending, Running, Succeeded, Skipped, Failed, Error, Omitted]
        .into_iter()
        .find(|phase| node_word(*phase).eq_ignore_ascii_case(word.trim()))
}

/// Whether a node will not change any more.
pub fn node_ended(phase: NodePhase) -> bool {
    !matches!(phase, NodePhase::Unknown | NodePhase::Pending | NodePhase::Running)
}

/// Argo's word for a run's phase; a suspended run that runs says so.
pub fn workflow_word(phase: WorkflowPhase, suspended: bool) -> &'static str {
    match phase {
        WorkflowPhase::Unknown | WorkflowPhase::Pending => "Pending",
        WorkflowPhase::Running if suspended => "Running (Suspended)",
        WorkflowPhase::Running => "Running",
        WorkflowPhase::Succeeded => "Succeeded",
        WorkflowPhase::Failed => "Failed",
        WorkflowPhase::Error => "Error",
    }
}

/// The word in its colour.
pub fn workflow_text(phase: WorkflowPhase, suspended: bool) -> Text {
    Text::painted(workflow_paint(phase), workflow_word(phase, suspended))
}

/// The colour of a run's phase.
pub fn workflow_paint(phase: WorkflowPhase) -> Paint {
    match phase {
        WorkflowPhase::Unknown | WorkflowPhase::Pending => Paint::Yellow,
        WorkflowPhase::Running => Paint::Blue,
        WorkflowPhase::Succeeded => Paint::Green,
        WorkflowPhase::Failed => Paint::Red,
        WorkflowPhase::Error => Paint::Magenta,
    }
}

/// Whether a run will not change any more.
pub fn workflow_ended(phase: WorkflowPhase) -> bool {
    matches!(phase, WorkflowPhase::Succeeded | WorkflowPhase::Failed | WorkflowPhase::Error)
}
