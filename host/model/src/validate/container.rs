//! Containers: image, environment, resources, and the rules of sidecars and container sets.

use std::collections::{HashMap, HashSet};

use super::report::Report;
use super::scope::Scope;
use crate::core::{Container, UserContainer};
use crate::names;
use crate::workflow::{ContainerSetTemplate, Template};

/// Checks a container; the walk is at it. `image` is false where an image may come from elsewhere.
pub(super) fn check(report: &mut Report<'_>, container: &Container, image: bool) {
    if container.image.is_empty() && image {
        report.error_in("image", "WF100", "the image is missing");
    }
    for (i, variable) in container.env.iter().enumerate() {
        report.within_item("env", i, |r| {
            if let Err(error) = names::check_env_name(&variable.name) {
                r.error_in("name", "WF102", format!("the variable's name: {error}"));
            }
            let Some(from) = &variable.value_from else { return };
            if variable.value.as_ref().is_some_and(|v| !v.is_empty()) {
                r.error("WF102", "value and valueFrom cannot stand together");
            }
            let set = [
                from.field_ref.is_some(),
                from.resource_field_ref.is_some(),
                from.config_map_key_ref.is_some(),
                from.secret_key_ref.is_some(),
                from.file_key_ref.is_some(),
            ];
            if set.into_iter().filter(|s| *s).count() != 1 {
                r.error_in("valueFrom", "WF102", "exactly one source is needed")
                    .hinted("one of fieldRef, resourceFieldRef, configMapKeyRef and secretKeyRef");
            }
        });
    }
    for (i, from) in container.env_from.iter().enumerate() {
        if from.config_map_ref.is_some() == from.secret_ref.is_some() {
            report.within_item("envFrom", i, |r| {
                r.error("WF102", "one of configMapRef and secretRef is needed");
            });
        }
    }
    if let Some(resources) = &container.resources {
        for (name, request) in &resources.requests {
            let Some(limit) = resources.limits.get(name) else { continue };
            if let (Ok(request), Ok(limit)) = (request.millis(), limit.millis())
                && request > limit
            {
                let mark = report.path.push_path("resources.requests");
                report.error_in(name, "WF103", "the request is above the limit");
                report.path.truncate(mark);
            }
        }
    }
}

/// Checks sidecars and init containers; the walk is at the template.
pub(super) fn beside(report: &mut Report<'_>, template: &Template) {
    let mut seen: HashSet<&str> = HashSet::from(["main"]);
    for (field, list) in [("initContainers", &template.init_containers), ("sidecars", &template.sidecars)] {
        for (i, UserContainer { container, .. }) in list.iter().enumerate() {
            report.within_item(field, i, |r| {
                container_name(r, &container.name);
                if !container.name.is_empty() && !seen.insert(&container.name) {
                    r.error_in("name", "WF104", format!("the name {:?} stands twice in this pod", container.name));
                }
                check(r, container, true);
            });
        }
    }
}

fn container_name(report: &mut Report<'_>, name: &str) {
    if !name.contains("{{")
        && let Err(error) = names::check_label(name)
    {
        report.error_in("name", "WF104", format!("the container's name: {error}"));
    }
}

/// Checks a container set; the walk is at the template.
pub(super) fn set(report: &mut Report<'_>, scope: &Scope<'_, '_>, template: &Template, set: &ContainerSetTemplate) {
    report.within("containerSet", |r| {
        if set.containers.is_empty() {
            r.error_in("containers", "WF110", "there are no containers");
        }
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (i, node) in set.containers.iter().enumerate() {
            r.within_item("containers", i, |r| {
                container_name(r, &node.container.name);
                if places.insert(&node.container.name, i).is_some() {
                    r.error_in("name", "WF104", format!("the name {:?} stands twice", node.container.name));
                }
                check(r, &node.container, true);
            });
        }
        order(r, set, &places);
        let carries = !template.inputs.artifacts.is_empty()
            || !template.outputs.artifacts.is_empty()
            || !template.outputs.parameters.is_empty();
        if carries && !places.contains_key("main") {
            r.error_in("containers", "WF112", "inputs and outputs need a container named main")
                .hinted("name one of the containers main");
        }
        if let Some(retry) = &set.retry_strategy {
            r.within("retryStrategy", |r| {
                super::settings::duration_field(r, "duration", retry.duration.as_deref(), true);
                super::settings::count_field(r, "retries", retry.retries.as_ref());
            });
        }
        scope.check(r, set);
    });
}

/// Dependencies exist, and do not go in a circle.
fn order(report: &mut Report<'_>, set: &ContainerSetTemplate, places: &HashMap<&str, usize>) {
    let mut waits: Vec<Vec<usize>> = Vec::new();
    for (i, node) in set.containers.iter().enumerate() {
        let mut before = Vec::new();
        for (d, name) in node.dependencies.iter().enumerate() {
            match places.get(name.as_str()) {
                Some(other) => before.push(*other),
                None => report.within_item("containers", i, |r| {
                    r.within_item("dependencies", d, |r| {
                        let hint = crate::violation::did_you_mean(name, places.keys().copied());
                        r.error("WF111", format!("there is no container {name:?}")).maybe_hinted(hint);
                    });
                }),
            }
        }
        waits.push(before);
    }
    let mut done = vec![false; waits.len()];
    loop {
        let is_done = |list: &[usize], done: &[bool]| list.iter().all(|o| done.get(*o) == Some(&true));
        let next: Vec<usize> = waits
            .iter()
            .enumerate()
            .filter(|(i, before)| done.get(*i) == Some(&false) && is_done(before, &done))
            .map(|(i, _)| i)
            .collect();
        if next.is_empty() {
            break;
        }
        for i in next {
            if let Some(slot) = done.get_mut(i) {
                *slot = true;
            }
        }
    }
    let stuck: Vec<&str> = set
        .containers
        .iter()
        .zip(&done)
        .filter(|(_, done)| !**done)
        .map(|(node, _)| node.container.name.as_str())
        .take(12)
        .collect();
    if !stuck.is_empty() {
        report.error_in(
            "containers",
            "WF111",
            format!("containers wait for one another in a circle: {}", stuck.join(", ")),
        );
    }
}
