//! The run's beginning: parameters, places under limits, locks, claims, the entrypoint.

use std::sync::Arc;

use model::workflow::NodePhase;

use super::{Decider, Stop, environment};
use crate::change::Change;
use crate::effect::{LockRequest, Lookup, Usage};
use crate::holder::Holder;
use crate::input::{Found, Submission};
use crate::locks;
use crate::state::{ClaimState, LockState, Role, RunState};
use crate::values::{Param, Text};
use crate::vars::{Site, Vars};

impl Decider<'_, '_> {
    /// A run is submitted once; the same again changes nothing.
    pub(super) fn submitted(&mut self, submission: Arc<Submission>) {
        if self.state().run.is_some() {
            return;
        }
        let parameters = static_parameters(&submission);
        let parameters = filled_parameters(&submission, parameters, self.now, self.ids);
        let labels = labels(&submission, &parameters, self.now, self.ids);
        let (labels, problem) = match labels {
            Ok(labels) => (labels, None),
            Err(problem) => (Vec::new(), Some(problem)),
        };
        let at = self.now;
        self.tx.emit(Change::Created { submission, parameters, labels, at });
        if let Some(problem) = problem {
            self.fail_run(&problem);
        }
    }

    pub(super) fn begin(&mut self) {
        match self.try_begin() {
            Ok(()) | Err(Stop::Parked) => {}
            Err(Stop::Problem(problem)) => self.fail_run(&problem),
        }
    }

    fn try_begin(&mut self) -> Result<(), Stop> {
        self.looked_up_parameters()?;
        let (lock_state, claims) = match self.state().run() {
            Some(run) => (run.lock_state, run.claims),
            None => return Ok(()),
        };
        if lock_state == LockState::None {
            let locks = self.run_locks()?;
            if !locks.is_empty() {
                self.tx.emit(Change::RunLocksWanted { locks });
                return Ok(());
            }
        }
        let wants_claims = self.state().run().is_some_and(|r| !r.submission.spec.volume_claim_templates.is_empty());
        if wants_claims && claims == ClaimState::None {
            self.tx.emit(Change::ClaimsWanted);
            return Ok(());
        }
        let at = self.now;
        self.tx.emit(Change::RunStarted { at });
        let samples = crate::metrics::of_run(self.state(), self.now, false);
        self.keep(samples);
        Ok(())
    }

    /// Parameters of the run that are kept in config maps.
    fn looked_up_parameters(&mut self) -> Result<(), Stop> {
        let Some(run) = self.state().run() else { return Ok(()) };
        let mut set = Vec::new();
        let mut wanted = None;
        for parameter in &run.submission.spec.arguments.parameters {
            let name = Text::from(&*parameter.name);
            if run.parameters.contains_key(&name) {
                continue;
            }
            let from = parameter.value_from.as_ref().and_then(|v| v.config_map_key_ref.as_ref());
            let Some(from) = from else {
                return Err(format!(
                    "spec.arguments.parameters: {:?} has no value; give one with it or a default",
                    parameter.name
                )
                .into());
            };
            let what = Lookup::ConfigMapKey {
                name: Text::from(from.name.as_str()),
                key: Text::from(from.key.as_str()),
                usage: Usage::Run,
            };
            match self.state().found.get(&what) {
                None => {
                    wanted = Some(what);
                    break;
                }
                Some(found) => {
                    let fallback =
                        parameter.value_from.as_ref().and_then(|v| v.default.as_ref()).or(parameter.default.as_ref());
                    let value = text_of(found, &what)?.or(fallback.map(|d| d.0.clone()));
                    match value {
                        Some(value) => set.push(Param { name, value: Some(value) }),
                        None => {
                            return Err(format!(
                                "spec.arguments.parameters: {:?}: config map {:?} has no key {:?}",
                                parameter.name, from.name, from.key
                            )
                            .into());
                        }
                    }
                }
            }
        }
        if let Some(what) = wanted {
            return Err(self.look_up(what));
        }
        if !set.is_empty() {
            self.tx.emit(Change::ParametersSet { parameters: set });
        }
        self.check_values()
    }

    fn check_values(&self) -> Result<(), Stop> {
        let Some(run) = self.state().run() else { return Ok(()) };
        for parameter in &run.submission.spec.arguments.parameters {
            let value = run.parameters.get(&*parameter.name);
            if let Some(value) = value {
                self.check_size("spec.arguments.parameters", &parameter.name, value)?;
            }
            if let (Some(allowed), Some(value)) = (&parameter.r#enum, value)
                && !allowed.iter().any(|a| a.as_str() == &**value)
            {
                return Err(
                    super::inputs::not_allowed("spec.arguments.parameters", &parameter.name, value, allowed).into()
                );
            }
        }
        Ok(())
    }

    /// The run's own locks, behind its places under the server's limits.
    fn run_locks(&mut self) -> Result<Vec<LockRequest>, Stop> {
        let Some(run) = self.state().run() else { return Ok(Vec::new()) };
        let mut all = run.submission.server_locks.clone();
        if let Some(wanted) = run.submission.spec.synchronization.clone() {
            let namespace = run.submission.metadata.namespace.clone();
            all.extend(locks::requests(&wanted, &namespace, |text| self.render(Site::default(), text))?);
        }
        Ok(all)
    }

    /// The entrypoint.
    pub(super) fn root(&mut self) {
        let Some(entrypoint) = self.state().run().and_then(|r| r.program.entrypoint()).map(str::to_owned) else {
            self.fail_run("spec.entrypoint: the run names no template to begin with");
            return;
        };
        match self.call(None, Role::Root, Holder::Named(&entrypoint, 0).into(), Site::default()) {
            Ok(()) | Err(Stop::Parked) => {}
            Err(Stop::Problem(problem)) => self.failed_call(None, Role::Root, &problem),
        }
    }

    /// Ends a run that could not begin.
    pub(super) fn fail_run(&mut self, problem: &str) {
        let at = self.now;
        self.tx.emit(Change::RunFinished { phase: NodePhase::Error, message: problem.into(), at });
        let samples = crate::metrics::of_run(self.state(), self.now, true);
        self.keep(samples);
    }

    pub(super) fn claimed(&mut self, claims: Result<Vec<(Text, Text)>, Text>) {
        if self.state().run().is_none_or(|r| r.claims != ClaimState::Creating) {
            return;
        }
        match claims {
            Ok(claims) => self.tx.emit(Change::Claimed { claims }),
            Err(problem) => self.fail_run(&format!("spec.volumeClaimTemplates: {problem}")),
        }
    }

    pub(super) fn claims_deleted(&mut self) {
        if self.state().run().is_some_and(|r| r.claims == ClaimState::Deleting) {
            self.tx.emit(Change::ClaimsDeleted);
        }
    }
}

/// What a lookup of a config map's key found.
pub(super) fn text_of(found: &Result<Found, Text>, what: &Lookup) -> Result<Option<Text>, Stop> {
    match found {
        Ok(Found::Text(text)) => Ok(text.clone()),
        Ok(Found::Templates(_)) => Ok(None),
        Err(problem) => Err(format!("{what:?}: {problem}").into()),
    }
}

/// Parameters whose value is written down.
fn static_parameters(submission: &Submission) -> Vec<Param> {
    let given = &submission.spec.arguments.parameters;
    given
        .iter()
        .filter_map(|p| {
            let from = p.value_from.as_ref();
            let lookup = from.is_some_and(|v| v.config_map_key_ref.is_some());
            let default = if lookup { None } else { p.default.as_ref().or(from.and_then(|v| v.default.as_ref())) };
            let value = p.value.as_ref().or(default)?;
            Some(Param { name: Text::from(&*p.name), value: Some(value.0.clone()) })
        })
        .collect()
}

/// Parameters with the tags of `workflow.*` in them filled in (`{{workflow.scheduledTime}}`). Each sees the others as they are written; what is no
/// tag of ours stays, since values come from people and other programs.
fn filled_parameters(
    submission: &Arc<Submission>,
    mut parameters: Vec<Param>,
    now: model::Timestamp,
    ids: &mut dyn engine::IdSource,
) -> Vec<Param> {
    let tagged = |p: &Param| p.value.as_ref().is_some_and(|v| v.contains("{{"));
    if !parameters.iter().any(tagged) {
        return parameters;
    }
    let state = run_to_be(submission, &parameters, now);
    for parameter in parameters.iter_mut().filter(|p| tagged(p)) {
        let Some(text) = &parameter.value else { continue };
        if let Ok(filled) = super::render_leniently(&state, Site::default(), now, ids, text) {
            parameter.value = Some(filled.into());
        }
    }
    parameters
}

/// The run as it is going to be, for tags and expressions of its own words to look at.
fn run_to_be(submission: &Arc<Submission>, parameters: &[Param], at: model::Timestamp) -> RunState {
    let mut state = RunState::default();
    let (submission, parameters) = (submission.clone(), parameters.to_vec());
    crate::apply::apply(&mut state, &Change::Created { submission, parameters, labels: Vec::new(), at });
    state
}

/// Labels of `workflowMetadata`.
fn labels(
    submission: &Arc<Submission>,
    parameters: &[Param],
    now: model::Timestamp,
    ids: &mut dyn engine::IdSource,
) -> Result<Vec<(Text, Text)>, String> {
    let Some(metadata) = &submission.spec.workflow_metadata else { return Ok(Vec::new()) };
    let mut out: Vec<(Text, Text)> =
        metadata.labels.iter().map(|(k, v)| (Text::from(k.as_str()), Text::from(v.as_str()))).collect();
    if metadata.labels_from.is_empty() {
        return Ok(out);
    }
    let state = run_to_be(submission, parameters, now);
    let vars = Vars::new(&state, Site::default(), now).ok_or("the run has not begun")?;
    for (key, from) in &metadata.labels_from {
        let value = super::render(&state, Site::default(), now, ids, &from.expression)
            .and_then(|filled| expr::Expression::parse(&filled).map_err(|e| e.to_string()))
            .and_then(|e| e.eval_text(&mut environment(&vars, now)).map_err(|e| e.to_string()))
            .map_err(|e| format!("spec.workflowMetadata.labelsFrom.{key}.expression: {e}"))?;
        out.push((Text::from(key.as_str()), Text::from(value)));
    }
    Ok(out)
}
