//! The plugins in service.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, RwLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::stream::BoxStream;
use plugin::{
    CallContext, Desk, ErrorClass, Facts, Finding, Info, Kind, KindInfo, LogLine, MetricProvider, MissingGrant,
    Numbers, ObjectRef, PluginError, Plugins, Receiver, Renderer, Result, Step, Subscriber, Trigger,
};
use serde_json::Value;
use tokio::sync::Semaphore;
use wasmtime::component::{InstancePre, Linker};

use crate::call::Ground;
use crate::capabilities;
use crate::compile::{self, Cache};
use crate::compiler::Compiler;
use crate::engine::{self, Pool};
use crate::error::LoadError;
use crate::grants;
use crate::instance::State;
use crate::kinds::description;
use crate::kinds::metric::ComponentMetric;
use crate::kinds::receiver::ComponentReceiver;
use crate::kinds::renderer::ComponentRenderer;
use crate::kinds::step::ComponentStep;
use crate::kinds::subscriber::ComponentSubscriber;
use crate::kinds::trigger::ComponentTrigger;
use crate::limits::Limits;
use crate::loaded::{Component, Counters, Exports, Loaded, Shared, Table};
use crate::metrics;
use crate::programs::Shelf;
use crate::renders::Renders;
use crate::schema::Schema;
use crate::services::Services;

/// How long a component may take to describe itself.
const DESCRIBE: Duration = Duration::from_secs(5);

/// How the host is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where compiled components are kept; nowhere when absent.
    pub cache: Option<PathBuf>,
    /// The program that compiles components, called as [`crate::compile_main`] wants it; in this process when absent.
    pub compiler: Option<PathBuf>,
    /// Instances at once, of all plugins (`instances_max`).
    pub instances_max: u32,
    /// Subscriptions of event sources at once, beside these (`subscriptions_max`): each holds an instance for as long as it is open.
    pub subscriptions_max: u32,
    /// Programs at once, beside these (`programs_max`); others wait for a place.
    pub programs_max: u32,
    /// Compiled programs that are kept ready in memory (`programs_ready_max`), at least one; the one used longest ago gives way.
    pub programs_ready_max: u32,
    /// The most memory that an instance of a plugin may be given (bytes).
    pub memory_bytes_max: usize,
    /// The most memory that a program may have, and what one has that asks for none (bytes; `program_memory_bytes_max`).
    pub program_memory_bytes_max: usize,
    /// The largest component (`component_bytes_max`).
    pub component_bytes_max: usize,
    /// Results of renderers that are kept, in bytes of manifests as text (`renders_bytes_max`); none for 0.
    pub renders_bytes_max: usize,
    /// How long an instance of a renderer has to take to begin for the next to be made while nobody waits for it; none is, without a time.
    pub prepares_renderers: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cache: None,
            compiler: None,
            instances_max: 64,
            subscriptions_max: 192,
            programs_max: 128,
            programs_ready_max: 64,
            memory_bytes_max: 1 << 30,
            program_memory_bytes_max: 1 << 30,
            component_bytes_max: 64 << 20,
            renders_bytes_max: 32 << 20,
            // What begins sooner has nothing to gain.
            prepares_renderers: Some(Duration::from_millis(2)),
        }
    }
}

impl Settings {
    fn pool(&self) -> Pool {
        Pool {
            instances: self.instances_max.saturating_add(self.subscriptions_max).saturating_add(self.programs_max),
            memory_bytes: self.memory_bytes_max.max(self.program_memory_bytes_max),
        }
    }
}

/// The host: plugins by name, each in a version.
pub struct PluginHost {
    pub(crate) settings: Settings,
    pub(crate) services: Services,
    ground: OnceLock<std::result::Result<(Ground, Linker<State>), String>>,
    table: RwLock<Table>,
    pub(crate) programs: Shelf,
    expected: RwLock<Expected>,
}

/// Plugins that there should be, and why one is not in service.
#[derive(Default)]
struct Expected {
    /// All that there should be are named.
    complete: bool,
    names: HashMap<Arc<str>, Option<String>>,
}

impl PluginHost {
    /// A host without plugins. It costs next to nothing until the first is loaded.
    pub fn new(settings: Settings, services: Services) -> Arc<Self> {
        let programs = Shelf::new(&settings);
        Arc::new(Self {
            settings,
            services,
            ground: OnceLock::new(),
            table: RwLock::default(),
            programs,
            expected: RwLock::default(),
        })
    }

    /// Takes a component into service, in the place of the one that its plugin has. When it cannot be, that one stays.
    ///
    /// # Errors
    /// Why it was not taken.
    pub async fn load(&self, component: Component) -> std::result::Result<Facts, LoadError> {
        // The same again, as when a tag was looked at that did not move: its counts go on, its subscriptions too.
        if let Some(there) = self.loaded(&component.name).ok().filter(|there| there.is(&component)) {
            return Ok(there.facts.clone());
        }
        let loaded = Arc::new(self.examine(component, self.settings.cache.clone()).await?);
        let facts = loaded.facts.clone();
        // Calls under way hold the one before until they end.
        let before = crate::write(&self.table).insert(loaded.shared.name.clone(), loaded);
        before.inspect(|before| before.supersede());
        Ok(facts)
    }

    /// Takes a plugin out of service. Calls under way end as they would.
    pub fn remove(&self, name: &str) {
        let before = crate::write(&self.table).remove(name);
        before.inspect(|before| before.supersede());
    }

    /// Forgets what was compiled of other components than these (`sha256:…`). Blocks.
    ///
    /// # Errors
    /// The cache cannot be read or written.
    pub fn keep_only(&self, digests: &[String]) -> std::result::Result<(), LoadError> {
        // Without an engine nothing was compiled, and none is made for this.
        let (Some(folder), Some(Ok((ground, _)))) = (&self.settings.cache, self.ground.get()) else { return Ok(()) };
        let failed = |source| LoadError::Cache { what: format!("the cache {}", folder.display()), source };
        Cache::in_folder(folder)?.keep_only(&ground.engine, digests).map_err(failed)
    }

    /// Writes how calls and programs went, in Prometheus' text format; nothing before there was a plugin or a program.
    pub fn metrics(&self, out: &mut String) {
        let Some(Ok((ground, _))) = self.ground.get() else { return };
        let mut loaded: Vec<Arc<Loaded>> = crate::read(&self.table).values().cloned().collect();
        loaded.sort_by(|a, b| a.shared.name.cmp(&b.shared.name));
        metrics::write(out, ground, &loaded);
        metrics::write_programs(out, &self.programs);
    }

    /// The most memory that one instance of a plugin had since this was asked last (bytes).
    pub fn memory_peak(&self, name: &str) -> u64 {
        self.loaded(name).map_or(0, |loaded| loaded.shared.memory_peak.swap(0, Ordering::Relaxed))
    }

    /// Ends instances that stay for a next call and had none for so long (`poolSize`): their memory is wanted elsewhere.
    pub fn give_up_idle(&self, idle: Duration) {
        for loaded in crate::read(&self.table).values() {
            loaded.warm.give_up(idle);
            loaded.warm_renderers.give_up(idle);
        }
    }

    /// How long a plugin is still set aside, because its calls broke off one after another.
    pub fn set_aside(&self, name: &str) -> Option<Duration> {
        self.loaded(name).ok()?.quarantine.left(Instant::now())
    }

    /// Says that there should be a plugin of that name, and why it is not in service, if it is not: who asks for it is told.
    pub fn expect(&self, name: &str, why_not: Option<String>) {
        crate::write(&self.expected).names.insert(name.into(), why_not);
    }

    /// Says that there should be none of that name any more.
    pub fn expect_none(&self, name: &str) {
        crate::write(&self.expected).names.remove(name);
    }

    /// Says that all that there should be are named: another name is nobody's from now on.
    pub fn expect_no_others(&self) {
        crate::write(&self.expected).complete = true;
    }

    async fn examine(&self, component: Component, folder: Option<PathBuf>) -> std::result::Result<Loaded, LoadError> {
        let Component { name, bytes, digest: promised, grants, limits } = component;
        compile::look(&bytes, self.settings.component_bytes_max)?;
        let digest = compile::digest(&bytes);
        if let Some(expected) = promised.filter(|promised| *promised != digest) {
            return Err(LoadError::Digest { expected, actual: digest });
        }
        let (asked, max) = (limits.memory_bytes_max, self.settings.memory_bytes_max);
        if asked > max {
            return Err(LoadError::Limit { field: "spec.limits.memory", asked, max });
        }
        let size = bytes.len() as u64;
        let (ground, _) = self.started()?;
        let (compiled, pre) = self.compile(bytes, &digest, folder).await?;
        let imports = imports(&compiled, ground);
        let exports = Exports::find(&pre).map_err(|error| LoadError::Exports {
            why: format!("the component does not export colchis:plugin/description@1.0.0 ({error:#})"),
        })?;
        let info = self.describe(ground, &name, &limits, &pre, &exports).await?;
        if let Some(kind) = info.kinds.iter().map(|info| info.kind).find(|kind| !exports.has(*kind)) {
            let word = kind.word();
            let why = format!("the component says to be a {word} and does not export colchis:{word}@1.0.0");
            return Err(LoadError::Exports { why });
        }
        let mut schemas = Vec::with_capacity(info.kinds.len());
        for KindInfo { kind, config_schema } in &info.kinds {
            let schema = Schema::new(config_schema).map_err(|why| LoadError::Description {
                why: format!("kinds[{}].config-schema: no JSON Schema (2020-12) that can be used: {why}", kind.word()),
            })?;
            schemas.push((*kind, schema));
        }
        let missing_grants = info.needs.iter().filter(|need| !grants.meets(&need.what)).map(|need| MissingGrant {
            grant: grants::line_for(&need.what),
            why: need.why.clone(),
            optional: need.optional,
        });
        let missing_grants = missing_grants.collect();
        let places = Semaphore::new(limits.concurrency_max.max(1));
        let shared = Shared::new(name, grants, limits, self.services.clone()).map_err(LoadError::Grants)?;
        let facts = Facts { digest, bytes: size, info: Arc::new(info), imports, missing_grants };
        Ok(Loaded {
            pure: Arc::new(shared.pure()),
            shared: Arc::new(shared),
            pre,
            exports,
            schemas,
            superseded: AtomicBool::new(false),
            places,
            warm: Default::default(),
            warm_renderers: Default::default(),
            spare: Default::default(),
            facts,
            counters: Counters::default(),
            quarantine: Default::default(),
        })
    }

    /// Compiles a component, or takes what `folder` keeps of it, and gives it what it imports.
    pub(crate) async fn compile(
        &self,
        bytes: bytes::Bytes,
        digest: &str,
        folder: Option<PathBuf>,
    ) -> std::result::Result<(wasmtime::component::Component, InstancePre<State>), LoadError> {
        let (ground, linker) = self.started()?;
        let cache = tokio::task::spawn_blocking(move || folder.as_deref().map(Cache::in_folder).transpose()).await;
        let cache = cache.map_err(|_| LoadError::Compile { why: "the cache broke off".to_owned() })??;
        let compiler = match &self.settings.compiler {
            Some(program) => Compiler::Child(program.clone(), self.settings.pool()),
            None => Compiler::Here,
        };
        let compiled = compile::compile(&ground.engine, &compiler, cache.as_ref(), bytes, digest).await?;
        match linker.instantiate_pre(&compiled) {
            Ok(pre) => Ok((compiled, pre)),
            Err(error) => {
                let mut unknown = imports(&compiled, ground);
                unknown.retain(|name| !is_here(name));
                Err(match unknown.is_empty() {
                    true => LoadError::Imports { names: format!("something otherwise than it is here ({error:#})") },
                    false => LoadError::Imports { names: unknown.join(", ") },
                })
            }
        }
    }

    /// The engine and the host's functions, made with the first component.
    pub(crate) fn started(&self) -> std::result::Result<&(Ground, Linker<State>), LoadError> {
        self.start().as_ref().map_err(|why| LoadError::Compile { why: why.clone() })
    }

    /// Without any grant, twice: what differs is not pure.
    async fn describe(
        &self,
        ground: &Ground,
        name: &Arc<str>,
        limits: &Limits,
        pre: &InstancePre<State>,
        exports: &Exports,
    ) -> std::result::Result<Info, LoadError> {
        let bare = Shared::new(name.clone(), Default::default(), limits.clone(), self.services.clone());
        let bare = Arc::new(bare.map_err(LoadError::Grants)?);
        let object = ObjectRef { kind: "Plugin".into(), namespace: "".into(), name: name.clone() };
        let context = CallContext::new(object, DESCRIBE);
        let first = description::describe(ground, &bare, pre, exports, &context).await?;
        let second = description::describe(ground, &bare, pre, exports, &context).await?;
        match first == second {
            true => Ok(first),
            false => Err(LoadError::Impure),
        }
    }

    fn start(&self) -> &std::result::Result<(Ground, Linker<State>), String> {
        self.ground.get_or_init(|| {
            let engine =
                engine::start(self.settings.pool()).map_err(|error| format!("the engine does not start: {error:#}"))?;
            let mut linker = Linker::new(&engine);
            capabilities::link(&mut linker).map_err(|error| format!("the host's functions: {error:#}"))?;
            // Fewer than the pool has: an instance is given back a moment after its call.
            let places = (self.settings.instances_max as usize).saturating_sub(2).max(1);
            let subscriptions = Arc::new(Semaphore::new(self.settings.subscriptions_max as usize));
            let pool = Arc::new(Semaphore::new(places));
            let renders = Arc::new(Renders::new(self.settings.renders_bytes_max));
            let ground = Ground {
                engine,
                pool,
                subscriptions,
                instantiated: Arc::default(),
                places_max: places,
                prepares: self.settings.prepares_renderers,
                renders,
            };
            Ok((ground, linker))
        })
    }

    fn ground_now(&self) -> Result<Ground> {
        match self.start() {
            Ok((ground, _)) => Ok(ground.clone()),
            Err(why) => Err(PluginError::new(ErrorClass::Unavailable, "no-engine", why.clone())),
        }
    }

    fn loaded(&self, name: &str) -> Result<Arc<Loaded>> {
        crate::read(&self.table).get(name).cloned().ok_or_else(|| self.missing(name))
    }

    fn missing(&self, name: &str) -> PluginError {
        let expected = crate::read(&self.expected);
        let not_yet = match expected.names.get(name) {
            Some(Some(why)) => why.clone(),
            Some(None) => "it is being loaded".to_owned(),
            None if !expected.complete => "the server has just begun".to_owned(),
            None => {
                return PluginError::new(ErrorClass::NotFound, "no-plugin", format!("there is no plugin {name}"))
                    .hint("`colchis plugin list` shows those that there are; apply a Plugin object of that name");
            }
        };
        let message = format!("the plugin {name} is not in service: {not_yet}");
        PluginError::new(ErrorClass::Unavailable, "not-in-service", message)
    }

    fn of_kind(&self, name: &str, kind: Kind) -> Result<Arc<Loaded>> {
        let loaded = self.loaded(name)?;
        if loaded.facts.info.as_kind(kind).is_some() {
            return Ok(loaded);
        }
        let is: Vec<&str> = loaded.facts.info.kinds.iter().map(|k| k.kind.word()).collect();
        let message = format!("the plugin {name} is no {}, but a {}", kind.word(), is.join(", a "));
        Err(PluginError::new(ErrorClass::InvalidConfig, "wrong-kind", message))
    }
}

/// The names of what a component imports.
fn imports(component: &wasmtime::component::Component, ground: &Ground) -> Vec<String> {
    component.component_type().imports(&ground.engine).map(|(name, _)| name.to_owned()).collect()
}

/// Whether an import is of a package that this host has.
fn is_here(name: &str) -> bool {
    const OURS: &[&str] = &[
        "colchis:plugin/types@1.",
        "colchis:plugin/log@1.",
        "colchis:plugin/cancellation@1.",
        "colchis:plugin/secrets@1.",
        "colchis:plugin/state@1.",
        "colchis:plugin/blobs@1.",
        "colchis:plugin/endpoints@1.",
        "colchis:manifest-renderer/source@1.",
        "colchis:manifest-renderer/destination@1.",
        "colchis:step/files@1.",
    ];
    OURS.iter().any(|ours| name.starts_with(ours)) || (name.starts_with("wasi:") && name.contains("@0.2."))
}

#[async_trait]
impl Desk for PluginHost {
    fn names(&self) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = crate::read(&self.table).keys().cloned().collect();
        names.sort_unstable();
        names
    }

    fn report(&self, name: &str) -> Result<(Facts, Numbers)> {
        self.loaded(name).map(|loaded| (loaded.facts.clone(), loaded.counters.numbers()))
    }

    async fn inspect(&self, component: bytes::Bytes) -> Result<Facts> {
        let component = Component {
            name: "inspected".into(),
            bytes: component,
            digest: None,
            grants: Default::default(),
            limits: Limits::default(),
        };
        // What is only looked at is not kept.
        let examined = self.examine(component, None).await.map(|loaded| loaded.facts);
        examined.map_err(|error| PluginError::new(ErrorClass::InvalidConfig, error.code(), error.to_string()))
    }

    fn schema_findings(&self, name: &str, kind: Kind, config: &Value) -> Vec<Finding> {
        let Ok(loaded) = self.of_kind(name, kind) else { return Vec::new() };
        let of_kind = loaded.schemas.iter().filter(|(of, _)| *of == kind);
        of_kind.flat_map(|(_, schema)| schema.findings_of_template(config)).collect()
    }

    async fn check_config(&self, name: &str, kind: Kind, call: &CallContext, config: &Value) -> Result<Vec<Finding>> {
        let (loaded, ground) = (self.of_kind(name, kind)?, self.ground_now()?);
        // What the schema refuses, the plugin does not see.
        let of_kind = loaded.schemas.iter().filter(|(of, _)| *of == kind);
        let refused: Vec<Finding> = of_kind.flat_map(|(_, schema)| schema.findings(config)).collect();
        if !refused.is_empty() {
            return Ok(refused);
        }
        description::check_config(&ground, &loaded, call, kind, config).await
    }

    fn logs(&self, name: &str, follow: bool) -> Result<BoxStream<'static, LogLine>> {
        self.loaded(name).map(|loaded| self.services.logs.read(&loaded.shared.name, follow))
    }
}

impl Plugins for PluginHost {
    fn metric_provider(&self, name: &str) -> Result<Arc<dyn MetricProvider>> {
        let (loaded, ground) = (self.of_kind(name, Kind::MetricProvider)?, self.ground_now()?);
        Ok(Arc::new(ComponentMetric { ground, loaded }))
    }

    fn renderer(&self, name: &str) -> Result<Arc<dyn Renderer>> {
        let (loaded, ground) = (self.of_kind(name, Kind::ManifestRenderer)?, self.ground_now()?);
        Ok(Arc::new(ComponentRenderer { ground, loaded }))
    }

    fn subscriber(&self, name: &str) -> Result<Arc<dyn Subscriber>> {
        let (loaded, ground) = (self.of_kind(name, Kind::EventSource)?, self.ground_now()?);
        match loaded.exports.subscriber.is_some() {
            true => Ok(Arc::new(ComponentSubscriber { ground, loaded })),
            false => Err(other_way(name, "waits for requests, and does not get its events by itself")),
        }
    }

    fn receiver(&self, name: &str) -> Result<Arc<dyn Receiver>> {
        let (loaded, ground) = (self.of_kind(name, Kind::EventSource)?, self.ground_now()?);
        match loaded.exports.receiver.is_some() {
            true => Ok(Arc::new(ComponentReceiver { ground, loaded })),
            false => Err(other_way(name, "gets its events by itself, and takes no requests")),
        }
    }

    fn trigger(&self, name: &str) -> Result<Arc<dyn Trigger>> {
        let (loaded, ground) = (self.of_kind(name, Kind::Trigger)?, self.ground_now()?);
        Ok(Arc::new(ComponentTrigger { ground, loaded }))
    }

    fn step(&self, name: &str) -> Result<Arc<dyn Step>> {
        let (loaded, ground) = (self.of_kind(name, Kind::Step)?, self.ground_now()?);
        Ok(Arc::new(ComponentStep { ground, loaded }))
    }

    fn info(&self, name: &str) -> Result<Arc<Info>> {
        self.loaded(name).map(|loaded| loaded.facts.info.clone())
    }
}

fn other_way(name: &str, what: &str) -> PluginError {
    PluginError::new(ErrorClass::InvalidConfig, "wrong-kind", format!("the event source {name} {what}"))
}
