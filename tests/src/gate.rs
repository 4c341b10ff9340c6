//! A door in front of a server: what a network does on a bad day, as a test says.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What happens to those who come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// They are led on.
    Open,
    /// They are turned away.
    Shut,
    /// They are let in and hear nothing.
    Silent,
    /// They are led on, and the connection breaks when they have sent so many bytes.
    Cut(usize),
}

/// Stands until it is dropped.
pub struct Gate {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    to: String,
    door: Mutex<Door>,
    came: AtomicUsize,
    ended: AtomicBool,
}

impl Gate {
    /// A gate in front of `to` (`host:port`), on an ephemeral port of loopback.
    pub fn before(to: &str, door: Door) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            to: to.to_owned(),
            door: Mutex::new(door),
            came: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        });
        let all = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if all.ended.load(Ordering::Relaxed) {
                    return;
                }
                all.came.fetch_add(1, Ordering::Relaxed);
                let all = all.clone();
                std::thread::spawn(move || all.receive(stream));
            }
        });
        Self { address, shared }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// What happens to those who come from now on.
    pub fn set(&self, door: Door) {
        *self.shared.door.lock().unwrap_or_else(PoisonError::into_inner) = door;
    }

    /// How many connections came.
    pub fn came(&self) -> usize {
        self.shared.came.load(Ordering::Relaxed)
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        // Wakes the listener, so that it sees the end.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn receive(&self, mut from: TcpStream) {
        let door = *self.door.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = match door {
            Door::Shut => return,
            // Holds the connection until the other side gives up.
            Door::Silent => return drop(std::io::copy(&mut from, &mut std::io::sink())),
            Door::Open => usize::MAX,
            Door::Cut(bytes) => bytes,
        };
        let Ok(mut to) = TcpStream::connect(&self.to) else { return };
        let (Ok(mut back_from), Ok(mut back_to)) = (to.try_clone(), from.try_clone()) else { return };
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut back_from, &mut back_to);
            let _ = back_to.shutdown(Shutdown::Both);
        });
        let mut left = limit;
        let mut bytes = vec![0; 16 << 10];
        while left > 0 {
            let room = left.min(bytes.len());
            let Ok(read @ 1..) = from.read(&mut bytes[..room]) else { break };
            if to.write_all(&bytes[..read]).is_err() {
                break;
            }
            left -= read;
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }
}
