//! Capabilities and the system call filter.
//!
//! The filter allows what container runtimes allow by default and answers "not permitted" to the rest: mounting, namespaces,
//! modules, keys, tracing of other users, clocks, raw I/O. What a capability opens in those runtimes it opens here.

use std::collections::BTreeMap;
use std::io;

use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, sock_filter,
};

use crate::agent::fault::Fault;

/// `CAP_SYS_ADMIN` as a bit: mounts and namespaces are then allowed too.
const SYS_ADMIN: u64 = 1 << 21;
const CAPABILITIES: u32 = 64;

/// Filters compiled once.
pub(crate) struct Filters {
    default: BpfProgram,
    admin: BpfProgram,
}

impl Filters {
    /// Compiles them.
    pub(crate) fn compile() -> Result<Self, Fault> {
        let compile = |admin| filter(admin).map_err(|e| Fault::new(format!("compile the system call filter: {e}")));
        Ok(Self { default: compile(false)?, admin: compile(true)? })
    }

    /// Installs the one that fits these capabilities.
    pub(super) fn install(&self, capabilities: u64) -> Result<(), String> {
        let program = if capabilities & SYS_ADMIN == 0 { &self.default } else { &self.admin };
        seccompiler_install(program).map_err(|e| format!("install the system call filter: {e}"))
    }
}

/// seccompiler's own `apply_filter` sets no_new_privs, which is not ours to decide here.
fn seccompiler_install(program: &BpfProgram) -> io::Result<()> {
    crate::agent::sys::install_filter(program)
}

/// System calls that are refused, by number, without further conditions.
fn refused(admin: bool) -> Vec<i64> {
    let mut list = vec![
        libc::SYS_acct,
        libc::SYS_add_key,
        libc::SYS_adjtimex,
        libc::SYS_clock_adjtime,
        libc::SYS_clock_settime,
        libc::SYS_delete_module,
        libc::SYS_finit_module,
        libc::SYS_init_module,
        libc::SYS_kexec_file_load,
        libc::SYS_kexec_load,
        libc::SYS_keyctl,
        libc::SYS_lookup_dcookie,
        libc::SYS_mbind,
        libc::SYS_migrate_pages,
        libc::SYS_move_pages,
        libc::SYS_nfsservctl,
        libc::SYS_open_by_handle_at,
        libc::SYS_perf_event_open,
        libc::SYS_pivot_root,
        libc::SYS_quotactl,
        libc::SYS_reboot,
        libc::SYS_request_key,
        libc::SYS_set_mempolicy,
        libc::SYS_settimeofday,
        libc::SYS_swapoff,
        libc::SYS_swapon,
        libc::SYS_userfaultfd,
        libc::SYS_vhangup,
        libc::SYS_io_uring_setup,
        libc::SYS_io_uring_enter,
        libc::SYS_io_uring_register,
        libc::SYS_quotactl_fd,
        libc::SYS_chroot,
    ];
    #[cfg(target_arch = "x86_64")]
    list.extend([
        libc::SYS_ioperm,
        libc::SYS_iopl,
        libc::SYS__sysctl,
        libc::SYS_sysfs,
        libc::SYS_uselib,
        libc::SYS_ustat,
        libc::SYS_modify_ldt,
        libc::SYS_vserver,
    ]);
    // chroot stays allowed: it is among the default capabilities.
    list.retain(|n| *n != libc::SYS_chroot);
    if !admin {
        list.extend([
            libc::SYS_bpf,
            libc::SYS_fanotify_init,
            libc::SYS_fsconfig,
            libc::SYS_fsmount,
            libc::SYS_fsopen,
            libc::SYS_fspick,
            libc::SYS_mount,
            libc::SYS_mount_setattr,
            libc::SYS_move_mount,
            libc::SYS_open_tree,
            libc::SYS_setdomainname,
            libc::SYS_sethostname,
            libc::SYS_setns,
            libc::SYS_syslog,
            libc::SYS_umount2,
            libc::SYS_unshare,
            libc::SYS_process_vm_writev,
            libc::SYS_kcmp,
        ]);
    }
    list
}

fn filter(admin: bool) -> Result<BpfProgram, String> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = refused(admin).into_iter().map(|n| (n, Vec::new())).collect();
    let condition = |index, length, operator, value| {
        SeccompCondition::new(index, length, operator, value).map_err(|e| e.to_string())
    };
    let rule = |condition: SeccompCondition| SeccompRule::new(vec![condition]).map_err(|e| e.to_string());
    if !admin {
        // clone with any namespace flag.
        let mut conditions = Vec::new();
        for flag in [
            libc::CLONE_NEWNS,
            libc::CLONE_NEWCGROUP,
            libc::CLONE_NEWUTS,
            libc::CLONE_NEWIPC,
            libc::CLONE_NEWUSER,
            libc::CLONE_NEWPID,
            libc::CLONE_NEWNET,
        ] {
            let flag = u64::from(flag.unsigned_abs());
            conditions.push(rule(condition(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(flag), flag)?)?);
        }
        rules.insert(libc::SYS_clone, conditions);
    }
    // Address families that have been a way into the kernel: vsock (40).
    rules.insert(libc::SYS_socket, vec![rule(condition(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, 40)?)?]);
    // Pushing input into a terminal (TIOCSTI, TIOCLINUX).
    let mut ioctl = Vec::new();
    for request in [0x5412, 0x541C] {
        ioctl.push(rule(condition(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, request)?)?);
    }
    rules.insert(libc::SYS_ioctl, ioctl);
    let not_permitted = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let arch: TargetArch = std::env::consts::ARCH.try_into().map_err(|e| format!("{e}"))?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, not_permitted, arch).map_err(|e| e.to_string())?;
    let mut program = unknown_calls(admin);
    program.extend(BpfProgram::try_from(filter).map_err(|e| e.to_string())?);
    Ok(program)
}

/// Calls that answer "no such call", so that programs fall back: those newer than this list, those of another ABI of the same
/// machine, and `clone3`, whose flags lie in memory where no filter can look (libraries then use `clone`).
fn unknown_calls(admin: bool) -> BpfProgram {
    const LOAD: u16 = 0x20;
    const AT_LEAST: u16 = 0x35;
    const EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    const FIRST_UNKNOWN: u32 = 467;
    let no_such_call = 0x0005_0000 | libc::ENOSYS.unsigned_abs();
    // With all privileges nothing has the number 2³² - 1.
    let clone3 = if admin { u32::MAX } else { u32::try_from(libc::SYS_clone3).unwrap_or(u32::MAX) };
    let line = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    vec![
        line(LOAD, 0, 0, 0),
        line(AT_LEAST, 1, 0, FIRST_UNKNOWN),
        line(EQUAL, 0, 1, clone3),
        line(RETURN, 0, 0, no_such_call),
    ]
}

/// Removes what is not among `keep` from a bounding set that has `has`; one call for each.
pub(crate) fn limit_bounding_set(has: u64, keep: u64) -> io::Result<()> {
    for number in (0..CAPABILITIES).filter(|n| has & !keep & (1 << n) != 0) {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        match rustix::thread::remove_capability_from_bounding_set(capability) {
            // Unknown to an older kernel.
            Ok(()) | Err(rustix::io::Errno::INVAL) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

/// Leaves `keep` to root and nothing to others.
pub(super) fn limit_capabilities(keep: u64, uid: u32) -> io::Result<()> {
    let has = rustix::thread::capabilities(None)?;
    let keep = if uid == 0 { has.permitted & CapabilitySet::from_bits_retain(keep) } else { CapabilitySet::empty() };
    let _ = rustix::thread::clear_ambient_capability_set();
    set_capabilities(None, CapabilitySets { effective: keep, permitted: keep, inheritable: CapabilitySet::empty() })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_filters_compile_and_stay_short() {
        let filters = Filters::compile().unwrap();
        // The kernel runs it once for each system call number when it is installed: length is start-up time.
        assert!(filters.default.len() < 600, "{}", filters.default.len());
        assert!(filters.admin.len() < filters.default.len());
    }
}
