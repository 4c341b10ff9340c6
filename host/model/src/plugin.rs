//! Plugins: components of WebAssembly that an operator installs.

use crate::meta::{Condition, ObjectMeta, impl_kind};
use crate::values::{Quantity, Raw, Timestamp};

record! {
    /// A plugin: where its component comes from, what it may reach, how much it may take. Nothing is granted by default.
    pub struct Plugin {
        /// Metadata; the name is what other objects call the plugin by.
        pub metadata: ObjectMeta,
        /// What is wanted.
        pub spec: PluginSpec,
        /// What there is.
        pub status: Option<PluginStatus>,
    }

    /// What is wanted of a plugin.
    pub struct PluginSpec {
        /// Where its component comes from.
        pub source: PluginSource,
        /// What it may reach.
        pub grants: PluginGrants,
        /// How much its calls may take.
        pub limits: PluginLimits,
        /// Takes it out of service without deleting it.
        pub suspend: Option<bool>,
    }

    /// Where a component comes from; exactly one of `file` and `oci`.
    pub struct PluginSource {
        /// A file in the server's folder of plugins (`plugins.folder`), such as `prometheus.wasm`.
        pub file: Option<String>,
        /// An artifact in an OCI registry.
        pub oci: Option<PluginOciSource>,
        /// What the component's content must be, as `sha256:…`. Another content is refused.
        pub digest: Option<String>,
    }

    /// A component in an OCI registry.
    pub struct PluginOciSource {
        /// Such as `registry.example.com/plugins/prometheus:1.2.0`, or with `@sha256:…`.
        pub reference: String,
        /// The Secret (`kubernetes.io/dockerconfigjson`) to sign in with.
        pub pull_secret: Option<PluginSecretRef>,
        /// The registry is spoken to without TLS.
        pub insecure: Option<bool>,
        /// How often a tag is looked at again, so that a moved one is swapped in; `5m` by default, at least `10s`. A digest is not.
        pub interval: Option<String>,
    }

    /// A Secret, in a namespace: plugins are cluster-wide.
    pub struct PluginSecretRef {
        /// Its namespace.
        pub namespace: String,
        /// Its name.
        pub name: String,
    }

    /// What a plugin may reach.
    pub struct PluginGrants {
        /// Hosts that its requests may go to.
        pub http: Vec<PluginHttpGrant>,
        /// Endpoints that its connections may go to.
        pub endpoints: Vec<PluginEndpointGrant>,
        /// Secrets that it may use without seeing them.
        pub secrets: Vec<PluginSecretGrant>,
        /// State that it may keep, for each object that uses it.
        pub state: Option<PluginStateGrant>,
        /// Large values that it may keep.
        pub blobs: Option<PluginBlobsGrant>,
        /// Lets a renderer ask for objects of the destination (Helm's `lookup`).
        pub lookup: Option<bool>,
        /// Folders of the server's machine; below those of `plugins.fileFolders` only.
        pub files: Vec<PluginFileGrant>,
    }

    /// A folder of the server's machine.
    pub struct PluginFileGrant {
        /// Where it is, as an absolute path. Links in it that lead out of it are not followed.
        pub path: String,
        /// Where the plugin finds it.
        pub mount_path: String,
        /// Whether nothing in it may be changed; true by default.
        pub read_only: Option<bool>,
    }

    /// Hosts that requests may go to.
    pub struct PluginHttpGrant {
        /// `[scheme://]host[:port]`; the host is a name, an address, `*.example.com` or `*`.
        pub host: String,
        /// Whether its addresses may be private ones: `true`, or a list of networks such as `10.1.0.0/16`. Link-local and metadata addresses need a network that names them.
        pub private: Option<Raw>,
        /// Takes any certificate.
        pub insecure: Option<bool>,
        /// Certificates for it.
        pub tls: Option<PluginTlsGrant>,
    }

    /// An endpoint that connections may go to.
    pub struct PluginEndpointGrant {
        /// `tcp://host:port` or `tls://host:port`.
        pub address: String,
        /// Whether its addresses may be private ones, as with `http`.
        pub private: Option<Raw>,
        /// Takes any certificate.
        pub insecure: Option<bool>,
        /// Certificates for it.
        pub tls: Option<PluginTlsGrant>,
    }

    /// Certificates, which are secrets (PEM). The plugin sees none of them.
    pub struct PluginTlsGrant {
        /// Certificate authorities beside the machine's.
        pub ca: Option<PluginSecretKeyRef>,
        /// The certificate that is shown to the other side, and those above it.
        pub certificate: Option<PluginSecretKeyRef>,
        /// Its private key.
        pub key: Option<PluginSecretKeyRef>,
    }

    /// A secret that a plugin may use.
    pub struct PluginSecretGrant {
        /// What the plugin calls it.
        pub name: String,
        /// The value.
        pub secret_key_ref: PluginSecretKeyRef,
        /// Hosts that it may be sent to, as in `http`; all that requests may go to when empty.
        pub hosts: Vec<String>,
        /// Lets the plugin see the value. Almost none needs that.
        pub reveal: Option<bool>,
    }

    /// A key of a Secret, in a namespace.
    pub struct PluginSecretKeyRef {
        /// The namespace.
        pub namespace: String,
        /// The Secret's name.
        pub name: String,
        /// The key in it.
        pub key: String,
    }

    /// State that a plugin may keep.
    pub struct PluginStateGrant {
        /// For each object that uses it, such as `64Ki`.
        pub bytes: Option<Quantity>,
    }

    /// Large values that a plugin may keep.
    pub struct PluginBlobsGrant {
        /// All of them together; 64Mi by default.
        pub bytes: Option<Quantity>,
    }

    /// How much a plugin's calls may take. Passing a limit ends the call that passes it.
    pub struct PluginLimits {
        /// Memory of a call; 64Mi by default.
        pub memory: Option<Quantity>,
        /// How long a call may take by the clock on the wall; `30s` by default.
        pub wall_time: Option<String>,
        /// How long a call may compute; `10s` by default.
        pub cpu_time: Option<String>,
        /// Calls at once; 16 by default. Others wait.
        pub concurrency: Option<i32>,
        /// Instances that stay for the next call, so that it need not wait for one to begin; none by default, at most 64. What a call leaves in the
        /// plugin's memory is there in the next, whichever object that is for.
        pub pool_size: Option<i32>,
        /// Calls after which one of them is replaced; 100 by default.
        pub max_invocations: Option<i32>,
        /// Requests that a call may send; 100 by default.
        pub requests: Option<i32>,
        /// The answer to a request; 8Mi by default.
        pub response_size: Option<Quantity>,
        /// The data of an event, and a request that comes in; 8Mi by default.
        pub payload_size: Option<Quantity>,
        /// What a call may write to its log; 64Ki by default. The rest is counted.
        pub log_size: Option<Quantity>,
    }

    /// What there is of a plugin.
    pub struct PluginStatus {
        /// The component in service; that of an earlier generation while the newest cannot be taken.
        pub digest: String,
        /// Who signed it, where the server asks for signatures (`plugins.signatures`) and somebody whom it trusts did.
        pub signed_by: String,
        /// Its version, as it says.
        pub version: String,
        /// What it is, in its own sentence.
        pub summary: String,
        /// Its kinds, and how each is configured.
        pub kinds: Vec<PluginKindStatus>,
        /// What it needs and is not granted.
        pub missing_grants: Vec<PluginMissingGrant>,
        /// Calls since the server began.
        pub calls: i64,
        /// Of them, those that ended with an error of the plugin.
        pub errors: i64,
        /// Of them, those that trapped or were ended for a limit.
        pub killed: i64,
        /// The time within which 99 of 100 of the last calls ended, in seconds.
        pub p99_seconds: Option<f64>,
        /// The last error.
        pub last_error: String,
        /// Whether it is in service, and why not.
        pub conditions: Vec<Condition>,
        /// The generation that was observed.
        pub observed_generation: i64,
        /// When the component in service was taken.
        pub loaded_at: Option<Timestamp>,
    }

    /// A kind that a plugin is of.
    pub struct PluginKindStatus {
        /// Such as `metric-provider`.
        pub kind: String,
        /// The JSON Schema of its configuration.
        pub config_schema: Option<Raw>,
    }

    /// What a plugin needs and is not granted.
    pub struct PluginMissingGrant {
        /// The line to add to `spec.grants`.
        pub grant: String,
        /// Why it needs it, in its own sentence.
        pub why: String,
        /// It does part of its work without.
        pub optional: bool,
    }
}

impl_kind!(Plugin, "colchis.dev/v1", "plugins", namespaced: false, short: [], status: status);
