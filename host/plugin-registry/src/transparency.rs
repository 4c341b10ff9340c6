//! What a public log says of a signature: that it has it, and, by a promise, since when.
//!
//! ```text
//!   entry ──hash──► leaf ──with the proof's hashes──► root ◄──signed── checkpoint by the log
//!   entry, time, place ◄──signed── promise by the log
//! ```
//!
//! A proof has no time: only a promise's signature covers that.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};

use crate::artifact::{digest_of, hex};
use crate::bundle::{Entry, Proof, Signed};
use crate::signature::PublicKey;

/// What begins a signature's line in a checkpoint.
const SIGNATURE: &str = "\u{2014} ";
/// The bytes before a signature in its line: which key it is by.
const KEY_BYTES: usize = 4;

/// That one of these logs has this entry, and that it is for this signature. With the time when the log says it.
pub(crate) fn logged(
    logs: &[PublicKey],
    entry: &Entry,
    signed: &Signed<'_>,
    certificate: &CertificateDer<'_>,
) -> Result<Option<UnixTime>, String> {
    let body = &entry.canonicalized_body.0;
    is_for(body, signed, certificate)?;
    // What is there has to hold, though one of both would do.
    if let Some(proof) = &entry.inclusion_proof {
        included(logs, body, proof)?;
    }
    match (&entry.inclusion_promise, &entry.inclusion_proof) {
        (Some(promise), _) => {
            let log = entry.log_id.as_ref().map(|log| hex(&log.key_id.0)).unwrap_or_default();
            let place = Place { log: &log, index: entry.log_index.0, time: entry.integrated_time.0 };
            let word = &promise.signed_entry_timestamp.0;
            promised(logs, &STANDARD.encode(body), &place, word).map(Some)
        }
        (None, Some(_)) => Ok(None),
        (None, None) => Err("a log's entry has neither a promise nor a proof that the log has it".to_owned()),
    }
}

/// Where and since when a log has an entry.
pub(crate) struct Place<'a> {
    /// The digest of the log's key, in hexadecimal digits.
    pub(crate) log: &'a str,
    pub(crate) index: u64,
    /// In seconds since 1970.
    pub(crate) time: u64,
}

/// That a log promised to have an entry (its body, in base64) at this place.
pub(crate) fn promised(logs: &[PublicKey], body: &str, place: &Place<'_>, word: &[u8]) -> Result<UnixTime, String> {
    let Place { log: id, index, time } = place;
    let fingerprint = format!("sha256:{id}");
    let log = logs.iter().find(|log| log.fingerprint() == fingerprint);
    let log = log.ok_or_else(|| format!("log {id} is not trusted"))?;
    // The log signs the entry in JSON's canonical form: names in order, no blanks.
    let signed =
        format!(r#"{{"body":{},"integratedTime":{time},"logID":{},"logIndex":{index}}}"#, json!(body), json!(id));
    match log.verifies(signed.as_bytes(), word) {
        true => Ok(UnixTime::since_unix_epoch(Duration::from_secs(*time))),
        false => Err(format!("an entry is not signed by log {id}")),
    }
}

/// That an entry is in a log, by a root that the log signed.
fn included(logs: &[PublicKey], body: &[u8], proof: &Proof) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("the proof that a log has an entry does not hold: {why}"));
    let Some(checkpoint) = &proof.checkpoint else { return wrong("it has no checkpoint") };
    let Some((text, signatures)) = checkpoint.envelope.rsplit_once("\n\n") else {
        return wrong("its checkpoint has no signature");
    };
    let text = format!("{text}\n");
    let by_log = |line: &str| {
        let bytes = line.strip_prefix(SIGNATURE).and_then(|line| line.rsplit_once(' '));
        let bytes = bytes.and_then(|(_, bytes)| STANDARD.decode(bytes).ok()).unwrap_or_default();
        bytes.get(KEY_BYTES..).is_some_and(|bytes| logs.iter().any(|log| log.verifies(text.as_bytes(), bytes)))
    };
    if !signatures.lines().any(by_log) {
        return wrong("its checkpoint is not signed by a log that is trusted");
    }
    let mut lines = text.lines().skip(1);
    let size = lines.next().and_then(|line| line.parse::<u64>().ok());
    let root = lines.next().and_then(|line| STANDARD.decode(line).ok());
    if size != Some(proof.tree_size.0) || root.as_ref() != Some(&proof.root_hash.0) {
        return wrong("its checkpoint is of another size or root");
    }
    let hashes: Vec<&[u8]> = proof.hashes.iter().map(|hash| &*hash.0).collect();
    match root_of(body, proof.log_index.0, proof.tree_size.0, &hashes) {
        Some(found) if found == proof.root_hash.0 => Ok(()),
        _ => wrong("its hashes do not lead to the root"),
    }
}

/// The root of a log of this size with this entry at this index, if the hashes beside its way up are these (RFC 9162, section 2.1.3.2).
fn root_of(entry: &[u8], index: u64, size: u64, hashes: &[&[u8]]) -> Option<Vec<u8>> {
    let node = |left: &[u8], right: &[u8]| Sha256::new().chain_update([1]).chain_update(left).chain_update(right);
    let mut root = Sha256::new().chain_update([0]).chain_update(entry).finalize();
    if index >= size {
        return None;
    }
    let (mut at, mut last) = (index, size - 1);
    for hash in hashes {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            root = node(hash, &root).finalize();
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            root = node(&root, hash).finalize();
        }
        (at, last) = (at >> 1, last >> 1);
    }
    (last == 0).then(|| root.to_vec())
}

/// That an entry's body is for this signature, by this certificate.
pub(crate) fn is_for(body: &[u8], signed: &Signed<'_>, certificate: &CertificateDer<'_>) -> Result<(), String> {
    let body: Value = serde_json::from_slice(body).map_err(|_| "a log's entry has no body that can be read")?;
    let text = |path: &str| body.pointer(path).and_then(Value::as_str);
    let bytes = |path: &str| text(path).and_then(|text| STANDARD.decode(text).ok());
    let in_pem = |path: &str| bytes(path).and_then(|pem| CertificateDer::from_pem_slice(&pem).ok());
    let in_der = |path: &str| bytes(path).map(CertificateDer::from);
    let in_hex = |path: &str| text(path).map(|hash| format!("sha256:{hash}"));
    let in_base64 = |path: &str| bytes(path).map(|hash| format!("sha256:{}", hex(&hash)));
    let payload = signed.payload.map(digest_of);
    let message = Some(digest_of(&signed.message));
    let (kind, version) = (text("/kind").unwrap_or_default(), text("/apiVersion").unwrap_or_default());
    let (algorithm, hash, expected, signature, by) = match (kind, version) {
        ("hashedrekord", "0.0.1") => (
            text("/spec/data/hash/algorithm") == Some("sha256"),
            in_hex("/spec/data/hash/value"),
            message,
            bytes("/spec/signature/content"),
            in_pem("/spec/signature/publicKey/content"),
        ),
        ("dsse", "0.0.1") => (
            text("/spec/payloadHash/algorithm") == Some("sha256"),
            in_hex("/spec/payloadHash/value"),
            payload,
            bytes("/spec/signatures/0/signature"),
            in_pem("/spec/signatures/0/verifier"),
        ),
        ("hashedrekord", "0.0.2") => (
            text("/spec/hashedRekordV002/data/algorithm") == Some("SHA2_256"),
            in_base64("/spec/hashedRekordV002/data/digest"),
            message,
            bytes("/spec/hashedRekordV002/signature/content"),
            in_der("/spec/hashedRekordV002/signature/verifier/x509Certificate/rawBytes"),
        ),
        ("dsse", "0.0.2") => (
            text("/spec/dsseV002/payloadHash/algorithm") == Some("SHA2_256"),
            in_base64("/spec/dsseV002/payloadHash/digest"),
            payload,
            bytes("/spec/dsseV002/signatures/0/content"),
            in_der("/spec/dsseV002/signatures/0/verifier/x509Certificate/rawBytes"),
        ),
        _ => {
            return Err(format!(
                "a log's entry is of kind {kind:?} {version:?}; hashedrekord and dsse 0.0.1 and 0.0.2 are read"
            ));
        }
    };
    let same = algorithm
        && expected.is_some()
        && hash == expected
        && signature.as_deref() == Some(signed.signature)
        && by.is_some_and(|by| by.as_ref() == certificate.as_ref());
    if same { Ok(()) } else { Err("a log's entry is for another signature".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The root of a log with these entries, and the hashes beside the way up from one of them; by the definition (RFC 9162, section 2.1.1).
    fn tree(entries: &[&[u8]], at: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
        if let [one] = entries {
            return (Sha256::new().chain_update([0]).chain_update(one).finalize().to_vec(), Vec::new());
        }
        let half = entries.len().next_power_of_two() / 2;
        let (left, right) = entries.split_at(half);
        let ((left, below_left), (right, below_right)) = (tree(left, at), tree(right, at.saturating_sub(half)));
        let root = Sha256::new().chain_update([1]).chain_update(&left).chain_update(&right).finalize().to_vec();
        let (mut hashes, beside) = if at < half { (below_left, right) } else { (below_right, left) };
        hashes.push(beside);
        (root, hashes)
    }

    #[test]
    fn every_place_of_every_small_log() {
        let all: Vec<Vec<u8>> = (0..19_u8).map(|n| vec![n; 3]).collect();
        for size in 1..=all.len() {
            let entries: Vec<&[u8]> = all.iter().take(size).map(Vec::as_slice).collect();
            for (at, entry) in entries.iter().enumerate() {
                let (root, hashes) = tree(&entries, at);
                let hashes: Vec<&[u8]> = hashes.iter().map(Vec::as_slice).collect();
                let (index, size) = (at as u64, size as u64);
                assert_eq!(root_of(entry, index, size, &hashes), Some(root.clone()), "{at} of {size}");
                assert_ne!(root_of(b"other", index, size, &hashes), Some(root.clone()));
                assert_eq!(root_of(entry, size, size, &hashes), None);
                let more = [&hashes[..], &[&root]].concat();
                assert_eq!(root_of(entry, index, size, &more), None);
                if let Some((_, fewer)) = hashes.split_last() {
                    assert_ne!(root_of(entry, index, size, fewer), Some(root));
                }
            }
        }
    }
}
