//! Random DAGs with random outcomes: they end, what is over stays over, no more run at once than may, and replay gives the live state.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::harness::{Fixture, Run};

#[derive(Debug, Clone)]
struct Task {
    /// Earlier tasks, counted from the end.
    needs: Vec<usize>,
    /// What is asked of each: index into [`RESULTS`].
    result: usize,
    kind: usize,
    /// How it ends: index into [`ENDS`].
    end: usize,
    lasts: i64,
}

const RESULTS: &[&str] = &["", ".Succeeded", ".Failed", ".Errored", ".Skipped", ".Omitted"];
const ENDS: &[&str] = &["exit: 0", "exit: 0", "exit: 1", "error: boom"];
/// Ways in which a task may be written beside its template.
const KINDS: &[&str] = &[
    "",
    "",
    ", when: \"false\"",
    ", withItems: [a, b, c]",
    ", continueOn: {failed: true}",
    ", onExit: note",
    ", withSequence: {count: 2}, continueOn: {error: true}",
];

fn tasks() -> impl Strategy<Value = Vec<Task>> {
    let task = (proptest::collection::vec(1_usize..6, 0..3), 0..RESULTS.len(), 0..KINDS.len(), 0..ENDS.len(), 0_i64..3)
        .prop_map(|(needs, result, kind, end, lasts)| Task { needs, result, kind, end, lasts });
    proptest::collection::vec(task, 1..14)
}

/// The objects and the script of a fixture.
fn text(tasks: &[Task], of_run: usize, of_dag: usize, fail_fast: bool, retries: bool, order: Option<&str>) -> String {
    let mut out = format!(
        "kind: Workflow\nmetadata: {{name: run}}\nspec:\n  entrypoint: main\n  onExit: note\n  parallelism: {of_run}\n  templates:\n  - name: main\n    parallelism: {of_dag}\n    dag:\n      failFast: {fail_fast}\n      tasks:\n"
    );
    for (at, task) in tasks.iter().enumerate() {
        let needs: Vec<String> = task
            .needs
            .iter()
            .filter(|back| **back <= at)
            .map(|back| format!("t{}{}", at - back, RESULTS[task.result]))
            .collect();
        let depends = if needs.is_empty() { String::new() } else { format!(", depends: \"{}\"", needs.join(" || ")) };
        let kind = KINDS[task.kind];
        writeln!(out, "      - {{name: t{at}, template: p{at}{depends}{kind}}}").unwrap();
    }
    let retry = if retries { "retryStrategy: {limit: 1, backoff: {duration: 1s}}, " } else { "" };
    for at in 0..tasks.len() {
        writeln!(out, "  - {{name: p{at}, {retry}container: {{image: x}}}}").unwrap();
    }
    out.push_str("  - {name: note, container: {image: x}}\n---\nresults:\n");
    for (at, task) in tasks.iter().enumerate() {
        writeln!(out, "  p{at}: [{{{}, lasts: {}}}]", ENDS[task.end], task.lasts * 1000).unwrap();
    }
    match order {
        Some(order) => writeln!(out, "orders: [{{ms: 1500, {order}: true}}]").unwrap(),
        None => out.push_str("orders: []\n"),
    }
    out
}

/// What may happen in the middle of a run.
fn orders() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![3 => Just(None), 1 => Just(Some("stop")), 1 => Just(Some("terminate"))]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_dags_end(
        tasks in tasks(), of_run in 1_usize..4, of_dag in 1_usize..4,
        fail_fast: bool, retries: bool, order in orders(), cut in prop_oneof![Just(1), Just(3), Just(2000)],
    ) {
        let text = text(&tasks, of_run, of_dag, fail_fast, retries, order);
        let fixture = Fixture::parse(&text);
        let mut run = Run::new(&fixture, cut);
        run.go();
        let most = run.most_at_once();
        prop_assert!(most <= of_run, "{most} leaves ran at once, at most {of_run} may\n{text}");
        let problems = run.problems();
        prop_assert!(problems.is_empty(), "{problems:#?}\n{text}");
    }
}
