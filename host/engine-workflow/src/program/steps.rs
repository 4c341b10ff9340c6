//! Names and places of a steps template.

use model::workflow::WorkflowStep;
use rustc_hash::FxHashMap;

/// Where each step stands: its group and its place in it.
#[derive(Debug, Default)]
pub struct StepsPlan {
    by_name: FxHashMap<Box<str>, (u32, u32)>,
}

impl StepsPlan {
    /// Finds the places. Of two steps with one name the first is found (validation refuses such a template).
    pub fn new<'a>(groups: impl IntoIterator<Item = &'a [WorkflowStep]>) -> Self {
        let mut by_name = FxHashMap::default();
        for (g, group) in groups.into_iter().enumerate() {
            for (s, step) in group.iter().enumerate() {
                by_name
                    .entry(Box::from(&*step.name))
                    .or_insert((u32::try_from(g).unwrap_or(u32::MAX), u32::try_from(s).unwrap_or(u32::MAX)));
            }
        }
        Self { by_name }
    }

    /// A step's group and place in it.
    pub fn place(&self, name: &str) -> Option<(u32, u32)> {
        self.by_name.get(name).copied()
    }
}
