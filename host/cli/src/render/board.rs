//! Runs that are being watched: what is known of them, and how it is drawn.
//!
//! ```text
//!   watch messages ──merge──► RunView (nodes by id) ──► frame: lines that fit the terminal      on a terminal, redrawn
//!                                    └──────────────► one line per change                       elsewhere, appended
//! ```

use std::collections::{BTreeMap, HashMap, HashSet};

use client::v1::{Node, NodePhase, WatchNodesResponse, WorkflowPhase, WorkflowSummary};

use super::live::rows_max;
use super::node_filter::NodeFilter;
use super::terminal::Terminal;
use super::text::{Paint, Text};
use super::tree::{self, TreeOptions};
use super::{phase, time};

/// Lines of a final picture; of a larger run only what did not succeed is drawn.
const FINAL_LINES_MAX: usize = 1_000;

/// One run, as far as it is known.
#[derive(Debug, Clone, Default)]
pub struct RunView {
    /// Its name.
    pub name: String,
    /// Its row, once it has come.
    pub summary: WorkflowSummary,
    /// It has ended, and nothing more comes.
    pub ended: bool,
    nodes: Vec<Node>,
    by_id: HashMap<String, usize>,
    filter: NodeFilter,
    /// Messages of nodes that run or wait that were told: what many have in common is told once.
    said: HashSet<String>,
}

/// A node that has changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The node as it is now.
    pub node: Node,
    /// The phase it had before; `None` when it is new.
    pub before: Option<NodePhase>,
}

impl RunView {
    /// A run of which nothing is known but its name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Shows some of its nodes only.
    #[must_use]
    pub fn showing(self, filter: NodeFilter) -> Self {
        Self { filter, ..self }
    }

    /// The nodes that are known.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Takes news in; answers the nodes whose phase changed, or what they wait for.
    pub fn merge(&mut self, news: WatchNodesResponse) -> Vec<Change> {
        if let Some(summary) = news.workflow {
            self.summary = summary;
        }
        self.ended |= news.ended;
        let mut changes = Vec::new();
        for node in news.nodes {
            match self.by_id.get(&node.id).and_then(|at| self.nodes.get_mut(*at)) {
                Some(known) => {
                    let before = known.phase();
                    let waits_anew = node.phase() == NodePhase::Pending && known.message != node.message;
                    if before != node.phase() || waits_anew {
                        changes.push(Change { node: node.clone(), before: Some(before) });
                    }
                    *known = node;
                }
                None => {
                    changes.push(Change { node: node.clone(), before: None });
                    self.by_id.insert(node.id.clone(), self.nodes.len());
                    self.nodes.push(node);
                }
            }
        }
        changes
    }

    /// `hello-x7k2p  Running  1/3  2.4s`.
    pub fn headline(&self, now_ms: i64) -> Text {
        let row = &self.summary;
        let mut text = Text::painted(Paint::Bold, &self.name);
        text.push(Paint::Plain, "  ");
        text.append(phase::workflow_text(row.phase(), row.suspended));
        if !row.progress.is_empty() {
            text.push(Paint::Plain, format!("  {}", row.progress));
        }
        if row.started_ms > 0 {
            let ended = if row.finished_ms > 0 { row.finished_ms } else { now_ms };
            text.push(Paint::Dim, format!("  {}", time::took(ended - row.started_ms)));
        }
        if !row.message.is_empty() {
            text.push(Paint::Plain, format!("  {}", row.message));
        }
        text
    }

    fn tree(&self, now_ms: i64, terminal: &Terminal, headings: bool, wanted: &dyn Fn(&Node) -> bool) -> Vec<Text> {
        let lines = tree::lines(&self.nodes, terminal, &|node| self.filter.shows(node) && wanted(node));
        let options = TreeOptions { workflow: &self.name, wide: false, now_ms };
        tree::table(&lines, options, terminal).lines(terminal, headings)
    }
}

/// The picture of all runs, in as many lines as the terminal has.
pub fn frame(runs: &[RunView], now_ms: i64, terminal: &Terminal) -> Vec<Text> {
    let room = rows_max(terminal);
    let all = draw(runs, now_ms, terminal, &|_| true);
    if all.len() <= room {
        return all;
    }
    // What went well is what people look at least.
    let mut some = draw(runs, now_ms, terminal, &|node| !went_well(node));
    if some.len() < room {
        some.push(left_out(runs, terminal));
        return some;
    }
    let busy = draw(runs, now_ms, terminal, &|node| node.phase() == NodePhase::Running || bad(node));
    let mut cut: Vec<Text> = busy.into_iter().take(room.saturating_sub(1)).collect();
    cut.push(left_out(runs, terminal));
    cut
}

/// The last picture of a run, which stays on the screen or in the file.
pub fn final_frame(run: &RunView, now_ms: i64, terminal: &Terminal) -> Vec<Text> {
    let runs = std::slice::from_ref(run);
    if run.nodes.len() <= FINAL_LINES_MAX {
        return draw(runs, now_ms, terminal, &|_| true);
    }
    let mut lines = draw(runs, now_ms, terminal, &|node| !went_well(node));
    lines.truncate(FINAL_LINES_MAX);
    lines.push(left_out(runs, terminal));
    lines
}

fn draw(runs: &[RunView], now_ms: i64, terminal: &Terminal, wanted: &dyn Fn(&Node) -> bool) -> Vec<Text> {
    let mut lines = Vec::new();
    for run in runs {
        if !lines.is_empty() {
            lines.push(Text::empty());
        }
        lines.push(run.headline(now_ms));
        if !run.nodes.is_empty() {
            lines.extend(run.tree(now_ms, terminal, true, wanted));
        }
    }
    lines
}

fn went_well(node: &Node) -> bool {
    matches!(node.phase(), NodePhase::Succeeded | NodePhase::Skipped | NodePhase::Omitted)
}

fn bad(node: &Node) -> bool {
    matches!(node.phase(), NodePhase::Failed | NodePhase::Error)
}

/// `… of 1024 nodes: 3 Running, 1000 Succeeded, 21 Pending`.
fn left_out(runs: &[RunView], terminal: &Terminal) -> Text {
    let mut counts: BTreeMap<i32, usize> = BTreeMap::new();
    let real = |node: &&Node| node.r#type != "StepGroup";
    for node in runs.iter().flat_map(|run| &run.nodes).filter(real) {
        *counts.entry(node.phase).or_default() += 1;
    }
    let total: usize = counts.values().sum();
    let parts: Vec<String> = counts
        .iter()
        .filter_map(|(number, count)| Some(format!("{count} {}", phase::node_word(NodePhase::try_from(*number).ok()?))))
        .collect();
    Text::painted(Paint::Dim, format!(" {} of {total} nodes: {}", terminal.signs().ellipsis, parts.join(", ")))
}

/// A change as one line, for streams that are not redrawn; `None` for what only frames other nodes.
pub fn change_line(run: &mut RunView, change: &Change, many: bool, terminal: &Terminal) -> Option<Text> {
    let node = &change.node;
    let framing = matches!(node.r#type.as_str(), "StepGroup" | "TaskGroup" | "Steps" | "DAG" | "Retry");
    // What one that has not begun waits for is told once, however many wait for it.
    let waits = node.phase() == NodePhase::Pending && !node.message.is_empty() && run.said.insert(node.message.clone());
    let tells = phase::node_ended(node.phase()) || node.phase() == NodePhase::Running || waits;
    if !tells || !run.filter.shows(node) || (framing && !bad(node) && !waits) || node.r#type == "StepGroup" {
        return None;
    }
    let mut text = Text::empty();
    if many {
        text.push(Paint::Dim, format!("{}: ", run.name));
    }
    text.append(phase::node_sign(node, terminal));
    let label =
        node.name.strip_prefix(&run.name).map(|rest| rest.trim_start_matches('.')).filter(|rest| !rest.is_empty());
    text.push(Paint::Plain, format!(" {}", label.unwrap_or(&node.name)));
    text.push(Paint::Dim, format!("  {}", phase::node_word(node.phase())));
    if phase::node_ended(node.phase())
        && node.started_ms > 0
        && node.finished_ms > 0
        && !matches!(node.phase(), NodePhase::Skipped | NodePhase::Omitted)
    {
        text.push(Paint::Dim, format!(" in {}", time::took(node.finished_ms - node.started_ms)));
    }
    let where_it_ran = matches!(node.phase(), NodePhase::Running | NodePhase::Succeeded);
    let repeated = where_it_ran && !run.said.insert(node.message.clone());
    if !node.message.is_empty() && !repeated {
        text.push(Paint::Plain, format!("  {}", node.message));
    }
    Some(text)
}

/// What a run as a whole waits for, once: it has no nodes yet that would tell.
pub fn waiting_line(run: &mut RunView, now_ms: i64) -> Option<Text> {
    let row = &run.summary;
    let waits = row.phase() == WorkflowPhase::Pending && !row.message.is_empty();
    (waits && run.said.insert(row.message.clone())).then(|| run.headline(now_ms))
}

/// Whether all runs succeeded.
pub fn all_succeeded(runs: &[RunView]) -> bool {
    runs.iter().all(|run| run.summary.phase() == WorkflowPhase::Succeeded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str, boundary: &str, kind: &str, phase: NodePhase) -> Node {
        Node {
            id: id.into(),
            name: id.into(),
            display_name: id.into(),
            boundary_id: boundary.into(),
            r#type: kind.into(),
            phase: phase.into(),
            started_ms: 1_000,
            finished_ms: if phase::node_ended(phase) { 1_250 } else { 0 },
            ..Node::default()
        }
    }

    fn view(fan: usize) -> RunView {
        let mut run = RunView::new("wide");
        let mut nodes = vec![node("wide", "", "DAG", NodePhase::Running)];
        nodes.extend((0..fan).map(|n| {
            node(
                &format!("wide.t{n}"),
                "wide",
                "Pod",
                if n == 3 {
                    NodePhase::Failed
                } else if n == 5 {
                    NodePhase::Running
                } else {
                    NodePhase::Succeeded
                },
            )
        }));
        let workflow = WorkflowSummary {
            phase: WorkflowPhase::Running.into(),
            progress: format!("{}/{fan}", fan - 1),
            started_ms: 1_000,
            ..WorkflowSummary::default()
        };
        run.merge(WatchNodesResponse { nodes, workflow: Some(workflow), ..WatchNodesResponse::default() });
        run
    }

    fn shown(lines: &[Text]) -> String {
        lines.iter().map(|line| line.letters() + "\n").collect()
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let terminal = Terminal { interactive: true, size: Some((60, 8)), ..Terminal::plain() };
        insta::assert_snapshot!(shown(&frame(&[view(20)], 3_400, &terminal)), @r"
        wide  Running  19/20  2.4s
        STEP           PODNAME   DURATION   MESSAGE
         ● wide                  2.4s
         ├─✖ wide.t3   wide.t3   250ms
         └─● wide.t5   wide.t5   2.4s
         … of 21 nodes: 2 Running, 18 Succeeded, 1 Failed
        ");
        let tall = Terminal { interactive: true, size: Some((60, 80)), ..Terminal::plain() };
        assert_eq!(frame(&[view(20)], 3_400, &tall).len(), 1 + 1 + 21);
    }

    #[test]
    fn what_is_not_asked_for_is_not_shown() {
        let terminal = Terminal { interactive: true, size: Some((60, 80)), ..Terminal::plain() };
        let mut run = view(20).showing(NodeFilter::parse("type=Pod", &["failed".to_owned()]).unwrap());
        insta::assert_snapshot!(shown(&frame(std::slice::from_ref(&run), 3_400, &terminal)), @r"
        wide  Running  19/20  2.4s
        STEP           PODNAME   DURATION   MESSAGE
         ● wide                  2.4s
         └─✖ wide.t3   wide.t3   250ms
        ");
        let told = |run: &mut RunView, node: Node| {
            let change = Change { node, before: None };
            change_line(run, &change, false, &Terminal::plain()).map(|line| line.letters())
        };
        assert!(told(&mut run, node("wide.a", "wide", "Pod", NodePhase::Failed)).is_some());
        assert!(told(&mut run, node("wide.b", "wide", "Pod", NodePhase::Running)).is_none());
    }

    #[test]
    fn a_frame_never_has_more_lines_than_the_terminal() {
        for rows in 1..12 {
            let terminal = Terminal { interactive: true, size: Some((60, rows)), ..Terminal::plain() };
            assert!(frame(&[view(20), view(30)], 3_400, &terminal).len() <= rows.saturating_sub(1).max(1), "{rows}");
        }
    }

    #[test]
    fn changes_are_told_once() {
        let mut run = view(1);
        let again = WatchNodesResponse { nodes: run.nodes.clone(), ..WatchNodesResponse::default() };
        assert_eq!(run.merge(again), []);
        let mut failed = node("wide.t0", "wide", "Pod", NodePhase::Failed);
        failed.message = "exit code 1".into();
        let changes =
            run.merge(WatchNodesResponse { nodes: vec![failed], ended: true, ..WatchNodesResponse::default() });
        assert_eq!(changes[0].before, Some(NodePhase::Succeeded));
        let line = change_line(&mut run, &changes[0], true, &Terminal::plain()).unwrap();
        assert_eq!(line.letters(), "wide: ✖ t0  Failed in 250ms  exit code 1");
        assert!(run.ended);
    }

    #[test]
    fn what_is_waited_for_is_told_once() {
        let mut run = RunView::new("w");
        let waiting = |id: &str, kind: &str, message: &str| {
            let mut node = node(id, "w", kind, NodePhase::Pending);
            node.message = message.into();
            node
        };
        let mut tell = |nodes: Vec<Node>| -> Vec<String> {
            let changes = run.merge(WatchNodesResponse { nodes, ..WatchNodesResponse::default() });
            let lines = changes.iter().filter_map(|c| change_line(&mut run, c, false, &Terminal::plain()));
            lines.map(|line| line.letters()).collect()
        };
        assert_eq!(tell(vec![waiting("w.a", "Pod", ""), waiting("w.b", "DAG", "")]), Vec::<String>::new());
        let told = tell(vec![waiting("w.a", "Pod", "no lock"), waiting("w.b", "DAG", "no lock")]);
        assert_eq!(told, ["◷ a  Pending  no lock"]);
        assert_eq!(tell(vec![waiting("w.b", "DAG", "no claim")]), ["◷ b  Pending  no claim"]);
        run.summary = WorkflowSummary {
            phase: WorkflowPhase::Pending.into(),
            message: "no lock for the run".into(),
            ..WorkflowSummary::default()
        };
        assert_eq!(waiting_line(&mut run, 0).unwrap().letters(), "w  Pending  no lock for the run");
        assert!(waiting_line(&mut run, 0).is_none());
    }
}
