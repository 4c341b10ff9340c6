//! Parameters: what goes into and comes out of templates and runs.

use super::Artifact;
use crate::core::ConfigMapKeySelector;
use crate::values::AnyString;

record! {
    /// What is handed to a template or a run (`arguments`).
    pub struct Arguments {
        /// Parameters.
        pub parameters: Vec<Parameter>,
        /// Artifacts.
        pub artifacts: Vec<Artifact>,
    }

    /// What a template takes (`inputs`).
    pub struct Inputs {
        /// Parameters.
        pub parameters: Vec<Parameter>,
        /// Artifacts.
        pub artifacts: Vec<Artifact>,
    }

    /// What a template or a node gives (`outputs`).
    pub struct Outputs {
        /// Parameters.
        pub parameters: Vec<Parameter>,
        /// Artifacts.
        pub artifacts: Vec<Artifact>,
        /// Standard output of a script, or the answer of an HTTP request.
        pub result: Option<AnyString>,
        /// The exit code, as text.
        pub exit_code: Option<AnyString>,
    }

    /// One parameter.
    pub struct Parameter {
        /// The name.
        pub name: Box<str>,
        /// Used when no value is given.
        pub default: Option<AnyString>,
        /// The value.
        pub value: Option<AnyString>,
        /// Where the value comes from instead.
        pub value_from: Option<Box<ValueFrom>>,
        /// The name under which an output is known to the whole run (`workflow.outputs.parameters.<globalName>`).
        pub global_name: Option<Box<str>>,
        /// The values that are allowed.
        pub r#enum: Option<Vec<AnyString>>,
        /// For people.
        pub description: Option<Box<str>>,
    }

    /// Where a parameter's value comes from; one field is set, `default` may stand beside it.
    pub struct ValueFrom {
        /// A file in the container.
        pub path: Option<String>,
        /// A JSONPath over the object of a resource template.
        pub json_path: Option<String>,
        /// A jq program over the object of a resource template.
        pub jq_filter: Option<String>,
        /// An expression over the event that submitted the run.
        pub event: Option<String>,
        /// A tag that names another parameter, in outputs of steps and DAGs.
        pub parameter: Option<String>,
        /// A person or tool gives the value at a suspended node.
        pub supplied: Option<SuppliedValueFrom>,
        /// A key of a ConfigMap.
        pub config_map_key_ref: Option<Box<ConfigMapKeySelector>>,
        /// Used when the source has no value.
        pub default: Option<AnyString>,
        /// An expression.
        pub expression: Option<String>,
    }

    /// A value given from outside while the run waits; has no fields.
    pub struct SuppliedValueFrom {}

}

impl Arguments {
    /// No arguments.
    pub const NONE: &'static Arguments = &Arguments { parameters: Vec::new(), artifacts: Vec::new() };

    /// The parameter with this name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|p| &*p.name == name)
    }

    /// The artifact with this name.
    pub fn artifact(&self, name: &str) -> Option<&Artifact> {
        self.artifacts.iter().find(|a| &*a.name == name)
    }

    /// True without parameters and artifacts.
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty() && self.artifacts.is_empty()
    }
}

impl Inputs {
    /// No inputs.
    pub const NONE: &'static Inputs = &Inputs { parameters: Vec::new(), artifacts: Vec::new() };

    /// The parameter with this name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|p| &*p.name == name)
    }

    /// The artifact with this name.
    pub fn artifact(&self, name: &str) -> Option<&Artifact> {
        self.artifacts.iter().find(|a| &*a.name == name)
    }
}

impl Outputs {
    /// No outputs.
    pub const NONE: &'static Outputs =
        &Outputs { parameters: Vec::new(), artifacts: Vec::new(), result: None, exit_code: None };

    /// The parameter with this name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|p| &*p.name == name)
    }

    /// The artifact with this name.
    pub fn artifact(&self, name: &str) -> Option<&Artifact> {
        self.artifacts.iter().find(|a| &*a.name == name)
    }
}

impl Parameter {
    /// A parameter with a value.
    pub fn with_value(name: impl Into<Box<str>>, value: impl Into<AnyString>) -> Self {
        Self { name: name.into(), value: Some(value.into()), ..Self::default() }
    }
}
