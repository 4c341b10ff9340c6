//! A server with a data folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use client::{Client, Options};

use crate::cli::{self, Said};
use crate::metrics::Metrics;

/// How long a server may take until it answers.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// A running (or killed) server.
pub struct Server {
    home: tempfile::TempDir,
    settings: Vec<(String, String)>,
    process: Option<Child>,
    starts: u32,
}

impl Server {
    /// A server with steps on the machine's own root.
    pub async fn start() -> Self {
        Self::with(&[("images", "host")]).await
    }

    /// A server with settings (keys of `colchis config explain`).
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        Self::at(tempfile::Builder::new().prefix("colchis-it-").tempdir().expect("a temporary folder"), settings).await
    }

    /// A server that lives in a given folder.
    pub async fn at(home: tempfile::TempDir, settings: &[(&str, &str)]) -> Self {
        let settings = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let mut server = Self { home, settings, process: None, starts: 0 };
        server.restart().await;
        server
    }

    /// The folder that everything of this server lies in.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Its data folder.
    pub fn data_dir(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// Starts it again on its data (after [`Server::kill`] or [`Server::stop`]) and waits until it answers.
    pub async fn restart(&mut self) {
        self.spawn();
        self.ready().await;
    }

    /// Starts it again without waiting.
    pub fn spawn(&mut self) {
        assert!(self.process.is_none(), "the server runs already");
        let config = self.home.path().join("config.yaml");
        fs::write(&config, self.config()).expect("the configuration is written");
        self.starts += 1;
        let log = fs::File::options().create(true).append(true).open(self.log_file()).expect("a log file");
        let mut command = self.command();
        command.arg("server").stdout(log.try_clone().expect("a second handle")).stderr(log);
        self.process = Some(command.spawn().expect("the server starts"));
    }

    fn config(&self) -> String {
        let mut text = String::from("listen: 127.0.0.1:0\nmetrics.listen: 127.0.0.1:0\n");
        for (key, value) in &self.settings {
            text.push_str(&format!("{key}: {value}\n"));
        }
        text
    }

    /// Changes a setting for the next start.
    pub fn set(&mut self, key: &str, value: &str) {
        self.settings.retain(|(k, _)| k != key);
        self.settings.push((key.to_owned(), value.to_owned()));
    }

    /// Waits until it answers.
    ///
    /// # Panics
    /// It ended or did not answer in time; its log is shown.
    pub async fn ready(&mut self) {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            if let Some(status) = self.process.as_mut().and_then(|p| p.try_wait().ok().flatten()) {
                panic!("the server ended with {status}:\n{}", self.log());
            }
            if let Some(client) = self.connect().await
                && client.info().get_server_info(client::v1::GetServerInfoRequest {}).await.is_ok()
            {
                return;
            }
            assert!(Instant::now() < deadline, "the server did not answer within {READY_WITHIN:?}:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn connect(&self) -> Option<Client> {
        let (address, token) = (self.address()?, self.token()?);
        Client::connect(Options::new(address).with_token(token)).await.ok()
    }

    /// A client of its API.
    pub async fn client(&self) -> Client {
        self.connect().await.unwrap_or_else(|| panic!("the server does not answer:\n{}", self.log()))
    }

    /// Where it listens, as it says in its data folder.
    pub fn address(&self) -> Option<String> {
        let text = fs::read_to_string(self.data_dir().join("server.json")).ok()?;
        let said: serde_json::Value = serde_json::from_str(&text).ok()?;
        Some(said.get("address")?.as_str()?.to_owned())
    }

    /// Where its metrics are.
    pub fn metrics_address(&self) -> Option<String> {
        let text = fs::read_to_string(self.data_dir().join("server.json")).ok()?;
        let said: serde_json::Value = serde_json::from_str(&text).ok()?;
        Some(said.get("metrics")?.as_str()?.to_owned())
    }

    /// Its metrics now.
    ///
    /// # Panics
    /// It serves none.
    pub fn metrics(&self) -> Metrics {
        Metrics::read(&self.metrics_address().expect("the server says where its metrics are"))
    }

    fn token(&self) -> Option<String> {
        Some(fs::read_to_string(self.data_dir().join("token")).ok()?.trim().to_owned())
    }

    /// The binary with this server's configuration.
    pub fn command(&self) -> Command {
        let mut command = cli::colchis();
        command.env("HOME", self.home.path()).env("COLCHIS_DATA_DIR", self.data_dir());
        command.arg("--config").arg(self.home.path().join("config.yaml"));
        command
    }

    /// A command of the command line.
    pub fn cli(&self, args: &[&str]) -> Said {
        cli::say(self.command().args(args))
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().map_or(0, Child::id)
    }

    /// Resident memory in bytes.
    pub fn memory(&self) -> u64 {
        self.status_bytes("VmRSS:")
    }

    /// The most memory that was ever resident, in bytes.
    pub fn memory_peak(&self) -> u64 {
        self.status_bytes("VmHWM:")
    }

    fn status_bytes(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let line = status.lines().find_map(|l| l.strip_prefix(field)).unwrap_or_default();
        line.split_whitespace().next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) * 1024
    }

    /// CPU time of its process so far.
    pub fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        // The name stands in brackets and may hold anything; user and system time are the 12th and 13th words behind it, in ticks of 10 ms.
        let words: Vec<u64> = stat
            .rsplit_once(')')
            .map(|(_, rest)| rest.split_whitespace().map(|w| w.parse().unwrap_or(0)).collect())
            .unwrap_or_default();
        Duration::from_millis(10 * (words.get(11).unwrap_or(&0) + words.get(12).unwrap_or(&0)))
    }

    /// kill -9: the server alone, its steps run on.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
        // What it said of itself is no longer true.
        let _ = fs::remove_file(self.data_dir().join("server.json"));
    }

    /// Asks it to stop (TERM) and waits for its end; answers its exit code.
    pub async fn stop(&mut self) -> Option<i32> {
        let mut process = self.process.take()?;
        let _ = Command::new("kill").arg(process.id().to_string()).stderr(Stdio::null()).status();
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            match process.try_wait() {
                Ok(Some(status)) => return status.code(),
                _ if Instant::now() > deadline => {
                    let _ = process.kill();
                    let _ = process.wait();
                    panic!("the server did not stop within {READY_WITHIN:?}:\n{}", self.log());
                }
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    fn log_file(&self) -> PathBuf {
        self.home.path().join("server.log")
    }

    /// The end of its log.
    pub fn log(&self) -> String {
        let text = fs::read_to_string(self.log_file()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(60)..).unwrap_or_default().join("\n")
    }

    /// Its whole log.
    pub fn full_log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Processes that belong to this server's folder (the server itself, its agents, their steps).
    pub fn processes(&self) -> Vec<u32> {
        let home = self.home.path().to_string_lossy().into_owned();
        let mentions =
            |file: PathBuf| fs::read(file).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(&home));
        let own = std::process::id();
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
            .filter(|pid| *pid != own)
            .filter(|pid| {
                let process = PathBuf::from(format!("/proc/{pid}"));
                mentions(process.join("cmdline")) || mentions(process.join("environ"))
            })
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the server's log\n{}", self.log());
        }
        self.kill();
        // Agents and their steps outlive a server on purpose; here nothing may. A step in a pid namespace ends with its first process.
        for _ in 0..20 {
            let left = self.processes();
            if left.is_empty() {
                break;
            }
            for pid in left {
                let _ = Command::new("kill").args(["-9", &pid.to_string()]).stderr(Stdio::null()).status();
            }
        }
    }
}
