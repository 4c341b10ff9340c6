//! Names and addresses: `/etc/hosts`, `/etc/resolv.conf`, the machine's own address.

use std::net::{IpAddr, UdpSocket};

use runner::Unit;

use crate::agent::protocol::NetworkFiles;

const LOCAL: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";

/// What the containers see instead of the machine's files; `None` when those are right as they are.
pub(super) fn files(unit: &Unit, images: bool) -> Option<NetworkFiles> {
    let aliases = &unit.template.host_aliases;
    if !images && aliases.is_empty() && !unit.own_network {
        return None;
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
    Some(NetworkFiles { hosts, resolv_own: own(&resolv), resolv })
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
