//! `server.json` of the data folder: where its server listens, for the commands of the same machine.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

const FILE: &str = "server.json";

/// What a running server says of itself.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// `http://127.0.0.1:2746`.
    pub address: String,
    /// `127.0.0.1:2747`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub metrics: Option<String>,
    /// The server's process.
    pub pid: u32,
    /// Its version.
    pub version: String,
    #[serde(skip)]
    path: PathBuf,
}

impl Notice {
    /// Writes it, whole or not at all.
    pub(super) fn write(
        data_dir: &Path,
        address: SocketAddr,
        metrics: Option<SocketAddr>,
        tls: bool,
    ) -> anyhow::Result<Self> {
        let path = data_dir.join(FILE);
        let notice = Self {
            address: format!("{}://{address}", if tls { "https" } else { "http" }),
            metrics: metrics.map(|address| address.to_string()),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            path,
        };
        let draft = data_dir.join(format!("{FILE}.tmp"));
        let written = serde_json::to_vec_pretty(&notice).map_err(anyhow::Error::from).and_then(|text| {
            let mut file = std::fs::File::create(&draft)?;
            file.write_all(&text)?;
            file.write_all(b"\n")?;
            std::fs::rename(&draft, &notice.path)?;
            Ok(())
        });
        written.with_context(|| format!("{} cannot be written", notice.path.display()))?;
        Ok(notice)
    }

    /// What the data folder says; nothing when no server wrote it.
    pub(super) fn read(data_dir: &Path) -> Option<Self> {
        let path = data_dir.join(FILE);
        let notice: Self = serde_json::from_slice(&std::fs::read(&path).ok()?).ok()?;
        Some(Self { path, ..notice })
    }

    /// Takes it back, unless another server has written its own since.
    pub(super) fn withdraw(self) {
        if serde_json::from_slice::<Self>(&std::fs::read(&self.path).unwrap_or_default())
            .is_ok_and(|there| there.pid == self.pid)
        {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_there_while_the_server_is() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Notice::read(dir.path()), None);
        let notice = Notice::write(dir.path(), "127.0.0.1:5".parse().unwrap(), None, true).unwrap();
        assert_eq!(Notice::read(dir.path()).unwrap().address, "https://127.0.0.1:5");
        let other = Notice { pid: 1, ..notice.clone() };
        std::fs::write(&other.path, serde_json::to_vec(&other).unwrap()).unwrap();
        notice.withdraw();
        assert_eq!(Notice::read(dir.path()).unwrap().pid, 1);
        other.withdraw();
        assert_eq!(Notice::read(dir.path()), None);
    }
}
