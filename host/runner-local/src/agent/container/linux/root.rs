//! A container's root: a private writable layer over its image or over the machine's own root, `/proc`, `/dev`, `/sys`, volumes.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, XattrFlags, openat};
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, UnmountFlags, mount_change, unmount};

use super::Pod;
use super::attach::{
    self, NO_DEV, NO_EXEC, NO_SUID, READ_ONLY, Shape, attach, bind, clone_tree, mount_point, new_filesystem, open_path,
    resolve,
};
use crate::agent::fault::{At, Fault};
use crate::agent::protocol::{ContainerSpec, FileSpec, Isolation, MountSource, MountSpec};
use crate::agent::sys;

/// What an OCI runtime hides of `/proc` and `/sys`.
const MASKED: [&str; 11] = [
    "proc/acpi",
    "proc/asound",
    "proc/kcore",
    "proc/keys",
    "proc/latency_stats",
    "proc/sched_debug",
    "proc/scsi",
    "proc/timer_list",
    "proc/timer_stats",
    "sys/firmware",
    "sys/devices/virtual/powercap",
];
/// What it makes read-only of `/proc`.
const READ_ONLY_PATHS: [&str; 5] = ["proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"];
/// Size of a private `/dev/shm`, as container runtimes have it.
const SHM_SIZE: &str = "65536k";
/// Of one option of a file system.
const OPTION_MAX: usize = 255;
/// Mounts of the machine that are shown in its own root.
const MACHINE_MOUNTS_MAX: usize = 16;

/// Builds the root and enters it. Nothing of the machine is reachable afterwards but what was mounted.
pub(crate) fn enter(pod: &Pod<'_>, spec: &ContainerSpec, folder: &str) -> Result<(), Fault> {
    // What is mounted outside later is seen, what is mounted here is not seen outside.
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)
        .at(|| "take the mounts apart from the machine's".to_owned())?;
    let root = layered(pod, spec, folder)?;
    if spec.root.host {
        machine(pod, spec, &root)?;
    }
    kernel_filesystems(pod, spec, &root)?;
    for (file, target) in
        [(&pod.hosts_file, "/etc/hosts"), (&pod.resolv_file, "/etc/resolv.conf"), (&pod.hostname_file, "/etc/hostname")]
    {
        if let Some(file) = file {
            let source = open_path(file).at(|| format!("open {}", file.display()))?;
            bind(source, mount_point(&root, target, Shape::File)?, NO_DEV | NO_SUID, false)
                .at(|| format!("mount {target}"))?;
        }
    }
    for mount in &spec.mounts {
        volume(pod, spec, &root, mount)?;
    }
    if !spec.working_dir.is_empty() {
        attach::make_folders(&root, Path::new(&spec.working_dir))?;
    }
    if spec.root.read_only {
        // What a step tells the runner by (its progress, its last message) stays writable.
        let argo = mount_point(&root, "/argo", Shape::Folder)?;
        bind(&argo, &argo, NO_DEV, false).at(|| "keep /argo writable".to_owned())?;
        // The mount at the root itself, not those in it.
        sys::mount_attributes(root.as_fd(), READ_ONLY, false).at(|| "make the root read-only".to_owned())?;
    }
    pivot(&root)
}

fn pivot(root: &OwnedFd) -> Result<(), Fault> {
    rustix::process::fchdir(root).at(|| "enter the container's root".to_owned())?;
    rustix::process::pivot_root(".", ".").at(|| "pivot to the container's root".to_owned())?;
    unmount(".", UnmountFlags::DETACH).at(|| "leave the machine's root".to_owned())?;
    rustix::process::chdir("/").at(|| "enter /".to_owned())
}

/// Mounts the layers and opens the result.
fn layered(pod: &Pod<'_>, spec: &ContainerSpec, folder: &str) -> Result<OwnedFd, Fault> {
    let dir = pod.spec.unit_dir.join("c").join(folder);
    let root = dir.join("root");
    let [upper, work] = ["upper", "work"].map(|name| dir.join(name));
    for folder in [&root, &upper, &work] {
        fs::DirBuilder::new().recursive(true).mode(0o755).create(folder).at(|| format!("make {}", folder.display()))?;
    }
    if pod.in_user_namespace() && spec.root.host {
        return by_folder(pod, spec, &dir);
    }
    private_files(pod, spec, &upper)?;
    let nodev = if spec.security.privileged { 0 } else { NO_DEV };
    let mounted = overlay(pod, &spec.root.layers, &upper, &work, nodev).or_else(|e| {
        // The data folder may lie on a file system that cannot hold a writable layer (an overlay itself, some network
        // file systems): then the layer is held in memory.
        let memory = dir.join("memory");
        fs::create_dir_all(&memory).at(|| format!("make {}", memory.display()))?;
        let tmpfs = new_filesystem("tmpfs", &[("mode", "755")], &[], 0)?;
        attach(tmpfs, open_path(&memory).at(|| memory.display().to_string())?)
            .at(|| "mount a layer in memory".to_owned())?;
        let [upper, work] = ["upper", "work"].map(|name| memory.join(name));
        for folder in [&upper, &work] {
            fs::create_dir_all(folder).at(|| format!("make {}", folder.display()))?;
        }
        private_files(pod, spec, &upper)?;
        overlay(pod, &spec.root.layers, &upper, &work, nodev).map_err(|_| e)
    })?;
    let at = open_path(&root).at(|| root.display().to_string())?;
    attach(&mounted, at).at(|| format!("mount the container's root at {}", root.display()))?;
    // Opened anew: this descriptor is the mounted root.
    openat(CWD, &root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .at(|| root.display().to_string())
}

/// The machine's root for an unprivileged user, who may not lay anything over a folder that other file systems are mounted in: each
/// top folder gets a layer of its own, and those with mounts in them are shown read-only.
fn by_folder(pod: &Pod<'_>, spec: &ContainerSpec, dir: &Path) -> Result<OwnedFd, Fault> {
    const OWN: [&str; 6] = ["proc", "sys", "dev", "tmp", "run", "argo"];
    let root = dir.join("root");
    private_files(pod, spec, &root)?;
    let at = open_path(&root).at(|| root.display().to_string())?;
    // A mount of its own, to be pivoted to.
    bind(&at, &at, NO_DEV, false).at(|| "mount the container's root".to_owned())?;
    let at = openat(CWD, &root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .at(|| root.display().to_string())?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mounted_below =
        |folder: &Path| mounts.lines().filter_map(|l| l.split(' ').nth(4)).any(|m| Path::new(m).starts_with(folder));
    for entry in fs::read_dir("/").at(|| "list /".to_owned())?.flatten() {
        let (name, path) = (entry.file_name(), entry.path());
        let Ok(kind) = entry.file_type() else { continue };
        if OWN.iter().any(|own| name == *own) {
            continue;
        }
        if kind.is_symlink() {
            if let Ok(target) = fs::read_link(&path) {
                let _ = std::os::unix::fs::symlink(target, root.join(&name));
            }
            continue;
        }
        if !kind.is_dir() {
            continue;
        }
        let target = mount_point(&at, &path.to_string_lossy(), Shape::Folder)?;
        let [upper, work] = ["upper", "work"].map(|layer| dir.join(layer).join(&name));
        let made = fs::create_dir_all(&upper).and_then(|()| fs::create_dir_all(&work));
        made.at(|| format!("make {}", upper.display()))?;
        let layered = if mounted_below(&path) {
            None
        } else {
            overlay(pod, std::slice::from_ref(&path), &upper, &work, NO_DEV).ok()
        };
        match layered {
            Some(layered) => attach(layered, &target).at(|| format!("mount {}", path.display()))?,
            None => {
                // One that may not even be shown is left empty.
                let Ok(source) = open_path(&path) else { continue };
                let _ = bind(source, &target, READ_ONLY | NO_DEV, true);
            }
        }
    }
    Ok(at)
}

fn overlay(pod: &Pod<'_>, layers: &[PathBuf], upper: &Path, work: &Path, attributes: u64) -> Result<OwnedFd, Fault> {
    let (upper, work) = (upper.to_string_lossy(), work.to_string_lossy());
    let layers: Vec<_> = layers.iter().map(|l| l.to_string_lossy()).collect();
    let mut flags = vec!["volatile"];
    if pod.in_user_namespace() {
        flags.push("userxattr");
    }
    let rest = [("upperdir", &*upper), ("workdir", &*work)];
    let joined = layers.iter().map(|l| escaped(l)).collect::<Vec<_>>().join(":");
    // A value given to the newer calls is limited to 255 characters.
    if upper.len() > OPTION_MAX || work.len() > OPTION_MAX {
        return legacy_overlay(&joined, &upper, &work, &flags, attributes);
    }
    if joined.len() <= OPTION_MAX {
        let options: Vec<_> = [("lowerdir", joined.as_str())].into_iter().chain(rest).collect();
        return new_filesystem("overlay", &options, &flags, attributes);
    }
    // One option for each layer (Linux 6.5).
    let options: Vec<_> = layers.iter().map(|l| ("lowerdir+", &**l)).chain(rest).collect();
    new_filesystem("overlay", &options, &flags, attributes)
        .or_else(|e| legacy_overlay(&joined, &upper, &work, &flags, attributes).map_err(|_| e))
}

/// Older kernels: one page of options, attached to a place of its own and cloned from there.
fn legacy_overlay(lower: &str, upper: &str, work: &str, flags: &[&str], attributes: u64) -> Result<OwnedFd, Fault> {
    let options = format!("lowerdir={lower},upperdir={upper},workdir={work},{}", flags.join(","));
    let options = std::ffi::CString::new(options).map_err(|_| Fault::new("a layer's path holds a zero byte"))?;
    let target = Path::new(work).with_file_name("root");
    fs::create_dir_all(&target).at(|| format!("make {}", target.display()))?;
    rustix::mount::mount("overlay", &target, "overlay", rustix::mount::MountFlags::empty(), options.as_c_str())
        .at(|| "mount overlay".to_owned())?;
    let tree =
        clone_tree(open_path(&target).at(|| target.display().to_string())?, false).at(|| "clone overlay".to_owned())?;
    sys::mount_attributes(tree.as_fd(), attributes, false).at(|| "set overlay's attributes".to_owned())?;
    Ok(tree)
}

fn escaped(path: &str) -> String {
    path.replace('\\', "\\\\").replace(':', "\\:")
}

/// What the private layer holds from the start: an own `/tmp`, Argo's folder with the script.
fn private_files(pod: &Pod<'_>, spec: &ContainerSpec, upper: &Path) -> Result<(), Fault> {
    if spec.root.host {
        let tmp = upper.join("tmp");
        make_folder(&tmp, 0o1777)?;
        let name = if pod.in_user_namespace() { "user.overlay.opaque" } else { "trusted.overlay.opaque" };
        // Without it the machine's files show through, read-only: not wrong, only untidy.
        let _ = rustix::fs::setxattr(&tmp, name, b"y", XattrFlags::empty());
    }
    make_folder(&upper.join("argo"), 0o777)?;
    for file in &spec.files {
        write_file(upper, file)?;
    }
    Ok(())
}

fn make_folder(path: &Path, mode: u32) -> Result<(), Fault> {
    match fs::create_dir(path) {
        Ok(()) => {}
        // Left by an earlier unit that did not touch it.
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(e) => return Err(e).at(|| format!("make {}", path.display())),
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).at(|| format!("set the mode of {}", path.display()))
}

/// Writes a file below a folder that nobody else writes to.
pub(crate) fn write_file(below: &Path, file: &FileSpec) -> Result<(), Fault> {
    let path = below.join(file.path.trim_start_matches('/'));
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).at(|| format!("make {}", parent.display()))?;
    }
    let write = || -> io::Result<()> {
        let mut to = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        io::Write::write_all(&mut to, &file.content.bytes()?)?;
        // Explicitly, because the mode at creation is cut by the umask.
        to.set_permissions(fs::Permissions::from_mode(file.mode))?;
        if let Some(gid) = file.gid {
            std::os::unix::fs::fchown(&to, None, Some(gid))?;
        }
        Ok(())
    };
    write().at(|| format!("write {}", file.path))
}

/// The machine's root: its other file systems are shown read-only, the server's data not at all.
fn machine(pod: &Pod<'_>, spec: &ContainerSpec, root: &OwnedFd) -> Result<(), Fault> {
    for path in pod.machine_mounts {
        let (Ok(source), Ok(target)) = (open_path(path), resolve(root, path, OFlags::PATH)) else { continue };
        if let Err(e) = bind(source, target, READ_ONLY | NO_DEV, true) {
            // An unprivileged user may not clone every mount; the folder below it then shows empty.
            if pod.spec.isolation == Isolation::Root {
                return Err(e).at(|| format!("show {} in the container", path.display()));
            }
        }
    }
    for path in &spec.root.hidden {
        if let Ok(target) = resolve(root, path, OFlags::PATH | OFlags::DIRECTORY) {
            let empty = open_path(&pod.devices.empty_dir()).at(|| "open the empty folder".to_owned())?;
            bind(empty, target, READ_ONLY, false).at(|| format!("hide {}", path.display()))?;
        }
    }
    Ok(())
}

fn kernel_filesystems(pod: &Pod<'_>, spec: &ContainerSpec, root: &OwnedFd) -> Result<(), Fault> {
    let safe = NO_SUID | NO_DEV | NO_EXEC;
    let proc_at = mount_point(root, "/proc", Shape::Folder)?;
    let proc = new_filesystem("proc", &[], &[], safe).map_err(|e| {
        Fault::new(format!("{e} (inside another container, /proc must not be masked for this to work)"))
    })?;
    attach(proc, proc_at).at(|| "mount /proc".to_owned())?;

    let sys_at = mount_point(root, "/sys", Shape::Folder)?;
    match new_filesystem("sysfs", &[], &[], safe | READ_ONLY) {
        Ok(sysfs) => attach(sysfs, sys_at).at(|| "mount /sys".to_owned())?,
        // A user namespace does not own the machine's network, so it may only show what is there.
        Err(_) => bind(open_path(Path::new("/sys")).at(|| "/sys".to_owned())?, sys_at, safe | READ_ONLY, true)
            .at(|| "show /sys".to_owned())?,
    }

    let dev_at = mount_point(root, "/dev", Shape::Folder)?;
    if spec.security.privileged {
        bind(open_path(Path::new("/dev")).at(|| "/dev".to_owned())?, dev_at, 0, true).at(|| "show /dev".to_owned())?;
        return Ok(());
    }
    let template = open_path(&pod.devices.dev_dir()).at(|| "open the device folder".to_owned())?;
    bind(template, dev_at, READ_ONLY | NO_SUID | NO_EXEC, true).at(|| "mount /dev".to_owned())?;
    let inside = |path: &str| resolve(root, path, OFlags::PATH).at(|| format!("open {path} in the container"));
    let mut options = vec![("ptmxmode", "0666"), ("mode", "0620")];
    if !pod.in_user_namespace() {
        options.push(("gid", "5"));
    }
    let pts = new_filesystem("devpts", &options, &["newinstance"], NO_SUID | NO_EXEC)?;
    attach(pts, inside("/dev/pts")?).at(|| "mount /dev/pts".to_owned())?;
    let shm_at = inside("/dev/shm")?;
    match &pod.shm {
        Some(shared) => {
            bind(open_path(shared).at(|| shared.display().to_string())?, shm_at, safe, false)
                .at(|| "mount /dev/shm".to_owned())?;
        }
        None => attach(new_filesystem("tmpfs", &[("mode", "1777"), ("size", SHM_SIZE)], &[], safe)?, shm_at)
            .at(|| "mount /dev/shm".to_owned())?,
    }
    if let Ok(mqueue) = new_filesystem("mqueue", &[], &[], safe) {
        attach(mqueue, inside("/dev/mqueue")?).at(|| "mount /dev/mqueue".to_owned())?;
    }
    mask(pod, root)
}

fn mask(pod: &Pod<'_>, root: &OwnedFd) -> Result<(), Fault> {
    for path in READ_ONLY_PATHS {
        if let Ok(at) = resolve(root, path, OFlags::PATH) {
            bind(&at, &at, READ_ONLY, false).at(|| format!("make /{path} read-only"))?;
        }
    }
    for path in MASKED {
        let Ok(at) = resolve(root, path, OFlags::PATH) else { continue };
        let cover = match Shape::of(&at).at(|| format!("look at /{path}"))? {
            Shape::Folder => pod.devices.empty_dir(),
            Shape::File => pod.devices.dev_dir().join("null"),
        };
        let cover = open_path(&cover).at(|| "open a cover".to_owned())?;
        bind(cover, at, READ_ONLY, false).at(|| format!("mask /{path}"))?;
    }
    Ok(())
}

fn volume(pod: &Pod<'_>, spec: &ContainerSpec, root: &OwnedFd, mount: &MountSpec) -> Result<(), Fault> {
    let source = source(pod, &mount.source, mount.sub_path.as_deref(), &mount.target)?;
    let shape = Shape::of(&source).at(|| format!("look at the volume for {}", mount.target))?;
    let target = mount_point(root, &mount.target, shape)?;
    let mut attributes = if spec.security.privileged { 0 } else { NO_DEV };
    if mount.read_only {
        attributes |= READ_ONLY;
    }
    bind(source, target, attributes, true).at(|| format!("mount {}", mount.target))
}

/// A volume, or the part of it that a mount at `target` shows.
pub(crate) fn source(
    pod: &Pod<'_>,
    source: &MountSource,
    sub_path: Option<&str>,
    target: &str,
) -> Result<OwnedFd, Fault> {
    let path = match source {
        MountSource::Path(path) => path.clone(),
        MountSource::Memory(name) => pod.memory_dir(name),
    };
    let volume = open_path(&path).at(|| format!("open the volume for {target}"))?;
    match sub_path {
        Some(part) => sub_path_of(&volume, part).map_err(|e| Fault::new(format!("mount {target}: {e}"))),
        None => Ok(volume),
    }
}

/// A path inside a volume: no link may lead out of it. A missing folder is made, as the kubelet does.
fn sub_path_of(volume: &OwnedFd, sub_path: &str) -> Result<OwnedFd, Fault> {
    match resolve_beneath(volume, sub_path) {
        Err(Errno::NOENT) => {
            attach::make_folders(volume, &Path::new("/").join(sub_path))?;
            resolve_beneath(volume, sub_path).at(|| format!("open subPath {sub_path}"))
        }
        Err(Errno::XDEV | Errno::LOOP) => Err(Fault::new(format!("subPath {sub_path} leads out of its volume"))),
        other => other.at(|| format!("open subPath {sub_path}")),
    }
}

fn resolve_beneath(volume: &OwnedFd, path: &str) -> rustix::io::Result<OwnedFd> {
    use rustix::fs::ResolveFlags;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    rustix::fs::openat2(volume, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)
}

/// Devices every container sees, made once by the agent in its own mount namespace.
#[derive(Debug, Clone)]
pub(crate) struct DeviceTemplate {
    at: PathBuf,
}

impl DeviceTemplate {
    /// Makes it in the agent's mount namespace.
    pub(crate) fn make(at: &Path, isolation: Isolation) -> Result<Self, Fault> {
        let template = Self { at: at.to_owned() };
        if isolation == Isolation::Plain {
            return Ok(template);
        }
        fs::create_dir_all(at).at(|| format!("make {}", at.display()))?;
        let tmpfs = new_filesystem("tmpfs", &[("mode", "755"), ("size", "1m")], &[], NO_SUID | NO_EXEC)?;
        attach(tmpfs, open_path(at).at(|| at.display().to_string())?).at(|| "mount the device folder".to_owned())?;
        make_folder(&template.empty_dir(), 0o755)?;
        let dev = template.dev_dir();
        for (folder, mode) in [("", 0o755), ("pts", 0o755), ("shm", 0o1777), ("mqueue", 0o1777)] {
            make_folder(&dev.join(folder), mode)?;
        }
        for name in ["null", "zero", "full", "random", "urandom", "tty"] {
            template.device(name, isolation)?;
        }
        for (name, target) in [
            ("fd", "/proc/self/fd"),
            ("stdin", "/proc/self/fd/0"),
            ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"),
            ("ptmx", "pts/ptmx"),
            ("core", "/proc/kcore"),
            // Where Kubernetes reads a container's last message from.
            ("termination-log", "/argo/termination-log"),
        ] {
            std::os::unix::fs::symlink(target, dev.join(name)).at(|| format!("link /dev/{name}"))?;
        }
        Ok(template)
    }

    fn device(&self, name: &str, isolation: Isolation) -> Result<(), Fault> {
        let path = self.dev_dir().join(name);
        let machine = Path::new("/dev").join(name);
        if isolation == Isolation::Root {
            let device = fs::metadata(&machine).at(|| machine.display().to_string())?;
            let mode = Mode::from_raw_mode(0o666);
            let number = std::os::unix::fs::MetadataExt::rdev(&device);
            rustix::fs::mknodat(CWD, &path, rustix::fs::FileType::CharacterDevice, mode, number)
                .at(|| format!("make the device {name}"))?;
            return fs::set_permissions(&path, fs::Permissions::from_mode(0o666))
                .at(|| format!("make the device {name}"));
        }
        fs::write(&path, b"").at(|| format!("make a place for the device {name}"))?;
        let source = open_path(&machine).at(|| machine.display().to_string())?;
        bind(source, open_path(&path).at(|| path.display().to_string())?, 0, false)
            .at(|| format!("show the device {name}"))
    }

    pub(crate) fn dev_dir(&self) -> PathBuf {
        self.at.join("dev")
    }

    pub(crate) fn empty_dir(&self) -> PathBuf {
        self.at.join("empty")
    }
}

/// File systems of this machine that people would miss in its own root: on disks and networks, not the kernel's own.
pub(crate) fn machine_mounts(hidden: &[PathBuf]) -> Vec<PathBuf> {
    const KERNEL: [&str; 24] = [
        "proc",
        "sysfs",
        "devtmpfs",
        "devpts",
        "tmpfs",
        "cgroup",
        "cgroup2",
        "mqueue",
        "debugfs",
        "tracefs",
        "securityfs",
        "bpf",
        "fusectl",
        "hugetlbfs",
        "configfs",
        "pstore",
        "efivarfs",
        "autofs",
        "binfmt_misc",
        "nsfs",
        "rpc_pipefs",
        "ramfs",
        "squashfs",
        "overlay",
    ];
    const ELSEWHERE: [&str; 8] = ["/proc", "/sys", "/dev", "/run", "/boot", "/tmp", "/media", "/snap"];
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut found: Vec<PathBuf> = Vec::new();
    for line in text.lines() {
        let mut fields = line.split(' ');
        let Some(path) = fields.nth(4) else { continue };
        let Some(kind) = fields.skip_while(|f| *f != "-").nth(1) else { continue };
        let path = PathBuf::from(path.replace("\\040", " "));
        let skip = KERNEL.contains(&kind)
            || path == Path::new("/")
            || ELSEWHERE.iter().any(|e| path.starts_with(e))
            || hidden.iter().any(|h| path.starts_with(h))
            || found.iter().any(|f| path.starts_with(f));
        if !skip && found.len() < MACHINE_MOUNTS_MAX {
            found.push(path);
        }
    }
    found
}

/// Mounts and fills a memory volume in the supervisor's mount namespace.
pub(crate) fn memory_volume(at: &Path, volume: &crate::agent::protocol::MemoryVolume) -> Result<(), Fault> {
    let mode = format!("{:o}", volume.mode);
    let size = volume.size_bytes.map(|s| s.to_string());
    let mut options = vec![("mode", mode.as_str())];
    options.extend(size.as_deref().map(|s| ("size", s)));
    tmpfs(at, &options, NO_DEV)?;
    for file in &volume.files {
        write_file(at, file)?;
    }
    Ok(())
}

/// Mounts a `/dev/shm` that several containers share.
pub(crate) fn shared_memory(at: &Path) -> Result<(), Fault> {
    tmpfs(at, &[("mode", "1777"), ("size", SHM_SIZE)], NO_SUID | NO_DEV | NO_EXEC)
}

fn tmpfs(at: &Path, options: &[(&str, &str)], attributes: u64) -> Result<(), Fault> {
    fs::create_dir_all(at).at(|| format!("make {}", at.display()))?;
    let mounted = new_filesystem("tmpfs", options, &[], attributes)?;
    attach(mounted, open_path(at).at(|| at.display().to_string())?).at(|| format!("mount {}", at.display()))
}

/// Whether a writable layer can be had: what every container needs.
pub(crate) fn try_overlay(dir: &Path, isolation: Isolation) -> Result<(), Fault> {
    let [lower, upper, work, root] = ["lower", "upper", "work", "root"].map(|name| dir.join(name));
    for folder in [&lower, &upper, &work, &root] {
        fs::create_dir_all(folder).at(|| format!("make {}", folder.display()))?;
    }
    let (lower, upper, work) = (lower.to_string_lossy(), upper.to_string_lossy(), work.to_string_lossy());
    let flags: &[&str] = if isolation == Isolation::User { &["volatile", "userxattr"] } else { &["volatile"] };
    let options = [("lowerdir", &*lower), ("upperdir", &*upper), ("workdir", &*work)];
    let made = new_filesystem("overlay", &options, flags, NO_DEV);
    let made = match made {
        Ok(made) => made,
        // On a file system that cannot hold a layer, each container holds its own in memory.
        Err(_) => new_filesystem("tmpfs", &[], &[], NO_DEV)?,
    };
    attach(made, open_path(&root).at(|| root.display().to_string())?).at(|| "attach a mount".to_owned())?;
    let _ = fs::remove_dir_all(Path::new(&*work).join("work"));
    Ok(())
}
