//! What a unit's end means.

use runner::{ContainerResult, EndClass, EndPhase, UnitResult};

use super::clock;
use super::container::{Container, End, State};
use super::outputs::{self, OutputRoot};
use super::unit::Unit;
use crate::agent::protocol::{Isolation, Outcome, Role};

/// Of a termination message, as the kubelet has it.
const TERMINATION_MESSAGE_BYTES_MAX: usize = 4096;

/// Decides how the unit ended and reads its outputs.
pub(super) fn outcome(unit: &mut Unit<'_>) -> Outcome {
    let group_out_of_memory = unit.group.out_of_memory();
    let (peak, containers_peak) = (unit.group.memory_peak(), unit.containers.iter().map(|c| c.peak_bytes).max());
    let containers: Vec<ContainerResult> =
        unit.containers.iter().map(|c| container_result(c, group_out_of_memory)).collect();
    let (mut phase, class, mut message) = verdict(unit, group_out_of_memory);
    let stdout = unit.containers.iter_mut().find(|c| c.is_main() && c.spec.name == "main");
    let stdout = match stdout {
        Some(main) => Some(main),
        None => unit.containers.iter_mut().find(|c| c.is_main()),
    };
    let result = stdout.filter(|c| c.started_ms.is_some()).map(|c| c.tail.text());

    let (mut parameters, mut artifacts_found, mut root_fd) = (Vec::new(), Vec::new(), None);
    let main = unit.main();
    let exit_code = main.and_then(exit_code);
    let root = main.and_then(|main| match (&main.root, unit.spec.isolation) {
        (Some(root), _) => Some(OutputRoot::Container(root)),
        (None, Isolation::Plain) => Some(OutputRoot::Machine { working_dir: &main.spec.working_dir }),
        (None, _) => None,
    });
    if let (Some(root), Some(main)) = (root, main)
        && main.started_ms.is_some()
    {
        root_fd = main.root.as_ref().map(std::os::fd::AsRawFd::as_raw_fd);
        let (found, missing) = outputs::parameters(&root, &unit.spec.parameters, unit.spec.bounds.parameter_bytes_max);
        parameters = found;
        let (found, absent) = outputs::artifacts(&root, &unit.spec.artifacts);
        artifacts_found = found;
        let lines: Vec<String> = missing.into_iter().chain(absent).collect();
        if phase == EndPhase::Succeeded && class == EndClass::None && !lines.is_empty() {
            // The step did not fail: what surrounds it did, which the policy OnError covers.
            (phase, message) = (EndPhase::Error, lines.join("\n"));
        }
    }
    let finished_ms =
        unit.containers.iter().filter(|c| c.spec.role != Role::Sidecar).filter_map(|c| c.finished_ms).max();
    Outcome {
        result: UnitResult {
            phase,
            class,
            message,
            exit_code,
            containers,
            result,
            parameters,
            artifacts: Vec::new(),
            cpu_ms: Some(unit.containers.iter().map(|c| c.cpu_ms).sum()),
            memory_peak_bytes: peak.or(containers_peak),
            started_ms: unit.started_ms,
            finished_ms: finished_ms.unwrap_or_else(clock::now_ms),
        },
        root_fd,
        artifacts_found,
    }
}

fn exit_code(container: &Container<'_>) -> Option<i32> {
    match &container.state {
        State::Ended(End::Exit { code, .. }) => Some(*code),
        _ => None,
    }
}

fn container_result(container: &Container<'_>, group_out_of_memory: bool) -> ContainerResult {
    ContainerResult {
        name: container.spec.name.clone(),
        exit_code: exit_code(container),
        message: match &container.state {
            State::Ended(End::Failed(why) | End::Skipped(why)) => why.clone(),
            State::Ended(End::Exit { code, .. }) if *code != 0 => failure(container, group_out_of_memory).1,
            _ => String::new(),
        },
        started_ms: container.started_ms,
        finished_ms: container.finished_ms,
    }
}

/// Class and words for a container that ended with a code other than zero.
fn failure(container: &Container<'_>, group_out_of_memory: bool) -> (EndClass, String) {
    let State::Ended(End::Exit { code, signal }) = &container.state else { return (EndClass::ExitCode, String::new()) };
    let killed = *signal == Some(libc::SIGKILL) && !container.killed_by_us;
    if container.out_of_memory || (killed && group_out_of_memory) {
        let limit = container.spec.limits.memory_bytes.map(|b| format!(", limit {b} bytes")).unwrap_or_default();
        return (EndClass::OutOfMemory, format!("OOMKilled (exit code {code}{limit})"));
    }
    let mut message = match signal {
        Some(signal) => format!("Error (exit code {code}: ended by signal {signal})"),
        None => format!("Error (exit code {code})"),
    };
    if let Some(verdict) = &container.verdict {
        message = format!("{message}: {verdict}");
    }
    if let Some(said) = termination_message(container) {
        message = format!("{message}: {said}");
    }
    (EndClass::ExitCode, message)
}

/// What the container wrote to its termination message path.
fn termination_message(container: &Container<'_>) -> Option<String> {
    let root = container.root.as_ref().map(OutputRoot::Container)?;
    let path = container.spec.termination_message_path.as_ref()?;
    let text = root.read(path, TERMINATION_MESSAGE_BYTES_MAX).ok()?;
    Some(text.trim().to_owned()).filter(|t| !t.is_empty())
}

fn verdict(unit: &mut Unit<'_>, group_out_of_memory: bool) -> (EndPhase, EndClass, String) {
    let ok = |c: &Container<'_>| matches!(&c.state, State::Ended(end) if end.success());
    let mains = unit.containers.iter().filter(|c| c.is_main()).all(ok);
    if let Some(stop) = &unit.stop {
        match stop.class {
            EndClass::CouldNotStart => return (EndPhase::Error, stop.class, stop.message.clone()),
            // One that ends well because it was told to end did not finish what it had to do.
            EndClass::Stopped | EndClass::DeadlineExceeded if stop.too_late && !unit.spec.daemon => {}
            EndClass::Stopped if unit.spec.daemon && unit.was_ready => {
                return (EndPhase::Succeeded, stop.class, stop.message.clone());
            }
            class => return (EndPhase::Failed, class, stop.message.clone()),
        }
    }
    let deciding = |c: &&mut Container<'_>| {
        c.spec.role != Role::Sidecar && matches!(&c.state, State::Ended(End::Exit { code, .. }) if *code != 0)
    };
    let Some(failed) = unit.containers.iter_mut().find(deciding) else {
        if mains {
            return (EndPhase::Succeeded, EndClass::None, String::new());
        }
        return (EndPhase::Error, EndClass::CouldNotStart, "the main container did not run".to_owned());
    };
    let (class, mut message) = failure(failed, group_out_of_memory);
    if failed.spec.termination_message_from_log && termination_message(failed).is_none() {
        let tail = failed.log_tail.text();
        message = format!("{message}: {}", tail.trim());
    }
    if failed.spec.name != "main" {
        let kind = if failed.spec.role == Role::Init { "init container" } else { "container" };
        message = format!("{kind} {}: {message}", failed.spec.name);
    }
    // OnFailure is for main containers alone.
    (if failed.spec.role == Role::Init { EndPhase::Error } else { EndPhase::Failed }, class, message)
}
