//! Inputs of a template: what the caller gives, what the template defaults to.

use std::borrow::Cow;

use model::AnyString;
use model::workflow::{Artifact, Parameter};

use super::call::Caller;
use super::{Decider, Stop, environment};
use crate::effect::{Lookup, Usage};
use crate::holder::Holder;
use crate::values::{Inputs, Param, Text};
use crate::vars::{Found as FoundVar, Site, Vars};

/// What a caller gives for a parameter.
enum Given {
    /// A value.
    Value(Text),
    /// The output of a step that did not run: the template's default takes over.
    Never(String),
    /// Nothing.
    Nothing,
}

impl Decider<'_, '_> {
    /// Evaluates the inputs of an invocation.
    pub(super) fn inputs(&mut self, caller: &Caller, template: u32, site: Site<'_>) -> Result<Inputs, Stop> {
        let Some(declared) = self.state().run().and_then(|r| r.program.get(template)).map(|c| c.template.clone())
        else {
            return Err("the template has changed under the run".to_owned().into());
        };
        if declared.inputs.parameters.is_empty() && declared.inputs.artifacts.is_empty() {
            return Ok(Inputs::default());
        }
        let given = if self.gives_nothing(caller) { Default::default() } else { self.arguments_of(caller) };
        // The entrypoint is called with the run's own arguments, and so is what `onExit` names.
        let of_run = matches!(caller, Caller::Named(_) | Caller::Exit | Caller::RunHook(_))
            || matches!(self.holder(caller), Some(Holder::Named(..)));
        let mut out = Inputs::default();
        for wanted in &declared.inputs.parameters {
            let value = self.parameter(wanted, given.parameter(&wanted.name), of_run, &out, site)?;
            self.check_size("inputs.parameters", &wanted.name, &value)?;
            if let Some(allowed) = &wanted.r#enum
                && !allowed.iter().any(|a| a.as_str() == &*value)
            {
                return Err(not_allowed("inputs.parameters", &wanted.name, &value, allowed).into());
            }
            out.parameters.push(Param { name: Text::from(&*wanted.name), value: Some(value) });
        }
        for wanted in &declared.inputs.artifacts {
            if let Some(artifact) = self.artifact(wanted, given.artifact(&wanted.name), of_run, &out, site)? {
                out.artifacts.push(artifact);
            }
        }
        Ok(out)
    }

    pub(super) fn check_size(&self, field: &str, name: &str, value: &str) -> Result<(), Stop> {
        let max = self.limits().parameter_bytes;
        if value.len() as u64 > max {
            return Err(format!(
                "{field}: {name:?} has {} bytes, more than parameter_bytes_max ({max}); hand large data over as an artifact",
                value.len()
            )
            .into());
        }
        Ok(())
    }

    fn parameter(
        &mut self,
        wanted: &Parameter,
        given: Option<&Parameter>,
        of_run: bool,
        before: &Inputs,
        site: Site<'_>,
    ) -> Result<Text, Stop> {
        let mut never = None;
        if let Some(given) = given {
            match self.given(given, site)? {
                Given::Value(value) => return Ok(value),
                Given::Never(name) => never = Some(name),
                Given::Nothing => {}
            }
        }
        if of_run
            && given.is_none()
            && let Some(value) = self.state().run().and_then(|r| r.parameters.get(&*wanted.name))
        {
            return Ok(value.clone());
        }
        // The template's own words; they see the run and the inputs before, not the caller's steps.
        let seen = with_outer(before, site.inputs);
        match self.given(wanted, Site { boundary: None, inputs: Some(&seen), ..site })? {
            Given::Value(value) => return Ok(value),
            Given::Never(name) => never = never.or(Some(name)),
            Given::Nothing => {}
        }
        Err(match never {
            Some(tag) => format!(
                "inputs.parameters: {:?} is {{{{{tag}}}}}, the output of a step that did not run, and neither side has a default",
                wanted.name
            )
            .into(),
            None => format!("inputs.parameters: {:?} was not given and has no default", wanted.name).into(),
        })
    }

    /// The value that a parameter is written with.
    fn given(&mut self, parameter: &Parameter, site: Site<'_>) -> Result<Given, Stop> {
        let from = parameter.value_from.as_deref();
        let fallback = from.and_then(|v| v.default.as_ref()).or(parameter.default.as_ref());
        if let Some(value) = &parameter.value {
            return match self.text(&parameter.name, value, site)? {
                Given::Never(name) => self.or_default(&parameter.name, fallback, Given::Never(name), site),
                other => Ok(other),
            };
        }
        if let Some(from) = from {
            if let Some(expression) = &from.expression {
                let value = self
                    .expression(expression, site)
                    .map_err(|e| format!("{:?}: valueFrom.expression: {e}", parameter.name))?;
                return match value {
                    Some(value) => Ok(Given::Value(value.into())),
                    None => self.or_default(&parameter.name, fallback, Given::Never(expression.clone()), site),
                };
            }
            if let Some(reference) = &from.config_map_key_ref {
                let usage = self.state().todo.front().map_or(Usage::Run, |todo| Usage::Work(*todo));
                let name = self.render(site, &reference.name)?;
                let key = self.render(site, &reference.key)?;
                let what = Lookup::ConfigMapKey { name: name.clone().into(), key: key.clone().into(), usage };
                let found = match self.state().found.get(&what) {
                    None => return Err(self.look_up(what)),
                    Some(found) => super::begin::text_of(found, &what)?,
                };
                return match found {
                    Some(value) => Ok(Given::Value(value)),
                    None if reference.optional.unwrap_or(false) || fallback.is_some() => {
                        self.or_default(&parameter.name, fallback, Given::Value(Text::default()), site)
                    }
                    None => Err(format!("{:?}: config map {name:?} has no key {key:?}", parameter.name).into()),
                };
            }
            if let Some(tag) = &from.parameter {
                let value = AnyString::from(tag.as_str());
                return self.text(&parameter.name, &value, site);
            }
        }
        self.or_default(&parameter.name, fallback, Given::Nothing, site)
    }

    fn or_default(
        &mut self,
        name: &str,
        default: Option<&AnyString>,
        otherwise: Given,
        site: Site<'_>,
    ) -> Result<Given, Stop> {
        match default {
            Some(default) => self.text(name, default, site),
            None => Ok(otherwise),
        }
    }

    /// A text with tags. One that is a single tag of a step that did not run has no value.
    fn text(&mut self, name: &str, text: &AnyString, site: Site<'_>) -> Result<Given, Stop> {
        if !text.contains("{{") {
            return Ok(Given::Value(text.0.clone()));
        }
        if let Some(tag) = single_tag(text) {
            let vars = Vars::new(self.state(), site, self.now);
            match vars.and_then(|v| v.find(tag)) {
                Some(FoundVar::Never) => return Ok(Given::Never(tag.to_owned())),
                Some(FoundVar::Text(value)) => return Ok(Given::Value(value.into())),
                _ => {}
            }
        }
        let rendered = self.render(site, text).map_err(|e| format!("{name:?}: {e}"))?;
        Ok(Given::Value(rendered.into()))
    }

    /// An expression's value as text; nothing for nil. Tags in it are filled in first, as Argo's users write them.
    pub(super) fn expression(&mut self, source: &str, site: Site<'_>) -> Result<Option<String>, String> {
        let filled = self.render(site, source)?;
        let state = self.tx.state();
        let vars = Vars::new(state, site, self.now).ok_or("the run has not begun")?;
        let mut random = |bytes: &mut [u8]| self.ids.fill(bytes);
        let mut env = environment(&vars, self.now).with_random(&mut random);
        let value = expr::Expression::parse(&filled).and_then(|e| e.eval(&mut env)).map_err(|e| e.to_string())?;
        Ok((!value.is_nil()).then(|| value.to_tag_text()))
    }

    fn artifact(
        &mut self,
        wanted: &Artifact,
        given: Option<&Artifact>,
        of_run: bool,
        inputs: &Inputs,
        site: Site<'_>,
    ) -> Result<Option<Artifact>, Stop> {
        let optional = wanted.optional || given.is_some_and(|g| g.optional);
        let source = match given {
            Some(given) => self.located(given, site)?,
            None if of_run => {
                let of_run =
                    self.state().run().and_then(|r| r.submission.spec.arguments.artifact(&wanted.name).cloned());
                match of_run {
                    Some(artifact) => self.located(&artifact, site)?,
                    None => None,
                }
            }
            None => None,
        };
        // The template may bring its own, which sees its inputs.
        let own = Site { boundary: None, inputs: Some(inputs), ..site };
        let source = match source {
            Some(source) => Some(source),
            None => self.located(wanted, own)?,
        };
        let Some(source) = source else {
            return if optional {
                Ok(None)
            } else {
                Err(format!("inputs.artifacts: {:?} was not given and has no location of its own", wanted.name).into())
            };
        };
        let mut artifact = wanted.clone();
        artifact.location = source.location;
        artifact.archive = source.archive.or(artifact.archive);
        artifact.sub_path = match (given.and_then(|g| g.sub_path.clone()), wanted.sub_path.clone()) {
            (Some(path), _) | (None, Some(path)) => Some(self.render(site, &path)?.into()),
            (None, None) => None,
        };
        if let Some(path) = wanted.path.as_deref().filter(|path| path.contains("{{")) {
            artifact.path = Some(self.render(own, path)?.into());
        }
        artifact.from = None;
        artifact.from_expression = None;
        artifact.optional = optional;
        Ok(Some(artifact))
    }

    /// Where an artifact lies: as written, or where the one that it names lies.
    pub(super) fn located(&mut self, artifact: &Artifact, site: Site<'_>) -> Result<Option<Artifact>, Stop> {
        if let Some(expression) = &artifact.from_expression {
            let text =
                self.expression(expression, site).map_err(|e| format!("{:?}: fromExpression: {e}", artifact.name))?;
            let Some(text) = text else { return Ok(None) };
            let found = serde_json::from_str::<Artifact>(&text);
            return found.map(Some).map_err(|_| {
                Stop::Problem(format!("{:?}: fromExpression: the value is no artifact: {text}", artifact.name))
            });
        }
        if let Some(from) = &artifact.from {
            let tag = single_tag(from);
            let Some(tag) = tag else {
                return Err(format!(
                    "{:?}: from: {from:?} is not one tag such as {{{{tasks.a.outputs.artifacts.b}}}}",
                    artifact.name
                )
                .into());
            };
            let tag = self.render_inner(tag, site)?;
            let vars = Vars::new(self.state(), site, self.now);
            return match vars.as_ref().and_then(|v| v.find(&tag)) {
                Some(FoundVar::Artifact(found)) => Ok(Some(found.clone())),
                Some(FoundVar::Never) => Ok(None),
                Some(FoundVar::Text(text)) => serde_json::from_str(&text)
                    .map(Some)
                    .map_err(|_| Stop::Problem(format!("{:?}: from: {from} is not an artifact", artifact.name))),
                None if artifact.optional => Ok(None),
                None => Err(format!("{:?}: from: {from} cannot be resolved", artifact.name).into()),
            };
        }
        if artifact.location.place().is_none() {
            return Ok(None);
        }
        let mut located = artifact.clone();
        let text = serde_json::to_string(&artifact.location).unwrap_or_default();
        if text.contains("{{") {
            located.location = self.render_location(artifact, site)?;
        }
        Ok(Some(located))
    }

    /// A location with its tags filled in: string by string, never as a document.
    pub(super) fn render_location(
        &mut self,
        artifact: &Artifact,
        site: Site<'_>,
    ) -> Result<model::workflow::ArtifactLocation, Stop> {
        let mut tree = serde_json::to_value(&artifact.location).map_err(|e| e.to_string())?;
        self.render_strings(&mut tree, site).map_err(|e| format!("{:?}: {e}", artifact.name))?;
        serde_json::from_value(tree).map_err(|e| Stop::Problem(format!("{:?}: {e}", artifact.name)))
    }

    fn render_strings(&mut self, tree: &mut serde_json::Value, site: Site<'_>) -> Result<(), String> {
        match tree {
            serde_json::Value::String(text) if text.contains("{{") => *text = self.render(site, text)?,
            serde_json::Value::Array(items) => {
                for item in items {
                    self.render_strings(item, site)?;
                }
            }
            serde_json::Value::Object(fields) => {
                for (_, item) in fields.iter_mut() {
                    self.render_strings(item, site)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Tags inside the name of a tag.
    fn render_inner(&mut self, tag: &str, site: Site<'_>) -> Result<String, Stop> {
        Ok(self.render(site, tag)?)
    }
}

/// A template's inputs as far as they are known, before those of the template around it, which an inline template sees too.
fn with_outer<'i>(own: &'i Inputs, outer: Option<&'i Inputs>) -> Cow<'i, Inputs> {
    match outer {
        None => Cow::Borrowed(own),
        Some(outer) if own.is_empty() => Cow::Borrowed(outer),
        Some(outer) => {
            let mut seen = own.clone();
            seen.parameters.extend(outer.parameters.iter().filter(|p| own.parameter(&p.name).is_none()).cloned());
            Cow::Owned(seen)
        }
    }
}

/// The name, when a text is one simple tag.
pub(crate) fn single_tag(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    // Another closing brace means that there are two tags; a nested tag is inside.
    let nested = inner.matches("{{").count() == inner.matches("}}").count();
    let first_closes_nested = inner.find("}}").is_none_or(|close| inner.find("{{").is_some_and(|open| open < close));
    (!inner.starts_with('=') && nested && first_closes_nested).then(|| inner.trim())
}

/// What is said of a value that is not among those allowed.
pub(super) fn not_allowed(place: &str, name: &str, value: &str, allowed: &[AnyString]) -> String {
    let allowed: Vec<&str> = allowed.iter().map(AnyString::as_str).collect();
    format!("{place}: {name:?} is {value:?}, which is not among the allowed values: {}", allowed.join(", "))
}
