//! Probes and lifecycle handlers.

use model::IntOrString;
use model::core::{Container, ExecAction, HttpGetAction, Lifecycle, LifecycleHandler, Probe, TcpSocketAction};

use super::Cannot;
use crate::agent::protocol::{Probe as ProbeSpec, ProbeAction};

/// A probe, with Kubernetes' defaults.
pub(super) fn probe(
    container: &Container,
    probe: Option<&Probe>,
    field: &str,
    name: &str,
) -> Result<Option<ProbeSpec>, Cannot> {
    let Some(probe) = probe else { return Ok(None) };
    let path = format!("{field}.{name}");
    if probe.grpc.is_some() {
        return Err(Cannot::start(format!("{path}.grpc: this runner has exec, httpGet and tcpSocket")));
    }
    let action = action(container, probe.exec.as_ref(), probe.http_get.as_ref(), probe.tcp_socket.as_ref(), &path)?;
    let seconds =
        |value: Option<i32>, default: u64| value.and_then(|v| u64::try_from(v).ok()).unwrap_or(default) * 1000;
    let count = |value: Option<i32>, default: u32| value.and_then(|v| u32::try_from(v).ok()).unwrap_or(default).max(1);
    Ok(Some(ProbeSpec {
        action,
        initial_delay_ms: seconds(probe.initial_delay_seconds, 0),
        period_ms: seconds(probe.period_seconds.filter(|p| *p > 0), 10),
        timeout_ms: seconds(probe.timeout_seconds.filter(|t| *t > 0), 1),
        failures: count(probe.failure_threshold.filter(|f| *f > 0), 3),
        successes: count(probe.success_threshold.filter(|s| *s > 0), 1),
    }))
}

/// A lifecycle handler.
pub(super) fn handler(
    container: &Container,
    which: impl Fn(&Lifecycle) -> Option<&LifecycleHandler>,
    field: &str,
    name: &str,
) -> Result<Option<ProbeAction>, Cannot> {
    let Some(handler) = container.lifecycle.as_deref().and_then(which) else { return Ok(None) };
    if let Some(sleep) = &handler.sleep {
        return Ok(Some(ProbeAction::Sleep { ms: u64::try_from(sleep.seconds).unwrap_or(0) * 1000 }));
    }
    let path = format!("{field}.lifecycle.{name}");
    action(container, handler.exec.as_ref(), handler.http_get.as_ref(), handler.tcp_socket.as_ref(), &path).map(Some)
}

fn action(
    container: &Container,
    exec: Option<&ExecAction>,
    http: Option<&HttpGetAction>,
    tcp: Option<&TcpSocketAction>,
    path: &str,
) -> Result<ProbeAction, Cannot> {
    let host = |host: &str| Some(host.to_owned()).filter(|h| !h.is_empty());
    if let Some(exec) = exec {
        return Ok(ProbeAction::Exec { argv: exec.command.clone() });
    }
    if let Some(http) = http {
        if http.scheme.eq_ignore_ascii_case("https") {
            return Err(Cannot::start(format!(
                "{path}.httpGet.scheme: this runner asks over HTTP; use tcpSocket or exec"
            )));
        }
        return Ok(ProbeAction::HttpGet {
            host: host(&http.host),
            port: port(container, http.port.as_ref(), &format!("{path}.httpGet.port"))?,
            path: http.path.clone(),
            headers: http.http_headers.iter().map(|h| (h.name.clone(), h.value.clone())).collect(),
        });
    }
    if let Some(tcp) = tcp {
        let port = port(container, tcp.port.as_ref(), &format!("{path}.tcpSocket.port"))?;
        return Ok(ProbeAction::TcpSocket { host: host(&tcp.host), port });
    }
    Err(Cannot::start(format!("{path}: names no action (exec, httpGet, tcpSocket)")))
}

fn port(container: &Container, port: Option<&IntOrString>, path: &str) -> Result<u16, Cannot> {
    let number = port.and_then(|p| {
        p.as_i64().or_else(|| {
            let name = p.as_text()?;
            container.ports.iter().find(|p| p.name == name).map(|p| i64::from(p.container_port))
        })
    });
    number.and_then(|n| u16::try_from(n).ok()).filter(|n| *n > 0).ok_or_else(|| {
        Cannot::start(format!("{path}: neither a port number nor the name of one of the container's ports"))
    })
}

/// The signal a stop begins with: the container's, the image's, TERM.
pub(super) fn stop_signal(container: &Container, image: &str) -> i32 {
    let own = container.lifecycle.as_deref().and_then(|l| l.stop_signal.as_deref()).unwrap_or_default();
    [own, image].iter().find_map(|name| signal(name)).unwrap_or(libc::SIGTERM)
}

fn signal(name: &str) -> Option<i32> {
    if let Ok(number) = name.parse::<i32>() {
        return (1..=31).contains(&number).then_some(number);
    }
    Some(match name.strip_prefix("SIG").unwrap_or(name) {
        "HUP" => libc::SIGHUP,
        "INT" => libc::SIGINT,
        "QUIT" => libc::SIGQUIT,
        "KILL" => libc::SIGKILL,
        "USR1" => libc::SIGUSR1,
        "USR2" => libc::SIGUSR2,
        "TERM" => libc::SIGTERM,
        "WINCH" => libc::SIGWINCH,
        _ => return None,
    })
}
