//! Signatures by somebody instead of by a key: a certificate of an hour names them, and a public log says that it was used within that hour.
//!
//! ```text
//!   authority ──signs──► certificate (who, who knew them, key, ten minutes) ──key signs──► payload
//!                             ▲                                                              ▲
//!   log ──────signs──► entry (time, digest of payload, signature, certificate) ──────────────┘
//! ```
//!
//! Without the log's word the time of signing is unknown, and a key that leaked after its ten minutes would count for ever.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::artifact::digest_of;
use crate::error::RegistryError;
use crate::signature::{PublicKey, Signature};
use crate::trust::Signer;

/// The key usage `codeSigning` (1.3.6.1.5.5.7.3.3), in DER.
const CODE_SIGNING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 3];
/// Where a certificate names its token's issuer: as a UTF8String, and, before, as bare text.
const ISSUER: &str = "1.3.6.1.4.1.57264.1.8";
const ISSUER_BEFORE: &str = "1.3.6.1.4.1.57264.1.1";
/// A UTF8String's tag.
const UTF8_STRING: u8 = 0x0c;

/// Who vouches for identities, and the logs that say when.
#[derive(Debug, Clone)]
pub struct Authorities {
    roots: Vec<TrustAnchor<'static>>,
    logs: Vec<PublicKey>,
}

impl Authorities {
    /// From the authorities' certificates (PEM, one or more) and the logs' public keys.
    pub fn new(certificates: &str, logs: Vec<PublicKey>) -> Result<Self, RegistryError> {
        let wrong = |why: String| RegistryError::Key(format!("expected certificates in PEM: {why}"));
        let mut roots = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(certificates.as_bytes()) {
            let certificate = certificate.map_err(|e| wrong(e.to_string()))?;
            let root = webpki::anchor_from_trusted_cert(&certificate).map_err(|e| wrong(e.to_string()))?;
            roots.push(root.to_owned());
        }
        match (roots.is_empty(), logs.is_empty()) {
            (true, _) => Err(wrong("there is none".to_owned())),
            (_, true) => {
                Err(RegistryError::Key("without the key of a log nobody knows when something was signed".into()))
            }
            _ => Ok(Self { roots, logs }),
        }
    }

    /// Who made a signature over a payload, or why that cannot be told.
    pub(crate) fn signer(&self, payload: &[u8], signature: &Signature) -> Result<Signer, String> {
        let pem = signature.certificate.as_deref().unwrap_or_default();
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| "a signature's certificate cannot be read".to_owned())?;
        let bundle = signature.bundle.as_deref().ok_or("a signature by certificate has no log's entry with it")?;
        let time = self.logged_at(bundle, payload, &signature.text, pem)?;
        let chain = signature.chain.as_deref().unwrap_or_default();
        self.vouch(&certificate, chain, time)?;
        let (_, parsed) = X509Certificate::from_der(&certificate).map_err(|e| format!("a certificate: {e}"))?;
        let key = PublicKey::from_der(parsed.public_key().raw).map_err(|e| e.to_string())?;
        if !key.verifies(payload, &signature.text) {
            return Err("a signature is not by its certificate's key".to_owned());
        }
        named(&parsed)
    }

    /// That an authority gave this certificate, to sign with, and that it was valid then.
    fn vouch(&self, certificate: &CertificateDer<'_>, chain: &str, time: UnixTime) -> Result<(), String> {
        let wrong =
            |why: webpki::Error| format!("no authority that is trusted vouches for a signature's certificate: {why}");
        let between: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(chain.as_bytes()).filter_map(Result::ok).collect();
        let leaf = EndEntityCert::try_from(certificate).map_err(wrong)?;
        let usage = KeyUsage::required(CODE_SIGNING);
        let algorithms = webpki::ALL_VERIFICATION_ALGS;
        leaf.verify_for_usage(algorithms, &self.roots, &between, time, usage, None, None).map_err(wrong)?;
        Ok(())
    }

    /// When a log saw this signature, by this certificate, over this payload.
    fn logged_at(&self, bundle: &str, payload: &[u8], signature: &str, certificate: &str) -> Result<UnixTime, String> {
        let entry: Bundle = serde_json::from_str(bundle).map_err(|e| format!("a log's entry cannot be read: {e}"))?;
        let entry_id = format!("sha256:{}", entry.payload.log_id);
        let log = self.logs.iter().find(|log| log.fingerprint() == entry_id);
        let log = log.ok_or_else(|| format!("log {} is not trusted", entry.payload.log_id))?;
        // The log signs the entry in JSON's canonical form: names in order, no blanks.
        let Payload { body, integrated_time, log_index, log_id } = &entry.payload;
        let signed = format!(
            r#"{{"body":{},"integratedTime":{integrated_time},"logID":{},"logIndex":{log_index}}}"#,
            json!(body),
            json!(log_id)
        );
        if !log.verifies(signed.as_bytes(), &entry.signed_entry_timestamp) {
            return Err(format!("an entry is not signed by log {log_id}"));
        }
        let body = STANDARD.decode(body).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
        let body = body.ok_or("a log's entry has no body that can be read")?;
        let at = |path| body.pointer(path).and_then(Value::as_str);
        let hash = digest_of(payload);
        let same = at("/kind") == Some("hashedrekord")
            && at("/spec/data/hash/algorithm") == Some("sha256")
            && at("/spec/data/hash/value").is_some_and(|value| hash.strip_prefix("sha256:") == Some(value))
            && at("/spec/signature/content") == Some(signature)
            && at("/spec/signature/publicKey/content").and_then(|text| STANDARD.decode(text).ok()).is_some_and(|pem| {
                let logged = CertificateDer::from_pem_slice(&pem).ok();
                logged.is_some() && logged == CertificateDer::from_pem_slice(certificate.as_bytes()).ok()
            });
        match u64::try_from(*integrated_time) {
            Ok(seconds) if same => Ok(UnixTime::since_unix_epoch(Duration::from_secs(seconds))),
            _ => Err("a log's entry is for another signature".to_owned()),
        }
    }
}

/// What goes with a signature to say when it was logged.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Bundle {
    signed_entry_timestamp: String,
    payload: Payload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    body: String,
    integrated_time: i64,
    log_index: i64,
    #[serde(rename = "logID")]
    log_id: String,
}

/// Whom a certificate names.
fn named(certificate: &X509Certificate<'_>) -> Result<Signer, String> {
    let names = certificate.subject_alternative_name().ok().flatten();
    let subject = names.and_then(|names| {
        names.value.general_names.iter().find_map(|name| match name {
            GeneralName::RFC822Name(text) | GeneralName::URI(text) => Some((*text).to_owned()),
            _ => None,
        })
    });
    let extension = |oid: &str| certificate.extensions().iter().find(|e| e.oid.to_id_string() == oid).map(|e| e.value);
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
    let issuer = match (extension(ISSUER), extension(ISSUER_BEFORE)) {
        (Some([UTF8_STRING, length, rest @ ..]), _) if usize::from(*length) == rest.len() && rest.len() < 0x80 => {
            text(rest)
        }
        (Some([UTF8_STRING, 0x81, length, rest @ ..]), _) if usize::from(*length) == rest.len() => text(rest),
        (Some(_), _) => None,
        (None, Some(bare)) => text(bare),
        (None, None) => None,
    };
    match (issuer, subject) {
        (Some(issuer), Some(subject)) => Ok(Signer::Identity { issuer, subject }),
        _ => Err("a signature's certificate names nobody: expected an address or URI, and its issuer".to_owned()),
    }
}

#[cfg(test)]
mod tests;
