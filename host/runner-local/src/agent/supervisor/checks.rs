//! Probes and lifecycle handlers of a unit's containers: when they are due, what they mean.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::container::State;
use super::inside::command;
use super::probe::{self, Going, Purpose, Verdict};
use super::unit::Unit;
use crate::agent::container::{self as inside, Command};
use crate::agent::protocol::ProbeAction;
use crate::agent::sys;

impl Unit<'_> {
    pub(super) fn run_probes(&mut self, at: usize, now: Instant) {
        let Some(container) = self.containers.get_mut(at) else { return };
        if container.state != State::Running || container.reaped.is_some() {
            return;
        }
        let starting = container.probes.iter().any(|p| p.purpose == Purpose::Startup && !p.passed);
        let address = self.network.address.clone().unwrap_or_else(|| inside::LOOPBACK.to_owned());
        let mut verdicts = Vec::new();
        for probe in &mut container.probes {
            if starting && matches!(probe.purpose, Purpose::Readiness | Purpose::Liveness) {
                continue;
            }
            if probe.due().is_none_or(|t| t > now) {
                continue;
            }
            let timeout = Duration::from_millis(probe.probe.timeout_ms.max(1));
            match probe.going {
                Going::Over => {}
                Going::Resting(_) => match (&probe.probe.action, &container.control) {
                    (ProbeAction::Exec { argv }, Some(control)) => {
                        self.next_exec += 1;
                        command(control, &Command::Exec { id: self.next_exec, argv: argv.clone() });
                        probe.going = Going::Inside(self.next_exec, now + timeout);
                    }
                    (ProbeAction::Exec { argv }, None) => {
                        // A plain process: the command runs beside it.
                        probe.going = match plain_check(argv, container.spec) {
                            Some(pid) => Going::Child(pid, now + timeout),
                            None => Going::Over,
                        };
                    }
                    (action, _) => {
                        probe.going = match probe::start_child(action, &address, timeout) {
                            Ok(Some(pid)) => Going::Child(pid, now + timeout + timeout),
                            _ => Going::Resting(now + Duration::from_millis(100)),
                        };
                    }
                },
                Going::Child(pid, _) => {
                    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
                    verdicts.push((probe.purpose, probe.finished(false)));
                }
                Going::Inside(id, _) => {
                    if let Some(control) = &container.control {
                        command(control, &Command::Cancel { id });
                    }
                    verdicts.push((probe.purpose, probe.finished(false)));
                }
            }
        }
        for (purpose, verdict) in verdicts {
            self.judged(at, purpose, &verdict);
        }
    }

    pub(super) fn probe_finished(&mut self, at: usize, is: impl Fn(&Going) -> bool, success: bool) {
        let Some(container) = self.containers.get_mut(at) else { return };
        let Some(probe) = container.probes.iter_mut().find(|p| is(&p.going)) else { return };
        let (purpose, verdict) = (probe.purpose, probe.finished(success));
        self.judged(at, purpose, &verdict);
    }

    fn judged(&mut self, at: usize, purpose: Purpose, verdict: &Verdict) {
        let Some(container) = self.containers.get_mut(at) else { return };
        match (purpose, verdict) {
            // Whatever the handler did, the container is asked to end next.
            (Purpose::PreStop, Verdict::Passed | Verdict::Failed) => container.signal(container.spec.stop_signal),
            (_, Verdict::Failed) => {
                container.verdict = Some(format!("its {} failed", purpose.field()));
                let grace = Duration::from_millis(self.spec.grace_ms);
                self.begin_stop(at, grace);
            }
            _ => {}
        }
    }
}

/// A plain process: the command runs beside it.
fn plain_check(argv: &[String], spec: &crate::agent::protocol::ContainerSpec) -> Option<rustix::process::Pid> {
    let home = std::env::var("HOME").unwrap_or_else(|_| "/".to_owned());
    let env = inside::with_address(&spec.env, inside::LOOPBACK);
    let program = inside::Program::new(argv, &env, &home).ok()?;
    let null = inside::null_device().ok()?;
    let working_dir = std::path::PathBuf::from(&spec.working_dir);
    match sys::fork().ok()? {
        Some(pid) => Some(pid),
        None => {
            let _ = sys::die_with_parent(true);
            let _ = inside::become_plain(&program, &working_dir, [null.as_fd(), null.as_fd(), null.as_fd()]);
            sys::exit_now(126)
        }
    }
}
