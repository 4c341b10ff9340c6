//! A run's nodes as a tree, as `argo get` draws it.
//!
//! ```text
//!   nodes (flat) ──► who belongs to whom ──► lines in order, each with its branches drawn
//!
//!    ● build                a Steps node: each group of parallel steps is one branch
//!    ├───✔ checkout         a group of one
//!    ├─┬─✔ compile          a group of two
//!    │ └─✖ test
//!    └───◷ publish
//! ```
//!
//! A node belongs to the retry or loop whose name its own begins with, else to its group, else to its boundary. Walks are iterative and linear: a run may
//! have 10⁵ nodes, and recursion may be deep.

use std::collections::{BTreeMap, HashMap, HashSet};

use client::v1::{Node, NodePhase};

use super::phase;
use super::table::{Column, Table};
use super::terminal::Terminal;
use super::text::{Paint, Text};
use super::time;

/// One line of the tree.
#[derive(Debug, Clone)]
pub struct Line<'n> {
    /// The branches before the sign.
    pub branches: String,
    /// The node.
    pub node: &'n Node,
}

/// The lines of the tree, in order. `wanted` chooses nodes; what a chosen node belongs to is shown with it.
pub fn lines<'n>(nodes: &'n [Node], terminal: &Terminal, wanted: &dyn Fn(&Node) -> bool) -> Vec<Line<'n>> {
    let forest = Forest::of(nodes);
    let shown = forest.shown(nodes, wanted);
    forest.draw(nodes, &shown, terminal)
}

/// The parent of each node and the children of each, by index.
struct Forest {
    parent: Vec<Option<usize>>,
    children: Vec<Vec<usize>>,
    roots: Vec<usize>,
    /// For a child of a Steps node: the number of its group.
    group: Vec<Option<u64>>,
}

impl Forest {
    fn of(nodes: &[Node]) -> Self {
        let by_id: HashMap<&str, usize> = nodes.iter().enumerate().map(|(at, n)| (n.id.as_str(), at)).collect();
        let holders: HashMap<&str, usize> = nodes
            .iter()
            .enumerate()
            .filter(|(_, n)| matches!(n.r#type.as_str(), "Retry" | "TaskGroup"))
            .map(|(at, n)| (n.name.as_str(), at))
            .collect();
        let mut forest = Self {
            parent: vec![None; nodes.len()],
            children: vec![Vec::new(); nodes.len()],
            roots: Vec::new(),
            group: vec![None; nodes.len()],
        };
        for (at, node) in nodes.iter().enumerate() {
            // Groups are drawn as branches, not as nodes.
            if node.r#type == "StepGroup" {
                continue;
            }
            let boundary = by_id.get(node.boundary_id.as_str()).copied().filter(|b| *b != at);
            let parent = holder(node, nodes, &holders).filter(|h| *h != at).or(boundary);
            let under_steps = parent.and_then(|p| nodes.get(p)).filter(|p| p.r#type == "Steps");
            if let (Some(steps), Some(slot)) = (under_steps, forest.group.get_mut(at)) {
                *slot = group_of(&steps.name, &node.name);
            }
            if let Some(slot) = forest.parent.get_mut(at) {
                *slot = parent;
            }
            match parent.and_then(|p| forest.children.get_mut(p)) {
                Some(siblings) => siblings.push(at),
                None => forest.roots.push(at),
            }
        }
        forest
    }

    fn shown(&self, nodes: &[Node], wanted: &dyn Fn(&Node) -> bool) -> HashSet<usize> {
        let mut shown = HashSet::new();
        for (at, node) in nodes.iter().enumerate() {
            if node.r#type == "StepGroup" || !wanted(node) {
                continue;
            }
            let mut next = Some(at);
            // Damaged data could name each other as parents: a node that is there already ends the climb.
            while let Some(here) = next.filter(|here| shown.insert(*here)) {
                next = self.parent.get(here).copied().flatten();
            }
        }
        shown
    }

    fn draw<'n>(&self, nodes: &'n [Node], shown: &HashSet<usize>, terminal: &Terminal) -> Vec<Line<'n>> {
        let mut lines = Vec::with_capacity(shown.len());
        let mut drawn = HashSet::new();
        // Last in, first out: pushed in reverse. Each entry: node, branches before it, branches before its children.
        let mut stack: Vec<(usize, String, String)> =
            self.roots.iter().rev().map(|at| (*at, " ".to_owned(), " ".to_owned())).collect();
        while let Some((at, branches, below)) = stack.pop() {
            let Some(node) = nodes.get(at).filter(|_| shown.contains(&at) && drawn.insert(at)) else { continue };
            lines.push(Line { branches, node });
            let mut children: Vec<usize> =
                self.children.get(at).into_iter().flatten().copied().filter(|child| shown.contains(child)).collect();
            if node.r#type == "Steps" {
                self.push_groups(&children, &below, terminal, &mut stack);
            } else {
                sort_numbered(&mut children, nodes, &node.name);
                push_plain(&children, &below, terminal, &mut stack);
            }
        }
        lines
    }

    /// The branches of a Steps node: one per group, hooks and exit handlers after them.
    fn push_groups(
        &self,
        children: &[usize],
        below: &str,
        terminal: &Terminal,
        stack: &mut Vec<(usize, String, String)>,
    ) {
        let mut groups: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for child in children {
            groups.entry(self.group.get(*child).copied().flatten().unwrap_or(u64::MAX)).or_default().push(*child);
        }
        let signs = terminal.signs();
        let (tee, corner, bar, dash, fork) = (signs.tee, signs.corner, signs.bar, signs.dash, signs.fork);
        let last_group = groups.len().saturating_sub(1);
        let mut entries = Vec::new();
        for (number, members) in groups.into_values().enumerate() {
            let (branch, side) = if number == last_group { (corner, " ") } else { (tee, bar) };
            let last = members.len() - 1;
            for (place, member) in members.into_iter().enumerate() {
                let entry = match (place, last) {
                    (0, 0) => (format!("{below}{branch}{dash}{dash}{dash}"), format!("{below}{side}   ")),
                    (0, _) => (format!("{below}{branch}{dash}{fork}{dash}"), format!("{below}{side} {bar} ")),
                    (place, last) if place == last => {
                        (format!("{below}{side} {corner}{dash}"), format!("{below}{side}   "))
                    }
                    _ => (format!("{below}{side} {tee}{dash}"), format!("{below}{side} {bar} ")),
                };
                entries.push((member, entry.0, entry.1));
            }
        }
        stack.extend(entries.into_iter().rev());
    }
}

fn push_plain(children: &[usize], below: &str, terminal: &Terminal, stack: &mut Vec<(usize, String, String)>) {
    let signs = terminal.signs();
    let last = children.len().saturating_sub(1);
    for (place, child) in children.iter().enumerate().rev() {
        let (branch, side) = if place == last { (signs.corner, " ") } else { (signs.tee, signs.bar) };
        stack.push((*child, format!("{below}{branch}{}", signs.dash), format!("{below}{side} ")));
    }
}

/// The retry or loop that a node's name is made from: `a(0)` of `a`, `a(1:x)(0)` of `a(1:x)`. The longest one, since both may be there.
fn holder(node: &Node, nodes: &[Node], holders: &HashMap<&str, usize>) -> Option<usize> {
    if !node.name.ends_with(')') {
        return None;
    }
    let mut parens: Vec<usize> = node.name.match_indices('(').map(|(at, _)| at).collect();
    while let Some(at) = parens.pop() {
        let found = node.name.get(..at).and_then(|prefix| holders.get(prefix)).copied();
        if let Some(found) = found.filter(|found| nodes.get(*found).is_some_and(|h| h.boundary_id == node.boundary_id))
        {
            return Some(found);
        }
    }
    None
}

/// The number of the group that a step belongs to: `2` of `build[2].test` under `build`.
fn group_of(steps: &str, step: &str) -> Option<u64> {
    step.strip_prefix(steps)?.strip_prefix('[')?.split_once(']')?.0.parse().ok()
}

/// Attempts and items stand in the order of their numbers, also where they came to be in another one.
fn sort_numbered(children: &mut [usize], nodes: &[Node], parent: &str) {
    children.sort_by_key(|at| {
        let name = nodes.get(*at).map_or("", |n| n.name.as_str());
        let number = name.strip_prefix(parent).and_then(|rest| rest.strip_prefix('('));
        number.and_then(|rest| rest.split([':', ')']).next()).and_then(|n| n.parse::<u64>().ok()).unwrap_or(u64::MAX)
    });
}

/// What the tree's table shows beside the names.
#[derive(Debug, Clone, Copy)]
pub struct TreeOptions<'a> {
    /// The run's name, for the names of pods.
    pub workflow: &'a str,
    /// With what `-o wide` adds.
    pub wide: bool,
    /// The present (ms since the epoch), for what still runs.
    pub now_ms: i64,
}

/// The tree as a table.
pub fn table(lines: &[Line<'_>], options: TreeOptions<'_>, terminal: &Terminal) -> Table {
    let mut columns = vec![
        Column::new("STEP"),
        Column::droppable("TEMPLATE"),
        Column::droppable("PODNAME"),
        Column::new("DURATION"),
        Column::giving_way("MESSAGE"),
    ];
    if options.wide {
        columns.extend(["EXIT", "PROGRESS", "RESOURCESDURATION", "NODENAME"].map(Column::new));
    }
    let mut table = Table::new(columns);
    // On what a step ran is told once, not on each step.
    let mut said = HashSet::new();
    for line in lines {
        let node = line.node;
        let where_it_ran = matches!(node.phase(), NodePhase::Running | NodePhase::Succeeded);
        let message = if where_it_ran && !said.insert(&node.message) { "" } else { &node.message };
        let mut name = Text::painted(Paint::Dim, &line.branches);
        name.append(phase::node_sign(node, terminal));
        let label = if node.display_name.is_empty() { &node.name } else { &node.display_name };
        let quiet = matches!(node.phase(), NodePhase::Skipped | NodePhase::Omitted);
        name.push(if quiet { Paint::Dim } else { Paint::Plain }, format!(" {label}"));
        if node.daemoned {
            name.push(Paint::Dim, " (daemon)");
        }
        let template = if node.template_ref.is_empty() { &node.template_name } else { &node.template_ref };
        let mut row = vec![
            name,
            Text::plain(template),
            Text::plain(pod_name(node, options.workflow)),
            duration(node, options.now_ms),
            Text::plain(message),
        ];
        if options.wide {
            row.extend([
                Text::plain(&node.exit_code),
                Text::plain(&node.progress),
                Text::plain(resources(&node.resources_duration)),
                Text::plain(&node.host_node_name),
            ]);
        }
        table.row(row);
    }
    table
}

/// `hello-print-1234567890`: the run, the template, and the number that the node's id ends in. `logs` takes it, as it takes the id.
pub fn pod_name(node: &Node, workflow: &str) -> String {
    if node.r#type != "Pod" {
        return String::new();
    }
    match node.id.rsplit_once('-').filter(|(_, number)| number.bytes().all(|b| b.is_ascii_digit())) {
        Some((_, number)) => format!("{workflow}-{}-{number}", node.template_name),
        // A run of one step: the pod has the run's name.
        None => node.id.clone(),
    }
}

fn duration(node: &Node, now_ms: i64) -> Text {
    let started = node.started_ms;
    if started == 0 || matches!(node.phase(), NodePhase::Skipped | NodePhase::Omitted) {
        return Text::empty();
    }
    let ended = if node.finished_ms > 0 { node.finished_ms } else { now_ms };
    Text::plain(time::took(ended - started))
}

/// `3s*(1 cpu),9s*(100Mi memory)`, as Argo writes it.
pub fn resources(durations: &BTreeMap<String, i64>) -> String {
    let mut parts: Vec<String> = durations
        .iter()
        .map(|(name, seconds)| {
            let per = if name == "memory" { "100Mi " } else { "1 " };
            format!("{seconds}s*({per}{name})")
        })
        .collect();
    parts.sort();
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(kind: &str, name: &str, boundary: &str, phase: NodePhase) -> Node {
        let display = name.rsplit_once('.').map_or(name, |(_, last)| last);
        Node {
            id: name.to_owned(),
            name: name.to_owned(),
            display_name: display.to_owned(),
            r#type: kind.to_owned(),
            boundary_id: boundary.to_owned(),
            template_name: "t".to_owned(),
            phase: phase.into(),
            started_ms: 1_000,
            finished_ms: if phase::node_ended(phase) { 2_500 } else { 0 },
            ..Node::default()
        }
    }

    fn draw(nodes: &[Node], wanted: &dyn Fn(&Node) -> bool) -> String {
        let terminal = Terminal::plain();
        let lines = lines(nodes, &terminal, wanted);
        let options = TreeOptions { workflow: "wf", wide: false, now_ms: 4_000 };
        table(&lines, options, &terminal).render(&terminal, true)
    }

    fn steps() -> Vec<Node> {
        use NodePhase::{Failed, Pending, Running, Skipped, Succeeded};
        let mut flaky = node("Pod", "build[1].test(0)", "build", Failed);
        flaky.message = "exit code 3".into();
        vec![
            node("Steps", "build", "", Running),
            node("StepGroup", "build[0]", "build", Succeeded),
            node("Pod", "build[0].checkout", "build", Succeeded),
            node("StepGroup", "build[1]", "build", Running),
            node("DAG", "build[1].compile", "build", Running),
            node("Pod", "build[1].compile.A", "build[1].compile", Succeeded),
            node("Pod", "build[1].compile.B", "build[1].compile", Pending),
            node("Retry", "build[1].test", "build", Running),
            node("Pod", "build[1].test(1)", "build", Running),
            flaky,
            node("StepGroup", "build[2]", "build", Running),
            node("Suspend", "build[2].approve", "build", Running),
            node("Skipped", "build[2].publish", "build", Skipped),
            node("Pod", "build.onExit", "", Running),
        ]
    }

    #[test]
    fn steps_are_drawn_group_by_group() {
        insta::assert_snapshot!(draw(&steps(), &|_| true), @r"
        STEP               TEMPLATE   PODNAME              DURATION   MESSAGE
         ● build           t                               3.0s
         ├───✔ checkout    t          build[0].checkout    1.5s
         ├─┬─● compile     t                               3.0s
         │ │ ├─✔ A         t          build[1].compile.A   1.5s
         │ │ └─◷ B         t          build[1].compile.B   3.0s
         │ └─● test        t                               3.0s
         │   ├─✖ test(0)   t          build[1].test(0)     1.5s       exit code 3
         │   └─● test(1)   t          build[1].test(1)     3.0s
         └─┬─‖ approve     t                               3.0s
           └─○ publish     t
         ● onExit          t          build.onExit         3.0s
        ");
    }

    #[test]
    fn loops_and_their_retries_nest_by_name() {
        use NodePhase::{Failed, Succeeded};
        let nodes = vec![
            node("DAG", "d", "", Failed),
            node("TaskGroup", "d.each", "d", Failed),
            node("Pod", "d.each(10:k)", "d", Succeeded),
            node("Retry", "d.each(2:a(b))", "d", Failed),
            node("Pod", "d.each(2:a(b))(0)", "d", Failed),
            node("Pod", "d.each(1:x-y)", "d", Succeeded),
            node("Pod", "d.after", "d", Succeeded),
        ];
        insta::assert_snapshot!(draw(&nodes, &|_| true), @r"
        STEP                       TEMPLATE   PODNAME             DURATION   MESSAGE
         ✖ d                       t                              1.5s
         ├─✖ each                  t                              1.5s
         │ ├─✔ each(1:x-y)         t          d.each(1:x-y)       1.5s
         │ ├─✖ each(2:a(b))        t                              1.5s
         │ │ └─✖ each(2:a(b))(0)   t          d.each(2:a(b))(0)   1.5s
         │ └─✔ each(10:k)          t          d.each(10:k)        1.5s
         └─✔ after                 t          d.after             1.5s
        ");
    }

    #[test]
    fn a_filter_keeps_what_the_wanted_belong_to() {
        insta::assert_snapshot!(draw(&steps(), &|n| n.phase() == NodePhase::Failed), @r"
        STEP               TEMPLATE   PODNAME            DURATION   MESSAGE
         ● build           t                             3.0s
         └───● test        t                             3.0s
             └─✖ test(0)   t          build[1].test(0)   1.5s       exit code 3
        ");
    }

    #[test]
    fn nodes_that_name_each_other_as_boundary_do_not_hang() {
        let nodes = [node("DAG", "a", "b", NodePhase::Running), node("DAG", "b", "a", NodePhase::Running)];
        assert!(lines(&nodes, &Terminal::plain(), &|_| true).is_empty());
    }

    #[test]
    fn a_long_chain_within_each_other_is_drawn() {
        let mut nodes = vec![node("DAG", "n0", "", NodePhase::Running)];
        for depth in 1..2_000 {
            nodes.push(node("DAG", &format!("n{depth}"), &format!("n{}", depth - 1), NodePhase::Running));
        }
        assert_eq!(lines(&nodes, &Terminal::plain(), &|_| true).len(), 2_000);
    }

    #[test]
    fn pods_are_named_as_in_argo() {
        let mut pod = node("Pod", "x", "", NodePhase::Running);
        pod.id = "hello-1234".into();
        pod.template_name = "print".into();
        assert_eq!(pod_name(&pod, "hello"), "hello-print-1234");
        pod.id = "hello".into();
        assert_eq!(pod_name(&pod, "hello"), "hello");
        assert_eq!(
            resources(&BTreeMap::from([("memory".into(), 4), ("cpu".into(), 2)])),
            "2s*(1 cpu),4s*(100Mi memory)"
        );
    }
}
