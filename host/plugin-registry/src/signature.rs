//! Keys; and signatures over manifests in the form that cosign gave them before bundles: a payload that names the manifest, and a signature over the payload.
//!
//! Decides by keys alone; whose count is the matter of [`crate::Trust`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci_client::Reference;
use oci_client::manifest::{OciDescriptor, OciImageManifest};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey, VerificationAlgorithm,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};

use crate::artifact::{digest_of, is_digest};
use crate::der::{BIT_STRING, Elements, SEQUENCE, element};
use crate::error::RegistryError;

/// A payload's media type.
pub(crate) const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// Where a layer carries its signature.
pub(crate) const ANNOTATION: &str = "dev.cosignproject.cosign/signature";
/// Where it carries the certificate of who signed, those above it, and the log's entry.
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const CHAIN: &str = "dev.sigstore.cosign/chain";
const BUNDLE: &str = "dev.sigstore.cosign/bundle";
/// The largest payload that is read (bytes), and how many are.
const PAYLOAD_BYTES_MAX: i64 = 64 << 10;
const SIGNATURES_MAX: usize = 32;

/// What stands before the point of a P-256 key in a SubjectPublicKeyInfo.
const P256: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// The same of an Ed25519 key.
const EDWARDS: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// `AlgorithmIdentifier` of RSA.
const RSA: &[u8] = &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// A key that signatures are verified with: ECDSA P-256, Ed25519, or RSA of 2048 to 8192 bits, all with SHA-256.
#[derive(Clone)]
pub struct PublicKey {
    algorithm: &'static dyn VerificationAlgorithm,
    key: Vec<u8>,
    digest: Vec<u8>,
    fingerprint: String,
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({:?}, {})", self.algorithm, self.fingerprint)
    }
}

impl PublicKey {
    /// From PEM (`BEGIN PUBLIC KEY`).
    pub fn from_pem(pem: &str) -> Result<Self, RegistryError> {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| RegistryError::Key("expected a public key in PEM (BEGIN PUBLIC KEY)".to_owned()))?;
        Self::from_der(&der)
    }

    /// From a SubjectPublicKeyInfo.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, RegistryError> {
        let found: Option<(&'static dyn VerificationAlgorithm, &[u8])> =
            match (der.strip_prefix(P256), der.strip_prefix(EDWARDS)) {
                (Some(point), _) if point.len() == 65 => Some((&ECDSA_P256_SHA256_ASN1, point)),
                (_, Some(key)) if key.len() == 32 => Some((&ED25519, key)),
                _ => rsa(der).map(|key| (&RSA_PKCS1_2048_8192_SHA256 as &'static dyn VerificationAlgorithm, key)),
            };
        let (algorithm, key) = found.ok_or_else(|| {
            RegistryError::Key(
                "this public key is neither ECDSA P-256, Ed25519, nor RSA of 2048 bits or more".to_owned(),
            )
        })?;
        Ok(Self { algorithm, key: key.to_vec(), digest: Sha256::digest(der).to_vec(), fingerprint: digest_of(der) })
    }

    /// `sha256:` and the digest of the key's DER form.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// How bundles point at the key: its digest, in base64.
    pub(crate) fn hint(&self) -> String {
        STANDARD.encode(&self.digest)
    }

    /// Whether a signature over a payload is this key's.
    pub(crate) fn verifies(&self, payload: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(self.algorithm, &self.key).verify(payload, signature).is_ok()
    }
}

/// The `RSAPublicKey` in a SubjectPublicKeyInfo.
fn rsa(der: &[u8]) -> Option<&[u8]> {
    let mut elements = Elements(der);
    let mut body = elements.within(SEQUENCE).filter(|_| elements.0.is_empty())?;
    body.one(SEQUENCE).filter(|algorithm| algorithm.whole == RSA)?;
    body.one(BIT_STRING).filter(|_| body.0.is_empty())?.content.strip_prefix(&[0])
}

/// A key to sign with. Debug does not show it.
pub struct SigningKey(Pair);

enum Pair {
    P256(EcdsaKeyPair),
    Edwards(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey")
    }
}

impl SigningKey {
    /// From PEM (PKCS #8, `BEGIN PRIVATE KEY`, not encrypted).
    pub fn from_pem(pem: &str) -> Result<Self, RegistryError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| {
            RegistryError::Key("expected a private key in PEM (BEGIN PRIVATE KEY), which is not encrypted".to_owned())
        })?;
        let der = der.secret_pkcs8_der();
        let random = SystemRandom::new();
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der, &random) {
            return Ok(Self(Pair::P256(pair)));
        }
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            return Ok(Self(Pair::Edwards(pair)));
        }
        RsaKeyPair::from_pkcs8(der).map(|pair| Self(Pair::Rsa(pair))).map_err(|_| {
            RegistryError::Key(
                "this private key is neither ECDSA P-256, Ed25519, nor RSA of 2048 bits or more".to_owned(),
            )
        })
    }

    /// The key that verifies.
    pub(crate) fn public(&self) -> Result<PublicKey, RegistryError> {
        let der = match &self.0 {
            Pair::P256(pair) => [P256, pair.public_key().as_ref()].concat(),
            Pair::Edwards(pair) => [EDWARDS, pair.public_key().as_ref()].concat(),
            Pair::Rsa(pair) => element(SEQUENCE, &[RSA, &element(BIT_STRING, &[&[0], pair.public_key().as_ref()])]),
        };
        PublicKey::from_der(&der)
    }

    /// The signature over a payload.
    pub(crate) fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, RegistryError> {
        let failed = |_| RegistryError::Key("signing failed".to_owned());
        let random = SystemRandom::new();
        Ok(match &self.0 {
            Pair::P256(pair) => pair.sign(&random, payload).map_err(failed)?.as_ref().to_vec(),
            Pair::Edwards(pair) => pair.sign(payload).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut bytes = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, payload, &mut bytes).map_err(failed)?;
                bytes
            }
        })
    }
}

/// What is signed for a manifest.
pub(crate) fn payload(reference: &Reference, manifest: &str) -> Vec<u8> {
    let name = format!("{}/{}", reference.registry(), reference.repository());
    json!({
        "critical": {
            "identity": {"docker-reference": name},
            "image": {"docker-manifest-digest": manifest},
            "type": "cosign container image signature",
        },
        "optional": null,
    })
    .to_string()
    .into_bytes()
}

/// Whether a payload is for this manifest.
pub(crate) fn names(payload: &[u8], manifest: &str) -> bool {
    let Ok(value) = serde_json::from_slice::<Value>(payload) else { return false };
    let at = |path| value.pointer(path).and_then(Value::as_str);
    at("/critical/image/docker-manifest-digest") == Some(manifest)
        && at("/critical/type") == Some("cosign container image signature")
}

/// A signature, and what says who made it.
pub(crate) struct Signature {
    /// The signature.
    pub(crate) bytes: Vec<u8>,
    /// The certificate of who signed, in PEM.
    pub(crate) certificate: Option<String>,
    /// The certificates between it and its authority.
    pub(crate) chain: Option<String>,
    /// A log's entry, in JSON.
    pub(crate) bundle: Option<String>,
}

/// Payloads in a manifest of signatures, with what signs them; those of another form are left out.
pub(crate) fn layers(manifest: &[u8]) -> Vec<(OciDescriptor, Signature)> {
    let Ok(manifest) = serde_json::from_slice::<OciImageManifest>(manifest) else { return Vec::new() };
    let each = manifest.layers.into_iter().filter_map(|layer| {
        let annotations = layer.annotations.as_ref()?;
        let at = |name: &str| annotations.get(name).cloned();
        let bytes = STANDARD.decode(at(ANNOTATION)?).ok()?;
        let signature = Signature { bytes, certificate: at(CERTIFICATE), chain: at(CHAIN), bundle: at(BUNDLE) };
        let good =
            layer.media_type == PAYLOAD && is_digest(&layer.digest) && (1..=PAYLOAD_BYTES_MAX).contains(&layer.size);
        good.then_some((layer, signature))
    });
    each.take(SIGNATURES_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(label: &str, der: &[u8]) -> String {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
    }

    fn pairs() -> Vec<(SigningKey, PublicKey)> {
        let random = SystemRandom::new();
        let p256 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let p256 = SigningKey::from_pem(&pem("PRIVATE KEY", p256.as_ref())).unwrap();
        let edwards = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let edwards = SigningKey::from_pem(&pem("PRIVATE KEY", edwards.as_ref())).unwrap();
        [p256, edwards]
            .into_iter()
            .map(|key| {
                let public = key.public().unwrap();
                (key, public)
            })
            .collect()
    }

    #[test]
    fn only_what_was_signed_with_the_key_verifies() {
        let reference: Reference = "r.example/a:1".parse().unwrap();
        let (digest, other) = (digest_of(b"a"), digest_of(b"b"));
        let payload = payload(&reference, &digest);
        assert!(names(&payload, &digest) && !names(&payload, &other) && !names(b"{", &digest));
        let pairs = pairs();
        for (at, (key, public)) in pairs.iter().enumerate() {
            let signature = key.sign(&payload).unwrap();
            assert!(public.verifies(&payload, &signature));
            let mut tampered = payload.clone();
            tampered[20] ^= 1;
            assert!(!public.verifies(&tampered, &signature));
            assert!(!public.verifies(&payload, b"") && !public.verifies(&payload, b"!"));
            assert!(!pairs[1 - at].1.verifies(&payload, &signature));
        }
        let (_, stranger) = super::tests::pairs().remove(0);
        assert!(!stranger.verifies(&payload, &pairs[0].0.sign(&payload).unwrap()));
        let (private, public) =
            (include_str!("../tests/it/keys/private.pem"), include_str!("../tests/it/keys/public.pem"));
        let rsa = SigningKey::from_pem(private).unwrap().public().unwrap();
        assert_eq!(rsa.fingerprint(), PublicKey::from_pem(public).unwrap().fingerprint());
        assert!(PublicKey::from_pem("x").is_err() && SigningKey::from_pem("x").is_err());
        assert!(PublicKey::from_pem(&pem("PUBLIC KEY", b"x")).is_err());
    }
}
