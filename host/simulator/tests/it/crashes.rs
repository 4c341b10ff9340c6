//! A crash at every point at which something becomes durable: before it and after it.

use simulator::{Crash, Plan, Scenario, play};

use crate::scenarios;

fn survives_a_crash_anywhere(scenario: &Scenario) {
    for apart in [false, true] {
        survives_each_crash(scenario, apart);
    }
}

fn survives_each_crash(scenario: &Scenario, apart: bool) {
    let calm = play(scenario, Plan { apart, ..Plan::default() });
    assert_eq!(calm.violations, Vec::<String>::new());
    assert!(calm.runs.values().all(|run| run.phase.is_finished()), "{:?}", calm.runs);
    assert!(calm.appends > 7, "{} appends", calm.appends);
    for nth in 0..calm.appends {
        for crash in [Crash::Before(nth), Crash::After(nth)] {
            let after = play(scenario, Plan { crash: Some(crash), apart, ..Plan::default() });
            assert_eq!(after.violations, Vec::<String>::new(), "{crash:?}, apart: {apart}");
            assert_eq!(after.runs, calm.runs, "{crash:?}, apart: {apart}");
            assert!(after.crashes <= 1, "{crash:?}, apart: {apart}");
        }
    }
}

#[test]
fn of_one_run_with_most_of_the_language() {
    survives_a_crash_anywhere(&scenarios::language());
}

#[test]
fn of_runs_in_deadlocks() {
    survives_a_crash_anywhere(&scenarios::circles());
}

#[test]
fn of_runs_that_wait_for_each_other() {
    survives_a_crash_anywhere(&scenarios::locks());
}

#[test]
fn of_a_run_that_acts_on_objects() {
    let calm = play(&scenarios::acts(), Plan::default());
    let run = calm.runs.get("objects").unwrap();
    assert_eq!((run.phase.as_str(), run.outputs.get("size").unwrap().as_str()), ("Succeeded", "xxx"), "{run:?}");
    survives_a_crash_anywhere(&scenarios::acts());
}
