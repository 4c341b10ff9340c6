//! The graph of a DAG template: what depends on what, in time linear in its edges.

use std::cell::Cell;
use std::collections::HashMap;

use super::calls::{Target, resolve};
use super::report::Report;
use super::spec::Program;
use crate::violation::{Suggestions, did_you_mean};
use crate::workflow::{DagTask, DagTemplate};

/// The graph of a DAG template.
pub(super) struct Graph<'a> {
    tasks: &'a [DagTask],
    by_name: HashMap<&'a str, u32>,
    /// Whether a task says `depends`, which makes it the language of the whole graph.
    by_depends: bool,
    /// For each task the tasks before it.
    before: Vec<Vec<u32>>,
    /// For each task its place in an order in which everything comes after what it depends on.
    place: Vec<u32>,
    targets: Vec<Target<'a>>,
    /// How many more edges may be walked to answer [`Graph::may_precede`]; then every answer is yes.
    walk_left: Cell<usize>,
    suggestions: Suggestions,
}

/// What a task's `depends` may ask of another.
const RESULTS: &[&str] =
    &["Succeeded", "Failed", "Errored", "Skipped", "Omitted", "Daemoned", "AnySucceeded", "AllFailed"];

/// How often the edges of a graph are walked for all questions about order together.
const WALKS_MAX: usize = 20;

impl<'a> Graph<'a> {
    /// Reads the graph, and says what is wrong with it; the walk is at `dag`.
    pub(super) fn new<'c: 'a>(report: &mut Report<'c>, program: &Program<'a>, dag: &'a DagTemplate) -> Self {
        let mut by_name = HashMap::with_capacity(dag.tasks.len());
        for (i, task) in (0..).zip(&dag.tasks) {
            by_name.entry(&*task.name).or_insert(i);
        }
        let mut graph = Self {
            tasks: &dag.tasks,
            by_name,
            by_depends: dag.tasks.iter().any(|t| t.depends.is_some()),
            before: Vec::with_capacity(dag.tasks.len()),
            place: Vec::new(),
            targets: Vec::with_capacity(dag.tasks.len()),
            walk_left: Cell::new(0),
            suggestions: Suggestions::default(),
        };
        for (i, task) in dag.tasks.iter().enumerate() {
            let before = report.within_item("tasks", i, |r| graph.edges(r, task));
            graph.before.push(before);
            let target = resolve(
                report.context,
                program,
                task.template.as_deref(),
                task.template_ref.as_deref(),
                task.inline.as_deref(),
            );
            graph.targets.push(target.unwrap_or(Target::Unknown));
        }
        graph.order(report);
        let edges: usize = graph.before.iter().map(Vec::len).sum();
        graph.walk_left.set((edges + graph.tasks.len()) * WALKS_MAX);
        if let Some(target) = dag.target.as_deref().filter(|t| !t.contains("{{")) {
            for name in target.split_whitespace().filter(|n| graph.find(n).is_none()) {
                let hint = graph.suggestions.among(name, graph.names());
                report.error_in("target", "WF025", format!("there is no task {name:?}")).maybe_hinted(hint);
            }
        }
        graph
    }

    /// The tasks before a task; the walk is at the task.
    fn edges(&self, report: &mut Report<'_>, task: &DagTask) -> Vec<u32> {
        let mut before = Vec::with_capacity(task.dependencies.len());
        if self.by_depends && !task.dependencies.is_empty() {
            report
                .error("WF022", "depends and dependencies cannot stand together in one dag")
                .hinted("write all of it in depends");
        }
        if self.by_depends && task.continue_on.is_some() {
            report
                .error_in("continueOn", "WF028", "continueOn cannot stand with depends in one dag")
                .hinted("say in depends of the tasks that follow which results they accept, such as a.Failed");
        }
        for (i, name) in task.dependencies.iter().enumerate() {
            match self.find(name) {
                Some(other) => before.push(other),
                None => report.within_item("dependencies", i, |r| self.unknown(r, name)),
            }
        }
        if let Some(depends) = task.depends.as_deref() {
            report.within("depends", |r| match r.context.syntax.depends(depends) {
                Err(fault) => r.error("WF023", fault.reason).maybe_hinted(fault.hint),
                Ok(results) => {
                    for asked in results {
                        match self.find(&asked.task) {
                            Some(other) => before.push(other),
                            None => self.unknown(r, &asked.task),
                        }
                        if let Some(result) = asked.result.filter(|result| !RESULTS.contains(&result.as_str())) {
                            let hint = did_you_mean(&result, RESULTS.iter().copied())
                                .unwrap_or_else(|| format!("one of {}", RESULTS.join(", ")));
                            r.error("WF024", format!("{result:?} is not a result of a task")).hinted(hint);
                        }
                    }
                }
            });
        }
        before.sort_unstable();
        before.dedup();
        before
    }

    fn unknown(&self, report: &mut Report<'_>, name: &str) {
        let hint = self.suggestions.among(name, self.names());
        report.error("WF021", format!("there is no task {name:?}")).maybe_hinted(hint);
    }

    /// Finds an order, and the cycles that prevent one.
    fn order(&mut self, report: &mut Report<'_>) {
        let count = self.tasks.len();
        let mut waits: Vec<usize> = self.before.iter().map(Vec::len).collect();
        let mut after: Vec<Vec<u32>> = vec![Vec::new(); count];
        for (i, before) in (0_u32..).zip(&self.before) {
            for other in before {
                if let Some(list) = after.get_mut(*other as usize) {
                    list.push(i);
                }
            }
        }
        let mut ready: Vec<u32> = (0_u32..).zip(&waits).filter(|(_, w)| **w == 0).map(|(i, _)| i).collect();
        self.place = vec![u32::MAX; count];
        let mut next_place = 0;
        while let Some(task) = ready.pop() {
            if let Some(place) = self.place.get_mut(task as usize) {
                *place = next_place;
                next_place += 1;
            }
            for follower in after.get(task as usize).into_iter().flatten() {
                if let Some(wait) = waits.get_mut(*follower as usize) {
                    *wait -= 1;
                    if *wait == 0 {
                        ready.push(*follower);
                    }
                }
            }
        }
        self.cycles(report);
    }

    /// Names one cycle among the tasks that have no place, and another among those that this one does not touch, and so on.
    fn cycles(&self, report: &mut Report<'_>) {
        let mut seen = vec![false; self.tasks.len()];
        for start in 0..self.tasks.len() {
            let mut way: Vec<u32> = Vec::new();
            let mut at = start;
            // Every task without a place waits for another without one: this walk ends where it has been.
            while self.place.get(at) == Some(&u32::MAX) && seen.get(at) == Some(&false) {
                if let Some(seen) = seen.get_mut(at) {
                    *seen = true;
                }
                way.push(u32::try_from(at).unwrap_or(u32::MAX));
                let unplaced = |t: &&u32| self.place.get(**t as usize) == Some(&u32::MAX);
                match self.before.get(at).into_iter().flatten().find(unplaced) {
                    Some(other) => at = *other as usize,
                    None => break,
                }
            }
            let Some(begin) = way.iter().position(|t| *t as usize == at) else { continue };
            let names: Vec<&str> = way.get(begin..).unwrap_or_default().iter().rev().map(|t| self.name(*t)).collect();
            self.say_cycle(report, at, &names);
        }
    }

    fn say_cycle(&self, report: &mut Report<'_>, at: usize, names: &[&str]) {
        report.within_item("tasks", at, |r| match names {
            [one] => {
                r.error("WF020", format!("the task {one:?} depends on itself"));
            }
            names => {
                const SHOWN: usize = 12;
                let mut shown: Vec<&str> = names.iter().copied().take(SHOWN).collect();
                if names.len() > SHOWN {
                    shown.push("…");
                }
                shown.extend(names.first());
                r.error("WF020", format!("tasks depend on one another in a circle: {}", shown.join(" → ")));
            }
        });
    }

    fn name(&self, task: u32) -> &'a str {
        self.tasks.get(task as usize).map_or("", |t| &t.name)
    }

    /// The task with this name.
    pub(super) fn find(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    /// All names, in the order of the manifest.
    pub(super) fn names(&self) -> impl ExactSizeIterator<Item = &'a str> {
        self.tasks.iter().map(|t| &*t.name)
    }

    /// What a task calls.
    pub(super) fn target(&self, task: u32) -> Target<'a> {
        self.targets.get(task as usize).copied().unwrap_or(Target::Unknown)
    }

    /// Says whether `first` runs before `then`; yes also when the answer would cost too much, or there is no order.
    pub(super) fn may_precede(&self, first: u32, then: u32) -> bool {
        let place = |t: u32| self.place.get(t as usize).copied().unwrap_or(u32::MAX);
        let before = |t: u32| self.before.get(t as usize).map(Vec::as_slice).unwrap_or_default();
        let floor = place(first);
        if floor == u32::MAX || place(then) == u32::MAX || before(then).contains(&first) {
            return true;
        }
        let mut seen = std::collections::HashSet::new();
        let mut open = vec![then];
        while let Some(task) = open.pop() {
            for other in before(task) {
                let Some(left) = self.walk_left.get().checked_sub(1) else { return true };
                self.walk_left.set(left);
                if *other == first {
                    return true;
                }
                if place(*other) > floor && seen.insert(*other) {
                    open.push(*other);
                }
            }
        }
        false
    }
}
