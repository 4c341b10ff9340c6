//! Memoization: outputs kept in a config map, one entry per key, as Argo keeps them.

use engine_workflow::{Outputs, Param, Text};
use model::workflow::Outputs as ModelOutputs;
use model::{Object, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::StoreError;
use store::objects::Precondition;

use super::Workflows;
use super::admit::key;

/// Label of a cache, as Argo names it.
const LABEL: (&str, &str) = ("workflows.argoproj.io/configmap-type", "Cache");
/// How often a write that lost a race is tried again.
const TRIES: usize = 20;

/// An entry of a cache.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(rename = "nodeID", default)]
    node_id: String,
    outputs: Option<ModelOutputs>,
    creation_timestamp: Option<Timestamp>,
    #[serde(default)]
    last_hit_timestamp: Option<Timestamp>,
}

impl Workflows {
    /// What a cache holds under a key. A cache that cannot be read is one that holds nothing: the step runs.
    pub(super) async fn memo_load(
        &self,
        namespace: &str,
        cache: &str,
        key: &str,
        max_age_ms: Option<i64>,
    ) -> Option<Outputs> {
        let map = match self.config_map(namespace, cache).await {
            Ok(map) => map?,
            Err(problem) => {
                tracing::warn!(%problem, cache, "a memoization cache cannot be read; the step runs");
                return None;
            }
        };
        let entry: Entry = serde_json::from_str(map.data.get(key)?).ok()?;
        let age = self.clock.now().millis_since(entry.creation_timestamp.unwrap_or_default());
        if max_age_ms.is_some_and(|max| age > max) {
            return None;
        }
        entry.outputs.map(from_model)
    }

    /// Keeps outputs. What cannot be kept is said in the log: the run has what it needs.
    pub(super) async fn memo_save(&self, namespace: &str, cache: &str, name: &str, node_id: &str, outputs: &Outputs) {
        let now = self.clock.now();
        let entry = Entry {
            node_id: node_id.to_owned(),
            outputs: Some(engine_workflow::project::outputs(outputs)),
            creation_timestamp: Some(now),
            last_hit_timestamp: Some(now),
        };
        let Ok(text) = serde_json::to_string(&entry) else { return };
        for _ in 0..TRIES {
            match self.put_entry(namespace, cache, name, &text).await {
                Ok(()) => return,
                Err(StoreError::Conflict { .. } | StoreError::AlreadyExists { .. } | StoreError::NotFound { .. }) => {}
                Err(problem) => {
                    tracing::warn!(%problem, cache, key = name, "outputs could not be memoized");
                    return;
                }
            }
        }
        tracing::warn!(cache, key = name, "outputs could not be memoized: others write to the cache all the time");
    }

    async fn put_entry(&self, namespace: &str, cache: &str, name: &str, text: &str) -> store::Result<()> {
        let at = key("v1", "ConfigMap", namespace, cache);
        match self.objects.get(&at).await {
            Ok(object) => {
                let revision = object.metadata.resource_version.parse().ok();
                let mut value = object.to_value().map_err(|e| invalid(cache, &e))?;
                if let Some(map) = value.as_object_mut() {
                    let data = map.entry("data").or_insert_with(|| json!({}));
                    if let Some(data) = data.as_object_mut() {
                        data.insert(name.to_owned(), json!(text));
                    }
                }
                let changed = Object::from_value(value).map_err(|e| invalid(cache, &e))?;
                let precondition = Precondition { resource_version: revision, ..Precondition::default() };
                self.objects.update(changed, precondition).await.map(|_| ())
            }
            Err(StoreError::NotFound { .. }) => {
                let object = Object::from_value(json!({
                    "apiVersion": "v1", "kind": "ConfigMap",
                    "metadata": {"name": cache, "namespace": namespace, "labels": {LABEL.0: LABEL.1}},
                    "data": {name: text},
                }));
                self.objects.create(object.map_err(|e| invalid(cache, &e))?).await.map(|_| ())
            }
            Err(problem) => Err(problem),
        }
    }
}

fn invalid(cache: &str, problem: &dyn std::fmt::Display) -> StoreError {
    StoreError::Invalid { what: format!("config map {cache}"), reason: problem.to_string() }
}

/// Outputs as the engine has them.
pub(super) fn from_model(outputs: ModelOutputs) -> Outputs {
    let parameters = outputs.parameters.into_iter();
    Outputs {
        parameters: parameters.map(|p| Param { name: Text::from(&*p.name), value: p.value.map(|v| v.0) }).collect(),
        artifacts: outputs.artifacts,
        result: outputs.result.map(|r| r.0),
        exit_code: outputs.exit_code.and_then(|c| c.parse().ok()),
    }
}
