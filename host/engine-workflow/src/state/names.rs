//! Names and ids, made when they are asked for: a hundred thousand nodes need not each hold theirs.

use super::{Kind, NodeIx, Role, RunState};
use crate::holder::{self, Holder};
use crate::values::Text;

impl RunState {
    /// The node's full name: `run[0].build(1:amd64)`.
    pub fn name(&self, ix: NodeIx) -> String {
        let Some(node) = self.node(ix) else { return String::new() };
        let parent = || node.parent.map(|p| self.name(p)).unwrap_or_default();
        match node.role {
            Role::Root => self.run_name().to_owned(),
            Role::Exit => format!("{}.onExit", self.run_name()),
            Role::RunHook(_) => format!("{}.hooks.{}", self.run_name(), self.hook_name(ix)),
            Role::Hook(owner, _) => match &*self.hook_name(ix) {
                "exit" => format!("{}.onExit", self.name(owner)),
                name => format!("{}.hooks.{name}", self.name(owner)),
            },
            Role::Task(_) | Role::Step(_) => format!("{}.{}", parent(), self.holder_name(ix)),
            Role::Group(group) => format!("{}[{group}]", parent()),
            Role::Item(item) => format!("{}({item}{})", parent(), self.item_suffix(ix)),
            Role::Attempt(n) => format!("{}({n})", parent()),
            Role::Container(n) => format!("{}.{}", parent(), self.container_name(ix, n)),
        }
    }

    /// The node's name for people, unique in its boundary.
    pub fn display_name(&self, ix: NodeIx) -> String {
        let Some(node) = self.node(ix) else { return String::new() };
        let parent = || node.parent.map(|p| self.display_name(p)).unwrap_or_default();
        match node.role {
            Role::Root | Role::Exit | Role::RunHook(_) => self.name(ix),
            Role::Hook(owner, _) => match &*self.hook_name(ix) {
                "exit" => format!("{}.onExit", self.display_name(owner)),
                name => format!("{}.hooks.{name}", self.display_name(owner)),
            },
            Role::Task(_) | Role::Step(_) => self.holder_name(ix),
            Role::Group(group) => format!("[{group}]"),
            Role::Item(item) => format!("{}({item}{})", parent(), self.item_suffix(ix)),
            Role::Attempt(n) => format!("{}({n})", parent()),
            Role::Container(n) => self.container_name(ix, n),
        }
    }

    /// The node's id.
    pub fn id(&self, ix: NodeIx) -> String {
        model::names::node_id(self.run_name(), &self.name(ix))
    }

    /// The name of the pod that runs the node.
    pub fn pod_name(&self, ix: NodeIx) -> String {
        let template = self.node(ix).and_then(|n| n.template).and_then(|t| self.run()?.program.get(t));
        let template = template.map_or("", |c| c.template.name.as_str());
        model::names::pod_name(self.run_name(), template, &self.name(ix))
    }

    /// The run's name.
    pub fn run_name(&self) -> &str {
        self.run().map_or("", |run| run.submission.metadata.name.as_str())
    }

    fn holder_name(&self, ix: NodeIx) -> String {
        match holder::holder(self, ix) {
            Some(Holder::Task(_, _, task)) => task.name.to_string(),
            Some(Holder::Step(_, _, _, step)) => step.name.to_string(),
            _ => String::new(),
        }
    }

    fn hook_name(&self, ix: NodeIx) -> Text {
        let name = self.node(ix).and_then(|node| match node.role {
            Role::RunHook(hook) => self.run()?.hooks.list.get(hook as usize),
            Role::Hook(owner, hook) => self.node(owner)?.hooks.as_ref()?.list.get(hook as usize),
            _ => None,
        });
        name.map(|(name, _)| name.clone()).unwrap_or_default()
    }

    fn container_name(&self, ix: NodeIx, n: u32) -> String {
        let name = || {
            let parent = self.node(self.node(ix)?.parent?)?;
            let template = &self.run()?.program.get(parent.template?)?.template;
            Some(template.container_set.as_ref()?.containers.get(n as usize)?.container.name.to_string())
        };
        name().unwrap_or_else(|| n.to_string())
    }

    /// `:value` of a loop's item, as it stands in names.
    fn item_suffix(&self, ix: NodeIx) -> String {
        match self.item(ix) {
            Some(item) => format!(":{}", item_text(item)),
            None => String::new(),
        }
    }

    /// The item (as JSON) of the iteration that this node is, or is an attempt of.
    pub fn item(&self, ix: NodeIx) -> Option<&str> {
        let node = self.node(ix)?;
        match node.role {
            Role::Item(item) => match self.node(node.parent?)?.body.as_deref()? {
                super::Body::Loop(run) => run.items.get(item as usize).map(|text| &**text),
                _ => None,
            },
            Role::Attempt(_) => self.item(node.parent?),
            Role::Hook(owner, _) => self.item(owner),
            _ => None,
        }
    }

    /// Whether people see this node: a loop in steps is not a node of its own.
    pub fn is_shown(&self, ix: NodeIx) -> bool {
        let hidden = |n: &super::Node| n.kind == Kind::Loop && matches!(n.role, Role::Step(_));
        self.node(ix).is_some_and(|n| !n.flags.removed && !hidden(n))
    }
}

/// How an item stands in a name: text as it is, a map as `key:value` pairs in order of key, other values as JSON.
fn item_text(item: &str) -> String {
    match serde_json::from_str::<serde_json::Value>(item) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(serde_json::Value::Object(fields)) => {
            let mut pairs: Vec<String> = fields
                .iter()
                .map(|(key, value)| match value {
                    serde_json::Value::String(text) => format!("{key}:{text}"),
                    other => format!("{key}:{other}"),
                })
                .collect();
            pairs.sort();
            pairs.join(",")
        }
        Ok(other) => other.to_string(),
        Err(_) => item.to_owned(),
    }
}
