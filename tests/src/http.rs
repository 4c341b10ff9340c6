//! A small HTTP server for `http` steps: `/status` answers, `/slow` never does, anything else is not found.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Runs until it is dropped.
pub struct Http {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
}

impl Http {
    /// Listens on an ephemeral port of loopback.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let ended = Arc::new(AtomicBool::new(false));
        let end = ended.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if end.load(Ordering::Relaxed) {
                    return;
                }
                std::thread::spawn(move || answer(stream));
            }
        });
        Self { address, ended }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes the listener, so that it sees the end.
        let _ = TcpStream::connect(self.address);
    }
}

fn answer(mut stream: TcpStream) {
    let mut lines = BufReader::new(&stream).lines();
    let first = lines.next().and_then(Result::ok).unwrap_or_default();
    while lines.next().and_then(Result::ok).is_some_and(|line| !line.is_empty()) {}
    let (code, body) = match first.split_whitespace().nth(1) {
        Some("/status") => ("200 OK", r#"{"version": 7, "healthy": true}"#),
        Some("/slow") => {
            // Holds the connection until the other side gives up.
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
            return;
        }
        _ => ("404 Not Found", "no such page"),
    };
    let text = format!("HTTP/1.1 {code}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    let _ = stream.write_all(text.as_bytes());
}
