//! Which runs there are by phase, which wait to begin, and which steps wait to run.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use engine::Timestamp;
use engine_workflow::NodeIx;

/// A run that is not over.
struct Run {
    namespace: Arc<str>,
    running: bool,
    created: Timestamp,
    /// Steps that were asked for and do not run yet, and since when.
    starting: BTreeMap<NodeIx, Timestamp>,
}

impl Run {
    fn new(namespace: &str, running: bool, created: Timestamp) -> Self {
        Self { namespace: namespace.into(), running, created, starting: BTreeMap::new() }
    }
}

/// What is under way. Runs that are over are counts alone.
#[derive(Default)]
pub(super) struct Live {
    runs: HashMap<Arc<str>, Run>,
    /// Runs that ended under this server and are still there, and a zero for the two phases of those that did not.
    over: BTreeMap<(String, String), u64>,
}

impl Live {
    pub(super) fn created(&mut self, id: &Arc<str>, namespace: &str, created: Timestamp) {
        self.show(namespace);
        self.runs.insert(id.clone(), Run::new(namespace, false, created));
    }

    /// Both phases of runs that are under way are shown from the first run of a namespace on: a series that comes and goes makes gaps in a graph.
    fn show(&mut self, namespace: &str) {
        for phase in ["Pending", "Running"] {
            self.over.entry((namespace.to_owned(), phase.to_owned())).or_default();
        }
    }

    /// A run of an earlier server. What was seen of it by this one counts more.
    pub(super) fn found(&mut self, id: &Arc<str>, namespace: &str, running: bool, created: Timestamp) {
        self.show(namespace);
        self.runs.entry(id.clone()).or_insert_with(|| Run::new(namespace, running, created));
    }

    /// The run began, or began again.
    pub(super) fn running(&mut self, id: &Arc<str>, namespace: &str, created: Timestamp) {
        self.show(namespace);
        self.runs.entry(id.clone()).or_insert_with(|| Run::new(namespace, true, created)).running = true;
    }

    pub(super) fn over(&mut self, id: &Arc<str>, namespace: &str, phase: &str) {
        self.gone(id);
        *self.over.entry((namespace.to_owned(), phase.to_owned())).or_default() += 1;
    }

    /// A run that was over begins again. How it ended is no longer known: one that did not go well is what people try again.
    pub(super) fn again(&mut self, id: &Arc<str>, namespace: &str, created: Timestamp) {
        let _ = ["Failed", "Error", "Succeeded"].iter().any(|phase| self.uncount(namespace, phase));
        self.running(id, namespace, created);
    }

    fn uncount(&mut self, namespace: &str, phase: &str) -> bool {
        match self.over.get_mut(&(namespace.to_owned(), phase.to_owned())) {
            Some(count) if *count > 0 => *count -= 1,
            _ => return false,
        }
        true
    }

    pub(super) fn deleted(&mut self, id: &Arc<str>, namespace: &str, phase: Option<&str>) {
        self.gone(id);
        if let Some(phase) = phase {
            self.uncount(namespace, phase);
        }
    }

    pub(super) fn gone(&mut self, id: &Arc<str>) {
        self.runs.remove(id);
    }

    pub(super) fn step_asked_for(&mut self, id: &Arc<str>, node: NodeIx, at: Timestamp) {
        if let Some(run) = self.runs.get_mut(id) {
            run.starting.insert(node, at);
        }
    }

    /// The step runs, or ended before it did; answers when it was asked for.
    pub(super) fn step_no_longer_starts(&mut self, id: &Arc<str>, node: NodeIx) -> Option<Timestamp> {
        self.runs.get_mut(id)?.starting.remove(&node)
    }

    /// Runs by namespace and phase.
    pub(super) fn phases(&self) -> BTreeMap<(String, String), u64> {
        let mut counts = self.over.clone();
        for run in self.runs.values() {
            let phase = if run.running { "Running" } else { "Pending" };
            *counts.entry((run.namespace.to_string(), phase.to_owned())).or_default() += 1;
        }
        counts
    }

    /// When the oldest run that waits to begin was made, by namespace; of one where none waits, nothing.
    pub(super) fn oldest_pending(&self) -> BTreeMap<&str, Option<Timestamp>> {
        let known = self.over.keys().map(|(namespace, _)| (namespace.as_str(), None));
        let mut oldest: BTreeMap<&str, Option<Timestamp>> = known.collect();
        for run in self.runs.values().filter(|run| !run.running) {
            let at = oldest.entry(&run.namespace).or_default();
            *at = Some(at.map_or(run.created, |at| at.min(run.created)));
        }
        oldest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(live: &Live) -> Vec<String> {
        live.phases().into_iter().map(|((namespace, phase), n)| format!("{namespace} {phase} {n}")).collect()
    }

    #[test]
    fn runs_are_counted_where_they_are() {
        let mut live = Live::default();
        let at = Timestamp::from_millis;
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        live.created(&a, "x", at(5));
        live.created(&b, "x", at(3));
        assert_eq!(shown(&live), ["x Pending 2", "x Running 0"]);
        assert_eq!(live.oldest_pending().get("x"), Some(&Some(at(3))));
        live.running(&b, "x", at(3));
        // What an earlier server's object says is older than what was seen since.
        live.found(&b, "x", false, at(3));
        assert_eq!(shown(&live), ["x Pending 1", "x Running 1"]);
        assert_eq!(live.oldest_pending().get("x"), Some(&Some(at(5))));
        live.over(&b, "x", "Failed");
        live.over(&a, "x", "Failed");
        assert_eq!(shown(&live), ["x Failed 2", "x Pending 0", "x Running 0"]);
        assert_eq!(live.oldest_pending().get("x"), Some(&None));
        live.deleted(&a, "x", Some("Failed"));
        // One that ended under an earlier server was never counted.
        live.deleted(&"c".into(), "x", Some("Succeeded"));
        assert_eq!(shown(&live), ["x Failed 1", "x Pending 0", "x Running 0"]);
        live.again(&b, "x", at(9));
        assert_eq!(shown(&live), ["x Failed 0", "x Pending 0", "x Running 1"]);
    }

    #[test]
    fn a_run_of_an_earlier_server_ends() {
        let mut live = Live::default();
        let id: Arc<str> = "a".into();
        live.found(&id, "x", true, Timestamp::from_millis(1));
        assert_eq!(shown(&live), ["x Pending 0", "x Running 1"]);
        live.over(&id, "x", "Succeeded");
        assert_eq!(shown(&live), ["x Pending 0", "x Running 0", "x Succeeded 1"]);
    }
}
