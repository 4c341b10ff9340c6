//! A plugin of every kind that does what its configuration says: for the tests of hosts. It is not shipped.
//!
//! ```text
//!   {"do": "echo", …} ──► Action ──► plain answers, the SDK's host functions, or WASI itself (system.rs)
//! ```
//!
//! Invariants
//! - Each action does one thing that a host has to allow, refuse or end, and says what it saw.
//!
//! Must not know: what a host is expected to do about it.

mod action;
mod kinds;
mod system;

use colchis_sdk::metric_provider::{Measurement, MetricProvider, Request};
use colchis_sdk::{Capability, Finding, Result, about};

pub use action::{Action, Class, Config};

/// The provider.
#[derive(Debug)]
pub struct Conformance;

impl MetricProvider for Conformance {
    type Config = Config;

    fn check(config: &Config) -> Vec<Finding> {
        match &config.action {
            Action::Findings { findings } => {
                findings.iter().map(|field| Finding::warning(field, "as the configuration says")).collect()
            }
            _ => Vec::new(),
        }
    }

    fn run(config: Config, request: &Request) -> Result<Measurement> {
        config.action.perform(request)
    }

    fn resume(config: Config, request: &Request, token: &str) -> Result<Measurement> {
        config.action.resume(request, token)
    }

    fn terminate(_: Config, _: &Request, token: &str) -> Result<Measurement> {
        Ok(Measurement::inconclusive("terminated").with_value(token))
    }

    fn metadata(config: Config) -> Result<Vec<(String, String)>> {
        Ok(vec![("action".to_owned(), config.action.name().to_owned())])
    }
}

colchis_sdk::export! {
    about: about!("conformance", "Does what its configuration says, for the tests of hosts")
        .may_use(Capability::Http("*".into()), "the action `http` asks the address that the configuration names")
        .may_use(Capability::Endpoint("*".into()), "the action `connect` connects to the address that the configuration names")
        .may_use(Capability::Blobs, "the actions `blobPut`, `blobGet` and `blobDelete`")
        .may_use(Capability::Lookup, "`lookup` of a renderer")
        .may_use(Capability::State, "the actions `stateGet`, `stateSet`, `stateDelete` and `stateKeys`")
        .may_use(Capability::Secret("conformance".into()), "the actions `standIn` and `base64`")
        .may_use(Capability::Reveal("conformance".into()), "the action `reveal`"),
    metric_provider: Conformance,
    manifest_renderer: kinds::Renders,
    event_subscriber: kinds::Subscribes,
    event_receiver: kinds::Receives,
    trigger: kinds::Triggers,
    step: kinds::Steps,
}
