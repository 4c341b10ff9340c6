//! A supervisor: the process that a unit's containers belong to. It outlives the server and answers to whoever comes with its socket.
//!
//! ```text
//!   Launch ─► claim (locked, synced) ─► [init containers in order] ─► mains and sidecars ─► mains ended
//!                                            │ deadline, Stop            │                   │
//!                                            └── TERM … KILL ────────────┴───────────► sidecars stopped
//!             exit ◄── [hold until released] ◄── Ended (synced, told) ◄── outputs read ◄─────┘
//! ```

mod checks;
mod clock;
mod container;
#[cfg(all(target_os = "linux", not(colchis_plain)))]
mod inside;
#[cfg(not(all(target_os = "linux", not(colchis_plain))))]
#[path = "inside_plain.rs"]
mod inside;
mod link;
pub(crate) mod log;
mod outcome;
pub(crate) mod outputs;
mod prepare;
mod probe;
pub(crate) mod record;
mod unit;

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use super::fault::Fault;
use super::protocol::{FromSupervisor, LaunchSpec, Record, ToSupervisor, read_frame, write_frame};
use super::zygote::Agent;
use link::{Connection, Links};
use record::{ClaimError, RecordFile};

/// Serves the unit that comes over this connection, to its end.
pub(crate) fn serve(agent: &Agent, connection: OwnedFd) {
    let mut stream = UnixStream::from(connection);
    let spec = match read_frame(&mut stream) {
        Ok(Some(ToSupervisor::Launch(spec))) => spec,
        _ => return,
    };
    if let Err(message) = claim_and_run(agent, &spec, &stream) {
        let _ = write_frame(&mut stream, &message);
    }
}

fn claim_and_run(agent: &Agent, spec: &LaunchSpec, stream: &UnixStream) -> Result<(), FromSupervisor> {
    let refused = |e: ClaimError| match e {
        ClaimError::Duplicate => {
            FromSupervisor::Refused { duplicate: true, message: format!("{} was started before", spec.key) }
        }
        ClaimError::Io(e) => FromSupervisor::Refused {
            duplicate: false,
            message: format!("the claim of the step could not be written to {}: {e}", spec.log_dir.display()),
        },
    };
    let failed = |e: std::io::Error| refused(ClaimError::Io(e));
    let claim = Record::Claim {
        key: spec.key.clone(),
        supervisor: std::process::id(),
        at_ms: clock::now_ms(),
        unit_dir: spec.unit_dir.clone(),
        unit: spec.claim.clone(),
    };
    let record = RecordFile::claim(&spec.log_dir, &claim).map_err(refused)?;
    // The socket's name is relative, because the whole path may be longer than a socket's name may be.
    std::env::set_current_dir(&spec.unit_dir).map_err(failed)?;
    let connection = Connection::new(stream.try_clone().map_err(failed)?).map_err(failed)?;
    let mut unit = unit::Unit::new(agent, spec, record, Links::new(connection));
    unit.run();
    Ok(())
}

/// What a failure to start anything is told as.
pub(crate) fn describe(name: &str, fault: &Fault) -> String {
    format!("container {name}: {fault}")
}
