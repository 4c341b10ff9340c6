//! What the performers of leaves, limiters and caches tell.

use model::workflow::NodePhase;

use super::Decider;
use crate::change::{Change, End};
use crate::input::{LeafEnd, LeafEvent};
use crate::state::{Kind, LockState, MemoState, NodeIx, Progress, Role};
use crate::values::{Outputs, Text};

impl Decider<'_, '_> {
    /// A leaf said something. What comes late or twice changes nothing.
    pub(super) fn leaf(&mut self, ix: NodeIx, event: LeafEvent) {
        let Some(node) = self.state().node(ix) else { return };
        if node.is_over() || node.flags.removed || !node.flags.started || !node.kind.is_leaf() {
            return;
        }
        let (phase, daemoned) = (node.phase, node.flags.daemoned);
        match event {
            LeafEvent::Waiting(message) => {
                if phase == NodePhase::Pending && node.message.as_ref() != Some(&message) {
                    self.tx.emit(Change::Waiting { node: ix, message });
                }
            }
            LeafEvent::Running { message, ip, host } => {
                if phase == NodePhase::Pending {
                    let at = self.now;
                    let deadline = self.leaf_deadline(ix, Some(at)).unwrap_or_default();
                    self.tx.emit(Change::Running { node: ix, at, message, ip, host, deadline });
                }
            }
            LeafEvent::Ready { ip } => {
                let daemon = self.compiled(ix).is_some_and(|c| c.template.daemon == Some(true));
                if daemon && !daemoned {
                    self.tx.emit(Change::Ready { node: ix, ip });
                }
            }
            LeafEvent::Progress(done, total) => {
                let said = Progress { done, total };
                if node.progress != said && said.is_valid() {
                    self.tx.emit(Change::Progress { node: ix, done, total });
                }
            }
            LeafEvent::Ended(end) => self.leaf_ended(ix, *end),
        }
    }

    fn leaf_ended(&mut self, ix: NodeIx, end: LeafEnd) {
        self.containers(ix, &end);
        let Some(node) = self.state().node(ix) else { return };
        let stopping = node.leaf().and_then(|l| l.facts().stopping.clone());
        let LeafEnd { mut phase, mut message, outputs, mut transient, used, containers: _ } = end;
        let mut outputs = outputs;
        if let Some((as_phase, why, _)) = stopping {
            // A daemon that is no longer needed has done its work, however it ended.
            if phase != NodePhase::Succeeded || as_phase != NodePhase::Succeeded {
                phase = as_phase;
                message = why;
                transient = false;
            }
        }
        if phase == NodePhase::Succeeded
            && let Err(problem) = self.leaf_outputs(ix, &mut outputs)
        {
            phase = NodePhase::Error;
            message = problem.into();
        }
        let globals = if phase == NodePhase::Succeeded { self.globals(ix, &outputs) } else { None };
        self.finish(End {
            node: ix,
            phase,
            message,
            at: self.now,
            outputs: (!outputs.is_empty()).then(|| Box::new(outputs)),
            globals,
            transient,
            memo_hit: false,
            used,
        });
    }

    /// Nodes for the containers of a container set, as their ends are known.
    fn containers(&mut self, ix: NodeIx, end: &LeafEnd) {
        let set = self.compiled(ix).and_then(|c| c.template.container_set.clone());
        let Some(set) = set else { return };
        for (place, container) in set.containers.iter().enumerate() {
            let told = end.containers.iter().find(|c| *c.name == *container.container.name);
            let (phase, message): (NodePhase, Text) = match told {
                Some(told) => (told.phase, told.message.clone()),
                None => (NodePhase::Omitted, "it did not run".into()),
            };
            let role = Role::Container(u32::try_from(place).unwrap_or(u32::MAX));
            let child = self.state().next_ix();
            let template = self.state().node(ix).and_then(|n| n.template);
            self.create(Some(ix), role, Kind::Container, template, None, None);
            let outputs =
                told.and_then(|t| t.exit_code).map(|code| Outputs { exit_code: Some(code), ..Outputs::default() });
            self.tx.emit(Change::Finished(Box::new(End {
                node: child,
                phase,
                message,
                at: self.now,
                outputs: outputs.map(Box::new),
                globals: None,
                transient: false,
                memo_hit: false,
                used: None,
            })));
        }
    }

    pub(super) fn granted(&mut self, node: Option<NodeIx>) {
        if self.lock_state(node) == LockState::Wanted {
            self.tx.emit(Change::Locked { node });
        }
    }

    pub(super) fn released(&mut self, node: Option<NodeIx>) {
        if self.lock_state(node) == LockState::Releasing {
            self.tx.emit(Change::Released { node });
        }
    }

    pub(super) fn lock_waiting(&mut self, node: Option<NodeIx>, message: Text) {
        let known = match node {
            Some(ix) => self.state().node(ix).and_then(|n| n.extra.as_ref()).and_then(|e| e.lock_message.clone()),
            None => self.state().run().and_then(|r| r.lock_message.clone()),
        };
        if self.lock_state(node) == LockState::Wanted && known.as_ref() != Some(&message) {
            self.tx.emit(Change::LockWaiting { node, message });
        }
    }

    pub(super) fn lock_state(&self, node: Option<NodeIx>) -> LockState {
        match node {
            Some(ix) => self.state().node(ix).map(crate::state::Node::lock_state).unwrap_or_default(),
            None => self.state().run().map(|r| r.lock_state).unwrap_or_default(),
        }
    }

    fn memo_state(&self, ix: NodeIx) -> Option<MemoState> {
        Some(self.state().node(ix)?.extra.as_ref()?.memo.as_ref()?.2)
    }

    /// The cache answered.
    pub(super) fn memo(&mut self, ix: NodeIx, outputs: Option<Box<Outputs>>) {
        if self.memo_state(ix) != Some(MemoState::Asked)
            || self.state().node(ix).is_none_or(crate::state::Node::is_over)
        {
            return;
        }
        match outputs {
            None => self.tx.emit(Change::MemoMissed { node: ix }),
            Some(outputs) => {
                let globals = self.globals(ix, &outputs);
                self.finish(End {
                    node: ix,
                    phase: NodePhase::Succeeded,
                    message: Text::default(),
                    at: self.now,
                    outputs: Some(outputs),
                    globals,
                    transient: false,
                    memo_hit: true,
                    used: None,
                });
            }
        }
    }

    pub(super) fn memo_saved(&mut self, ix: NodeIx) {
        if self.memo_state(ix) == Some(MemoState::Saving) {
            self.tx.emit(Change::MemoSaved { node: ix });
        }
    }
}
