//! The typed configuration, and what must hold between settings.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use cli::settings::SettingProblem;
use serde_json::Value;

use super::layers::Values;
use super::paths::Places;

/// Certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The chain, PEM.
    pub cert: PathBuf,
    /// The key, PEM.
    pub key: PathBuf,
    /// Authorities of client certificates, PEM.
    pub client_ca: Option<PathBuf>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// For machines.
    Json,
}

/// How traces are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// OTLP over gRPC.
    Grpc,
    /// Protobuf over HTTP.
    Http,
}

/// Where traces are sent. Debug leaves the headers out: they hold credentials.
#[derive(Clone, PartialEq)]
pub struct Otlp {
    /// The collector.
    pub endpoint: String,
    /// How.
    pub protocol: OtlpProtocol,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// From 0 to 1.
    pub sample_ratio: f64,
}

impl std::fmt::Debug for Otlp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Otlp")
            .field("endpoint", &self.endpoint)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

/// How a step's root is had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageMode {
    /// What can be had.
    Auto,
    /// From a registry.
    Pull,
    /// Imported images only.
    Imported,
    /// The machine's own.
    Host,
}

/// `workflowRestrictions.templateReferencing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restriction {
    /// Any manifest.
    None,
    /// Only runs that refer to a template.
    Strict,
    /// And the template must not have changed since the run began.
    Secure,
}

/// Named limits, in the units that their names end in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table of settings says what each is")]
pub struct Limits {
    pub nodes_max: u64,
    pub recursion_max: u64,
    pub loop_items_max: u64,
    pub object_bytes_max: u64,
    pub message_bytes_max: u64,
    pub parameter_bytes_max: u64,
    pub eval_fuel_max: u64,
    pub eval_memory_bytes_max: u64,
    pub requests_max: u64,
    pub watchers_max: u64,
    pub log_bytes_max: u64,
}

/// How commands reach a server. Debug leaves the token out.
#[derive(Clone, Default)]
pub struct Client {
    /// `host:port` or a URL; the server of the data folder when absent.
    pub server: Option<String>,
    /// The namespace.
    pub namespace: Option<String>,
    /// The token.
    pub token: Option<String>,
    /// A file with the token.
    pub token_file: Option<PathBuf>,
    /// Authorities of the server's certificate.
    pub ca: Option<PathBuf>,
    /// The client's certificate and key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// How long one request may take.
    pub timeout: Duration,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("server", &self.server)
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

/// Everything that was configured.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the table of settings says what each is")]
pub struct Config {
    pub data_dir: PathBuf,
    pub listen: SocketAddr,
    pub tls: Option<Tls>,
    pub tokens_file: Option<PathBuf>,
    pub stop_grace: Duration,
    pub log_format: LogFormat,
    pub log_level: String,
    pub metrics_listen: Option<SocketAddr>,
    pub otlp: Option<Otlp>,
    pub parallelism: Option<u64>,
    pub namespace_parallelism: Option<u64>,
    pub rate_limit: Option<(f64, u64)>,
    pub workflow_defaults: Option<Value>,
    pub retention_completed: Option<u64>,
    pub retention_failed: Option<u64>,
    pub retention_errored: Option<u64>,
    pub restriction: Restriction,
    pub artifact_repository: Option<Value>,
    pub artifact_repository_config_map: String,
    pub artifact_repository_namespace: Option<String>,
    pub default_namespace: String,
    pub stop_grace_of_steps: Duration,
    pub images: ImageMode,
    pub steps_max: u64,
    pub limits: Limits,
    pub client: Client,
}

/// Makes the typed form and says what does not fit together.
pub(super) fn check(values: &Values, places: &Places) -> (Option<Config>, Vec<SettingProblem>) {
    let mut reader = Reader { values, places, problems: Vec::new() };
    let config = reader.config();
    (config, reader.problems)
}

struct Reader<'a> {
    values: &'a Values,
    places: &'a Places,
    problems: Vec<SettingProblem>,
}

impl Reader<'_> {
    fn config(&mut self) -> Option<Config> {
        let v = self.values;
        let listen = self.address("listen");
        let tls = self.tls();
        if let Some(listen) = listen
            && !listen.ip().is_loopback()
            && tls.is_none()
        {
            self.problem(
                "listen",
                format!("{listen} can be reached from other machines, which needs TLS"),
                "set tls.cert and tls.key, or listen on 127.0.0.1",
            );
        }
        let metrics_listen = if v.text("metrics.listen").is_empty() { None } else { self.address("metrics.listen") };
        let otlp = self.otlp();
        let client = self.client();
        Some(Config {
            data_dir: self.path("dataDir")?,
            listen: listen?,
            tls,
            tokens_file: self.path("auth.tokensFile"),
            stop_grace: Duration::from_secs(v.count("stopGraceSeconds")),
            log_format: if v.text("log.format") == "json" { LogFormat::Json } else { LogFormat::Pretty },
            log_level: v.text("log.level").to_owned(),
            metrics_listen,
            otlp,
            parallelism: some(v.count("parallelism")),
            namespace_parallelism: some(v.count("namespaceParallelism")),
            rate_limit: Some(v.number("resourceRateLimit.limit"))
                .filter(|limit| *limit > 0.0)
                .map(|limit| (limit, v.count("resourceRateLimit.burst").max(1))),
            workflow_defaults: document(v.get("workflowDefaults")),
            retention_completed: some(v.count("retentionPolicy.completed")),
            retention_failed: some(v.count("retentionPolicy.failed")),
            retention_errored: some(v.count("retentionPolicy.errored")),
            restriction: match v.text("workflowRestrictions.templateReferencing") {
                "Strict" => Restriction::Strict,
                "Secure" => Restriction::Secure,
                _ => Restriction::None,
            },
            artifact_repository: document(v.get("artifactRepository")),
            artifact_repository_config_map: v.text("artifactRepositoryRef.configMap").to_owned(),
            artifact_repository_namespace: non_empty(v.text("artifactRepositoryRef.namespace")),
            default_namespace: v.text("defaultNamespace").to_owned(),
            stop_grace_of_steps: Duration::from_secs(v.count("podGCGracePeriodSeconds")),
            images: match v.text("images") {
                "auto" => ImageMode::Auto,
                "imported" => ImageMode::Imported,
                "host" => ImageMode::Host,
                _ => ImageMode::Pull,
            },
            steps_max: v.count("stepsMax"),
            limits: self.limits(),
            client,
        })
    }

    fn limits(&self) -> Limits {
        let v = self.values;
        Limits {
            nodes_max: v.count("limits.nodes_max"),
            recursion_max: v.count("limits.recursion_max"),
            loop_items_max: v.count("limits.loop_items_max"),
            object_bytes_max: v.count("limits.object_bytes_max"),
            message_bytes_max: v.count("limits.message_bytes_max"),
            parameter_bytes_max: v.count("limits.parameter_bytes_max"),
            eval_fuel_max: v.count("limits.eval_fuel_max"),
            eval_memory_bytes_max: v.count("limits.eval_memory_bytes_max"),
            requests_max: v.count("limits.requests_max"),
            watchers_max: v.count("limits.watchers_max"),
            log_bytes_max: v.count("limits.log_bytes_max"),
        }
    }

    fn tls(&mut self) -> Option<Tls> {
        let client_ca = self.path("tls.clientCA");
        match (self.path("tls.cert"), self.path("tls.key")) {
            (Some(cert), Some(key)) => Some(Tls { cert, key, client_ca }),
            (None, None) => {
                if client_ca.is_some() {
                    self.problem(
                        "tls.clientCA",
                        "client certificates need a server certificate".to_owned(),
                        "set tls.cert and tls.key",
                    );
                }
                None
            }
            (cert, _) => {
                let (set, missing) = if cert.is_some() { ("tls.cert", "tls.key") } else { ("tls.key", "tls.cert") };
                self.problem(missing, format!("is missing: {set} is set"), "a certificate and its key go together");
                None
            }
        }
    }

    fn otlp(&mut self) -> Option<Otlp> {
        let v = self.values;
        let sample_ratio = v.number("otlp.sampleRatio");
        if sample_ratio > 1.0 {
            self.problem(
                "otlp.sampleRatio",
                format!("{sample_ratio} is not a share from 0 to 1"),
                "write 0.1 for one run in ten",
            );
        }
        let endpoint = non_empty(v.text("otlp.endpoint"))?;
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            self.problem(
                "otlp.endpoint",
                format!("`{endpoint}` is not a URL"),
                "write http://host:4317 or https://host:4317",
            );
            return None;
        }
        let mut headers = Vec::new();
        for pair in v.text("otlp.headers").split(',').filter(|pair| !pair.trim().is_empty()) {
            match pair.split_once('=') {
                Some((name, value)) => headers.push((name.trim().to_lowercase(), value.trim().to_owned())),
                // The text may be a credential, so it is not repeated.
                None => self.problem("otlp.headers", "a header has no `=`".to_owned(), "write name=value,name=value"),
            }
        }
        let protocol = if v.text("otlp.protocol") == "http" { OtlpProtocol::Http } else { OtlpProtocol::Grpc };
        Some(Otlp { endpoint, protocol, headers, sample_ratio })
    }

    fn client(&mut self) -> Client {
        let v = self.values;
        let identity = match (self.path("client.cert"), self.path("client.key")) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            (cert, _) => {
                let missing = if cert.is_some() { "client.key" } else { "client.cert" };
                self.problem(missing, "is missing".to_owned(), "a certificate and its key go together");
                None
            }
        };
        Client {
            server: non_empty(v.text("client.server")),
            namespace: non_empty(v.text("client.namespace")),
            token: non_empty(v.text("client.token")),
            token_file: self.path("client.tokenFile"),
            ca: self.path("client.ca"),
            identity,
            timeout: Duration::from_secs(v.count("client.timeoutSeconds")),
        }
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        let written = non_empty(self.values.text(key))?;
        Some(self.places.resolve(&written, &self.values.origin(key)))
    }

    /// An address; `localhost` and other names are looked up, `*` is every interface.
    fn address(&mut self, key: &str) -> Option<SocketAddr> {
        let text = self.values.text(key);
        if let Some(port) = text.strip_prefix("*:").and_then(|port| port.parse().ok()) {
            return Some(SocketAddr::new(IpAddr::from([0, 0, 0, 0]), port));
        }
        match text.to_socket_addrs().ok().and_then(|mut all| all.next()) {
            Some(address) => Some(address),
            None => {
                self.problem(
                    key,
                    format!("`{text}` is not an address of this machine"),
                    "write 127.0.0.1:2746, or port 0 for any free port",
                );
                None
            }
        }
    }

    fn problem(&mut self, key: &str, reason: String, hint: &str) {
        let place = self.values.origin(key).to_string();
        self.problems.push(SettingProblem {
            place,
            key: key.to_owned(),
            reason,
            hint: Some(hint.to_owned()),
            warning: false,
        });
    }
}

fn some(count: u64) -> Option<u64> {
    Some(count).filter(|count| *count > 0)
}

fn non_empty(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

fn document(value: &Value) -> Option<Value> {
    Some(value.clone()).filter(|value| value.as_object().is_some_and(|fields| !fields.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::super::{Request, load_from};
    use super::*;

    fn load(flags: &[(&str, &str)]) -> super::super::Loaded {
        let flags = flags.iter().map(|(k, v)| ((*k).to_owned(), format!("--{k}"), (*v).to_owned())).collect();
        let places = Places::from_env(&|name| (name == "HOME").then(|| PathBuf::from("/nowhere")));
        load_from(&Request { flags, ..Request::default() }, &places, Vec::new())
    }

    fn problems(flags: &[(&str, &str)]) -> Vec<String> {
        let loaded = load(flags);
        assert!(loaded.config.is_none());
        loaded.problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nothing_said_is_a_server_on_loopback() {
        let config = load(&[]).config.unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:2746");
        assert_eq!(config.data_dir, PathBuf::from("/nowhere/.local/share/colchis"));
        assert_eq!(config.images, ImageMode::Pull);
        assert_eq!(config.parallelism, None);
        assert_eq!(config.rate_limit, None);
        assert_eq!(config.limits.object_bytes_max, 64 << 20);
    }

    #[test]
    fn other_machines_need_tls() {
        assert_eq!(
            problems(&[("listen", "0.0.0.0:2746")]),
            ["flag --listen: listen: 0.0.0.0:2746 can be reached from other machines, which needs TLS"]
        );
        assert!(load(&[("listen", "*:2746"), ("tls.cert", "c"), ("tls.key", "k")]).config.is_some());
        assert!(load(&[("listen", "[::1]:0")]).config.is_some());
    }

    #[test]
    fn halves_are_refused() {
        assert_eq!(problems(&[("tls.cert", "c")]), ["default: tls.key: is missing: tls.cert is set"]);
        assert_eq!(
            problems(&[("tls.clientCA", "c")]),
            ["flag --tls.clientCA: tls.clientCA: client certificates need a server certificate"]
        );
        assert_eq!(problems(&[("client.key", "c")]), ["default: client.cert: is missing"]);
        assert_eq!(
            problems(&[("otlp.endpoint", "collector:4317")]),
            ["flag --otlp.endpoint: otlp.endpoint: `collector:4317` is not a URL"]
        );
    }

    #[test]
    fn no_credential_is_shown() {
        let config = load(&[
            ("otlp.endpoint", "http://c:1"),
            ("otlp.headers", "authorization=hunter2"),
            ("client.token", "hunter2"),
        ])
        .config
        .unwrap();
        assert_eq!(config.otlp.as_ref().unwrap().headers, [("authorization".to_owned(), "hunter2".to_owned())]);
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
