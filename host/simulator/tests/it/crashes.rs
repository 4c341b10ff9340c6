//! A crash at every point at which something becomes durable: before it and after it.

use simulator::{Crash, Plan, Scenario, play};

use crate::scenarios;

fn survives_a_crash_anywhere(scenario: &Scenario) {
    let calm = play(scenario, Plan::default());
    assert_eq!(calm.violations, Vec::<String>::new());
    assert!(calm.runs.values().all(|run| run.phase.is_finished()), "{:?}", calm.runs);
    assert!(calm.appends > 20, "{} appends", calm.appends);
    for nth in 0..calm.appends {
        for crash in [Crash::Before(nth), Crash::After(nth)] {
            let after = play(scenario, Plan { crash: Some(crash), ..Plan::default() });
            assert_eq!(after.violations, Vec::<String>::new(), "{crash:?}");
            assert_eq!(after.runs, calm.runs, "{crash:?}");
            assert!(after.crashes <= 1, "{crash:?}");
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
