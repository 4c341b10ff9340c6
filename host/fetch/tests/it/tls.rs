//! A repository behind TLS whose certificate is by an authority of its own.

use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::support::{World, chart, fetched, refused, repository};

/// Puts TLS before a server; tells the port, and writes the authority's certificate to a file.
async fn sealed(upstream: &str, authority_file: &Path) -> u16 {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(authority_file, authority.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], private).unwrap();
    let (acceptor, upstream) = (TlsAcceptor::from(Arc::new(config)), upstream.to_owned());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, upstream) = (acceptor.clone(), upstream.clone());
            tokio::spawn(async move {
                let Ok(mut near) = acceptor.accept(stream).await else { return };
                let mut far = TcpStream::connect(upstream).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_of_ones_own_counts_for_its_source_alone() {
    let web = repository();
    let home = tempfile::tempdir().unwrap();
    let (file, other) = (home.path().join("ca.pem"), home.path().join("other.pem"));
    let upstream = web.url().replace("http://", "");
    let port = sealed(&upstream, &file).await;
    sealed(&upstream, &other).await;
    let at = format!("https://localhost:{port}/stable");
    let world = |ca: Option<&Path>| {
        let mut source = json!({"url": at, "private": true});
        if let Some(ca) = ca {
            source["ca"] = json!(ca);
        }
        World::new(&[]).source("charts", source)
    };
    let files = fetched(&world(Some(&file)).fetcher(), chart(&at, "1.2.0")).await;
    assert!(files["greeting/Chart.yaml"].contains("version: 1.2.0"), "{files:?}");
    web.take_targets();
    for ca in [None, Some(&*other)] {
        let (_, said, _) = refused(&world(ca).fetcher(), chart(&at, "1.2.0")).await;
        assert!(said.contains("certificate"), "{said}");
    }
    assert!(web.take_targets().is_empty(), "nothing is asked of a server that is not known");
}
