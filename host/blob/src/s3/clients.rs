//! One client for each server and identity.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use artifact::Context;
use aws_config::BehaviorVersion;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{
    Region, RequestChecksumCalculation, ResponseChecksumValidation, StalledStreamProtectionConfig,
};
use aws_smithy_async::rt::sleep::TokioSleep;
use egress::{Guard, Policy, Private, TlsSettings};
use model::workflow::S3Artifact;

use super::S3;
use super::bucket::Create;
use super::error::failure;
use super::http::Guarded;
use super::settings::{Ambient, Encryption, Server};
use crate::config::AmbientCredentials;
use crate::failure::Failure;
use crate::retry::Retry;

/// Clients kept; beyond it all are forgotten and made again as they are needed.
const CLIENTS_MAX: usize = 64;
/// Attempts of the SDK at one request; the operation around it is tried again too.
const ATTEMPTS: u32 = 4;
/// The region of servers that have none, and of Amazon where none is known.
const REGION: &str = "us-east-1";
/// Where the machine's own credentials come from: this machine, its network, and the clouds' metadata services. Only the SDK's own
/// requests for credentials, whose addresses the server's environment names, go by this policy.
const AMBIENT: [&str; 7] =
    ["127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "169.254.0.0/16", "fc00::/7", "fd00:ec2::254/128"];

/// Clients by server and identity.
pub(crate) struct Clients {
    http: egress::Client,
    ambient: Arc<egress::Client>,
    permitted: AmbientCredentials,
    retry: Retry,
    made: Mutex<HashMap<[u8; 32], Client>>,
    regions: Mutex<HashMap<String, String>>,
}

impl Clients {
    /// Clients whose connections are made by `http`, or with a certificate authority of their own by the same guard.
    pub(crate) fn new(
        http: egress::Client,
        permitted: AmbientCredentials,
        retry: Retry,
    ) -> Result<Self, egress::EgressError> {
        let networks = AMBIENT.iter().filter_map(|network| network.parse().ok()).collect();
        let policy = egress::Config { allow_private: Private::Networks(networks), ..egress::Config::default() };
        let ambient = egress::Client::new(Guard::new(Policy::new(policy)), &TlsSettings::default())?;
        Ok(Self {
            http,
            ambient: Arc::new(ambient),
            permitted,
            retry,
            made: Mutex::default(),
            regions: Mutex::default(),
        })
    }

    /// The bucket of an artifact.
    pub(crate) async fn bucket(&self, context: &Context, s3: &S3Artifact) -> Result<S3, Failure> {
        let mut server = Server::read(context, s3).await?;
        let encryption = Encryption::read(context, s3.encryption_options.as_ref()).await?;
        self.settle_credentials(&mut server, &s3.bucket)?;
        if server.region.is_none() && server.is_amazon() {
            server.region = Some(self.region(&server, &s3.bucket).await?);
        }
        let create = s3
            .create_bucket_if_not_present
            .as_ref()
            .map(|create| Create { locking: create.object_locking, region: server.region.clone() });
        let client = self.client(&server).await?;
        Ok(S3 { client, bucket: s3.bucket.clone(), encryption, create, retry: self.retry })
    }

    /// Decides whether the machine's own credentials are used.
    fn settle_credentials(&self, server: &mut Server, bucket: &str) -> Result<(), Failure> {
        if server.keys.is_some() {
            if server.ambient == Ambient::Asked {
                return Err(Failure::permanent("s3.useSDKCreds and s3.accessKeySecret are both set: one is meant"));
            }
            return Ok(());
        }
        // Only a bucket that the operator named may be called with them, and at another address than Amazon's only with that address:
        // whoever is called sees the session token.
        let place =
            server.endpoint.as_deref().filter(|_| !server.is_amazon()).and_then(|endpoint| endpoint.split_once("://"));
        let permitted = match place {
            None => self.permitted.permit(bucket),
            Some((_, host)) => self.permitted.permit(&format!("{host}/{bucket}")),
        };
        let asked = server.ambient == Ambient::Asked || server.role.is_some();
        if asked && !permitted {
            return Err(Failure::denied(
                "the artifact asks for the server's own credentials (useSDKCreds or roleARN without keys), which the setting artifacts.ambientCredentials does not grant it",
            ));
        }
        // Argo takes the machine's role when nothing is said; so does this, where it may.
        server.ambient = match () {
            () if asked => Ambient::Asked,
            () if permitted && server.is_amazon() => Ambient::IfAny,
            () => Ambient::Unused,
        };
        Ok(())
    }

    /// The region of one of Amazon's buckets, asked for once.
    async fn region(&self, server: &Server, bucket: &str) -> Result<String, Failure> {
        if let Some(known) = self.regions.lock().unwrap_or_else(PoisonError::into_inner).get(bucket) {
            return Ok(known.clone());
        }
        let client = self.client(&Server { region: Some(REGION.to_owned()), ..server.clone() }).await?;
        let region = match client.head_bucket().bucket(bucket).send().await {
            Ok(head) => head.bucket_region,
            Err(error) => match error.raw_response().and_then(|answer| answer.headers().get("x-amz-bucket-region")) {
                Some(region) => Some(region.to_owned()),
                None if error.raw_response().is_some_and(|answer| answer.status().as_u16() == 404) => {
                    return Ok(REGION.to_owned());
                }
                None => return Err(failure("look for the bucket's region", &error)),
            },
        };
        let region = region.unwrap_or_else(|| REGION.to_owned());
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        if regions.len() >= CLIENTS_MAX {
            regions.clear();
        }
        regions.insert(bucket.to_owned(), region.clone());
        Ok(region)
    }

    async fn client(&self, server: &Server) -> Result<Client, Failure> {
        let key = server.fingerprint();
        if let Some(client) = self.made.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(client.clone());
        }
        let client = self.build(server).await?;
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() >= CLIENTS_MAX {
            made.clear();
        }
        Ok(made.entry(key).or_insert(client).clone())
    }

    async fn build(&self, server: &Server) -> Result<Client, Failure> {
        let http = match &server.authority {
            None => self.http.clone(),
            Some(pem) => {
                let settings = TlsSettings { extra_roots: Some(pem.clone()), ..TlsSettings::default() };
                egress::Client::new(self.http.guard().clone(), &settings)
                    .map_err(|error| Failure::permanent(format!("s3.caSecret: {error}")))?
            }
        };
        let region = Region::new(server.region.clone().unwrap_or_else(|| REGION.to_owned()));
        let retry = RetryConfig::standard()
            .with_max_attempts(ATTEMPTS.min(self.retry.attempts_max.max(1)))
            .with_initial_backoff(Duration::from_millis(self.retry.first_ms));
        let mut config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(Guarded(http))
            .sleep_impl(TokioSleep::new())
            .retry_config(retry.clone())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .disable_s3_express_session_auth(true)
            .force_path_style(server.path_style)
            .region(region.clone());
        if let Some(endpoint) = &server.endpoint {
            config = config.endpoint_url(endpoint);
        }
        if !server.is_amazon() {
            // Servers that speak the protocol of some years ago know neither trailers nor these checksums; bodies are signed anyway.
            config = config
                .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        }
        config = match self.credentials(server, region).await {
            Some(credentials) => config.credentials_provider(credentials),
            None => config.allow_no_auth(),
        };
        Ok(Client::from_conf(config.build()))
    }

    /// Who calls; nobody for a bucket that is open to all.
    async fn credentials(&self, server: &Server, region: Region) -> Option<SharedCredentialsProvider> {
        let http = Guarded(egress::Client::clone(&self.ambient));
        let base = match &server.keys {
            Some((access, secret, session)) => {
                SharedCredentialsProvider::new(Credentials::new(access, secret, session.clone(), None, "artifact"))
            }
            None if server.ambient != Ambient::Unused => {
                let config = ProviderConfig::without_region()
                    .with_region(Some(region.clone()))
                    .with_http_client(http.clone())
                    .with_sleep_impl(TokioSleep::new());
                let chain = DefaultCredentialsChain::builder().configure(config).build().await;
                if server.ambient == Ambient::IfAny && chain.provide_credentials().await.is_err() {
                    return None;
                }
                SharedCredentialsProvider::new(chain)
            }
            None => return None,
        };
        let Some(role) = &server.role else { return Some(base) };
        let config = aws_config::SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(Guarded(self.http.clone()))
            .sleep_impl(TokioSleep::new())
            .time_source(aws_smithy_async::time::SystemTimeSource::new())
            .region(region)
            .build();
        let provider = AssumeRoleProvider::builder(role)
            .session_name("colchis")
            .configure(&config)
            .build_from_provider(base)
            .await;
        Some(SharedCredentialsProvider::new(provider))
    }
}
