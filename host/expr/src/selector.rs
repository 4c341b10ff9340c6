//! Selectors: labels, fields, and the conditions of resource templates.

use std::collections::BTreeMap;

use crate::Error;

/// A Kubernetes label selector: all requirements must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selector {
    requirements: Vec<Requirement>,
}

/// One requirement.
#[derive(Clone, Debug, PartialEq)]
pub struct Requirement {
    /// The label's key.
    pub key: String,
    /// What is asked of its value.
    pub operator: Operator,
    /// The values it is compared with.
    pub values: Vec<String>,
}

/// An operator of a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=`, `==`
    Equals,
    /// `!=`
    NotEquals,
    /// `in (a, b)`
    In,
    /// `notin (a, b)`
    NotIn,
    /// `key`
    Exists,
    /// `!key`
    DoesNotExist,
    /// `>`
    GreaterThan,
    /// `<`
    LessThan,
}

impl Selector {
    /// Parses `app=web,tier in (a,b),!legacy`. The empty string selects everything.
    pub fn parse(source: &str) -> Result<Selector, Error> {
        let _ = source;
        Ok(Selector::default())
    }

    /// A selector from the structured form: `matchLabels` and `matchExpressions` as `(key, operator, values)` with the operators `In`, `NotIn`,
    /// `Exists`, `DoesNotExist`.
    pub fn from_parts(
        match_labels: &BTreeMap<String, String>,
        match_expressions: &[(String, String, Vec<String>)],
    ) -> Result<Selector, Error> {
        let (_, _) = (match_labels, match_expressions);
        Ok(Selector::default())
    }

    /// The requirements.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// Do the labels that `label` gives fulfil all requirements?
    pub fn matches<'l>(&self, label: impl Fn(&str) -> Option<&'l str>) -> bool {
        let _ = label;
        false
    }
}

/// A field selector: `status.phase=Running,metadata.name!=x`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FieldSelector {
    terms: Vec<(String, bool, String)>,
}

impl FieldSelector {
    /// Parses `source`; the empty string selects everything.
    pub fn parse(source: &str) -> Result<FieldSelector, Error> {
        let _ = source;
        Ok(FieldSelector::default())
    }

    /// The terms: field path, `true` for equal and `false` for unequal, value.
    pub fn terms(&self) -> impl Iterator<Item = (&str, bool, &str)> {
        self.terms.iter().map(|(field, equal, value)| (field.as_str(), *equal, value.as_str()))
    }

    /// Do the fields that `field` gives fulfil all terms? A missing field is the empty string.
    pub fn matches<'l>(&self, field: impl Fn(&str) -> Option<&'l str>) -> bool {
        let _ = field;
        false
    }
}

/// The `successCondition` or `failureCondition` of a resource template: `status.phase == Succeeded, status.active > 3`.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceCondition {
    selector: Selector,
}

impl ResourceCondition {
    /// Parses `source`.
    pub fn parse(source: &str) -> Result<ResourceCondition, Error> {
        Ok(ResourceCondition { selector: Selector::parse(source)? })
    }

    /// Does the object fulfil all requirements?
    pub fn matches(&self, object: &serde_json::Value) -> bool {
        let _ = object;
        self.selector.requirements.is_empty()
    }
}
