//! Volumes: folders of the unit, of claims, of the machine; secrets and `medium: Memory` in memory.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::core::{ConfigMapVolume, DownwardApiFile, KeyToPath, PersistentVolumeClaimVolume, Volume, VolumeMount};
use model::workflow::TemplateKind;
use runner::Unit;

use super::references::config_map_files;
use super::{Cannot, Planner, Wanted, env};
use crate::agent::protocol::{Content, FileSpec, Isolation, MemoryVolume, MountSource, MountSpec, Role};

/// Between two looks at a claim that is not there.
const CLAIM_PERIOD: Duration = Duration::from_millis(500);
/// Owner of a claim's folder, beside it: the workflow whose deletion takes it along.
pub(crate) const OWNER_SUFFIX: &str = ".owner";

/// The unit's volumes, ready.
#[derive(Default)]
pub(super) struct Volumes {
    sources: BTreeMap<String, (MountSource, bool)>,
    pub memory: Vec<MemoryVolume>,
}

/// A file of a volume that is made of objects.
struct Entry {
    path: String,
    mode: u32,
    bytes: Vec<u8>,
}

/// Makes those that a container mounts.
pub(super) async fn prepare(planner: &Planner<'_>, unit: &Unit, wanted: &[Wanted<'_>]) -> Result<Volumes, Cannot> {
    let mut volumes = Volumes::default();
    let mut names: Vec<&str> =
        wanted.iter().flat_map(|w| &w.container.volume_mounts).map(|m| m.name.as_str()).collect();
    names.extend(set_mounts(unit).iter().map(|m| m.name.as_str()));
    names.sort_unstable();
    names.dedup();
    for name in names {
        // A template's own volume hides the run's of the same name.
        let own = unit.template.volumes.iter().position(|v| v.name == name);
        let (volume, path) = match own.and_then(|at| Some((unit.template.volumes.get(at)?, format!("volumes[{at}]")))) {
            Some(found) => found,
            None => match unit.volumes.iter().find(|v| v.name == name) {
                Some(volume) => (volume, format!("spec.volumes[name={name}]")),
                None => return Err(Cannot::start(format!("volumeMounts: there is no volume {name}"))),
            },
        };
        let source = make(planner, unit, volume, &path, &mut volumes.memory).await?;
        volumes.sources.insert(name.to_owned(), source);
    }
    Ok(volumes)
}

fn set_mounts(unit: &Unit) -> &[VolumeMount] {
    match unit.template.kind() {
        Some(TemplateKind::ContainerSet(set)) => &set.volume_mounts,
        _ => &[],
    }
}

impl Volumes {
    /// A container's mounts.
    pub(super) fn mounts(
        &self,
        wanted: &Wanted<'_>,
        all: &[Wanted<'_>],
        env: &[(String, String)],
        unit: &Unit,
    ) -> Result<Vec<MountSpec>, Cannot> {
        let mut listed: Vec<(String, &VolumeMount)> = Vec::new();
        let own = wanted.container.volume_mounts.iter().enumerate();
        listed.extend(own.map(|(at, m)| (format!("{}.volumeMounts[{at}]", wanted.field), m)));
        if wanted.role == Role::Main {
            let of_set = set_mounts(unit).iter().enumerate();
            listed.extend(of_set.map(|(at, m)| (format!("containerSet.volumeMounts[{at}]"), m)));
        }
        if wanted.mirror {
            let mains = all.iter().filter(|w| w.role == Role::Main).flat_map(|w| &w.container.volume_mounts);
            listed.extend(mains.map(|m| (format!("{}.mirrorVolumeMounts", wanted.field), m)));
        }
        let mut mounts: Vec<MountSpec> = Vec::new();
        for (path, mount) in listed {
            if mounts.iter().any(|m| m.target == mount.mount_path) {
                continue;
            }
            mounts.push(self.mount(&path, mount, env)?);
        }
        Ok(mounts)
    }

    fn mount(&self, path: &str, mount: &VolumeMount, env: &[(String, String)]) -> Result<MountSpec, Cannot> {
        let (source, read_only) = self
            .sources
            .get(&mount.name)
            .ok_or_else(|| Cannot::start(format!("{path}: there is no volume {}", mount.name)))?;
        let target = Path::new(&mount.mount_path);
        let up = |p: &Path| p.components().any(|c| c == std::path::Component::ParentDir);
        if mount.mount_path.is_empty() || target == Path::new("/") || up(target) {
            return Err(Cannot::start(format!("{path}.mountPath: {:?} is not a place for a volume", mount.mount_path)));
        }
        let sub_path = match (mount.sub_path.as_str(), mount.sub_path_expr.as_str()) {
            ("", "") => None,
            ("", expression) => Some(env::expand(expression, env)),
            (plain, _) => Some(plain.to_owned()),
        };
        if let Some(sub) = &sub_path
            && (Path::new(sub).is_absolute() || up(Path::new(sub)))
        {
            return Err(Cannot::start(format!("{path}.subPath: {sub:?} must stay inside the volume")));
        }
        let target = if target.is_absolute() { mount.mount_path.clone() } else { format!("/{}", mount.mount_path) };
        Ok(MountSpec { source: source.clone(), target, sub_path, read_only: *read_only || mount.read_only })
    }
}

async fn make(
    planner: &Planner<'_>,
    unit: &Unit,
    volume: &Volume,
    path: &str,
    memory: &mut Vec<MemoryVolume>,
) -> Result<(MountSource, bool), Cannot> {
    let name = &volume.name;
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Err(Cannot::start(format!("{path}.name: {name:?} is not a name of a volume")));
    }
    let folder = planner.scratch()?.join("volumes").join(name);
    let group = unit.template.security_context.as_ref().and_then(|s| s.fs_group).and_then(|g| u32::try_from(g).ok());
    // Without root all files are one user's, who is every user and group inside.
    let group = group.filter(|_| planner.isolation == Isolation::Root);
    if let Some(empty) = &volume.empty_dir {
        if empty.medium.is_empty() || planner.isolation == Isolation::Plain {
            shared_folder(&folder, group).map_err(|e| Cannot::start(format!("{path}.emptyDir: {e}")))?;
            return Ok((MountSource::Path(folder), false));
        }
        let limit = match &empty.size_limit {
            Some(limit) => {
                u64::try_from(limit.bytes().map_err(|e| Cannot::start(format!("{path}.emptyDir.sizeLimit: {e}")))?).ok()
            }
            None => None,
        };
        memory.push(MemoryVolume { name: name.clone(), size_bytes: limit, mode: 0o1777, files: Vec::new() });
        return Ok((MountSource::Memory(name.clone()), false));
    }
    if let Some(claim) = &volume.persistent_volume_claim {
        return claim_folder(planner, unit, claim, path, group).await;
    }
    if let Some(host) = &volume.host_path {
        if !planner.settings.allow_host_path {
            return Err(Cannot::start(format!(
                "{path}.hostPath: this server does not show folders of the machine to steps (setting allow_host_path)"
            )));
        }
        let at = PathBuf::from(&host.path);
        if host.r#type == "DirectoryOrCreate" {
            std::fs::create_dir_all(&at).map_err(|e| Cannot::start(format!("{path}.hostPath {}: {e}", host.path)))?;
        }
        if !at.is_absolute() || !at.exists() {
            return Err(Cannot::start(format!("{path}.hostPath: {} is not there", host.path)));
        }
        return Ok((MountSource::Path(at), false));
    }
    if volume.ephemeral.is_some() {
        shared_folder(&folder, group).map_err(|e| Cannot::start(format!("{path}.ephemeral: {e}")))?;
        return Ok((MountSource::Path(folder), false));
    }
    let (entries, secret) = from_objects(planner, unit, volume, path).await?;
    if secret {
        if planner.isolation == Isolation::Plain {
            return Err(Cannot::start(format!(
                "{path}: a secret is only ever held in memory, and neither plain processes nor components have a volume in memory; use env"
            )));
        }
        let files = entries.into_iter().map(|e| FileSpec {
            path: e.path,
            mode: e.mode | if group.is_some() { 0o040 } else { 0 },
            content: Content::new(&e.bytes),
            gid: group,
        });
        memory.push(MemoryVolume { name: name.clone(), size_bytes: None, mode: 0o755, files: files.collect() });
        return Ok((MountSource::Memory(name.clone()), true));
    }
    write_entries(&folder, &entries, group).map_err(|e| Cannot::start(format!("{path}: {e}")))?;
    Ok((MountSource::Path(folder), true))
}

/// A folder every user of a container may write to, as the kubelet makes it.
fn shared_folder(folder: &Path, group: Option<u32>) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mode = match group {
        Some(group) => {
            std::os::unix::fs::chown(folder, None, Some(group))?;
            0o2777
        }
        None => 0o777,
    };
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode))
}

async fn claim_folder(
    planner: &Planner<'_>,
    unit: &Unit,
    claim: &PersistentVolumeClaimVolume,
    path: &str,
    group: Option<u32>,
) -> Result<(MountSource, bool), Cannot> {
    let name = &claim.claim_name;
    let patience = Duration::from_millis(planner.settings.claim_wait_ms_max);
    let begun = tokio::time::Instant::now();
    let mut said = false;
    let object = loop {
        if let Some(object) = planner.environment.references.claim(&unit.namespace, name).await {
            break object;
        }
        let what = format!("{path}: PersistentVolumeClaim {name} is not in namespace {}", unit.namespace);
        if begun.elapsed() >= patience {
            return Err(Cannot::start(what));
        }
        if !said {
            (planner.waiting)(format!("{what}; waiting for it"));
            said = true;
        }
        tokio::time::sleep(CLAIM_PERIOD).await;
    };
    let folder = planner
        .places
        .claim_dir(&unit.namespace, name)
        .ok_or_else(|| Cannot::start(format!("{path}: {name:?} is not a name of a claim")))?;
    let made = (|| {
        if !folder.exists() {
            shared_folder(&folder, group)?;
        }
        let owned = object.metadata.owner_references.iter().any(|o| *o.uid == *unit.workflow_uid);
        if owned {
            std::fs::write(folder.with_file_name(format!("{name}{OWNER_SUFFIX}")), unit.workflow_uid.as_bytes())?;
        }
        std::io::Result::Ok(())
    })();
    made.map_err(|e| Cannot::start(format!("{path}: the claim's folder {}: {e}", folder.display())))?;
    Ok((MountSource::Path(folder), claim.read_only))
}

/// Files of a volume made of ConfigMaps, Secrets and fields of the pod; whether a secret is among them.
async fn from_objects(
    planner: &Planner<'_>,
    unit: &Unit,
    volume: &Volume,
    path: &str,
) -> Result<(Vec<Entry>, bool), Cannot> {
    let default = |mode: Option<i32>| mode.and_then(|m| u32::try_from(m).ok()).map_or(0o644, |m| m & 0o7777);
    if let Some(map) = &volume.config_map {
        let mode = default(map.default_mode);
        return Ok((config_map(planner, unit, map, mode, &format!("{path}.configMap")).await?, false));
    }
    if let Some(secret) = &volume.secret {
        let as_map = ConfigMapVolume {
            name: secret.secret_name.clone(),
            items: secret.items.clone(),
            default_mode: None,
            optional: secret.optional,
        };
        let mode = default(secret.default_mode);
        return Ok((secret_entries(planner, unit, &as_map, mode, &format!("{path}.secret")).await?, true));
    }
    if let Some(downward) = &volume.downward_api {
        let mode = default(downward.default_mode);
        return Ok((downward_entries(unit, &downward.items, mode, &format!("{path}.downwardAPI"))?, false));
    }
    let Some(projected) = &volume.projected else {
        return Err(Cannot::start(format!(
            "{path}: this runner offers emptyDir, configMap, secret, persistentVolumeClaim, projected, downwardAPI, \
             ephemeral and hostPath volumes; others need the Kubernetes runner"
        )));
    };
    let (mut entries, mut has_secret) = (Vec::new(), false);
    let mode = default(projected.default_mode);
    for (at, source) in projected.sources.iter().enumerate() {
        let path = format!("{path}.projected.sources[{at}]");
        if let Some(map) = &source.config_map {
            entries.extend(config_map(planner, unit, map, mode, &format!("{path}.configMap")).await?);
        }
        if let Some(secret) = &source.secret {
            has_secret = true;
            entries.extend(secret_entries(planner, unit, secret, mode, &format!("{path}.secret")).await?);
        }
        if let Some(downward) = &source.downward_api {
            entries.extend(downward_entries(unit, &downward.items, mode, &format!("{path}.downwardAPI"))?);
        }
    }
    Ok((entries, has_secret))
}

async fn config_map(
    planner: &Planner<'_>,
    unit: &Unit,
    volume: &ConfigMapVolume,
    mode: u32,
    path: &str,
) -> Result<Vec<Entry>, Cannot> {
    let optional = volume.optional == Some(true);
    match planner.config_map(unit, &volume.name).await? {
        Some(map) => select(config_map_files(&map), &volume.items, mode, optional, path),
        None if optional => Ok(Vec::new()),
        None => Err(env::missing(path, "ConfigMap", &volume.name, unit)),
    }
}

async fn secret_entries(
    planner: &Planner<'_>,
    unit: &Unit,
    volume: &ConfigMapVolume,
    mode: u32,
    path: &str,
) -> Result<Vec<Entry>, Cannot> {
    let optional = volume.optional == Some(true);
    match planner.secret(unit, &volume.name).await? {
        Some(secret) => {
            let files = secret.data.iter().map(|(key, value)| (key.clone(), value.expose_secret().to_vec())).collect();
            select(files, &volume.items, mode, optional, path)
        }
        None if optional => Ok(Vec::new()),
        None => Err(env::missing(path, "Secret", &volume.name, unit)),
    }
}

/// All keys, or those that are listed.
fn select(
    files: Vec<(String, Vec<u8>)>,
    items: &[KeyToPath],
    mode: u32,
    optional: bool,
    path: &str,
) -> Result<Vec<Entry>, Cannot> {
    if items.is_empty() {
        return Ok(files.into_iter().map(|(key, bytes)| Entry { path: key, mode, bytes }).collect());
    }
    let mut entries = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let file = files.iter().find(|(key, _)| *key == item.key);
        match file {
            Some((_, bytes)) => entries.push(Entry {
                path: inside(&item.path, &format!("{path}.items[{at}].path"))?,
                mode: item.mode.and_then(|m| u32::try_from(m).ok()).map_or(mode, |m| m & 0o7777),
                bytes: bytes.clone(),
            }),
            None if optional => {}
            None => return Err(Cannot::start(format!("{path}.items[{at}].key: there is no key {}", item.key))),
        }
    }
    Ok(entries)
}

fn downward_entries(unit: &Unit, items: &[DownwardApiFile], mode: u32, path: &str) -> Result<Vec<Entry>, Cannot> {
    let mut entries = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let path = format!("{path}.items[{at}]");
        let text = match (&item.field_ref, &item.resource_field_ref) {
            (Some(selector), _) if selector.field_path.starts_with("status.") => {
                Err(format!("{} is known only once it runs: take it as a variable", selector.field_path))
            }
            (Some(selector), _) => env::field(unit, selector),
            (None, Some(selector)) => env::resource(unit, &model::core::Container::default(), selector),
            (None, None) => Err("names neither fieldRef nor resourceFieldRef".to_owned()),
        };
        entries.push(Entry {
            path: inside(&item.path, &format!("{path}.path"))?,
            mode: item.mode.and_then(|m| u32::try_from(m).ok()).map_or(mode, |m| m & 0o7777),
            bytes: text.map_err(|e| Cannot::start(format!("{path}: {e}")))?.into_bytes(),
        });
    }
    Ok(entries)
}

fn inside(path: &str, field: &str) -> Result<String, Cannot> {
    let relative =
        !path.is_empty() && Path::new(path).components().all(|c| matches!(c, std::path::Component::Normal(_)));
    if relative {
        Ok(path.to_owned())
    } else {
        Err(Cannot::start(format!("{field}: {path:?} must stay inside the volume")))
    }
}

/// With a group (`fsGroup`), which may read them whatever their mode says.
fn write_entries(folder: &Path, entries: &[Entry], group: Option<u32>) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for entry in entries {
        let path = folder.join(&entry.path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, &entry.bytes)?;
        if group.is_some() {
            std::os::unix::fs::chown(&path, None, group)?;
        }
        let mode = entry.mode | if group.is_some() { 0o040 } else { 0 };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}
