//! Everything that can go wrong, by chance, again and again. A failure prints its seed: `COLCHIS_SIM_SEED=<seed>` plays that one alone, `COLCHIS_SIM_SEEDS=<n>`
//! plays so many.

use model::workflow::WorkflowPhase;
use simulator::{Plan, Scenario, play};

use crate::scenarios;

/// Worlds of an ordinary test run.
const SEEDS: u64 = 120;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn seeds() -> std::ops::Range<u64> {
    match number("COLCHIS_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..number("COLCHIS_SIM_SEEDS").unwrap_or(SEEDS) + 1,
    }
}

fn ends_as_if_nothing_had_been(scenario: &Scenario) {
    let calm = play(scenario, Plan::default());
    let mut faults = 0;
    for seed in seeds() {
        let plan = Plan { seed, per_mille: 40, faults_max: 60, apart: seed % 2 == 1, ..Plan::default() };
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

#[test]
fn runs_in_deadlocks() {
    let calm = play(&scenarios::circles(), Plan::default());
    let ended = |name: &str| (calm.runs[name].phase.as_str(), calm.runs[name].message.as_str());
    for name in ["ends-a", "again-a", "again-b", "before-both", "both"] {
        assert_eq!(ended(name), ("Succeeded", ""), "{name}");
    }
    let (phase, message) = ended("ends-b");
    assert_eq!(phase, "Failed");
    let circle = "deadlock: default/ends-b[0].holds holds mutex lock default/m2 while default/ends-b[0].holds(0)[1].wants in it waits for mutex lock default/m1; \
                  default/ends-a[0].holds holds mutex lock default/m1 while default/ends-a[0].holds(0)[1].wants in it waits for mutex lock default/m2";
    assert!(message.contains(circle), "{message}");
    let (phase, message) = ended("slots");
    assert_eq!(phase, "Failed", "{message}");
    assert!(message.contains("default/slots.lock holds mutex lock default/m7 and waits for a slot"), "{message}");
    ends_as_if_nothing_had_been(&scenarios::circles());
}

/// Whatever holds and wants which locks, all runs end and give all back; and none fails but for a circle.
#[test]
fn runs_that_hold_and_want_locks_at_random() {
    let (mut failed, mut succeeded) = (0, 0);
    for seed in seeds() {
        for in_order in [false, true] {
            let plan = Plan { seed, per_mille: 10, faults_max: 10, ..Plan::default() };
            let outcome = play(&scenarios::nested_locks(seed, in_order), plan);
            assert_eq!(
                outcome.violations,
                Vec::<String>::new(),
                "COLCHIS_SIM_SEED={seed}\n  {}",
                outcome.faults.join("\n  ")
            );
            for (name, run) in outcome.runs {
                match run.phase {
                    WorkflowPhase::Succeeded => succeeded += 1,
                    _ => {
                        assert!(
                            run.message.contains("deadlock: default/run-"),
                            "COLCHIS_SIM_SEED={seed} {name}: {}",
                            run.message
                        );
                        assert!(!in_order, "COLCHIS_SIM_SEED={seed} {name}: {}", run.message);
                        failed += 1;
                    }
                }
            }
        }
    }
    assert!(failed > 0 && succeeded > 2 * failed, "{failed} failed, {succeeded} succeeded");
}
