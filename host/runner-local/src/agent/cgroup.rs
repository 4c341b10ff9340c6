//! Limits by control groups, version 1 or 2, where the machine allows.
//!
//! ```text
//!   <the server's own group>/colchis-<zygote>/u<supervisor>            pids; joined ahead, because joining may take 10 ms
//!                                            └── c-<container>         cpu, memory: made when a container has limits
//! ```

use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::process::Pid;

use super::protocol::{Isolation, Limits};

/// Of version 1 and 2 alike.
const CPU_PERIOD_US: u64 = 100_000;

/// A hierarchy that can limit something.
#[derive(Debug, Clone)]
struct Hierarchy {
    base: PathBuf,
    unified: bool,
    pids: bool,
    memory: bool,
    cpu: bool,
}

/// What the machine offers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Groups {
    hierarchies: Vec<Hierarchy>,
    notes: Vec<String>,
}

impl Groups {
    /// Looks at this process's own groups and makes one below each that is useful.
    pub(crate) fn find(isolation: Isolation) -> Self {
        let mut found = Self::default();
        if isolation == Isolation::Plain || cfg!(not(all(target_os = "linux", not(colchis_plain)))) {
            return found;
        }
        let membership = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        for (place, controllers) in places(&membership, &mounts) {
            if let Some(hierarchy) = prepare(&place, &controllers) {
                found.hierarchies.push(hierarchy);
            }
        }
        for (name, there) in [
            ("processes", found.hierarchies.iter().any(|h| h.pids)),
            ("memory", found.hierarchies.iter().any(|h| h.memory)),
            ("cpu", found.hierarchies.iter().any(|h| h.cpu)),
        ] {
            if !there {
                found.notes.push(format!("limits of {name} are not enforced: no control group of this server for it"));
            }
        }
        found
    }

    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The calling process becomes the first of its unit's group.
    pub(crate) fn join(&self, supervisor: u32) {
        for hierarchy in self.hierarchies.iter().filter(|h| h.pids) {
            let _ = hierarchy.enter(supervisor);
        }
    }

    /// After a supervisor's end.
    pub(crate) fn remove(&self, supervisor: u32) {
        for hierarchy in &self.hierarchies {
            let unit = hierarchy.unit(supervisor);
            let _ = fs::remove_dir(unit.join("supervisor"));
            let _ = fs::remove_dir(unit);
        }
    }

    pub(crate) fn unit(&self, supervisor: u32) -> UnitGroup {
        UnitGroup { groups: self.clone(), supervisor, containers: RefCell::default() }
    }
}

impl Hierarchy {
    fn unit(&self, supervisor: u32) -> PathBuf {
        self.base.join(format!("u{supervisor}"))
    }

    /// Makes the unit's group and puts the supervisor into it.
    fn enter(&self, supervisor: u32) -> io::Result<PathBuf> {
        let unit = self.unit(supervisor);
        make(&unit)?;
        if self.unified {
            // Processes and sub-groups may not be in one group.
            let own = unit.join("supervisor");
            make(&own)?;
            fs::write(own.join("cgroup.procs"), supervisor.to_string())?;
            enable(&unit)?;
        } else {
            fs::write(unit.join("cgroup.procs"), supervisor.to_string())?;
        }
        Ok(unit)
    }

    fn limit(&self, group: &Path, limits: Limits) -> Vec<String> {
        let mut refused = Vec::new();
        let mut put = |file: &str, value: String, what: &str| {
            if let Err(e) = fs::write(group.join(file), value) {
                refused.push(format!("the {what} limit is not enforced: {e}"));
            }
        };
        if let (Some(pids), true) = (limits.pids, self.pids) {
            put("pids.max", pids.to_string(), "process");
        }
        if let (Some(bytes), true) = (limits.memory_bytes, self.memory) {
            let file = if self.unified { "memory.max" } else { "memory.limit_in_bytes" };
            put(file, bytes.to_string(), "memory");
            // Without this the rest goes to swap; many kernels do not count swap at all.
            let swap = if self.unified { ("memory.swap.max", 0) } else { ("memory.memsw.limit_in_bytes", bytes) };
            let _ = fs::write(group.join(swap.0), swap.1.to_string());
        }
        if let (Some(millis), true) = (limits.cpu_millis, self.cpu) {
            let quota = (millis * CPU_PERIOD_US / 1000).max(1000);
            if self.unified {
                put("cpu.max", format!("{quota} {CPU_PERIOD_US}"), "cpu");
            } else {
                let _ = fs::write(group.join("cpu.cfs_period_us"), CPU_PERIOD_US.to_string());
                put("cpu.cfs_quota_us", quota.to_string(), "cpu");
            }
        }
        refused
    }

    fn wanted(&self, limits: Limits) -> bool {
        (limits.pids.is_some() && self.pids)
            || (limits.memory_bytes.is_some() && self.memory)
            || (limits.cpu_millis.is_some() && self.cpu)
    }
}

/// The groups of one unit.
pub(crate) struct UnitGroup {
    groups: Groups,
    supervisor: u32,
    containers: RefCell<Vec<PathBuf>>,
}

impl UnitGroup {
    /// Limits the unit as a whole; answers what cannot be enforced.
    pub(crate) fn limit(&self, limits: Limits) -> Vec<String> {
        let mut notes = Vec::new();
        for hierarchy in self.groups.hierarchies.iter().filter(|h| h.wanted(limits)) {
            // Entered ahead where it counts processes: entering again could take 10 ms.
            let unit = hierarchy.unit(self.supervisor);
            let entered = if hierarchy.pids && unit.is_dir() { Ok(unit) } else { hierarchy.enter(self.supervisor) };
            match entered {
                Ok(unit) => notes.extend(hierarchy.limit(&unit, limits)),
                Err(e) => notes.push(format!("a limit is not enforced: {e}")),
            }
        }
        notes.extend(self.missing(limits));
        notes
    }

    fn missing(&self, limits: Limits) -> Vec<String> {
        let lacks = |wanted: bool, has: fn(&Hierarchy) -> bool, what: &str| {
            (wanted && !self.groups.hierarchies.iter().any(has))
                .then(|| format!("the {what} limit is not enforced: no control group for it"))
        };
        let memory = lacks(limits.memory_bytes.is_some(), |h| h.memory, "memory");
        memory.into_iter().chain(lacks(limits.cpu_millis.is_some(), |h| h.cpu, "cpu")).collect()
    }

    /// Limits one container, whose only process is `init` yet.
    pub(crate) fn container(&self, name: &str, limits: Limits, init: Pid) -> Vec<String> {
        let mut notes = Vec::new();
        for hierarchy in self.groups.hierarchies.iter().filter(|h| h.wanted(limits)) {
            let unit = hierarchy.unit(self.supervisor);
            let group = unit.join(format!("c-{name}"));
            let joined = make(&unit).and_then(|()| if hierarchy.unified { enable(&unit) } else { Ok(()) });
            let joined = joined.and_then(|()| make(&group));
            notes.extend(hierarchy.limit(&group, limits));
            let joined =
                joined.and_then(|()| fs::write(group.join("cgroup.procs"), init.as_raw_nonzero().get().to_string()));
            match joined {
                Ok(()) => self.containers.borrow_mut().push(group),
                Err(e) => notes.push(format!("a limit of container {name} is not enforced: {e}")),
            }
        }
        notes.extend(self.missing(limits));
        notes
    }

    /// Whether the kernel killed something of the container for memory.
    pub(crate) fn container_out_of_memory(&self, name: &str) -> bool {
        let name = format!("c-{name}");
        self.containers.borrow().iter().filter(|g| g.ends_with(&name)).any(|g| killed_for_memory(g))
    }

    /// Whether the kernel killed something of the unit for memory.
    pub(crate) fn out_of_memory(&self) -> bool {
        self.groups.hierarchies.iter().filter(|h| h.memory).any(|h| killed_for_memory(&h.unit(self.supervisor)))
    }

    /// The most memory its containers had, where it was measured.
    pub(crate) fn memory_peak(&self) -> Option<u64> {
        let peak = |group: &PathBuf| {
            ["memory.peak", "memory.max_usage_in_bytes"]
                .iter()
                .find_map(|file| fs::read_to_string(group.join(file)).ok()?.trim().parse::<u64>().ok())
        };
        self.containers.borrow().iter().filter_map(peak).reduce(|a, b| a + b)
    }

    /// After the containers' end.
    pub(crate) fn remove_containers(&self) {
        for hierarchy in &self.groups.hierarchies {
            let Ok(entries) = fs::read_dir(hierarchy.unit(self.supervisor)) else { continue };
            for entry in entries.flatten().filter(|e| e.file_name().to_string_lossy().starts_with("c-")) {
                let _ = fs::remove_dir(entry.path());
            }
        }
    }
}

fn killed_for_memory(group: &Path) -> bool {
    ["memory.events", "memory.oom_control"].iter().any(|file| {
        let text = fs::read_to_string(group.join(file)).unwrap_or_default();
        text.lines().any(|l| l.strip_prefix("oom_kill ").is_some_and(|n| n.trim() != "0"))
    })
}

fn make(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// Lets sub-groups of a version 2 group be limited.
fn enable(group: &Path) -> io::Result<()> {
    let there = fs::read_to_string(group.join("cgroup.controllers"))?;
    let wanted: Vec<String> = ["pids", "memory", "cpu"]
        .iter()
        .filter(|c| there.split_whitespace().any(|t| t == **c))
        .map(|c| format!("+{c}"))
        .collect();
    fs::write(group.join("cgroup.subtree_control"), wanted.join(" "))
}

/// The folder of this process's group in each hierarchy, with its controllers (none for version 2).
fn places(membership: &str, mounts: &str) -> Vec<(PathBuf, Vec<String>)> {
    let mut found = Vec::new();
    for line in membership.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let controllers: Vec<String> = controllers.split(',').filter(|c| !c.is_empty()).map(str::to_owned).collect();
        if let Some(mount) = mount_of(mounts, &controllers) {
            found.push((mount.join(path.trim_start_matches('/')), controllers));
        }
    }
    found
}

fn mount_of(mounts: &str, controllers: &[String]) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let at = left.split(' ').nth(4)?;
        let mut right = right.split(' ');
        let (kind, _, options) = (right.next()?, right.next()?, right.next().unwrap_or_default());
        let matches = match (kind, controllers.first()) {
            ("cgroup2", None) => true,
            ("cgroup", Some(first)) => options.split(',').any(|o| o == first),
            _ => false,
        };
        matches.then(|| PathBuf::from(at))
    })
}

/// Makes the agent's own group in a hierarchy, if anything can be limited there.
fn prepare(place: &Path, controllers: &[String]) -> Option<Hierarchy> {
    let unified = controllers.is_empty();
    let offered = if unified {
        fs::read_to_string(place.join("cgroup.controllers")).ok()?.split_whitespace().map(str::to_owned).collect()
    } else {
        controllers.to_vec()
    };
    let has = |name: &str| offered.iter().any(|c| c == name);
    let mut hierarchy =
        Hierarchy { base: PathBuf::new(), unified, pids: has("pids"), memory: has("memory"), cpu: has("cpu") };
    if !(hierarchy.pids || hierarchy.memory || hierarchy.cpu) {
        return None;
    }
    tidy(place);
    hierarchy.base = place.join(format!("colchis-{}", std::process::id()));
    if unified && enable(place).is_err() {
        // Processes in the group itself forbid sub-groups with limits: if they are only the server and this agent, they move.
        move_aside(place).and_then(|()| enable(place)).ok()?;
    }
    make(&hierarchy.base).ok()?;
    if unified && enable(&hierarchy.base).is_err() {
        let _ = fs::remove_dir(&hierarchy.base);
        return None;
    }
    Some(hierarchy)
}

fn move_aside(place: &Path) -> io::Result<()> {
    let ours = [std::process::id(), std::os::unix::process::parent_id()];
    let inside = fs::read_to_string(place.join("cgroup.procs"))?;
    if !inside.lines().all(|pid| pid.parse().is_ok_and(|p: u32| ours.contains(&p))) {
        return Err(io::Error::other("other processes are in this server's control group"));
    }
    let leaf = place.join("colchis-server");
    make(&leaf)?;
    for pid in inside.lines() {
        fs::write(leaf.join("cgroup.procs"), pid)?;
    }
    Ok(())
}

/// Removes what agents left that are gone: only empty groups can be removed.
fn tidy(place: &Path) {
    let Ok(entries) = fs::read_dir(place) else { return };
    for base in entries.flatten().filter(|e| e.file_name().to_string_lossy().starts_with("colchis-")).take(64) {
        let name = base.file_name();
        let agent = name.to_str().and_then(|n| n.strip_prefix("colchis-")).unwrap_or_default();
        if Path::new("/proc").join(agent).exists() {
            continue;
        }
        let Ok(units) = fs::read_dir(base.path()) else { continue };
        for unit in units.flatten().filter(|u| u.path().is_dir()) {
            if let Ok(containers) = fs::read_dir(unit.path()) {
                for container in containers.flatten().filter(|c| c.path().is_dir()) {
                    let _ = fs::remove_dir(container.path());
                }
            }
            let _ = fs::remove_dir(unit.path());
        }
        let _ = fs::remove_dir(base.path());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_both_versions() {
        let mounts = "40 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
                      33 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n\
                      42 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let membership = "8:pids:/a/b\n1:cpu,cpuacct:/\n4:memory:/x\n0::/u\n";
        let found = places(membership, mounts);
        let found: Vec<String> = found.iter().map(|(p, c)| format!("{} {}", p.display(), c.join(","))).collect();
        assert_eq!(
            found,
            ["/sys/fs/cgroup/pids/a/b pids", "/sys/fs/cgroup/cpu/ cpu,cpuacct", "/sys/fs/cgroup/unified/u "]
        );
    }

    #[test]
    fn limits_are_written_as_each_version_has_them() {
        let dir = tempfile::tempdir().unwrap();
        let limits = Limits { cpu_millis: Some(500), memory_bytes: Some(1 << 20), pids: Some(7) };
        for (unified, files) in [
            (true, [("cpu.max", "50000 100000"), ("memory.max", "1048576"), ("pids.max", "7")]),
            (false, [("cpu.cfs_quota_us", "50000"), ("memory.limit_in_bytes", "1048576"), ("pids.max", "7")]),
        ] {
            let h = Hierarchy { base: dir.path().into(), unified, pids: true, memory: true, cpu: true };
            assert!(h.limit(dir.path(), limits).is_empty());
            for (file, value) in files {
                assert_eq!(fs::read_to_string(dir.path().join(file)).unwrap(), value);
            }
        }
    }
}
