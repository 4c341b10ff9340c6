//! The command line, as a person uses it.

use std::process::{Command, Output};

/// What a command said.
#[derive(Debug, Clone)]
pub struct Said {
    /// Its exit code; -1 when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Said {
    /// The output of a command that has to succeed.
    ///
    /// # Panics
    /// It did not.
    #[track_caller]
    pub fn ok(self) -> String {
        assert!(self.code == 0, "exit code {}\n--- out\n{}\n--- err\n{}", self.code, self.out, self.err);
        self.out
    }

    /// The error text of a command that has to fail.
    ///
    /// # Panics
    /// It did not.
    #[track_caller]
    pub fn fails(self) -> String {
        assert!(self.code != 0, "expected a failure\n--- out\n{}\n--- err\n{}", self.out, self.err);
        self.err
    }
}

/// Runs a command to its end.
///
/// # Panics
/// It cannot be started.
pub fn say(command: &mut Command) -> Said {
    let Output { status, stdout, stderr } = command.output().expect("the command line starts");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Said { code: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
}

/// The binary with nothing of this process's environment but what programs need: no settings of the person who runs the tests, no colours.
pub fn colchis() -> Command {
    let mut command = Command::new(crate::binary::colchis());
    command.env_clear();
    for name in ["PATH", "TMPDIR", "RUST_BACKTRACE", "SSL_CERT_FILE", "SSL_CERT_DIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
        .env("LANG", "C.UTF-8")
        .env("NO_COLOR", "1")
        .current_dir(crate::binary::root())
        .stdin(std::process::Stdio::null());
    command
}
