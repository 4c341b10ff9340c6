//! What a transition costs, and a node: `cargo test --release -p engine-workflow -- --ignored --nocapture bench`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use engine::{Engine, SeededIds, Tx};
use model::Timestamp;
use model::workflow::{NodePhase, WorkflowSpec};
use serde_json::json;

use crate::{Effect, Input, LeafEnd, LeafEvent, Limits, Outputs, RunState, Stage, Submission, WorkflowEngine};

/// Tasks in one layer of the lattice.
const LATTICE_WIDTH: usize = 10;

fn spec(shape: &str, nodes: usize) -> WorkflowSpec {
    let needs = |at: usize| -> Vec<String> {
        match shape {
            "chain" if at > 0 => vec![format!("t{}", at - 1)],
            "fan" if at == nodes - 1 => (1..at).map(|n| format!("t{n}")).collect(),
            "fan" if at > 0 => vec!["t0".to_owned()],
            "lattice" if at >= LATTICE_WIDTH => {
                let above = (at / LATTICE_WIDTH - 1) * LATTICE_WIDTH;
                (0..3).map(|k| format!("t{}", above + (at + k) % LATTICE_WIDTH)).collect()
            }
            _ => Vec::new(),
        }
    };
    let tasks: Vec<_> =
        (0..nodes).map(|at| json!({"name": format!("t{at}"), "template": "leaf", "dependencies": needs(at)})).collect();
    serde_json::from_value(json!({
        "entrypoint": "main",
        "templates": [{"name": "main", "dag": {"tasks": tasks}}, {"name": "leaf", "container": {"image": "x"}}],
    }))
    .unwrap()
}

fn submission(spec: WorkflowSpec) -> Arc<Submission> {
    let metadata = serde_json::from_value(json!({"name": "run", "namespace": "default", "uid": "u"})).unwrap();
    Arc::new(Submission {
        metadata,
        spec,
        from_template: None,
        pinned: Vec::new(),
        repository: None,
        server_locks: Vec::new(),
        scheduled_time: None,
        reused: Vec::new(),
        limits: Limits::default(),
    })
}

/// Runs it to its end; the state, and how many changes there were.
fn run(submission: Arc<Submission>) -> (RunState, usize) {
    let mut state = RunState::default();
    let mut ids = SeededIds::new(1);
    let now = Timestamp::from_millis(1_700_000_000_000);
    let mut inputs = VecDeque::from([Input::Submitted(submission)]);
    let mut changes = 0;
    loop {
        let input = match inputs.pop_front() {
            Some(input) => input,
            None if !state.todo.is_empty() => Input::Wake,
            None => break,
        };
        let mut tx = Tx::<WorkflowEngine>::new(&mut state);
        WorkflowEngine::handle(&mut tx, input, now, &mut ids);
        let (made, effects) = tx.finish();
        changes += made.len();
        for effect in effects {
            if let Effect::Start(start) = effect {
                let end = LeafEnd {
                    phase: NodePhase::Succeeded,
                    message: "".into(),
                    outputs: Outputs::default(),
                    transient: false,
                    used: None,
                    containers: Vec::new(),
                };
                inputs.push_back(Input::Leaf(start.node, LeafEvent::Ended(Box::new(end))));
            }
        }
    }
    assert_eq!(state.run().unwrap().stage, Stage::Over);
    (state, changes)
}

/// Resident bytes of this process.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

#[test]
#[ignore = "a measurement"]
fn bench() {
    for shape in ["chain", "fan", "lattice"] {
        let mut per = Vec::new();
        for (nodes, rounds) in [(100, 400), (100_000, 2)] {
            let mut best = f64::MAX;
            let mut bytes = 0;
            for _ in 0..rounds {
                let submission = submission(spec(shape, nodes));
                let before = resident();
                let began = Instant::now();
                let (state, changes) = run(submission);
                let took = began.elapsed();
                best = best.min(took.as_nanos() as f64 / changes as f64);
                bytes = bytes.max(resident().saturating_sub(before) / nodes);
                assert!(state.nodes.len() > nodes);
            }
            per.push(best);
            println!("{shape:8} {nodes:7} nodes: {best:6.0} ns per transition, {bytes} bytes per node");
        }
        println!("{shape:8} ratio {:.2}", per[1] / per[0]);
    }
}
