//! A unit's own network: a namespace with an address on a bridge of the machine.
//!
//! ```text
//!   container ── eth0 10.246.x.y ══ veth ══ bridge colchis0 10.246.0.1 ── the machine ── masquerade ──► outside
//! ```
//!
//! So two daemons may use one port, consumers on the machine's network reach a daemon by its address, and a daemon reaches the
//! world. An address is leased by locking a file, which frees it however its holder ends. Names are answered by `/etc/hosts`
//! and the machine's resolver.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{FlockOperation, flock};

use super::fault::{At, Fault};
use super::protocol::Isolation;
use route::Route;

/// Addresses tried for one that is free.
const LEASES_MAX: u32 = 4096;
/// Tries while an earlier holder's interface is being removed, which the kernel does later.
const LINK_TRIES: u32 = 50;

/// What a unit with a network of its own holds for its life.
#[derive(Debug, Default)]
pub(crate) struct Attached {
    /// The address consumers use.
    pub address: Option<String>,
    _lease: Option<File>,
}

/// Gives the calling process a network of its own; answers remarks for people.
pub(crate) fn attach(
    bridge: &str,
    base: [u8; 4],
    prefix: u8,
    isolation: Isolation,
) -> Result<(Attached, Vec<String>), Fault> {
    if isolation != Isolation::Root {
        return Err(Fault::new("a network of its own needs a server that runs as root"));
    }
    let prefix = prefix.clamp(16, 28);
    let base = u32::from(Ipv4Addr::from(base)) & (u32::MAX << (32 - prefix));
    let gateway = Ipv4Addr::from(base + 1);
    let dir = run_dir(bridge)?;
    let mut machine = Route::open().at(|| "speak to the machine's network".to_owned())?;
    let index = make_bridge(&mut machine, bridge, gateway, prefix)?;
    let notes = way_out(&dir, bridge, Ipv4Addr::from(base), prefix);
    let (address, lease) = lease(&dir, base, prefix)?;
    super::sys::unshare(libc::CLONE_NEWNET).at(|| "make a network namespace".to_owned())?;
    let own = File::open("/proc/self/ns/net").at(|| "open the network namespace".to_owned())?;
    make_pair(&mut machine, index, address, &own)?;
    let mut inside = Route::open().at(|| "speak to the container's network".to_owned())?;
    let set_up = (|| -> io::Result<()> {
        inside.up(1)?;
        let eth0 = inside.index("eth0")?;
        inside.address(eth0, address, prefix)?;
        inside.up(eth0)?;
        inside.default_route(gateway)
    })();
    set_up.at(|| format!("set up the address {address}"))?;
    // As in pods: every user may open every port of its own network.
    let _ = fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
    Ok((Attached { address: Some(address.to_string()), _lease: Some(lease) }, notes))
}

/// Shared by all servers of this machine, because the bridge is.
fn run_dir(bridge: &str) -> Result<PathBuf, Fault> {
    let dir = Path::new("/run/colchis").join(bridge);
    fs::create_dir_all(&dir).at(|| format!("make {}", dir.display()))?;
    Ok(dir)
}

fn make_bridge(machine: &mut Route, bridge: &str, gateway: Ipv4Addr, prefix: u8) -> Result<u32, Fault> {
    let made = (|| {
        if let Ok(index) = machine.index(bridge) {
            return Ok(index);
        }
        machine.bridge(bridge)?;
        let index = machine.index(bridge)?;
        machine.address(index, gateway, prefix)?;
        machine.up(index)?;
        Ok::<_, io::Error>(index)
    })();
    made.at(|| format!("make the bridge {bridge}"))
}

/// An address nobody holds.
fn lease(dir: &Path, base: u32, prefix: u8) -> Result<(Ipv4Addr, File), Fault> {
    let hosts = (1u32 << (32 - prefix)) - 3;
    let first = std::process::id();
    for step in 0..LEASES_MAX.min(hosts) {
        let address = Ipv4Addr::from(base + 2 + first.wrapping_add(step) % hosts);
        let path = dir.join(address.to_string());
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.at(|| format!("open {}", path.display()))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            return Ok((address, file));
        }
    }
    Err(Fault::new("no address is free for the step's network"))
}

fn make_pair(machine: &mut Route, bridge: u32, address: Ipv4Addr, namespace: &File) -> Result<(), Fault> {
    let name = format!("cv{:08x}", u32::from(address));
    let mut made = machine.pair(&name, bridge, address, namespace);
    for _ in 0..LINK_TRIES {
        match &made {
            Err(e) if e.raw_os_error() == Some(libc::EEXIST) => {
                let _ = machine.index(&name).and_then(|index| machine.delete(index));
                std::thread::sleep(std::time::Duration::from_millis(5));
                made = machine.pair(&name, bridge, address, namespace);
            }
            _ => break,
        }
    }
    made.at(|| format!("connect the step's network to the machine ({name})"))
}

/// Lets packets out, once for each bridge and boot. What cannot be done is said.
fn way_out(dir: &Path, bridge: &str, network: Ipv4Addr, prefix: u8) -> Vec<String> {
    let marker = dir.join("way-out");
    let done = OpenOptions::new().create(true).truncate(false).write(true).read(true).open(&marker);
    let Ok(mut done) = done else { return vec!["its network has no way out: /run cannot be written".to_owned()] };
    let _ = flock(&done, FlockOperation::LockExclusive);
    if let Ok(said) = fs::read_to_string(&marker)
        && let Some(said) = said.strip_prefix("done")
    {
        return said.lines().filter(|l| !l.trim().is_empty()).map(|l| l.trim().to_owned()).collect();
    }
    let mut notes = Vec::new();
    let forwarding = "/proc/sys/net/ipv4/ip_forward";
    let forwards = fs::read_to_string(forwarding).is_ok_and(|v| v.trim() == "1");
    if !forwards && let Err(e) = fs::write(forwarding, "1") {
        notes.push(format!("its network has no way out: {forwarding}: {e}"));
    }
    if let Err(why) = masquerade(bridge, network, prefix) {
        notes.push(format!("its network reaches this machine and nothing beyond: {why}"));
    }
    let _ = done.write_all(format!("done\n{}\n", notes.join("\n")).as_bytes());
    notes
}

fn masquerade(bridge: &str, network: Ipv4Addr, prefix: u8) -> Result<(), String> {
    let table = format!("colchis_{}", bridge.replace(|c: char| !c.is_ascii_alphanumeric(), "_"));
    let rules = format!(
        "table ip {table} {{ }}\nflush table ip {table}\ntable ip {table} {{\n  chain postrouting {{\n    \
         type nat hook postrouting priority 100; policy accept;\n    \
         ip saddr {network}/{prefix} oifname != \"{bridge}\" masquerade\n  }}\n}}\n"
    );
    let source = format!("{network}/{prefix}");
    let nat = ["-t", "nat"];
    let out = ["POSTROUTING", "-s", &source, "!", "-o", bridge, "-j", "MASQUERADE"];
    let by_nft = run("nft", &["-f", "-"], Some(&rules));
    let result = by_nft.or_else(|nft| {
        let there = run("iptables", &[&nat[..], &["-C"], &out].concat(), None);
        there.or_else(|_| run("iptables", &[&nat[..], &["-A"], &out].concat(), None)).map_err(|e| format!("{nft}; {e}"))
    });
    // A firewall that forwards nothing by default (Docker's) must let the bridge through.
    for direction in ["-i", "-o"] {
        let rule = ["FORWARD", direction, bridge, "-j", "ACCEPT"];
        if run("iptables", &[&["-C"], &rule[..]].concat(), None).is_err() {
            let _ = run("iptables", &[&["-I"], &rule[..]].concat(), None);
        }
    }
    result
}

fn run(program: &str, args: &[&str], input: Option<&str>) -> Result<(), String> {
    const PLACES: [&str; 4] = ["/usr/sbin", "/sbin", "/usr/bin", "/usr/local/sbin"];
    let found = PLACES.iter().map(|p| Path::new(p).join(program)).find(|p| p.exists());
    let found = found.ok_or_else(|| format!("{program} is not installed"))?;
    let mut child = Command::new(found)
        .args(args)
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("{program}: {e}"))?;
    if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
        stdin.write_all(input.as_bytes()).map_err(|e| format!("{program}: {e}"))?;
    }
    let output = child.wait_with_output().map_err(|e| format!("{program}: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// The little of rtnetlink that is needed, asked and answered one by one.
mod route {
    use super::*;
    use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};
    use std::os::fd::OwnedFd;

    const NEW_LINK: u16 = 16;
    const DELETE_LINK: u16 = 17;
    const GET_LINK: u16 = 18;
    const NEW_ADDRESS: u16 = 20;
    const NEW_ROUTE: u16 = 24;
    const ERROR: u16 = 2;
    const REQUEST_ACK: u16 = 1 | 4;
    const CREATE_EXCLUSIVE: u16 = 0x400 | 0x200;
    /// Attributes of links.
    const LINK_ADDRESS: u16 = 1;
    const LINK_NAME: u16 = 3;
    const LINK_MASTER: u16 = 10;
    const LINK_INFO: u16 = 18;
    const LINK_NAMESPACE_FD: u16 = 28;
    const INFO_KIND: u16 = 1;
    const INFO_DATA: u16 = 2;
    const VETH_PEER: u16 = 1;
    const UP: u32 = 1;

    pub(super) struct Route {
        socket: OwnedFd,
        sequence: u32,
    }

    struct Message(Vec<u8>);

    impl Message {
        fn new(kind: u16, flags: u16) -> Self {
            let mut bytes = vec![0u8; 4];
            bytes.extend(kind.to_ne_bytes());
            bytes.extend((REQUEST_ACK | flags).to_ne_bytes());
            bytes.extend([0u8; 8]);
            Self(bytes)
        }

        /// `struct ifinfomsg`.
        fn link(mut self, index: u32, flags: u32) -> Self {
            self.0.extend([0u8; 4]);
            self.0.extend(index.to_ne_bytes());
            self.0.extend(flags.to_ne_bytes());
            self.0.extend(flags.to_ne_bytes());
            self
        }

        fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
            let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
            self.0.extend(length.to_ne_bytes());
            self.0.extend(kind.to_ne_bytes());
            self.0.extend(value);
            while !self.0.len().is_multiple_of(4) {
                self.0.push(0);
            }
            self
        }

        fn text(self, kind: u16, value: &str) -> Self {
            let mut bytes = value.as_bytes().to_vec();
            bytes.push(0);
            self.attribute(kind, &bytes)
        }

        fn nested(self, kind: u16, inner: Self) -> Self {
            self.attribute(kind, &inner.0)
        }

        fn inner() -> Self {
            Self(Vec::new())
        }
    }

    impl Route {
        pub(super) fn open() -> io::Result<Self> {
            let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
            Ok(Self { socket, sequence: 0 })
        }

        /// Sends, and answers what comes before the acknowledgement.
        fn ask(&mut self, message: Message) -> io::Result<Vec<u8>> {
            let Message(mut bytes) = message;
            self.sequence += 1;
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            bytes.splice(0..4, length.to_ne_bytes());
            bytes.splice(8..12, self.sequence.to_ne_bytes());
            send(&self.socket, &bytes, SendFlags::empty())?;
            let mut answer = Vec::new();
            let mut buffer = vec![0u8; 32 << 10];
            loop {
                let (n, _) = recv(&self.socket, buffer.as_mut_slice(), RecvFlags::empty())?;
                let mut rest = buffer.get(..n).unwrap_or_default();
                while let Some(head) = rest.first_chunk::<8>() {
                    let [a, b, c, d, e, f, ..] = *head;
                    let length = u32::from_ne_bytes([a, b, c, d]) as usize;
                    let kind = u16::from_ne_bytes([e, f]);
                    let Some(body) = rest.get(16..length.max(16)) else { break };
                    if kind == ERROR {
                        let code = body.first_chunk::<4>().map_or(0, |c| i32::from_ne_bytes(*c));
                        return if code == 0 { Ok(answer) } else { Err(io::Error::from_raw_os_error(-code)) };
                    }
                    answer = body.to_vec();
                    rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
                }
            }
        }

        /// The index of an interface by name.
        pub(super) fn index(&mut self, name: &str) -> io::Result<u32> {
            let answer = self.ask(Message::new(GET_LINK, 0).link(0, 0).text(LINK_NAME, name))?;
            let index = answer.get(4..8).and_then(|b| b.first_chunk::<4>()).map(|b| u32::from_ne_bytes(*b));
            index.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
        }

        pub(super) fn bridge(&mut self, name: &str) -> io::Result<()> {
            let info = Message::inner().text(INFO_KIND, "bridge");
            let asked =
                Message::new(NEW_LINK, CREATE_EXCLUSIVE).link(0, 0).text(LINK_NAME, name).nested(LINK_INFO, info);
            done_before(self.ask(asked))
        }

        /// A pair of which one end is on the bridge and the other, `eth0`, in the namespace.
        pub(super) fn pair(&mut self, name: &str, bridge: u32, address: Ipv4Addr, namespace: &File) -> io::Result<()> {
            let [a, b, c, d] = address.octets();
            let descriptor = namespace.as_raw_fd().to_ne_bytes();
            // Made from the address: neighbours that remember it are still right when the address is used again.
            let peer = Message::inner()
                .link(0, 0)
                .text(LINK_NAME, "eth0")
                .attribute(LINK_ADDRESS, &[0x02, 0x63, a, b, c, d])
                .attribute(LINK_NAMESPACE_FD, &descriptor);
            let info =
                Message::inner().text(INFO_KIND, "veth").nested(INFO_DATA, Message::inner().nested(VETH_PEER, peer));
            let asked = Message::new(NEW_LINK, CREATE_EXCLUSIVE)
                .link(0, UP)
                .text(LINK_NAME, name)
                .attribute(LINK_MASTER, &bridge.to_ne_bytes())
                .nested(LINK_INFO, info);
            self.ask(asked).map(drop)
        }

        pub(super) fn delete(&mut self, index: u32) -> io::Result<()> {
            self.ask(Message::new(DELETE_LINK, 0).link(index, 0)).map(drop)
        }

        pub(super) fn up(&mut self, index: u32) -> io::Result<()> {
            self.ask(Message::new(NEW_LINK, 0).link(index, UP)).map(drop)
        }

        pub(super) fn address(&mut self, index: u32, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
            let mut asked = Message::new(NEW_ADDRESS, CREATE_EXCLUSIVE);
            let family = u8::try_from(libc::AF_INET).unwrap_or(2);
            asked.0.extend([family, prefix, 0, 0]);
            asked.0.extend(index.to_ne_bytes());
            let octets = address.octets();
            // Local and, because a pair of addresses is possible, the address itself.
            done_before(self.ask(asked.attribute(2, &octets).attribute(1, &octets)))
        }

        pub(super) fn default_route(&mut self, gateway: Ipv4Addr) -> io::Result<()> {
            let mut asked = Message::new(NEW_ROUTE, CREATE_EXCLUSIVE);
            let family = u8::try_from(libc::AF_INET).unwrap_or(2);
            // Main table, set at start, anywhere, unicast.
            asked.0.extend([family, 0, 0, 0, 254, 3, 0, 1]);
            asked.0.extend(0u32.to_ne_bytes());
            self.ask(asked.attribute(5, &gateway.octets())).map(drop)
        }
    }

    /// Another server may have made it meanwhile.
    fn done_before(result: io::Result<Vec<u8>>) -> io::Result<()> {
        match result {
            Err(e) if e.raw_os_error() == Some(libc::EEXIST) => Ok(()),
            other => other.map(drop),
        }
    }
}
