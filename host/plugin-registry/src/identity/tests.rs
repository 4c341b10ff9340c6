use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    SanType, date_time_ymd,
};

use serde_json::json;

use super::*;
use crate::artifact::digest_of;
use crate::signature::{self, SigningKey};
use crate::trust::Trust;

mod bundles;

const GITHUB: &str = "https://token.actions.githubusercontent.com";
const WORKFLOW: &str = "https://github.com/acme/tools/.github/workflows/release.yaml@refs/tags/v1";
/// Noon of 2026-01-02, in seconds since 1970; certificates are for that day.
const WITHIN: i64 = 1_767_355_200;
const DAY: i64 = 86_400;

/// An authority, a log, and a key that the authority named.
struct World {
    authority: CertifiedIssuer<'static, KeyPair>,
    log: KeyPair,
    key: KeyPair,
}

/// What is asked of a certificate.
struct Wanted {
    subject: &'static str,
    issuer: &'static str,
    usage: ExtendedKeyUsagePurpose,
}

const GOOD: Wanted = Wanted { subject: WORKFLOW, issuer: GITHUB, usage: ExtendedKeyUsagePurpose::CodeSigning };

impl World {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { authority, log: KeyPair::generate().unwrap(), key: KeyPair::generate().unwrap() }
    }

    fn trust(&self, subject: &str) -> Trust {
        let logs = vec![PublicKey::from_pem(&self.log.public_key_pem()).unwrap()];
        Trust {
            authorities: Some(Authorities::new(&self.authority.pem(), logs).unwrap()),
            identities: vec![format!("{GITHUB} {subject}").parse().unwrap()],
            ..Trust::default()
        }
    }

    fn certificate(&self, wanted: &Wanted) -> String {
        self.certificate_of(wanted, (2026, 1, 2))
    }

    /// One for a day.
    fn certificate_of(&self, wanted: &Wanted, (year, month, day): (i32, u8, u8)) -> String {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI(wanted.subject.try_into().unwrap())];
        params.extended_key_usages = vec![wanted.usage.clone()];
        params.not_before = date_time_ymd(year, month, day);
        params.not_after = date_time_ymd(year, month, day + 1);
        let issuer = [&[UTF8_STRING, u8::try_from(wanted.issuer.len()).unwrap()], wanted.issuer.as_bytes()].concat();
        params.custom_extensions = vec![CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 57264, 1, 8], issuer)];
        params.signed_by(&self.key, &self.authority).unwrap().pem()
    }

    /// A signature over a payload, with the log's entry for it, of that time.
    fn signature(&self, payload: &[u8], certificate: String, time: i64) -> Signature {
        let bytes = signing(&self.key).sign(payload).unwrap();
        let body = json!({
            "apiVersion": "0.0.1", "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": digest_of(payload).replace("sha256:", "")}},
                "signature": {"content": STANDARD.encode(&bytes), "publicKey": {"content": STANDARD.encode(&certificate)}},
            },
        });
        let log = PublicKey::from_pem(&self.log.public_key_pem()).unwrap().fingerprint().replace("sha256:", "");
        let entry =
            json!({"body": STANDARD.encode(body.to_string()), "integratedTime": time, "logID": log, "logIndex": 7});
        // `serde_json` writes names in order.
        let seen = STANDARD.encode(signing(&self.log).sign(entry.to_string().as_bytes()).unwrap());
        let bundle = json!({"SignedEntryTimestamp": seen, "Payload": entry}).to_string();
        Signature { bytes, certificate: Some(certificate), chain: None, bundle: Some(bundle) }
    }
}

fn signing(key: &KeyPair) -> SigningKey {
    SigningKey::from_pem(&key.serialize_pem()).unwrap()
}

fn payload(manifest: &str) -> Vec<u8> {
    signature::payload(&"r.example/a:1".parse().unwrap(), manifest)
}

#[test]
fn somebody_whom_an_authority_vouches_for() {
    let (world, manifest) = (World::new(), digest_of(b"a"));
    let payload = payload(&manifest);
    let signature = world.signature(&payload, world.certificate(&GOOD), WITHIN);
    let trust = world.trust("https://github.com/acme/*");
    let signer = trust.signer(&payload, &manifest, &signature).unwrap();
    assert_eq!(signer, Signer::Identity { issuer: GITHUB.into(), subject: WORKFLOW.into() });
    assert!(trust.covers(&signer));
    let refused = |trust: &Trust, signature: &Signature| trust.signer(&payload, &manifest, signature).unwrap_err();
    for (trust, why) in [
        (world.trust("https://github.com/other/*"), "who is not trusted"),
        (World::new().trust("*"), "is not trusted"),
        (Trust::default(), "none of the keys"),
    ] {
        let error = refused(&trust, &signature);
        assert!(error.contains(why), "{error}");
    }
    let other = digest_of(b"b");
    assert!(trust.signer(&payload, &other, &signature).unwrap_err().contains("another manifest"));
}

#[test]
fn what_does_not_hold_together_does_not_count() {
    let (world, manifest) = (World::new(), digest_of(b"a"));
    let payload = payload(&manifest);
    let trust = world.trust("*");
    let refused = |signature: &Signature, why: &str| {
        let error = trust.signer(&payload, &manifest, signature).unwrap_err();
        assert!(error.contains(why), "{error}");
    };
    let good = || world.signature(&payload, world.certificate(&GOOD), WITHIN);
    // Signed when the certificate was not valid.
    for time in [WITHIN - DAY, WITHIN + DAY] {
        refused(&world.signature(&payload, world.certificate(&GOOD), time), "vouches");
    }
    refused(&world.signature(&payload, world.certificate(&GOOD), -1), "cannot be read");
    // For another purpose, by another authority, known to another issuer.
    let server = Wanted { usage: ExtendedKeyUsagePurpose::ServerAuth, ..GOOD };
    refused(&world.signature(&payload, world.certificate(&server), WITHIN), "vouches");
    refused(&world.signature(&payload, World::new().certificate(&GOOD), WITHIN), "vouches");
    let stranger = Wanted { issuer: "https://evil.example", ..GOOD };
    refused(&world.signature(&payload, world.certificate(&stranger), WITHIN), "not trusted");
    // Without the log's word, or with its word for something else.
    refused(&Signature { bundle: None, ..good() }, "no log's entry");
    refused(&Signature { bundle: Some("{}".into()), ..good() }, "cannot be read");
    let elsewhere = world.signature(b"another payload", world.certificate(&GOOD), WITHIN);
    refused(&Signature { bundle: elsewhere.bundle, ..good() }, "another signature");
    let earlier = good();
    let moved = earlier.bundle.as_deref().map(|text| text.replace("1767355200", "1767355201"));
    refused(&Signature { bundle: moved, ..earlier }, "is not signed by log");
    // The key is another than the certificate's, though the log saw both.
    let mut thief = World::new();
    thief.log = KeyPair::from_pem(&world.log.serialize_pem()).unwrap();
    refused(&thief.signature(&payload, world.certificate(&GOOD), WITHIN), "certificate's key");
    refused(&Signature { certificate: Some("x".into()), ..good() }, "cannot be read");
    assert!(Authorities::new("", Vec::new()).is_err());
    assert!(Authorities::new(&world.authority.pem(), Vec::new()).is_err());
}
