//! The life of a unit: which container starts when, what stops it, how it ended.
//!
//! One thread, one `poll`. `advance` looks at the whole state and does what is due; handlers only change state.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use runner::EndClass;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::clock;
use super::container::{Container, End, State};
use super::describe;
use super::inside::start_inside;
use super::link::Links;
use super::log::Stream;
use super::outputs::OutputRoot;
use super::probe::{Going, ProbeState, Purpose};
use super::record::RecordFile;
use crate::agent::cgroup::UnitGroup;
use crate::agent::container::{self as inside, Pod};
use crate::agent::fault::Fault;
use crate::agent::network::Attached;
use crate::agent::protocol::{FromSupervisor, Isolation, LaunchSpec, Record, Role, ToSupervisor};
use crate::agent::sys;
use crate::agent::zygote::Agent;

/// How often the progress file is looked at.
const PROGRESS_PERIOD: Duration = Duration::from_millis(500);
/// How long the last words may take to be sent.
const FAREWELL: Duration = Duration::from_secs(5);
/// A tick while something is waited for that cannot be polled.
const TICK: Duration = Duration::from_millis(20);
const PROGRESS_BYTES_MAX: usize = 64;

/// Why a unit is being ended from outside.
#[derive(Debug, Clone)]
pub(super) struct Stop {
    pub class: EndClass,
    pub message: String,
    pub grace: Duration,
    /// It had succeeded when the order came, and only its sidecars were still there.
    pub too_late: bool,
}

/// A unit.
pub(super) struct Unit<'a> {
    pub spec: &'a LaunchSpec,
    pub containers: Vec<Container<'a>>,
    pub stop: Option<Stop>,
    pub group: UnitGroup,
    pub started_ms: Option<i64>,
    pub was_ready: bool,
    pub(super) pod: Pod<'a>,
    record: RecordFile,
    links: Links,
    pub(super) network: Attached,
    pub(super) notes: Vec<String>,
    deadline: Option<Instant>,
    progress_at: Option<Instant>,
    progress: Option<(u64, u64)>,
    pub(super) next_exec: u64,
    released: bool,
}

enum Source {
    Signals,
    Listener,
    Connection(usize),
    Control(usize),
    Output(usize, Stream),
}

impl<'a> Unit<'a> {
    pub(super) fn new(agent: &'a Agent, spec: &'a LaunchSpec, record: RecordFile, links: Links) -> Self {
        let pod = Pod {
            spec,
            devices: &agent.devices,
            filters: &agent.filters,
            bounding: agent.bounding,
            machine_mounts: &agent.machine_mounts,
            hosts_file: None,
            resolv_file: None,
            hostname_file: None,
            address: None,
            shm: None,
        };
        let left = |ms: i64| Duration::from_millis(u64::try_from(ms - clock::now_ms()).unwrap_or(0));
        Self {
            spec,
            containers: spec.containers.iter().map(|c| Container::new(spec, c)).collect(),
            stop: None,
            group: agent.unit_group(),
            started_ms: None,
            was_ready: false,
            pod,
            record,
            links,
            network: Attached::default(),
            notes: Vec::new(),
            // From here on by the monotonic clock: a wall clock that jumps neither kills nor spares a step.
            deadline: spec.deadline_ms.map(|ms| Instant::now() + left(ms)),
            progress_at: None,
            progress: None,
            next_exec: 0,
            released: false,
        }
    }

    /// To the end.
    pub(super) fn run(&mut self) {
        let signals = match sys::signal_pipe(&[]) {
            Ok(signals) => signals,
            Err(e) => {
                self.give_up(&Fault { what: "watch for ended processes".to_owned(), source: Some(e) });
                return;
            }
        };
        // The root is made while the claim is being synced; the program starts only afterwards.
        if self.spec.isolation == Isolation::Plain {
            if !self.make_durable() {
                return;
            }
            self.prepare();
        } else {
            self.prepare();
            self.advance();
            if !self.make_durable() {
                return;
            }
        }
        while !self.advance() {
            self.wait(&signals);
        }
        self.finish(&signals);
        // The last hold on the containers' mounts goes before the lock on the record does: whoever finds it free may use the
        // folders again.
        for container in &mut self.containers {
            (container.root, container.namespace) = (None, None);
        }
    }

    fn give_up(&mut self, fault: &Fault) {
        self.links.say(&FromSupervisor::Refused { duplicate: false, message: fault.to_string() });
    }

    fn make_durable(&mut self) -> bool {
        match self.record.sync(true) {
            Ok(()) => {
                self.links.say(&FromSupervisor::Claimed { supervisor: std::process::id() });
                true
            }
            Err(e) => {
                for container in &mut self.containers {
                    container.kill();
                }
                let _ = std::fs::remove_file(self.spec.log_dir.join(crate::agent::protocol::RECORD_FILE));
                self.give_up(&Fault { what: "make the step's claim durable".to_owned(), source: Some(e) });
                false
            }
        }
    }

    pub(super) fn fail(&mut self, class: EndClass, message: String) {
        if self.stop.is_none() {
            let grace = Duration::from_millis(self.spec.grace_ms);
            let too_late = self.containers.iter().any(Container::is_main)
                && self.containers.iter().filter(|c| c.spec.role != Role::Sidecar).all(ended_well);
            self.stop = Some(Stop { class, message, grace, too_late });
        }
    }

    /// Does what is due. True when all is over.
    fn advance(&mut self) -> bool {
        self.check_times();
        if let Some(stop) = self.stop.clone() {
            for at in 0..self.containers.len() {
                self.skip_waiting(at, &stop.message);
                self.begin_stop(at, stop.grace);
            }
        }
        let first_open_init = self.containers.iter().position(|c| c.spec.role == Role::Init && !ended_well(c));
        if let Some(at) = first_open_init {
            if matches!(self.containers.get(at).map(|c| &c.state), Some(State::Ended(_))) {
                for other in at + 1..self.containers.len() {
                    self.skip_waiting(other, "an init container failed");
                }
            } else {
                self.start_if_waiting(at);
            }
        } else {
            for at in 0..self.containers.len() {
                self.start_if_possible(at);
            }
            self.tell_progress_of_life();
        }
        let mains_over = self.containers.iter().filter(|c| c.is_main()).all(|c| matches!(c.state, State::Ended(_)));
        if mains_over && self.stop.is_none() {
            let grace = Duration::from_millis(self.spec.grace_ms);
            for at in 0..self.containers.len() {
                self.skip_waiting(at, "the main container ended first");
                self.begin_stop(at, grace);
            }
        }
        self.containers.iter().all(|c| matches!(c.state, State::Ended(_)))
    }

    fn skip_waiting(&mut self, at: usize, why: &str) {
        if let Some(container) = self.containers.get_mut(at)
            && container.state == State::Waiting
        {
            container.state = State::Ended(End::Skipped(why.to_owned()));
        }
    }

    fn start_if_possible(&mut self, at: usize) {
        let Some(container) = self.containers.get(at) else { return };
        if container.state != State::Waiting {
            return;
        }
        let mut open = false;
        let mut failed = None;
        for name in &container.spec.dependencies {
            match self.containers.iter().find(|c| &c.spec.name == name).map(|c| &c.state) {
                Some(State::Ended(end)) if end.success() => {}
                Some(State::Ended(_)) | None => failed = Some(name.clone()),
                Some(_) => open = true,
            }
        }
        if let Some(name) = failed {
            self.skip_waiting(at, &format!("its dependency {name} did not succeed"));
        } else if !open && container.retry_at.is_none_or(|t| t <= Instant::now()) {
            self.start_if_waiting(at);
        }
    }

    fn start_if_waiting(&mut self, at: usize) {
        let Some(container) = self.containers.get_mut(at) else { return };
        if container.state != State::Waiting || container.retry_at.is_some_and(|t| t > Instant::now()) {
            return;
        }
        container.state = State::Starting;
        container.retry_at = None;
        let started = if self.spec.isolation == Isolation::Plain {
            super::container::start_plain(container)
        } else {
            start_inside(&self.pod, at, container, &self.group, &mut self.notes)
        };
        match started {
            Ok(()) if self.spec.isolation == Isolation::Plain => self.runs(at),
            Ok(()) => {}
            Err(fault) => {
                container.state = State::Ended(End::Failed(fault.to_string()));
                let message = describe(&container.spec.name, &fault);
                self.fail(EndClass::CouldNotStart, message);
            }
        }
    }

    /// Its program runs now.
    pub(super) fn runs(&mut self, at: usize) {
        let Some(container) = self.containers.get_mut(at) else { return };
        container.state = State::Running;
        container.started_ms.get_or_insert(clock::now_ms());
        let spec = container.spec;
        for (purpose, probe) in [
            (Purpose::Startup, &spec.startup),
            (Purpose::Readiness, &spec.readiness),
            (Purpose::Liveness, &spec.liveness),
        ] {
            if let Some(probe) = probe {
                container.probes.push(ProbeState::new(purpose, probe.clone()));
            }
        }
        if let Some(action) = &spec.post_start {
            let timeout = Duration::from_secs(30);
            container.probes.push(ProbeState::once(Purpose::PostStart, action.clone(), timeout));
        }
        if container.is_main() {
            self.progress_at = Some(Instant::now() + PROGRESS_PERIOD);
            if self.started_ms.is_none() {
                self.tell_started();
            }
        }
    }

    fn tell_started(&mut self) {
        let at_ms = clock::now_ms();
        self.started_ms = Some(at_ms);
        let mut message = self.spec.message.clone();
        for note in &self.notes {
            message.push_str("; ");
            message.push_str(note);
        }
        // A daemon on the machine's network is reached by the machine's other steps all the same.
        let ip = self.network.address.clone().or_else(|| self.spec.daemon.then(|| inside::LOOPBACK.to_owned()));
        let _ = self.record.append(&Record::Started { at_ms, message: message.clone(), ip: ip.clone() });
        self.links.say(&FromSupervisor::Started { at_ms, message, ip });
    }

    fn tell_progress_of_life(&mut self) {
        if !self.spec.daemon || self.was_ready || self.started_ms.is_none() {
            return;
        }
        let ready = self.containers.iter().filter(|c| c.is_main()).all(|c| {
            c.state == State::Running
                && c.probes
                    .iter()
                    .filter(|p| matches!(p.purpose, Purpose::Readiness | Purpose::Startup))
                    .all(|p| p.passed)
        });
        if ready {
            self.was_ready = true;
            self.links.say(&FromSupervisor::Ready { at_ms: clock::now_ms() });
        }
    }

    pub(super) fn begin_stop(&mut self, at: usize, grace: Duration) {
        let Some(container) = self.containers.get_mut(at) else { return };
        if !container.alive() || container.kill_at.is_some() || container.killed_by_us {
            return;
        }
        let grace = container.spec.grace_ms.map_or(grace, Duration::from_millis);
        container.kill_at = Some(Instant::now() + grace);
        container.probes.retain(|p| p.purpose == Purpose::PreStop);
        match (&container.spec.pre_stop, &container.state) {
            (Some(action), State::Running) => {
                container.probes.push(ProbeState::once(Purpose::PreStop, action.clone(), grace));
            }
            (_, State::Starting) => container.kill(),
            _ => container.signal(container.spec.stop_signal),
        }
    }

    fn check_times(&mut self) {
        let now = Instant::now();
        if self.deadline.is_some_and(|d| d <= now) {
            self.deadline = None;
            self.fail(EndClass::DeadlineExceeded, "Step exceeded its deadline (activeDeadlineSeconds)".to_owned());
        }
        for at in 0..self.containers.len() {
            if let Some(container) = self.containers.get_mut(at) {
                if container.kill_at.is_some_and(|t| t <= now) {
                    container.kill();
                }
                if container.reaped.is_some() && container.alive() && container.settle() {
                    self.ended(at);
                }
            }
            self.run_probes(at, now);
        }
        if self.progress_at.is_some_and(|t| t <= now) {
            self.progress_at = Some(now + PROGRESS_PERIOD);
            self.read_progress();
        }
    }

    /// After a container's last byte was read.
    fn ended(&mut self, at: usize) {
        let spec = self.spec;
        let Some(container) = self.containers.get_mut(at) else { return };
        container.out_of_memory |= self.group.container_out_of_memory(&container.spec.name);
        let State::Ended(end) = container.state.clone() else { return };
        match end {
            End::Failed(why) => {
                let message = describe(&container.spec.name, &Fault::new(why));
                self.fail(EndClass::CouldNotStart, message);
            }
            End::Exit { code, .. }
                if code != 0 && container.attempt < container.spec.retries && self.stop.is_none() =>
            {
                container.again(spec);
            }
            _ => {}
        }
    }

    fn read_progress(&mut self) {
        let text = match self.main().and_then(|c| c.root.as_ref()) {
            Some(root) => OutputRoot::Container(root).read("/argo/progress", PROGRESS_BYTES_MAX),
            None => std::fs::read_to_string(self.spec.unit_dir.join("argo/progress")),
        };
        let progress = text.ok().and_then(|t| {
            let (done, total) = t.trim().split_once('/')?;
            Some((done.parse::<u64>().ok()?, total.parse::<u64>().ok()?))
        });
        if let Some((done, total)) = progress
            && total > 0
            && done <= total
            && self.progress != progress
        {
            self.progress = progress;
            self.links.say(&FromSupervisor::Progress { at_ms: clock::now_ms(), done, total });
        }
    }

    /// The container whose outputs are the unit's: `main`, or the first of the mains.
    pub(super) fn main(&self) -> Option<&Container<'a>> {
        self.containers
            .iter()
            .find(|c| c.is_main() && c.spec.name == "main")
            .or_else(|| self.containers.iter().find(|c| c.is_main()))
    }

    fn next_time(&self) -> Option<Instant> {
        let mut times: Vec<Instant> = self.deadline.into_iter().collect();
        if self.containers.iter().any(|c| c.is_main() && c.state == State::Running) {
            times.extend(self.progress_at);
        }
        for container in &self.containers {
            times.extend(container.kill_at.filter(|_| container.alive()));
            times.extend(container.retry_at.filter(|_| container.state == State::Waiting));
            if container.state == State::Running && container.reaped.is_none() {
                let starting = container.probes.iter().any(|p| p.purpose == Purpose::Startup && !p.passed);
                let asleep = |p: &ProbeState| starting && matches!(p.purpose, Purpose::Readiness | Purpose::Liveness);
                times.extend(container.probes.iter().filter(|p| !asleep(p)).filter_map(ProbeState::due));
            }
            if container.reaped.is_some() && container.alive() {
                times.push(Instant::now() + TICK);
            }
        }
        times.into_iter().min()
    }

    /// Waits for something to happen and takes it.
    fn wait(&mut self, signals: &OwnedFd) {
        let until = self.next_time();
        self.wait_until(signals, until);
    }

    fn wait_until(&mut self, signals: &OwnedFd, until: Option<Instant>) {
        let timeout = until.map(|t| t.saturating_duration_since(Instant::now()));
        let timeout = timeout.and_then(|d| Timespec::try_from(d + Duration::from_micros(500)).ok());
        let mut sources = vec![Source::Signals];
        let mut fds = vec![PollFd::new(signals, PollFlags::IN)];
        if let Some(listener) = &self.links.listener {
            sources.push(Source::Listener);
            fds.push(PollFd::new(listener, PollFlags::IN));
        }
        for (at, connection) in self.links.connections.iter().enumerate() {
            let writes = if connection.wants_to_write() { PollFlags::OUT } else { PollFlags::empty() };
            sources.push(Source::Connection(at));
            fds.push(PollFd::new(&connection.stream, PollFlags::IN | writes));
        }
        for (at, container) in self.containers.iter().enumerate() {
            if let Some(control) = &container.control {
                sources.push(Source::Control(at));
                fds.push(PollFd::new(control, PollFlags::IN));
            }
            for (stream, file) in [(Stream::Stdout, &container.stdout), (Stream::Stderr, &container.stderr)] {
                if let Some(file) = file {
                    sources.push(Source::Output(at, stream));
                    fds.push(PollFd::new(file, PollFlags::IN));
                }
            }
        }
        if poll(&mut fds, timeout.as_ref()).is_err() {
            return;
        }
        let happened: Vec<bool> = fds.iter().map(|f| !f.revents().is_empty()).collect();
        drop(fds);
        for (source, _) in sources.into_iter().zip(happened).filter(|(_, happened)| *happened) {
            self.take(&source, signals);
        }
        self.links.tidy();
        if self.spec.tied && self.links.connections.is_empty() {
            self.fail(EndClass::Stopped, "its server is gone, and none will come after it".to_owned());
            self.released = true;
        }
    }

    fn take(&mut self, source: &Source, signals: &OwnedFd) {
        match source {
            Source::Signals => {
                let mut buffer = [0u8; 64];
                while rustix::io::read(signals, &mut buffer).is_ok_and(|n| n == buffer.len()) {}
                while let Some((pid, reaped)) = sys::reap() {
                    self.reaped(pid, reaped);
                }
            }
            Source::Listener => self.links.accept(),
            Source::Connection(at) => {
                let Some(connection) = self.links.connections.get_mut(*at) else { return };
                connection.flush();
                for message in connection.receive() {
                    match message {
                        ToSupervisor::Stop { grace_ms } => {
                            self.fail(EndClass::Stopped, "it was stopped".to_owned());
                            if let Some(stop) = &mut self.stop {
                                stop.grace = Duration::from_millis(grace_ms);
                            }
                            let latest = Instant::now() + Duration::from_millis(grace_ms);
                            for container in &mut self.containers {
                                // A second, shorter patience counts.
                                container.kill_at = container.kill_at.map(|t| t.min(latest));
                            }
                        }
                        ToSupervisor::Release => self.released = true,
                        ToSupervisor::Launch(_) => {}
                    }
                }
            }
            Source::Control(at) => self.hear(*at),
            Source::Output(at, stream) => {
                if let Some(container) = self.containers.get_mut(*at) {
                    container.read(*stream);
                }
            }
        }
    }

    fn reaped(&mut self, pid: rustix::process::Pid, reaped: sys::Reaped) {
        if let Some(at) = self.containers.iter().position(|c| c.process == Some(pid) && c.reaped.is_none()) {
            // What init said last may still wait to be read.
            self.hear(at);
            if let Some(container) = self.containers.get_mut(at) {
                container.reaped = Some((reaped, Instant::now()));
                if container.alive() && container.settle() {
                    self.ended(at);
                }
            }
            return;
        }
        for at in 0..self.containers.len() {
            self.probe_finished(at, |g| matches!(g, Going::Child(p, _) if *p == pid), reaped.code == 0);
        }
    }

    /// Writes down how it ended, says it, and stays as long as its files are wanted.
    fn finish(&mut self, signals: &OwnedFd) {
        // What it reached since the last look.
        self.read_progress();
        let outcome = super::outcome::outcome(self);
        let hold = self.spec.hold && !outcome.artifacts_found.is_empty();
        let ended = Record::Ended(Box::new(outcome.clone()));
        if self.record.append(&ended).and_then(|()| self.record.sync(false)).is_err() {
            // No room: it is still told, and kept until somebody has heard it.
            self.links.said_only_here = true;
        }
        self.links.say(&FromSupervisor::Ended(Box::new(outcome)));
        let farewell = Instant::now() + FAREWELL;
        while !self.links.flushed() && Instant::now() < farewell {
            self.wait_until(signals, Some(farewell));
        }
        let until = Instant::now() + Duration::from_millis(self.spec.hold_ms_max);
        while (hold || self.links.said_only_here) && !self.released && Instant::now() < until {
            if !self.spec.log_dir.exists() {
                return;
            }
            self.wait_until(signals, Some(until.min(Instant::now() + Duration::from_secs(10))));
        }
    }
}

fn ended_well(container: &Container<'_>) -> bool {
    matches!(&container.state, State::Ended(end) if end.success())
}
