//! A run's templates: its own, those of other objects it has met, and what was found in each once.
//!
//! A template is known by its place: the submission's templates come first, then those of each pinned object in the order in which it was pinned.
//! Places are the same at every replay, so nodes hold a number and not a name.

mod dag;
mod steps;
mod tagged;

use std::sync::{Arc, OnceLock};

use model::workflow::{LifecycleHook, Template, TemplateRef, WorkflowSpec};
use rustc_hash::FxHashMap;

pub use dag::{DagPlan, PlanError};
pub use steps::StepsPlan;
pub use tagged::Tagged;

use crate::input::{Submission, TemplateSource};
use crate::values::Text;

/// A run's templates.
#[derive(Default)]
pub struct Program {
    templates: Vec<Compiled>,
    sources: Vec<Source>,
    by_source: FxHashMap<TemplateSource, u32>,
}

/// One template with what was found in it.
pub struct Compiled {
    /// The template.
    pub template: Arc<Template>,
    /// Where local names in it are looked up.
    pub source: u32,
    dag: OnceLock<Result<Arc<DagPlan>, Arc<PlanError>>>,
    steps: OnceLock<Arc<StepsPlan>>,
    tagged: OnceLock<Option<Arc<Tagged>>>,
    inline: InlineTemplates,
}

/// Places of a template's inline templates: by task, or by group and step.
type InlineTemplates = FxHashMap<(u32, u32), u32>;

/// One object's templates.
struct Source {
    key: Option<TemplateSource>,
    by_name: FxHashMap<Box<str>, u32>,
    entrypoint: Option<Box<str>>,
}

/// Who invokes a template: the three ways in which a task, step or hook may say it.
#[derive(Clone, Copy)]
pub struct Invocation<'a> {
    /// A template of the same object.
    pub name: Option<&'a str>,
    /// A template of another object.
    pub reference: Option<&'a TemplateRef>,
    /// A template written in place: its place in the program.
    pub inline: Option<u32>,
}

/// What an invocation means.
pub enum Resolved {
    /// This template.
    Here(u32),
    /// An object that is not pinned yet.
    Elsewhere(TemplateSource),
    /// Nothing; why, for people.
    Unknown(String),
}

/// Fields of a leaf that are not substituted with the rest: inputs are evaluated before, outputs after.
const SKIPPED: &[&str] = &["name", "inputs", "metrics", "synchronization", "memoize", "retryStrategy"];

impl Program {
    /// The templates of a submission.
    pub fn new(submission: &Submission) -> Self {
        let mut program = Self::default();
        program.add(submission.from_template.clone(), &submission.spec);
        for (key, pinned) in &submission.pinned {
            program.pin(key.clone(), &pinned.spec);
        }
        program
    }

    /// Adds another object's templates. Pinning what is pinned changes nothing: a run keeps the version it started with.
    pub fn pin(&mut self, key: TemplateSource, spec: &WorkflowSpec) {
        if !self.by_source.contains_key(&key) {
            self.add(Some(key), spec);
        }
    }

    /// Whether an object's templates are there.
    pub fn has(&self, key: &TemplateSource) -> bool {
        self.by_source.contains_key(key)
    }

    fn add(&mut self, key: Option<TemplateSource>, spec: &WorkflowSpec) {
        let source = place(self.sources.len());
        let mut by_name = FxHashMap::default();
        for template in &spec.templates {
            let at = self.compile(template.clone(), source);
            by_name.entry(Box::from(template.name.as_str())).or_insert(at);
        }
        if let Some(key) = &key {
            self.by_source.insert(key.clone(), source);
        }
        self.sources.push(Source { key, by_name, entrypoint: spec.entrypoint.as_deref().map(Into::into) });
    }

    /// Adds a template and, behind it, those written in place inside it.
    fn compile(&mut self, template: Arc<Template>, source: u32) -> u32 {
        let at = place(self.templates.len());
        self.templates.push(Compiled {
            template: template.clone(),
            source,
            dag: OnceLock::new(),
            steps: OnceLock::new(),
            tagged: OnceLock::new(),
            inline: InlineTemplates::default(),
        });
        let mut inline = InlineTemplates::default();
        if let Some(dag) = &template.dag {
            for (i, task) in dag.tasks.iter().enumerate() {
                if let Some(written) = &task.inline {
                    inline.insert((0, place(i)), self.compile(Arc::new((**written).clone()), source));
                }
            }
        }
        for (g, group) in template.steps.iter().flatten().enumerate() {
            for (s, step) in group.iter().enumerate() {
                if let Some(written) = &step.inline {
                    inline.insert((place(g), place(s)), self.compile(Arc::new((**written).clone()), source));
                }
            }
        }
        if let Some(compiled) = self.templates.get_mut(at as usize) {
            compiled.inline = inline;
        }
        at
    }

    /// A template by its place.
    pub fn get(&self, at: u32) -> Option<&Compiled> {
        self.templates.get(at as usize)
    }

    /// The submission's entrypoint.
    pub fn entrypoint(&self) -> Option<&str> {
        self.sources.first()?.entrypoint.as_deref()
    }

    /// The object that holds a template; `None` for the run itself.
    pub fn source_of(&self, at: u32) -> Option<&TemplateSource> {
        let source = self.get(at)?.source;
        self.sources.get(source as usize)?.key.as_ref()
    }

    /// Finds what an invocation means, seen from the source `from`.
    pub fn resolve(&self, from: u32, invocation: Invocation<'_>) -> Resolved {
        if let Some(at) = invocation.inline {
            return Resolved::Here(at);
        }
        if let Some(reference) = invocation.reference {
            return self.resolve_reference(reference);
        }
        let Some(name) = invocation.name.filter(|n| !n.is_empty()) else {
            return Resolved::Unknown("no template is named".to_owned());
        };
        let local = self.sources.get(from as usize);
        match local.and_then(|s| s.by_name.get(name)) {
            Some(at) => Resolved::Here(*at),
            None => Resolved::Unknown(format!("template {name:?} not found")),
        }
    }

    fn resolve_reference(&self, reference: &TemplateRef) -> Resolved {
        let key = TemplateSource { cluster: reference.cluster_scope, name: Text::from(&*reference.name) };
        let Some(source) = self.by_source.get(&key) else { return Resolved::Elsewhere(key) };
        let found = self.sources.get(*source as usize).and_then(|s| s.by_name.get(&*reference.template));
        match found {
            Some(at) => Resolved::Here(*at),
            None => {
                let kind = if key.cluster { "ClusterWorkflowTemplate" } else { "WorkflowTemplate" };
                Resolved::Unknown(format!("{kind} {:?} has no template {:?}", key.name, reference.template))
            }
        }
    }
}

fn place(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl Compiled {
    /// The graph of a DAG.
    pub fn dag(&self, targets: Option<&str>) -> Result<Arc<DagPlan>, Arc<PlanError>> {
        let find = |targets: Option<&str>| match &self.template.dag {
            Some(dag) => DagPlan::new(dag, targets).map(Arc::new).map_err(Arc::new),
            None => Err(Arc::new(PlanError::Target(String::new()))),
        };
        match targets {
            // The targets may be different each time.
            Some(targets) => find(Some(targets)),
            None => self.dag.get_or_init(|| find(None)).clone(),
        }
    }

    /// Names and places of steps.
    pub fn steps(&self) -> Arc<StepsPlan> {
        self.steps
            .get_or_init(|| {
                let groups = self.template.steps.iter().flatten().map(|g| &**g);
                Arc::new(StepsPlan::new(groups))
            })
            .clone()
    }

    /// The strings with tags of a leaf.
    pub fn tagged(&self) -> Option<Arc<Tagged>> {
        self.tagged.get_or_init(|| Tagged::new(&self.template, SKIPPED).ok().map(Arc::new)).clone()
    }

    /// How a task invokes its template.
    pub fn task_invocation(&self, task: u32) -> Option<Invocation<'_>> {
        let it = self.template.dag.as_ref()?.tasks.get(task as usize)?;
        Some(Invocation {
            name: it.template.as_deref(),
            reference: it.template_ref.as_deref(),
            inline: self.inline.get(&(0, task)).copied(),
        })
    }

    /// How a step invokes its template.
    pub fn step_invocation(&self, group: u32, step: u32) -> Option<Invocation<'_>> {
        let it = self.template.steps.as_ref()?.get(group as usize)?.get(step as usize)?;
        Some(Invocation {
            name: it.template.as_deref(),
            reference: it.template_ref.as_deref(),
            inline: self.inline.get(&(group, step)).copied(),
        })
    }
}

impl<'a> Invocation<'a> {
    /// How a hook invokes its template.
    pub fn of_hook(hook: &'a LifecycleHook) -> Self {
        Self { name: Some(&hook.template), reference: hook.template_ref.as_ref(), inline: None }
    }

    /// By name alone.
    pub fn of_name(name: &'a str) -> Self {
        Self { name: Some(name), reference: None, inline: None }
    }
}
