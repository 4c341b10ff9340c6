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
    program: String,
    folder: TempDir,
    key: bool,
    known_hosts: Option<PathBuf>,
    ignore_host_key: bool,
}

impl Ssh {
    /// Writes the key to a folder that only this user can read and that goes with this.
    pub(super) async fn new(
        context: &Context,
        git: &GitArtifact,
        program: &str,
        known_hosts: Option<&Path>,
    ) -> Result<Self, Failure> {
        let secret = secrets::secret(context, git.ssh_private_key_secret.as_ref()).await?;
        let failed = |error| local("write the settings of ssh".to_owned(), error);
        let mut builder = tempfile::Builder::new();
        builder.prefix("colchis-ssh-").permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
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
        let ssh = Self {
            program: program.to_owned(),
            folder,
            key: secret.is_some(),
            known_hosts,
            ignore_host_key: git.insecure_ignore_host_key,
        };
        ssh.write(&HashMap::new())?;
        Ok(ssh)
    }

    /// What git starts: a shell reads it, so the path of the folder, which is ours, is all that varies.
    pub(super) fn command(&self) -> String {
        format!("{} -F '{}'", self.program, self.folder.path().join("config").display())
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

#[cfg(test)]
mod tests {
    use std::process::Command;

    use serde_json::json;

    use super::*;
    use crate::tests::context;

    /// What the program itself makes of the settings for a host.
    fn asked(ssh: &Ssh, host: &str) -> HashMap<String, String> {
        let output =
            Command::new("ssh").arg("-G").arg("-F").arg(ssh.folder.path().join("config")).arg(host).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    #[tokio::test]
    async fn only_admitted_hosts_are_called_and_at_their_address() {
        if testkit::tools::need("ssh", "blob: settings of ssh").is_none() {
            return;
        }
        let context = context(&[("git/key", "a key")]);
        let git: GitArtifact =
            serde_json::from_value(json!({"repo": "git@h:r", "sshPrivateKeySecret": {"name": "git", "key": "key"}}))
                .unwrap();
        let ssh = Ssh::new(&context, &git, "ssh", Some(Path::new("/known hosts"))).await.unwrap();
        let hosts = HashMap::from([
            ("git.example".to_owned(), "192.0.2.7".parse().unwrap()),
            ("[::1]".to_owned(), "::1".parse().unwrap()),
        ]);
        ssh.write(&hosts).unwrap();
        let known = asked(&ssh, "git.example");
        let key = ssh.folder.path().join("key");
        assert_eq!(known["hostname"], "192.0.2.7");
        assert_eq!(known["hostkeyalias"], "git.example");
        assert_eq!(known["identityfile"], key.display().to_string());
        assert_eq!(known["stricthostkeychecking"], "true");
        assert_eq!(known["userknownhostsfile"], "/known hosts");
        assert_eq!(
            (known["batchmode"].as_str(), known["forwardagent"].as_str(), known["permitlocalcommand"].as_str()),
            ("yes", "no", "no")
        );
        assert!(!known.contains_key("proxycommand"));
        assert_eq!(asked(&ssh, "::1")["hostname"], "::1");
        for other in ["other.example", "git.example.evil", "192.0.2.7"] {
            assert_eq!(asked(&ssh, other)["proxycommand"], "false", "{other}");
        }
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(ssh.folder.path()).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(std::fs::read_to_string(&key).unwrap(), "a key\n");
        let open: GitArtifact =
            serde_json::from_value(json!({"repo": "git@h:r", "insecureIgnoreHostKey": true})).unwrap();
        let open = Ssh::new(&context, &open, "ssh", None).await.unwrap();
        assert_eq!(asked(&open, "x")["stricthostkeychecking"], "false");
        let folder = ssh.folder.path().to_owned();
        drop(ssh);
        assert!(!folder.exists(), "the key goes with the load");
    }
}
