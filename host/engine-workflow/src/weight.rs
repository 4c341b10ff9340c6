//! How many bytes of users' values a change holds.

use crate::change::Change;
use crate::values::{Inputs, Outputs, Param};

/// Texts alone: what else a change has is small, and bounded by the number of changes.
pub(crate) fn of(change: &Change) -> usize {
    match change {
        Change::Created { parameters, .. }
        | Change::ParametersSet { parameters }
        | Change::Supplied { parameters, .. } => of_params(parameters),
        Change::Node(node) => node.inputs.as_deref().map_or(0, of_inputs),
        Change::Items { items, .. } => items.iter().map(|item| item.len()).sum(),
        Change::Started { evaluated, .. } => evaluated.iter().map(|(_, text)| text.len()).sum(),
        Change::Finished(end) => end.outputs.iter().chain(&end.globals).map(|outputs| of_outputs(outputs)).sum(),
        _ => 0,
    }
}

fn of_params(params: &[Param]) -> usize {
    params.iter().filter_map(|param| param.value.as_ref()).map(|value| value.len()).sum()
}

/// An artifact is a location, or its whole content where it is raw.
fn of_artifacts(artifacts: &[model::workflow::Artifact]) -> usize {
    artifacts.iter().filter_map(|artifact| artifact.location.raw.as_ref()).map(|raw| raw.data.len()).sum()
}

fn of_inputs(inputs: &Inputs) -> usize {
    of_params(&inputs.parameters) + of_artifacts(&inputs.artifacts)
}

fn of_outputs(outputs: &Outputs) -> usize {
    let result = outputs.result.as_ref().map_or(0, |result| result.len());
    of_params(&outputs.parameters) + of_artifacts(&outputs.artifacts) + result
}
