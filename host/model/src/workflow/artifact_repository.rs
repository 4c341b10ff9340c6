//! The artifact repository, as a ConfigMap's value describes it in YAML (`artifact-repositories`, or the server's own setting).

use super::{ArtifactLocation, CreateS3Bucket, OssLifecycleRule, S3EncryptionOptions};
use crate::core::SecretKeySelector;

record! {
    /// Where artifacts without a location go; one place is set.
    pub struct ArtifactRepository {
        /// Keeps logs as artifacts.
        pub archive_logs: Option<bool>,
        /// A bucket of S3 or what speaks its protocol.
        pub s3: Option<Box<S3ArtifactRepository>>,
        /// A bucket of Google's object storage.
        pub gcs: Option<Box<GcsArtifactRepository>>,
        /// A container of Azure's object storage.
        pub azure: Option<Box<AzureArtifactRepository>>,
        /// A bucket of Alibaba's object storage.
        pub oss: Option<Box<OssArtifactRepository>>,
        /// JFrog Artifactory.
        pub artifactory: Option<Box<ArtifactoryArtifactRepository>>,
        /// HDFS.
        pub hdfs: Option<crate::values::Raw> = refused "HDFS is not offered; put the files in a bucket or behind HTTP",
        /// A driver that is a plugin.
        pub plugin: Option<crate::values::Raw> = refused "artifact driver plugins are not available yet",
    }

    /// A bucket of S3.
    pub struct S3ArtifactRepository {
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
        /// How keys are made; may hold tags.
        pub key_format: String,
        /// What keys begin with, in an older form.
        pub key_prefix: String,
    }

    /// A bucket of Google's storage.
    pub struct GcsArtifactRepository {
        /// The bucket.
        pub bucket: String,
        /// The service account's key file.
        pub service_account_key_secret: Option<SecretKeySelector>,
        /// How keys are made; may hold tags.
        pub key_format: String,
    }

    /// A container of Azure's storage.
    pub struct AzureArtifactRepository {
        /// The account's URL.
        pub endpoint: String,
        /// The container.
        pub container: String,
        /// The account's key.
        pub account_key_secret: Option<SecretKeySelector>,
        /// Takes credentials from the environment.
        #[serde(rename = "useSDKCreds")]
        pub use_sdk_creds: bool,
        /// How names are made; may hold tags.
        pub blob_name_format: String,
    }

    /// A bucket of Alibaba's storage.
    pub struct OssArtifactRepository {
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
        /// How keys are made; may hold tags.
        pub key_format: String,
    }

    /// JFrog Artifactory.
    pub struct ArtifactoryArtifactRepository {
        /// The repository's URL.
        #[serde(rename = "repoURL")]
        pub repo_url: String,
        /// The user's name.
        pub username_secret: Option<SecretKeySelector>,
        /// The password.
        pub password_secret: Option<SecretKeySelector>,
        /// How keys are made; may hold tags.
        pub key_format: String,
    }
}

/// How keys are made where nothing else is said.
pub const KEY_FORMAT_DEFAULT: &str = "{{workflow.name}}/{{pod.name}}";

impl ArtifactRepository {
    /// The location that the repository gives to an artifact: its place with the key (tags in it not yet replaced).
    pub fn location(&self, file_name: &str) -> ArtifactLocation {
        use super::{ArtifactoryArtifact, AzureArtifact, GcsArtifact, OssArtifact, S3Artifact};
        let key = |format: &str| {
            let format = if format.is_empty() { KEY_FORMAT_DEFAULT } else { format };
            format!("{}/{file_name}", format.trim_end_matches('/'))
        };
        let mut location = ArtifactLocation { archive_logs: self.archive_logs, ..ArtifactLocation::default() };
        if let Some(s3) = self.s3.as_deref().cloned() {
            let format = if s3.key_format.is_empty() && !s3.key_prefix.is_empty() {
                format!("{}/{KEY_FORMAT_DEFAULT}", s3.key_prefix.trim_end_matches('/'))
            } else {
                s3.key_format
            };
            location.s3 = Some(Box::new(S3Artifact {
                endpoint: s3.endpoint,
                bucket: s3.bucket,
                region: s3.region,
                insecure: s3.insecure,
                access_key_secret: s3.access_key_secret,
                secret_key_secret: s3.secret_key_secret,
                session_token_secret: s3.session_token_secret,
                role_arn: s3.role_arn,
                use_sdk_creds: s3.use_sdk_creds,
                create_bucket_if_not_present: s3.create_bucket_if_not_present,
                encryption_options: s3.encryption_options,
                ca_secret: s3.ca_secret,
                key: key(&format),
            }));
        } else if let Some(gcs) = self.gcs.as_deref().cloned() {
            location.gcs = Some(Box::new(GcsArtifact {
                bucket: gcs.bucket,
                service_account_key_secret: gcs.service_account_key_secret,
                key: key(&gcs.key_format),
            }));
        } else if let Some(azure) = self.azure.as_deref().cloned() {
            location.azure = Some(Box::new(AzureArtifact {
                endpoint: azure.endpoint,
                container: azure.container,
                account_key_secret: azure.account_key_secret,
                use_sdk_creds: azure.use_sdk_creds,
                blob: key(&azure.blob_name_format),
            }));
        } else if let Some(oss) = self.oss.as_deref().cloned() {
            location.oss = Some(Box::new(OssArtifact {
                endpoint: oss.endpoint,
                bucket: oss.bucket,
                access_key_secret: oss.access_key_secret,
                secret_key_secret: oss.secret_key_secret,
                create_bucket_if_not_present: oss.create_bucket_if_not_present,
                security_token: oss.security_token,
                lifecycle_rule: oss.lifecycle_rule,
                use_sdk_creds: oss.use_sdk_creds,
                key: key(&oss.key_format),
            }));
        } else if let Some(artifactory) = self.artifactory.as_deref().cloned() {
            location.artifactory = Some(Box::new(ArtifactoryArtifact {
                url: format!("{}/{}", artifactory.repo_url.trim_end_matches('/'), key(&artifactory.key_format)),
                username_secret: artifactory.username_secret,
                password_secret: artifactory.password_secret,
            }));
        }
        location
    }
}
