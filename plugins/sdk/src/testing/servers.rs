//! Real servers in tests: found where the project's tools are, started on loopback, ended with the test.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take until it listens.
const START: Duration = Duration::from_secs(20);

/// How long is waited between two looks at a condition.
const LOOK: Duration = Duration::from_millis(5);

/// The program `name` in `$COLCHIS_TOOLS`, in `target/tools/bin` of the clone or in `PATH`; `None` after saying aloud that `test` is skipped for the want of it.
pub fn need(name: &str, test: &str) -> Option<PathBuf> {
    let named = std::env::var_os("COLCHIS_TOOLS").map(PathBuf::from);
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(|top| top.join("target/tools/bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders =
        named.into_iter().chain(built).chain(std::env::split_paths(&path)).chain([PathBuf::from("/usr/sbin")]);
    let found = folders.map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        let line = format!("{test}: {name} is missing: `cargo xtask tools {name}` says why\n");
        let _ = std::io::stderr().write_all(format!("skipped: {line}").as_bytes());
        if let Some(file) = std::env::var_os("COLCHIS_SKIPPED") {
            let file = std::fs::OpenOptions::new().create(true).append(true).open(file);
            let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
        }
    }
    found
}

/// A server that runs; dropped, it is ended, and its folder removed.
#[derive(Debug)]
pub struct Server {
    child: Child,
    port: u16,
    folder: PathBuf,
}

impl Server {
    /// Starts a program: `arguments` are given its port on loopback and an empty folder of its own. Panics when it does not listen within 20 s.
    pub fn start(program: &Path, arguments: impl Fn(u16, &Path) -> Vec<String>) -> Self {
        let port = free_port();
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        let folder = std::env::temp_dir().join(format!("colchis-{name}-{}-{port}", std::process::id()));
        let made = std::fs::create_dir_all(&folder);
        assert!(made.is_ok(), "{}: {made:?}", folder.display());
        Self { child: spawn(program, &arguments(port, &folder)), port, folder }.listening()
    }

    /// Its port on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Ends it at once, as a crash does.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again, on its port and in its folder.
    pub fn start_again(self, program: &Path, arguments: impl Fn(u16, &Path) -> Vec<String>) -> Self {
        let mut old = self;
        old.kill();
        old.child = spawn(program, &arguments(old.port, &old.folder));
        old.listening()
    }

    fn listening(mut self) -> Self {
        let port = self.port;
        until("the server listens", START, || {
            let ended = self.child.try_wait();
            assert!(matches!(ended, Ok(None)), "the server ended: {ended:?}");
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        self
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn spawn(program: &Path, arguments: &[String]) -> Child {
    let child =
        Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    match child {
        Ok(child) => child,
        Err(error) => panic!("{}: {error}", program.display()),
    }
}

fn free_port() -> u16 {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).map(|place| place.port());
    assert!(port.is_ok(), "no port on loopback: {port:?}");
    port.unwrap_or_default()
}

/// Looks at a condition until it holds, and panics when it does not within the time.
pub fn until<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < within, "not within {within:?}: {what}");
        std::thread::sleep(LOOK);
    }
}
