//! Commands at every point at which something becomes durable, in a calm world and in one where everything goes wrong.

use model::workflow::{NodePhase, WorkflowPhase};
use simulator::{Outcome, Plan, Scenario, play};

use crate::scenarios;

/// Plays the scenario with its command given at every append: in a calm world, and in one with faults. `check` looks at how each ended.
fn whenever_it_is_asked(scenario: &Scenario, check: impl Fn(&Outcome)) {
    let calm = play(scenario, Plan::default());
    for nth in 0..calm.appends.max(20) {
        for (per_mille, faults_max) in [(0, 0), (40, 20)] {
            let plan = Plan { seed: nth, per_mille, faults_max, command: Some(nth), ..Plan::default() };
            let outcome = play(scenario, plan);
            let told = format!("asked after {nth}, {:?}\n  {}", outcome.answers, outcome.faults.join("\n  "));
            assert_eq!(outcome.violations, Vec::<String>::new(), "{told}");
            assert_eq!(outcome.answers.len(), scenario.commands.len(), "{told}");
            let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&outcome)));
            assert!(checked.is_ok(), "{:#?}\n{:#?}\n{told}", outcome.runs, outcome.started);
        }
    }
}

fn taken(outcome: &Outcome, nth: usize) -> bool {
    outcome.answers[nth].refused.is_none()
}

fn started_before(outcome: &Outcome, node: &str, ms: i64) -> bool {
    outcome.started.iter().any(|(at, name)| *at <= ms && name.ends_with(node))
}

fn started(outcome: &Outcome, node: &str) -> usize {
    outcome.started.iter().filter(|(_, name)| name.ends_with(node)).count()
}

#[test]
fn a_run_that_is_terminated_ends_and_nothing_of_it_goes_on() {
    whenever_it_is_asked(&scenarios::terminated(), |outcome| {
        let run = &outcome.runs["sequence"];
        let first = &outcome.answers[0];
        if taken(outcome, 0) {
            // Unless only the exit handler was left to run.
            let exits = started_before(outcome, ".onExit", first.at_ms);
            assert!(exits || (run.phase, started(outcome, ".onExit")) == (WorkflowPhase::Failed, 0));
        } else {
            // It had ended before: by itself, or by the first time that it was asked.
            assert!(run.phase == WorkflowPhase::Succeeded || first.asked_before);
        }
        if run.phase == WorkflowPhase::Failed {
            assert!(run.message == "stopped before it began" || run.message.contains("Terminate"));
        }
        // What was on its way already may begin, and is stopped.
        let late = outcome.started.iter().filter(|(at, _)| taken(outcome, 0) && *at > first.at_ms).count();
        assert!(late <= 1);
    });
}

#[test]
fn a_run_that_is_stopped_ends_and_its_exit_handler_runs() {
    whenever_it_is_asked(&scenarios::stopped(), |outcome| {
        let run = &outcome.runs["sequence"];
        if !taken(outcome, 0) || run.message == "stopped before it began" {
            return;
        }
        assert_eq!(started(outcome, ".onExit"), 1);
        // Unless only the exit handler was left to run.
        assert!(run.phase == WorkflowPhase::Failed || started_before(outcome, ".onExit", outcome.answers[0].at_ms));
    });
}

#[test]
fn a_suspended_run_begins_nothing_until_it_is_resumed() {
    let calm = play(&scenarios::terminated_never(), Plan::default());
    whenever_it_is_asked(&scenarios::suspended(), |outcome| {
        assert_eq!(outcome.runs, calm.runs);
        let [suspended, resumed] = outcome.answers.as_slice() else { panic!("two answers") };
        if suspended.refused.is_none() {
            let between = |at: i64| at > suspended.at_ms + 1_000 && at < resumed.at_ms - 2_000;
            // The exit handler is not held back; who does not know whether a resume was taken cannot tell.
            let mut begun = outcome.started.iter().filter(|(_, name)| !name.ends_with(".onExit"));
            assert!(resumed.asked_before || !begun.any(|(at, _)| between(*at)));
        }
    });
}

#[test]
fn a_retried_run_runs_again_what_failed_and_nothing_else() {
    let scenario = scenarios::retried();
    let calm = play(&scenario, Plan::default());
    let again = |outcome: &Outcome| {
        assert!(taken(outcome, 0) || outcome.answers[0].asked_before, "{:?}", outcome.answers);
        let run = &outcome.runs["retried"];
        assert_eq!(run.phase, WorkflowPhase::Succeeded, "{}", run.message);
        assert!(run.nodes.values().all(|phase| *phase == NodePhase::Succeeded), "{:?}", run.nodes);
        let counts = ["first", "beside", "wants", "last"].map(|node| started(outcome, node));
        assert_eq!(counts, [1, 1, 2, 1], "{:?}", outcome.started);
    };
    again(&calm);
    for nth in 0..calm.appends {
        for crash in [simulator::Crash::Before(nth), simulator::Crash::After(nth)] {
            let after = play(&scenario, Plan { crash: Some(crash), ..Plan::default() });
            assert_eq!(after.violations, Vec::<String>::new(), "{crash:?}");
            again(&after);
        }
    }
    for seed in 1..=60 {
        let after = play(&scenario, Plan { seed, per_mille: 40, faults_max: 40, ..Plan::default() });
        assert_eq!(after.violations, Vec::<String>::new(), "seed {seed}\n  {}", after.faults.join("\n  "));
        again(&after);
    }
}

#[test]
fn a_pause_that_is_ended_is_ended_once() {
    // The second pause follows the first at once: one resume that is taken once must not end both.
    let scenario = scenarios::paused_twice();
    for seed in 1..=200 {
        let outcome = play(&scenario, Plan { seed, per_mille: 150, faults_max: 30, ..Plan::default() });
        let told = format!("seed {seed}, {:?}\n  {}", outcome.answers, outcome.faults.join("\n  "));
        assert_eq!(outcome.violations, Vec::<String>::new(), "{told}");
        if !outcome.answers[0].asked_before && taken(&outcome, 0) {
            assert!(taken(&outcome, 1) || outcome.answers[1].asked_before, "the second was ended by the first: {told}");
        }
    }
}

#[test]
fn a_retried_run_holds_its_locks_again() {
    for whole in [true, false] {
        let scenario = scenarios::retried_with_a_lock(whole);
        let calm = play(&scenario, Plan::default());
        assert!(calm.runs.values().all(|run| run.phase == WorkflowPhase::Succeeded), "{:?}", calm.runs);
        for nth in 0..calm.appends {
            let plans = [
                Plan { crash: Some(simulator::Crash::Before(nth)), ..Plan::default() },
                Plan { crash: Some(simulator::Crash::After(nth)), ..Plan::default() },
                Plan { seed: nth, per_mille: 40, faults_max: 40, ..Plan::default() },
            ];
            for plan in plans {
                let outcome = play(&scenario, plan);
                let told = format!("whole: {whole}, {plan:?}\n  {}", outcome.faults.join("\n  "));
                assert_eq!(outcome.violations, Vec::<String>::new(), "{told}");
                assert_eq!(outcome.runs, calm.runs, "{told}");
            }
        }
    }
}
