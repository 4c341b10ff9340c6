//! Who a container runs as, what it may do, how much it may use.

use model::core::Container;
use runner::Unit;

use super::Cannot;
use crate::agent::protocol::{Limits, SecuritySpec, UserSpec};
use crate::settings::Settings;

/// Capabilities by number.
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];
/// What container runtimes leave by default.
const DEFAULT: [&str; 14] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
];
/// Beyond the default and still within the container's own namespaces.
const HARMLESS: [&str; 3] = ["IPC_LOCK", "SYS_NICE", "LEASE"];

fn bit(name: &str) -> Option<u64> {
    let name = name.trim().to_ascii_uppercase();
    let name = name.strip_prefix("CAP_").unwrap_or(&name);
    NAMES.iter().position(|n| *n == name).map(|at| 1 << at)
}

/// All that any container of this server may be given.
pub(crate) fn grantable(settings: &Settings) -> u64 {
    if settings.allow_privileged {
        return u64::MAX;
    }
    DEFAULT.iter().chain(&HARMLESS).filter_map(|n| bit(n)).fold(0, |a, b| a | b)
}

/// A container's security.
pub(super) struct Security {
    pub spec: SecuritySpec,
    user: UserSpec,
}

impl Security {
    pub(super) fn user(&self, image_user: &str) -> UserSpec {
        UserSpec { image_user: image_user.to_owned(), ..self.user.clone() }
    }
}

/// Reads both security contexts; the container's fields win.
pub(super) fn security(
    settings: &Settings,
    unit: &Unit,
    container: &Container,
    field: &str,
) -> Result<Security, Cannot> {
    let own = container.security_context.as_deref();
    let pod = unit.template.security_context.as_deref();
    let number = |own: Option<i64>, pod: Option<i64>, name: &str| match own.or(pod) {
        None => Ok(None),
        Some(id) => u32::try_from(id)
            .map(Some)
            .map_err(|_| Cannot::start(format!("{field}.securityContext.{name}: {id} is not a user or group number"))),
    };
    let mut groups = Vec::new();
    if let Some(pod) = pod {
        groups.extend(pod.supplemental_groups.iter().chain(&pod.fs_group).filter_map(|g| u32::try_from(*g).ok()));
    }
    let user = UserSpec {
        uid: number(own.and_then(|o| o.run_as_user), pod.and_then(|p| p.run_as_user), "runAsUser")?,
        gid: number(own.and_then(|o| o.run_as_group), pod.and_then(|p| p.run_as_group), "runAsGroup")?,
        groups,
        image_user: String::new(),
        must_not_be_root: own.and_then(|o| o.run_as_non_root).or(pod.and_then(|p| p.run_as_non_root)) == Some(true),
    };
    let privileged = own.is_some_and(|o| o.privileged == Some(true));
    if privileged && !settings.allow_privileged {
        return Err(Cannot::start(format!(
            "{field}.securityContext.privileged: this server does not allow privileged containers (setting allow_privileged)"
        )));
    }
    let capabilities = capabilities(settings, container, field)?;
    let escalation = own.and_then(|o| o.allow_privilege_escalation) == Some(true);
    let profile = own.and_then(|o| o.seccomp_profile.as_ref()).or(pod.and_then(|p| p.seccomp_profile.as_ref()));
    let unconfined = settings.allow_privileged && profile.is_some_and(|p| p.r#type == "Unconfined");
    let spec = SecuritySpec { capabilities, privileged, no_new_privileges: !escalation, seccomp: !unconfined };
    Ok(Security { spec, user })
}

fn capabilities(settings: &Settings, container: &Container, field: &str) -> Result<u64, Cannot> {
    let all = NAMES.len();
    let default = DEFAULT.iter().filter_map(|n| bit(n)).fold(0, |a, b| a | b);
    let Some(change) = container.security_context.as_deref().and_then(|s| s.capabilities.as_ref()) else {
        return Ok(default);
    };
    let everything = (1u64 << all) - 1;
    let is_all = |name: &String| name.eq_ignore_ascii_case("ALL");
    let mut keep = if change.drop.iter().any(is_all) { 0 } else { default };
    for (at, name) in change.add.iter().enumerate() {
        let path = format!("{field}.securityContext.capabilities.add[{at}]");
        let bits = if is_all(name) { Some(everything) } else { bit(name) };
        let bits = bits.ok_or_else(|| Cannot::start(format!("{path}: {name} is not a capability")))?;
        let usual = default | HARMLESS.iter().filter_map(|n| bit(n)).fold(0, |a, b| a | b);
        if bits & !usual != 0 && !settings.allow_privileged {
            return Err(Cannot::start(format!(
                "{path}: {name} reaches beyond the container; this server does not allow it (setting allow_privileged)"
            )));
        }
        keep |= bits;
    }
    for (at, name) in change.drop.iter().enumerate().filter(|(_, n)| !is_all(n)) {
        let path = format!("{field}.securityContext.capabilities.drop[{at}]");
        keep &= !bit(name).ok_or_else(|| Cannot::start(format!("{path}: {name} is not a capability")))?;
    }
    Ok(keep)
}

/// `resources.limits`.
pub(super) fn limits(container: &Container, field: &str) -> Result<Limits, Cannot> {
    let Some(resources) = container.resources.as_deref() else { return Ok(Limits::default()) };
    let read = |name: &str, millis: bool| -> Result<Option<u64>, Cannot> {
        let Some(quantity) = resources.limits.get(name) else { return Ok(None) };
        let amount = if millis { quantity.millis() } else { quantity.bytes() };
        let amount = amount.map_err(|e| Cannot::start(format!("{field}.resources.limits.{name}: {e}")))?;
        Ok(u64::try_from(amount).ok().filter(|a| *a > 0))
    };
    Ok(Limits { cpu_millis: read("cpu", true)?, memory_bytes: read("memory", false)?, pids: None })
}

#[cfg(test)]
mod tests {
    use model::core::{Capabilities, SecurityContext};

    use super::*;

    fn check(add: &[&str], drop: &[&str], allowed: bool) -> Result<Vec<&'static str>, String> {
        let list = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        let context = SecurityContext {
            capabilities: Some(Capabilities { add: list(add), drop: list(drop) }),
            ..SecurityContext::default()
        };
        let container = Container { security_context: Some(Box::new(context)), ..Container::default() };
        let settings = Settings { allow_privileged: allowed, ..Settings::default() };
        let bits = capabilities(&settings, &container, "container").map_err(|e| e.message)?;
        Ok(NAMES.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0).map(|(_, n)| *n).collect())
    }

    #[test]
    fn added_and_dropped() {
        assert_eq!(check(&[], &["ALL"], false).unwrap(), Vec::<&str>::new());
        assert_eq!(check(&["NET_BIND_SERVICE"], &["ALL"], false).unwrap(), ["NET_BIND_SERVICE"]);
        assert_eq!(check(&[], &["CAP_CHOWN"], false).unwrap().len(), 13);
        assert_eq!(check(&["cap_sys_admin"], &["all"], true).unwrap(), ["SYS_ADMIN"]);
        assert!(check(&["SYS_ADMIN"], &[], false).unwrap_err().contains("capabilities.add[0]"));
        assert!(check(&[], &["NO_SUCH"], false).unwrap_err().contains("capabilities.drop[0]"));
    }
}
