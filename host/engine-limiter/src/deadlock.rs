//! Who waits for each other without end.
//!
//! ```text
//!   party a ── needs a place under m2 ──► lock m2 ── held by ──► party b
//!      ▲                                                           │
//!      └── held by ── lock m1 ◄── needs a place under m1 ──────────┘
//! ```
//!
//! A *party* is what holds locks, or stands in the way otherwise, until it ends: a step with all that it runs, or a run. It ends when **all** its needs are met: every
//! lock that something in it waits for is given to it, and where something in it waits for a slot, **one** of those who take the slots has ended. A lock gives a
//! place when fewer hold it than may.
//!
//! Who can end is what remains when every need that can be met is taken to be met, again and again. The rest is stuck: each lock that it waits for has as many
//! stuck holders as places, and no holder leaves before it got what it waits for. That is true whatever comes, because a party's needs go away only when they
//! are met, and new ones hold it back further. So whoever is stuck now is stuck for ever, unless somebody from outside steps in.
//!
//! # Invariants
//! - Nobody is found who could go on: what a party may want later is not guessed, a lock whose limit is unknown or 0 waits for a person, and who is merely behind
//!   a deadlock is not chosen: the victim is always one of a circle.
//! - Whoever is stuck is found: once each circle has lost its victim, as often as it takes, nobody is stuck.
//! - The victim is a function of the waits alone, the same after a restart: one that has done nothing yet if there is one; else the lowest priority, the
//!   youngest run, the last name. So the oldest run of those that are tried again gets through.

use std::cmp::Reverse;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use model::Timestamp;
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::Holder;

/// A lock's name.
pub type LockId = Arc<str>;

/// A lock that somebody waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// How many may hold it. `None`: nobody knows.
    pub limit: Option<u32>,
    /// Who holds it.
    pub holders: Vec<Holder>,
}

/// What must come before a party ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// A place under a lock.
    Place {
        /// Who waits for it: the party itself, or something in it.
        waiter: Holder,
        /// Which.
        lock: LockId,
    },
    /// The end of one of these parties.
    EndOfOne(Vec<Holder>),
}

/// Somebody who holds locks, or a slot, until it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// Its run's priority.
    pub priority: i32,
    /// When its run was created.
    pub created: Timestamp,
    /// What must come before it ends.
    pub needs: Vec<Need>,
}

/// Who waits for what. A holder that is no party here goes on by itself.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Waits {
    /// The locks that are waited for.
    pub locks: BTreeMap<LockId, Lock>,
    /// Those who wait.
    pub parties: BTreeMap<Holder, Party>,
}

/// A circle that nobody in it can leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadlock {
    /// The party that is to give way.
    pub victim: Holder,
    /// Who waits in it, and for which lock: as long as they do, it does not end.
    pub waiters: Vec<(Holder, LockId)>,
    /// One way round, from the victim: each waits for the next, the last for the victim.
    pub circle: Vec<Link>,
    /// All who are stuck with each other, in order of name.
    pub stuck: Vec<Holder>,
}

impl Deadlock {
    /// Whether the victim itself waits, holding a part of what it asked for: it has done nothing yet and can simply ask anew.
    pub fn has_not_begun(&self) -> bool {
        self.waiters.iter().all(|(waiter, _)| *waiter == self.victim)
    }

    /// Whether the others wait for a lock of the victim's, and not for a slot that it takes.
    pub fn holds_a_lock(&self) -> bool {
        self.circle.last().is_some_and(|link| link.waits.is_some())
    }
}

/// A party on the way round, and how it waits for the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The party.
    pub party: Holder,
    /// Who waits in it, and for which lock; `None`: for a slot that the next takes.
    pub waits: Option<(Holder, LockId)>,
}

impl Waits {
    /// The deadlocks that are there: one for each group of parties that wait for each other and for nobody else.
    pub fn deadlocks(&self) -> Vec<Deadlock> {
        let stuck = self.stuck();
        if stuck.is_empty() {
            return Vec::new();
        }
        let graph = Graph::new(self, &stuck);
        graph.ends().into_iter().filter_map(|group| self.deadlock(&graph, &group)).collect()
    }

    /// The parties that never end.
    pub fn stuck(&self) -> BTreeSet<&Holder> {
        let mut ending = Ending::new(self);
        ending.go();
        ending.open.into_iter().filter_map(|(party, open)| (open > 0).then_some(party)).collect()
    }

    fn deadlock(&self, graph: &Graph<'_>, group: &BTreeSet<NodeIndex>) -> Option<Deadlock> {
        let parties = group.iter().filter_map(|at| graph.party(*at));
        let stuck: BTreeSet<&Holder> = parties.collect();
        let eligible = stuck.iter().filter(|name| !graph.waiters(name).is_empty());
        let victim: &Holder = eligible.copied().min_by_key(|name| {
            let party = self.parties.get(*name);
            let begun = graph.waiters(name).iter().any(|(waiter, _)| waiter != *name);
            (begun, party.map(|p| p.priority), party.map(|p| Reverse(p.created)), Reverse(*name))
        })?;
        Some(Deadlock {
            victim: victim.clone(),
            waiters: graph.waiters(victim).to_vec(),
            circle: graph.circle(victim)?,
            stuck: stuck.into_iter().cloned().collect(),
        })
    }
}

/// Takes every need that can be met to be met.
struct Ending<'w> {
    waits: &'w Waits,
    /// Needs of each party that are not met.
    open: BTreeMap<&'w Holder, usize>,
    wanted_by: BTreeMap<&'w LockId, BTreeSet<&'w Holder>>,
    holds: BTreeMap<&'w Holder, Vec<&'w LockId>>,
    /// Who waits for the end of a party: whose need, and which.
    after: BTreeMap<&'w Holder, Vec<(&'w Holder, usize)>>,
    met: BTreeSet<(&'w Holder, usize)>,
    /// Holders of each lock that have not ended.
    staying: BTreeMap<&'w LockId, usize>,
    given: BTreeSet<&'w LockId>,
    ended: VecDeque<&'w Holder>,
}

impl<'w> Ending<'w> {
    fn new(waits: &'w Waits) -> Self {
        let mut this = Self {
            waits,
            open: BTreeMap::new(),
            wanted_by: BTreeMap::new(),
            holds: BTreeMap::new(),
            after: BTreeMap::new(),
            met: BTreeSet::new(),
            staying: BTreeMap::new(),
            given: BTreeSet::new(),
            ended: VecDeque::new(),
        };
        for (name, party) in &waits.parties {
            let mut open = 0;
            for (at, need) in party.needs.iter().enumerate() {
                match need {
                    // Several that wait for the same lock get it one after another, or none of them does.
                    Need::Place { lock, .. } => {
                        open += usize::from(this.wanted_by.entry(lock).or_default().insert(name));
                    }
                    Need::EndOfOne(others) => {
                        open += 1;
                        others.iter().for_each(|other| this.after.entry(other).or_default().push((name, at)));
                    }
                }
            }
            this.open.insert(name, open);
            if open == 0 {
                this.ended.push_back(name);
            }
        }
        for (id, lock) in &waits.locks {
            let parties = lock.holders.iter().filter(|holder| waits.parties.contains_key(*holder));
            let staying = parties.map(|holder| this.holds.entry(holder).or_default().push(id)).count();
            this.staying.insert(id, staying);
        }
        this
    }

    fn go(&mut self) {
        let strangers: Vec<_> =
            self.after.keys().filter(|name| !self.waits.parties.contains_key(**name)).copied().collect();
        strangers.into_iter().for_each(|name| self.is_over(name));
        let locks: Vec<_> = self.wanted_by.keys().copied().collect();
        locks.into_iter().for_each(|lock| self.look_at(lock));
        while let Some(name) = self.ended.pop_front() {
            self.is_over(name);
            for lock in self.holds.remove(name).unwrap_or_default() {
                if let Some(staying) = self.staying.get_mut(lock) {
                    *staying -= 1;
                }
                self.look_at(lock);
            }
        }
    }

    fn is_over(&mut self, name: &'w Holder) {
        for need in self.after.remove(name).unwrap_or_default() {
            if self.met.insert(need) {
                self.meet(need.0);
            }
        }
    }

    fn look_at(&mut self, lock: &'w LockId) {
        let limit = self.waits.locks.get(lock).and_then(|lock| lock.limit).unwrap_or(0) as usize;
        let staying = self.staying.get(lock).copied().unwrap_or(0);
        if (limit > 0 && staying >= limit) || !self.given.insert(lock) {
            return;
        }
        for party in self.wanted_by.remove(lock).unwrap_or_default() {
            self.meet(party);
        }
    }

    fn meet(&mut self, party: &'w Holder) {
        let Some(open) = self.open.get_mut(party) else { return };
        *open -= 1;
        if *open == 0 {
            self.ended.push_back(party);
        }
    }
}

/// Something in the graph of those who are stuck.
#[derive(Clone, Copy)]
enum Thing<'w> {
    Party(&'w Holder),
    Lock(&'w LockId),
}

/// Who is stuck, and who holds what they wait for. Locks are nodes of their own, so that the graph is as small as the waits.
struct Graph<'w> {
    graph: DiGraph<Thing<'w>, ()>,
    parties: BTreeMap<&'w Holder, NodeIndex>,
    /// Who waits in each party, for a lock that is not given.
    waiters: BTreeMap<&'w Holder, Vec<(Holder, LockId)>>,
}

impl<'w> Graph<'w> {
    fn new(waits: &'w Waits, stuck: &BTreeSet<&'w Holder>) -> Self {
        let mut graph = DiGraph::new();
        let parties: BTreeMap<_, _> = stuck.iter().map(|name| (*name, graph.add_node(Thing::Party(name)))).collect();
        let mut locks: BTreeMap<&LockId, NodeIndex> = BTreeMap::new();
        for (id, lock) in &waits.locks {
            let holders: Vec<_> = lock.holders.iter().filter_map(|holder| parties.get(holder)).collect();
            if lock.limit.is_some_and(|limit| limit > 0 && holders.len() >= limit as usize) {
                let at = graph.add_node(Thing::Lock(id));
                locks.insert(id, at);
                for holder in holders {
                    graph.add_edge(at, *holder, ());
                }
            }
        }
        let mut waiters: BTreeMap<&Holder, Vec<(Holder, LockId)>> = BTreeMap::new();
        for (name, at) in &parties {
            let needs = waits.parties.get(*name).map(|party| party.needs.as_slice()).unwrap_or_default();
            for need in needs {
                match need {
                    Need::Place { waiter, lock } => {
                        if let Some(lock_at) = locks.get(lock) {
                            graph.update_edge(*at, *lock_at, ());
                            waiters.entry(*name).or_default().push((waiter.clone(), lock.clone()));
                        }
                    }
                    Need::EndOfOne(others) => {
                        let others: Option<Vec<_>> = others.iter().map(|other| parties.get(other)).collect();
                        for other in others.unwrap_or_default() {
                            graph.update_edge(*at, *other, ());
                        }
                    }
                }
            }
        }
        Self { graph, parties, waiters }
    }

    fn party(&self, at: NodeIndex) -> Option<&'w Holder> {
        match self.graph.node_weight(at) {
            Some(Thing::Party(name)) => Some(name),
            _ => None,
        }
    }

    fn waiters(&self, party: &Holder) -> &[(Holder, LockId)] {
        self.waiters.get(party).map(Vec::as_slice).unwrap_or_default()
    }

    /// The groups that wait for nobody outside. Each stuck party waits for a stuck one, so that such a group is a circle.
    fn ends(&self) -> Vec<BTreeSet<NodeIndex>> {
        let groups = tarjan_scc(&self.graph).into_iter().map(|group| group.into_iter().collect::<BTreeSet<_>>());
        groups
            .filter(|group| group.iter().all(|at| self.graph.neighbors(*at).all(|next| group.contains(&next))))
            .collect()
    }

    /// The shortest way from a party back to it.
    fn circle(&self, from: &Holder) -> Option<Vec<Link>> {
        let start = *self.parties.get(from)?;
        let mut came: BTreeMap<NodeIndex, NodeIndex> = BTreeMap::new();
        let mut queue = VecDeque::from([start]);
        'search: while let Some(at) = queue.pop_front() {
            let mut next: Vec<_> = self.graph.neighbors(at).collect();
            next.sort();
            for next in next {
                if let Entry::Vacant(unseen) = came.entry(next) {
                    unseen.insert(at);
                    queue.push_back(next);
                }
                if next == start {
                    break 'search;
                }
            }
        }
        let mut way = Vec::new();
        let mut at = start;
        loop {
            at = *came.get(&at)?;
            way.push(at);
            if at == start {
                break;
            }
        }
        way.reverse();
        let mut circle: Vec<Link> = Vec::new();
        for at in way {
            match self.graph.node_weight(at)? {
                Thing::Party(name) => circle.push(Link { party: (*name).clone(), waits: None }),
                Thing::Lock(lock) => {
                    let link = circle.last_mut()?;
                    link.waits = self.waiters(&link.party).iter().find(|(_, waited)| waited == *lock).cloned();
                }
            }
        }
        Some(circle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `party: waiter>lock …, |party …`; `lock[limit]: holders`.
    fn waits(text: &str) -> Waits {
        let mut waits = Waits::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (head, rest) = line.split_once(':').unwrap();
            let words = rest.split_whitespace();
            if let Some((lock, limit)) = head.split_once('[') {
                let holders = words.map(Holder::from).collect();
                waits.locks.insert(lock.into(), Lock { limit: limit.trim_end_matches(']').parse().ok(), holders });
            } else {
                let needs = words.map(|word| match word.split_once('>') {
                    Some((waiter, lock)) => Need::Place { waiter: waiter.into(), lock: lock.into() },
                    None => Need::EndOfOne(word.split('|').map(Holder::from).collect()),
                });
                // Older first, in order of name.
                let created = Timestamp::from_millis(i64::from(head.as_bytes()[0]));
                waits.parties.insert(head.into(), Party { priority: 0, created, needs: needs.collect() });
            }
        }
        waits
    }

    /// The victims, each with the way round.
    fn found(text: &str) -> Vec<String> {
        let link = |link: &Link| match &link.waits {
            Some((waiter, lock)) => format!("{}:{waiter}>{lock}", link.party),
            None => format!("{}:slot", link.party),
        };
        let told = |d: &Deadlock| d.circle.iter().map(link).collect::<Vec<_>>().join(" ");
        waits(text).deadlocks().iter().map(told).collect()
    }

    #[test]
    fn circles_and_what_only_looks_like_one() {
        let nothing: [&str; 0] = [];
        // Two that want each other's: the younger gives way.
        assert_eq!(found("a: a1>m2 \n b: b1>m1 \n m1[1]: a \n m2[1]: b"), ["b:b1>m1 a:a1>m2"]);
        // The holder goes on by itself, the limit is unknown, or it is 0: a person's matter.
        assert_eq!(found("a: a1>m2 \n m1[1]: a \n m2[1]: b"), nothing);
        assert_eq!(found("a: a1>m2 \n b: b1>m1 \n m1[?]: a \n m2[1]: b"), nothing);
        assert_eq!(found("a: a1>m2 \n b: b1>m1 \n m1[0]: a \n m2[1]: b"), nothing);
        // A semaphore of which one holder goes on, and one of which none does.
        assert_eq!(found("a: a1>s \n b: b1>m1 \n m1[1]: a \n s[2]: b c"), nothing);
        assert_eq!(found("a: a1>s \n b: b1>m1 \n c: c1>m1 \n m1[1]: a \n s[2]: b c"), ["c:c1>m1 a:a1>s"]);
        // More hold it than may, since it was lowered: the end of one is not enough.
        assert_eq!(found("a: a1>s \n b: b1>m1 \n m1[1]: a \n s[1]: b c"), ["b:b1>m1 a:a1>s"]);
        // Who is only behind is left alone, although it is younger.
        assert_eq!(found("a: a1>m2 \n b: b1>m1 \n z: z1>m1 \n m1[1]: a \n m2[1]: b \n m3[1]: z"), ["b:b1>m1 a:a1>m2"]);
        // Two of one branch are stuck: both must give way, and one that waits for a lock which comes does not help.
        let both = waits("a: a1>m2 \n b: b1>m1 b2>m1 b3>m9 \n m1[1]: a \n m2[1]: b \n m9[1]: x").deadlocks();
        assert_eq!(both[0].waiters, [("b1".into(), "m1".into()), ("b2".into(), "m1".into())]);
        // One that has done nothing yet goes before younger ones.
        assert_eq!(found("a: a>m2 \n b: b1>m1 \n m1[1]: a \n m2[1]: b"), ["a:a>m2 b:b1>m1"]);
        // Slots: x holds m and waits for a slot of y, in which something waits for m. With a second slot that comes, nobody is stuck.
        assert_eq!(found("x: y \n y: y1>m \n m[1]: x"), ["y:y1>m x:slot"]);
        assert_eq!(found("x: y|w \n y: y1>m \n m[1]: x"), nothing);
        // Two circles at once, and one through three.
        let two = "a: a1>m2 \n b: b1>m1 \n m1[1]: a \n m2[1]: b \n c: c1>m4 \n d: d1>m5 \n e: e1>m3 \n m3[1]: c \n m4[1]: d \n m5[1]: e";
        assert_eq!(found(two), ["b:b1>m1 a:a1>m2", "e:e1>m3 c:c1>m4 d:d1>m5"]);
    }

    /// Who is stuck, found the slow way: let go whoever can, until nobody can.
    fn stuck_slowly(waits: &Waits) -> BTreeSet<Holder> {
        let mut left: BTreeSet<Holder> = waits.parties.keys().cloned().collect();
        loop {
            let met = |need: &Need| match need {
                Need::Place { lock, .. } => waits.locks.get(lock).is_none_or(|lock| {
                    let staying = lock.holders.iter().filter(|holder| left.contains(*holder)).count();
                    lock.limit.is_none_or(|limit| limit == 0 || staying < limit as usize)
                }),
                Need::EndOfOne(others) => others.iter().any(|other| !left.contains(other)),
            };
            let goes = left.iter().find(|name| waits.parties[*name].needs.iter().all(met)).cloned();
            match goes {
                Some(name) => drop(left.remove(&name)),
                None => return left,
            }
        }
    }

    /// Slots alone make no circle: what waits for a slot inside of one who takes a slot stands deeper.
    fn without_slots_alone(n: u8, mut party: Party) -> Party {
        party.needs.retain_mut(|need| match need {
            Need::EndOfOne(others) => {
                others.retain(|other| other[1..].parse::<u8>().unwrap() > n);
                !others.is_empty()
            }
            Need::Place { .. } => true,
        });
        party
    }

    fn any_waits() -> impl Strategy<Value = Waits> {
        let name = |n: u8| Holder::from(format!("p{n}"));
        let need = prop_oneof![
            4 => (0..4u8, 0..5u8).prop_map(|(w, l)| Need::Place { waiter: format!("w{w}").into(), lock: format!("l{l}").into() }),
            1 => prop::collection::vec(0..7u8, 1..3).prop_map(move |all| Need::EndOfOne(all.into_iter().map(name).collect())),
        ];
        let party = (-1..2i32, 0..4i64, prop::collection::vec(need, 0..4))
            .prop_map(|(priority, created, needs)| Party { priority, created: Timestamp::from_millis(created), needs });
        let lock = (prop::option::weighted(0.9, 0..3u32), prop::collection::btree_set(0..7u8, 0..4))
            .prop_map(move |(limit, holders)| Lock { limit, holders: holders.into_iter().map(name).collect() });
        let parties = prop::collection::vec(prop::option::weighted(0.8, party), 7);
        (parties, prop::collection::vec(lock, 5)).prop_map(move |(parties, locks)| Waits {
            locks: (0..).zip(locks).map(|(n, lock): (u8, _)| (format!("l{n}").into(), lock)).collect(),
            parties: (0..)
                .zip(parties)
                .filter_map(|(n, party): (u8, _)| Some((name(n), without_slots_alone(n, party?))))
                .collect(),
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn victims_are_in_a_real_circle_and_in_the_end_nobody_is_stuck(mut waits in any_waits()) {
            for _ in 0..100 {
                let slowly = stuck_slowly(&waits);
                prop_assert_eq!(waits.stuck().into_iter().cloned().collect::<BTreeSet<_>>(), slowly.clone());
                let deadlocks = waits.deadlocks();
                prop_assert_eq!(deadlocks.is_empty(), slowly.is_empty());
                if deadlocks.is_empty() {
                    return Ok(());
                }
                for Deadlock { victim, waiters, circle, stuck } in deadlocks {
                    prop_assert!(stuck.iter().all(|party| slowly.contains(party)));
                    prop_assert_eq!(&circle[0].party, &victim);
                    for (link, next) in circle.iter().zip(circle.iter().cycle().skip(1)) {
                        let needs = &waits.parties[&link.party].needs;
                        match &link.waits {
                            Some((waiter, lock)) => {
                                prop_assert!(waits.locks[lock].holders.contains(&next.party));
                                let need = Need::Place { waiter: waiter.clone(), lock: lock.clone() };
                                prop_assert!(needs.contains(&need));
                            }
                            None => prop_assert!(needs.iter().any(|need| matches!(need, Need::EndOfOne(all) if all.contains(&next.party)))),
                        }
                    }
                    // Its waiters give up.
                    let gone = |need: &Need| matches!(need, Need::Place { waiter, lock } if waiters.contains(&(waiter.clone(), lock.clone())));
                    waits.parties.get_mut(&victim).unwrap().needs.retain(|need| !gone(need));
                }
            }
            prop_assert!(false, "somebody is stuck still");
        }
    }
}
