//! `workflow.*`.

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
            ("labels", None | Some("json")) => serde_json::to_string(&meta.labels).ok().map(Found::text),
            ("labels", Some(name)) => meta.labels.get(name).map(|v| Found::text(v.as_str())),
            ("annotations", None | Some("json")) => serde_json::to_string(&meta.annotations).ok().map(Found::text),
            ("annotations", Some(name)) => meta.annotations.get(name).map(|v| Found::text(v.as_str())),
            ("outputs", Some(of)) => {
                if let Some(name) = of.strip_prefix("parameters.") {
                    return run.globals.parameter(name).flatten().map(|v| Found::text(&**v));
                }
                run.globals.artifact(of.strip_prefix("artifacts.")?).map(Found::Artifact)
            }
            _ => None,
        }
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
        for name in self.run.submission.metadata.labels.keys() {
            offer(format!("workflow.labels.{name}"))?;
        }
        for name in self.run.submission.metadata.annotations.keys() {
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
