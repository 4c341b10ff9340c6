//! TLS sessions: the machine's certificate authorities and what the caller adds.

use std::sync::{Arc, OnceLock};

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::error::EgressError;

/// How TLS sessions of one client are made.
#[derive(Clone, Default)]
pub struct TlsSettings {
    /// Certificate authorities beside the machine's, PEM.
    pub extra_roots: Option<Vec<u8>>,
    /// The client's own certificate.
    pub identity: Option<Identity>,
    /// Any certificate of the server is taken.
    pub insecure: bool,
}

/// A client's certificate and key, PEM. Neither Debug nor Display shows them.
#[derive(Clone)]
pub struct Identity {
    /// The certificate, and those above it.
    pub certificate: Vec<u8>,
    /// Its private key.
    pub key: Arc<[u8]>,
}

impl TlsSettings {
    /// What the TLS library needs.
    pub(crate) fn build(&self) -> Result<Arc<ClientConfig>, EgressError> {
        let provider = Arc::new(ring::default_provider());
        let wrong = |why: String| EgressError::TlsSettings { why };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(error.to_string()))?;
        let builder = if self.insecure {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified(provider)))
        } else {
            builder.with_webpki_verifier(self.verifier(provider)?)
        };
        let config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let chain = CertificateDer::pem_slice_iter(&identity.certificate)
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|error| wrong(format!("the client certificate is no PEM: {error}")))?;
                let key = PrivateKeyDer::from_pem_slice(&identity.key)
                    .map_err(|_| wrong("the client key is no PEM private key".to_owned()))?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| wrong(format!("the client certificate and key do not fit: {error}")))?
            }
        };
        Ok(Arc::new(config))
    }

    fn verifier(&self, provider: Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, EgressError> {
        let wrong = |why: String| EgressError::TlsSettings { why };
        let mut roots = RootCertStore::clone(machine_roots());
        if let Some(pem) = &self.extra_roots {
            let mut added = 0;
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate =
                    certificate.map_err(|error| wrong(format!("the certificate authority is no PEM: {error}")))?;
                roots
                    .add(certificate)
                    .map_err(|error| wrong(format!("the certificate authority cannot be used: {error}")))?;
                added += 1;
            }
            if added == 0 {
                return Err(wrong("the certificate authority holds no PEM certificate".to_owned()));
            }
        }
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| wrong(error.to_string()))
    }
}

/// The machine's certificate authorities, read once; Mozilla's list where the machine has none.
fn machine_roots() -> &'static Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        let native = rustls_native_certs::load_native_certs();
        let (added, _) = roots.add_parsable_certificates(native.certs);
        if added == 0 {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        Arc::new(roots)
    })
}

/// Takes any certificate, as `insecureSkipVerify` asks, and still checks that the other side holds its key.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
