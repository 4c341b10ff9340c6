//! Outputs: what a node leaves, beyond what its performer collected.

use model::workflow::{Artifact, Parameter};

use super::Decider;
use super::inputs::single_tag;
use crate::state::NodeIx;
use crate::values::{Outputs, Param, Text};
use crate::vars::{Found, Site, Vars};

impl Decider<'_, '_> {
    /// Completes the outputs of a leaf: parameters that are expressions, supplied values, defaults.
    pub(super) fn leaf_outputs(&mut self, ix: NodeIx, outputs: &mut Outputs) -> Result<(), String> {
        let Some(template) = self.compiled(ix).map(|c| c.template.clone()) else { return Ok(()) };
        let inputs = self.inputs_of(ix);
        let site = Site { inputs: inputs.as_deref(), node: Some(ix), ..Site::default() };
        for declared in &template.outputs.parameters {
            if outputs.parameter(&declared.name).is_some() {
                continue;
            }
            let value = self
                .own_output(ix, declared, site)
                .map_err(|e| format!("outputs.parameters: {:?}: {e}", declared.name))?;
            if let Some(value) = value {
                outputs.parameters.push(Param { name: Text::from(&*declared.name), value: Some(value) });
            }
        }
        Ok(())
    }

    fn own_output(&mut self, ix: NodeIx, declared: &Parameter, site: Site<'_>) -> Result<Option<Text>, String> {
        if let Some(value) = &declared.value {
            return self.render(site, value).map(|v| Some(v.into()));
        }
        let Some(from) = &declared.value_from else { return Ok(None) };
        if let Some(expression) = &from.expression {
            return self
                .expression(expression, site)?
                .map(Text::from)
                .or(from.default.as_ref().map(|d| d.0.clone()))
                .map(Some)
                .ok_or_else(|| nothing(expression));
        }
        if from.supplied.is_some() {
            let supplied = self
                .state()
                .node(ix)
                .and_then(|n| n.extra.as_ref())
                .and_then(|e| e.supplied.iter().find(|p| *p.name == *declared.name).and_then(|p| p.value.clone()));
            return match supplied.or(from.default.as_ref().map(|d| d.0.clone())) {
                Some(value) => Ok(Some(value)),
                None => Err("it was to be supplied and was not".to_owned()),
            };
        }
        Ok(from.default.as_ref().map(|d| d.0.clone()))
    }

    /// Outputs of a template with children: tags and expressions over what they left.
    pub(super) fn group_outputs(&mut self, ix: NodeIx) -> Result<Outputs, String> {
        let Some(template) = self.compiled(ix).map(|c| c.template.clone()) else { return Ok(Outputs::default()) };
        let inputs = self.inputs_of(ix);
        let site = Site { boundary: Some(ix), inputs: inputs.as_deref(), node: Some(ix), ..Site::default() };
        let mut outputs = Outputs::default();
        for declared in &template.outputs.parameters {
            let value = self
                .group_output(declared, site)
                .map_err(|e| format!("outputs.parameters: {:?}: {e}", declared.name))?;
            outputs.parameters.push(Param { name: Text::from(&*declared.name), value });
        }
        for declared in &template.outputs.artifacts {
            match self.located(declared, site) {
                Ok(Some(found)) => outputs.artifacts.push(Artifact {
                    name: declared.name.clone(),
                    global_name: declared.global_name.clone(),
                    from: None,
                    from_expression: None,
                    ..found
                }),
                Ok(None) if declared.optional => {}
                Ok(None) => {
                    return Err(format!("outputs.artifacts: {:?} comes from a step that did not run", declared.name));
                }
                Err(super::Stop::Problem(_)) if declared.optional => {}
                Err(super::Stop::Problem(problem)) => return Err(format!("outputs.artifacts: {problem}")),
                Err(super::Stop::Parked) => {
                    return Err(format!("outputs.artifacts: {:?} cannot be looked up here", declared.name));
                }
            }
        }
        Ok(outputs)
    }

    fn group_output(&mut self, declared: &Parameter, site: Site<'_>) -> Result<Option<Text>, String> {
        let from = declared.value_from.as_deref();
        let default = from.and_then(|v| v.default.as_ref()).or(declared.default.as_ref()).map(|d| d.0.clone());
        if let Some(expression) = from.and_then(|v| v.expression.as_ref()) {
            return self
                .expression(expression, site)?
                .map(Text::from)
                .or(default)
                .map(Some)
                .ok_or_else(|| nothing(expression));
        }
        let text = from.and_then(|v| v.parameter.as_deref()).or(declared.value.as_deref());
        let Some(text) = text else { return Ok(default) };
        if let Some(tag) = single_tag(text) {
            let vars = Vars::new(self.state(), site, self.now);
            match vars.and_then(|v| v.find(tag)) {
                Some(Found::Text(value)) => return Ok(Some(value.into())),
                Some(Found::Never) | None if default.is_some() => return Ok(default),
                Some(Found::Never) => {
                    return Err(format!(
                        "{{{{{tag}}}}} is the output of a step that did not run; give valueFrom.default, or an expression with ??"
                    ));
                }
                _ => {}
            }
        }
        self.render(site, text).map(|value| Some(value.into()))
    }

    /// What of a node's outputs is known to the whole run.
    pub(super) fn globals(&mut self, ix: NodeIx, outputs: &Outputs) -> Option<Box<Outputs>> {
        let template = self.compiled(ix).map(|c| c.template.clone())?;
        let any = template.outputs.parameters.iter().any(|p| p.global_name.is_some())
            || template.outputs.artifacts.iter().any(|a| a.global_name.is_some());
        if !any {
            return None;
        }
        let inputs = self.inputs_of(ix);
        let site = Site { inputs: inputs.as_deref(), node: Some(ix), ..Site::default() };
        let mut globals = Outputs::default();
        for declared in &template.outputs.parameters {
            if let (Some(global), Some(Some(value))) = (&declared.global_name, outputs.parameter(&declared.name)) {
                let name = self.render(site, global).unwrap_or_else(|_| global.to_string());
                globals.parameters.push(Param { name: name.into(), value: Some(value.clone()) });
            }
        }
        for declared in &template.outputs.artifacts {
            if let (Some(global), Some(artifact)) = (&declared.global_name, outputs.artifact(&declared.name)) {
                let name = self.render(site, global).unwrap_or_else(|_| global.to_string());
                globals.artifacts.push(Artifact { name: name.into(), ..artifact.clone() });
            }
        }
        Some(Box::new(globals))
    }
}

fn nothing(expression: &str) -> String {
    format!("valueFrom.expression: {expression:?} is nil; give valueFrom.default, or a value behind ??")
}
