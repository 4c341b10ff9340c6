//! What flows between nodes: evaluated parameters and artifacts.

use std::sync::Arc;

use model::workflow::Artifact;
use serde::{Deserialize, Serialize};

/// Shared text: parameter values and names are copied by reference.
pub type Text = Arc<str>;

/// A named, evaluated parameter. `None` is a value that will never come: the output of a step that did not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Param {
    /// Its name.
    #[serde(rename = "n")]
    pub name: Text,
    /// Its value.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Text>,
}

/// A node's evaluated inputs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Inputs {
    /// In the order of the template's declaration.
    #[serde(rename = "p", default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Param>,
    /// With their locations; an optional one that is not there is left out.
    #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Artifact>,
}

impl Inputs {
    /// A parameter by name.
    pub fn parameter(&self, name: &str) -> Option<&Text> {
        self.parameters.iter().find(|p| &*p.name == name).and_then(|p| p.value.as_ref())
    }

    /// An artifact by name.
    pub fn artifact(&self, name: &str) -> Option<&Artifact> {
        self.artifacts.iter().find(|a| &*a.name == name)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty() && self.artifacts.is_empty()
    }
}

/// A node's outputs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Parameters in the order of the template's declaration.
    #[serde(rename = "p", default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Param>,
    /// Artifacts with their locations.
    #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Artifact>,
    /// Standard output of a script or container, the value of an expression of a data template, the body of an HTTP answer.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Text>,
    /// The main container's exit code.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
}

impl Outputs {
    /// A parameter by name; the inner `None` is a parameter without a value.
    pub fn parameter(&self, name: &str) -> Option<Option<&Text>> {
        self.parameters.iter().find(|p| &*p.name == name).map(|p| p.value.as_ref())
    }

    /// An artifact by name.
    pub fn artifact(&self, name: &str) -> Option<&Artifact> {
        self.artifacts.iter().find(|a| &*a.name == name)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty() && self.artifacts.is_empty() && self.result.is_none() && self.exit_code.is_none()
    }
}
