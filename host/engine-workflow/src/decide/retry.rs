//! Trying again: whether, and when.

use model::workflow::{NodePhase, RetryPolicy, RetryStrategy};

use super::{Decider, Stop, environment};
use crate::change::{Change, End};
use crate::state::{Body, GivesWay, LockState, Node, NodeIx, Role};
use crate::vars::{Site, Vars};

/// What follows from an attempt's end.
enum Next {
    /// Another attempt now.
    Again,
    /// Another attempt, later: milliseconds from now.
    Later(i64),
    /// No other; why, unless that is plain.
    GiveUp(String),
}

impl Decider<'_, '_> {
    pub(super) fn attempt(&mut self, ix: NodeIx) {
        if let Some(why) = self.ended_by(ix)
            && self.last_attempt(ix).is_none_or(|(_, n)| n.is_over())
        {
            self.give_up(ix, &why);
            return;
        }
        match self.last_attempt(ix).map(|(last, node)| (last, node.phase, node.is_over())) {
            None => self.try_again(ix, 0),
            Some((_, _, false)) => self.tx.emit(Change::Dropped),
            Some((_, NodePhase::Failed | NodePhase::Error, true)) => self.after_failure(ix),
            Some((last, phase, true)) => self.as_attempt(ix, last, phase, String::new()),
        }
    }

    pub(super) fn last_attempt(&self, ix: NodeIx) -> Option<(NodeIx, &Node)> {
        let Some(Body::Retry(retry)) = self.state().node(ix)?.body.as_deref() else { return None };
        let last = *retry.attempts.last()?;
        Some((last, self.state().node(last)?))
    }

    fn attempts(&self, ix: NodeIx) -> usize {
        match self.state().node(ix).and_then(|n| n.body.as_deref()) {
            Some(Body::Retry(retry)) => retry.attempts.len(),
            _ => 0,
        }
    }

    fn try_again(&mut self, ix: NodeIx, n: usize) {
        let template = self.state().node(ix).and_then(|node| node.template);
        match self.attempt_kind(ix) {
            Ok(kind) => {
                let role = Role::Attempt(u32::try_from(n).unwrap_or(u32::MAX));
                self.create(Some(ix), role, kind, template, None, None);
            }
            Err(Stop::Problem(problem)) => self.end(ix, NodePhase::Error, problem),
            Err(Stop::Parked) => {}
        }
    }

    fn after_failure(&mut self, ix: NodeIx) {
        let due = match self.state().node(ix).and_then(|n| n.body.as_deref()) {
            Some(Body::Retry(retry)) => retry.due,
            _ => None,
        };
        let waited = due.is_some_and(|at| at <= self.now);
        let gives_way = match self.state().node(ix).and_then(|n| n.body.as_deref()) {
            Some(Body::Retry(retry)) => retry.gives_way,
            _ => None,
        };
        if gives_way == Some(GivesWay::Attempts) {
            return self.give_up(ix, "not tried again, since what it waits for would not come");
        }
        let next = self.next(ix, waited);
        let lock_state = self.lock_state(Some(ix));
        match next {
            // The others get the locks now, not when the next attempt is due.
            Ok(Next::Again | Next::Later(_)) if gives_way.is_some() && lock_state == LockState::Held => {
                self.tx.emit(Change::LetGo { node: ix });
            }
            Ok(Next::Again) if gives_way.is_some() && lock_state == LockState::None => {
                let extra = self.state().node(ix).and_then(|n| n.extra.as_ref());
                let locks = extra.map(|e| e.locks.clone()).unwrap_or_default();
                self.tx.emit(Change::LocksWanted { node: ix, locks });
            }
            Ok(Next::Again) => self.try_again(ix, self.attempts(ix)),
            Ok(Next::Later(ms)) => {
                let at = self.now.plus_millis(ms);
                let message = format!("Backoff for {}", shown(ms));
                self.tx.emit(Change::BackedOff { node: ix, at, message: message.into() });
            }
            Ok(Next::GiveUp(why)) => self.give_up(ix, &why),
            Err(problem) => self.end(ix, NodePhase::Error, format!("retryStrategy: {problem}")),
        }
    }

    fn give_up(&mut self, ix: NodeIx, why: &str) {
        let Some((last, node)) = self.last_attempt(ix) else {
            self.end(ix, NodePhase::Failed, why.to_owned());
            return;
        };
        let phase = node.phase;
        let of_attempt = node.message.as_deref().unwrap_or_default();
        let message = match (why.is_empty(), of_attempt.is_empty()) {
            (true, _) => of_attempt.to_owned(),
            (false, true) => why.to_owned(),
            (false, false) if why == of_attempt => why.to_owned(),
            (false, false) => format!("{why}: {of_attempt}"),
        };
        self.as_attempt(ix, last, phase, message);
    }

    /// Ends a retried node as its last attempt ended.
    fn as_attempt(&mut self, ix: NodeIx, attempt: NodeIx, phase: NodePhase, message: String) {
        let Some(node) = self.state().node(attempt) else { return };
        let outputs = node.outputs.clone();
        let transient = node.flags.transient;
        let globals = None;
        self.finish(End {
            node: ix,
            phase,
            message: message.into(),
            at: self.now,
            outputs,
            globals,
            transient,
            memo_hit: false,
            used: None,
        });
    }

    fn strategy(&self, ix: NodeIx) -> Option<RetryStrategy> {
        let own = self.compiled(ix).and_then(|c| c.template.retry_strategy.as_deref().cloned());
        own.or_else(|| self.state().run()?.submission.spec.retry_strategy.as_deref().cloned())
    }

    fn next(&mut self, ix: NodeIx, waited: bool) -> Result<Next, String> {
        let Some(strategy) = self.strategy(ix) else { return Ok(Next::GiveUp(String::new())) };
        let Some((last, node)) = self.last_attempt(ix) else { return Ok(Next::Again) };
        let (phase, transient) = (node.phase, node.flags.transient);
        // An attempt that a person or the end of the run stopped is not a failure to try again after.
        if node.flags.stopping && self.state().is_ending() {
            return Ok(Next::GiveUp(String::new()));
        }
        let policy = strategy.retry_policy.unwrap_or(match &strategy.expression {
            Some(_) => RetryPolicy::Always,
            None => RetryPolicy::OnFailure,
        });
        let covered = match policy {
            RetryPolicy::Always => true,
            RetryPolicy::OnFailure => phase == NodePhase::Failed,
            RetryPolicy::OnError => phase == NodePhase::Error,
            RetryPolicy::OnTransientError => transient,
        };
        if !covered {
            return Ok(Next::GiveUp(String::new()));
        }
        // A further attempt would fail for this very reason, and so on without end.
        if let Some(full) = self.full() {
            return Ok(Next::GiveUp(full));
        }
        let inputs = self.inputs_of(ix);
        let item = self.state().item(ix).map(str::to_owned);
        let boundary = self.state().boundary(ix);
        let site =
            Site { boundary, inputs: inputs.as_deref(), node: Some(ix), item: item.as_deref(), ..Site::default() };
        if let Some(limit) = &strategy.limit {
            let text = self.render(site, &limit.to_text()).map_err(|e| format!("limit: {e}"))?;
            let limit: i64 = text.trim().parse().map_err(|_| format!("limit: {text:?} is not a whole number"))?;
            let retries = i64::try_from(self.attempts(ix)).unwrap_or(i64::MAX) - 1;
            if retries >= limit.max(0) {
                return Ok(Next::GiveUp("No more retries left".to_owned()));
            }
        }
        if let Some(expression) = &strategy.expression {
            // Tags in it are filled in first, as Argo's users write them.
            let expression = self.render(site, expression).map_err(|e| format!("expression: {e}"))?;
            let vars = Vars::new(self.state(), site, self.now).ok_or("the run has not begun")?;
            let holds = expr::Expression::parse(&expression)
                .and_then(|e| e.eval_bool(&mut environment(&vars, self.now)))
                .map_err(|e| format!("expression: {e}"))?;
            if !holds {
                return Ok(Next::GiveUp("retryStrategy.expression evaluated to false".to_owned()));
            }
        }
        let _ = last;
        self.back_off(ix, &strategy, site, waited)
    }

    fn back_off(&mut self, ix: NodeIx, strategy: &RetryStrategy, site: Site<'_>, waited: bool) -> Result<Next, String> {
        let Some(backoff) = &strategy.backoff else { return Ok(Next::Again) };
        let mut duration = |field: &str, text: Option<&model::AnyString>| -> Result<Option<i64>, String> {
            let Some(text) = text.filter(|t| !t.is_empty()) else { return Ok(None) };
            let text = self.render(site, text).map_err(|e| format!("backoff.{field}: {e}"))?;
            model::values::parse_duration_ms(&text).map(Some).map_err(|e| format!("backoff.{field}: {e}"))
        };
        let first = duration("duration", backoff.duration.as_ref())?.unwrap_or(0);
        let max = duration("maxDuration", backoff.max_duration.as_ref())?.filter(|ms| *ms > 0);
        let cap = duration("cap", backoff.cap.as_ref())?.filter(|ms| *ms > 0);
        let factor = match &backoff.factor {
            Some(factor) => {
                let text = self.render(site, &factor.to_text()).map_err(|e| format!("backoff.factor: {e}"))?;
                text.trim().parse::<i64>().map_err(|_| format!("backoff.factor: {text:?} is not a whole number"))?
            }
            None => 1,
        };
        let started = match self.state().node(ix).and_then(|n| n.body.as_deref()) {
            Some(Body::Retry(retry)) => retry.attempts.first().and_then(|a| self.state().node(*a)).map(|n| n.created),
            _ => None,
        };
        let passed = started.map_or(0, |at| self.now.millis_since(at));
        if max.is_some_and(|max| passed > max) {
            return Ok(Next::GiveUp("Max duration limit exceeded".to_owned()));
        }
        let attempts = self.attempts(ix);
        let mut wait = first;
        for _ in 1..attempts {
            wait = wait.saturating_mul(factor.max(1));
        }
        let wait = cap.map_or(wait, |cap| wait.min(cap));
        // Counted from the end of the last attempt, which may be a while ago after a restart.
        let ended = self.last_attempt(ix).and_then(|(_, n)| n.finished).unwrap_or(self.now);
        // A clock that was set back since makes nobody wait longer than was said.
        let left = ended.plus_millis(wait).millis_since(self.now).min(wait);
        if max.is_some_and(|max| passed.saturating_add(left.max(0)) > max) {
            return Ok(Next::GiveUp("Backoff would exceed max duration limit".to_owned()));
        }
        Ok(if waited || left <= 0 { Next::Again } else { Next::Later(left) })
    }
}

/// A duration as people write it.
fn shown(ms: i64) -> String {
    let seconds = ms as f64 / 1000.0;
    if ms % 60_000 == 0 && ms >= 60_000 { format!("{}m", ms / 60_000) } else { format!("{seconds}s") }
}
