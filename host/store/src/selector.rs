//! Whether a selector shows an object.

use std::collections::BTreeMap;

use model::Object;

use crate::objects::{LabelRequirement, Selector};
use crate::{Limits, Result, StoreError};

impl LabelRequirement {
    /// The label that it speaks of.
    pub fn key(&self) -> &str {
        match self {
            Self::In(key, _) | Self::NotIn(key, _) | Self::Exists(key) | Self::NotExists(key) => key,
        }
    }

    /// Whether it holds for these labels.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(self.key());
        match self {
            Self::In(_, values) => value.is_some_and(|v| values.contains(v)),
            Self::NotIn(_, values) => value.is_none_or(|v| !values.contains(v)),
            Self::Exists(_) => value.is_some(),
            Self::NotExists(_) => value.is_none(),
        }
    }
}

impl Selector {
    /// All objects of one kind.
    pub fn of(gvk: crate::objects::Gvk) -> Self {
        Self { gvk: Some(gvk), ..Self::default() }
    }

    /// One object.
    pub fn one(key: crate::objects::Key) -> Self {
        Self { gvk: Some(key.gvk), namespace: Some(key.namespace), name: Some(key.name), ..Self::default() }
    }

    /// Whether it shows this object, whose `status.phase` is `phase`.
    pub fn matches(&self, object: &Object, phase: &str) -> bool {
        let meta = &object.metadata;
        let created = || meta.creation_timestamp.map_or(0, |t| t.as_millis());
        self.name.as_ref().is_none_or(|n| **n == meta.name)
            && self.gvk.as_ref().is_none_or(|g| *g.kind == object.kind && *g.api_version == object.api_version)
            && self.namespace.as_ref().is_none_or(|n| **n == meta.namespace)
            && (self.phases.is_empty() || self.phases.iter().any(|p| p == phase))
            && self.labels.iter().all(|r| r.matches(&meta.labels))
            && self.created_from.is_none_or(|from| created() >= from)
            && self.created_until.is_none_or(|until| created() < until)
            && self.owner_uid.as_ref().is_none_or(|uid| meta.owner_references.iter().any(|o| o.uid == *uid))
            && self.name_prefix.as_ref().is_none_or(|p| meta.name.starts_with(p.as_str()))
    }

    /// Refuses what has too many terms.
    pub fn check(&self, limits: &Limits) -> Result<()> {
        let values: usize = self
            .labels
            .iter()
            .map(|r| match r {
                LabelRequirement::In(_, values) | LabelRequirement::NotIn(_, values) => values.len().max(1),
                _ => 1,
            })
            .sum();
        let terms = (values + self.phases.len()) as u64;
        Limits::check(|| "the selector".to_owned(), "selector_terms_max", limits.selector_terms_max, terms)?;
        if self.labels.iter().any(|r| r.key().is_empty()) {
            return Err(StoreError::Invalid {
                what: "the label selector".to_owned(),
                reason: "a label's name is empty".to_owned(),
            });
        }
        Ok(())
    }
}
