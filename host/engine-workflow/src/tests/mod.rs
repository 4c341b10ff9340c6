//! Every fixture in `fixtures/` through one `check`: objects, then what leaves come to, then what is expected.
//!
//! Beside the expectation each fixture proves, at every step, that replay gives the live state, that an input handled twice changes nothing
//! more, and that the same holds when each transaction is cut short.

mod bench;
mod harness;
mod needs;
mod progress;
mod property;

use engine::proof::Provable;
use harness::{Fixture, Run};

use crate::{Effect, Input, RunState, WorkflowEngine, project};

#[test]
fn fixtures() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    let only = std::env::var("FIXTURE").ok();
    let mut problems = Vec::new();
    for path in files {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if only.as_ref().is_some_and(|o| !name.contains(o.as_str())) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for changes_max in [engine::CHANGES_MAX, 1] {
            let found = std::panic::catch_unwind(|| {
                let fixture = Fixture::parse(&text);
                let mut run = Run::new(&fixture, changes_max);
                run.go();
                let progress = progress::problems(run.state());
                run.problems().into_iter().chain(progress).collect::<Vec<_>>()
            });
            let found = found.unwrap_or_else(|p| {
                let text = p.downcast_ref::<String>().cloned().or(p.downcast_ref::<&str>().map(|s| (*s).to_owned()));
                vec![format!("panicked: {}", text.unwrap_or_default())]
            });
            problems.extend(found.into_iter().map(|p| format!("{name} (changes_max {changes_max}): {p}")));
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

impl Provable for WorkflowEngine {
    fn fingerprint(state: &RunState) -> String {
        let status = serde_json::to_string(&project::full(state)).unwrap_or_default();
        format!("{status} {:?} {:?} {:?} {:?}", state.todo, state.timers, state.held, state.open)
    }
    fn key(effect: &Effect) -> String {
        effect.key()
    }
    fn answers(_: &Input) -> Option<String> {
        None
    }
}
