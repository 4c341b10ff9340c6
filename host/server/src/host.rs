//! The host of the command line: what only this binary can do.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use async_trait::async_trait;
use cli::error::Exit;
use cli::host::{
    Actor, BackupReport, ConfigRequest, Configuration, EmbedRequest, Host, ImageAction, ImageOutcome, Play, Target,
    Version,
};
use cli::settings::Setting;

use crate::config::{self, Config, Request, settings};
use crate::embedded::{Embedded, EmbeddedOptions};
use crate::wiring::{self, Ground};
use crate::{images, rehearsal, serve, token};

/// How long a URL of a manifest may take.
const FETCH_MAX: Duration = Duration::from_secs(60);
/// Redirects followed to a manifest.
const REDIRECTS_MAX: usize = 10;

/// The binary `colchis`.
#[derive(Debug, Clone, Copy, Default)]
pub struct BinaryHost;

fn request(asked: &ConfigRequest) -> Request {
    Request { file: asked.file.clone(), flags: asked.flags.clone(), defaults: Vec::new() }
}

/// The configuration, or all that is wrong with it as one error.
fn load(asked: &Request) -> anyhow::Result<Config> {
    let loaded = config::load(asked);
    if let Some(config) = loaded.config {
        return Ok(config);
    }
    let lines: Vec<String> = loaded
        .problems
        .iter()
        .filter(|problem| !problem.warning)
        .map(|problem| match &problem.hint {
            Some(hint) => format!("{problem} ({hint})"),
            None => problem.to_string(),
        })
        .collect();
    Err(anyhow!("the configuration is wrong\n{}", lines.join("\n")))
}

#[async_trait]
impl Host for BinaryHost {
    fn settings(&self) -> &'static [Setting] {
        settings::SETTINGS
    }

    fn version(&self) -> Version {
        Version {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: crate::COMMIT.to_owned(),
            platform: format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }

    fn configuration(&self, asked: &ConfigRequest) -> Configuration {
        let loaded = config::load(&request(asked));
        Configuration { file: loaded.file, effective: loaded.values.all(), problems: loaded.problems }
    }

    fn target(&self, asked: &ConfigRequest) -> anyhow::Result<Target> {
        let config = load(&request(asked))?;
        let client = &config.client;
        let notice = wiring::notice_of(&config.data_dir);
        let address = match (&client.server, notice) {
            (Some(server), _) => server.clone(),
            (None, Some(notice)) => notice.address,
            (None, None) => format!("{}://{}", if config.tls.is_some() { "https" } else { "http" }, config.listen),
        };
        let token = match (&client.token, &client.token_file) {
            (Some(token), _) => Some(token.clone()),
            (None, Some(path)) => Some(token::read(path)?),
            // The token of this machine's server is for no other server.
            (None, None) if client.server.is_none() || is_local(&address) => {
                token::read(&wiring::token_path(&config.data_dir)).ok()
            }
            (None, None) => None,
        };
        let read = |path: &Path, setting| wiring::read_file(path, setting);
        let own_certificate = config.tls.as_ref().filter(|_| client.server.is_none()).map(|tls| &tls.cert);
        let ca = match (&client.ca, own_certificate) {
            (Some(path), _) => Some(read(path, "client.ca")?),
            // A certificate that this machine's server made for itself is its own authority.
            (None, Some(path)) => Some(read(path, "tls.cert")?),
            (None, None) => None,
        };
        let identity = match &client.identity {
            Some((cert, key)) => Some((read(cert, "client.cert")?, read(key, "client.key")?)),
            None => None,
        };
        Ok(Target {
            address,
            token,
            ca,
            identity,
            namespace: client.namespace.clone().unwrap_or_default(),
            timeout: client.timeout,
        })
    }

    async fn serve(&self, asked: &ConfigRequest) -> anyhow::Result<Exit> {
        serve::serve(&load(&request(asked))?).await
    }

    async fn embed(&self, asked: &EmbedRequest) -> anyhow::Result<Box<dyn cli::host::Embedded>> {
        let mut wanted = request(&asked.config);
        wanted.defaults = vec![
            ("images", "auto".into()),
            // What a person runs on their own machine may call that machine.
            ("egress.allowPrivate", vec!["true"].into()),
            ("log.level", "warn".into()),
        ];
        if let Some(images) = &asked.images {
            wanted.flags.push(("images".to_owned(), "--images".to_owned(), images.clone()));
        }
        let config = load(&wanted)?;
        crate::observe::logs::start(config.log_format, &config.log_level, None)?;
        let options = EmbeddedOptions { data_dir: asked.data_dir.clone(), keep: asked.keep };
        Ok(Box::new(Embedded::start(config, options, Ground::Machine).await?))
    }

    fn rehearse(&self, asked: &ConfigRequest, start_ms: i64, actor: Actor, play: Play) -> anyhow::Result<()> {
        rehearsal::rehearse(load(&request(asked))?, start_ms, actor, play)
    }

    async fn fetch(&self, url: &str, bytes_max: u64) -> anyhow::Result<Vec<u8>> {
        // The person at the keyboard may call what their machine can call.
        let policy = egress::Config { allow_private: egress::Private::Granted, ..egress::Config::default() };
        let guard = egress::Guard::new(egress::Policy::new(policy));
        let client = egress::Client::new(guard, &egress::TlsSettings::default())?;
        let limits =
            egress::Limits { total: Some(FETCH_MAX), body_bytes_max: Some(bytes_max), ..egress::Limits::default() };
        let redirects = egress::Redirects::Followed(REDIRECTS_MAX);
        let (answer, _) = client
            .request(hyper::Method::GET, url, &hyper::HeaderMap::new(), hyper::body::Bytes::new(), redirects, limits)
            .await
            .with_context(|| format!("{url} cannot be read"))?;
        if !answer.status().is_success() {
            bail!("{url} cannot be read: the server answers {}", answer.status());
        }
        let body = answer.into_body().bytes().await.with_context(|| format!("{url} cannot be read"))?;
        Ok(body.to_vec())
    }

    fn workbench(&self, order: plugin_check::Order) -> anyhow::Result<Box<dyn plugin_check::Workbench>> {
        Ok(Box::new(crate::workbench::Workbench::new(order)?))
    }

    fn begun(&self, module: &[u8]) -> anyhow::Result<Vec<u8>> {
        Ok(preinit::preinitialize(module)?)
    }

    async fn images(&self, asked: &ConfigRequest, action: ImageAction) -> anyhow::Result<ImageOutcome> {
        images::act(&load(&request(asked))?, action).await
    }

    async fn backup(&self, asked: &ConfigRequest, to: &Path, with_key: bool) -> anyhow::Result<BackupReport> {
        let config = load(&request(asked))?;
        let (from, to) = (config.data_dir.clone(), to.to_owned());
        let report = tokio::task::spawn_blocking(move || store_sqlite::backup(&from, &to, with_key))
            .await
            .context("the backup ended")?
            .with_context(|| format!("{} cannot be copied", config.data_dir.display()))?;
        if !report.faults.is_empty() {
            bail!("the copy is damaged, and so is most likely the store: {}", report.faults.join("; "));
        }
        Ok(BackupReport { revision: report.revision, objects: report.objects, instances: report.instances })
    }
}

/// Whether an address is of this machine.
fn is_local(address: &str) -> bool {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = rest.rsplit_once(':').map_or(rest, |(host, _)| host).trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_token_goes_to_this_machine_only() {
        assert!(is_local("http://127.0.0.1:1") && is_local("localhost:1") && is_local("[::1]:1"));
        assert!(
            !is_local("https://colchis.example.com")
                && !is_local("10.0.0.1:2746")
                && !is_local("http://127.0.0.1.evil:1")
        );
    }
}
