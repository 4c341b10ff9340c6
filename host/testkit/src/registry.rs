//! A real OCI registry, on loopback, with its content in a folder.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long it may take to listen.
const READY: Duration = Duration::from_secs(20);

/// A registry that ends when it is dropped.
#[derive(Debug)]
pub struct OciRegistry {
    child: Child,
    /// `host:port`, without TLS.
    pub address: String,
}

impl OciRegistry {
    /// Starts one; `None` after saying aloud that `test` is skipped for the want of it.
    ///
    /// # Errors
    /// It cannot be started, or does not listen in time.
    pub fn start(folder: &Path, test: &str) -> io::Result<Option<Self>> {
        let Some(program) = crate::tools::need("docker-registry", test) else { return Ok(None) };
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let (file, storage) = (folder.join("registry.yml"), folder.join("registry"));
        let text = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {address}\n",
            storage.display()
        );
        std::fs::write(&file, text)?;
        let child = Command::new(program).arg("serve").arg(file).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let registry = Self { child, address };
        let until = Instant::now() + READY;
        while TcpStream::connect(&registry.address).is_err() {
            if Instant::now() > until {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the registry does not listen"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Some(registry))
    }
}

impl Drop for OciRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
