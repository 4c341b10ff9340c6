//! Outputs of a loop: the lists of what its iterations left.

use serde_json::{Map, Value};

use crate::state::{LoopRun, Node, RunState};
use crate::values::Outputs;

/// `result`, `parameters` or `parameters.x` of a loop, as JSON text. Iterations that were not run leave nothing.
pub(super) fn lookup(state: &RunState, run: &LoopRun, of: &str) -> Option<String> {
    let iterations = || run.children.iter().flatten().filter_map(|ix| state.node(*ix)).filter_map(Node::left);
    let list: Vec<Value> = match of {
        "result" => iterations().filter_map(|o| o.result.as_deref()).map(typed).collect(),
        "parameters" => iterations().filter(|o| !o.parameters.is_empty()).map(object).collect(),
        "exitCode" => iterations().filter_map(|o| o.exit_code).map(|c| Value::String(c.to_string())).collect(),
        _ => {
            let name = of.strip_prefix("parameters.")?;
            iterations().filter_map(|o| o.parameter(name).flatten()).map(|v| typed(v)).collect()
        }
    };
    Some(Value::Array(list).to_string())
}

/// `parameters` of one node, as JSON text.
pub(super) fn one(outputs: &Outputs) -> String {
    object(outputs).to_string()
}

fn object(outputs: &Outputs) -> Value {
    let mut map = Map::new();
    for parameter in &outputs.parameters {
        if let Some(value) = &parameter.value {
            map.insert(parameter.name.to_string(), Value::String(value.to_string()));
        }
    }
    Value::Object(map)
}

/// Text that is JSON stands in the list as what it is, other text as a string.
fn typed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

impl Node {
    fn left(&self) -> Option<&Outputs> {
        self.outputs.as_deref()
    }
}
