//! State of plugins, as objects: one for each plugin and object that uses it, owned by the `Plugin`, so that it goes with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use model::Object;
use model::meta::Kind as _;
use model::plugin::Plugin;
use plugin::{ErrorClass, PluginError, Result};
use plugin_host::{StateKey, StateStore, StoredState};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use store::StoreError;
use store::objects::{Gvk, Key, Objects, Precondition};

/// The kind of the objects; no user sees it.
const KIND: &str = "PluginState";
/// Tries when others write at the same time.
const TRIES_MAX: usize = 16;

/// Keeps state in objects.
pub(super) struct ObjectState(pub(super) Arc<dyn Objects>);

/// What stands in an object.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Body {
    /// Grows with each write of any key, so that a key that was removed and is there again has a version that nobody has seen.
    #[serde(default)]
    version: u64,
    data: BTreeMap<String, Entry>,
}

/// A value, in base64, and its version.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    version: u64,
    value: String,
}

/// What a change makes of an object's state; nothing when it is to stay.
type Changed<T> = Result<(T, bool)>;

impl ObjectState {
    async fn read(&self, key: &StateKey) -> Result<Option<(Arc<Object>, Body)>> {
        match self.0.get(&place(key)).await {
            Ok(object) => {
                let body = serde_json::from_str(object.body.get()).map_err(|e| unreadable(key, &e))?;
                Ok(Some((object, body)))
            }
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(problem) => Err(trouble(&problem)),
        }
    }

    /// Changes an object's state as if nobody else did.
    async fn change<T>(&self, key: &StateKey, change: impl Fn(&mut Body) -> Changed<T>) -> Result<T> {
        for _ in 0..TRIES_MAX {
            let (object, mut body) = match self.read(key).await? {
                Some((object, body)) => (Some(object), body),
                None => (None, Body::default()),
            };
            let (answer, changed) = change(&mut body)?;
            if !changed {
                return Ok(answer);
            }
            let written = match object {
                Some(object) => {
                    let mut after = (*object).clone();
                    let text = serde_json::value::to_raw_value(&body).map_err(|e| unreadable(key, &e))?;
                    after.body = text.into();
                    let revision = object.metadata.resource_version.parse().ok();
                    let condition = Precondition { resource_version: revision, uid: Some(object.metadata.uid.clone()) };
                    self.0.update(after, condition).await
                }
                None => self.0.create(self.fresh(key, &body).await?).await,
            };
            match written {
                Ok(_) => return Ok(answer),
                Err(StoreError::Conflict { .. } | StoreError::AlreadyExists { .. } | StoreError::NotFound { .. }) => {}
                Err(problem) => return Err(trouble(&problem)),
            }
        }
        let message = "others write the same state all the time; try again".to_owned();
        Err(PluginError::new(ErrorClass::Unavailable, "conflict", message))
    }

    async fn fresh(&self, key: &StateKey, body: &Body) -> Result<Object> {
        let at = Key::new(Gvk::new(Plugin::API_VERSION, Plugin::KIND), "", &*key.plugin);
        let plugin = self.0.get(&at).await.map_err(|problem| trouble(&problem))?;
        let object = json!({
            "apiVersion": Plugin::API_VERSION, "kind": KIND,
            "metadata": {
                "name": &*place(key).name,
                "annotations": {"colchis.dev/of": key.object.to_string()},
                "ownerReferences": [{
                    "apiVersion": Plugin::API_VERSION, "kind": Plugin::KIND, "name": &*key.plugin, "uid": plugin.metadata.uid,
                }],
            },
            "version": body.version,
            "data": body.data,
        });
        Object::from_value(object).map_err(|e| unreadable(key, &e))
    }
}

/// The object that holds it: names of plugins and objects may be longer than a name may be.
fn place(key: &StateKey) -> Key {
    let mut hash = Sha256::new();
    for part in [&*key.plugin, &*key.object.kind, &*key.object.namespace, &*key.object.name] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let name: String = hash.finalize().iter().take(20).map(|b| format!("{b:02x}")).collect();
    Key::new(Gvk::new(Plugin::API_VERSION, KIND), "", name)
}

fn trouble(problem: &StoreError) -> PluginError {
    PluginError::new(ErrorClass::Unavailable, "no-store", problem.to_string())
}

fn unreadable(key: &StateKey, error: &dyn std::fmt::Display) -> PluginError {
    let message = format!("the state of the plugin {} for {} cannot be read: {error}", key.plugin, key.object);
    PluginError::new(ErrorClass::Permanent, "bad-state", message)
}

#[async_trait]
impl StateStore for ObjectState {
    async fn get(&self, key: &StateKey) -> Result<Option<StoredState>> {
        let Some((_, body)) = self.read(key).await? else { return Ok(None) };
        let Some(entry) = body.data.get(&key.key) else { return Ok(None) };
        let value = BASE64.decode(&entry.value).map_err(|e| unreadable(key, &e))?;
        Ok(Some(StoredState { value, version: entry.version }))
    }

    async fn set(&self, key: &StateKey, value: Vec<u8>, expected: Option<u64>, bytes_max: u64) -> Result<Option<u64>> {
        let text = BASE64.encode(&value);
        let change = |body: &mut Body| {
            let version = body.data.get(&key.key).map_or(0, |entry| entry.version);
            if expected.is_some_and(|expected| expected != version) {
                return Ok((None, false));
            }
            let next = body.version + 1;
            body.version = next;
            body.data.insert(key.key.clone(), Entry { version: next, value: text.clone() });
            let bytes: usize = body.data.iter().map(|(key, entry)| key.len() + entry.value.len() * 3 / 4).sum();
            if bytes as u64 > bytes_max {
                let message = format!(
                    "the state for {} would have {bytes} bytes, more than spec.grants.state.bytes ({bytes_max})",
                    key.object
                );
                return Err(PluginError::new(ErrorClass::Permanent, "too-large", message));
            }
            Ok((Some(next), true))
        };
        self.change(key, change).await
    }

    async fn delete(&self, key: &StateKey) -> Result<()> {
        self.change(key, |body| Ok(((), body.data.remove(&key.key).is_some()))).await
    }

    async fn keys(&self, key: &StateKey, after: Option<&str>, limit: usize) -> Result<Vec<String>> {
        let Some((_, body)) = self.read(key).await? else { return Ok(Vec::new()) };
        let from = after.unwrap_or_default();
        let fits = |name: &&String| name.starts_with(&key.key) && (from.is_empty() || name.as_str() > from);
        Ok(body.data.keys().filter(fits).take(limit).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use plugin::ObjectRef;
    use store::memory::MemoryStore;
    use store::stamp::ManualStamp;

    use super::*;

    fn key(plugin: &str, name: &str, key: &str) -> StateKey {
        let object = ObjectRef { kind: "Workflow".into(), namespace: "n".into(), name: name.into() };
        StateKey { plugin: plugin.into(), object, key: key.to_owned() }
    }

    #[tokio::test]
    async fn each_has_its_own_and_it_goes_with_the_plugin() {
        let store = MemoryStore::new(Arc::new(ManualStamp::new(1, 1)));
        for name in ["a", "b"] {
            let plugin =
                json!({"apiVersion": "colchis.dev/v1", "kind": "Plugin", "metadata": {"name": name}, "spec": {}});
            store.create(Object::from_value(plugin).unwrap()).await.unwrap();
        }
        let state = ObjectState(store.clone());
        let mine = key("a", "w", "k");
        assert_eq!(state.get(&mine).await.unwrap(), None);
        assert_eq!(state.set(&mine, b"1".to_vec(), Some(0), 100).await.unwrap(), Some(1));
        assert_eq!(state.set(&mine, b"2".to_vec(), Some(0), 100).await.unwrap(), None, "it is there");
        assert_eq!(state.set(&mine, b"2".to_vec(), Some(1), 100).await.unwrap(), Some(2));
        assert_eq!(state.get(&mine).await.unwrap(), Some(StoredState { value: b"2".to_vec(), version: 2 }));
        for other in [key("b", "w", "k"), key("a", "x", "k"), key("a", "w", "l")] {
            assert_eq!(state.get(&other).await.unwrap(), None, "{other:?}");
        }
        let refused = state.set(&mine, vec![0; 200], None, 100).await.unwrap_err();
        assert!(refused.message.contains("spec.grants.state.bytes (100)"), "{refused}");
        state.set(&key("a", "w", "other"), b"x".to_vec(), None, 100).await.unwrap();
        assert_eq!(state.keys(&key("a", "w", ""), Some("k"), 9).await.unwrap(), ["other"]);
        state.delete(&mine).await.unwrap();
        state.delete(&mine).await.unwrap();
        assert_eq!(state.set(&mine, b"3".to_vec(), Some(0), 100).await.unwrap(), Some(4), "no version twice");
        state.delete(&mine).await.unwrap();
        assert_eq!(state.keys(&key("a", "w", ""), None, 9).await.unwrap(), ["other"]);
        let plugin = Key::new(Gvk::new("colchis.dev/v1", "Plugin"), "", "a");
        Objects::delete(&*store, &plugin, Default::default()).await.unwrap();
        assert_eq!(state.get(&key("a", "w", "other")).await.unwrap(), None);
    }
}
