//! What runs look up while they run: template objects whose name was not known before, values of config maps.

use std::sync::Arc;

use engine_workflow::{Found, Input, Lookup, PinnedTemplates, Text};
use model::core::ConfigMap;
use store::StoreError;

use super::Workflows;
use super::admit::{Refused, key};

/// How long a lookup waits before it asks a store that cannot serve again.
const AGAIN: std::time::Duration = std::time::Duration::from_millis(500);

impl Workflows {
    pub(super) async fn look_up(&self, id: &Arc<str>, namespace: &str, what: Lookup) {
        let found = loop {
            match self.find(namespace, &what).await {
                Ok(found) => break Ok(found),
                Err(Refused::Spec(problem)) => break Err(Text::from(problem)),
                Err(Refused::Store(problem)) => {
                    tracing::warn!(%problem, "a lookup waits for the store");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        };
        self.post(id, Input::LookedUp(what, found));
    }

    async fn find(&self, namespace: &str, what: &Lookup) -> Result<Found, Refused> {
        match what {
            Lookup::Template(source) => {
                let spec = self.template_spec(namespace, source).await?;
                Ok(Found::Templates(Box::new(PinnedTemplates { spec })))
            }
            Lookup::ConfigMapKey { name, key: field, .. } => {
                let map = self.config_map(namespace, name).await.map_err(Refused::Store)?;
                Ok(Found::Text(map.and_then(|m| m.data.get(&**field).map(|v| Text::from(v.as_str())))))
            }
        }
    }

    /// A config map, if it is there.
    pub(crate) async fn config_map(&self, namespace: &str, name: &str) -> store::Result<Option<ConfigMap>> {
        match self.objects.get(&key("v1", "ConfigMap", namespace, name)).await {
            Ok(object) => object.decode::<ConfigMap>().map(Some).map_err(|e| StoreError::Corrupt {
                what: format!("config map {namespace}/{name}"),
                reason: e.to_string(),
            }),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(problem) => Err(problem),
        }
    }
}
