//! `workflow.*`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde_json::{Value, json};

use super::{Found, Vars, parameter_list};
use crate::state::{Kind, NodeIx};

impl<'a> Vars<'a> {
    pub(super) fn workflow_var(&self, rest: &str) -> Option<Found<'a>> {
        let run = self.run;
        let meta = &run.submission.metadata;
        let spec = &run.submission.spec;
        let (field, key) = rest.split_once('.').map_or((rest, None), |(f, k)| (f, Some(k)));
        match (field, key) {
            ("name", None) => Some(Found::text(meta.name.as_str())),
            ("namespace", None) => Some(Found::text(meta.namespace.as_str())),
            ("uid", None) => Some(Found::text(meta.uid.as_str())),
            ("mainEntrypoint", None) => Some(Found::text(spec.entrypoint.as_deref().unwrap_or_default())),
            ("serviceAccountName", None) => Some(Found::text(spec.service_account_name.as_str())),
            ("priority", None) => Some(Found::text(run.priority.to_string())),
            ("duration", None) => {
                let from = run.started.unwrap_or(run.created);
                let ms = run.finished.unwrap_or(self.now).millis_since(from).max(0);
                Some(Found::text(format!("{:.6}", ms as f64 / 1000.0)))
            }
            ("status", None) => Some(Found::text(match &run.main_end {
                Some((phase, _)) => phase.as_str(),
                None => run.phase.as_str(),
            })),
            ("failures", None) => Some(Found::text(self.failures())),
            ("scheduledTime", None) => run.submission.scheduled_time.as_deref().map(Found::text),
            ("creationTimestamp", format) => self.created(format),
            // A parameter that the author named `json` is meant before the list of them all.
            ("parameters", None | Some("json")) if key.is_none() || !run.parameters.contains_key("json") => {
                Some(Found::text(parameter_list(run.parameters.iter().map(|(n, v)| (n, Some(v))))))
            }
            ("parameters", Some(name)) => run.parameters.get(name).map(|v| Found::text(&**v)),
            ("labels", None | Some("json")) => json_of(self.labels()),
            ("labels", Some(name)) => self.labels().find(|(key, _)| *key == name).map(|(_, value)| Found::text(value)),
            ("annotations", None | Some("json")) => json_of(self.annotations()),
            ("annotations", Some(name)) => {
                self.annotations().find(|(key, _)| *key == name).map(|(_, value)| Found::text(value))
            }
            ("outputs", Some(of)) => {
                if let Some(name) = of.strip_prefix("parameters.") {
                    return run.globals.parameter(name).flatten().map(|v| Found::text(&**v));
                }
                run.globals.artifact(of.strip_prefix("artifacts.")?).map(Found::Artifact)
            }
            _ => None,
        }
    }

    /// The run's labels: those of `workflowMetadata` go before its own of the same name.
    fn labels(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let run = self.run;
        let own = run.submission.metadata.labels.iter();
        let own = own.filter(|(key, _)| !run.labels.iter().any(|(known, _)| **known == **key));
        run.labels.iter().map(|(k, v)| (&**k, &**v)).chain(own.map(|(k, v)| (k.as_str(), v.as_str())))
    }

    /// The run's annotations, likewise.
    fn annotations(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let submission = &self.run.submission;
        let given = submission.spec.workflow_metadata.as_ref().map(|m| &m.annotations);
        let own = submission.metadata.annotations.iter();
        let own = own.filter(move |(key, _)| given.is_none_or(|given| !given.contains_key(*key)));
        given.into_iter().flatten().chain(own).map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// `creationTimestamp` in RFC 3339, as Unix seconds (`s`), as RFC 3339 (`RFC3339`), or in a `strftime` form letter by letter.
    fn created(&self, format: Option<&str>) -> Option<Found<'a>> {
        let created = self.run.submission.metadata.creation_timestamp.unwrap_or(self.run.created);
        match format {
            None | Some("RFC3339") => Some(Found::text(created.to_string())),
            Some("s") => Some(Found::text(created.as_secs().to_string())),
            Some(letter) if letter.chars().count() == 1 => {
                let at = jiff::Timestamp::from_millisecond(created.as_millis()).ok()?;
                let utc = at.to_zoned(jiff::tz::TimeZone::UTC);
                jiff::fmt::strtime::format(format!("%{letter}"), &utc).ok().map(Found::text)
            }
            Some(_) => None,
        }
    }

    /// The failed leaves, as exit handlers get them: a JSON list.
    fn failures(&self) -> String {
        let mut list = Vec::new();
        for (at, node) in self.state.nodes.iter().enumerate() {
            let leaf = matches!(node.kind, Kind::Pod | Kind::Http | Kind::Plugin | Kind::Suspend);
            if !node.is_bad() || node.flags.removed || !leaf {
                continue;
            }
            let ix = NodeIx::new(at);
            let template = node.template.and_then(|t| self.run.program.get(t)).map(|c| c.template.name.clone());
            list.push(json!({
                "displayName": self.state.display_name(ix),
                "message": node.message.as_deref().unwrap_or_default(),
                "templateName": template.unwrap_or_default(),
                "phase": node.phase.as_str(),
                "podName": self.state.pod_name(ix),
                "finishedAt": node.finished.map(|t| t.to_string()),
            }));
        }
        Value::Array(list).to_string()
    }

    pub(super) fn workflow_names(&self, offer: &mut dyn FnMut(String) -> ControlFlow<()>) -> ControlFlow<()> {
        for name in [
            "name",
            "namespace",
            "uid",
            "mainEntrypoint",
            "serviceAccountName",
            "priority",
            "duration",
            "status",
            "failures",
            "creationTimestamp",
            "parameters",
            "labels",
            "annotations",
            "scheduledTime",
        ] {
            offer(format!("workflow.{name}"))?;
        }
        for name in self.run.parameters.keys() {
            offer(format!("workflow.parameters.{name}"))?;
        }
        for (name, _) in self.labels() {
            offer(format!("workflow.labels.{name}"))?;
        }
        for (name, _) in self.annotations() {
            offer(format!("workflow.annotations.{name}"))?;
        }
        for parameter in &self.run.globals.parameters {
            offer(format!("workflow.outputs.parameters.{}", parameter.name))?;
        }
        for artifact in &self.run.globals.artifacts {
            offer(format!("workflow.outputs.artifacts.{}", artifact.name))?;
        }
        ControlFlow::Continue(())
    }
}

/// Names and values as a JSON object, in order of name.
fn json_of<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Found<'a>> {
    let sorted: BTreeMap<&str, &str> = pairs.collect();
    serde_json::to_string(&sorted).ok().map(Found::text)
}
