//! The program `ssh` for git: one key, known hosts, and no host but those that were admitted.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use artifact::Context;
use model::workflow::GitArtifact;
use tempfile::TempDir;

use crate::archive::local;
use crate::failure::Failure;
use crate::secrets;

/// A folder in memory on Linux; the key need not touch a disk.
const IN_MEMORY: &str = "/dev/shm";
/// The machine's list of known hosts.
const KNOWN_HOSTS: &str = "/etc/ssh/ssh_known_hosts";

/// The settings of ssh for one load.
pub(super) struct Ssh {
    folder: TempDir,
    key: bool,
    known_hosts: Option<PathBuf>,
    ignore_host_key: bool,
}

impl Ssh {
    /// Writes the key to a folder that only this user can read and that goes with this.
    pub(super) async fn new(context: &Context, git: &GitArtifact, known_hosts: Option<&Path>) -> Result<Self, Failure> {
        let secret = secrets::secret(context, git.ssh_private_key_secret.as_ref()).await?;
        let failed = |error| local("write the settings of ssh".to_owned(), error);
        let mut builder = tempfile::Builder::new();
        builder.prefix("colchis-ssh-");
        let folder = if Path::new(IN_MEMORY).is_dir() {
            builder.tempdir_in(IN_MEMORY).or_else(|_| builder.tempdir())
        } else {
            builder.tempdir()
        };
        let folder = folder.map_err(failed)?;
        if let Some(secret) = &secret {
            let mut file = std::fs::File::options()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(folder.path().join("key"))
                .map_err(failed)?;
            file.write_all(secret.reveal()).map_err(failed)?;
            if !secret.reveal().ends_with(b"\n") {
                // ssh does not read a key whose last line has no end.
                file.write_all(b"\n").map_err(failed)?;
            }
        }
        let known_hosts =
            known_hosts.map(Path::to_owned).or_else(|| std::env::home_dir().map(|home| home.join(".ssh/known_hosts")));
        let ssh = Self { folder, key: secret.is_some(), known_hosts, ignore_host_key: git.insecure_ignore_host_key };
        ssh.write(&HashMap::new())?;
        Ok(ssh)
    }

    /// What git starts: a shell reads it, so the path of the folder, which is ours, is all that varies.
    pub(super) fn command(&self) -> String {
        format!("ssh -F '{}'", self.folder.path().join("config").display())
    }

    /// Writes the settings: hosts that are called, each at its one address.
    pub(super) fn write(&self, hosts: &HashMap<String, IpAddr>) -> Result<(), Failure> {
        let path = self.folder.path().join("config");
        std::fs::write(&path, self.settings(hosts))
            .map_err(|error| local("write the settings of ssh".to_owned(), error))
    }

    fn settings(&self, hosts: &HashMap<String, IpAddr>) -> String {
        let mut text = String::new();
        let mut others = "Host *".to_owned();
        for (host, address) in hosts {
            let name = host.trim_start_matches('[').trim_end_matches(']');
            writeln!(text, "Host {name}\n  HostName {address}\n  HostKeyAlias {name}").ok();
            write!(others, " !{name}").ok();
        }
        // Whatever else is asked for is cut off: the guard was not asked about it.
        writeln!(text, "{others}\n  ProxyCommand false").ok();
        text.push_str("Host *\n  BatchMode yes\n  CheckHostIP no\n  ForwardAgent no\n  ForwardX11 no\n  ClearAllForwardings yes\n  PermitLocalCommand no\n  ControlMaster no\n  ControlPath none\n  UpdateHostKeys no\n  LogLevel ERROR\n  ConnectTimeout 15\n  ServerAliveInterval 15\n  ServerAliveCountMax 4\n  IdentityAgent none\n  IdentitiesOnly yes\n  PasswordAuthentication no\n  KbdInteractiveAuthentication no\n");
        if self.key {
            writeln!(text, "  IdentityFile \"{}\"", self.folder.path().join("key").display()).ok();
        } else {
            text.push_str("  IdentityFile none\n");
        }
        if self.ignore_host_key {
            text.push_str(
                "  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  GlobalKnownHostsFile /dev/null\n",
            );
        } else {
            text.push_str("  StrictHostKeyChecking yes\n");
            writeln!(text, "  GlobalKnownHostsFile {KNOWN_HOSTS}").ok();
            if let Some(known) = &self.known_hosts {
                writeln!(text, "  UserKnownHostsFile \"{}\"", known.display()).ok();
            }
        }
        text
    }
}
