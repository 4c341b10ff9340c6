//! Values of secrets for grants, from Secret objects.

use std::sync::Arc;

use artifact::{ErrorClass as ArtifactClass, Secret, Secrets as _};
use async_trait::async_trait;
use plugin::{ErrorClass, PluginError, Result};
use plugin_host::{SecretGrant, Secrets};
use runtime::NamespaceSecrets;
use store::objects::Objects;

/// Reads Secret objects.
pub(super) struct ObjectSecrets(pub(super) Arc<dyn Objects>);

#[async_trait]
impl Secrets for ObjectSecrets {
    async fn value(&self, grant: &SecretGrant) -> Result<Secret> {
        let secrets = NamespaceSecrets { objects: self.0.clone(), namespace: grant.namespace.as_str().into() };
        secrets.secret(&grant.name, &grant.key).await.map_err(|error| {
            let class = match error.class {
                ArtifactClass::Transient => ErrorClass::Unavailable,
                _ => ErrorClass::Denied,
            };
            PluginError::new(class, "no-secret", error.to_string())
        })
    }
}
