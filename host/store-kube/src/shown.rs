//! What a watcher was shown, where the server cannot select for us.
//!
//! ```text
//!   server: ADDED/MODIFIED ──► shows?  yes, new ──► Added        no, was shown ──► Deleted (the last state shown, the new revision)
//!                                      yes, known ──► Modified   no, was not   ──► nothing
//!   server: DELETED        ──► was shown ──► Deleted             was not       ──► nothing
//! ```

use std::collections::HashMap;
use std::sync::Arc;

use model::Object;
use store::objects::{Selector, WatchEvent};

use crate::list::shows;

/// What the server says of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happened {
    Added,
    Modified,
    Deleted,
}

/// Turns the server's events into those of a selector.
pub(crate) struct Shown {
    selector: Selector,
    /// Last states, by uid: kept only where an object can enter and leave what is selected here.
    states: Option<HashMap<String, Arc<Object>>>,
}

impl Shown {
    pub(crate) fn new(selector: &Selector) -> Self {
        // Creation and name never change; phases and owners do.
        let changing = !selector.phases.is_empty() || selector.owner_uid.is_some();
        Self { selector: selector.clone(), states: changing.then(HashMap::new) }
    }

    /// Whether a resumed watch has to know what was shown at its revision.
    pub(crate) fn needs_states(&self) -> bool {
        self.states.is_some()
    }

    /// An object that was shown before the watch began.
    pub(crate) fn remember(&mut self, object: &Arc<Object>) {
        if let Some(states) = &mut self.states {
            states.insert(object.metadata.uid.clone(), object.clone());
        }
    }

    /// What the watcher is told.
    pub(crate) fn event(&mut self, happened: Happened, object: Object) -> Option<WatchEvent> {
        let shown_now = happened != Happened::Deleted && shows(&self.selector, &object);
        let Some(states) = &mut self.states else {
            return match happened {
                Happened::Deleted => {
                    without_labels(&self.selector, &object).then(|| WatchEvent::Deleted(Arc::new(object)))
                }
                _ if !shown_now => None,
                Happened::Added => Some(WatchEvent::Added(Arc::new(object))),
                Happened::Modified => Some(WatchEvent::Modified(Arc::new(object))),
            };
        };
        let uid = object.metadata.uid.clone();
        if shown_now {
            let object = Arc::new(object);
            let before = states.insert(uid, object.clone());
            return Some(if before.is_some() { WatchEvent::Modified(object) } else { WatchEvent::Added(object) });
        }
        let before = states.remove(&uid)?;
        let mut last = Object::clone(&before);
        last.metadata.resource_version = object.metadata.resource_version;
        Some(WatchEvent::Deleted(Arc::new(last)))
    }
}

/// Whether the parts that never change show a deleted object: its labels may be those with which it left.
fn without_labels(selector: &Selector, object: &Object) -> bool {
    let fixed = Selector { labels: Vec::new(), ..selector.clone() };
    shows(&fixed, object)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(uid: &str, phase: &str, revision: u64) -> Object {
        let text = format!(
            r#"{{"apiVersion":"v1","kind":"X","metadata":{{"name":"{uid}","uid":"{uid}","resourceVersion":"{revision}"}},"status":{{"phase":"{phase}"}}}}"#
        );
        Object::from_json(&text).unwrap()
    }

    fn told(event: Option<WatchEvent>) -> String {
        let line = |word: &str, o: &Object| {
            let phase = store::codec::phase_of(o.status.as_deref());
            format!("{word} {} {phase} @{}", o.metadata.name, o.metadata.resource_version)
        };
        match event {
            None => "nothing".into(),
            Some(WatchEvent::Added(o)) => line("added", &o),
            Some(WatchEvent::Modified(o)) => line("modified", &o),
            Some(WatchEvent::Deleted(o)) => line("deleted", &o),
            Some(WatchEvent::Bookmark(r)) => format!("bookmark {r}"),
        }
    }

    #[test]
    fn objects_enter_and_leave_a_phase() {
        let mut shown = Shown::new(&Selector { phases: vec!["Running".into()], ..Selector::default() });
        shown.remember(&Arc::new(object("old", "Running", 1)));
        for (happened, given, want) in [
            (Happened::Added, object("a", "Pending", 2), "nothing"),
            (Happened::Modified, object("a", "Running", 3), "added a Running @3"),
            (Happened::Modified, object("a", "Running", 4), "modified a Running @4"),
            (Happened::Modified, object("a", "Failed", 5), "deleted a Running @5"),
            (Happened::Deleted, object("a", "Failed", 6), "nothing"),
            (Happened::Modified, object("old", "Succeeded", 7), "deleted old Running @7"),
        ] {
            assert_eq!(told(shown.event(happened, given)), want);
        }
    }

    #[test]
    fn without_changing_parts_the_server_is_believed() {
        let mut shown = Shown::new(&Selector { name_prefix: Some("a".into()), ..Selector::default() });
        assert!(!shown.needs_states());
        for (happened, given, want) in [
            (Happened::Added, object("a1", "", 2), "added a1  @2"),
            (Happened::Deleted, object("a1", "", 3), "deleted a1  @3"),
            (Happened::Deleted, object("b1", "", 4), "nothing"),
        ] {
            assert_eq!(told(shown.event(happened, given)), want);
        }
    }
}
