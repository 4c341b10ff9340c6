//! Pulls from registries.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Once;
use std::time::Duration;

use base64::Engine as _;
use egress::{Socks, Target};
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::manifest::OciDescriptor;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use runner::Unit;
use serde::Deserialize;

use super::{ImageError, ImageRecord, ImageStore, component, is_digest, read_config, unpack};
use crate::plan::Planner;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two pieces of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Tries of one layer.
const TRIES: u32 = 3;
const PULL_SECRET_KEY: &str = ".dockerconfigjson";

/// A user of a registry. Debug does not show the password.
#[derive(Clone)]
pub struct Credentials {
    /// The registry as `~/.docker/config.json` names it.
    pub registry: String,
    /// The user.
    pub username: String,
    /// The password or token.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({} at {})", self.username, self.registry)
    }
}

impl Credentials {
    /// All of a Docker configuration file.
    pub fn of_docker_config(text: &[u8]) -> Vec<Self> {
        #[derive(Deserialize)]
        struct Config {
            #[serde(default)]
            auths: BTreeMap<String, Auth>,
        }
        #[derive(Deserialize)]
        struct Auth {
            #[serde(default)]
            auth: String,
            #[serde(default)]
            username: String,
            #[serde(default)]
            password: String,
        }
        let Ok(config) = serde_json::from_slice::<Config>(text) else { return Vec::new() };
        let each = config.auths.into_iter().filter_map(|(registry, auth)| {
            let decoded = base64::engine::general_purpose::STANDARD.decode(auth.auth.trim()).unwrap_or_default();
            let pair = String::from_utf8(decoded).ok();
            let pair = pair.as_deref().and_then(|p| p.split_once(':'));
            let (username, password) = match pair {
                Some((username, password)) => (username.to_owned(), password.to_owned()),
                None if !auth.username.is_empty() => (auth.username, auth.password),
                None => return None,
            };
            Some(Self { registry, username, password })
        });
        each.collect()
    }

    /// Whether they are for this registry.
    fn fit(&self, registry: &str) -> bool {
        let bare = self.registry.trim_start_matches("https://").trim_start_matches("http://");
        let bare = bare.split('/').next().unwrap_or_default();
        let hub = |name: &str| matches!(name, "docker.io" | "index.docker.io" | "registry-1.docker.io");
        bare == registry || (hub(bare) && hub(registry))
    }
}

/// Of the unit's pull secrets, then of the server's own user.
pub(super) async fn credentials(planner: &Planner<'_>, unit: &Unit) -> Result<Vec<Credentials>, ImageError> {
    let mut all = Vec::new();
    for name in &unit.image_pull_secrets {
        // As in Kubernetes, one that is missing does not keep a public image from being pulled.
        let secret = planner.secret(unit, name).await.map_err(|e| ImageError::new(e.message))?;
        if let Some(value) = secret.as_ref().and_then(|s| s.data.get(PULL_SECRET_KEY)) {
            all.extend(Credentials::of_docker_config(value.expose_secret()));
        }
    }
    all.extend(own_credentials());
    Ok(all)
}

/// From `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`.
pub(super) fn own_credentials() -> Vec<Credentials> {
    let dir = std::env::var_os("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".docker")));
    let text = dir.and_then(|d| std::fs::read(d.join("config.json")).ok());
    text.map(|t| Credentials::of_docker_config(&t)).unwrap_or_default()
}

fn is_local(registry: &str) -> bool {
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host).trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|a| a.is_loopback())
}

/// How the client of a registry leaves this machine.
enum Way {
    /// Where it likes: by the environment's proxy, if it names one.
    Free,
    /// Each connection by the rules of the server, redirects and the places of tokens among them.
    Guarded(Socks),
}

impl Way {
    async fn to(store: &ImageStore, registry: &str) -> Result<Self, ImageError> {
        let Some(guard) = &store.guard else { return Ok(Self::Free) };
        if by_proxy() {
            // The proxy connects, and rules where to; only what the registry is called can be judged here.
            let (host, port) = place(registry);
            let target = Target::new(None, host, port);
            guard.permits_name(&target).map_err(|error| refused(registry, &error.to_string(), true))?;
            return Ok(Self::Free);
        }
        let started = Socks::start(guard.clone(), "images").await;
        started.map(Self::Guarded).map_err(|error| ImageError::io("start the guarded way to registries", error))
    }

    fn url(&self) -> Option<String> {
        match self {
            Self::Free => None,
            Self::Guarded(socks) => Some(socks.url()),
        }
    }

    /// The guard's reason instead of the client's, which is told no more than a number.
    fn explained(&self, registry: &str, error: ImageError) -> ImageError {
        match self {
            Self::Guarded(socks) if error.unreachable => match socks.refused() {
                Some(why) => refused(registry, &why.why, why.by_rule),
                None => error,
            },
            _ => error,
        }
    }
}

fn refused(registry: &str, why: &str, by_rule: bool) -> ImageError {
    ImageError { unreachable: !by_rule, ..ImageError::new(format!("registry {registry} cannot be reached: {why}")) }
}

/// Whether the environment names a proxy for what clients of HTTP call.
fn by_proxy() -> bool {
    ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"]
        .into_iter()
        .flat_map(|name| [name.to_owned(), name.to_lowercase()])
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Host and port of a registry's name.
fn place(registry: &str) -> (&str, u16) {
    match registry.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => (host, port.parse().unwrap_or(443)),
        _ => (registry, 443),
    }
}

fn client(store: &ImageStore, registry: &str, way: &Way) -> Client {
    static PROVIDER: Once = Once::new();
    // The whole server uses one; whoever comes first sets it.
    PROVIDER.call_once(|| {
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    });
    let plain = is_local(registry) || store.insecure.iter().any(|r| r == registry);
    Client::new(ClientConfig {
        protocol: if plain { ClientProtocol::Http } else { ClientProtocol::Https },
        connect_timeout: Some(CONNECT_TIMEOUT),
        read_timeout: Some(READ_TIMEOUT),
        user_agent: "colchis",
        http_proxy: way.url(),
        https_proxy: way.url(),
        ..ClientConfig::default()
    })
}

/// Pulls manifest, configuration and the layers that are not there yet.
pub(super) async fn pull(
    store: &ImageStore,
    reference: &Reference,
    credentials: &[Credentials],
) -> Result<ImageRecord, ImageError> {
    let registry = reference.resolve_registry().to_owned();
    let way = Way::to(store, &registry).await?;
    let client = client(store, &registry, &way);
    pull_by(store, &client, reference, credentials, &registry).await.map_err(|error| way.explained(&registry, error))
}

async fn pull_by(
    store: &ImageStore,
    client: &Client,
    reference: &Reference,
    credentials: &[Credentials],
    registry: &str,
) -> Result<ImageRecord, ImageError> {
    let own = own_credentials();
    let auth = credentials.iter().chain(&own).find(|c| c.fit(registry) || c.fit(reference.registry()));
    let auth = auth.map_or(RegistryAuth::Anonymous, |c| RegistryAuth::Basic(c.username.clone(), c.password.clone()));
    let (manifest, digest, config) =
        client.pull_manifest_and_config(reference, &auth).await.map_err(|e| told(registry, e))?;
    if let Some(layer) = component::layer_of(&manifest)? {
        return pull_component(store, client, reference, layer, digest, registry).await;
    }
    let (config, diff_ids, platform) = read_config(config.as_bytes())?;
    if diff_ids.len() != manifest.layers.len() {
        return Err(ImageError::new(format!(
            "the image's configuration names {} layers, its manifest {}",
            diff_ids.len(),
            manifest.layers.len()
        )));
    }
    let mut bytes = 0;
    for (diff_id, layer) in diff_ids.iter().zip(&manifest.layers) {
        let at = store.layer_path(diff_id);
        if at.is_dir() {
            bytes += tokio::task::spawn_blocking(move || unpack::size(&at)).await.unwrap_or(0);
            continue;
        }
        if !is_digest(&layer.digest) {
            return Err(ImageError::new(format!(
                "the manifest names a layer {:?}, which is not a digest",
                layer.digest
            )));
        }
        let blob = download(store, client, reference, layer, registry).await?;
        let at = blob.clone();
        let (diff_id, dir) = (diff_id.clone(), store.dir.clone());
        let unpacked = tokio::task::spawn_blocking(move || unpack::layer(&dir, &at, &diff_id)).await;
        let _ = tokio::fs::remove_file(&blob).await;
        bytes += unpacked.unwrap_or_else(|e| Err(ImageError::new(format!("unpacking ended: {e}"))))?;
    }
    Ok(ImageRecord {
        reference: reference.whole(),
        digest,
        layers: diff_ids,
        bytes,
        added_ms: jiff::Timestamp::now().as_millisecond(),
        platform,
        config,
        component: false,
    })
}

/// The one layer of an artifact that is a component.
async fn pull_component(
    store: &ImageStore,
    client: &Client,
    reference: &Reference,
    layer: &OciDescriptor,
    manifest: String,
    registry: &str,
) -> Result<ImageRecord, ImageError> {
    if !is_digest(&layer.digest) {
        return Err(ImageError::new(format!("the manifest names a layer {:?}, which is not a digest", layer.digest)));
    }
    if let Some(bytes) = component::kept(&store.dir, &layer.digest) {
        return Ok(component::record(reference.whole(), manifest, layer.digest.clone(), bytes));
    }
    let blob = download(store, client, reference, layer, registry).await?;
    let (dir, file, expected) = (store.dir.clone(), blob.clone(), layer.digest.clone());
    let kept = tokio::task::spawn_blocking(move || component::keep(&dir, &file, Some(&expected))).await;
    let _ = tokio::fs::remove_file(&blob).await;
    let (digest, bytes) = kept.unwrap_or_else(|e| Err(ImageError::new(format!("taking it in ended: {e}"))))?;
    Ok(component::record(reference.whole(), manifest, digest, bytes))
}

/// To a file, checked against its digest on the way.
async fn download(
    store: &ImageStore,
    client: &Client,
    reference: &Reference,
    layer: &OciDescriptor,
    registry: &str,
) -> Result<PathBuf, ImageError> {
    let path = store.tmp_path("blob").map_err(|e| ImageError::io("make a file", e))?;
    for attempt in 1.. {
        let file = tokio::fs::File::create(&path).await.map_err(|e| ImageError::io(path.display().to_string(), e))?;
        match client.pull_blob(reference, layer, file).await {
            Ok(()) => break,
            Err(e) => {
                let _ = tokio::fs::remove_file(&path).await;
                let e = told(registry, e);
                if !e.unreachable || attempt >= TRIES {
                    return Err(e);
                }
            }
        }
    }
    Ok(path)
}

/// In words for people; whether somebody else's trouble that may pass.
fn told(registry: &str, e: OciDistributionError) -> ImageError {
    let (reason, unreachable) = match &e {
        OciDistributionError::UnauthorizedError { .. } | OciDistributionError::AuthenticationFailure(_) => (
            format!(
                "registry {registry} wants other credentials: name a Secret in imagePullSecrets, or log in with docker login"
            ),
            false,
        ),
        OciDistributionError::ImageManifestNotFoundError(_) => {
            (format!("registry {registry} has no such image"), false)
        }
        OciDistributionError::RegistryError { envelope, .. } => {
            let said: Vec<&str> = envelope.errors.iter().map(|e| e.message.as_str()).collect();
            (format!("registry {registry} says: {}", said.join("; ")), false)
        }
        OciDistributionError::ServerError { code, message, .. } => {
            (format!("registry {registry} answered {code}: {message}"), *code >= 500 || *code == 429)
        }
        OciDistributionError::RequestError(cause) if cause.is_status() => {
            (format!("registry {registry}: {cause}"), false)
        }
        OciDistributionError::RequestError(cause) => {
            let why = deepest(cause).unwrap_or_else(|| cause.to_string());
            (format!("registry {registry} cannot be reached: {why}"), true)
        }
        other => (format!("registry {registry}: {other}"), false),
    };
    ImageError { reason, unreachable, source: Some(Box::new(e)) }
}

fn deepest(e: &dyn std::error::Error) -> Option<String> {
    let mut at = e.source()?;
    while let Some(next) = at.source() {
        at = next;
    }
    Some(at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_docker() {
        let text = br#"{"auths": {"https://index.docker.io/v1/": {"auth": "bWU6cHc6MQ=="}, "r.example:5000": {"username": "u", "password": "p"}, "x": {}}}"#;
        let all = Credentials::of_docker_config(text);
        assert_eq!(all.len(), 2);
        let hub = all.iter().find(|c| c.fit("docker.io")).unwrap();
        assert_eq!((hub.username.as_str(), hub.password.as_str()), ("me", "pw:1"));
        assert!(all.iter().any(|c| c.fit("r.example:5000")) && !all.iter().any(|c| c.fit("r.example")));
        assert!(!format!("{hub:?}").contains("pw"));
    }

    #[test]
    fn names_have_a_host_and_a_port() {
        for (registry, expected) in [
            ("docker.io", ("docker.io", 443)),
            ("r.example:5000", ("r.example", 5000)),
            ("[::1]:5000", ("[::1]", 5000)),
            ("[::1]", ("[::1]", 443)),
        ] {
            assert_eq!(place(registry), expected);
        }
    }

    #[test]
    fn local_registries_need_no_tls() {
        for (registry, local) in [
            ("localhost:5000", true),
            ("127.0.0.1:1", true),
            ("[::1]:5000", true),
            ("docker.io", false),
            ("localhost.example:1", false),
        ] {
            assert_eq!(is_local(registry), local, "{registry}");
        }
    }
}
