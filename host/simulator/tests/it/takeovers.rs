//! Another server takes over at every point at which something becomes durable, while the first lives on and goes on trying.

use simulator::{Plan, Scenario, play};

use crate::scenarios;

fn survives_a_takeover_anywhere(scenario: &Scenario) {
    let calm = play(scenario, Plan::default());
    let mut fenced = 0;
    for nth in 0..calm.appends {
        let after = play(scenario, Plan { takeover: Some(nth), ..Plan::default() });
        assert_eq!(after.violations, Vec::<String>::new(), "takeover after {nth}");
        assert_eq!(after.runs, calm.runs, "takeover after {nth}");
        fenced += after.fenced;
    }
    assert!(fenced > 0, "the first server never tried to commit after the second");
}

#[test]
fn of_one_run_with_most_of_the_language() {
    survives_a_takeover_anywhere(&scenarios::language());
}

#[test]
fn of_runs_that_wait_for_each_other() {
    survives_a_takeover_anywhere(&scenarios::locks());
}
