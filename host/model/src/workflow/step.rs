//! Steps and tasks: the calls of templates. A DAG may have 10⁵ tasks, so what is rare stands behind a pointer.

use indexmap::IndexMap;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Serialize, Serializer};

use super::{Arguments, ContinueOn, Item, LifecycleHook, Sequence, Template};

record! {
    /// A template of a WorkflowTemplate or ClusterWorkflowTemplate.
    pub struct TemplateRef {
        /// The object's name.
        pub name: String,
        /// The template in it.
        pub template: String,
        /// The object is a ClusterWorkflowTemplate.
        pub cluster_scope: bool,
    }

    /// A graph of tasks.
    pub struct DagTemplate {
        /// The tasks that must be done, separated by spaces; all by default.
        pub target: Option<String>,
        /// The tasks.
        pub tasks: Box<[DagTask]>,
        /// Starts no further task once one has failed; true by default.
        pub fail_fast: Option<bool>,
    }

    /// A task of a graph: a call of a template, after other tasks.
    pub struct DagTask {
        /// The task's name, unique in the graph.
        pub name: Box<str>,
        /// The template.
        pub template: Option<Box<str>>,
        /// A template written here.
        pub inline: Option<Box<Template>>,
        /// What it is given.
        pub arguments: Option<Box<Arguments>>,
        /// A template of another object.
        pub template_ref: Option<Box<TemplateRef>>,
        /// Tasks that must be done before.
        pub dependencies: Vec<Box<str>>,
        /// Repeats over a list.
        pub with_items: Option<Vec<Item>>,
        /// Repeats over a list that is a tag or JSON text.
        pub with_param: Option<Box<str>>,
        /// Repeats over numbers.
        pub with_sequence: Option<Box<Sequence>>,
        /// The condition under which it runs.
        pub when: Option<Box<str>>,
        /// Ends that count as success.
        pub continue_on: Option<ContinueOn>,
        /// A template that runs after it (before 3.0; use `hooks.exit`).
        pub on_exit: Option<Box<str>>,
        /// Which ends of which tasks it waits for, such as `a.Succeeded && (b || c.Failed)`.
        pub depends: Option<Box<str>>,
        /// Templates that run when an expression becomes true.
        pub hooks: Option<Box<IndexMap<String, LifecycleHook>>>,
    }

    /// A step of a list of steps: a call of a template.
    pub struct WorkflowStep {
        /// The step's name, unique in the template.
        pub name: Box<str>,
        /// The template.
        pub template: Option<Box<str>>,
        /// A template written here.
        pub inline: Option<Box<Template>>,
        /// What it is given.
        pub arguments: Option<Box<Arguments>>,
        /// A template of another object.
        pub template_ref: Option<Box<TemplateRef>>,
        /// Repeats over a list.
        pub with_items: Option<Vec<Item>>,
        /// Repeats over a list that is a tag or JSON text.
        pub with_param: Option<Box<str>>,
        /// Repeats over numbers.
        pub with_sequence: Option<Box<Sequence>>,
        /// The condition under which it runs.
        pub when: Option<Box<str>>,
        /// Ends that count as success.
        pub continue_on: Option<ContinueOn>,
        /// A template that runs after it (before 3.0; use `hooks.exit`).
        pub on_exit: Option<Box<str>>,
        /// Templates that run when an expression becomes true.
        pub hooks: Option<Box<IndexMap<String, LifecycleHook>>>,
    }
}

impl DagTask {
    /// What the task is given; empty when nothing is written.
    pub fn arguments(&self) -> &Arguments {
        self.arguments.as_deref().unwrap_or(Arguments::NONE)
    }
}

impl WorkflowStep {
    /// What the step is given; empty when nothing is written.
    pub fn arguments(&self) -> &Arguments {
        self.arguments.as_deref().unwrap_or(Arguments::NONE)
    }
}

/// Steps that run at the same time. A single step in place of a list is read as a list of one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ParallelSteps(pub Vec<WorkflowStep>);

impl std::ops::Deref for ParallelSteps {
    type Target = [WorkflowStep];
    fn deref(&self) -> &[WorkflowStep] {
        &self.0
    }
}

impl Serialize for ParallelSteps {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ParallelSteps {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListOrOne;
        impl<'de> Visitor<'de> for ListOrOne {
            type Value = ParallelSteps;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of steps that run at the same time")
            }

            fn visit_unit<E: Error>(self) -> Result<ParallelSteps, E> {
                Ok(ParallelSteps::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ParallelSteps, A::Error> {
                let mut steps = Vec::new();
                while let Some(step) = seq.next_element()? {
                    steps.push(step);
                }
                Ok(ParallelSteps(steps))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ParallelSteps, A::Error> {
                let step = WorkflowStep::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(ParallelSteps(vec![step]))
            }
        }
        deserializer.deserialize_any(ListOrOne)
    }
}

impl schemars::JsonSchema for ParallelSteps {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ParallelSteps".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let step = generator.subschema_for::<WorkflowStep>();
        schemars::json_schema!({"anyOf": [{"type": "array", "items": step}, step]})
    }
    fn inline_schema() -> bool {
        true
    }
}
