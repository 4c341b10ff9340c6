//! What a plugin answers is told to people and kept: no value of a secret may stand in it.

use crate::bindings::description::exports::colchis::plugin::description::{Finding, Info};
use crate::bindings::metric::exports::colchis::metric_provider::provider::Measurement;
use crate::bindings::receiver::exports::colchis::event_source::receiver::{Endpoint, Outcome};
use crate::bindings::renderer::exports::colchis::manifest_renderer::renderer::{Rendered, Requirement};
use crate::bindings::step::exports::colchis::step::step::Progress;
use crate::bindings::subscriber::exports::colchis::event_source::subscriber::Batch;
use crate::bindings::trigger::exports::colchis::trigger::action::{Executed, PolicyState};
use crate::vault::Vault;
use wasmtime::component::ResourceAny;

/// An answer. Tokens are not looked at: they go back to the plugin alone.
pub(crate) trait Told {
    /// Takes out what may not be told.
    fn redact(&mut self, vault: &Vault);
}

/// It is asked for without any grant.
impl Told for Info {
    fn redact(&mut self, _: &Vault) {}
}

impl Told for Vec<Finding> {
    fn redact(&mut self, vault: &Vault) {
        self.iter_mut().for_each(|finding| vault.redact(&mut finding.message));
    }
}

impl Told for Vec<(String, String)> {
    fn redact(&mut self, vault: &Vault) {
        self.iter_mut().for_each(|(_, value)| vault.redact(value));
    }
}

impl Told for Measurement {
    fn redact(&mut self, vault: &Vault) {
        vault.redact(&mut self.value);
        vault.redact(&mut self.message);
        self.metadata.redact(vault);
    }
}

impl Told for Progress {
    fn redact(&mut self, vault: &Vault) {
        vault.redact(&mut self.message);
        self.parameters.redact(vault);
        self.result.iter_mut().for_each(|result| vault.redact(result));
    }
}

impl Told for Executed {
    fn redact(&mut self, vault: &Vault) {
        vault.redact(&mut self.message);
        vault.redact(&mut self.answer);
    }
}

impl Told for PolicyState {
    fn redact(&mut self, vault: &Vault) {
        if let Self::Violated(why) = self {
            vault.redact(why);
        }
    }
}

/// A configuration that was looked up.
impl Told for String {
    fn redact(&mut self, vault: &Vault) {
        vault.redact(self);
    }
}

/// What is answered goes out to whoever sent the request. The events are what came in.
impl Told for Outcome {
    fn redact(&mut self, vault: &Vault) {
        self.answer.headers.redact(vault);
        vault.redact_bytes(&mut self.answer.body);
    }
}

/// Events are what the other side sent.
impl Told for Batch {
    fn redact(&mut self, _: &Vault) {}
}

macro_rules! nothing_to_redact {
    ($why:literal: $($type:ty),+) => {
        $(#[doc = $why] impl Told for $type { fn redact(&mut self, _: &Vault) {} })+
    };
}

nothing_to_redact!("Asked for without any secret.": Vec<Endpoint>, Vec<Requirement>, Rendered);
nothing_to_redact!("Holds no text.": (), bool, ResourceAny);
