//! Starting containers in namespaces of their own, and hearing what their init says.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, SocketFlags, SocketType, recv,
    recvmsg, send, socketpair,
};

use super::container::{Container, End};
use super::probe::Going;
use super::unit::Unit;
use crate::agent::cgroup::UnitGroup;
use crate::agent::container::{self as inside, Command, Message, Pod};
use crate::agent::fault::{At, Fault};
use crate::agent::sys;

/// Of one message of init, which holds a reason at most.
const MESSAGE_BYTES_MAX: usize = 256 << 10;

impl Unit<'_> {
    /// Takes what a container's init has said.
    pub(super) fn hear(&mut self, at: usize) {
        loop {
            let Some(container) = self.containers.get_mut(at) else { return };
            let Some(control) = &container.control else { return };
            let Some((bytes, fds)) = receive(control) else { return };
            match serde_json::from_slice(&bytes) {
                Ok(Message::Ready) => {
                    let mut fds = fds.into_iter();
                    (container.root, container.namespace) = (fds.next(), fds.next());
                    if self.stop.is_none() {
                        command(control, &Command::Go);
                    } else {
                        container.kill();
                    }
                }
                Ok(Message::Failed(why)) => container.said = Some(End::Failed(why)),
                Ok(Message::Running) => self.runs(at),
                Ok(Message::Exited { code, signal }) => container.said = Some(End::Exit { code, signal }),
                Ok(Message::ExecEnded { id, code }) => {
                    self.probe_finished(at, |g| matches!(g, Going::Inside(i, _) if *i == id), code == 0);
                }
                Err(_) => return,
            }
        }
    }
}

/// Starts a container in namespaces of its own.
pub(super) fn start_inside(
    pod: &Pod<'_>,
    at: usize,
    container: &mut Container<'_>,
    group: &UnitGroup,
    notes: &mut Vec<String>,
) -> Result<(), Fault> {
    let ((out_read, stdout), (err_read, stderr)) = (super::container::pipe()?, super::container::pipe()?);
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .at(|| "make a control socket".to_owned())?;
    match sys::fork_into(libc::CLONE_NEWNS | libc::CLONE_NEWPID).at(|| "make the container's namespaces".to_owned())? {
        None => {
            let handles = inside::Handles { control: theirs, stdout, stderr };
            inside::run(pod, container.spec, at, container.attempt, &handles)
        }
        Some(pid) => {
            container.process = Some(pid);
            container.control = Some(ours);
            (container.stdout, container.stderr) = (Some(out_read), Some(err_read));
            notes.extend(group.container(&container.spec.name, container.spec.limits, pid));
            Ok(())
        }
    }
}

/// Receives one message of init with the descriptors that came along.
fn receive(control: &OwnedFd) -> Option<(Vec<u8>, Vec<OwnedFd>)> {
    let ahead = RecvFlags::PEEK | RecvFlags::TRUNC | RecvFlags::DONTWAIT;
    let (_, length) = recv(control, &mut [0u8; 1], ahead).ok()?;
    let mut buffer = vec![0u8; length.clamp(1, MESSAGE_BYTES_MAX)];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = {
        let mut slices = [io::IoSliceMut::new(&mut buffer)];
        recvmsg(control, &mut slices, &mut ancillary, RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC).ok()?
    };
    if received.bytes == 0 {
        return None;
    }
    let mut fds = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            fds.extend(rights);
        }
    }
    buffer.truncate(received.bytes);
    Some((buffer, fds))
}

/// Sends to init; a full or closed socket means that it is about to end anyway.
pub(super) fn command(control: &OwnedFd, command: &Command) {
    if let Ok(bytes) = serde_json::to_vec(command) {
        let _ = send(control, &bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
    }
}
