//! A world: what survives crashes, one life after another, and how it all ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use model::Object;
use model::workflow::{NodePhase, WorkflowPhase, WorkflowStatus};
use runtime::control::{Control, NodeEvent};
use runtime::{Runtime, RuntimeConfig, Settings};
use store::StoreError;
use store::journal::Journal;
use store::memory::MemoryStore;
use store::objects::{Gvk, ListQuery, Objects, Selector};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::faults::{Faults, Plan};
use crate::journal::{LyingJournal, Owners};
use crate::machine::{Decide, Machine, MachineRunner};
use crate::objects::LyingObjects;
use crate::person::{Answer, Asked, Person};
use crate::ports::Nothing;
use crate::time::Time;

/// What runs may take in the world's time; longer is never.
const ENDS_WITHIN: Duration = Duration::from_secs(4 * 3600);
/// How long what follows the ends (locks given back, results taken) may take.
const SETTLES_WITHIN: Duration = Duration::from_secs(120);
/// How long a client waits before it watches again.
const WATCH_AGAIN: Duration = Duration::from_millis(100);
/// More crashes than any plan has.
const LIVES_MAX: usize = 200;

/// What is played.
pub struct Scenario {
    /// The objects, in the order in which a person makes them: workflows begin to run at once.
    pub objects: Vec<Object>,
    /// How steps go.
    pub decide: Decide,
    /// Steps of a template that may run at once, by the template's name.
    pub exclusive: BTreeMap<String, usize>,
    /// The server's settings.
    pub settings: Settings,
    /// What a person asks of the runs, one after another.
    pub commands: Vec<Asked>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOutcome {
    /// Its phase.
    pub phase: WorkflowPhase,
    /// Why.
    pub message: String,
    /// Its nodes' phases by name.
    pub nodes: BTreeMap<String, NodePhase>,
    /// Its output parameters.
    pub outputs: BTreeMap<String, String>,
}

/// How a world ended.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Runs by name.
    pub runs: BTreeMap<String, RunOutcome>,
    /// Appends to the journal.
    pub appends: u64,
    /// Crashes.
    pub crashes: usize,
    /// Answers to the commands, in order.
    pub answers: Vec<Answer>,
    /// Steps that began, in order: when (milliseconds since the epoch), and the node's name.
    pub started: Vec<(i64, String)>,
    /// Commits of a server that another one had followed: all were refused.
    pub fenced: u64,
    /// What must not be: steps that ran twice, locks that did not hold, things that were left behind, runs that did not end.
    pub violations: Vec<String>,
    /// The faults that were, in order.
    pub faults: Vec<String>,
}

/// Plays a scenario to its end.
pub fn play(scenario: &Scenario, plan: Plan) -> Outcome {
    let time = Arc::new(Time::new(plan.seed));
    let machine = Arc::new(Machine::new(time.clone(), scenario.decide, scenario.exclusive.clone()));
    let world = World {
        store: MemoryStore::new(time.clone()),
        faults: Arc::new(Faults::new(plan)),
        time,
        machine,
        owners: Arc::default(),
        person: Arc::default(),
    };
    let mut crashes = 0;
    let mut outcome = Outcome::default();
    loop {
        match world.live(scenario, crashes) {
            Life::Crashed if crashes < LIVES_MAX => crashes += 1,
            Life::Crashed => {
                outcome.violations.push("the server crashed more often than it can".to_owned());
                break;
            }
            Life::Stuck(what) => {
                outcome.violations.push(what);
                break;
            }
            Life::Ended(runs) => {
                outcome.runs = runs;
                break;
            }
        }
    }
    outcome.crashes = crashes;
    outcome.appends = world.faults.appends();
    outcome.violations.extend(world.machine.violations());
    let (unfenced, fenced) = world.owners.seen();
    outcome.violations.extend(unfenced);
    outcome.fenced = fenced;
    outcome.answers = world.person.answers();
    outcome.started = world.machine.started();
    outcome.faults = world.faults.told();
    outcome
}

enum Life {
    Crashed,
    /// What did not come.
    Stuck(String),
    Ended(BTreeMap<String, RunOutcome>),
}

struct World {
    store: Arc<MemoryStore>,
    machine: Arc<Machine>,
    faults: Arc<Faults>,
    time: Arc<Time>,
    owners: Arc<Owners>,
    person: Arc<Person>,
}

impl World {
    /// One server, from its start to its death or to the end of all runs.
    fn live(&self, scenario: &Scenario, earlier: usize) -> Life {
        let Ok(tokio) = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build() else {
            return Life::Stuck("no Tokio runtime can be made".to_owned());
        };
        self.faults.revive();
        tokio.block_on(async {
            self.time.begin();
            let life = tokio::select! {
                biased;
                () = self.faults.death() => Life::Crashed,
                life = self.serve(scenario, earlier) => life,
            };
            self.time.end();
            life
        })
    }

    /// Another server on what is durable and on the machine.
    async fn start(&self, scenario: &Scenario, generation: u64) -> store::Result<Arc<Runtime>> {
        let (events, unit_events) = mpsc::channel(64);
        let runner = MachineRunner {
            machine: self.machine.clone(),
            time: self.time.clone(),
            faults: self.faults.clone(),
            events,
        };
        let (inner, faults, owners) = (self.store.clone(), self.faults.clone(), self.owners.clone());
        let apart = faults.plan().apart;
        Runtime::start(RuntimeConfig {
            objects: Arc::new(LyingObjects { inner: inner.clone(), faults: faults.clone() }),
            journal: Arc::new(LyingJournal { inner, faults, apart, owners }),
            runner: Arc::new(runner),
            unit_events,
            artifacts: Arc::new(Nothing),
            repositories: Arc::new(Nothing),
            requests: Arc::new(Nothing),
            plugins: Arc::new(plugin::NoPlugins),
            jq: Arc::new(Nothing),
            clock: self.time.clone(),
            settings: scenario.settings.clone(),
            generation,
        })
        .await
    }

    async fn serve(&self, scenario: &Scenario, earlier: usize) -> Life {
        let generation = 2 * earlier as u64 + 1;
        // A server that cannot start is started again by whoever watches over it.
        let Ok(mut runtime) = self.start(scenario, generation).await else { return Life::Crashed };
        for object in &scenario.objects {
            self.submit(object, &runtime).await;
        }
        // It lives on when another takes over.
        let first = runtime.clone();
        if self.faults.plans_takeover() && self.is_taken_over(scenario, &runtime).await {
            let Ok(second) = self.start(scenario, generation + 1).await else { return Life::Crashed };
            runtime = second;
        }
        let watches = watch_all(&runtime, scenario);
        if tokio::time::timeout(ENDS_WITHIN, self.all_done(scenario, &runtime)).await.is_err() {
            return Life::Stuck(format!("not all runs ended: {}", self.how_it_stands(&runtime).await));
        }
        self.faults.calm();
        if tokio::time::timeout(SETTLES_WITHIN, self.settled()).await.is_err() {
            return Life::Stuck(format!("something is left: {}", self.leftovers().await.join(", ")));
        }
        for (name, watch) in watches {
            if !matches!(tokio::time::timeout(SETTLES_WITHIN, watch).await, Ok(Ok(true))) {
                return Life::Stuck(format!("who watched {name} was not told its end"));
            }
        }
        let mut runs = BTreeMap::new();
        for workflow in self.workflows().await {
            let (namespace, name) = (&workflow.metadata.namespace, &workflow.metadata.name);
            match runtime.full_status(namespace, name).await {
                Ok(status) => drop(runs.insert(name.clone(), outcome(&status))),
                Err(problem) => return Life::Stuck(format!("the status of {name} cannot be read: {problem}")),
            }
        }
        drop(first);
        Life::Ended(runs)
    }

    /// A client that does not give up. In a later life it finds its object there.
    async fn submit(&self, object: &Object, runtime: &Runtime) {
        if object.kind == "Workflow" {
            loop {
                match runtime.create(object).await {
                    Ok(None) => break,
                    Ok(Some(_)) | Err(StoreError::AlreadyExists { .. }) => return,
                    Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
                }
            }
        }
        let _ = self.store.create(object.clone()).await;
    }

    /// Returns when another server is to take over, or when all is done before.
    async fn is_taken_over(&self, scenario: &Scenario, runtime: &Runtime) -> bool {
        tokio::select! {
            biased;
            () = self.faults.takeover() => true,
            _ = tokio::time::timeout(ENDS_WITHIN, self.all_done(scenario, runtime)) => false,
        }
    }

    /// A person gives all commands, then all runs end.
    async fn all_done(&self, scenario: &Scenario, runtime: &Runtime) {
        self.person.go_on(&scenario.commands, runtime, (self.faults.clone(), self.time.clone())).await;
        self.all_ended(scenario).await;
    }

    async fn workflows(&self) -> Vec<Arc<Object>> {
        let selector = Selector { gvk: Some(Gvk::new("argoproj.io/v1alpha1", "Workflow")), ..Selector::default() };
        let page = self.store.list(&ListQuery { selector, ..ListQuery::default() }).await;
        page.map(|page| page.items).unwrap_or_default()
    }

    async fn all_ended(&self, scenario: &Scenario) {
        let wanted = scenario.objects.iter().filter(|o| o.kind == "Workflow").count();
        loop {
            let workflows = self.workflows().await;
            let ended = |o: &Arc<Object>| {
                o.metadata.labels.get("workflows.argoproj.io/completed").is_some_and(|value| value == "true")
            };
            if workflows.len() == wanted && workflows.iter().all(ended) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn settled(&self) {
        while !self.leftovers().await.is_empty() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// What should be gone when all runs have ended.
    async fn leftovers(&self) -> Vec<String> {
        let mut left: Vec<String> = self.machine.left().iter().map(|key| format!("step {key}")).collect();
        for engine in ["workflow", "limiter"] {
            if let Ok(mut live) = self.store.live(engine).await {
                while let Some(Ok(info)) = live.next().await {
                    left.push(info.instance.to_string());
                }
            }
        }
        left
    }

    async fn how_it_stands(&self, runtime: &Runtime) -> String {
        let mut told = Vec::new();
        self.faults.calm();
        for workflow in self.workflows().await {
            let (namespace, name) = (&workflow.metadata.namespace, &workflow.metadata.name);
            if let Ok(status) = runtime.full_status(namespace, name).await
                && !status.phase.is_finished()
            {
                let open = status.nodes.values().filter(|n| !n.phase.is_finished());
                let open: Vec<_> = open.map(|n| format!("{} {:?} {}", n.name, n.phase, n.message)).collect();
                told.push(format!("{name} {:?} ({}) [{}]", status.phase, status.message, open.join("; ")));
            }
        }
        told.extend(self.leftovers().await);
        told.join(", ")
    }
}

/// A client for each run, that watches it to its end.
fn watch_all(runtime: &Arc<Runtime>, scenario: &Scenario) -> Vec<(String, JoinHandle<bool>)> {
    let runs = scenario.objects.iter().filter(|object| object.kind == "Workflow");
    runs.map(|run| {
        let (namespace, name) = (run.metadata.namespace.clone(), run.metadata.name.clone());
        (name.clone(), tokio::spawn(watch(runtime.clone(), namespace, name)))
    })
    .collect()
}

/// Watches a run, again when the watch is cut; whether it was told the end.
async fn watch(runtime: Arc<Runtime>, namespace: String, name: String) -> bool {
    loop {
        let Ok(mut events) = runtime.watch_nodes(&namespace, &name).await else {
            tokio::time::sleep(WATCH_AGAIN).await;
            continue;
        };
        loop {
            match events.next().await {
                Some(Ok(NodeEvent::Ended { .. })) => return true,
                Some(Ok(_)) => {}
                Some(Err(_)) => break,
                None => return false,
            }
        }
    }
}

fn outcome(status: &WorkflowStatus) -> RunOutcome {
    let parameters = status.outputs.iter().flat_map(|outputs| &outputs.parameters);
    RunOutcome {
        phase: status.phase,
        message: status.message.to_string(),
        nodes: status.nodes.values().map(|node| (node.name.to_string(), node.phase)).collect(),
        outputs: parameters
            .map(|p| (p.name.to_string(), p.value.as_ref().map(ToString::to_string).unwrap_or_default()))
            .collect(),
    }
}
