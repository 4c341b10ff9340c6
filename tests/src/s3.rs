//! A real S3 server over a temporary folder.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The credentials of the tests' server.
pub const ACCESS_KEY: &str = "colchis-tests";
/// See [`ACCESS_KEY`].
pub const SECRET_KEY: &str = "colchis-tests-secret";

/// Runs until it is dropped.
pub struct S3 {
    process: Child,
    folder: tempfile::TempDir,
    address: String,
}

impl S3 {
    /// Starts it, or says that `test` is skipped for want of it.
    pub fn start(test: &str) -> Option<Self> {
        let program = testkit::tools::need("versitygw", test)?;
        let folder = tempfile::Builder::new().prefix("colchis-s3-").tempdir().expect("a temporary folder");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
        let address = format!("127.0.0.1:{port}");
        let process = Command::new(program)
            .args(["--port", &address, "--access", ACCESS_KEY, "--secret", SECRET_KEY, "posix"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the S3 server starts");
        let started = Self { process, folder, address };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(&started.address).is_err() {
            assert!(Instant::now() < deadline, "the S3 server does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(started)
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A bucket is a folder of it, an object a file.
    pub fn put(&self, bucket: &str, key: &str, content: &[u8]) {
        let file = self.folder.path().join(bucket).join(key);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("the bucket is made");
        std::fs::write(file, content).expect("the object is written");
    }

    /// The bytes of an object.
    pub fn get(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        std::fs::read(self.folder.path().join(bucket).join(key)).ok()
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
