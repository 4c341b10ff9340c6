//! Probes and lifecycle handlers of a running container. Connections are made by a child of the supervisor, which is in the
//! unit's network; commands run inside the container.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use rustix::process::Pid;

use crate::agent::protocol::{Probe, ProbeAction};
use crate::agent::sys;

/// Of an answer, so much is read: the status line is at its beginning.
const ANSWER_BYTES_MAX: usize = 4096;

/// What a check is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Startup,
    Readiness,
    Liveness,
    PostStart,
    PreStop,
}

impl Purpose {
    pub(super) fn field(self) -> &'static str {
        match self {
            Self::Startup => "startupProbe",
            Self::Readiness => "readinessProbe",
            Self::Liveness => "livenessProbe",
            Self::PostStart => "lifecycle.postStart",
            Self::PreStop => "lifecycle.preStop",
        }
    }
}

/// How a check is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Going {
    /// Until this moment.
    Resting(Instant),
    /// A child of the supervisor does it.
    Child(Pid, Instant),
    /// A command inside does it.
    Inside(u64, Instant),
    /// No more.
    Over,
}

/// A repeated check.
#[derive(Debug)]
pub(super) struct ProbeState {
    pub purpose: Purpose,
    pub probe: Probe,
    pub going: Going,
    pub failures: u32,
    pub successes: u32,
    pub passed: bool,
}

/// What a finished check means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing new.
    Goes,
    /// It passed for the first time.
    Passed,
    /// It failed often enough.
    Failed,
}

impl ProbeState {
    pub(super) fn new(purpose: Purpose, probe: Probe) -> Self {
        let going = Going::Resting(Instant::now() + Duration::from_millis(probe.initial_delay_ms));
        Self { purpose, probe, going, failures: 0, successes: 0, passed: false }
    }

    /// Once, at once: a lifecycle handler.
    pub(super) fn once(purpose: Purpose, action: ProbeAction, timeout: Duration) -> Self {
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        let probe = Probe { action, initial_delay_ms: 0, period_ms: 0, timeout_ms, failures: 1, successes: 1 };
        Self::new(purpose, probe)
    }

    /// When something is to be done about it.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.going {
            Going::Resting(at) | Going::Child(_, at) | Going::Inside(_, at) => Some(at),
            Going::Over => None,
        }
    }

    /// One check ended.
    pub(super) fn finished(&mut self, success: bool) -> Verdict {
        self.going = Going::Resting(Instant::now() + Duration::from_millis(self.probe.period_ms.max(10)));
        if success {
            self.failures = 0;
            self.successes += 1;
            if self.successes >= self.probe.successes && !self.passed {
                self.passed = true;
                if self.purpose != Purpose::Liveness {
                    self.going = Going::Over;
                }
                return Verdict::Passed;
            }
            return Verdict::Goes;
        }
        self.successes = 0;
        self.failures += 1;
        if self.failures < self.probe.failures {
            return Verdict::Goes;
        }
        if self.purpose == Purpose::Readiness {
            // Not ready is not dead: it is asked again.
            return Verdict::Goes;
        }
        self.going = Going::Over;
        Verdict::Failed
    }
}

/// Does a check that needs no container, in a child of its own. Its exit code says how it went.
pub(super) fn start_child(action: &ProbeAction, own_address: &str, timeout: Duration) -> std::io::Result<Option<Pid>> {
    match sys::fork()? {
        Some(pid) => Ok(Some(pid)),
        None => {
            let _ = sys::die_with_parent(true);
            sys::close_all_but(&[]);
            sys::exit_now(i32::from(!check(action, own_address, timeout)))
        }
    }
}

fn check(action: &ProbeAction, own_address: &str, timeout: Duration) -> bool {
    let connect = |host: &Option<String>, port: u16| {
        let host = host.as_deref().unwrap_or(own_address);
        let addresses: Vec<SocketAddr> = (host, port).to_socket_addrs().ok()?.take(4).collect();
        addresses.iter().find_map(|a| TcpStream::connect_timeout(a, timeout).ok())
    };
    match action {
        ProbeAction::TcpSocket { host, port } => connect(host, *port).is_some(),
        ProbeAction::HttpGet { host, port, path, headers } => {
            let Some(mut stream) = connect(host, *port) else { return false };
            let named = headers.iter().any(|(n, _)| n.eq_ignore_ascii_case("host"));
            let mut request = format!("GET /{} HTTP/1.1\r\nConnection: close\r\n", path.trim_start_matches('/'));
            if !named {
                let host = host.as_deref().unwrap_or(own_address);
                request.push_str(&format!("Host: {host}:{port}\r\nUser-Agent: colchis-probe\r\n"));
            }
            for (name, value) in headers {
                let clean = |s: &str| s.replace(['\r', '\n'], " ");
                request.push_str(&format!("{}: {}\r\n", clean(name), clean(value)));
            }
            request.push_str("\r\n");
            let _ = stream.set_read_timeout(Some(timeout));
            let _ = stream.set_write_timeout(Some(timeout));
            if stream.write_all(request.as_bytes()).is_err() {
                return false;
            }
            let mut answer = Vec::new();
            let mut buffer = [0u8; 512];
            while answer.len() < ANSWER_BYTES_MAX && !answer.contains(&b'\n') {
                match stream.read(&mut buffer) {
                    Ok(n) if n > 0 => answer.extend_from_slice(buffer.get(..n).unwrap_or_default()),
                    _ => break,
                }
            }
            status(&answer).is_some_and(|s| (200..400).contains(&s))
        }
        ProbeAction::Sleep { ms } => {
            std::thread::sleep(Duration::from_millis(*ms));
            true
        }
        ProbeAction::Exec { .. } => false,
    }
}

fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|b| *b == b'\n').next()?;
    std::str::from_utf8(line).ok()?.strip_prefix("HTTP/")?.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_waits_and_liveness_fails() {
        let probe = |successes, failures| Probe {
            action: ProbeAction::Sleep { ms: 0 },
            initial_delay_ms: 0,
            period_ms: 1,
            timeout_ms: 1,
            failures,
            successes,
        };
        let mut ready = ProbeState::new(Purpose::Readiness, probe(2, 1));
        assert_eq!(ready.finished(true), Verdict::Goes);
        assert_eq!(ready.finished(false), Verdict::Goes);
        assert_eq!(ready.finished(true), Verdict::Goes);
        assert_eq!(ready.finished(true), Verdict::Passed);
        let mut live = ProbeState::new(Purpose::Liveness, probe(1, 2));
        assert_eq!(live.finished(true), Verdict::Passed);
        assert_eq!(live.finished(false), Verdict::Goes);
        assert_eq!(live.finished(false), Verdict::Failed);
    }

    #[test]
    fn a_status_line() {
        assert_eq!(status(b"HTTP/1.1 204 No Content\r\nx"), Some(204));
        assert_eq!(status(b"SSH-2.0"), None);
    }
}
