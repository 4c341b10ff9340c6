//! Components from registries, as a `Plugin` object names them. Asks as the server, through its rules (`egress`): what a plugin may reach
//! is another matter.

use std::sync::Arc;
use std::time::Duration;

use artifact::{ErrorClass, Secrets as _};
use bytes::Bytes;
use egress::{Guard, Socks};
use model::plugin::{PluginOciSource, PluginSecretRef};
use plugin_registry::{Credentials, Reference, Registry, RegistryError, parse_reference};
use runtime::NamespaceSecrets;
use store::objects::Objects;

use super::signatures::{SignaturePolicy, Signed};
use super::source::{Again, Got, Kept, REFERENCE, SourceError};
use super::wanted::{self, Wrong};

/// The key of a Secret of type `kubernetes.io/dockerconfigjson`.
const PULL_SECRET_KEY: &str = ".dockerconfigjson";
/// How often a tag is looked at again unless the object says otherwise.
const INTERVAL: Duration = Duration::from_secs(300);
/// The least that an object may say.
const INTERVAL_MIN: Duration = Duration::from_secs(10);

/// How components are got from registries.
#[derive(Clone)]
pub(super) struct Registries {
    pub(super) objects: Arc<dyn Objects>,
    pub(super) kept: Kept,
    pub(super) policy: Arc<SignaturePolicy>,
    /// What the server lets out.
    pub(super) guard: Guard,
}

impl Registries {
    /// Gets a component, and says when to look for another. One that was in service before is not pulled again.
    pub(super) async fn fetch(&self, oci: &PluginOciSource) -> Result<Got, SourceError> {
        let interval = interval(oci)?;
        let reference = parse_reference(&oci.reference).map_err(told)?;
        let credentials = match &oci.pull_secret {
            Some(secret) => Some(credentials(&self.objects, secret, reference.registry()).await?),
            None => None,
        };
        let proxy = Socks::start(self.guard.clone(), "registry").await;
        let proxy = proxy.map_err(|error| SourceError::Egress(format!("no guarded way out: {error}")))?;
        let registry = Registry::new(credentials.as_ref(), oci.insecure == Some(true), Some(&proxy.url()));
        let (bytes, signed) =
            self.ask(&registry, &reference, interval).await.map_err(|error| match (proxy.refused(), error) {
                // The library is told no more than that the proxy did not connect.
                (
                    Some(refused),
                    SourceError::Registry { source: RegistryError::Unreachable { registry, .. }, field, fix },
                ) => {
                    let source = RegistryError::Unreachable { registry, why: refused.why };
                    SourceError::Registry { source, field, fix }
                }
                (_, error) => error,
            })?;
        let next = if reference.digest().is_some() { Again::No } else { Again::After(interval) };
        Ok(Got { bytes, signed, next })
    }

    async fn ask(
        &self,
        registry: &Registry,
        reference: &Reference,
        interval: Duration,
    ) -> Result<(Bytes, Signed), SourceError> {
        let found = registry.resolve(reference).await.map_err(told)?;
        let (kept, digest) = (self.kept.clone(), found.component.clone());
        let before = tokio::task::spawn_blocking(move || (kept.find(&digest), kept.signer(&digest))).await;
        let (bytes, signer) = before.unwrap_or_default();
        let signed = self.policy.artifact(registry, reference, &found, signer).await.map_err(told)?;
        let signed =
            signed.map_err(|why| SourceError::Unsigned { field: REFERENCE, why, again: Again::After(interval) })?;
        match bytes {
            Some(bytes) => Ok((bytes, signed)),
            None => Ok((registry.pull(reference, &found).await.map_err(told)?, signed)),
        }
    }
}

fn interval(oci: &PluginOciSource) -> Result<Duration, Wrong> {
    const FIELD: &str = "spec.source.oci.interval";
    match wanted::time(FIELD, oci.interval.as_deref())? {
        Some(time) if time < INTERVAL_MIN => Err(wanted::wrong(FIELD, "expected at least 10s")),
        time => Ok(time.unwrap_or(INTERVAL)),
    }
}

async fn credentials(
    objects: &Arc<dyn Objects>,
    at: &PluginSecretRef,
    registry: &str,
) -> Result<Credentials, SourceError> {
    let secrets = NamespaceSecrets { objects: objects.clone(), namespace: at.namespace.as_str().into() };
    let text = secrets.secret(&at.name, PULL_SECRET_KEY).await.map_err(|error| match error.class {
        ErrorClass::Transient => SourceError::PullSecret(format!("it cannot be read now: {error}")),
        _ => SourceError::PullSecret(format!("{error}; expected a Secret of type kubernetes.io/dockerconfigjson")),
    })?;
    let named = format!("Secret {}/{}", at.namespace, at.name);
    match Credentials::find(text.reveal(), registry) {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err(SourceError::PullSecret(format!("{named} has no user for {registry}; add one to its `auths`"))),
        Err(why) => Err(SourceError::PullSecret(format!("{named}: {why}"))),
    }
}

/// With the field to look at, and what to do.
fn told(source: RegistryError) -> SourceError {
    let (field, fix) = match &source {
        RegistryError::Credentials { .. } => (
            "spec.source.oci.pullSecret",
            "; name a Secret of type kubernetes.io/dockerconfigjson whose user may pull it",
        ),
        RegistryError::Unreachable { .. } => (
            REFERENCE,
            "; it is tried again with growing pauses (a registry without TLS needs spec.source.oci.insecure: true)",
        ),
        RegistryError::Artifact { .. } => (REFERENCE, "; push the component with `colchis plugin push`"),
        RegistryError::Content { .. } => (REFERENCE, "; push it again"),
        _ => (REFERENCE, ""),
    };
    SourceError::Registry { field, source, fix }
}
