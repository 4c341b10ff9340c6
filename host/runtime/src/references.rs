//! Objects that runs refer to: config maps, secrets, claims, custom kinds.

use std::sync::Arc;

use artifact::{ArtifactError, ErrorClass, Secret, Secrets};
use async_trait::async_trait;
use model::Object;
use model::core::{ConfigMap, CustomResourceDefinition, Secret as SecretObject};
use model::meta::{Kind as _, KindInfo};
use runner::References;
use store::StoreError;
use store::objects::{Gvk, ListQuery, Objects, Selector};

use crate::workflows::{Workflows, key};

/// Reads what units refer to from the objects store.
pub struct StoreReferences(pub Arc<dyn Objects>);

#[async_trait]
impl References for StoreReferences {
    async fn config_map(&self, namespace: &str, name: &str) -> Option<Arc<Object>> {
        self.0.get(&key("v1", "ConfigMap", namespace, name)).await.ok()
    }
    async fn secret(&self, namespace: &str, name: &str) -> Option<Arc<Object>> {
        self.0.get(&key("v1", "Secret", namespace, name)).await.ok()
    }
    async fn claim(&self, namespace: &str, name: &str) -> Option<Arc<Object>> {
        self.0.get(&key("v1", "PersistentVolumeClaim", namespace, name)).await.ok()
    }
}

/// The secrets and config maps of one namespace, for artifact drivers.
pub struct NamespaceSecrets {
    /// Where they are.
    pub objects: Arc<dyn Objects>,
    /// The namespace.
    pub namespace: Arc<str>,
}

impl NamespaceSecrets {
    fn missing(&self, kind: &str, name: &str, reason: String) -> ArtifactError {
        ArtifactError {
            artifact: String::new(),
            operation: "read",
            location: format!("{kind} {}/{name}", self.namespace),
            reason,
            class: ErrorClass::Permanent,
            source: None,
        }
    }

    async fn object(&self, kind: &str, name: &str) -> Result<Arc<Object>, ArtifactError> {
        match self.objects.get(&key("v1", kind, &self.namespace, name)).await {
            Ok(object) => Ok(object),
            Err(StoreError::NotFound { .. }) => Err(self.missing(kind, name, "it is not there; create it".to_owned())),
            Err(problem) => {
                Err(ArtifactError { class: ErrorClass::Transient, ..self.missing(kind, name, problem.to_string()) })
            }
        }
    }
}

#[async_trait]
impl Secrets for NamespaceSecrets {
    async fn secret(&self, name: &str, key: &str) -> Result<Secret, ArtifactError> {
        let object = self.object("Secret", name).await?;
        let secret: SecretObject = object.decode().map_err(|e| self.missing("Secret", name, e.to_string()))?;
        let value =
            secret.data.get(key).ok_or_else(|| self.missing("Secret", name, format!("it has no key {key:?}")))?;
        Ok(Secret::new(value.expose_secret().to_vec()))
    }

    async fn config_map(&self, name: &str, key: &str) -> Result<String, ArtifactError> {
        let object = self.object("ConfigMap", name).await?;
        let map: ConfigMap = object.decode().map_err(|e| self.missing("ConfigMap", name, e.to_string()))?;
        map.data.get(key).cloned().ok_or_else(|| self.missing("ConfigMap", name, format!("it has no key {key:?}")))
    }
}

impl Workflows {
    pub(crate) fn secrets(&self, namespace: &Arc<str>) -> Arc<dyn Secrets> {
        Arc::new(NamespaceSecrets { objects: self.objects.clone(), namespace: namespace.clone() })
    }

    pub(crate) async fn secret(&self, namespace: &Arc<str>, name: &str, key: &str) -> Result<Secret, String> {
        self.secrets(namespace).secret(name, key).await.map_err(|e| e.to_string())
    }

    /// The kinds that CustomResourceDefinitions name, one for each version that is served.
    pub(crate) async fn custom_kinds(&self) -> store::Result<Vec<KindInfo>> {
        let gvk = Gvk::new(CustomResourceDefinition::API_VERSION, CustomResourceDefinition::KIND);
        let mut kinds = Vec::new();
        let mut token = None;
        loop {
            let query =
                ListQuery { selector: Selector::of(gvk.clone()), continue_token: token, ..ListQuery::default() };
            let page = self.objects.list(&query).await?;
            for object in &page.items {
                // One definition that cannot be read does not hide the others.
                let Ok(definition) = object.decode::<CustomResourceDefinition>() else { continue };
                kinds.extend(definition.kinds());
            }
            token = page.continue_token;
            if token.is_none() {
                return Ok(kinds);
            }
        }
    }
}
