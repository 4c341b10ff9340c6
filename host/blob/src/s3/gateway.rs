//! A real S3 server for tests: versitygw over a folder, on loopback. Also a part of the test binary in `tests/`.

#![allow(unreachable_pub)]

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Who may call it.
pub const ACCESS: &str = "tester";
/// The password.
pub const SECRET: &str = "hunter2-secret-key";

/// A running server; it ends with this.
pub struct Gateway {
    child: Child,
    /// Host and port.
    pub endpoint: String,
    _folders: [tempfile::TempDir; 2],
}

impl Gateway {
    /// Starts one, or says that the program is missing.
    pub fn start(test: &str) -> Option<Self> {
        Self::start_with(test, None)
    }

    /// The same with TLS: certificate and key, PEM.
    pub fn start_with(test: &str, tls: Option<(&str, &str)>) -> Option<Self> {
        let program = testkit::tools::need("versitygw", test)?;
        (0..5).find_map(|_| Self::start_at(&program, free_port(), tls)).or_else(|| panic!("versitygw does not start"))
    }

    fn start_at(program: &Path, port: u16, tls: Option<(&str, &str)>) -> Option<Self> {
        let (folder, keys) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut flags = Vec::new();
        if let Some((certificate, key)) = tls {
            for (flag, name, text) in [("--cert", "cert.pem", certificate), ("--key", "key.pem", key)] {
                std::fs::write(keys.path().join(name), text).unwrap();
                flags.extend([flag.to_owned(), keys.path().join(name).display().to_string()]);
            }
        }
        let endpoint = format!("127.0.0.1:{port}");
        let child = Command::new(program)
            .args(["--port", &endpoint, "--quiet"])
            .args(flags)
            .arg("posix")
            .arg(folder.path())
            .env("ROOT_ACCESS_KEY", ACCESS)
            .env("ROOT_SECRET_KEY", SECRET)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut gateway = Self { child, endpoint, _folders: [folder, keys] };
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            if TcpStream::connect(&gateway.endpoint).is_ok() {
                return Some(gateway);
            }
            if gateway.child.try_wait().unwrap().is_some() {
                return None;
            }
            std::thread::yield_now();
        }
        None
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A port that nobody listens on at this moment.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
