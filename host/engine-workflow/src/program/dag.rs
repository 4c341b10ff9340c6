//! A DAG's graph, found once per template.

use model::workflow::{DagTask, DagTemplate};
use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use rustc_hash::{FxHashMap, FxHashSet};

use expr::Depends;

/// A DAG's tasks and how they depend on one another.
#[derive(Debug)]
pub struct DagPlan {
    /// An edge from a task to each that waits for it. Weights: tasks are in the order of the template.
    graph: DiGraph<(), ()>,
    by_name: FxHashMap<Box<str>, u32>,
    /// Conditions of tasks that have a `depends` of their own, or several plain dependencies.
    depends: Vec<Option<Box<Depends>>>,
    /// Tasks that take part: all, or those above the targets.
    included: Option<Vec<bool>>,
    /// Tasks on which the DAG's end depends: the targets, or those that nobody waits for.
    targets: Vec<u32>,
    fail_fast: bool,
}

/// Why a DAG cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Two tasks of one name.
    #[error("task name {0:?} is used twice")]
    Duplicate(String),
    /// A dependency that is not there.
    #[error("task {task:?} depends on {missing:?}, which is no task of this DAG")]
    Unknown {
        /// The task.
        task: String,
        /// What it names.
        missing: String,
    },
    /// `depends` cannot be read.
    #[error("task {task:?}: depends: {source}")]
    Depends {
        /// The task.
        task: String,
        /// What is wrong.
        source: Box<expr::Error>,
    },
    /// Both forms at once.
    #[error("task {0:?} has both depends and dependencies; use one of them")]
    Both(String),
    /// A circle.
    #[error("the tasks wait for one another in a circle: {0}")]
    Cycle(String),
    /// A target that is not there.
    #[error("target {0:?} is no task of this DAG")]
    Target(String),
}

impl DagPlan {
    /// Finds the graph. `targets` is the rendered `dag.target`.
    pub fn new(dag: &DagTemplate, targets: Option<&str>) -> Result<Self, PlanError> {
        let mut by_name = FxHashMap::default();
        by_name.reserve(dag.tasks.len());
        for (i, task) in dag.tasks.iter().enumerate() {
            let place = u32::try_from(i).unwrap_or(u32::MAX);
            if by_name.insert(Box::from(&*task.name), place).is_some() {
                return Err(PlanError::Duplicate(task.name.to_string()));
            }
        }
        let mut depends = Vec::with_capacity(dag.tasks.len());
        let mut edges = Vec::with_capacity(dag.tasks.len());
        for (i, task) in dag.tasks.iter().enumerate() {
            depends.push(link(&mut edges, &by_name, i, task)?);
        }
        // Joins can have millions of edges: room for exactly these.
        let mut graph = DiGraph::with_capacity(dag.tasks.len(), edges.len());
        for _ in &dag.tasks {
            graph.add_node(());
        }
        // The graph tells the neighbours that were added last first: added backwards, tasks become ready in the order in which they are written.
        for (from, to) in edges.into_iter().rev() {
            graph.add_edge(from, to, ());
        }
        if let Err(cycle) = petgraph::algo::toposort(&graph, None) {
            return Err(PlanError::Cycle(describe_cycle(&graph, cycle.node_id(), dag)));
        }
        let mut plan = Self {
            graph,
            by_name,
            depends,
            included: None,
            targets: Vec::new(),
            fail_fast: dag.fail_fast.unwrap_or(true),
        };
        plan.choose(targets.unwrap_or_default())?;
        Ok(plan)
    }

    /// Limits the DAG to the targets and what they need.
    fn choose(&mut self, targets: &str) -> Result<(), PlanError> {
        for name in targets.split_whitespace() {
            match self.by_name.get(name) {
                Some(place) => self.targets.push(*place),
                None => return Err(PlanError::Target(name.to_owned())),
            }
        }
        if self.targets.is_empty() {
            self.targets = self.graph.externals(Direction::Outgoing).map(place).collect();
            return Ok(());
        }
        let mut included = vec![false; self.len()];
        let mut open: Vec<u32> = self.targets.clone();
        while let Some(task) = open.pop() {
            if let Some(mark) = included.get_mut(task as usize)
                && !*mark
            {
                *mark = true;
                open.extend(self.dependencies(task));
            }
        }
        self.included = Some(included);
        Ok(())
    }

    /// How many tasks there are.
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.graph.node_count() == 0
    }

    /// A task's place.
    pub fn place(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    /// The tasks that this one waits for.
    pub fn dependencies(&self, task: u32) -> impl Iterator<Item = u32> + '_ {
        self.graph.neighbors_directed(NodeIndex::new(task as usize), Direction::Incoming).map(place)
    }

    /// The tasks that wait for this one.
    pub fn dependents(&self, task: u32) -> impl Iterator<Item = u32> + '_ {
        self.graph.neighbors_directed(NodeIndex::new(task as usize), Direction::Outgoing).map(place)
    }

    /// The task's condition; `None` when there are no dependencies, or one that is named plainly.
    pub fn depends(&self, task: u32) -> Option<&Depends> {
        self.depends.get(task as usize)?.as_deref()
    }

    /// Whether a task takes part.
    pub fn includes(&self, task: u32) -> bool {
        self.included.as_ref().is_none_or(|marks| marks.get(task as usize).copied().unwrap_or(false))
    }

    /// The tasks in an order in which each comes behind those it waits for.
    pub fn order(&self) -> Vec<u32> {
        // The graph was found to have no circle when it was made.
        petgraph::algo::toposort(&self.graph, None).unwrap_or_default().into_iter().map(place).collect()
    }

    /// The tasks on which the DAG's end depends.
    pub fn targets(&self) -> &[u32] {
        &self.targets
    }

    /// Whether nobody waits for this task, or it is a target.
    pub fn is_target(&self, task: u32) -> bool {
        match &self.included {
            None => self.dependents(task).next().is_none(),
            Some(_) => self.targets.contains(&task),
        }
    }

    /// `failFast`, by default true.
    pub fn fail_fast(&self) -> bool {
        self.fail_fast
    }
}

fn place(node: NodeIndex) -> u32 {
    u32::try_from(node.index()).unwrap_or(u32::MAX)
}

fn link(
    edges: &mut Vec<(NodeIndex, NodeIndex)>,
    by_name: &FxHashMap<Box<str>, u32>,
    at: usize,
    task: &DagTask,
) -> Result<Option<Box<Depends>>, PlanError> {
    let mut edge = |name: &str| match by_name.get(name) {
        Some(from) => {
            edges.push((NodeIndex::new(*from as usize), NodeIndex::new(at)));
            Ok(())
        }
        None => Err(PlanError::Unknown { task: task.name.to_string(), missing: name.to_owned() }),
    };
    let text = task.depends.as_deref().unwrap_or_default().trim();
    if text.is_empty() {
        // A join may name a hundred thousand tasks.
        let mut seen: FxHashSet<&str> = FxHashSet::default();
        for name in &task.dependencies {
            if seen.insert(name) {
                edge(name)?;
            }
        }
        // Plain names need no condition of their own: each is asked whether it ended well.
        return Ok(None);
    }
    if !task.dependencies.is_empty() {
        return Err(PlanError::Both(task.name.to_string()));
    }
    let depends = Depends::parse(text)
        .map_err(|source| PlanError::Depends { task: task.name.to_string(), source: Box::new(source) })?;
    for named in depends.tasks() {
        edge(&named.name)?;
    }
    let plain =
        depends.tasks().len() == 1 && depends.tasks().iter().all(|t| t.bare && t.results.is_empty() && t.name == text);
    Ok((!plain).then(|| Box::new(depends)))
}

fn describe_cycle(graph: &DiGraph<(), ()>, start: NodeIndex, dag: &DagTemplate) -> String {
    let name = |n: NodeIndex| dag.tasks.get(n.index()).map_or("?", |t| &*t.name);
    // Walk along edges that stay within the strongly connected component until a task comes twice.
    let component = petgraph::algo::tarjan_scc(graph).into_iter().find(|c| c.contains(&start)).unwrap_or_default();
    let mut path = vec![start];
    let mut at = start;
    while let Some(next) = graph.neighbors_directed(at, Direction::Outgoing).find(|n| component.contains(n)) {
        if let Some(from) = path.iter().position(|n| *n == next) {
            path.drain(..from);
            path.push(next);
            break;
        }
        path.push(next);
        at = next;
    }
    path.into_iter().map(name).collect::<Vec<_>>().join(" → ")
}
