//! `progress`: the sums that nodes keep are those of the leaves below them.

use super::harness::{Fixture, Run};
use crate::state::Progress;
use crate::{Input, LeafEvent, NodeIx, RunState, project};

/// Nodes whose progress is not the sum over the leaves below.
pub(super) fn problems(state: &RunState) -> Vec<String> {
    let mut sums = vec![Progress::default(); state.nodes.len()];
    let mut all = Progress::default();
    for node in state.nodes.iter().filter(|n| n.kind.is_leaf() && !n.flags.removed) {
        let mut above = node.parent;
        while let Some(ix) = above {
            sums[ix.index()].done += node.progress.done;
            sums[ix.index()].total += node.progress.total;
            above = state.node(ix).unwrap().parent;
        }
        all.done += node.progress.done;
        all.total += node.progress.total;
    }
    let wrong =
        state.nodes.iter().zip(&sums).enumerate().filter(|(_, (n, sum))| !n.kind.is_leaf() && n.progress != **sum);
    let mut out: Vec<String> = wrong
        .map(|(at, (n, sum))| format!("progress of {} is {}, not {sum}", state.name(NodeIx::new(at)), n.progress))
        .collect();
    if state.progress != all {
        out.push(format!("progress of the run is {}, not {all}", state.progress));
    }
    out
}

const NESTED: &str = "apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: run}
spec:
  entrypoint: main
  onExit: work
  templates:
  - name: main
    dag:
      tasks:
      - {name: a, template: work}
      - {name: b, template: inner, depends: a}
      - {name: c, template: work, depends: b, when: 'false'}
  - name: inner
    steps:
    - - {name: one, template: flaky, withItems: [x, y]}
    - - {name: two, template: long}
      - {name: rest, template: pause}
  - {name: work, container: {image: x}}
  - {name: flaky, retryStrategy: {limit: 2}, container: {image: x}}
  - {name: long, metadata: {annotations: {workflows.argoproj.io/progress: 0/100}}, container: {image: x}}
  - {name: pause, suspend: {duration: 0}}
---
results: {flaky: [{exit: 1, node: 'x)(0)'}, {}]}
";

fn shown(state: &RunState) -> Vec<String> {
    let status = project::full(state);
    let nodes = status.nodes.values().map(|n| format!("{} {}", n.display_name, n.progress));
    [status.progress.clone()].into_iter().chain(nodes).collect()
}

#[test]
fn nodes_show_the_sum_of_the_leaves_below_them() {
    let fixture = Fixture::parse(NESTED);
    let mut run = Run::new(&fixture, engine::CHANGES_MAX);
    run.go();
    let expected = [
        "104/105",
        "run 103/104",
        "a 1/1",
        "b 102/103",
        "[0] 2/3",
        "one(0:x) 1/2",
        "one(1:y) 1/1",
        "one(0:x)(0) 0/1",
        "one(1:y)(0) 1/1",
        "one(0:x)(1) 1/1",
        "[1] 100/100",
        "two 100/100",
        "rest 0/0",
        "c 0/0",
        "run.onExit 1/1",
    ];
    assert_eq!(shown(run.state()), expected);
}

const SERVES: &str = "apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: run}
spec:
  entrypoint: main
  templates:
  - name: main
    steps:
    - - {name: serve, template: serve}
    - - {name: ask, template: ask}
  - {name: serve, daemon: true, container: {image: x}}
  - {name: ask, suspend: {}}
";

#[test]
fn what_a_leaf_says_of_itself_is_added_up() {
    let fixture = Fixture::parse(SERVES);
    let mut run = Run::new(&fixture, engine::CHANGES_MAX);
    run.go();
    let leaf =
        (0..run.state().nodes.len()).map(NodeIx::new).find(|ix| run.state().display_name(*ix) == "serve").unwrap();
    for (done, total, expected) in [(3, 10, "3/10"), (4, 10, "4/10"), (11, 10, "4/10"), (0, 0, "4/10")] {
        run.handle(Input::Leaf(leaf, LeafEvent::Progress(done, total)));
        assert_eq!(
            shown(run.state())[..4],
            [expected.to_owned(), format!("run {expected}"), format!("[0] {expected}"), format!("serve {expected}")]
        );
    }
    assert_eq!(problems(run.state()), Vec::<String>::new());
}
