//! Connections and large values: by grant, within limits, and closed with the instance.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use plugin::ErrorClass;
use plugin_host::Limits;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::World;

/// A server that says back what it hears.
struct Echo {
    address: String,
    open: Arc<AtomicU32>,
}

impl Echo {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let open = Arc::<AtomicU32>::default();
        let count = open.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let count = count.clone();
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    let mut piece = [0; 4096];
                    while let Ok(n @ 1..) = stream.read(&mut piece).await {
                        if stream.write_all(&piece[..n]).await.is_err() {
                            break;
                        }
                    }
                    count.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        Self { address, open }
    }

    async fn all_closed(&self) {
        let closed = async {
            while self.open.load(Ordering::Relaxed) > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), closed).await.expect("connections go with the instance");
    }
}

fn connect(address: &str) -> Value {
    json!({"do": "connect", "address": address, "text": "hello"})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_granted_endpoint_is_reached_and_no_other() {
    let Some(world) = World::new("a_granted_endpoint_is_reached_and_no_other") else { return };
    let (echo, other) = (Echo::start().await, Echo::start().await);
    let grant = format!("tcp://{}", echo.address);
    world.install("guest", json!({"endpoints": [{"address": grant, "private": true}]}), Limits::default()).await;
    assert_eq!(world.value("guest", connect(&grant)).await, json!("hello"));
    let port = echo.address.rsplit_once(':').unwrap().1;
    for address in [
        format!("tcp://{}", other.address),
        format!("tls://{}", echo.address),
        format!("tcp://localhost:{port}"),
        format!("tcp://127.0.0.2:{port}"),
        format!("tcp://[::ffff:127.0.0.1]:{port}"),
        format!("tcp://2130706433:{port}"),
        "tcp://169.254.169.254:80".to_owned(),
    ] {
        let error = world.run("guest", connect(&address)).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Denied, "{address}: {error:?}");
        assert!(error.hints.iter().any(|hint| hint.contains("endpoints: [{address: ")), "{error:?}");
    }
    let error = world.run("guest", connect("udp://127.0.0.1:9")).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::InvalidConfig);
    // HTTP is granted apart: the same place is not reached by it.
    let url = format!("http://{}/", echo.address);
    assert_eq!(world.run("guest", json!({"do": "http", "url": url})).await.unwrap_err().class, ErrorClass::Denied);
    // An address that is not public needs its own word.
    world.install("public", json!({"endpoints": [{"address": "*"}]}), Limits::default()).await;
    let error = world.run("public", connect(&grant)).await.unwrap_err();
    assert!(
        error.class == ErrorClass::Denied && error.hints.iter().any(|h| h.contains("\"private\":true")),
        "{error:?}"
    );
    echo.all_closed().await;
    assert_eq!(other.open.load(Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_written_where_it_is_granted_for() {
    let Some(world) = World::new("a_secret_is_written_where_it_is_granted_for") else { return };
    let (echo, other) = (Echo::start().await, Echo::start().await);
    let (here, there) = (format!("tcp://{}", echo.address), format!("tcp://{}", other.address));
    let grants = json!({
        "endpoints": [{"address": here, "private": true}, {"address": there, "private": true}],
        "secrets": {"token": {"namespace": "n", "name": "s", "key": "k", "hosts": [here]}},
    });
    world.install("guest", grants, Limits::default()).await;
    let send = |address: &str| json!({"do": "connect", "address": address, "text": "pass ", "secret": "token"});
    // The other side said it back, and the plugin tells it: it does not come that far.
    assert_eq!(world.value("guest", send(&here)).await, json!("pass *****"));
    let error = world.run("guest", send(&there)).await.unwrap_err();
    assert!(error.class == ErrorClass::Denied && error.to_string().contains("may not be sent to"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_have_a_number_and_an_end() {
    let Some(world) = World::new("connections_have_a_number_and_an_end") else { return };
    let echo = Echo::start().await;
    let grant = format!("tcp://{}", echo.address);
    let grants = json!({"endpoints": [{"address": grant, "private": true}]});
    let limits = Limits { wall_time_max: Duration::from_secs(10), ..Limits::default() };
    world.install("guest", grants.clone(), limits).await;
    let many = json!({"do": "connect", "address": grant, "text": "x", "times": 17});
    let error = world.run("guest", many).await.unwrap_err();
    assert!(error.message.contains("connections_max (16)"), "{error:?}");
    echo.all_closed().await;
    // Nobody there, and nobody who speaks TLS.
    let dead = testkit::net::DeafPort::take().unwrap();
    let nobody = format!("tcp://{}", dead.address().unwrap());
    world.install("nobody", json!({"endpoints": [{"address": "*", "private": true}]}), Limits::default()).await;
    let error = world.run("nobody", connect(&nobody)).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Unavailable, "{error:?}");
    let plain = json!({"do": "connect", "address": grant, "text": "x", "startTls": "example.com"});
    let error = world.run("nobody", plain).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Unavailable, "tls-failed"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_values_are_each_plugins_own() {
    let Some(world) = World::new("large_values_are_each_plugins_own") else { return };
    world.install("guest", json!({"blobBytesMax": 100}), Limits::default()).await;
    world.install("other", json!({"blobBytesMax": 100}), Limits::default()).await;
    world.install("none", json!({}), Limits::default()).await;
    let put = json!({"do": "blobPut", "name": "b", "text": "large enough"});
    let digest = world.value("guest", put.clone()).await;
    assert!(digest.as_str().unwrap().starts_with("sha256:"), "{digest}");
    let get = json!({"do": "blobGet", "name": "b", "offset": 6});
    assert_eq!(world.value("guest", get.clone()).await, json!({"size": 12, "text": "enough"}));
    assert_eq!(world.run("other", get.clone()).await.unwrap_err().class, ErrorClass::NotFound);
    let error = world.run("none", put).await.unwrap_err();
    assert!(
        error.class == ErrorClass::Denied && format!("{error} {:?}", error.hints).contains("blobs: {bytes: "),
        "{error:?}"
    );
    world.value("guest", json!({"do": "blobDelete", "name": "b"})).await;
    assert_eq!(world.run("guest", get).await.unwrap_err().class, ErrorClass::NotFound);
    let large = json!({"do": "blobPut", "name": "b", "text": "x".repeat(101)});
    assert_eq!(world.run("guest", large).await.unwrap_err().code, "too-large");
}

/// A server that wants to see a certificate, and says back what it hears.
async fn wary(server: &rcgen::CertifiedKey<rcgen::KeyPair>, client: &rcgen::CertifiedKey<rcgen::KeyPair>) -> u16 {
    use tokio_rustls::rustls::pki_types::PrivateKeyDer;
    use tokio_rustls::rustls::server::WebPkiClientVerifier;
    use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto};
    let provider = Arc::new(crypto::ring::default_provider());
    let mut known = RootCertStore::empty();
    known.add(client.cert.der().clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(known), provider.clone()).build().unwrap();
    let key = PrivateKeyDer::try_from(server.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![server.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut piece = [0; 100];
            if let Ok(n) = stream.read(&mut piece).await {
                stream.write_all(&piece[..n]).await.ok();
                stream.shutdown().await.ok();
            }
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_of_a_grant_are_shown_and_renewed() {
    let Some(world) = World::new("certificates_of_a_grant_are_shown_and_renewed") else { return };
    let server = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let client = rcgen::generate_simple_self_signed(["client".to_owned()]).unwrap();
    let address = format!("tls://localhost:{}", wary(&server, &client).await);
    let secret = |name: &str| json!({"namespace": "n", "name": name, "key": "k"});
    let give = |name: &str, value: String| world.secrets.0.lock().unwrap().insert(name.to_owned(), value);
    give("ca", server.cert.pem());
    give("certificate", client.cert.pem());
    give("key", client.signing_key.serialize_pem());
    let grants = |tls: Value| json!({"endpoints": [{"address": address, "private": true, "tls": tls}]});
    let connect = connect(&address);

    world.install("unknown", grants(json!(null)), Limits::default()).await;
    let error = world.run("unknown", connect.clone()).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Unavailable, "tls-failed"), "{error:?}");
    world.install("nameless", grants(json!({"ca": secret("ca")})), Limits::default()).await;
    let error = world.run("nameless", connect.clone()).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Unavailable, "{error:?}");

    let all = json!({"ca": secret("ca"), "certificate": secret("certificate"), "key": secret("key")});
    world.install("guest", grants(all), Limits::default()).await;
    assert_eq!(world.value("guest", connect.clone()).await, json!("hello"));
    give("key", "no key".to_owned());
    let error = world.run("guest", connect.clone()).await.unwrap_err();
    assert!(error.code == "bad-certificate" && error.message.contains("is no PEM private key"), "{error:?}");
    give("key", client.signing_key.serialize_pem());
    assert_eq!(world.value("guest", connect).await, json!("hello"));
}
