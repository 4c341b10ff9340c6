//! What the ends of holders need, in runs that stand still.

use super::harness::{Fixture, Run};
use crate::NodeIx;
use crate::state::Need;

/// Plays a run until nothing moves, and tells what the end of each node that holds locks needs, and that of the run.
fn needs(spec: &str) -> Vec<String> {
    let text = format!("kind: Workflow\nmetadata: {{name: run}}\nspec:\n{spec}\n---\n{{}}\n");
    let fixture = Fixture::parse(&text);
    let mut run = Run::new(&fixture, engine::CHANGES_MAX);
    run.go();
    let state = run.state();
    let holds = |ix: &NodeIx| state.node(*ix).is_some_and(|n| n.lock_state() == crate::state::LockState::Held);
    let mut holders: Vec<_> = (0..state.nodes.len()).map(NodeIx::new).filter(holds).map(Some).collect();
    holders.push(None);
    let name = |ix: Option<NodeIx>| ix.map_or("run".to_owned(), |ix| state.display_name(ix));
    let need = |need: &Need| match need {
        Need::Locks(waiter) => name(*waiter),
        Need::EndOfOne(all) => format!("one of {}", all.iter().map(|ix| name(Some(*ix))).collect::<Vec<_>>().join("|")),
    };
    let all = state.needs(&holders).into_iter();
    all.map(|(holder, all)| format!("{}: {}", name(holder), all.iter().map(need).collect::<Vec<_>>().join(", ")))
        .collect()
}

const LEAVES: &str = r#"
  - {name: one, synchronization: {mutexes: [{name: one}]}, container: {image: x}}
  - {name: two, synchronization: {mutexes: [{name: two}]}, container: {image: x}}
  - {name: sleep, container: {image: x}}
  - {name: pause, suspend: {}}
"#;

#[test]
fn a_holder_needs_all_that_waits_in_it() {
    let spec = r#"  entrypoint: main
  templates:
  - name: main
    dag:
      tasks: [{name: x, template: x}, {name: y, template: y}]
  - name: x
    synchronization: {mutexes: [{name: one}]}
    retryStrategy: {limit: 1}
    steps:
    - - {name: a, template: sleep}
    - - {name: b, template: two}
      - {name: c, template: two}
      - {name: d, template: pause}
  - name: y
    synchronization: {mutexes: [{name: two}]}
    steps:
    - - {name: a, template: sleep}
    - - {name: e, template: one}"#;
    // Also while a branch beside waits for a person; a node that waits is no holder.
    assert_eq!(needs(&format!("{spec}{LEAVES}")), ["run: b, c, e", "x: b, c", "y: e"]);
}

#[test]
fn a_slot_needs_the_end_of_one_who_takes_it() {
    let spec = r#"  entrypoint: main
  templates:
  - name: main
    parallelism: 1
    dag:
      tasks: [{name: y, template: y}, {name: z, template: one}]
  - name: y
    steps:
    - - {name: a, template: sleep}
    - - {name: e, template: one}"#;
    // z holds the mutex and waits for the only slot, of y, in which e waits for the mutex.
    assert_eq!(needs(&format!("{spec}{LEAVES}")), ["run: e, one of y", "y: e", "z: one of y"]);
}

#[test]
fn nobody_who_goes_on_needs_anything() {
    let spec = r#"  entrypoint: main
  synchronization: {mutexes: [{name: whole}]}
  templates:
  - name: main
    synchronization: {mutexes: [{name: one}]}
    steps: [[{name: d, template: pause}]]"#;
    assert_eq!(needs(&format!("{spec}{LEAVES}")), [""; 0]);
}
