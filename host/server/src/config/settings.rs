//! The table of everything that can be set. `colchis config explain` prints it with the values in use.

use cli::settings::{Setting, SettingKind as Kind};

/// The highest count that makes sense anywhere.
const MANY: u64 = 1_000_000_000;

const fn count(min: u64, max: u64) -> Kind {
    Kind::Count { min, max }
}

const fn setting(
    key: &'static str,
    kind: Kind,
    default: &'static str,
    unit: &'static str,
    doc: &'static str,
) -> Setting {
    Setting { key, kind, default, unit, doc }
}

/// How images are had.
pub const IMAGE_MODES: &[&str] = &["auto", "pull", "imported", "host"];

/// All settings, in the order in which they are shown. Keys that Argo's controller knows keep its names.
pub static SETTINGS: &[Setting] = &[
    // Where it lives and listens.
    setting(
        "dataDir",
        Kind::Path,
        "",
        "",
        "Folder of the database, logs, images and local artifacts; by default `colchis` below `$XDG_DATA_HOME` (`~/.local/share`).",
    ),
    setting(
        "listen",
        Kind::Address,
        "127.0.0.1:2746",
        "",
        "Address of the gRPC API; port 0 is any free one. Anything but loopback needs `tls.cert` and `tls.key`.",
    ),
    setting("tls.cert", Kind::Path, "", "", "PEM file with the server's certificate chain."),
    setting("tls.key", Kind::Path, "", "", "PEM file with the certificate's private key."),
    setting(
        "tls.clientCA",
        Kind::Path,
        "",
        "",
        "PEM file with the authorities that clients' certificates must come from.",
    ),
    setting(
        "auth.tokensFile",
        Kind::Path,
        "",
        "",
        "File with further tokens, a line each: user, groups, `sha256:` digest, end of validity. The generated administrator's token is beside it.",
    ),
    setting(
        "auth.policy",
        Kind::Document,
        "",
        "",
        "Roles and who has them where: `roles` and `bindings`. The generated token may do everything.",
    ),
    setting(
        "stopGraceSeconds",
        count(0, 3_600),
        "30",
        "seconds",
        "How long a stopping server waits for requests that are under way; steps run on without it.",
    ),
    // What it tells.
    setting("log.format", Kind::Choice(&["pretty", "json"]), "pretty", "", "How log lines look."),
    setting(
        "log.level",
        Kind::Text,
        "info",
        "",
        "`error`, `warn`, `info`, `debug`, `trace`, or per part: `info,runtime=debug`.",
    ),
    setting(
        "metrics.listen",
        Kind::Address,
        "127.0.0.1:2747",
        "",
        "Address of `/metrics`, `/healthz` and `/readyz`; empty: not served.",
    ),
    setting(
        "otlp.endpoint",
        Kind::Text,
        "",
        "",
        "Where traces of runs, nodes and effects are sent, such as `http://127.0.0.1:4317`; empty: nowhere.",
    ),
    setting(
        "otlp.protocol",
        Kind::Choice(&["grpc", "http"]),
        "grpc",
        "",
        "How traces are sent: OTLP over gRPC, or protobuf over HTTP (`/v1/traces` is added to the endpoint).",
    ),
    setting(
        "otlp.headers",
        Kind::Secret,
        "",
        "",
        "Headers sent with traces, `name=value,name=value`: credentials of the collector.",
    ),
    setting("otlp.sampleRatio", Kind::Number, "1", "share", "Share of runs that are traced, from 0 to 1."),
    // What Argo's controller has.
    setting("parallelism", count(0, MANY), "0", "workflows", "Runs at a time on this server; 0: no limit."),
    setting("namespaceParallelism", count(0, MANY), "0", "workflows", "Runs at a time in each namespace; 0: no limit."),
    setting("resourceRateLimit.limit", Kind::Number, "0", "steps per second", "Steps started per second; 0: no limit."),
    setting("resourceRateLimit.burst", count(0, MANY), "1", "steps", "Steps that may start at once above the rate."),
    setting(
        "workflowDefaults",
        Kind::Document,
        "",
        "",
        "`metadata` (labels, annotations) and `spec` that every run takes where its own manifest says nothing.",
    ),
    setting(
        "retentionPolicy.completed",
        count(0, MANY),
        "0",
        "workflows",
        "Succeeded runs that are kept; 0: all, until their own time to live.",
    ),
    setting("retentionPolicy.failed", count(0, MANY), "0", "workflows", "Failed runs that are kept; 0: all."),
    setting("retentionPolicy.errored", count(0, MANY), "0", "workflows", "Runs in error that are kept; 0: all."),
    setting(
        "workflowRestrictions.templateReferencing",
        Kind::Choice(&["", "Strict", "Secure"]),
        "",
        "",
        "`Strict`: only runs that refer to a template; `Secure`: and that add nothing to it but arguments.",
    ),
    setting(
        "artifactRepository",
        Kind::Document,
        "",
        "",
        "Where artifacts go unless a namespace or a run says otherwise (`s3:`, `gcs:`, `azure:`, `oss:`, `artifactory:`, `directory:`, `archiveLogs`); by default the server's own folder.",
    ),
    setting("defaultNamespace", Kind::Text, "default", "", "Namespace of requests and manifests that name none."),
    setting(
        "timezone",
        Kind::Text,
        "",
        "",
        "Time zone of schedules that name none, such as `Europe/Berlin`; empty: UTC.",
    ),
    // Plugins.
    setting(
        "plugins.folder",
        Kind::Path,
        "",
        "",
        "Folder in which `spec.source.file` of Plugin objects is looked for; by default `plugins` in the data folder.",
    ),
    setting(
        "plugins.instancesMax",
        count(1, 10_000),
        "64",
        "instances",
        "Instances of plugins at a time, of all together; further calls wait.",
    ),
    setting(
        "plugins.subscriptionsMax",
        count(0, 4_000),
        "192",
        "subscriptions",
        "Subscriptions of event sources that are open at a time, of all together; each holds an instance beside those. Further ones are tried again.",
    ),
    setting(
        "plugins.programsMax",
        count(1, 4_000),
        "128",
        "programs",
        "Components that run as images of steps at a time, beside plugins; further steps wait.",
    ),
    setting(
        "plugins.programsReadyMax",
        count(1, 4_000),
        "64",
        "programs",
        "Compiled components of steps that are kept in memory; the one used longest ago gives way.",
    ),
    setting(
        "plugins.programMemory",
        Kind::Bytes,
        "1Gi",
        "bytes",
        "The most memory that a component has as a step; `resources.limits.memory` of its container may ask for less. At most 4Gi.",
    ),
    setting(
        "plugins.fileFolders",
        Kind::List,
        "",
        "",
        "Folders that `spec.grants.files` of Plugin objects may lend, with those below them; empty: none.",
    ),
    setting(
        "plugins.signatures.mode",
        Kind::Choice(&["off", "warn", "require"]),
        "off",
        "",
        "What becomes of a component that nobody trusted has signed: `warn` takes it and says so, `require` refuses it.",
    ),
    setting(
        "plugins.signatures.keys",
        Kind::List,
        "",
        "",
        "PEM files with the public keys whose signatures count, in the forms that `cosign sign --key` and `colchis plugin push --sign` write.",
    ),
    setting(
        "plugins.signatures.identities",
        Kind::List,
        "",
        "",
        "Who else counts, each as `ISSUER SUBJECT`, such as `https://token.actions.githubusercontent.com https://github.com/acme/*`.",
    ),
    setting(
        "plugins.signatures.authorities",
        Kind::Path,
        "",
        "",
        "PEM file with the certificates of the authorities that vouch for identities (Fulcio's).",
    ),
    setting(
        "plugins.signatures.logKeys",
        Kind::List,
        "",
        "",
        "PEM files with the public keys of the logs that say that, and maybe when, an identity signed (Rekor's).",
    ),
    setting(
        "plugins.signatures.timestampAuthorities",
        Kind::Path,
        "",
        "",
        "PEM file with the certificates of the authorities whose timestamps (RFC 3161) say when an identity signed, for logs that say no time (Rekor's second version).",
    ),
    setting(
        "plugins.signatures.files",
        Kind::Choice(&["allow", "refuse"]),
        "allow",
        "",
        "Whether components of `plugins.folder`, which have no signature, pass; `refuse` treats them as unsigned.",
    ),
    setting(
        "plugins.sources",
        Kind::Document,
        "",
        "",
        "Places that charts, remote bases and value files of renderers may be fetched from, by a name: `url` (`https://charts.example.com/stable`, `oci://registry.example.com/charts`, `ssh://git.example.com`; `*.` and `*` stand for hosts), `private` (true or networks: it may have addresses that are not public), `secretRef` (`namespace` and `name` of a Secret with `username` and `password`, `token`, or `ssh-privatekey`), `ca` (a PEM file with further authorities for its certificate; not for git), `insecure` (any certificate is taken), `plainHttp` (an `oci` source without TLS). Nothing is fetched from elsewhere.",
    ),
    setting(
        "plugins.fetchCacheSize",
        Kind::Bytes,
        "1Gi",
        "bytes",
        "What is kept of what was fetched for renderers; what was not used for the longest time goes first.",
    ),
    // What leaves the server.
    setting(
        "artifacts.directory",
        Kind::Path,
        "",
        "",
        "Folder of the server's own artifact repository; by default `artifacts` in the data folder.",
    ),
    setting(
        "artifacts.ambientCredentials",
        Kind::List,
        "",
        "",
        "Buckets for which the machine's own cloud credentials may be used; `true`: all, empty: none.",
    ),
    setting(
        "artifacts.retry.attempts",
        count(1, 100),
        "8",
        "attempts",
        "How often a transfer is tried when the repository has passing trouble, with pauses that grow and differ.",
    ),
    setting(
        "artifacts.retry.deadlineSeconds",
        count(1, 86_400),
        "120",
        "seconds",
        "How long after its first failure a transfer is still tried again.",
    ),
    setting(
        "artifacts.sshKnownHosts",
        Kind::Path,
        "",
        "",
        "Known hosts of git over ssh; by default those of the server's user.",
    ),
    setting(
        "egress.allow",
        Kind::List,
        "",
        "",
        "What `http` steps, artifacts and registries (of plugins and of images) may call, as `[scheme://]host[:port]` or `*.example.com`; empty: every name.",
    ),
    setting(
        "egress.deny",
        Kind::List,
        "",
        "",
        "What they and plugins may not call, whatever `egress.allow` or a grant says.",
    ),
    setting(
        "egress.allowPrivate",
        Kind::List,
        "",
        "",
        "Networks of private addresses that they may call, such as `10.0.0.0/8`; `true`: all of them and this machine. `colchis run` allows all.",
    ),
    // How steps run.
    setting(
        "runner",
        Kind::Choice(&["local", "virtual"]),
        "local",
        "",
        "How steps are run: on this machine, or not at all (`virtual`: each succeeds at once, to measure the server itself).",
    ),
    setting(
        "images",
        Kind::Choice(IMAGE_MODES),
        "pull",
        "",
        "Root of a step: `pull` from a registry, `imported` images only, the machine's own (`host`), or what can be had (`auto`). `colchis run` uses `auto`.",
    ),
    setting(
        "steps.graceSeconds",
        count(0, 86_400),
        "30",
        "seconds",
        "Between the request to stop a step (TERM) and its end (KILL), unless its template says otherwise.",
    ),
    setting(
        "steps.isolation",
        Kind::Choice(&["", "root", "user", "plain"]),
        "",
        "",
        "Isolation of steps instead of the best there is: `root` (namespaces), `user` (within a user namespace), `plain` (none).",
    ),
    setting(
        "steps.allowPrivileged",
        Kind::Switch,
        "false",
        "",
        "Honour `privileged`, added capabilities and unconfined seccomp profiles.",
    ),
    setting("steps.allowHostPath", Kind::Switch, "false", "", "Offer `hostPath` volumes."),
    setting(
        "steps.insecureRegistries",
        Kind::List,
        "",
        "",
        "Registries that are spoken to without TLS, as `host:port`; those of this machine always are.",
    ),
    setting("steps.supervisors", count(1, 256), "6", "processes", "Supervisors kept ready for the next steps."),
    setting(
        "steps.preparing_max",
        count(1, 10_000),
        "32",
        "steps",
        "Steps whose images, volumes and artifacts are prepared at a time.",
    ),
    // Named limits.
    setting("limits.nodes_max", count(1, 100_000_000), "1000000", "nodes", "Nodes of one run."),
    setting("limits.recursion_max", count(1, 10_000), "100", "levels", "Templates within templates."),
    setting("limits.items_max", count(1, 10_000_000), "200000", "items", "Iterations of one loop."),
    setting("limits.parameter_bytes_max", Kind::Bytes, "16Mi", "bytes", "One parameter's value."),
    setting("limits.eval_fuel_max", count(1_000, MANY), "2000000", "steps", "Steps of evaluating one expression."),
    setting("limits.object_bytes_max", Kind::Bytes, "64Mi", "bytes", "One object, also when it comes in chunks."),
    setting("limits.message_bytes_max", Kind::Bytes, "4Mi", "bytes", "One API message; larger documents are streamed."),
    setting("limits.page_max", count(1, 100_000), "500", "items", "Items of one page of a list."),
    setting("limits.watchers_max", count(1, 1_000_000), "10000", "watches", "Watches at a time."),
    setting(
        "limits.log_bytes_max",
        Kind::Bytes,
        "64Mi",
        "bytes",
        "Log of one container; what is beyond is dropped and said so.",
    ),
    setting("limits.log_line_bytes_max", Kind::Bytes, "64Ki", "bytes", "One line of a log; a longer one is split."),
    setting(
        "limits.result_bytes_max",
        Kind::Bytes,
        "4Mi",
        "bytes",
        "End of a step's standard output that becomes its result.",
    ),
    setting("limits.pids_max", count(1, 4_194_304), "4096", "processes", "Processes and threads of one step."),
    setting(
        "limits.store_cache_bytes_max",
        Kind::Bytes,
        "32Mi",
        "bytes",
        "Hot objects that the store keeps in memory.",
    ),
    // The command line as a client.
    setting(
        "client.server",
        Kind::Text,
        "",
        "",
        "Server that commands talk to, `host:port` or `https://host:port`; by default the one of this data folder.",
    ),
    setting("client.namespace", Kind::Text, "", "", "Namespace of commands; by default the server's."),
    setting("client.token", Kind::Secret, "", "", "Token of commands; by default the one in the data folder."),
    setting("client.tokenFile", Kind::Path, "", "", "File that holds the token of commands."),
    setting(
        "client.ca",
        Kind::Path,
        "",
        "",
        "PEM file with the authorities that the server's certificate may come from.",
    ),
    setting("client.cert", Kind::Path, "", "", "PEM file with the client's certificate."),
    setting("client.key", Kind::Path, "", "", "PEM file with the client certificate's key."),
    setting(
        "client.timeoutSeconds",
        count(1, 86_400),
        "30",
        "seconds",
        "How long one request may take; watches and streams have no such end.",
    ),
];

/// Keys of Argo's controller configuration that are not settings here, and what to do instead.
pub static KNOWN_ELSEWHERE: &[(&str, &str)] = &[
    ("persistence", "finished runs stay in the store's indexes; set `retentionPolicy` to bound them"),
    ("metricsConfig", "set `metrics.listen`"),
    ("telemetryConfig", "set `metrics.listen` and `otlp.endpoint`"),
    ("sso", "tokens and roles are set in `auth.tokensFile`"),
    ("executor", "steps are processes here, there is no executor container"),
    ("mainContainer", "set `workflowDefaults.spec.templateDefaults.container`"),
    ("containerRuntimeExecutor", "remove it: there is one way to run steps"),
    ("instanceID", "run a second server with a data folder of its own"),
    ("kubeConfig", "remove it: no cluster is needed"),
    ("nodeEvents", "remove it: nodes are watched through the API"),
    ("workflowEvents", "remove it: runs are watched through the API"),
    ("podSpecLogStrategy", "set `log.level` to `debug`"),
    ("initialDelay", "remove it: start-up needs no delay"),
    ("links", "remove it: links belong to the web page, which is not there yet"),
    ("columns", "remove it: columns belong to the web page, which is not there yet"),
    ("navColor", "remove it: it belongs to the web page, which is not there yet"),
    ("synchronization", "remove it: locks live in the server's own store"),
    ("artifactDrivers", "remove it: the built-in drivers are used"),
    (
        "artifactRepositoryRef",
        "a ConfigMap named artifact-repositories in the run's namespace is read without a setting",
    ),
    ("podGCGracePeriodSeconds", "set `steps.graceSeconds`"),
    ("failedPodRestart", "use a retryStrategy"),
    ("semaphoreLimitCacheSeconds", "remove it: limits are read from their ConfigMap as it is"),
    ("podGCDeleteDelayDuration", "set `spec.podGC.deleteDelayDuration` in `workflowDefaults`"),
];

/// The row of a key.
pub fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_settings_share_a_name() {
        let mut seen = HashSet::new();
        for setting in SETTINGS {
            assert!(seen.insert(setting.env()), "{} twice", setting.env());
            assert!(seen.insert(setting.flag()), "{} twice", setting.flag());
            assert!(setting.doc.ends_with('.'), "{}: the sentence ends with a dot", setting.key);
        }
    }

    #[test]
    fn every_default_is_a_value_of_its_kind() {
        for setting in SETTINGS {
            super::super::kinds::from_text(setting, setting.default).unwrap_or_else(|e| panic!("{}: {e}", setting.key));
        }
    }

    #[test]
    fn numbers_have_units() {
        for setting in SETTINGS {
            let numeric = matches!(setting.kind, Kind::Count { .. } | Kind::Number | Kind::Bytes);
            assert_eq!(numeric, !setting.unit.is_empty(), "{}", setting.key);
        }
    }
}
