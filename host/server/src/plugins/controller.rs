//! Follows `Plugin` objects.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::StreamExt;
use model::meta::Kind as _;
use model::plugin::{Plugin, PluginStatus};
use model::{Object, Timestamp};
use plugin::{Desk, Facts};
use plugin_host::{Component, Limits, LoadError, PluginHost};
use store::StoreError;
use store::objects::{Gvk, Key, ListQuery, Objects, Precondition, Selector, StatusUpdate, WatchEvent};
use tokio::task::JoinSet;

use super::PluginsConfig;
use super::source::{self, Kept, SourceError};
use super::status::{self, Standing};
use super::wanted;

/// How often counts are written, and sources that could not be read are tried again.
const ROUND: Duration = Duration::from_secs(10);
/// Components that are compiled at once.
const AT_ONCE_MAX: usize = 2;

/// Follows the objects, one plugin by one plugin.
pub(super) struct Controller {
    config: PluginsConfig,
    objects: Arc<dyn Objects>,
    host: Arc<PluginHost>,
    kept: Kept,
    /// The generation that each plugin was last brought to, and how that ended.
    seen: HashMap<String, Seen>,
}

/// What was made of an object.
#[derive(Debug, Clone)]
struct Seen {
    uid: String,
    generation: i64,
    standing: Standing,
    /// It may be otherwise next time, without the object being changed.
    again: bool,
}

impl Controller {
    pub(super) fn new(config: PluginsConfig, objects: Arc<dyn Objects>, host: Arc<PluginHost>) -> Self {
        let kept = Kept(config.cache.join("components"));
        Self { config, objects, host, kept, seen: HashMap::new() }
    }

    /// Follows for ever.
    pub(super) async fn run(mut self) {
        loop {
            if let Err(problem) = self.follow().await {
                tracing::warn!(%problem, "plugins are not followed; trying again");
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    async fn follow(&mut self) -> store::Result<()> {
        let selector = Selector::of(Gvk::new(Plugin::API_VERSION, Plugin::KIND));
        let revision = self.objects.revision().await?;
        let mut there = Vec::new();
        let mut query = ListQuery { selector: selector.clone(), ..ListQuery::default() };
        loop {
            let page = self.objects.list(&query).await?;
            there.extend(page.items);
            let Some(token) = page.continue_token else { break };
            query.continue_token = Some(token);
        }
        let gone: Vec<String> =
            self.seen.keys().filter(|name| !there.iter().any(|o| o.metadata.name == **name)).cloned().collect();
        gone.iter().for_each(|name| self.gone(name));
        for object in &there {
            if !self.seen.contains_key(&object.metadata.name) {
                self.host.expect(&object.metadata.name, None);
            }
        }
        self.host.expect_no_others();
        self.bring(there).await;
        let mut events = self.objects.watch(&selector, Some(revision)).await?;
        let mut round = tokio::time::interval(ROUND);
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(Ok(WatchEvent::Added(object) | WatchEvent::Modified(object))) => self.bring(vec![object]).await,
                    Some(Ok(WatchEvent::Deleted(object))) => self.gone(&object.metadata.name),
                    Some(Ok(WatchEvent::Bookmark(_))) => {}
                    Some(Err(problem)) => return Err(problem),
                    None => return Ok(()),
                },
                _ = round.tick() => self.round().await?,
            }
        }
    }

    fn gone(&mut self, name: &str) {
        self.seen.remove(name);
        self.host.expect_none(name);
        self.host.remove(name);
    }

    /// Brings plugins to what their objects say; several at once.
    async fn bring(&mut self, objects: Vec<Arc<Object>>) {
        let mut under_way = JoinSet::new();
        for object in objects {
            let known = self.seen.get(&object.metadata.name);
            let same = |seen: &&Seen| seen.uid == object.metadata.uid && seen.generation == object.metadata.generation;
            if known.filter(same).is_some_and(|seen| !seen.again) {
                continue;
            }
            if known.is_none() {
                self.host.expect(&object.metadata.name, None);
            }
            if under_way.len() >= AT_ONCE_MAX
                && let Some(Ok(done)) = under_way.join_next().await
            {
                self.note(done);
            }
            let (host, config, kept) = (self.host.clone(), self.config.clone(), self.kept.clone());
            let objects = self.objects.clone();
            under_way.spawn(async move {
                let seen = Bringing { host, config, kept, objects }.bring(&object).await;
                (object.metadata.name.clone(), seen)
            });
        }
        while let Some(done) = under_way.join_next().await {
            if let Ok(done) = done {
                self.note(done);
            }
        }
    }

    fn note(&mut self, (name, seen): (String, Seen)) {
        self.host.expect(&name, (!seen.standing.ready).then(|| seen.standing.message.clone()));
        self.seen.insert(name, seen);
    }

    /// Writes counts, and tries again what may be otherwise now.
    async fn round(&mut self) -> store::Result<()> {
        let names: Vec<String> = self.seen.keys().cloned().collect();
        for name in names {
            let Ok(object) = self.objects.get(&key(&name)).await else { continue };
            if self.seen.get(&name).is_some_and(|seen| seen.again) {
                self.bring(vec![object]).await;
            } else if let Some(seen) = self.seen.get(&name) {
                let aside = self.host.set_aside(&name).filter(|_| seen.standing.ready).map(|_| Standing {
                    ready: false,
                    reason: "SetAside",
                    message: "its last calls broke off one after another; it is tried again with pauses".to_owned(),
                });
                write(&*self.objects, &self.host, &object, aside.as_ref().unwrap_or(&seen.standing), None).await;
            }
        }
        Ok(())
    }
}

/// One plugin on its way to what its object says.
struct Bringing {
    host: Arc<PluginHost>,
    config: PluginsConfig,
    kept: Kept,
    objects: Arc<dyn Objects>,
}

impl Bringing {
    async fn bring(&self, object: &Object) -> Seen {
        let (standing, facts, again) = self.load(object).await;
        write(&*self.objects, &self.host, object, &standing, facts.as_ref()).await;
        let (uid, generation) = (object.metadata.uid.clone(), object.metadata.generation);
        Seen { uid, generation, standing, again }
    }

    /// What came of it, what is in service if that is new, and whether to try again by itself.
    async fn load(&self, object: &Object) -> (Standing, Option<Facts>, bool) {
        let name: Arc<str> = object.metadata.name.as_str().into();
        let refused = |reason, message: String, again| (self.refused(&name, reason, message), None, again);
        let plugin: Plugin = match object.decode() {
            Ok(plugin) => plugin,
            Err(error) => return refused("BadObject", error.to_string(), false),
        };
        let spec = &plugin.spec;
        if spec.suspend == Some(true) {
            self.host.remove(&name);
            let message = "spec.suspend takes it out of service".to_owned();
            return (Standing { ready: false, reason: "Suspended", message }, None, false);
        }
        let (grants, limits) = match (wanted::grants(spec), wanted::limits(spec)) {
            (Ok(grants), Ok(limits)) => (grants, limits),
            (Err(wrong), _) | (_, Err(wrong)) => return refused("BadSpec", wrong.to_string(), false),
        };
        let (source, folder) = (spec.source.clone(), self.config.folder.clone());
        let read = tokio::task::spawn_blocking(move || source::read(&source, &folder)).await;
        let bytes = match read {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(error)) => {
                let again = matches!(error, SourceError::Read { .. });
                self.fall_back(&name, &plugin, grants, limits).await;
                return refused(if again { "SourceUnreadable" } else { "BadSpec" }, error.to_string(), again);
            }
            Err(_) => return refused("SourceUnreadable", "reading it broke off".to_owned(), true),
        };
        let component =
            Component { name: name.clone(), bytes: bytes.clone(), digest: spec.source.digest.clone(), grants, limits };
        match self.host.load(component.clone()).await {
            Ok(facts) => {
                self.keep(&facts.digest, bytes).await;
                let message = match facts.missing_grants.iter().filter(|m| !m.optional).count() {
                    0 => format!("version {} is in service", facts.info.version),
                    n => format!(
                        "version {} is in service; {n} of its needs are not granted (see status.missingGrants)",
                        facts.info.version
                    ),
                };
                (Standing { ready: true, reason: "InService", message }, Some(facts), false)
            }
            Err(error) => {
                self.fall_back(&name, &plugin, component.grants, component.limits).await;
                let again = matches!(error, LoadError::Cache { .. });
                refused(error.code(), error.to_string(), again)
            }
        }
    }

    /// What a refusal says: also what goes on in the meantime.
    fn refused(&self, name: &str, reason: &'static str, message: String) -> Standing {
        let goes_on = match self.host.report(name) {
            Ok((facts, _)) => format!("; version {} ({}) stays in service", facts.info.version, facts.digest),
            Err(_) => "; nothing is in service".to_owned(),
        };
        Standing { ready: false, reason, message: format!("{message}{goes_on}") }
    }

    /// A server that has just begun goes on with what was in service last.
    async fn fall_back(&self, name: &Arc<str>, plugin: &Plugin, grants: plugin_host::Grants, limits: Limits) {
        let Some(status) = plugin.status.as_ref().filter(|status| !status.digest.is_empty()) else { return };
        if self.host.report(name).is_ok() {
            return;
        }
        let (kept, digest) = (self.kept.clone(), status.digest.clone());
        let found = tokio::task::spawn_blocking(move || kept.find(&digest)).await;
        let Ok(Some(bytes)) = found else { return };
        let component = Component { name: name.clone(), bytes, digest: Some(status.digest.clone()), grants, limits };
        if let Err(error) = self.host.load(component).await {
            tracing::warn!(plugin = %name, %error, "the component that was in service before cannot be taken either");
        }
    }

    async fn keep(&self, digest: &str, bytes: Bytes) {
        let (kept, digest) = (self.kept.clone(), digest.to_owned());
        let keeping = tokio::task::spawn_blocking(move || kept.keep(&digest, &bytes)).await;
        if let Ok(Err(error)) = keeping {
            tracing::warn!(%error, "a component is not kept: a restart depends on its source");
        }
    }
}

fn key(name: &str) -> Key {
    Key::new(Gvk::new(Plugin::API_VERSION, Plugin::KIND), "", name)
}

/// Writes the status, if it is another than the one there.
async fn write(objects: &dyn Objects, host: &PluginHost, object: &Object, standing: &Standing, facts: Option<&Facts>) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(0));
    let now = Timestamp::from_millis(now);
    let before = object.decode::<Plugin>().ok().and_then(|plugin| plugin.status).unwrap_or_default();
    let mut after: PluginStatus = before.clone();
    if let Some(facts) = facts {
        status::facts(&mut after, facts, now);
    }
    if let Ok((_, numbers)) = host.report(&object.metadata.name) {
        status::numbers(&mut after, &numbers);
    }
    status::standing(&mut after, standing, object.metadata.generation, now);
    if after == before {
        return;
    }
    let Ok(text) = serde_json::value::to_raw_value(&after) else { return };
    let update = StatusUpdate {
        status: text,
        labels: Vec::new(),
        annotations: Vec::new(),
        precondition: Precondition { uid: Some(object.metadata.uid.clone()), ..Precondition::default() },
    };
    match objects.update_status(&key(&object.metadata.name), update).await {
        Ok(_) | Err(StoreError::NotFound { .. } | StoreError::Conflict { .. }) => {}
        Err(problem) => tracing::warn!(plugin = %object.metadata.name, %problem, "its status cannot be written"),
    }
}
