//! What every command has at hand: the host, the flags that all commands take, the streams, a connection when it needs one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use client::v1::GetServerInfoRequest;
use client::{Client, Options, Tls};

use crate::error::{CliError, CliResult, Exit};
use crate::host::{ConfigRequest, Host, Target};
use crate::out::Out;
use crate::render::terminal::ColorChoice;

/// Flags that every command takes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Flags of every command")]
pub struct Globals {
    /// Namespace to work in [default: as configured, then the server's own]
    #[arg(short = 'n', long, global = true, value_name = "NAME")]
    pub namespace: Option<String>,

    /// Server to talk to, HOST:PORT or a URL [default: as configured, then the one of the data folder]
    #[arg(short = 's', long, global = true, value_name = "HOST:PORT")]
    pub server: Option<String>,

    /// Bearer token; other users of this machine can see it while the command runs, so prefer COLCHIS_CLIENT_TOKEN
    #[arg(long, global = true, value_name = "TEXT", hide_env_values = true)]
    pub token: Option<String>,

    /// Configuration file [default: ~/.config/colchis/config.yaml]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Folder of the server of this machine: its store, its token [default: ~/.local/share/colchis]
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// Any setting of `colchis config explain`, for this command alone; may be repeated
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub set: Vec<String>,

    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", hide_possible_values = false)]
    pub color: ColorChoice,

    /// No colours; the same as --color=never
    #[arg(long, global = true, hide = true)]
    pub no_color: bool,

    /// Longest time for one request, such as 10s or 2m; 0: no limit
    #[arg(long, global = true, value_name = "DURATION")]
    pub request_timeout: Option<String>,
}

impl Globals {
    /// When to use colours.
    pub fn color(&self) -> ColorChoice {
        if self.no_color { ColorChoice::Never } else { self.color }
    }
}

/// What a command works with.
pub struct Context {
    /// The binary.
    pub host: Arc<dyn Host>,
    /// Flags that every command takes.
    pub globals: Globals,
    /// Settings that the command's own flags set: key, the flag as it was written, value.
    pub setting_flags: Vec<(String, String, String)>,
    /// The streams.
    pub out: Out,
}

/// A server and the namespace to work in.
#[derive(Clone)]
pub struct Connection {
    /// The client.
    pub client: Client,
    /// The namespace.
    pub namespace: String,
}

impl Context {
    /// How the configuration is read.
    ///
    /// # Errors
    /// `--set` without `=`.
    pub fn config_request(&self) -> CliResult<ConfigRequest> {
        let mut flags = Vec::new();
        for pair in &self.globals.set {
            let Some((key, value)) = pair.split_once('=') else {
                return Err(CliError::usage(format!("--set {pair}: there is no `=`"))
                    .hint("write --set KEY=VALUE, such as --set parallelism=4"));
            };
            flags.push((key.trim().to_owned(), format!("--set {key}"), value.to_owned()));
        }
        if let Some(path) = &self.globals.data_dir {
            flags.push(("dataDir".to_owned(), "--data-dir".to_owned(), path.display().to_string()));
        }
        flags.extend(self.setting_flags.iter().cloned());
        Ok(ConfigRequest { file: self.globals.config.clone(), flags })
    }

    /// Where requests go, the command line's flags laid over the configuration.
    ///
    /// # Errors
    /// The configuration is wrong, or there is no token.
    pub fn target(&self) -> CliResult<Target> {
        let mut request = self.config_request()?;
        let mut flag = |key: &str, written: &str, value: &Option<String>| {
            if let Some(value) = value {
                request.flags.push((key.to_owned(), written.to_owned(), value.clone()));
            }
        };
        flag("client.server", "--server", &self.globals.server);
        flag("client.token", "--token", &self.globals.token);
        flag("client.namespace", "--namespace", &self.globals.namespace);
        let mut target = self.host.target(&request).map_err(|error| CliError::new(Exit::Usage, error))?;
        if let Some(text) = &self.globals.request_timeout {
            let ms = crate::support::duration_ms("--request-timeout", text)?;
            target.timeout = Duration::from_millis(ms.unsigned_abs());
        }
        Ok(target)
    }

    /// Connects to the server.
    ///
    /// # Errors
    /// As [`Context::target`]; nobody answers.
    pub async fn connect(&self) -> CliResult<Connection> {
        connect(self.target()?).await
    }
}

/// Connects to a server.
///
/// # Errors
/// Nobody answers.
pub async fn connect(target: Target) -> CliResult<Connection> {
    let options = Options {
        token: target.token.clone().map(client::Token),
        tls: Tls { ca_pem: target.ca, identity_pem: target.identity, server_name: None },
        call_timeout: Some(target.timeout).filter(|timeout| !timeout.is_zero()),
        user_agent: concat!("colchis/", env!("CARGO_PKG_VERSION")).to_owned(),
        ..Options::new(target.address)
    };
    let client = Client::connect(options).await.map_err(|error| crate::support::refused(error, None))?;
    let namespace = match target.namespace.is_empty() {
        false => target.namespace,
        true => {
            let info = client.info().get_server_info(GetServerInfoRequest {}).await;
            info.map_err(|error| crate::support::refused(error, None))?.default_namespace
        }
    };
    Ok(Connection { client, namespace })
}

/// The present in milliseconds since the epoch.
pub fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
