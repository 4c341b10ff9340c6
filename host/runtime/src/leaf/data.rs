//! The `data` template: the paths below an artifact's location, transformed by expressions.

use artifact::Context;
use engine_workflow::{LeafStart, Outputs};
use expr::{Env, Expression, MapScope, Value};
use model::workflow::DataTemplate;

use super::{Failure, RunFacts};
use crate::workflows::Workflows;

/// Paths of one list (`data_paths_max`).
const PATHS_MAX: usize = 100_000;

pub(super) async fn run(
    workflows: &Workflows,
    run: &RunFacts,
    template: &DataTemplate,
    start: &LeafStart,
) -> Result<Outputs, Failure> {
    let Some(source) = &template.source.artifact_paths else {
        return Err(Failure::error("data.source: artifactPaths is needed"));
    };
    let located = workflows
        .repositories
        .locate(&run.settings, source, &start.key_prefix)
        .map_err(|e| Failure::error(format!("data.source.artifactPaths: {e}")))?;
    let context = Context { namespace: run.namespace.clone(), secrets: workflows.secrets(&run.namespace) };
    let entries = workflows.artifacts.list(&context, &located, PATHS_MAX).await.map_err(|e| {
        Failure::error(format!("data.source.artifactPaths: {e}")).transient(e.class == artifact::ErrorClass::Transient)
    })?;
    let mut data: serde_json::Value = entries.into_iter().map(|e| serde_json::Value::String(e.path)).collect();
    for (place, step) in template.transformation.iter().enumerate() {
        let bad = |e: &dyn std::fmt::Display| Failure::error(format!("data.transformation[{place}].expression: {e}"));
        let mut scope = MapScope::new();
        scope.insert("data", Value::from(&data));
        let expression = Expression::parse(&step.expression).map_err(|e| bad(&e))?;
        let text = expression.eval(&mut Env::new(&scope)).map_err(|e| bad(&e))?.to_tag_text();
        data = serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text));
    }
    let result = match data {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    Ok(Outputs { result: Some(result.into()), ..Outputs::default() })
}
