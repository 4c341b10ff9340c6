//! The ten places where an artifact may lie.

use crate::core::{ConfigMapKeySelector, SecretKeySelector};

/// Declares a type with all locations and more; JSON knows no nesting here, Rust does.
macro_rules! location_record {
    ($(#[$meta:meta])* pub struct $name:ident { $( $(#[$field_meta:meta])* pub $field:ident : $ty:ty, )* }) => { record! {
        $(#[$meta])*
        pub struct $name {
            $( $(#[$field_meta])* pub $field : $ty, )*
            /// Keeps the logs of the main container as an artifact.
            pub archive_logs: Option<bool>,
            /// A bucket of S3 or what speaks its protocol.
            pub s3: Option<Box<crate::workflow::S3Artifact>>,
            /// A git repository; input only.
            pub git: Option<Box<crate::workflow::GitArtifact>>,
            /// A URL.
            pub http: Option<Box<crate::workflow::HttpArtifact>>,
            /// A URL of JFrog Artifactory.
            pub artifactory: Option<Box<crate::workflow::ArtifactoryArtifact>>,
            /// A path of HDFS.
            pub hdfs: Option<Box<crate::workflow::HdfsArtifact>> = refused "HDFS is not offered; put the files in a bucket or behind HTTP",
            /// The content itself; input only.
            pub raw: Option<Box<crate::workflow::RawArtifact>>,
            /// A bucket of Alibaba's object storage.
            pub oss: Option<Box<crate::workflow::OssArtifact>>,
            /// A bucket of Google's object storage.
            pub gcs: Option<Box<crate::workflow::GcsArtifact>>,
            /// A container of Azure's object storage.
            pub azure: Option<Box<crate::workflow::AzureArtifact>>,
            /// A driver that is a plugin.
            pub plugin: Option<Box<crate::workflow::PluginArtifact>> = refused "artifact driver plugins are not available yet",
        }
    } };
}
pub(crate) use location_record;

location_record! {
    /// Where an artifact lies; at most one place is set.
    pub struct ArtifactLocation {}
}

impl ArtifactLocation {
    /// The name of the place that is set, as its field is called.
    pub fn place(&self) -> Option<&'static str> {
        [
            ("s3", self.s3.is_some()),
            ("git", self.git.is_some()),
            ("http", self.http.is_some()),
            ("artifactory", self.artifactory.is_some()),
            ("hdfs", self.hdfs.is_some()),
            ("raw", self.raw.is_some()),
            ("oss", self.oss.is_some()),
            ("gcs", self.gcs.is_some()),
            ("azure", self.azure.is_some()),
            ("plugin", self.plugin.is_some()),
        ]
        .into_iter()
        .find_map(|(name, set)| set.then_some(name))
    }
}

record! {
    /// An object in a bucket of S3.
    pub struct S3Artifact {
        /// The server's host and port.
        pub endpoint: String,
        /// The bucket.
        pub bucket: String,
        /// The region.
        pub region: String,
        /// Talks without TLS.
        pub insecure: Option<bool>,
        /// The access key.
        pub access_key_secret: Option<SecretKeySelector>,
        /// The secret key.
        pub secret_key_secret: Option<SecretKeySelector>,
        /// The session token.
        pub session_token_secret: Option<SecretKeySelector>,
        /// A role to be taken.
        #[serde(rename = "roleARN")]
        pub role_arn: String,
        /// Takes credentials from the environment.
        #[serde(rename = "useSDKCreds")]
        pub use_sdk_creds: bool,
        /// Creates the bucket.
        pub create_bucket_if_not_present: Option<CreateS3Bucket>,
        /// Encryption by the server.
        pub encryption_options: Option<S3EncryptionOptions>,
        /// The authority of the server's certificate.
        pub ca_secret: Option<SecretKeySelector>,
        /// The object's key.
        pub key: String,
    }

    /// How a bucket is created.
    pub struct CreateS3Bucket {
        /// With locks on objects.
        pub object_locking: bool,
    }

    /// Encryption by the S3 server.
    pub struct S3EncryptionOptions {
        /// The key of the key service.
        pub kms_key_id: String,
        /// The context, as JSON text.
        pub kms_encryption_context: String,
        /// Encrypts.
        pub enable_encryption: bool,
        /// The customer's own key.
        pub server_side_customer_key_secret: Option<SecretKeySelector>,
    }

    /// A checkout of a git repository.
    pub struct GitArtifact {
        /// The repository's URL.
        pub repo: String,
        /// A commit, tag or branch.
        pub revision: String,
        /// The branch to fetch, with `singleBranch`.
        pub branch: String,
        /// Fetches one branch only.
        pub single_branch: bool,
        /// How many commits are fetched.
        pub depth: Option<i64>,
        /// Refs to fetch.
        pub fetch: Vec<String>,
        /// The user's name.
        pub username_secret: Option<SecretKeySelector>,
        /// The password.
        pub password_secret: Option<SecretKeySelector>,
        /// The SSH key.
        pub ssh_private_key_secret: Option<SecretKeySelector>,
        /// Does not check the host's key.
        pub insecure_ignore_host_key: bool,
        /// Does not check the server's certificate.
        #[serde(rename = "insecureSkipTLS")]
        pub insecure_skip_tls: bool,
        /// Leaves submodules out.
        pub disable_submodules: bool,
    }

    /// A file at a URL.
    pub struct HttpArtifact {
        /// The URL.
        pub url: String,
        /// Headers.
        pub headers: Vec<PlainHeader>,
        /// How to sign in.
        pub auth: Option<HttpAuth>,
    }

    /// A header.
    pub struct PlainHeader {
        /// Name.
        pub name: String,
        /// Value.
        pub value: String,
    }

    /// How to sign in; one field is set.
    pub struct HttpAuth {
        /// With a certificate.
        pub client_cert: Option<ClientCertAuth>,
        /// With a token of an authority.
        pub oauth2: Option<OAuth2Auth>,
        /// With name and password.
        pub basic_auth: Option<BasicAuth>,
    }

    /// Name and password.
    pub struct BasicAuth {
        /// The name.
        pub username_secret: Option<SecretKeySelector>,
        /// The password.
        pub password_secret: Option<SecretKeySelector>,
    }

    /// A certificate and its key.
    pub struct ClientCertAuth {
        /// The certificate.
        pub client_cert_secret: Option<SecretKeySelector>,
        /// The key.
        pub client_key_secret: Option<SecretKeySelector>,
    }

    /// A token of an authority.
    pub struct OAuth2Auth {
        /// The client's id.
        #[serde(rename = "clientIDSecret")]
        pub client_id_secret: Option<SecretKeySelector>,
        /// The client's secret.
        pub client_secret_secret: Option<SecretKeySelector>,
        /// Where tokens are given.
        #[serde(rename = "tokenURLSecret")]
        pub token_url_secret: Option<SecretKeySelector>,
        /// What is asked for.
        pub scopes: Vec<String>,
        /// Further parameters of the request.
        pub endpoint_params: Vec<OAuth2EndpointParam>,
    }

    /// A further parameter of a token request.
    pub struct OAuth2EndpointParam {
        /// Name.
        pub key: String,
        /// Value.
        pub value: String,
    }

    /// A file of JFrog Artifactory.
    pub struct ArtifactoryArtifact {
        /// The URL.
        pub url: String,
        /// The user's name.
        pub username_secret: Option<SecretKeySelector>,
        /// The password.
        pub password_secret: Option<SecretKeySelector>,
    }

    /// A path of HDFS.
    pub struct HdfsArtifact {
        /// Name nodes.
        pub addresses: Vec<String>,
        /// The user.
        pub hdfs_user: String,
        /// Kerberos: credential cache.
        #[serde(rename = "krbCCacheSecret")]
        pub krb_ccache_secret: Option<SecretKeySelector>,
        /// Kerberos: keytab.
        pub krb_keytab_secret: Option<SecretKeySelector>,
        /// Kerberos: user.
        pub krb_username: String,
        /// Kerberos: realm.
        pub krb_realm: String,
        /// Kerberos: configuration.
        pub krb_config_config_map: Option<ConfigMapKeySelector>,
        /// Kerberos: the service.
        pub krb_service_principal_name: String,
        /// Protection of transferred data.
        pub data_transfer_protection: String,
        /// The path.
        pub path: String,
        /// Overwrites.
        pub force: bool,
    }

    /// The content itself.
    pub struct RawArtifact {
        /// The text.
        pub data: String,
    }

    /// An object in a bucket of Alibaba's storage.
    pub struct OssArtifact {
        /// The server.
        pub endpoint: String,
        /// The bucket.
        pub bucket: String,
        /// The access key.
        pub access_key_secret: Option<SecretKeySelector>,
        /// The secret key.
        pub secret_key_secret: Option<SecretKeySelector>,
        /// Creates the bucket.
        pub create_bucket_if_not_present: bool,
        /// A temporary token.
        pub security_token: String,
        /// When objects are moved and deleted.
        pub lifecycle_rule: Option<OssLifecycleRule>,
        /// Takes credentials from the environment.
        #[serde(rename = "useSDKCreds")]
        pub use_sdk_creds: bool,
        /// The object's key.
        pub key: String,
    }

    /// When objects are moved and deleted.
    pub struct OssLifecycleRule {
        /// Days until an object is moved to cheaper storage.
        pub mark_infrequent_access_after_days: i32,
        /// Days until an object is deleted.
        pub mark_deletion_after_days: i32,
    }

    /// An object in a bucket of Google's storage.
    pub struct GcsArtifact {
        /// The bucket.
        pub bucket: String,
        /// The service account's key file.
        pub service_account_key_secret: Option<SecretKeySelector>,
        /// The object's key.
        pub key: String,
    }

    /// A blob of Azure's storage.
    pub struct AzureArtifact {
        /// The account's URL.
        pub endpoint: String,
        /// The container.
        pub container: String,
        /// The account's key.
        pub account_key_secret: Option<SecretKeySelector>,
        /// Takes credentials from the environment.
        #[serde(rename = "useSDKCreds")]
        pub use_sdk_creds: bool,
        /// The blob's name.
        pub blob: String,
    }

    /// An artifact of a driver that is a plugin.
    pub struct PluginArtifact {
        /// The driver's name.
        pub name: String,
        /// The driver's configuration.
        pub configuration: String,
        /// Seconds until the connection is given up.
        pub connection_timeout_seconds: i32,
        /// The artifact's key.
        pub key: String,
    }
}
