//! Names and addresses: `/etc/hosts`, `/etc/resolv.conf`, the machine's own address.

use std::net::{IpAddr, UdpSocket};
use std::path::Path;

use runner::Unit;

use crate::agent::protocol::NetworkFiles;

const LOCAL: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";

/// What the containers see instead of the machine's files; `None` when those are right as they are.
pub(super) fn files(unit: &Unit, images: bool) -> Option<NetworkFiles> {
    let aliases = &unit.template.host_aliases;
    if !images && aliases.is_empty() && !unit.own_network {
        // The machine's own hosts and host name are right as they are.
        return kept_elsewhere(Path::new("/etc/resolv.conf")).then(|| {
            let resolv = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
            NetworkFiles { hosts: None, resolv_own: own(&resolv), resolv }
        });
    }
    let machine = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let mut hosts = if machine.contains("localhost") { machine } else { format!("{LOCAL}{machine}") };
    if !hosts.ends_with('\n') {
        hosts.push('\n');
    }
    for alias in aliases {
        hosts.push_str(&format!("{}\t{}\n", alias.ip, alias.hostnames.join("\t")));
    }
    let resolv = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    Some(NetworkFiles { hosts: Some(hosts), resolv_own: own(&resolv), resolv })
}

/// Whether a file is a link into a file system that the machine's own root does not show, as a resolver's file in `/run` is.
fn kept_elsewhere(path: &Path) -> bool {
    const NOT_SHOWN: [&str; 4] = ["/run", "/tmp", "/dev", "/proc"];
    std::fs::canonicalize(path).is_ok_and(|at| NOT_SHOWN.iter().any(|folder| at.starts_with(folder)))
}

/// A resolver on the machine's loopback is not reached from another network: what stands behind it is asked directly.
fn own(resolv: &str) -> String {
    let loopback = |line: &str| {
        line.strip_prefix("nameserver").is_some_and(|a| a.trim().parse::<IpAddr>().is_ok_and(|a| a.is_loopback()))
    };
    if !resolv.lines().any(loopback) {
        return resolv.to_owned();
    }
    let behind = std::fs::read_to_string("/run/systemd/resolve/resolv.conf").unwrap_or_default();
    if behind.contains("nameserver") {
        return behind;
    }
    resolv.lines().filter(|l| !loopback(l)).map(|l| format!("{l}\n")).collect()
}

/// The address by which others reach this machine, or loopback. No packet is sent.
pub(super) fn machine_address() -> String {
    let address = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        socket.connect("192.0.2.1:9")?;
        socket.local_addr()
    });
    address.map_or_else(|_| "127.0.0.1".to_owned(), |a| a.ip().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_into_what_is_not_shown() {
        let dir = tempfile::tempdir_in("/tmp").unwrap();
        let (file, link) =
            (dir.path().join("stub"), Path::new("/var/tmp").join(format!("link-{}", std::process::id())));
        std::fs::write(&file, "nameserver 127.0.0.53").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let elsewhere = kept_elsewhere(&link);
        std::fs::remove_file(&link).unwrap();
        assert!(elsewhere);
        assert!(!kept_elsewhere(Path::new("/etc/passwd")) && !kept_elsewhere(&link));
    }
}
