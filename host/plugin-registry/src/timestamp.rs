//! Timestamps (RFC 3161): an authority's word that it saw a signature at a time.
//!
//! ```text
//!   response ─► token (CMS) ─┬─ content: digest of the signature, time
//!                            ├─ attributes: digest of the content ◄──signed── certificate ◄── authority
//!                            └─ certificates, maybe
//! ```

use std::time::Duration;

use ring::digest::{Algorithm, SHA256, SHA384, SHA512, digest};
use tokio_rustls::rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;

use crate::der::{CONTEXT_0, Element, Elements, INTEGER, OBJECT, OCTET_STRING, SEQUENCE, SET, element};

/// The key usage `timeStamping` (1.3.6.1.5.5.7.3.8).
const TIME_STAMPING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 8];
/// `signedData` (1.2.840.113549.1.7.2).
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
/// `id-ct-TSTInfo` (1.2.840.113549.1.9.16.1.4).
const INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 1, 4];
/// The attributes `contentType` and `messageDigest` (1.2.840.113549.1.9.3 and 4).
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 3];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 4];
/// SHA-256, 384 and 512 (2.16.840.1.101.3.4.2.1 to 3).
const SHA2: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2];
/// The statuses granted, and granted with changes.
const GRANTED: [&[u8]; 2] = [&[0], &[1]];

/// The authorities whose timestamps count, with the certificates that they did not put into their tokens.
#[derive(Debug, Clone)]
pub(crate) struct Stampers {
    pub(crate) certificates: Vec<CertificateDer<'static>>,
    pub(crate) roots: Vec<TrustAnchor<'static>>,
}

/// A token, taken apart.
struct Token<'a> {
    /// The content, which says what was seen when.
    info: &'a [u8],
    certificates: Vec<CertificateDer<'a>>,
    signer: Signer<'a>,
}

struct Signer<'a> {
    hash: &'static Algorithm,
    attributes: &'a [u8],
    signature: &'a [u8],
}

impl Stampers {
    /// When an authority saw a signature, by its response.
    pub(crate) fn stamped(&self, response: &[u8], signature: &[u8]) -> Result<UnixTime, String> {
        let token = token(response).ok_or("a timestamp cannot be read: expected a granted response of RFC 3161")?;
        let (hash, seen, time) = info(token.info).ok_or("a timestamp's content cannot be read")?;
        if digest(hash, signature).as_ref() != seen {
            return Err("a timestamp is for another signature".to_owned());
        }
        let Signer { hash, attributes, signature } = token.signer;
        let holds = attribute(attributes, CONTENT_TYPE).is_some_and(|kind| kind.tag == OBJECT && kind.content == INFO)
            && attribute(attributes, MESSAGE_DIGEST)
                .is_some_and(|found| found.tag == OCTET_STRING && found.content == digest(hash, token.info).as_ref());
        if !holds {
            return Err("a timestamp's signature is for another content".to_owned());
        }
        // The attributes are signed as a set of their own.
        let message = element(SET, &[attributes]);
        let given: Vec<&CertificateDer<'_>> = token.certificates.iter().chain(&self.certificates).collect();
        let between: Vec<CertificateDer<'_>> = given.iter().map(|one| (*one).clone()).collect();
        // Which of them it is does not matter: each that counts has to have the key that signed, and an authority's word for just this use.
        let good = given.iter().any(|one| self.is_by(one, &between, &message, signature, time));
        if good { Ok(time) } else { Err("a timestamp is by no authority that is trusted".to_owned()) }
    }

    fn is_by(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        message: &[u8],
        signature: &[u8],
        time: UnixTime,
    ) -> bool {
        let Ok(leaf) = EndEntityCert::try_from(certificate) else { return false };
        let algorithms = webpki::ALL_VERIFICATION_ALGS;
        let usage = KeyUsage::required(TIME_STAMPING);
        algorithms.iter().any(|one| leaf.verify_signature(*one, message, signature).is_ok())
            && leaf.verify_for_usage(algorithms, &self.roots, between, time, usage, None, None).is_ok()
    }
}

/// The token in a response that grants one.
fn token(response: &[u8]) -> Option<Token<'_>> {
    let mut response = Elements(response).within(SEQUENCE)?;
    let status = response.within(SEQUENCE)?.one(INTEGER)?;
    let mut content = response.within(SEQUENCE).filter(|_| GRANTED.contains(&status.content))?;
    content.one(OBJECT).filter(|kind| kind.content == SIGNED_DATA)?;
    let mut data = content.within(CONTEXT_0)?.within(SEQUENCE)?;
    data.one(INTEGER)?;
    data.one(SET)?;
    let mut inner = data.within(SEQUENCE)?;
    inner.one(OBJECT).filter(|kind| kind.content == INFO)?;
    let info = inner.within(CONTEXT_0)?.one(OCTET_STRING)?.content;
    let certificates = data.within(CONTEXT_0).unwrap_or(Elements(&[]));
    let certificates = certificates.filter(|one| one.tag == SEQUENCE).map(|one| CertificateDer::from(one.whole));
    let certificates = certificates.collect();
    data.one(CONTEXT_0 | 1);
    let mut signers = data.within(SET)?;
    let mut signer = signers.within(SEQUENCE)?;
    signer.one(INTEGER)?;
    // Whom it names is found by the key.
    signer.next()?;
    let hash = hash(&mut signer)?;
    let attributes = signer.one(CONTEXT_0)?.content;
    signer.one(SEQUENCE)?;
    let signature = signer.one(OCTET_STRING)?.content;
    // A token has one signer.
    signers.next().is_none().then_some(Token { info, certificates, signer: Signer { hash, attributes, signature } })
}

/// The hash function that the next element names.
fn hash(elements: &mut Elements<'_>) -> Option<&'static Algorithm> {
    match elements.within(SEQUENCE)?.one(OBJECT)?.content.strip_prefix(SHA2)? {
        [1] => Some(&SHA256),
        [2] => Some(&SHA384),
        [3] => Some(&SHA512),
        _ => None,
    }
}

/// The hash function and digest of what was seen, and when.
fn info(info: &[u8]) -> Option<(&'static Algorithm, &[u8], UnixTime)> {
    let mut info = Elements(info).within(SEQUENCE)?;
    info.one(INTEGER)?;
    info.one(OBJECT)?;
    let mut imprint = info.within(SEQUENCE)?;
    let (hash, seen) = (hash(&mut imprint)?, imprint.one(OCTET_STRING)?.content);
    info.one(INTEGER)?;
    let (_, time) = ASN1Time::from_der(info.next()?.whole).ok()?;
    let seconds = u64::try_from(time.timestamp()).ok()?;
    Some((hash, seen, UnixTime::since_unix_epoch(Duration::from_secs(seconds))))
}

/// The one value of an attribute.
fn attribute<'a>(attributes: &'a [u8], kind: &[u8]) -> Option<Element<'a>> {
    Elements(attributes).filter(|one| one.tag == SEQUENCE).find_map(|one| {
        let mut parts = Elements(one.content);
        let named = parts.one(OBJECT).is_some_and(|name| name.content == kind);
        let mut values = parts.within(SET).filter(|_| named)?;
        let value = values.next()?;
        values.next().is_none().then_some(value)
    })
}

#[cfg(test)]
mod tests;
