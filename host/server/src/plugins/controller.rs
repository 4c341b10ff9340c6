//! Follows `Plugin` objects.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use egress::Guard;
use futures::StreamExt;
use model::meta::Kind as _;
use model::plugin::{Plugin, PluginSource, PluginStatus};
use model::{Object, Timestamp};
use plugin::{Desk, Facts};
use plugin_host::{Component, Limits, LoadError, PluginHost};
use store::StoreError;
use store::objects::{Gvk, Key, ListQuery, Objects, Precondition, Selector, StatusUpdate, WatchEvent};
use tokio::task::{self, JoinError, JoinSet};

use super::PluginsConfig;
use super::blobs::FolderBlobs;
use super::registry::Registries;
use super::signatures::Signed;
use super::source::{self, Again, Got, Kept, SourceError, Stamp};
use super::status::{self, Standing};
use super::wanted;

/// How often counts are written, and sources that could not be read are tried again.
const ROUND: Duration = Duration::from_secs(10);
/// The longest pause before a registry is asked again.
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// How long an instance stays that nobody calls.
const IDLE_MAX: Duration = Duration::from_secs(300);
/// Components that are compiled at once.
const AT_ONCE_MAX: usize = 2;

/// Follows the objects.
///
/// ```text
///   list, watch ──► wanted (the newest of each) ──► under way (a few at once, one a plugin) ──► seen
///        ▲                                                                                       │ may be otherwise by itself
///        └──────────────────────────────── round, every ten seconds ◄────────────────────────────┘
/// ```
///
/// A component that takes long to compile holds up nobody but itself.
pub(super) struct Controller {
    config: PluginsConfig,
    objects: Arc<dyn Objects>,
    host: Arc<PluginHost>,
    kept: Kept,
    guard: Guard,
    blobs: FolderBlobs,
    /// The plugins that there are.
    there: HashSet<String>,
    /// What nobody has looked at yet.
    wanted: BTreeMap<String, Arc<Object>>,
    under_way: JoinSet<Seen>,
    /// Whom each task is for.
    busy: HashMap<task::Id, String>,
    seen: HashMap<String, Seen>,
    /// How often in a row a registry gave nothing.
    failures: HashMap<String, u32>,
    /// What no plugin has in service any more was forgotten.
    tidied: bool,
}

/// What was made of an object.
#[derive(Debug, Clone)]
struct Seen {
    uid: String,
    generation: i64,
    standing: Standing,
    /// What its file was like.
    stamp: Option<Stamp>,
    /// It may be otherwise next time, without the object or the file being changed.
    again: Again,
    /// From when on it is looked at again.
    due: Option<Instant>,
}

impl Controller {
    pub(super) fn new(
        config: PluginsConfig,
        objects: Arc<dyn Objects>,
        host: Arc<PluginHost>,
        guard: Guard,
        blobs: FolderBlobs,
    ) -> Self {
        let kept = Kept(config.cache.join("components"));
        Self {
            config,
            objects,
            host,
            kept,
            guard,
            blobs,
            there: HashSet::new(),
            wanted: BTreeMap::new(),
            under_way: JoinSet::new(),
            busy: HashMap::new(),
            seen: HashMap::new(),
            failures: HashMap::new(),
            tidied: false,
        }
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
        let mut query = ListQuery { selector: selector.clone(), ..ListQuery::default() };
        let mut gone = self.there.clone();
        loop {
            let page = self.objects.list(&query).await?;
            for object in page.items {
                gone.remove(&object.metadata.name);
                self.want(object);
            }
            let Some(token) = page.continue_token else { break };
            query.continue_token = Some(token);
        }
        gone.iter().for_each(|name| self.gone(name));
        self.host.expect_no_others();
        let mut events = self.objects.watch(&selector, Some(revision)).await?;
        let mut round = tokio::time::interval(ROUND);
        loop {
            self.begin();
            tokio::select! {
                event = events.next() => match event {
                    Some(Ok(WatchEvent::Added(object) | WatchEvent::Modified(object))) => self.want(object),
                    Some(Ok(WatchEvent::Deleted(object))) => self.gone(&object.metadata.name),
                    Some(Ok(WatchEvent::Bookmark(_))) => {}
                    Some(Err(problem)) => return Err(problem),
                    None => return Ok(()),
                },
                Some(done) = self.under_way.join_next_with_id() => self.done(done),
                _ = round.tick() => self.round().await,
            }
        }
    }

    /// Takes an object up, unless that was done already.
    fn want(&mut self, object: Arc<Object>) {
        if self.is_seen(&object) {
            return;
        }
        let name = &object.metadata.name;
        if self.there.insert(name.clone()) {
            self.host.expect(name, None);
        }
        self.wanted.insert(name.clone(), object);
    }

    fn is_seen(&self, object: &Object) -> bool {
        let meta = &object.metadata;
        self.seen.get(&meta.name).is_some_and(|seen| seen.uid == meta.uid && seen.generation == meta.generation)
    }

    fn gone(&mut self, name: &str) {
        self.there.remove(name);
        self.wanted.remove(name);
        self.seen.remove(name);
        self.failures.remove(name);
        self.host.expect_none(name);
        self.host.remove(name);
        // What it kept goes with it, as its state does: another of that name is another plugin.
        let (blobs, name) = (self.blobs.clone(), name.to_owned());
        tokio::task::spawn_blocking(move || {
            if let Err(error) = blobs.forget(&name) {
                tracing::warn!(plugin = name, %error, "large values of a plugin that is gone stay until the next start");
            }
        });
    }

    /// Begins what there is room for.
    fn begin(&mut self) {
        while self.under_way.len() < AT_ONCE_MAX {
            let free = |name: &&String| !self.busy.values().any(|busy| busy == *name);
            let Some(name) = self.wanted.keys().find(free).cloned() else { return };
            // What was told again while it was under way is done by now.
            let Some(object) = self.wanted.remove(&name).filter(|object| !self.is_seen(object)) else { continue };
            let registries = Registries {
                objects: self.objects.clone(),
                kept: self.kept.clone(),
                policy: self.config.signatures.clone(),
                guard: self.guard.clone(),
            };
            let (host, config) = (self.host.clone(), self.config.clone());
            let bringing = Bringing { host, config, registries, objects: self.objects.clone() };
            let task = self.under_way.spawn(async move { bringing.bring(&object).await });
            self.busy.insert(task.id(), name);
        }
    }

    fn done(&mut self, done: Result<(task::Id, Seen), JoinError>) {
        let (id, seen) = match done {
            Ok((id, seen)) => (id, Some(seen)),
            Err(broken) => (broken.id(), None),
        };
        let Some(name) = self.busy.remove(&id) else { return };
        if !self.there.contains(&name) {
            // Deleted meanwhile.
            return self.host.remove(&name);
        }
        match seen {
            Some(mut seen) => {
                seen.due = self.due(&name, seen.again);
                self.host.expect(&name, (!seen.standing.ready).then(|| seen.standing.message.clone()));
                self.seen.insert(name, seen);
            }
            // A fault of ours: told in the server's log, and tried again when the object changes.
            None => self.host.expect(&name, Some("loading it broke off; the server's log says why".to_owned())),
        }
    }

    /// From when on something is looked at again.
    fn due(&mut self, name: &str, again: Again) -> Option<Instant> {
        let pause = match again {
            Again::BackOff => {
                let failures = self.failures.entry(name.to_owned()).or_default();
                *failures = failures.saturating_add(1);
                ROUND.saturating_mul(1 << (*failures - 1).min(8)).min(PAUSE_MAX)
            }
            Again::After(pause) => pause,
            Again::No | Again::Round => Duration::ZERO,
        };
        if again != Again::BackOff {
            self.failures.remove(name);
        }
        (again != Again::No).then(|| Instant::now() + pause)
    }

    /// Writes counts, and takes up again what may be otherwise now: a source that could not be read, a file that changed.
    async fn round(&mut self) {
        self.host.give_up_idle(IDLE_MAX);
        for name in self.there.clone() {
            let Ok(object) = self.objects.get(&key(&name)).await else { continue };
            let Some(seen) = self.seen.get(&name) else { continue };
            let due = seen.due.is_some_and(|due| due <= Instant::now());
            if due || seen.stamp != stamp(&object, &self.config).await {
                self.seen.remove(&name);
                self.want(object);
                continue;
            }
            let aside = self.host.set_aside(&name).filter(|_| seen.standing.ready).map(|_| Standing {
                ready: false,
                reason: "SetAside",
                message: "its last calls broke off one after another; it is tried again with pauses".to_owned(),
            });
            write(&*self.objects, &self.host, &object, aside.as_ref().unwrap_or(&seen.standing), None).await;
        }
        if !self.tidied && self.wanted.is_empty() && self.under_way.is_empty() {
            self.tidied = true;
            self.tidy().await;
        }
    }

    /// Forgets components and code that no plugin has in service, and that none fell back to.
    async fn tidy(&self) {
        let mut digests = Vec::new();
        for name in &self.there {
            if let Ok((facts, _)) = self.host.report(name) {
                digests.push(facts.digest);
            }
            let plugin = self.objects.get(&key(name)).await.ok().and_then(|object| object.decode::<Plugin>().ok());
            digests.extend(plugin.and_then(|plugin| plugin.status).map(|status| status.digest));
        }
        let (host, kept, blobs) = (self.host.clone(), self.kept.clone(), self.blobs.clone());
        let there = self.there.clone();
        let tidied = tokio::task::spawn_blocking(move || {
            kept.keep_only(&digests).map_err(|error| error.to_string())?;
            blobs.keep_only(there.iter().map(String::as_str)).map_err(|error| error.to_string())?;
            host.keep_only(&digests).map_err(|error| error.to_string())
        });
        if let Ok(Err(problem)) = tidied.await {
            tracing::warn!(problem, "what plugins that are gone have left stays");
        }
    }
}

/// What a plugin's file is like now.
async fn stamp(object: &Object, config: &PluginsConfig) -> Option<Stamp> {
    let source = object.decode::<Plugin>().ok()?.spec.source;
    let folder = config.folder.clone();
    tokio::task::spawn_blocking(move || source::stamp(&source, &folder)).await.ok()?
}

/// One plugin on its way to what its object says.
struct Bringing {
    host: Arc<PluginHost>,
    config: PluginsConfig,
    registries: Registries,
    objects: Arc<dyn Objects>,
}

/// What was taken into service.
struct Taken {
    facts: Facts,
    signed: Signed,
}

impl Bringing {
    async fn bring(&self, object: &Object) -> Seen {
        // Before it is read: what changes meanwhile is seen next time.
        let stamp = stamp(object, &self.config).await;
        let (standing, taken, again) = self.load(object).await;
        write(&*self.objects, &self.host, object, &standing, taken.as_ref()).await;
        let (uid, generation) = (object.metadata.uid.clone(), object.metadata.generation);
        Seen { uid, generation, standing, stamp, again, due: None }
    }

    /// What came of it, what is in service if that is new, and whether to try again by itself.
    async fn load(&self, object: &Object) -> (Standing, Option<Taken>, Again) {
        let name: Arc<str> = object.metadata.name.as_str().into();
        let refused = |reason, message: String, again| (self.refused(&name, reason, message), None, again);
        let plugin: Plugin = match object.decode() {
            Ok(plugin) => plugin,
            Err(error) => return refused("BadObject", error.to_string(), Again::No),
        };
        let spec = &plugin.spec;
        if spec.suspend == Some(true) {
            self.host.remove(&name);
            let message = "spec.suspend takes it out of service".to_owned();
            return (Standing { ready: false, reason: "Suspended", message }, None, Again::No);
        }
        let (grants, limits) = match (wanted::grants(spec, &self.config.file_folders), wanted::limits(spec)) {
            (Ok(grants), Ok(limits)) => (grants, limits),
            (Err(wrong), _) | (_, Err(wrong)) => return refused("BadSpec", wrong.to_string(), Again::No),
        };
        let Got { bytes, signed, next } = match self.bytes(&spec.source).await {
            Ok(got) => got,
            Err(error) => {
                self.fall_back(&name, &plugin, grants, limits).await;
                let standing = match self.goes_on(object, &plugin, &error) {
                    Some(standing) => standing,
                    None => self.refused(&name, error.reason(), error.to_string()),
                };
                return (standing, None, error.again());
            }
        };
        let component =
            Component { name: name.clone(), bytes: bytes.clone(), digest: spec.source.digest.clone(), grants, limits };
        match self.host.load(component.clone()).await {
            Ok(facts) => {
                self.keep(&facts.digest, bytes, &signed).await;
                let mut message = format!("version {} is in service", facts.info.version);
                let missing = facts.missing_grants.iter().filter(|m| !m.optional).count();
                if missing > 0 {
                    let _ = write!(message, "; {missing} of its needs are not granted (see status.missingGrants)");
                }
                if let Signed::Not(why) = &signed {
                    let _ = write!(message, "; it is not signed as plugins.signatures asks: {why}");
                }
                (Standing { ready: true, reason: "InService", message }, Some(Taken { facts, signed }), next)
            }
            Err(error) => {
                self.fall_back(&name, &plugin, component.grants, component.limits).await;
                let again = if matches!(error, LoadError::Cache { .. }) { Again::Round } else { next };
                refused(error.code(), error.to_string(), again)
            }
        }
    }

    /// The component, and what is known of it.
    async fn bytes(&self, source: &PluginSource) -> Result<Got, SourceError> {
        if let (None, Some(oci)) = (&source.file, &source.oci) {
            return self.registries.fetch(oci).await;
        }
        let policy = &self.config.signatures;
        let unsigned = |why| SourceError::Unsigned { field: source::FILE, why, again: Again::No };
        let signed = policy.file().map_err(unsigned)?;
        let (source, folder) = (source.clone(), self.config.folder.clone());
        let path = folder.clone();
        match tokio::task::spawn_blocking(move || source::read(&source, &folder)).await {
            Ok(read) => Ok(Got { bytes: read?, signed, next: Again::No }),
            Err(_) => Err(SourceError::Read { path, source: std::io::Error::other("reading it broke off") }),
        }
    }

    /// A registry that cannot be asked for a while takes nothing out of service that the object, as it is, has put there.
    fn goes_on(&self, object: &Object, plugin: &Plugin, error: &SourceError) -> Option<Standing> {
        let status = plugin.status.as_ref().filter(|_| error.is_passing())?;
        let was_ready = status::is_ready(status) && status.observed_generation == object.metadata.generation;
        let (facts, _) = self.host.report(&object.metadata.name).ok().filter(|_| was_ready)?;
        let message = format!("version {} is in service; looking for another: {error}", facts.info.version);
        Some(Standing { ready: true, reason: "InService", message })
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
        let (kept, digest) = (self.registries.kept.clone(), status.digest.clone());
        let found = tokio::task::spawn_blocking(move || (kept.find(&digest), kept.signer(&digest))).await;
        let Ok((Some(bytes), signer)) = found else { return };
        if !self.config.signatures.lets_back(plugin.spec.source.file.is_some(), signer) {
            return;
        }
        let component = Component { name: name.clone(), bytes, digest: Some(status.digest.clone()), grants, limits };
        if let Err(error) = self.host.load(component).await {
            tracing::warn!(plugin = %name, %error, "the component that was in service before cannot be taken either");
        }
    }

    async fn keep(&self, digest: &str, bytes: Bytes, signed: &Signed) {
        let (kept, digest) = (self.registries.kept.clone(), digest.to_owned());
        let signer = if let Signed::By(signer) = signed { Some(signer.clone()) } else { None };
        let keeping = tokio::task::spawn_blocking(move || kept.keep(&digest, &bytes, signer.as_ref())).await;
        if let Ok(Err(error)) = keeping {
            tracing::warn!(%error, "a component is not kept: a restart depends on its source");
        }
    }
}

fn key(name: &str) -> Key {
    Key::new(Gvk::new(Plugin::API_VERSION, Plugin::KIND), "", name)
}

/// Writes the status, if it is another than the one there.
async fn write(objects: &dyn Objects, host: &PluginHost, object: &Object, standing: &Standing, taken: Option<&Taken>) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(0));
    let now = Timestamp::from_millis(now);
    let before = object.decode::<Plugin>().ok().and_then(|plugin| plugin.status).unwrap_or_default();
    let mut after: PluginStatus = before.clone();
    if let Some(taken) = taken {
        status::facts(&mut after, &taken.facts, now);
        after.signed_by = match &taken.signed {
            Signed::By(signer) => signer.to_string(),
            Signed::Unasked | Signed::Not(_) => String::new(),
        };
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
