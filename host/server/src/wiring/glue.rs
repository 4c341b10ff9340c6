//! Small ports that only the composition root can fill: they need two adapters, or an adapter and the store.

use std::sync::Arc;

use artifact::{ArtifactError, ErrorClass};
use async_trait::async_trait;
use blob::ArtifactRepository;
use jiff::tz::TimeZone;
use model::Timestamp;
use model::core::ConfigMap;
use model::cron::{self, Schedule};
use model::workflow::Artifact;
use serde_json::Value;
use store::objects::{Gvk, Key, Objects};

/// The ConfigMap that holds a namespace's repositories, and its annotation that names the default one.
const CONFIG_MAP: &str = "artifact-repositories";
const DEFAULT_ANNOTATION: &str = "workflows.argoproj.io/default-artifact-repository";

/// Artifact repositories: the server's own and those of namespaces.
pub(super) struct Repositories {
    objects: Arc<dyn Objects>,
    default: Value,
}

impl Repositories {
    pub(super) fn new(objects: Arc<dyn Objects>, default: Value) -> Self {
        Self { objects, default }
    }

    /// The settings of a namespace's default repository, or the server's.
    async fn of(&self, namespace: &str) -> Result<Value, String> {
        let gvk = Gvk { api_version: "v1".into(), kind: "ConfigMap".into() };
        let key = Key { gvk, namespace: namespace.into(), name: CONFIG_MAP.into() };
        let map: ConfigMap = match self.objects.get(&key).await {
            Ok(object) => object.decode().map_err(|error| error.to_string())?,
            Err(store::StoreError::NotFound { .. }) => return Ok(self.default.clone()),
            Err(error) => return Err(error.to_string()),
        };
        let named = map.metadata.annotations.get(DEFAULT_ANNOTATION).and_then(|name| Some((name, map.data.get(name)?)));
        match named {
            Some((name, text)) => crate::config::document::parse(text)
                .map_err(|error| format!("ConfigMap {namespace}/{CONFIG_MAP}, key {name:?}: {error}")),
            None => Ok(self.default.clone()),
        }
    }
}

impl runtime::Repositories for Repositories {
    fn key_format(&self, settings: &Value) -> Result<String, String> {
        let repository = ArtifactRepository::parse(settings).map_err(|error| error.to_string())?;
        Ok(repository.key_format().to_owned())
    }

    fn locate(&self, settings: &Value, artifact: &Artifact, prefix: &str) -> Result<Artifact, String> {
        let repository = ArtifactRepository::parse(settings).map_err(|error| error.to_string())?;
        Ok(repository.locate(artifact, &ArtifactRepository::default_key(artifact, prefix)))
    }
}

#[async_trait]
impl api::Repositories for Repositories {
    async fn place(&self, namespace: &str, name: &str, key: &str) -> Result<Artifact, ArtifactError> {
        let wrong = |reason: String| ArtifactError {
            artifact: name.to_owned(),
            operation: "put",
            location: key.to_owned(),
            reason,
            class: ErrorClass::Permanent,
            source: None,
        };
        let settings = self.of(namespace).await.map_err(wrong)?;
        let repository = ArtifactRepository::parse(&settings).map_err(|error| wrong(error.to_string()))?;
        Ok(repository.locate(&Artifact { name: name.into(), ..Artifact::default() }, key))
    }
}

/// Moments of schedules.
pub(super) struct Schedules {
    zone: TimeZone,
}

impl Schedules {
    /// With the zone of schedules that name none; the configuration was checked.
    pub(super) fn new(zone: &str) -> Self {
        Self { zone: zone_of(zone, &TimeZone::UTC).unwrap_or(TimeZone::UTC) }
    }
}

fn zone_of(name: &str, otherwise: &TimeZone) -> Result<TimeZone, String> {
    if name.is_empty() { Ok(otherwise.clone()) } else { cron::zone(name).map_err(|error| error.to_string()) }
}

impl api::Schedules for Schedules {
    fn next(
        &self,
        schedules: &[String],
        timezone: &str,
        from_ms: i64,
        count: usize,
    ) -> Result<Vec<i64>, (Option<usize>, String)> {
        let zone = zone_of(timezone, &self.zone).map_err(|error| (None, error))?;
        let mut read = Vec::new();
        for (at, text) in schedules.iter().enumerate() {
            read.push(Schedule::parse(text).map_err(|error| (Some(at), error.to_string()))?);
        }
        let mut moments = Vec::new();
        let mut after = Timestamp::from_millis(from_ms);
        while moments.len() < count {
            // Several schedules may be due at one moment: it is one run.
            let Some(next) = read.iter().filter_map(|schedule| schedule.next_after(after, &zone)).min() else { break };
            moments.push(next.as_millis());
            after = next;
        }
        Ok(moments)
    }
}

#[cfg(test)]
mod tests {
    use api::{Repositories as _, Schedules as _};
    use runtime::Repositories as _;
    use store::memory::MemoryStore;
    use store_sqlite::SystemStamp;

    use super::*;

    #[test]
    fn moments_of_several_schedules_are_in_order_and_once() {
        let schedules = Schedules::new("");
        let texts = ["0 * * * *".to_owned(), "30 * * * *".to_owned(), "0 0 * * *".to_owned()];
        let found = schedules.next(&texts, "", 0, 4).unwrap();
        assert_eq!(found, [1_800_000, 3_600_000, 5_400_000, 7_200_000]);
        assert_eq!(schedules.next(&["x".to_owned()], "", 0, 1).unwrap_err().0, Some(0));
        assert_eq!(schedules.next(&texts, "Mars/Base", 0, 1).unwrap_err().0, None);
        assert_eq!(schedules.next(&["0 1 * * *".to_owned()], "Europe/Berlin", 0, 1).unwrap(), [86_400_000]);
    }

    #[tokio::test]
    async fn a_namespaces_repository_goes_before_the_servers() {
        let store = MemoryStore::new(Arc::new(SystemStamp));
        let repositories = Repositories::new(store.clone(), serde_json::json!({"s3": {"bucket": "server"}}));
        let own = repositories.place("a", "x", "k").await.unwrap();
        assert_eq!(own.location.s3.unwrap().bucket, "server");
        let map = serde_json::json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": CONFIG_MAP, "namespace": "a", "annotations": {DEFAULT_ANNOTATION: "team"}},
            "data": {"team": "gcs:\n  bucket: theirs\n"},
        });
        store.create(model::Object::from_value(map).unwrap()).await.unwrap();
        let theirs = repositories.place("a", "x", "k").await.unwrap();
        assert_eq!(theirs.location.gcs.unwrap().bucket, "theirs");
        assert!(repositories.place("b", "x", "k").await.unwrap().location.s3.is_some());
        assert!(repositories.key_format(&serde_json::json!({"s3": {}})).is_err());
    }
}
