//! A node whose inputs are known: memoization, locks, slots; then its work begins.

use model::Timestamp;
use model::workflow::{NodePhase, TemplateKind};

use super::call::plain_kind;
use super::{Decider, Stop};
use crate::change::{Change, End, Place};
use crate::effect::LockRequest;
use crate::holder;
use crate::input::Shutdown;
use crate::program::Compiled;
use crate::state::{Body, Kind, LockState, MemoState, NodeIx, Role};
use crate::values::{Inputs, Text};
use crate::vars::Site;

impl Decider<'_, '_> {
    pub(super) fn enter(&mut self, ix: NodeIx) {
        if let Some(message) = self.ended_by(ix) {
            self.end(ix, NodePhase::Failed, message);
            return;
        }
        match self.try_enter(ix) {
            Ok(()) | Err(Stop::Parked) => {}
            Err(Stop::Problem(problem)) => self.end(ix, NodePhase::Error, problem),
        }
    }

    /// Why nothing new begins at this node, if so.
    pub(super) fn ended_by(&self, ix: NodeIx) -> Option<String> {
        let state = self.state();
        let run = state.run()?;
        if !state.is_ending() || (!state.is_terminated() && holder::under_exit(state, ix)) {
            return None;
        }
        Some(match run.shutdown {
            Some(Shutdown::Stop) => "workflow shutdown with strategy: Stop".to_owned(),
            Some(Shutdown::Terminate) => "workflow shutdown with strategy: Terminate".to_owned(),
            None => "the workflow exceeded its deadline".to_owned(),
        })
    }

    fn try_enter(&mut self, ix: NodeIx) -> Result<(), Stop> {
        let Some(node) = self.state().node(ix) else { return Ok(()) };
        let (kind, role) = (node.kind, node.role);
        if kind == Kind::Loop {
            self.expand(ix);
            return Ok(());
        }
        if kind == Kind::Group {
            return self.start(ix, None, Vec::new());
        }
        if !self.locked_above(ix) {
            self.tx.emit(Change::Held { node: ix, place: Place::Locks });
            return Ok(());
        }
        let depth_max = self.limits().recursion;
        if matches!(kind, Kind::Dag | Kind::Steps) && self.state().depth(ix) > depth_max {
            return Err(format!(
                "templates invoke each other more than {depth_max} deep (recursion_max); give the recursion a condition that ends it"
            )
            .into());
        }
        if (kind.is_leaf() || kind == Kind::Retry) && self.reuse(ix) {
            return Ok(());
        }
        let attempt = matches!(role, Role::Attempt(_));
        if !attempt && !self.memoized(ix)? {
            return Ok(());
        }
        if !attempt && !self.locked(ix)? {
            return Ok(());
        }
        let counted = !matches!(role, Role::Attempt(_) | Role::Hook(..) | Role::Root | Role::Exit | Role::RunHook(_));
        if counted && !self.boundary_has_room(ix) {
            self.tx.emit(Change::Held { node: ix, place: Place::Boundary });
            return Ok(());
        }
        if kind.is_leaf()
            && let Some(place) = self.run_has_no_room(ix)
        {
            self.tx.emit(Change::Held { node: ix, place });
            return Ok(());
        }
        self.begin_work(ix, kind)
    }

    /// Takes over what the same step of an earlier run left, if the run was resubmitted so.
    fn reuse(&mut self, ix: NodeIx) -> bool {
        let state = self.state();
        let Some(run) = state.run().filter(|r| !r.reused.is_empty()) else { return false };
        let name = state.name(ix);
        let known = name.strip_prefix(state.run_name()).and_then(|below| run.reused.get(below)).cloned();
        let Some(outputs) = known else { return false };
        let globals = self.globals(ix, &outputs);
        let at = self.now;
        self.finish(End {
            node: ix,
            phase: NodePhase::Succeeded,
            message: "taken over from the run that was resubmitted".into(),
            at,
            outputs: (!outputs.is_empty()).then(|| Box::new(outputs)),
            globals,
            transient: false,
            memo_hit: false,
            used: None,
        });
        true
    }

    /// Asks the cache; true when there is nothing more to ask.
    fn memoized(&mut self, ix: NodeIx) -> Result<bool, Stop> {
        let Some(memoize) = self.compiled(ix).and_then(|c| c.template.memoize.clone()) else { return Ok(true) };
        match self.state().node(ix).and_then(|n| n.extra.as_ref()).and_then(|e| e.memo.as_ref()) {
            Some((_, _, MemoState::Asked)) => return Ok(false),
            Some(_) => return Ok(true),
            None => {}
        }
        let inputs = self.inputs_of(ix);
        let site = Site { inputs: inputs.as_deref(), node: Some(ix), ..Site::default() };
        let key = self.render(site, &memoize.key).map_err(|e| format!("memoize.key: {e}"))?;
        if key.is_empty()
            || !key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
            || key.len() > 253
        {
            return Err(
                format!("memoize.key: {key:?} is not a key: letters, digits, '-', '_' and '.', at most 253").into()
            );
        }
        let Some(cache) = memoize.cache.as_ref().and_then(|c| c.config_map.as_ref()) else {
            return Err("memoize.cache.configMap: a name is needed".to_owned().into());
        };
        let cache = self.render(site, &cache.name).map_err(|e| format!("memoize.cache.configMap.name: {e}"))?;
        let max_age_ms = match memoize.max_age.as_str() {
            "" => None,
            text => Some(model::values::parse_duration_ms(text).map_err(|e| format!("memoize.maxAge: {e}"))?),
        };
        self.tx.emit(Change::MemoWanted { node: ix, key: key.into(), cache: cache.into(), max_age_ms });
        Ok(false)
    }

    /// Asks for locks; true when the node has what it needs.
    fn locked(&mut self, ix: NodeIx) -> Result<bool, Stop> {
        let Some(wanted) = self.compiled(ix).and_then(|c| c.template.synchronization.clone()) else { return Ok(true) };
        match self.state().node(ix).map(crate::state::Node::lock_state) {
            Some(LockState::Held) => return Ok(true),
            Some(LockState::None) => {}
            _ => return Ok(false),
        }
        let inputs = self.inputs_of(ix);
        let item = self.state().item(ix).map(str::to_owned);
        let site = Site { inputs: inputs.as_deref(), node: Some(ix), item: item.as_deref(), ..Site::default() };
        let namespace = self.state().run().map(|r| r.submission.metadata.namespace.clone()).unwrap_or_default();
        let mut locks = crate::locks::requests(&wanted, &namespace, |text| self.render(site, text))?;
        // What a node above it holds, or the run itself, it holds too: they wait for its end, and would never give it up before.
        locks.retain(|lock| !self.held_above(ix, lock));
        if locks.is_empty() {
            return Ok(true);
        }
        self.tx.emit(Change::LocksWanted { node: ix, locks });
        Ok(false)
    }

    /// Whether all that is above holds the locks that it once held. A run that is tried again gave them back when it ended; they are asked for from the
    /// outside in, as they were the first time.
    fn locked_above(&mut self, ix: NodeIx) -> bool {
        let state = self.state();
        let Some(run) = state.run().filter(|run| run.retried) else { return true };
        if !run.locks.is_empty() && run.lock_state != LockState::Held {
            if run.lock_state == LockState::None {
                let locks = run.locks.clone();
                self.tx.emit(Change::RunLocksWanted { locks });
            }
            return false;
        }
        let above = std::iter::successors(state.node(ix).and_then(|n| n.parent), |at| state.node(*at)?.parent);
        let lacking = |at: &NodeIx| {
            let extra = state.node(*at)?.extra.as_ref()?;
            (!extra.locks.is_empty() && extra.lock_state != LockState::Held).then_some((*at, extra))
        };
        let Some((node, extra)) = above.filter_map(|at| lacking(&at)).last() else { return true };
        if extra.lock_state == LockState::None {
            let locks = extra.locks.clone();
            self.tx.emit(Change::LocksWanted { node, locks });
        }
        false
    }

    fn held_above(&self, ix: NodeIx, lock: &LockRequest) -> bool {
        let state = self.state();
        let of_run = state.run().filter(|run| run.lock_state == LockState::Held).map(|run| run.locks.as_slice());
        let mut above = std::iter::successors(state.node(ix).and_then(|n| n.parent), |at| state.node(*at)?.parent);
        of_run.is_some_and(|locks| locks.contains(lock))
            || above.any(|at| {
                let extra = state.node(at).and_then(|n| n.extra.as_ref());
                extra.is_some_and(|e| e.lock_state == LockState::Held && e.locks.contains(lock))
            })
    }

    fn boundary_has_room(&self, ix: NodeIx) -> bool {
        let state = self.state();
        match state.boundary(ix).and_then(|b| state.node(b)).and_then(|n| n.body.as_deref()) {
            Some(Body::Dag(dag)) => dag.slots.free(),
            Some(Body::Steps(steps)) => steps.slots.free(),
            _ => true,
        }
    }

    fn run_has_no_room(&self, ix: NodeIx) -> Option<Place> {
        let state = self.state();
        let run = state.run()?;
        if run.suspended && !holder::under_exit(state, ix) {
            return Some(Place::Suspension);
        }
        run.parallelism.is_some_and(|limit| run.active >= limit).then_some(Place::Run)
    }

    fn begin_work(&mut self, ix: NodeIx, kind: Kind) -> Result<(), Stop> {
        match kind {
            Kind::Pod | Kind::Http | Kind::Plugin => self.begin_leaf(ix),
            Kind::Suspend => self.begin_suspend(ix),
            Kind::Dag => self.begin_dag(ix),
            _ => self.start(ix, None, Vec::new()),
        }
    }

    fn start(&mut self, node: NodeIx, deadline: Option<Timestamp>, evaluated: Vec<(u32, Text)>) -> Result<(), Stop> {
        let at = self.now;
        self.tx.emit(Change::Started { node, at, deadline, evaluated });
        let samples = crate::metrics::of_node(self.state(), node, self.now);
        self.keep(samples);
        Ok(())
    }

    fn begin_dag(&mut self, ix: NodeIx) -> Result<(), Stop> {
        let target =
            self.compiled(ix).and_then(|c| c.template.dag.as_ref()?.target.clone()).filter(|t| !t.trim().is_empty());
        let inputs = self.inputs_of(ix);
        let site = Site { inputs: inputs.as_deref(), node: Some(ix), ..Site::default() };
        let target = match target {
            Some(target) => Some(self.render(site, &target).map_err(|e| format!("dag.target: {e}"))?),
            None => None,
        };
        if let Some(compiled) = self.compiled(ix) {
            compiled.dag(target.as_deref()).map_err(|e| Stop::Problem(e.to_string()))?;
        }
        self.start(ix, None, target.map(|t| (0, Text::from(t))).into_iter().collect())
    }

    fn begin_suspend(&mut self, ix: NodeIx) -> Result<(), Stop> {
        let duration = self.compiled(ix).and_then(|c| c.template.suspend.as_ref()?.duration.clone());
        let deadline = match duration.filter(|d| !d.is_empty()) {
            Some(text) => {
                let inputs = self.inputs_of(ix);
                let site = Site { inputs: inputs.as_deref(), node: Some(ix), ..Site::default() };
                let text = self.render(site, &text).map_err(|e| format!("suspend.duration: {e}"))?;
                let ms = model::values::parse_duration_ms(&text).map_err(|e| format!("suspend.duration: {e}"))?;
                Some(self.now.plus_millis(ms))
            }
            None => None,
        };
        self.start(ix, deadline, Vec::new())
    }

    /// Fills in the template of a leaf, so that a mistake is said on the node before anything starts.
    fn begin_leaf(&mut self, ix: NodeIx) -> Result<(), Stop> {
        let Some((template, tagged)) = self.compiled(ix).map(|c| (c.template.clone(), c.tagged())) else {
            return Ok(());
        };
        let inputs = self.inputs_of(ix);
        let place = self.state().node(ix).and_then(|n| n.template);
        let site = Site { inputs: inputs.as_deref(), node: Some(ix), template: place, ..Site::default() };
        let mut evaluated = Vec::new();
        if let Some(tagged) = tagged {
            for (i, string) in tagged.strings().iter().enumerate() {
                let parsed = match &string.template {
                    Ok(parsed) => parsed,
                    // Braces of another language (a script that writes templates itself) stay as they are.
                    Err(_) if !string.expression => continue,
                    Err(problem) => return Err(format!("{}: {problem}", tagged.path(i)).into()),
                };
                if string.expression {
                    let text = self.render(site, parsed.source()).map_err(|e| format!("{}: {e}", tagged.path(i)))?;
                    evaluated.push((u32::try_from(i).unwrap_or(u32::MAX), text.into()));
                } else {
                    let vars = crate::vars::Vars::new(self.state(), site, self.now);
                    if let Some(vars) = vars {
                        parsed
                            .render(&vars, expr::Mode::StrictUnder(crate::vars::ROOTS))
                            .map_err(|e| format!("{}: {e}", tagged.path(i)))?;
                    }
                }
            }
        }
        if matches!(template.kind(), Some(TemplateKind::ContainerSet(set)) if set.containers.is_empty()) {
            return Err("containerSet.containers: there is none".to_owned().into());
        }
        let deadline = self.leaf_deadline(ix, None).map_err(Stop::Problem)?;
        self.start(ix, deadline, evaluated)
    }

    /// When a leaf is to be stopped: `timeout` counts from its creation, `pendingTimeout` until it runs, `activeDeadlineSeconds` from when it runs.
    pub(super) fn leaf_deadline(
        &mut self,
        ix: NodeIx,
        running: Option<Timestamp>,
    ) -> Result<Option<Timestamp>, String> {
        let Some(template) = self.compiled(ix).map(|c| c.template.clone()) else { return Ok(None) };
        if template.timeout.is_none()
            && template.pending_timeout.is_none()
            && template.active_deadline_seconds.is_none()
        {
            return Ok(None);
        }
        let created = self.state().node(ix).map_or(self.now, |n| n.created);
        let inputs = self.inputs_of(ix);
        let site = Site { inputs: inputs.as_deref(), node: Some(ix), ..Site::default() };
        let mut earliest: Option<Timestamp> = None;
        let mut limit = |at: Timestamp| earliest = Some(earliest.map_or(at, |e| e.min(at)));
        if let Some(text) = &template.timeout {
            limit(created.plus_millis(self.duration("timeout", text, site)?));
        }
        match running {
            None => {
                if let Some(text) = &template.pending_timeout {
                    limit(created.plus_millis(self.duration("pendingTimeout", text, site)?));
                }
            }
            Some(started) => {
                if let Some(seconds) = &template.active_deadline_seconds {
                    limit(started.plus_millis(self.duration("activeDeadlineSeconds", &seconds.to_text(), site)?));
                }
            }
        }
        Ok(earliest)
    }

    fn duration(&mut self, field: &str, text: &str, site: Site<'_>) -> Result<i64, String> {
        let text = self.render(site, text).map_err(|e| format!("{field}: {e}"))?;
        model::values::parse_duration_ms(&text).map_err(|e| format!("{field}: {e}"))
    }

    pub(super) fn compiled(&self, ix: NodeIx) -> Option<&Compiled> {
        self.state().run()?.program.get(self.state().node(ix)?.template?)
    }

    /// A node's inputs; an attempt has those of the node that is retried.
    pub(super) fn inputs_of(&self, ix: NodeIx) -> Option<Box<Inputs>> {
        self.state().inputs(ix).map(|inputs| Box::new(inputs.clone()))
    }

    /// What an attempt of a retried node is.
    pub(super) fn attempt_kind(&self, ix: NodeIx) -> Result<Kind, Stop> {
        match self.compiled(ix) {
            Some(compiled) => plain_kind(compiled),
            None => Err("the template has changed under the run".to_owned().into()),
        }
    }
}
