//! What a plugin answers is told to people and kept: no value of a secret may stand in it.

use crate::bindings::description::exports::colchis::plugin::description::{Finding, Info};
use crate::bindings::metric::exports::colchis::metric_provider::provider::Measurement;
use crate::bindings::step::exports::colchis::step::step::Progress;
use crate::vault::Vault;

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
