//! Signatures by somebody instead of by a key: a certificate of an hour names them, and a public log says that it was used within that hour.
//!
//! ```text
//!   authority ──signs──► certificate (who, who knew them, key, ten minutes) ──key signs──► payload
//!                             ▲                                                              ▲
//!   log ──────signs──► entry (time, digest of payload, signature, certificate) ──────────────┘
//! ```
//!
//! Without somebody's word the time of signing is unknown, and a key that leaked after its ten minutes would count for ever. That is the log's
//! promise, or, for logs that say no time, a timestamp authority's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::bundle::{Bundle, Signed};
use crate::error::RegistryError;
use crate::signature::{PublicKey, Signature};
use crate::timestamp::Stampers;
use crate::transparency::{self, Place};
use crate::trust::Signer;

/// The key usage `codeSigning` (1.3.6.1.5.5.7.3.3), in DER.
const CODE_SIGNING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 3];
/// Where a certificate names its token's issuer: as a UTF8String, and, before, as bare text.
const ISSUER: &str = "1.3.6.1.4.1.57264.1.8";
const ISSUER_BEFORE: &str = "1.3.6.1.4.1.57264.1.1";
/// A UTF8String's tag.
const UTF8_STRING: u8 = 0x0c;

/// Who vouches for identities, and the logs and timestamp authorities that say when.
#[derive(Debug, Clone)]
pub struct Authorities {
    roots: Vec<TrustAnchor<'static>>,
    logs: Vec<PublicKey>,
    stampers: Option<Stampers>,
}

impl Authorities {
    /// From the authorities' certificates (PEM, one or more) and the logs' public keys.
    pub fn new(certificates: &str, logs: Vec<PublicKey>) -> Result<Self, RegistryError> {
        let (_, roots) = anchors(certificates)?;
        if logs.is_empty() {
            return Err(RegistryError::Key("without the key of a log nobody knows when something was signed".into()));
        }
        Ok(Self { roots, logs, stampers: None })
    }

    /// The timestamp authorities' certificates (PEM, with those that they do not put into their timestamps) count, too.
    pub fn with_timestamps(self, certificates: &str) -> Result<Self, RegistryError> {
        let (certificates, roots) = anchors(certificates)?;
        Ok(Self { stampers: Some(Stampers { certificates, roots }), ..self })
    }

    /// Who made a signature over a payload, or why that cannot be told.
    pub(crate) fn signer(&self, payload: &[u8], signature: &Signature) -> Result<Signer, String> {
        let pem = signature.certificate.as_deref().unwrap_or_default();
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| "a signature's certificate cannot be read".to_owned())?;
        let entry = signature.bundle.as_deref().ok_or("a signature by certificate has no log's entry with it")?;
        let signed = Signed { message: payload.to_vec(), payload: None, signature: &signature.bytes };
        let time = self.logged_at(entry, &signed, &certificate)?;
        let chain = signature.chain.as_deref().unwrap_or_default();
        let between: Vec<_> = CertificateDer::pem_slice_iter(chain.as_bytes()).filter_map(Result::ok).collect();
        self.vouch(&certificate, &between, time)?;
        holder(&certificate, &signed)
    }

    /// Who made the signature in a bundle, or why that cannot be told.
    pub(crate) fn signer_of(&self, bundle: &Bundle, signed: &Signed<'_>) -> Result<Signer, String> {
        let (certificate, between) = bundle.certificates().ok_or("a bundle has no certificate")?;
        // The log's word, as whoever looks after an identity finds misuse there; then when it was.
        let mut times = Vec::new();
        let mut logged = Err("a signature by certificate has no log's entry with it".to_owned());
        for entry in bundle.entries() {
            match transparency::logged(&self.logs, entry, signed, &certificate) {
                Ok(time) => {
                    times.extend(time);
                    logged = Ok(());
                }
                Err(why) => logged = logged.or(Err(why)),
            }
        }
        logged?;
        for response in bundle.timestamps() {
            let Some(stampers) = &self.stampers else { break };
            times.push(stampers.stamped(response, signed.signature)?);
        }
        if times.is_empty() {
            return Err(match (bundle.timestamps().next(), &self.stampers) {
                (Some(_), None) => "a timestamp authority says when it was signed, and none is trusted".to_owned(),
                _ => "nothing says when it was signed: the log's entry has no promise, and there is no timestamp"
                    .to_owned(),
            });
        }
        for time in times {
            self.vouch(&certificate, &between, time)?;
        }
        holder(&certificate, signed)
    }

    /// That an authority gave this certificate, to sign with, and that it was valid then.
    fn vouch(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        time: UnixTime,
    ) -> Result<(), String> {
        let wrong =
            |why: webpki::Error| format!("no authority that is trusted vouches for a signature's certificate: {why}");
        let leaf = EndEntityCert::try_from(certificate).map_err(wrong)?;
        let usage = KeyUsage::required(CODE_SIGNING);
        let algorithms = webpki::ALL_VERIFICATION_ALGS;
        leaf.verify_for_usage(algorithms, &self.roots, between, time, usage, None, None).map_err(wrong)?;
        Ok(())
    }

    /// When a log saw a signature by this certificate.
    fn logged_at(
        &self,
        entry: &str,
        signed: &Signed<'_>,
        certificate: &CertificateDer<'_>,
    ) -> Result<UnixTime, String> {
        let entry: Logged = serde_json::from_str(entry).map_err(|e| format!("a log's entry cannot be read: {e}"))?;
        let Payload { body, integrated_time: time, log_index: index, log_id: log } = &entry.payload;
        let word = STANDARD.decode(&entry.signed_entry_timestamp).unwrap_or_default();
        let place = Place { log, index: *index, time: *time };
        let time = transparency::promised(&self.logs, body, &place, &word)?;
        let body = STANDARD.decode(body).map_err(|_| "a log's entry has no body that can be read")?;
        transparency::is_for(&body, signed, certificate)?;
        Ok(time)
    }
}

/// Certificates in PEM, as they are and as roots.
fn anchors(pem: &str) -> Result<(Vec<CertificateDer<'static>>, Vec<TrustAnchor<'static>>), RegistryError> {
    let wrong = |why: String| RegistryError::Key(format!("expected certificates in PEM: {why}"));
    let (mut certificates, mut roots) = (Vec::new(), Vec::new());
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|e| wrong(e.to_string()))?;
        let root = webpki::anchor_from_trusted_cert(&certificate).map_err(|e| wrong(e.to_string()))?;
        roots.push(root.to_owned());
        certificates.push(certificate);
    }
    if roots.is_empty() { Err(wrong("there is none".to_owned())) } else { Ok((certificates, roots)) }
}

/// What goes with a signature to say when it was logged.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Logged {
    signed_entry_timestamp: String,
    payload: Payload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    body: String,
    integrated_time: u64,
    log_index: u64,
    #[serde(rename = "logID")]
    log_id: String,
}

/// Whom a certificate names, if the signature is by its key.
fn holder(certificate: &CertificateDer<'_>, signed: &Signed<'_>) -> Result<Signer, String> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|e| format!("a certificate: {e}"))?;
    let key = PublicKey::from_der(parsed.public_key().raw).map_err(|e| e.to_string())?;
    if !key.verifies(&signed.message, signed.signature) {
        return Err("a signature is not by its certificate's key".to_owned());
    }
    named(&parsed)
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
