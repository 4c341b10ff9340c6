//! `colchis:plugin/secrets`.

use std::sync::Arc;

use plugin::{Capability, ErrorClass, PluginError};
use ring::hmac;

use super::told;
use crate::bindings::imports::{secrets, types};
use crate::grants;
use crate::instance::State;
use crate::loaded::Shared;
use crate::vault::{self, Vault};

/// The longest message that is signed (bytes).
const MESSAGE_BYTES_MAX: usize = 16 << 20;

type Answer<T> = wasmtime::Result<Result<T, types::PluginError>>;

/// What keys are found by: apart from the instance, which nobody else may see while a value is waited for.
struct Keys {
    shared: Arc<Shared>,
    vault: Vault,
}

impl State {
    fn keys(&self) -> Keys {
        Keys { shared: self.shared.clone(), vault: self.vault().clone() }
    }
}

impl Keys {
    /// The key that a stand-in stands for.
    async fn key(&self, stand_in: &str) -> Result<artifact::Secret, PluginError> {
        let name = self.vault.name_of(stand_in).ok_or_else(|| {
            let message = "the key is no stand-in of this call; make one with `stand-in`";
            PluginError::new(ErrorClass::Permanent, "no-stand-in", message)
        })?;
        let grant = vault::granted(&self.shared, &name)?;
        self.shared.services.secrets.value(grant).await
    }

    async fn mac(
        &self,
        key: &str,
        algorithm: &secrets::Algorithm,
        message: &[u8],
    ) -> Result<(hmac::Key, hmac::Tag), PluginError> {
        let algorithm = match algorithm {
            secrets::Algorithm::HmacSha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            secrets::Algorithm::HmacSha256 => hmac::HMAC_SHA256,
            secrets::Algorithm::HmacSha512 => hmac::HMAC_SHA512,
            other => {
                let message = format!("{other:?} is no HMAC that this host knows");
                return Err(PluginError::new(ErrorClass::Permanent, "no-algorithm", message));
            }
        };
        check_length(message)?;
        let value = self.key(key).await?;
        let key = hmac::Key::new(algorithm, value.reveal());
        let tag = hmac::sign(&key, message);
        Ok((key, tag))
    }

    async fn signed(&self, key: &str, algorithm: &secrets::Algorithm, message: &[u8]) -> Result<Vec<u8>, PluginError> {
        match algorithm {
            secrets::Algorithm::RsaSha256 => {
                check_length(message)?;
                crate::signing::rsa_sha256(self.key(key).await?.reveal(), message)
            }
            secrets::Algorithm::Ed25519 => {
                check_length(message)?;
                crate::signing::ed25519(self.key(key).await?.reveal(), message)
            }
            _ => Ok(self.mac(key, algorithm, message).await?.1.as_ref().to_vec()),
        }
    }

    async fn revealed(&self, name: &str) -> Result<Vec<u8>, PluginError> {
        let grant = vault::granted(&self.shared, name)?;
        if !grant.reveal {
            return Err(PluginError::denied(
                format!("the plugin {} may use the secret {name:?}, and not see it", self.shared.name),
                grants::hint_for(&self.shared.name, &Capability::Reveal(name.to_owned())),
            ));
        }
        let value = self.shared.services.secrets.value(grant).await?;
        self.vault.hide(value.clone());
        Ok(value.reveal().to_vec())
    }
}

fn check_length(message: &[u8]) -> Result<(), PluginError> {
    if message.len() <= MESSAGE_BYTES_MAX {
        return Ok(());
    }
    let text = format!("the message has {} bytes, more than signed_bytes_max ({MESSAGE_BYTES_MAX})", message.len());
    Err(PluginError::new(ErrorClass::Permanent, "too-large", text))
}

impl secrets::Host for State {
    async fn stand_in(&mut self, name: String) -> Answer<String> {
        self.host_call()?;
        Ok(self.vault().secret(&self.shared, &name).map_err(told))
    }

    async fn base64(&mut self, text: String) -> Answer<String> {
        self.host_call()?;
        Ok(self.vault().base64(&text).map_err(told))
    }

    async fn sign(&mut self, key: String, algorithm: secrets::Algorithm, message: Vec<u8>) -> Answer<Vec<u8>> {
        self.host_call()?;
        Ok(self.keys().signed(&key, &algorithm, &message).await.map_err(told))
    }

    async fn verify_mac(
        &mut self,
        key: String,
        algorithm: secrets::Algorithm,
        message: Vec<u8>,
        mac: Vec<u8>,
    ) -> Answer<bool> {
        self.host_call()?;
        let made = self.keys().mac(&key, &algorithm, &message).await;
        Ok(made.map(|(key, _)| hmac::verify(&key, &message, &mac).is_ok()).map_err(told))
    }

    async fn sign_aws(&mut self, credentials: String, request: secrets::AwsRequest) -> Answer<Vec<(String, String)>> {
        self.host_call()?;
        let keys = self.keys();
        let signed = async {
            let grant = vault::granted(&keys.shared, &credentials)?;
            let value = keys.shared.services.secrets.value(grant).await?;
            crate::signing::aws(value.reveal(), &request)
        };
        Ok(signed.await.map_err(told))
    }

    async fn reveal(&mut self, name: String) -> Answer<Vec<u8>> {
        self.host_call()?;
        Ok(self.keys().revealed(&name).await.map_err(told))
    }
}
