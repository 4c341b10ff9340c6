//! The gRPC services: the only way in for people, programs, the command line and the web page.
//!
//! ```text
//!   request ─► layer (known RPC? who? until when? panics, audit) ─► service ─► gate (may they? which namespace?) ─► Grant ─► ports
//!                                                                      │                                              │
//!                                            documents: parse, schema, meaning (admission) ◄──────────────────────────┘
//!   answer  ◄─ every error: code, whose fault, message, violations with paths, hints, page
//! ```
//!
//! Invariants
//! - The ports are reachable through a grant only, and a grant is made by the gate only: a handler that forgets to ask cannot do anything.
//! - Every RPC has a row in the table of [`access`]; a new one does not compile without.
//! - A document is stored whole and valid or not at all; a Secret's values leave only to who may `reveal` them.
//! - A run's program does not change under it.
//! - Every list is paged, every stream bounded, every message, document and batch limited by name ([`Limits`]).
//! - A panic ends its own call.
//!
//! Must not know: adapters (which store, which runner), engines' states, SQL, Kubernetes clients.

pub mod access;

mod admission;
mod call;
mod configs;
mod document;
mod failure;
mod gate;
mod kinds;
mod layer;
mod linting;
mod meaning;
mod pages;
mod patch;
mod selector;
mod serve;
mod services;
mod settings;
mod streams;
mod submit;
mod summary;
mod write;

use axum::middleware;
use proto_gen::v1;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

pub use admission::{AdmissionSettings, TemplateReferencing};
pub use serve::{Listen, ServeError, ServerTls};
pub use settings::{About, Deps, Limits, Repositories, Schedules};
pub use submit::{CREATOR_LABEL, RESUBMITTED_FROM_LABEL, REUSE_ANNOTATION};

use gate::Gate;

/// Health is also told by this name: `grpc.health.v1.Health/Check` with `service: "colchis.v1"`.
const HEALTH_NAME: &str = "colchis.v1";

/// The services over their ports.
#[derive(Clone)]
pub struct Api {
    gate: Gate,
    stopping: CancellationToken,
    health: HealthReporter,
    routes: Routes,
}

impl Api {
    /// Builds the services. They answer health checks with NOT_SERVING until [`Api::ready`].
    pub async fn new(deps: Deps) -> Self {
        let stopping = CancellationToken::new();
        let gate = Gate::new(deps, stopping.clone());
        let (health, health_service) = tonic_health::server::health_reporter();
        health.set_service_status("", ServingStatus::NotServing).await;
        health.set_service_status(HEALTH_NAME, ServingStatus::NotServing).await;
        let mut routes = Routes::builder();
        let bytes = usize::try_from(gate.limits().message_bytes_max).unwrap_or(usize::MAX);
        macro_rules! add {
            ($($module:ident :: $server:ident: $service:expr;)*) => { $(
                routes.add_service(v1::$module::$server::new($service(gate.clone())).max_decoding_message_size(bytes));
            )* };
        }
        add! {
            resources_server::ResourcesServer: services::resources::ResourcesService;
            workflows_server::WorkflowsServer: services::workflows::WorkflowsService;
            templates_server::TemplatesServer: services::templates::TemplatesService;
            cron_workflows_server::CronWorkflowsServer: services::cron::CronWorkflowsService;
            archive_server::ArchiveServer: services::archive::ArchiveService;
            logs_server::LogsServer: services::logs::LogsService;
            artifacts_server::ArtifactsServer: services::artifacts::ArtifactsService;
            plugins_server::PluginsServer: services::plugins::PluginsService::new;
            info_server::InfoServer: services::info::InfoService;
        }
        routes.add_service(health_service);
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(proto_gen::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        // The descriptors are compiled in: a test shows that they can be registered.
        if let Ok(service) = reflection().build_v1() {
            routes.add_service(service);
        }
        if let Ok(service) = reflection().build_v1alpha() {
            routes.add_service(service);
        }
        Self { gate, stopping, health, routes: routes.routes() }
    }

    /// Tells health checks that the server serves.
    pub async fn ready(&self) {
        self.health.set_service_status("", ServingStatus::Serving).await;
        self.health.set_service_status(HEALTH_NAME, ServingStatus::Serving).await;
    }

    /// Tells health checks that it no longer does, and ends all streams.
    pub async fn stop(&self) {
        self.health.set_service_status("", ServingStatus::NotServing).await;
        self.health.set_service_status(HEALTH_NAME, ServingStatus::NotServing).await;
        self.stopping.cancel();
    }

    /// The services as a router, guarded.
    pub fn router(&self) -> axum::Router {
        self.routes.clone().into_axum_router().layer(middleware::from_fn_with_state(self.gate.clone(), layer::guard))
    }

    /// The named limits.
    pub fn limits(&self) -> &Limits {
        self.gate.limits()
    }
}
