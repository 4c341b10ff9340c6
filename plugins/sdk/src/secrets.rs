//! Secrets without their values.
//!
//! A *stand-in* is a text that stands for a value: put where the value belongs in a request (a header, the query, the body), it is replaced by the host when the
//! request goes to a host that the secret is granted for. Configurations have stand-ins where users wrote references to secrets, so most plugins need nothing of this.

use crate::{Result, host};

/// How to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    /// RFC 2104 with SHA-1.
    HmacSha1,
    /// RFC 2104 with SHA-256.
    HmacSha256,
    /// RFC 2104 with SHA-512.
    HmacSha512,
    /// RSASSA-PKCS1-v1_5 with SHA-256; the secret is a PEM private key.
    RsaSha256,
    /// Ed25519; the secret is a PEM private key.
    Ed25519,
    /// Another that the host may know, by name.
    Other(String),
}

/// What AWS Signature Version 4 signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsRequest {
    /// `GET`, `POST` …
    pub method: String,
    /// With scheme, host, path and query.
    pub url: String,
    /// That are signed; `host` and `x-amz-date` are added.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// `aps`, `monitoring` …
    pub service: String,
    /// `eu-central-1` …
    pub region: String,
}

/// A stand-in for a secret that the grant calls so.
pub fn stand_in(name: &str) -> Result<String> {
    host::secret_stand_in(name)
}

/// The base64 text of a text, or a stand-in for it when the text has stand-ins in it.
pub fn base64(text: &str) -> Result<String> {
    host::secret_base64(text)
}

/// Signs a message. The stand-in says with which secret.
pub fn sign(key: &str, algorithm: &Algorithm, message: &[u8]) -> Result<Vec<u8>> {
    host::secret_sign(key, algorithm, message)
}

/// Whether a message was signed with a secret (HMACs only). Compares in constant time.
pub fn verify_mac(key: &str, algorithm: &Algorithm, message: &[u8], mac: &[u8]) -> Result<bool> {
    host::secret_verify_mac(key, algorithm, message, mac)
}

/// The headers to add to a request for AWS, made of the granted credentials of that name.
pub fn sign_aws(credentials: &str, request: &AwsRequest) -> Result<Vec<(String, String)>> {
    host::secret_sign_aws(credentials, request)
}

/// The value itself: needs the grant `reveal`, which almost nobody gets.
pub fn reveal(name: &str) -> Result<Vec<u8>> {
    host::secret_reveal(name)
}
