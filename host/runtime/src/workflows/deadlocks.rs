//! Deadlocks between those who hold locks: found, and ended by one of them giving way.
//!
//! Limiters know who holds and who waits, runs know what must come before a holder ends; `engine_limiter::deadlock` says of both who waits without end. Each
//! is read by itself, so what is found counts only when it is found twice in a row: who holds and who waits does not come back once it has gone, so that
//! all of it was there at the moment between the two.
//!
//! A deadlock comes to be with a request that has to wait, or with a node that has to wait for a slot; nothing is looked at before. It does not go away by itself:
//! it is found a moment later, and after a restart when those who waited ask again. Nothing is remembered for that. The one who gives way ends by an input of its
//! run, which is journaled as all others are; one that has done nothing yet gives the part that it holds back, and asks anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use engine_limiter::Holder;
use engine_limiter::deadlock::{Deadlock, Link, LockId, Need, Party, Waits};
use engine_workflow::state::{Need as NodeNeed, Needs};
use engine_workflow::{Change, Input, LockRequest, NodeIx, Place, RunState};
use model::Timestamp;

use super::Workflows;
use super::perform::{holder, namespace, parse_holder};
use crate::limits;

/// How long somebody has waited before it is looked whether that has an end. Most waits are over by then.
const LOOK_AFTER: Duration = Duration::from_secs(1);
/// It rests so many times as long as a look took, so that looking takes a small part of the server's time however many wait.
const REST_TIMES: u32 = 20;
/// Members of a circle that a message names (`circle_shown_max`).
const CIRCLE_SHOWN_MAX: usize = 8;

/// What was seen of locks and runs.
struct Seen {
    deadlocks: Vec<Deadlock>,
    locks: BTreeMap<LockId, LockRequest>,
}

/// Whether a change makes somebody who may hold locks wait for others of its run.
pub(super) fn may_follow(change: &Change) -> bool {
    matches!(change, Change::Held { place: Place::Boundary, .. })
}

impl Workflows {
    /// Ends deadlocks for as long as the server runs.
    pub(crate) async fn end_deadlocks(self: Arc<Self>) {
        loop {
            self.limits.somebody_waits().await;
            tokio::time::sleep(LOOK_AFTER).await;
            let began = tokio::time::Instant::now();
            match self.end_deadlocks_once().await {
                // There may be more: behind those that were ended, or in between.
                Ok(true) => self.limits.suspect(),
                Ok(false) => {}
                Err(problem) => {
                    tracing::warn!(%problem, "it cannot be told whether runs wait for each other; looking again");
                    self.limits.suspect();
                }
            }
            tokio::time::sleep(began.elapsed() * REST_TIMES).await;
        }
    }

    /// Whether there was something to end.
    async fn end_deadlocks_once(&self) -> store::Result<bool> {
        let first = self.look_for_deadlocks().await?;
        if first.deadlocks.is_empty() {
            return Ok(false);
        }
        let again = self.look_for_deadlocks().await?;
        for deadlock in first.deadlocks.iter().filter(|deadlock| again.deadlocks.contains(deadlock)) {
            self.give_way(deadlock, &first.locks).await?;
        }
        Ok(true)
    }

    async fn look_for_deadlocks(&self) -> store::Result<Seen> {
        let waiting = self.limits.waiting();
        let mut waits = Waits::default();
        let mut locks = BTreeMap::new();
        for lock in waiting.values().collect::<BTreeSet<_>>() {
            let id = limits::id(lock);
            waits.locks.insert(id.clone(), self.limits.look(lock).await?);
            locks.insert(id, lock.clone());
        }
        // A run that waits for nothing goes on; one that holds nothing which is waited for holds nobody up.
        let runs: BTreeSet<Arc<str>> = waiting.keys().map(|holder| parse_holder(holder).0).collect();
        let mut holding: BTreeMap<Arc<str>, BTreeSet<Option<NodeIx>>> = BTreeMap::new();
        for (run, node) in waits.locks.values().flat_map(|lock| &lock.holders).map(parse_holder) {
            if runs.contains(&run) {
                holding.entry(run).or_default().insert(node);
            }
        }
        for (run, nodes) in holding {
            let nodes: Vec<_> = nodes.into_iter().collect();
            let seen = self.registry.look(&run, move |state, _| (state.needs(&nodes), age(state))).await;
            // One that was set aside is a person's matter.
            let Ok((needs, (priority, created))) = seen else { continue };
            let found = parties(&run, needs, &waiting, &waits);
            waits.parties.extend(found.into_iter().map(|(name, needs)| (name, Party { priority, created, needs })));
        }
        Ok(Seen { deadlocks: waits.deadlocks(), locks })
    }

    async fn give_way(&self, deadlock: &Deadlock, locks: &BTreeMap<LockId, LockRequest>) -> store::Result<()> {
        let message = self.in_words(deadlock, locks).await?;
        if deadlock.has_not_begun() {
            self.metrics.deadlock("asking_anew");
            tracing::info!(holder = %deadlock.victim, "{message}; it asks anew for its locks");
            self.limits.ask_anew(&deadlock.victim).await;
            return Ok(());
        }
        tracing::warn!(holder = %deadlock.victim, "{message}");
        self.metrics.deadlock("failing");
        let (run, until) = parse_holder(&deadlock.victim);
        for (waiter, _) in &deadlock.waiters {
            let (_, node) = parse_holder(waiter);
            let message = message.as_str().into();
            self.post(&run, Input::Deadlock { node, until, holds: deadlock.holds_a_lock(), message });
        }
        Ok(())
    }

    /// Who waits for whom, from the one that gives way.
    async fn in_words(&self, deadlock: &Deadlock, locks: &BTreeMap<LockId, LockRequest>) -> store::Result<String> {
        let lock_name = |id: &LockId| locks.get(id).map_or_else(|| id.to_string(), limits::shown);
        let mut held = deadlock.circle.last().and_then(|link| link.waits.as_ref());
        let mut told = Vec::new();
        for Link { party, waits } in deadlock.circle.iter().take(CIRCLE_SHOWN_MAX) {
            let holds =
                held.map_or_else(|| "takes a slot".to_owned(), |(_, lock)| format!("holds {}", lock_name(lock)));
            let name = self.name_of_holder(party).await?;
            told.push(match waits {
                None => format!("{name} {holds} and waits for a slot"),
                Some((waiter, lock)) if waiter == party => format!("{name} {holds} and waits for {}", lock_name(lock)),
                Some((waiter, lock)) => {
                    let waiter = self.name_of_holder(waiter).await?;
                    format!("{name} {holds} while {waiter} in it waits for {}", lock_name(lock))
                }
            });
            held = waits.as_ref();
        }
        if let Some(more) = deadlock.circle.len().checked_sub(CIRCLE_SHOWN_MAX).filter(|more| *more > 0) {
            told.push(format!("and so on, through {more} more"));
        }
        Ok(format!("deadlock: {}", told.join("; ")))
    }

    /// A holder's name for people, as it stands where it waits.
    async fn name_of_holder(&self, holder: &Holder) -> store::Result<String> {
        let (run, node) = parse_holder(holder);
        let name = move |state: &RunState, _| match node {
            Some(node) => format!("{}/{}", namespace(state), state.name(node)),
            None => format!("{}/{}", namespace(state), state.run_name()),
        };
        self.registry.look(&run, name).await
    }
}

fn age(state: &RunState) -> (i32, Timestamp) {
    state.run().map(|run| (run.priority, run.created)).unwrap_or_default()
}

/// The parties of a run, with needs of what they wait for now.
fn parties(
    run: &Arc<str>,
    needs: Needs,
    waiting: &BTreeMap<Holder, LockRequest>,
    waits: &Waits,
) -> Vec<(Holder, Vec<Need>)> {
    let need = |need: NodeNeed| match need {
        NodeNeed::EndOfOne(nodes) => Some(Need::EndOfOne(nodes.into_iter().map(|ix| holder(run, Some(ix))).collect())),
        NodeNeed::Locks(node) => {
            let waiter = holder(run, node);
            let lock = limits::id(waiting.get(&waiter)?);
            // Granted, and not told yet.
            let granted = waits.locks.get(&lock).is_none_or(|lock| lock.holders.contains(&waiter));
            (!granted).then_some(Need::Place { waiter, lock })
        }
    };
    let all = needs.into_iter();
    all.map(|(node, needs)| (holder(run, node), needs.into_iter().filter_map(need).collect())).collect()
}
