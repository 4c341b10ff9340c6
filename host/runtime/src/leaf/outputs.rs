//! Output parameters read from an object: JSONPath and jq.

use engine_workflow::{Outputs, Param, Text};
use expr::Budget;
use expr::jsonpath::Missing;
use model::workflow::Template;

use super::Failure;
use crate::workflows::Workflows;

/// The output parameters that a resource template takes from its object.
pub(super) async fn of_object(workflows: &Workflows, template: &Template, object: &str) -> Result<Outputs, Failure> {
    let mut out = Outputs::default();
    let value: serde_json::Value =
        serde_json::from_str(object).map_err(|e| Failure::error(format!("the object is not JSON: {e}")))?;
    for declared in &template.outputs.parameters {
        let Some(from) = &declared.value_from else { continue };
        let bad = |field: &str, e: &dyn std::fmt::Display| {
            Failure::error(format!("outputs.parameters: {:?}: valueFrom.{field}: {e}", declared.name))
        };
        let found = if let Some(path) = &from.json_path {
            let path = expr::jsonpath::Template::parse(path).map_err(|e| bad("jsonPath", &e))?;
            path.render(&value, Missing::Error, Budget::DEFAULT).map_err(|e| bad("jsonPath", &e)).map(Some)
        } else if let Some(program) = &from.jq_filter {
            let results = workflows.jq.eval(program, object).await.map_err(|e| bad("jqFilter", &e))?;
            // As `jq -r` writes them: a string without its quotes, anything else as JSON.
            let plain = results.into_iter().map(|json| serde_json::from_str::<String>(&json).unwrap_or(json));
            Ok(Some(plain.collect::<Vec<_>>().join("\n")))
        } else {
            Ok(None)
        };
        match (found, &from.default) {
            (Ok(Some(text)), _) => {
                out.parameters.push(Param { name: Text::from(&*declared.name), value: Some(text.into()) });
            }
            (Ok(None), _) => {}
            (Err(_), Some(default)) => {
                out.parameters.push(Param { name: Text::from(&*declared.name), value: Some(default.0.clone()) });
            }
            (Err(problem), None) => return Err(problem),
        }
    }
    Ok(out)
}
