//! Sigstore bundles: a signature with all that is needed to judge it, in one document.
//!
//! ```text
//!   bundle ─┬─ content:  an envelope around a statement, or a signature over the manifest's own bytes
//!           ├─ by whom:  a hint at a key, or a certificate
//!           └─ when:     entries of logs, timestamps
//! ```
//!
//! Reads the form alone; what holds is for [`crate::Trust`] to say. Forms 0.1 to 0.3 are read, and 0.3 is written.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};
use serde_json::json;
use tokio_rustls::rustls::pki_types::CertificateDer;

use crate::artifact::digest_of;
use crate::error::RegistryError;
use crate::signature::SigningKey;
use crate::statement::{self, STATEMENT, in_envelope};

/// The media type of a bundle, and of the artifact that has it.
pub(crate) const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// What media types of bundles begin with, of this form and of those before.
pub(crate) const BUNDLES: &str = "application/vnd.dev.sigstore.bundle";
/// The largest bundle that is read (bytes).
pub(crate) const BUNDLE_BYTES_MAX: i64 = 256 << 10;
const FORMS: [&str; 4] = [
    BUNDLE,
    "application/vnd.dev.sigstore.bundle+json;version=0.3",
    "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "application/vnd.dev.sigstore.bundle+json;version=0.1",
];
/// The most entries and timestamps that are looked at, each.
const WITNESSES_MAX: usize = 8;

/// A bundle, read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Bundle {
    media_type: String,
    verification_material: Material,
    dsse_envelope: Option<Envelope>,
    message_signature: Option<Message>,
}

/// Who signed, and when.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Material {
    certificate: Option<Certificate>,
    x509_certificate_chain: Option<Chain>,
    #[serde(default)]
    tlog_entries: Vec<Entry>,
    timestamp_verification_data: Option<Timestamps>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Certificate {
    raw_bytes: Base64,
}

#[derive(Debug, Deserialize)]
struct Chain {
    certificates: Vec<Certificate>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Timestamps {
    #[serde(default)]
    rfc3161_timestamps: Vec<Timestamp>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Timestamp {
    signed_timestamp: Base64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: Base64,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Debug, Deserialize)]
struct EnvelopeSignature {
    sig: Base64,
}

#[derive(Debug, Deserialize)]
struct Message {
    signature: Base64,
}

/// An entry of a log.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    #[serde(default)]
    pub(crate) log_index: Whole,
    pub(crate) log_id: Option<LogId>,
    #[serde(default)]
    pub(crate) integrated_time: Whole,
    pub(crate) inclusion_promise: Option<Promise>,
    pub(crate) inclusion_proof: Option<Proof>,
    pub(crate) canonicalized_body: Base64,
}

/// Which log.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogId {
    pub(crate) key_id: Base64,
}

/// The log's word that it has the entry since its time.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Promise {
    pub(crate) signed_entry_timestamp: Base64,
}

/// The entry's place in the log, and how the log's root follows from it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Proof {
    #[serde(default)]
    pub(crate) log_index: Whole,
    pub(crate) root_hash: Base64,
    pub(crate) tree_size: Whole,
    #[serde(default)]
    pub(crate) hashes: Vec<Base64>,
    pub(crate) checkpoint: Option<Checkpoint>,
}

/// The log's root at a size, signed by it.
#[derive(Debug, Deserialize)]
pub(crate) struct Checkpoint {
    pub(crate) envelope: String,
}

/// Bytes, which are in base64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base64(pub(crate) Vec<u8>);

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map(Self).map_err(|_| serde::de::Error::custom("expected base64"))
    }
}

/// A whole number, which the form writes as text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Whole(pub(crate) u64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(u64),
            Text(String),
        }
        let number = match Either::deserialize(from)? {
            Either::Number(number) => Some(number),
            Either::Text(text) => text.parse().ok(),
        };
        number.map(Self).ok_or_else(|| serde::de::Error::custom("expected a whole number"))
    }
}

/// What was signed, and the signature.
#[derive(Debug)]
pub(crate) struct Signed<'a> {
    /// The bytes that the signature is over.
    pub(crate) message: Vec<u8>,
    /// The envelope's payload, if there is an envelope.
    pub(crate) payload: Option<&'a [u8]>,
    /// The signature.
    pub(crate) signature: &'a [u8],
}

impl Bundle {
    /// Reads one, of a form that is known.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let bundle: Self =
            serde_json::from_slice(bytes).map_err(|error| format!("a signature's bundle cannot be read: {error}"))?;
        match FORMS.contains(&&*bundle.media_type) {
            true => Ok(bundle),
            false => Err(format!("a bundle has type {:?}; expected {BUNDLE}", bundle.media_type)),
        }
    }

    /// What it signs, when that is this manifest.
    pub(crate) fn signed(&self, manifest: &[u8]) -> Result<Signed<'_>, String> {
        match (&self.dsse_envelope, &self.message_signature) {
            (Some(envelope), None) => {
                let [signature] = envelope.signatures.as_slice() else {
                    let many = envelope.signatures.len();
                    return Err(format!("a bundle's envelope has {many} signatures; expected one"));
                };
                if envelope.payload_type != STATEMENT {
                    return Err(format!("an envelope has type {:?}; expected {STATEMENT}", envelope.payload_type));
                }
                statement::is_of(&envelope.payload.0, &digest_of(manifest))?;
                Ok(Signed {
                    message: in_envelope(STATEMENT, &envelope.payload.0),
                    payload: Some(&envelope.payload.0),
                    signature: &signature.sig.0,
                })
            }
            (None, Some(message)) => {
                Ok(Signed { message: manifest.to_vec(), payload: None, signature: &message.signature.0 })
            }
            _ => Err("a bundle has to have one of dsseEnvelope and messageSignature".to_owned()),
        }
    }

    /// The certificate of who signed, and those above it, unless it is signed by a key alone.
    pub(crate) fn certificates(&self) -> Option<(CertificateDer<'_>, Vec<CertificateDer<'_>>)> {
        let der = |one: &Certificate| CertificateDer::from(one.raw_bytes.0.clone());
        let material = &self.verification_material;
        match (&material.certificate, &material.x509_certificate_chain) {
            (Some(one), _) => Some((der(one), Vec::new())),
            (None, Some(chain)) => {
                let (first, above) = chain.certificates.split_first()?;
                Some((der(first), above.iter().map(der).collect()))
            }
            (None, None) => None,
        }
    }

    /// Entries of logs.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.verification_material.tlog_entries.iter().take(WITNESSES_MAX)
    }

    /// Timestamps (RFC 3161).
    pub(crate) fn timestamps(&self) -> impl Iterator<Item = &[u8]> {
        let given = self.verification_material.timestamp_verification_data.iter();
        given.flat_map(|data| &data.rfc3161_timestamps).take(WITNESSES_MAX).map(|one| &*one.signed_timestamp.0)
    }
}

/// A bundle that signs a manifest with a key.
pub(crate) fn by_key(manifest: &str, key: &SigningKey) -> Result<Vec<u8>, RegistryError> {
    let payload = statement::statement(manifest);
    let signature = key.sign(&in_envelope(STATEMENT, &payload))?;
    let bundle = json!({
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": key.public()?.hint()}},
        "dsseEnvelope": {
            "payload": STANDARD.encode(&payload),
            "payloadType": STATEMENT,
            "signatures": [{"sig": STANDARD.encode(signature)}],
        },
    });
    Ok(bundle.to_string().into_bytes())
}
