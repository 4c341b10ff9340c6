//! `colchis:plugin/state`.

use plugin::{Capability, ErrorClass, PluginError};

use super::told;
use crate::bindings::imports::{state, types};
use crate::grants;
use crate::instance::State;
use crate::services::StateKey;

/// Bytes of a key.
const KEY_BYTES_MAX: usize = 256;
/// Keys of one answer.
const KEYS_MAX: u32 = 1_000;

type Answer<T> = wasmtime::Result<Result<T, types::PluginError>>;

impl State {
    /// The place of a key, and how many bytes its object may keep; refused without the grant.
    fn place(&self, key: &str) -> Result<(StateKey, u64), PluginError> {
        let Some(bytes_max) = self.shared.grants.state_bytes_max else {
            return Err(PluginError::denied(
                format!("the plugin {} may not keep state", self.shared.name),
                grants::hint_for(&self.shared.name, &Capability::State),
            ));
        };
        if key.len() > KEY_BYTES_MAX {
            let message = format!("the key has {} bytes, more than state_key_bytes_max ({KEY_BYTES_MAX})", key.len());
            return Err(PluginError::new(ErrorClass::Permanent, "too-large", message));
        }
        let (plugin, object) = (self.shared.name.clone(), self.call.context.object.clone());
        Ok((StateKey { plugin, object, key: key.to_owned() }, bytes_max))
    }
}

impl state::Host for State {
    async fn get(&mut self, key: String) -> Answer<Option<state::Entry>> {
        self.host_call()?;
        let place = match self.place(&key) {
            Ok((place, _)) => place,
            Err(error) => return Ok(Err(told(error))),
        };
        let found = self.shared.services.state.get(&place).await;
        Ok(found.map(|f| f.map(|f| state::Entry { value: f.value, version: f.version })).map_err(told))
    }

    async fn set(&mut self, key: String, value: Vec<u8>, expected: state::Expected) -> Answer<u64> {
        self.host_call()?;
        let (place, bytes_max) = match self.place(&key) {
            Ok(place) => place,
            Err(error) => return Ok(Err(told(error))),
        };
        let max = self.shared.limits.state_value_bytes_max;
        if value.len() > max {
            let message = format!("the value has {} bytes, more than state_value_bytes_max ({max})", value.len());
            return Ok(Err(told(PluginError::new(ErrorClass::Permanent, "too-large", message))));
        }
        let expected = match expected {
            state::Expected::Any => None,
            state::Expected::Absent => Some(0),
            state::Expected::Version(version) => Some(version),
        };
        Ok(match self.shared.services.state.set(&place, value, expected, bytes_max).await {
            Ok(Some(version)) => Ok(version),
            Ok(None) => {
                let message = format!("the state {key:?} has another version than the one expected");
                Err(told(PluginError::new(ErrorClass::Permanent, "conflict", message)))
            }
            Err(error) => Err(told(error)),
        })
    }

    async fn delete(&mut self, key: String) -> Answer<()> {
        self.host_call()?;
        Ok(match self.place(&key) {
            Ok((place, _)) => self.shared.services.state.delete(&place).await.map_err(told),
            Err(error) => Err(told(error)),
        })
    }

    async fn keys(&mut self, prefix: String, after: Option<String>, limit: u32) -> Answer<Vec<String>> {
        self.host_call()?;
        let limit = limit.min(KEYS_MAX) as usize;
        Ok(match self.place(&prefix) {
            Ok((place, _)) => self.shared.services.state.keys(&place, after.as_deref(), limit).await.map_err(told),
            Err(error) => Err(told(error)),
        })
    }
}
