//! The same in bundles: with a log's promise, with its proof, and with a timestamp.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::bundle::{self, Bundle};
use crate::statement::{STATEMENT, in_envelope, statement};

const MANIFEST: &[u8] = b"a manifest";
/// What `openssl ts` stamped is a signature of that manifest by this key.
const STAMPED_KEY: &str = include_str!("../../../tests/it/keys/timestamps/key.pem");
const STAMP: &[u8] = include_bytes!("../../../tests/it/keys/timestamps/with-certificate.tsr");
const STAMPERS: &str = include_str!("../../../tests/it/keys/timestamps/authority.pem");

/// A signature over a statement, with its certificate.
struct Made {
    payload: Vec<u8>,
    signature: Vec<u8>,
    certificate: String,
}

impl World {
    /// With the key whose signature is stamped.
    fn stamped() -> Self {
        Self { key: KeyPair::from_pem(STAMPED_KEY).unwrap(), ..Self::new() }
    }

    fn made(&self, manifest: &[u8], day: (i32, u8, u8)) -> Made {
        let payload = statement(&digest_of(manifest));
        let signature = signing(&self.key).sign(&in_envelope(STATEMENT, &payload)).unwrap();
        Made { payload, signature, certificate: self.certificate_of(&GOOD, day) }
    }

    /// The bytes that the log's key signs in a checkpoint, and the line under them.
    fn checkpoint(&self, size: u64, root: &[u8]) -> String {
        let text = format!("log.example\n{size}\n{}\n", STANDARD.encode(root));
        let line = [&[1, 2, 3, 4], &signing(&self.log).sign(text.as_bytes()).unwrap()[..]].concat();
        format!("{text}\n\u{2014} log.example {}\n", STANDARD.encode(line))
    }

    /// A proof that an entry is the second of two.
    fn proof(&self, body: &str) -> Value {
        let first = Sha256::digest(b"the first");
        let leaf = Sha256::new().chain_update([0]).chain_update(body).finalize();
        let root = Sha256::new().chain_update([1]).chain_update(first).chain_update(leaf).finalize();
        json!({
            "logIndex": "1", "treeSize": "2", "rootHash": STANDARD.encode(root), "hashes": [STANDARD.encode(first)],
            "checkpoint": {"envelope": self.checkpoint(2, &root)},
        })
    }

    /// The log's word for an entry since a time.
    fn promise(&self, body: &str, time: i64) -> (Vec<u8>, Value) {
        let log = PublicKey::from_pem(&self.log.public_key_pem()).unwrap().fingerprint().replace("sha256:", "");
        let entry =
            json!({"body": STANDARD.encode(body), "integratedTime": time, "logID": log, "logIndex": 7}).to_string();
        let word = signing(&self.log).sign(entry.as_bytes()).unwrap();
        let id = (0..log.len()).step_by(2).map(|at| u8::from_str_radix(&log[at..at + 2], 16).unwrap()).collect();
        (id, json!({"signedEntryTimestamp": STANDARD.encode(word)}))
    }

    /// An entry of the form of today's logs: with a proof and, unless `time` is none, a promise.
    fn entry(&self, body: &Value, time: Option<i64>) -> Value {
        let body = body.to_string();
        let mut entry = json!({
            "logIndex": "7", "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "inclusionProof": self.proof(&body), "canonicalizedBody": STANDARD.encode(&body),
        });
        if let Some(time) = time {
            let (id, promise) = self.promise(&body, time);
            entry["logId"] = json!({"keyId": STANDARD.encode(id)});
            entry["integratedTime"] = json!(time.to_string());
            entry["inclusionPromise"] = promise;
        }
        entry
    }
}

impl Made {
    fn der(&self) -> Vec<u8> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap().to_vec()
    }

    /// As the log has an envelope.
    fn envelope_entry(&self) -> Value {
        json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {
            "payloadHash": {"algorithm": "sha256", "value": digest_of(&self.payload).replace("sha256:", "")},
            "signatures": [{"signature": STANDARD.encode(&self.signature), "verifier": STANDARD.encode(&self.certificate)}],
        }})
    }

    /// As a log of the second version has one.
    fn second_entry(&self) -> Value {
        let verifier = json!({"x509Certificate": {"rawBytes": STANDARD.encode(self.der())}});
        let hash = Sha256::digest(in_envelope(STATEMENT, &self.payload));
        json!({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": {
            "data": {"algorithm": "SHA2_256", "digest": STANDARD.encode(hash)},
            "signature": {"content": STANDARD.encode(&self.signature), "verifier": verifier},
        }}})
    }

    /// As a log of the second version has an envelope.
    fn second_envelope_entry(&self) -> Value {
        let verifier = json!({"x509Certificate": {"rawBytes": STANDARD.encode(self.der())}});
        json!({"apiVersion": "0.0.2", "kind": "dsse", "spec": {"dsseV002": {
            "payloadHash": {"algorithm": "SHA2_256", "digest": STANDARD.encode(Sha256::digest(&self.payload))},
            "signatures": [{"content": STANDARD.encode(&self.signature), "verifier": verifier}],
        }}})
    }

    fn bundle(&self, entries: &[Value], stamps: &[&[u8]]) -> Value {
        let stamps: Vec<_> = stamps.iter().map(|one| json!({"signedTimestamp": STANDARD.encode(one)})).collect();
        json!({
            "mediaType": bundle::BUNDLE,
            "verificationMaterial": {
                "certificate": {"rawBytes": STANDARD.encode(self.der())},
                "tlogEntries": entries,
                "timestampVerificationData": {"rfc3161Timestamps": stamps},
            },
            "dsseEnvelope": {
                "payload": STANDARD.encode(&self.payload), "payloadType": STATEMENT,
                "signatures": [{"sig": STANDARD.encode(&self.signature)}],
            },
        })
    }
}

fn signer(trust: &Trust, bundle: &Value, manifest: &[u8]) -> Result<Signer, String> {
    Bundle::read(bundle.to_string().as_bytes()).and_then(|bundle| trust.signer_of(&bundle, manifest))
}

fn refused(trust: &Trust, bundle: &Value, why: &str) {
    let error = signer(trust, bundle, MANIFEST).unwrap_err();
    assert!(error.contains(why), "expected {why:?}: {error}");
}

const DAY_OF_LOGS: (i32, u8, u8) = (2026, 1, 2);
const DAY_OF_STAMPS: (i32, u8, u8) = (2026, 11, 28);

#[test]
fn in_a_log_that_says_the_time() {
    let world = World::new();
    let trust = world.trust("https://github.com/acme/*");
    let made = world.made(MANIFEST, DAY_OF_LOGS);
    let good = made.bundle(&[world.entry(&made.envelope_entry(), Some(WITHIN))], &[]);
    let by = Signer::Identity { issuer: GITHUB.into(), subject: WORKFLOW.into() };
    assert_eq!(signer(&trust, &good, MANIFEST), Ok(by.clone()));

    // Whom nobody trusts, what nobody trusted vouches for, what is for something else.
    refused(&world.trust("https://github.com/other/*"), &good, "who is not trusted");
    refused(&World::new().trust("*"), &good, "not signed by a log that is trusted");
    refused(&Trust::default(), &good, "none of the keys");
    let error = signer(&trust, &good, b"another manifest").unwrap_err();
    assert!(error.contains("another manifest"), "{error}");

    // Promise and proof alone do, as long as the promise is there: only it says when.
    let changed = |path: &str, to: Value| {
        let mut bundle = good.clone();
        *bundle.pointer_mut(path).unwrap() = to;
        bundle
    };
    let entry = "/verificationMaterial/tlogEntries/0";
    assert_eq!(signer(&trust, &changed(&format!("{entry}/inclusionProof"), Value::Null), MANIFEST), Ok(by));
    refused(&trust, &changed(&format!("{entry}/inclusionPromise"), Value::Null), "nothing says when");
    refused(&trust, &changed("/verificationMaterial/tlogEntries", json!([])), "no log's entry");
    let mut neither = changed(&format!("{entry}/inclusionPromise"), Value::Null);
    neither.pointer_mut(&format!("{entry}/inclusionProof")).unwrap().take();
    refused(&trust, &neither, "neither a promise nor a proof");

    for (path, to, why) in [
        ("/inclusionProof/checkpoint", Value::Null, "no checkpoint"),
        ("/inclusionProof/checkpoint/envelope", json!("log\n2\nAA==\n"), "no signature"),
        ("/inclusionProof/checkpoint/envelope", json!(world.checkpoint(3, b"root")), "another size or root"),
        ("/inclusionProof/checkpoint/envelope", json!(World::new().checkpoint(2, b"root")), "not signed by a log"),
        ("/inclusionProof/hashes", json!([]), "do not lead to the root"),
        ("/inclusionProof/logIndex", json!("0"), "do not lead to the root"),
        ("/integratedTime", json!((WITHIN + 1).to_string()), "is not signed by log"),
        ("/logIndex", json!("8"), "is not signed by log"),
        ("/logId/keyId", json!("AAAA"), "is not trusted"),
        ("/canonicalizedBody", json!(STANDARD.encode("{}")), "is of kind"),
    ] {
        refused(&trust, &changed(&format!("{entry}{path}"), to), why);
    }
    for late in [WITHIN - DAY, WITHIN + DAY] {
        refused(&trust, &made.bundle(&[world.entry(&made.envelope_entry(), Some(late))], &[]), "vouches");
    }
    // The log's entry is another's.
    let other = world.made(b"another manifest", DAY_OF_LOGS);
    refused(&trust, &made.bundle(&[world.entry(&other.envelope_entry(), Some(WITHIN))], &[]), "another signature");
    // The payload was exchanged after it was signed.
    let forged = Made { payload: made.payload.clone(), ..world.made(b"another manifest", DAY_OF_LOGS) };
    let entry = world.entry(&forged.envelope_entry(), Some(WITHIN));
    refused(&trust, &forged.bundle(&[entry], &[]), "certificate's key");
}

#[test]
fn in_a_log_without_time_with_a_timestamp() {
    let world = World::stamped();
    let stamps = || {
        let trust = world.trust("*");
        let authorities = trust.authorities.clone().unwrap().with_timestamps(STAMPERS).unwrap();
        Trust { authorities: Some(authorities), ..trust }
    };
    let trust = stamps();
    let made = world.made(MANIFEST, DAY_OF_STAMPS);
    let entry = world.entry(&made.second_entry(), None);
    let good = made.bundle(std::slice::from_ref(&entry), &[STAMP]);
    let by = Signer::Identity { issuer: GITHUB.into(), subject: WORKFLOW.into() };
    assert_eq!(signer(&trust, &good, MANIFEST), Ok(by.clone()));
    let enveloped = made.bundle(&[world.entry(&made.second_envelope_entry(), None)], &[STAMP]);
    assert_eq!(signer(&trust, &enveloped, MANIFEST), Ok(by));

    refused(&world.trust("*"), &good, "and none is trusted");
    refused(&trust, &made.bundle(std::slice::from_ref(&entry), &[]), "nothing says when");
    refused(&trust, &made.bundle(&[], &[STAMP]), "no log's entry");
    refused(&trust, &made.bundle(&[entry], &[b"stamp"]), "cannot be read");
    // Stamped when the certificate was not valid.
    let early = world.made(MANIFEST, DAY_OF_LOGS);
    refused(&trust, &early.bundle(&[world.entry(&early.second_entry(), None)], &[STAMP]), "vouches");
    // Another's signature, which nobody stamped.
    let other = World { log: KeyPair::from_pem(&world.log.serialize_pem()).unwrap(), ..World::new() };
    let theirs = other.made(MANIFEST, DAY_OF_STAMPS);
    let theirs = theirs.bundle(&[other.entry(&theirs.second_entry(), None)], &[STAMP]);
    refused(&trust, &theirs, "another signature");
    let of_theirs = other.made(b"another manifest", DAY_OF_STAMPS).second_envelope_entry();
    refused(&trust, &made.bundle(&[world.entry(&of_theirs, None)], &[STAMP]), "another signature");
    assert!(world.trust("*").authorities.unwrap().with_timestamps("").is_err());
}

#[test]
fn by_key_over_a_statement_and_over_the_manifest_itself() {
    let (key, stranger) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let trust =
        |key: &KeyPair| Trust { keys: vec![PublicKey::from_pem(&key.public_key_pem()).unwrap()], ..Trust::default() };
    let ours = trust(&key);
    let by = Signer::Key(ours.keys[0].fingerprint().to_owned());
    let bytes = bundle::by_key(&digest_of(MANIFEST), &signing(&key)).unwrap();
    let envelope: Value = serde_json::from_slice(&bytes).unwrap();
    let signature = STANDARD.encode(signing(&key).sign(MANIFEST).unwrap());
    let message = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.2",
        "verificationMaterial": {"publicKey": {"hint": "any"}, "tlogEntries": []},
        "messageSignature": {
            "messageDigest": {"algorithm": "SHA2_256", "digest": STANDARD.encode(Sha256::digest(MANIFEST))},
            "signature": signature,
        },
    });
    for bundle in [&envelope, &message] {
        assert_eq!(signer(&ours, bundle, MANIFEST), Ok(by.clone()));
        refused(&trust(&stranger), bundle, "none of the keys");
        assert!(signer(&ours, bundle, b"another manifest").is_err());
    }
    let changed = |path: &str, to: Value| {
        let mut bundle = envelope.clone();
        *bundle.pointer_mut(path).unwrap() = to;
        bundle
    };
    let other = STANDARD.encode(statement(&digest_of(b"another manifest")));
    for (path, to, why) in [
        ("/mediaType", json!("application/json"), "expected application/vnd.dev.sigstore"),
        ("/dsseEnvelope", Value::Null, "one of dsseEnvelope and messageSignature"),
        ("/dsseEnvelope/payload", json!(other), "another manifest"),
        ("/dsseEnvelope/payload", json!("e30="), "statement cannot be read"),
        ("/dsseEnvelope/payload", json!("{}"), "expected base64"),
        ("/dsseEnvelope/payloadType", json!("text/plain"), "expected application/vnd.in-toto"),
        ("/dsseEnvelope/signatures", json!([]), "has 0 signatures"),
        ("/dsseEnvelope/signatures/0/sig", json!(signature), "none of the keys"),
        ("/dsseEnvelope/signatures/0/sig", json!(""), "none of the keys"),
    ] {
        refused(&ours, &changed(path, to), why);
    }
    let mut both = envelope.clone();
    both["messageSignature"] = message["messageSignature"].clone();
    refused(&ours, &both, "one of dsseEnvelope");
    for length in 0..bytes.len() {
        assert!(Bundle::read(&bytes[..length]).is_err(), "{length}");
    }
}
