//! Reads the objects a unit refers to, in its namespace.

use std::sync::Arc;

use artifact::{ArtifactError, ErrorClass};
use async_trait::async_trait;
use base64::Engine as _;
use model::core::{ConfigMap, Secret};
use runner::{References, Unit};

use super::{Cannot, Planner};

impl Planner<'_> {
    pub(super) async fn config_map(&self, unit: &Unit, name: &str) -> Result<Option<ConfigMap>, Cannot> {
        match self.environment.references.config_map(&unit.namespace, name).await {
            None => Ok(None),
            Some(object) => object.decode().map(Some).map_err(|e| Cannot::start(format!("ConfigMap {name}: {e}"))),
        }
    }

    pub(crate) async fn secret(&self, unit: &Unit, name: &str) -> Result<Option<Secret>, Cannot> {
        match self.environment.references.secret(&unit.namespace, name).await {
            None => Ok(None),
            Some(object) => object.decode().map(Some).map_err(|e| Cannot::start(format!("Secret {name}: {e}"))),
        }
    }
}

/// All keys of a ConfigMap with their bytes.
pub(super) fn config_map_files(map: &ConfigMap) -> Vec<(String, Vec<u8>)> {
    let binary = map.binary_data.iter().filter_map(|(key, text)| {
        Some((key.clone(), base64::engine::general_purpose::STANDARD.decode(text.trim()).ok()?))
    });
    map.data.iter().map(|(key, text)| (key.clone(), text.clone().into_bytes())).chain(binary).collect()
}

/// Secrets and config maps of one namespace, for the artifact drivers.
pub(crate) struct NamespaceSecrets {
    pub references: Arc<dyn References>,
    pub namespace: Arc<str>,
}

impl NamespaceSecrets {
    fn missing(&self, kind: &str, name: &str, key: &str) -> ArtifactError {
        ArtifactError {
            artifact: String::new(),
            operation: "read",
            location: format!("{kind} {name}"),
            reason: format!("no key {key} in {kind} {name} of namespace {}", self.namespace),
            class: ErrorClass::Denied,
            source: None,
        }
    }
}

#[async_trait]
impl artifact::Secrets for NamespaceSecrets {
    async fn secret(&self, name: &str, key: &str) -> Result<artifact::Secret, ArtifactError> {
        let object = self.references.secret(&self.namespace, name).await;
        let secret = object.and_then(|o| o.decode::<Secret>().ok());
        let value = secret.as_ref().and_then(|s| s.data.get(key));
        value.map(|v| artifact::Secret::new(v.expose_secret())).ok_or_else(|| self.missing("Secret", name, key))
    }

    async fn config_map(&self, name: &str, key: &str) -> Result<String, ArtifactError> {
        let object = self.references.config_map(&self.namespace, name).await;
        let map = object.and_then(|o| o.decode::<ConfigMap>().ok());
        map.and_then(|m| m.data.get(key).cloned()).ok_or_else(|| self.missing("ConfigMap", name, key))
    }
}
