//! Artifacts: where they lie and where they are put.

use std::collections::HashMap;

use super::report::Report;
use crate::workflow::{Artifact, ArtifactLocation, Template, TemplateKind};

/// The highest mode of a file.
const MODE_MAX: i32 = 0o777;

/// True when the artifact says where it comes from.
pub(super) fn has_source(artifact: &Artifact) -> bool {
    artifact.from.is_some() || artifact.from_expression.is_some() || artifact.location.place().is_some()
}

/// An artifact given to a run or a call; the walk is at it.
pub(super) fn given(report: &mut Report<'_>, artifact: &Artifact) {
    super::arguments::name(report, &artifact.name);
    sources(report, artifact);
    if !has_source(artifact) && !artifact.optional {
        report
            .error("WF073", format!("the artifact {:?} says not where it comes from", artifact.name))
            .hinted("write from: \"{{steps.x.outputs.artifacts.y}}\", or a place such as s3, http or raw");
    }
}

/// The artifacts that a template takes; the walk is at the template.
pub(super) fn inputs(report: &mut Report<'_>, template: &Template, kind: TemplateKind<'_>) {
    let mut paths: HashMap<&str, &str> = HashMap::new();
    for (i, artifact) in template.inputs.artifacts.iter().enumerate() {
        report.within("inputs", |r| {
            r.within_item("artifacts", i, |r| {
                super::arguments::name(r, &artifact.name);
                sources(r, artifact);
                let path = artifact.path.as_deref().unwrap_or_default();
                match kind {
                    TemplateKind::Container(_) | TemplateKind::Script(_) | TemplateKind::ContainerSet(_) => {
                        put(r, path, &artifact.name, &mut paths);
                    }
                    TemplateKind::Steps(_) | TemplateKind::Dag(_) if !path.is_empty() => {
                        let reason = format!("{} has no file system, so the path has no effect", kind.name());
                        r.warning_in("path", "WF070", reason)
                            .hinted("the path belongs to the template that reads the file");
                    }
                    _ => {}
                }
                if artifact.mode.is_some_and(|m| !(0..=MODE_MAX).contains(&m)) {
                    r.error_in("mode", "WF064", "a mode is between 0 and 0777");
                }
            });
        });
    }
}

fn put<'a>(report: &mut Report<'_>, path: &'a str, name: &'a str, paths: &mut HashMap<&'a str, &'a str>) {
    if path.is_empty() {
        report
            .error("WF070", format!("the artifact {name:?} has no path"))
            .hinted("the path says where the container finds it");
        return;
    }
    if !path.starts_with('/') && !path.contains("{{") {
        report
            .warning_in("path", "WF070", "the path is relative to the container's working directory")
            .hinted("begin it with /");
    }
    let plain = path.trim_end_matches('/');
    if let Some(other) = paths.insert(plain, name) {
        report.error_in("path", "WF075", format!("{path:?} is the path of {other:?} too"));
    }
}

/// The artifacts that a template gives; the walk is at the template.
pub(super) fn outputs(report: &mut Report<'_>, template: &Template, kind: TemplateKind<'_>) {
    for (i, artifact) in template.outputs.artifacts.iter().enumerate() {
        report.within("outputs", |r| {
            r.within_item("artifacts", i, |r| {
                super::arguments::name(r, &artifact.name);
                sources(r, artifact);
                let has_path = artifact.path.as_deref().is_some_and(|p| !p.is_empty());
                let from = artifact.from.is_some() || artifact.from_expression.is_some();
                match kind {
                    TemplateKind::Container(_) | TemplateKind::Script(_) | TemplateKind::ContainerSet(_)
                        if !has_path =>
                    {
                        r.error("WF071", format!("the artifact {:?} has no path", artifact.name))
                            .hinted("the path says what of the container is kept")
                    }
                    TemplateKind::Steps(_) | TemplateKind::Dag(_) if !from => r
                        .error("WF071", format!("the artifact {:?} says not where it comes from", artifact.name))
                        .hinted("from: \"{{tasks.x.outputs.artifacts.y}}\", or fromExpression"),
                    _ => {}
                }
                for place in ["raw", "git"].into_iter().filter(|p| artifact.location.place() == Some(p)) {
                    r.error_in(place, "WF076", format!("{place} is only for inputs"));
                }
                levels(r, artifact);
            });
        });
    }
}

fn levels(report: &mut Report<'_>, artifact: &Artifact) {
    let Some(archive) = &artifact.archive else { return };
    let set =
        usize::from(archive.tar.is_some()) + usize::from(archive.none.is_some()) + usize::from(archive.zip.is_some());
    if set > 1 {
        report.error_in("archive", "WF072", "only one of tar, none and zip can be written");
    }
    let level = archive.tar.as_ref().and_then(|t| t.compression_level);
    if level.is_some_and(|l| !(-2..=9).contains(&l)) {
        report.error_in("archive", "WF064", "a compression level is between 0 and 9");
    }
}

/// One source at most, and the fields that its place needs.
fn sources(report: &mut Report<'_>, artifact: &Artifact) {
    let mut set: Vec<&str> = places(&artifact.location);
    if artifact.from.is_some() {
        set.push("from");
    }
    if artifact.from_expression.is_some() {
        set.push("fromExpression");
    }
    if set.len() > 1 {
        report.error("WF072", format!("{} cannot stand together", set.join(" and ")));
    }
    if let Some(from) = &artifact.from
        && !from.contains("{{")
    {
        report
            .error_in("from", "WF074", format!("{from:?} is not a tag"))
            .hinted("such as \"{{steps.x.outputs.artifacts.y}}\"");
    }
    location(report, &artifact.location);
}

/// The fields that a place needs; the walk is at what has the location.
pub(super) fn location(report: &mut Report<'_>, location: &ArtifactLocation) {
    let mut missing = |place: &str, field: &str, value: &str| {
        if value.is_empty() {
            report.within(place, |r| {
                r.error_in(field, "WF074", "the field is missing");
            });
        }
    };
    if let Some(git) = &location.git {
        missing("git", "repo", &git.repo);
    }
    if let Some(http) = &location.http {
        missing("http", "url", &http.url);
    }
    if let Some(artifactory) = &location.artifactory {
        missing("artifactory", "url", &artifactory.url);
    }
}

fn places(l: &ArtifactLocation) -> Vec<&'static str> {
    [
        ("s3", l.s3.is_some()),
        ("git", l.git.is_some()),
        ("http", l.http.is_some()),
        ("artifactory", l.artifactory.is_some()),
        ("hdfs", l.hdfs.is_some()),
        ("raw", l.raw.is_some()),
        ("oss", l.oss.is_some()),
        ("gcs", l.gcs.is_some()),
        ("azure", l.azure.is_some()),
        ("plugin", l.plugin.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, set)| set.then_some(name))
    .collect()
}
