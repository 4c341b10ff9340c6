//! The program `git`, with nothing of the machine's own configuration.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;

use artifact::ErrorClass;
use egress::{Guard, Socks};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::remote::{Kind, Remote};
use super::ssh::Ssh;
use crate::archive::local;
use crate::failure::Failure;
use crate::http::egress_failure;

/// How long one command may take.
const COMMAND: Duration = Duration::from_secs(30 * 60);
/// Bytes of a command's output that are read; of its complaints, the last are kept.
const OUTPUT_BYTES_MAX: usize = 8 << 20;
const COMPLAINT_BYTES_MAX: usize = 2_000;
/// The oldest version that takes settings from the environment.
const VERSION_MIN: (u32, u32) = (2, 31);

/// How the network is reached.
pub(super) struct Network {
    /// The guarded proxy, for http.
    pub(super) socks: Socks,
    /// For ssh.
    pub(super) ssh: Ssh,
    /// Name and password.
    pub(super) login: Option<(String, String)>,
    /// The one server that is told them.
    pub(super) login_at: Option<String>,
    /// Certificates of servers are not looked at.
    pub(super) skip_tls: bool,
}

/// The program with its environment.
pub(super) struct Program {
    home: PathBuf,
    network: Network,
    guard: Guard,
    hosts: Mutex<HashMap<String, std::net::IpAddr>>,
}

impl Program {
    /// Prepares an empty home below `scratch`.
    pub(super) async fn new(scratch: &Path, network: Network, guard: Guard) -> Result<Self, Failure> {
        version().await?;
        let home = scratch.join("home");
        std::fs::create_dir(&home).map_err(|error| local(format!("make {}", home.display()), error))?;
        Ok(Self { home, network, guard, hosts: Mutex::default() })
    }

    /// Asks the guard about a repository before anything is called. An ssh host is from here on called at the address that answered.
    pub(super) async fn admit(&self, remote: &Remote) -> Result<(), Failure> {
        let target = remote.target();
        if remote.kind() != Kind::Ssh {
            return self.guard.addresses(&target).await.map(drop).map_err(|error| egress_failure(&error));
        }
        let connection = self.guard.connect(&target).await.map_err(|error| egress_failure(&error))?;
        let address = connection.peer_addr().map_err(|error| Failure::transient(error.to_string()))?.ip();
        let mut hosts = self.hosts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        hosts.insert(remote.host().to_owned(), address);
        self.network.ssh.write(&hosts)
    }

    /// Runs a command in `folder` and returns its output.
    pub(super) async fn git(&self, folder: &Path, arguments: &[&str]) -> Result<String, Failure> {
        let mut output = Vec::new();
        let complaint = self
            .run(folder, arguments, &mut |bytes| {
                output.extend_from_slice(bytes);
                output.len() <= OUTPUT_BYTES_MAX
            })
            .await?;
        match complaint {
            None => Ok(String::from_utf8_lossy(&output).into_owned()),
            Some(complaint) => Err(self.judged(arguments, &complaint)),
        }
    }

    /// The commit that a name means here, if any.
    pub(super) async fn find(&self, folder: &Path, name: &str) -> Result<Option<String>, Failure> {
        let name = format!("{name}^{{commit}}");
        let mut output = Vec::new();
        let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", &name];
        self.run(folder, &arguments, &mut |bytes| {
            output.extend_from_slice(bytes);
            true
        })
        .await?;
        let text = String::from_utf8_lossy(&output).trim().to_owned();
        Ok(Some(text).filter(|text| super::is_commit(text)))
    }

    /// Runs a command, giving its output to `take` until that says no. Returns its complaint when it failed.
    pub(super) async fn run(
        &self,
        folder: &Path,
        arguments: &[&str],
        take: &mut (dyn FnMut(&[u8]) -> bool + Send),
    ) -> Result<Option<String>, Failure> {
        let mut command = self.command(folder, arguments);
        let child = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Failure::permanent("the program git is not installed on the server"),
            _ => local("start git".to_owned(), error),
        })?;
        let mut child = Group(child);
        let work = async {
            let (out, err) = (child.0.stdout.take(), child.0.stderr.take());
            let (more, complaint) = tokio::join!(read(out, take), tail(err));
            if !more {
                return Ok(Some(TOO_MUCH.to_owned()));
            }
            let status = child.0.wait().await.map_err(|error| local("wait for git".to_owned(), error))?;
            Ok(if status.success() {
                None
            } else {
                Some(if complaint.is_empty() { status.to_string() } else { complaint })
            })
        };
        match timeout(COMMAND, work).await {
            Ok(result) => result,
            Err(_) => Err(Failure::transient(format!(
                "git {} took longer than {} s",
                arguments.first().unwrap_or(&""),
                COMMAND.as_secs()
            ))),
        }
    }

    fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.current_dir(folder).args(arguments).env_clear();
        for inherited in ["PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "TMPDIR"] {
            if let Some(value) = std::env::var_os(inherited) {
                command.env(inherited, value);
            }
        }
        command
            .env("HOME", &self.home)
            .env("XDG_CONFIG_HOME", &self.home)
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "")
            .env("SSH_ASKPASS", "")
            .env("SSH_ASKPASS_REQUIRE", "never")
            .env("GIT_ALLOW_PROTOCOL", "http:https:ssh")
            .env("GIT_CEILING_DIRECTORIES", self.home.parent().unwrap_or(&self.home))
            .env("GIT_SSH_COMMAND", self.network.ssh.command())
            .env("GIT_SSH_VARIANT", "ssh");
        let settings = self.settings();
        command.env("GIT_CONFIG_COUNT", settings.len().to_string());
        for (number, (name, value)) in settings.iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{number}"), name).env(format!("GIT_CONFIG_VALUE_{number}"), value);
        }
        if let Some((user, password)) = &self.network.login {
            command.env("COLCHIS_GIT_USER", user).env("COLCHIS_GIT_PASSWORD", password);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
        command
    }

    /// Settings go by the environment: a command line is seen by every user of the machine.
    fn settings(&self) -> Vec<(String, String)> {
        let mut settings: Vec<(String, String)> = [
            ("core.hooksPath", "/dev/null"),
            ("core.fsmonitor", "false"),
            ("core.askPass", ""),
            ("core.protectNTFS", "true"),
            ("core.protectHFS", "true"),
            ("credential.helper", ""),
            ("protocol.ext.allow", "never"),
            ("protocol.file.allow", "never"),
            ("submodule.recurse", "false"),
            ("gc.auto", "0"),
            ("maintenance.auto", "false"),
            ("init.defaultBranch", "main"),
            ("advice.detachedHead", "false"),
            ("http.lowSpeedLimit", "1"),
            ("http.lowSpeedTime", "120"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        settings.push(("http.proxy".to_owned(), self.network.socks.url()));
        if self.network.skip_tls {
            settings.push(("http.sslVerify".to_owned(), "false".to_owned()));
        }
        if let (Some(_), Some(origin)) = (&self.network.login, &self.network.login_at) {
            // A helper for that one server alone; the words come from the environment.
            let helper = r#"!f() { test "$1" = get && printf 'username=%s\npassword=%s\n' "$COLCHIS_GIT_USER" "$COLCHIS_GIT_PASSWORD"; }; f"#;
            settings.push((format!("credential.{origin}.helper"), helper.to_owned()));
        }
        settings
    }

    /// What a failed command means.
    fn judged(&self, arguments: &[&str], complaint: &str) -> Failure {
        let doing = arguments.first().unwrap_or(&"");
        if let Some(refused) = self.network.socks.refused() {
            let class = if refused.by_rule { ErrorClass::Permanent } else { ErrorClass::Transient };
            return Failure::new(class, refused.why);
        }
        let lower = complaint.to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        let (class, hint) = if has(&["host key verification failed"]) {
            (
                ErrorClass::Denied,
                " (put the host's key into the known_hosts of the server's user, or set insecureIgnoreHostKey)",
            )
        } else if has(&[
            "authentication failed",
            "could not read username",
            "could not read password",
            "permission denied",
            "access denied",
            "error: 401",
            "error: 403",
        ]) {
            (ErrorClass::Denied, " (look at usernameSecret and passwordSecret, or sshPrivateKeySecret)")
        } else if has(&[
            "not found",
            "does not appear to be a git repository",
            "couldn't find remote ref",
            "does not exist",
        ]) {
            (ErrorClass::NotFound, "")
        } else if has(&["no space left", "disk quota", TOO_MUCH]) {
            (ErrorClass::Permanent, "")
        } else if has(&[
            "could not resolve",
            "connection",
            "timed out",
            "timeout",
            "early eof",
            "unexpected disconnect",
            "hung up",
            "rpc failed",
            "error: 5",
            "error: 429",
            "temporar",
            "low speed",
            "reset by peer",
            "network",
        ]) {
            (ErrorClass::Transient, "")
        } else {
            (ErrorClass::Permanent, "")
        };
        Failure::new(class, format!("git {doing}: {}{hint}", self.without_secrets(complaint)))
    }

    /// Git shows addresses, the proxy's among them.
    fn without_secrets(&self, text: &str) -> String {
        let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut secrets = vec![self.network.socks.url()];
        secrets.extend(self.network.login.as_ref().map(|(_, password)| password.clone()));
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            text = text.replace(secret.as_str(), "***");
        }
        text
    }
}

/// What a command is said to complain of whose output was cut.
const TOO_MUCH: &str = "its output has no end";

/// A program and those it started; all end with this.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        let id = self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(id) = id {
            rustix::process::kill_process_group(id, rustix::process::Signal::KILL).ok();
        }
    }
}

async fn read(from: Option<impl AsyncRead + Unpin>, take: &mut (dyn FnMut(&[u8]) -> bool + Send)) -> bool {
    let Some(mut from) = from else { return true };
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if !take(buffer.get(..count).unwrap_or_default()) {
            return false;
        }
    }
    true
}

/// The end of what a command complains of.
async fn tail(from: Option<impl AsyncRead + Unpin>) -> String {
    let mut kept = Vec::new();
    read(from, &mut |bytes| {
        kept.extend_from_slice(bytes);
        let over = kept.len().saturating_sub(COMPLAINT_BYTES_MAX);
        kept.drain(..over);
        true
    })
    .await;
    String::from_utf8_lossy(&kept).trim().to_owned()
}

/// Looks once whether there is a git that can be kept in bounds.
async fn version() -> Result<(), Failure> {
    static FOUND: OnceCell<(u32, u32)> = OnceCell::const_new();
    let found = FOUND
        .get_or_try_init(|| async {
            let output = Command::new("git").arg("--version").stdin(Stdio::null()).output().await;
            let output = output.map_err(|_| Failure::permanent("the program git is not installed on the server"))?;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            parse_version(&text).ok_or_else(|| Failure::permanent(format!("git says of its version {:?}", text.trim())))
        })
        .await?;
    if *found < VERSION_MIN {
        return Err(Failure::permanent(format!(
            "git is {}.{} on the server, {}.{} or later is needed",
            found.0, found.1, VERSION_MIN.0, VERSION_MIN.1
        )));
    }
    Ok(())
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split_whitespace().nth(2)?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}
