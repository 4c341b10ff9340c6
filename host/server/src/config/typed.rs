//! The typed configuration, and what must hold between settings.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use cli::settings::SettingProblem;
use serde_json::Value;

use super::layers::Values;
use super::parts;
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

/// How steps are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunnerKind {
    /// On this machine.
    Local,
    /// Not at all: each succeeds at once.
    Virtual,
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

/// Everything that was configured, in the types of the parts that it is for.
#[derive(Debug, Clone)]
pub struct Config {
    /// `dataDir`.
    pub data_dir: PathBuf,
    /// `listen`.
    pub listen: SocketAddr,
    /// `tls`.
    pub tls: Option<Tls>,
    /// `auth.tokensFile`.
    pub tokens_file: Option<PathBuf>,
    /// `auth.policy`, with the generated administrator in it.
    pub policy: api::access::Policy,
    /// `stopGraceSeconds`.
    pub stop_grace: Duration,
    /// `log.format`.
    pub log_format: LogFormat,
    /// `log.level`.
    pub log_level: String,
    /// `metrics.listen`.
    pub metrics_listen: Option<SocketAddr>,
    /// `otlp`.
    pub otlp: Option<Otlp>,
    /// What the loop is told.
    pub runtime: runtime::Settings,
    /// What admission is told.
    pub admission: api::AdmissionSettings,
    /// The api's limits.
    pub api_limits: api::Limits,
    /// The store's limits.
    pub store_limits: store::Limits,
    /// `limits.store_cache_bytes_max`.
    pub store_cache_bytes_max: u64,
    /// What artifact drivers are told.
    pub artifacts: blob::Config,
    /// `plugins`.
    pub plugins: crate::plugins::PluginsConfig,
    /// What may be called.
    pub egress: egress::Config,
    /// `runner`.
    pub runner: RunnerKind,
    /// What the local runner is told.
    pub local: runner_local::Settings,
    /// `defaultNamespace`.
    pub default_namespace: String,
    /// How commands reach a server.
    pub client: Client,
}

/// Makes the typed form and says what does not fit together.
pub(super) fn check(values: &Values, places: &Places) -> (Option<Config>, Vec<SettingProblem>) {
    let mut reader = Reader { values, places, problems: Vec::new() };
    let config = reader.config();
    (config, reader.problems)
}

/// Reads settings that belong together, and collects what is wrong.
pub(super) struct Reader<'a> {
    pub(super) values: &'a Values,
    places: &'a Places,
    problems: Vec<SettingProblem>,
}

impl Reader<'_> {
    fn config(&mut self) -> Option<Config> {
        let v = self.values;
        let data_dir = self.path("dataDir");
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
        let policy = parts::policy(self);
        let runtime = parts::runtime(self);
        let egress = parts::egress(self);
        let artifacts = parts::artifacts(self, data_dir.as_deref());
        let plugins = parts::plugins(self, data_dir.as_deref());
        let local = parts::local(self);
        Some(Config {
            data_dir: data_dir?,
            listen: listen?,
            tls,
            tokens_file: self.path("auth.tokensFile"),
            policy: policy?,
            stop_grace: Duration::from_secs(v.count("stopGraceSeconds")),
            log_format: if v.text("log.format") == "json" { LogFormat::Json } else { LogFormat::Pretty },
            log_level: v.text("log.level").to_owned(),
            metrics_listen,
            otlp,
            runtime: runtime?,
            admission: parts::admission(v),
            api_limits: parts::api_limits(v),
            store_limits: parts::store_limits(v),
            store_cache_bytes_max: v.count("limits.store_cache_bytes_max"),
            artifacts: artifacts?,
            plugins: plugins?,
            egress: egress?,
            runner: if v.text("runner") == "virtual" { RunnerKind::Virtual } else { RunnerKind::Local },
            local,
            default_namespace: v.text("defaultNamespace").to_owned(),
            client,
        })
    }

    fn tls(&mut self) -> Option<Tls> {
        let client_ca = self.path("tls.clientCA");
        match (self.path("tls.cert"), self.path("tls.key")) {
            (Some(cert), Some(key)) => Some(Tls { cert, key, client_ca }),
            (None, None) => {
                if client_ca.is_some() {
                    let reason = "client certificates need a server certificate".to_owned();
                    self.problem("tls.clientCA", reason, "set tls.cert and tls.key");
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
            let reason = format!("{sample_ratio} is not a share from 0 to 1");
            self.problem("otlp.sampleRatio", reason, "write 0.1 for one run in ten");
        }
        let endpoint = non_empty(v.text("otlp.endpoint"))?;
        let protocol = if v.text("otlp.protocol") == "http" { OtlpProtocol::Http } else { OtlpProtocol::Grpc };
        match endpoint.split_once("://") {
            Some(("http", _)) => {}
            Some(("https", _)) if protocol == OtlpProtocol::Grpc => {}
            Some(("https", _)) => {
                let reason = "over https traces are sent by gRPC only".to_owned();
                self.problem("otlp.protocol", reason, "set otlp.protocol to grpc; collectors take it on port 4317");
            }
            _ => {
                let reason = format!("`{endpoint}` is not a URL");
                self.problem("otlp.endpoint", reason, "write http://host:4317 or https://host:4317");
                return None;
            }
        }
        let mut headers = Vec::new();
        for pair in v.text("otlp.headers").split(',').filter(|pair| !pair.trim().is_empty()) {
            match pair.split_once('=') {
                Some((name, value)) => headers.push((name.trim().to_lowercase(), value.trim().to_owned())),
                // The text may be a credential, so it is not repeated.
                None => self.problem("otlp.headers", "a header has no `=`".to_owned(), "write name=value,name=value"),
            }
        }
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

    pub(super) fn path(&self, key: &str) -> Option<PathBuf> {
        let written = non_empty(self.values.text(key))?;
        Some(self.places.resolve(&written, &self.values.origin(key)))
    }

    /// Paths.
    pub(super) fn paths(&self, key: &str) -> Vec<PathBuf> {
        let origin = self.values.origin(key);
        self.values.list(key).iter().map(|written| self.places.resolve(written, &origin)).collect()
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
                let reason = format!("`{text}` is not an address of this machine");
                self.problem(key, reason, "write 127.0.0.1:2746, or port 0 for any free port");
                None
            }
        }
    }

    pub(super) fn problem(&mut self, key: &str, reason: String, hint: &str) {
        let place = self.values.origin(key).to_string();
        let hint = Some(hint.to_owned()).filter(|hint| !hint.is_empty());
        self.problems.push(SettingProblem { place, key: key.to_owned(), reason, hint, warning: false });
    }
}

fn non_empty(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

/// A document that says something.
pub(super) fn document(value: &Value) -> Option<&Value> {
    Some(value).filter(|value| value.as_object().is_some_and(|fields| !fields.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::super::{Loaded, Request, load_from};
    use super::*;

    fn load(flags: &[(&str, &str)]) -> Loaded {
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
        let loaded = load(&[]);
        assert_eq!(loaded.problems, []);
        let config = loaded.config.unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:2746");
        assert_eq!(config.data_dir, PathBuf::from("/nowhere/.local/share/colchis"));
        assert_eq!(config.local.images, runner_local::ImagesMode::Pull);
        assert_eq!(config.runtime.parallelism, None);
        assert_eq!(config.runtime.start_rate, None);
        assert_eq!(config.api_limits, api::Limits::default());
        assert_eq!(config.runtime.limits.nodes, engine_workflow::Limits::default().nodes);
        assert_eq!(config.store_limits, store::Limits::default());
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
    fn programs_are_bounded() {
        let loaded =
            load(&[("plugins.programsMax", "7"), ("plugins.subscriptionsMax", "0"), ("plugins.programMemory", "2Gi")]);
        let plugins = loaded.config.unwrap().plugins;
        assert_eq!((plugins.programs_max, plugins.subscriptions_max, plugins.programs_ready_max), (7, 0, 64));
        assert_eq!(plugins.program_memory_bytes_max, 2 << 30);
        assert_eq!(
            problems(&[("plugins.programMemory", "5Gi")]),
            ["flag --plugins.programMemory: plugins.programMemory: 5368709120 bytes: expected 1Mi to 4Gi"]
        );
        let many = problems(&[("plugins.instancesMax", "9000"), ("plugins.programsMax", "4000")]);
        assert!(many.len() == 1 && many[0].contains("expected at most 12000 together"), "{many:?}");
        assert!(problems(&[("plugins.programsMax", "0")])[0].contains("plugins.programsMax"));
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
        assert!(problems(&[("otlp.endpoint", "https://c:4318"), ("otlp.protocol", "http")])[0].contains("gRPC only"));
    }

    #[test]
    fn no_credential_is_shown() {
        let flags =
            [("otlp.endpoint", "http://c:1"), ("otlp.headers", "authorization=hunter2"), ("client.token", "hunter2")];
        let config = load(&flags).config.unwrap();
        let otlp = config.otlp.as_ref().unwrap();
        assert_eq!(otlp.headers, [("authorization".to_owned(), "hunter2".to_owned())]);
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn documents_are_checked_field_by_field() {
        assert_eq!(
            problems(&[
                ("artifactRepository", "{s3: {bukket: x}}"),
                ("workflowDefaults", "{spec: {paralelism: 3}}"),
                ("auth.policy", "{bindings: [{role: boss, users: [a], namespaces: ['*']}]}")
            ]),
            [
                "flag --auth.policy: auth.policy: bindings[0].role: there is no role `boss`; there are admin, edit, view",
                "flag --workflowDefaults: workflowDefaults: spec.paralelism: there is no such field here",
                "flag --artifactRepository: artifactRepository: s3.bukket: unknown field; expected endpoint, bucket, region, insecure, \
                 accessKeySecret, secretKeySecret, sessionTokenSecret, roleARN, useSDKCreds, createBucketIfNotPresent, encryptionOptions, caSecret",
            ]
        );
    }

    #[test]
    fn defaults_of_runs_reach_the_loop() {
        let defaults =
            "{metadata: {labels: {team: a}}, spec: {parallelism: 3, ttlStrategy: {secondsAfterCompletion: 60}}}";
        let config = load(&[("workflowDefaults", defaults), ("parallelism", "7"), ("resourceRateLimit.limit", "2.5")])
            .config
            .unwrap();
        let runtime = config.runtime;
        let defaults = runtime.workflow_defaults.unwrap();
        assert_eq!(defaults.labels, [("team".to_owned(), "a".to_owned())]);
        assert_eq!(defaults.spec.parallelism, Some(3));
        assert_eq!((runtime.parallelism, runtime.start_rate), (Some(7), Some((2.5, 1))));
    }

    #[test]
    fn a_policy_for_signatures_that_cannot_be_kept_is_told() {
        let set = |given: &[(&str, &str)], said: &str| {
            let all = problems(&[given, &[("plugins.signatures.mode", "require")]].concat());
            assert!(all.iter().any(|problem| problem.contains(said)), "{given:?}: {all:?}");
        };
        set(&[], "nobody is trusted to sign");
        set(&[("plugins.signatures.keys", "none.pem")], "none.pem");
        set(&[("plugins.signatures.identities", "a@b")], "is no identity");
        let somebody = ("plugins.signatures.identities", "https://i.example a@b");
        set(&[somebody], "plugins.signatures.authorities");
        set(&[somebody, ("plugins.signatures.authorities", "none.pem")], "plugins.signatures.logKeys");
    }
}
