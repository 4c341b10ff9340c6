//! The ways out of a plugin: one for each grant. Certificates that a grant names are secrets, and may be renewed while the plugin is in service.

use std::sync::Mutex;

use egress::{EgressError, Guard, Identity, TlsSettings};
use plugin::{ErrorClass, PluginError, Result};
use sha2::{Digest, Sha256};

use crate::grants::{SecretGrant, TlsGrant};
use crate::services::Secrets;

/// One way out: a client for requests, or a dialer for connections.
pub(crate) struct Way<T> {
    guard: Guard,
    insecure: bool,
    tls: Option<TlsGrant>,
    make: fn(Guard, &TlsSettings) -> std::result::Result<T, EgressError>,
    /// What it was made of, and it.
    made: Mutex<Option<([u8; 32], T)>>,
}

impl<T: Clone> Way<T> {
    /// A way for a grant. Without secrets it is made at once, so that what is wrong with it is known now.
    pub(crate) fn new(
        guard: Guard,
        insecure: bool,
        tls: Option<&TlsGrant>,
        make: fn(Guard, &TlsSettings) -> std::result::Result<T, EgressError>,
    ) -> std::result::Result<Self, EgressError> {
        let made = match tls {
            None => {
                let settings = TlsSettings { insecure, ..TlsSettings::default() };
                Some((digest(&[]), make(guard.clone(), &settings)?))
            }
            Some(_) => None,
        };
        Ok(Self { guard, insecure, tls: tls.cloned(), make, made: Mutex::new(made) })
    }

    /// The way as it is now.
    ///
    /// # Errors
    /// A secret is not there, or is no certificate.
    pub(crate) async fn open(&self, secrets: &dyn Secrets) -> Result<T> {
        let Some(tls) = &self.tls else {
            let made = crate::lock(&self.made).as_ref().map(|(_, made)| made.clone());
            return made.ok_or_else(|| PluginError::new(ErrorClass::Permanent, "no-way", "the grant has no way out"));
        };
        let value = async |grant: &Option<SecretGrant>| match grant {
            Some(grant) => secrets.value(grant).await.map(|secret| Some(secret.reveal().to_vec())),
            None => Ok(None),
        };
        let parts = [value(&tls.ca).await?, value(&tls.certificate).await?, value(&tls.key).await?];
        let digest = digest(&parts);
        if let Some((_, made)) = crate::lock(&self.made).as_ref().filter(|(of, _)| *of == digest) {
            return Ok(made.clone());
        }
        let [extra_roots, certificate, key] = parts;
        let identity = certificate.zip(key).map(|(certificate, key)| Identity { certificate, key: key.into() });
        let settings = TlsSettings { extra_roots, identity, insecure: self.insecure };
        let made = (self.make)(self.guard.clone(), &settings)
            .map_err(|error| PluginError::new(ErrorClass::Denied, "bad-certificate", error.to_string()))?;
        *crate::lock(&self.made) = Some((digest, made.clone()));
        Ok(made)
    }
}

fn digest(parts: &[Option<Vec<u8>>]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        let bytes = part.as_deref().unwrap_or_default();
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    }
    hash.finalize().into()
}
