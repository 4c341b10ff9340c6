//! Volumes: their sources, and that what is mounted exists.

use std::collections::HashSet;

use super::report::Report;
use super::spec::{Program, Role};
use crate::core::{Container, PersistentVolumeClaimSpec, PersistentVolumeClaimTemplate, Volume, VolumeMount};
use crate::names;
use crate::violation::did_you_mean;
use crate::workflow::Template;

/// Checks volumes; the walk is at the list.
pub(super) fn volumes(report: &mut Report<'_>, volumes: &[Volume]) {
    let mut seen = HashSet::new();
    for (i, volume) in volumes.iter().enumerate() {
        report.within_index(i, |r| {
            if let Err(error) = names::check_label(&volume.name)
                && !volume.name.contains("{{")
            {
                r.error_in("name", "WF093", format!("the volume's name: {error}"));
            }
            if !volume.name.is_empty() && !seen.insert(volume.name.as_str()) {
                r.error_in("name", "WF091", format!("the name {:?} stands twice", volume.name));
            }
            let set = sources(volume);
            if set.len() > 1 {
                r.error("WF093", format!("{} cannot stand together", set.join(" and ")));
            }
            needed(r, volume);
        });
    }
}

fn needed(report: &mut Report<'_>, volume: &Volume) {
    let mut missing = |source: &str, field: &str, value: &str| {
        if value.is_empty() {
            report.within(source, |r| {
                r.error_in(field, "WF094", "the field is missing");
            });
        }
    };
    if let Some(map) = &volume.config_map {
        missing("configMap", "name", &map.name);
    }
    if let Some(secret) = &volume.secret {
        missing("secret", "secretName", &secret.secret_name);
    }
    if let Some(claim) = &volume.persistent_volume_claim {
        missing("persistentVolumeClaim", "claimName", &claim.claim_name);
    }
    if let Some(host) = &volume.host_path {
        missing("hostPath", "path", &host.path);
    }
}

fn sources(v: &Volume) -> Vec<&'static str> {
    [
        ("emptyDir", v.empty_dir.is_some()),
        ("configMap", v.config_map.is_some()),
        ("secret", v.secret.is_some()),
        ("persistentVolumeClaim", v.persistent_volume_claim.is_some()),
        ("projected", v.projected.is_some()),
        ("downwardAPI", v.downward_api.is_some()),
        ("hostPath", v.host_path.is_some()),
        ("ephemeral", v.ephemeral.is_some()),
        ("image", v.image.is_some()),
        ("nfs", v.nfs.is_some()),
        ("csi", v.csi.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, set)| set.then_some(name))
    .collect()
}

/// Checks a claim to be made for a run; the walk is at it.
pub(super) fn claim_template(report: &mut Report<'_>, claim: &PersistentVolumeClaimTemplate) {
    if claim.metadata.name.is_empty() {
        let mark = report.path.push_path("metadata.name");
        report.error("WF093", "the claim has no name").hinted("volumeMounts find it by this name");
        report.path.truncate(mark);
    }
    report.within("spec", |r| claim_spec(r, &claim.spec));
}

/// Checks what a claim asks for; the walk is at it.
pub(super) fn claim_spec(report: &mut Report<'_>, spec: &PersistentVolumeClaimSpec) {
    const MODES: &[&str] = &["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"];
    if spec.access_modes.is_empty() {
        report.error_in("accessModes", "PV001", "an access mode is missing").hinted("[ReadWriteOnce]");
    }
    for (i, mode) in spec.access_modes.iter().enumerate().filter(|(_, m)| !MODES.contains(&m.as_str())) {
        report.within_item("accessModes", i, |r| {
            let hint =
                did_you_mean(mode, MODES.iter().copied()).unwrap_or_else(|| format!("one of {}", MODES.join(", ")));
            r.error("PV001", format!("{mode:?} is not known here")).hinted(hint);
        });
    }
    if !spec.resources.requests.contains_key("storage") {
        let mark = report.path.push_path("resources.requests");
        report.error_in("storage", "PV002", "how much storage is missing").hinted("such as 1Gi");
        report.path.truncate(mark);
    }
    if spec.volume_mode.as_deref() == Some("Block") {
        report
            .error_in("volumeMode", "PV003", "raw block devices are not offered")
            .hinted("remove it, or write Filesystem");
    }
}

/// Every mount of a template's containers has its volume; the walk is at the template.
pub(super) fn mounts(report: &mut Report<'_>, program: &Program<'_>, template: &Template) {
    let own: HashSet<&str> = template.volumes.iter().map(|v| v.name.as_str()).collect();
    if let Some(container) = &template.container {
        report.within("container", |r| container_mounts(r, program, &own, container));
    }
    if let Some(script) = &template.script {
        report.within("script", |r| container_mounts(r, program, &own, &script.container));
    }
    for (field, list) in [("initContainers", &template.init_containers), ("sidecars", &template.sidecars)] {
        for (i, user) in list.iter().enumerate() {
            report.within_item(field, i, |r| container_mounts(r, program, &own, &user.container));
        }
    }
    if let Some(set) = &template.container_set {
        report.within("containerSet", |r| {
            list(r, program, &own, &set.volume_mounts);
            for (i, node) in set.containers.iter().enumerate() {
                r.within_item("containers", i, |r| container_mounts(r, program, &own, &node.container));
            }
        });
    }
}

fn container_mounts(report: &mut Report<'_>, program: &Program<'_>, own: &HashSet<&str>, container: &Container) {
    list(report, program, own, &container.volume_mounts);
}

fn list(report: &mut Report<'_>, program: &Program<'_>, own: &HashSet<&str>, mounts: &[VolumeMount]) {
    let mut paths = HashSet::new();
    for (i, mount) in mounts.iter().enumerate() {
        report.within_item("volumeMounts", i, |r| {
            if mount.mount_path.is_empty() {
                r.error_in("mountPath", "WF092", "the path in the container is missing");
            } else if !paths.insert(mount.mount_path.trim_end_matches('/')) {
                r.error_in("mountPath", "WF092", format!("{:?} is mounted twice", mount.mount_path));
            }
            if !mount.sub_path.is_empty() && mount.sub_path.split('/').any(|p| p == "..") {
                r.error_in("subPath", "WF092", "a path inside the volume cannot have ..");
            }
            if mount.name.contains("{{")
                || own.contains(mount.name.as_str())
                || program.volumes.contains(mount.name.as_str())
            {
                return;
            }
            let reason = format!("there is no volume {:?}", mount.name);
            if program.open || program.role == Role::Template {
                r.warning_in("name", "WF090", reason).hinted("the run that uses this template must have it");
            } else {
                let known = own.iter().chain(&program.volumes).copied();
                let hint = did_you_mean(&mount.name, known)
                    .unwrap_or_else(|| "add it to spec.volumes or to the template's volumes".into());
                r.error_in("name", "WF090", reason).hinted(hint);
            }
        });
    }
}
