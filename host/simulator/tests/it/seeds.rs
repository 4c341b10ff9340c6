//! Everything that can go wrong, by chance, again and again. A failure prints its seed: `COLCHIS_SIM_SEED=<seed>` plays that one alone, `COLCHIS_SIM_SEEDS=<n>`
//! plays so many.

use simulator::{Plan, Scenario, play};

use crate::scenarios;

/// Worlds of an ordinary test run.
const SEEDS: u64 = 120;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn ends_as_if_nothing_had_been(scenario: &Scenario) {
    let calm = play(scenario, Plan::default());
    let seeds = match number("COLCHIS_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..number("COLCHIS_SIM_SEEDS").unwrap_or(SEEDS) + 1,
    };
    let mut faults = 0;
    for seed in seeds {
        let plan = Plan { seed, per_mille: 40, faults_max: 60, crash: None, apart: seed % 2 == 1 };
        let outcome = play(scenario, plan);
        let told = outcome.faults.join("\n  ");
        assert_eq!(outcome.violations, Vec::<String>::new(), "COLCHIS_SIM_SEED={seed}\n  {told}");
        assert_eq!(outcome.runs, calm.runs, "COLCHIS_SIM_SEED={seed}\n  {told}");
        faults += outcome.faults.len();
    }
    assert!(faults > 0, "nothing went wrong at all");
}

#[test]
fn one_run_with_most_of_the_language() {
    ends_as_if_nothing_had_been(&scenarios::language());
}

#[test]
fn runs_that_wait_for_each_other() {
    ends_as_if_nothing_had_been(&scenarios::locks());
}

#[test]
fn a_run_that_acts_on_objects() {
    ends_as_if_nothing_had_been(&scenarios::acts());
}
