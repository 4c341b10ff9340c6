//! The client, the redirects and the proxy against small servers on loopback.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::*;

/// Names with the answers of one look-up after the other.
struct Names(Mutex<HashMap<&'static str, Vec<Vec<IpAddr>>>>);

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let mut names = self.0.lock().unwrap();
        let answers = names.get_mut(host).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() })
    }
}

fn guard(config: &str, names: &[(&'static str, &[&[&str]])]) -> Guard {
    let parse = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
    let names = names.iter().map(|(name, answers)| (*name, answers.iter().map(parse).collect())).collect();
    Guard::with_resolver(Policy::new(serde_json::from_str(config).unwrap()), Arc::new(Names(Mutex::new(names))))
}

fn client(config: &str, names: &[(&'static str, &[&[&str]])]) -> Client {
    Client::new(guard(config, names), &TlsSettings::default()).unwrap()
}

const LOCAL: &str = r#"{"allowPrivate": ["127.0.0.0/8"]}"#;

/// Reads one request's head of every connection, keeps it, and answers what `answer` makes of it.
async fn serve(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (answer, kept) = (Arc::new(answer), Arc::clone(&seen));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (answer, kept) = (Arc::clone(&answer), Arc::clone(&kept));
            tokio::spawn(async move {
                let head = head(&mut stream).await;
                let reply = answer(&head);
                kept.lock().unwrap().push(head);
                stream.write_all(reply.as_bytes()).await.ok();
                if reply.contains("HANG") {
                    stream.read_u8().await.ok();
                }
            });
        }
    });
    (address, seen)
}

async fn head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut one = [0];
    while !bytes.ends_with(b"\r\n\r\n") && stream.read(&mut one).await.unwrap_or(0) == 1 {
        bytes.push(one[0]);
    }
    String::from_utf8(bytes).unwrap().to_ascii_lowercase()
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

fn redirect(status: u16, to: &str) -> String {
    format!("HTTP/1.1 {status} x\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

async fn get(client: &Client, url: &str, headers: &HeaderMap) -> Result<(StatusCode, String), EgressError> {
    let limits = Limits { body_bytes_max: Some(1024), ..Limits::default() };
    let (answer, _) = client.request(Method::GET, url, headers, Bytes::new(), Redirects::Followed(3), limits).await?;
    let status = answer.status();
    Ok((status, String::from_utf8(answer.into_body().bytes().await?.to_vec()).unwrap()))
}

#[tokio::test]
async fn a_private_address_is_refused_under_every_name_unless_granted() {
    let (address, _) = serve(|_| ok("hello")).await;
    let port = address.port();
    let names: &[(&str, &[&[&str]])] =
        &[("inside.test", &[&["127.0.0.1"]]), ("mixed.test", &[&["10.255.255.1", "127.0.0.1"]])];
    let closed = client("{}", names);
    for host in
        ["127.0.0.1", "inside.test", "INSIDE.test.", "[::ffff:127.0.0.1]", "[::1]", "2130706433", "0.0.0.0", "0"]
    {
        let error = get(&closed, &format!("http://{host}:{port}/"), &HeaderMap::new()).await.unwrap_err();
        assert!(matches!(error, EgressError::Refused { .. }), "{host}: {error}");
        assert!(!error.is_transient());
    }
    let open = client(LOCAL, names);
    for host in ["127.0.0.1", "inside.test", "mixed.test"] {
        assert_eq!(
            get(&open, &format!("http://{host}:{port}/"), &HeaderMap::new()).await.unwrap().1,
            "hello",
            "{host}"
        );
    }
}

#[tokio::test]
async fn a_name_that_changes_its_answer_is_judged_by_the_address_that_is_called() {
    let (address, seen) = serve(|_| ok("secret")).await;
    // The first look-up is public, the second inside: whoever checks one and calls the other is fooled.
    let guard = guard("{}", &[("rebind.test", &[&["192.88.99.1"], &["127.0.0.1"]])]);
    let target = Target::new(Some("http"), "rebind.test", address.port());
    assert_eq!(
        guard.addresses(&target).await.unwrap(),
        [SocketAddr::new("192.88.99.1".parse().unwrap(), address.port())]
    );
    let client = Client::new(guard, &TlsSettings::default()).unwrap();
    let error = get(&client, &format!("http://rebind.test:{}/", address.port()), &HeaderMap::new()).await.unwrap_err();
    assert!(matches!(error, EgressError::Refused { .. }), "{error}");
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn redirects_are_judged_anew_and_leave_credentials_behind() {
    let (far, far_seen) = serve(|_| ok("far")).await;
    let to = format!("http://127.0.0.1:{}/there", far.port());
    let (near, near_seen) = serve(move |head| match head {
        _ if head.starts_with("get /meta") => redirect(302, "http://169.254.169.254/latest/meta-data/"),
        _ if head.starts_with("get /file") => redirect(302, "file:///etc/passwd"),
        _ if head.starts_with("get /loop") => redirect(302, "/loop"),
        _ if head.starts_with("get /same") => redirect(307, "/end"),
        _ if head.starts_with("get /end") => ok("end"),
        _ => redirect(307, &to),
    })
    .await;
    let client = client(LOCAL, &[]);
    let mut headers = HeaderMap::new();
    headers.insert("x-api-key", "hidden".parse().unwrap());
    headers.insert("authorization", "Bearer hidden".parse().unwrap());
    headers.insert("accept", "text/plain".parse().unwrap());
    let base = format!("http://127.0.0.1:{}", near.port());

    let error = get(&client, &format!("{base}/meta"), &headers).await.unwrap_err();
    assert!(error.to_string().contains("169.254.169.254 is a link-local or cloud metadata address"), "{error}");
    assert!(matches!(get(&client, &format!("{base}/file"), &headers).await.unwrap_err(), EgressError::Url { .. }));
    assert!(matches!(get(&client, &format!("{base}/loop"), &headers).await.unwrap_err(), EgressError::Redirect { .. }));

    assert_eq!(get(&client, &format!("{base}/same"), &headers).await.unwrap().1, "end");
    assert!(
        near_seen.lock().unwrap().iter().any(|head| head.starts_with("get /end") && head.contains("bearer hidden"))
    );

    assert_eq!(get(&client, &format!("{base}/away"), &headers).await.unwrap().1, "far");
    let far_seen = far_seen.lock().unwrap().join("");
    assert!(far_seen.contains("accept: text/plain") && !far_seen.contains("hidden"), "{far_seen}");
}

#[tokio::test]
async fn a_user_in_the_url_is_neither_sent_nor_shown() {
    let (address, seen) = serve(|_| ok("x")).await;
    let url = format!("http://user:hunter2@127.0.0.1:{}/a?token=hunter3#f", address.port());
    get(&client(LOCAL, &[]), &url, &HeaderMap::new()).await.unwrap();
    let seen = seen.lock().unwrap().join("");
    assert!(seen.starts_with("get /a?token=hunter3 http/1.1") && !seen.contains("hunter2"), "{seen}");
    let error = get(&client("{}", &[]), &url, &HeaderMap::new()).await.unwrap_err().to_string();
    assert!(!error.contains("hunter"), "{error}");
    assert_eq!(shown(&url), format!("http://127.0.0.1:{}/a", address.port()));
    assert_eq!(shown("not a url user:hunter2@host?hunter3"), "host");
}

#[tokio::test]
async fn every_wait_and_every_body_has_a_limit() {
    let (address, _) = serve(|head| match head {
        _ if head.starts_with("get /silent") => "HANG".to_owned(),
        _ if head.starts_with("get /stops") => "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nHANG".to_owned(),
        _ => ok(&"x".repeat(2000)),
    })
    .await;
    let client = client(LOCAL, &[]);
    let url = |path: &str| format!("http://127.0.0.1:{}{path}", address.port());
    let short = Duration::from_millis(30);
    for limits in [Limits { idle: short, ..Limits::default() }, Limits { total: Some(short), ..Limits::default() }] {
        let request = |path: &str| Request::get(url(path)).body(empty()).unwrap();
        let error = client.send(request("/stops"), limits).await.unwrap().into_body().bytes().await.unwrap_err();
        assert!(matches!(error, EgressError::TimedOut { .. }) && error.is_transient(), "{error}");
        // "HANG" is no HTTP at all, and is said to be so at once.
        assert!(client.send(request("/silent"), limits).await.is_err());
    }
    let error = get(&client, &url("/large"), &HeaderMap::new()).await.unwrap_err();
    assert!(matches!(error, EgressError::BodyTooLarge { max: 1024, .. }), "{error}");
}

#[tokio::test]
async fn an_upload_that_makes_progress_is_not_idle() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        head(&mut stream).await;
        let (mut buffer, mut rest) = (vec![0; 65536], Vec::new());
        while !rest.ends_with(b"0\r\n\r\n") {
            let count = stream.read(&mut buffer).await.unwrap();
            rest.extend_from_slice(&buffer[..count]);
            rest.drain(..rest.len().saturating_sub(5));
        }
        stream.write_all(ok("taken").as_bytes()).await.unwrap();
        stream.read_u8().await.ok();
    });
    let began = std::time::Instant::now();
    let pieces = futures::stream::unfold((), move |()| async move {
        tokio::task::yield_now().await;
        let more = began.elapsed() < Duration::from_millis(500);
        more.then(|| (Ok::<_, BoxError>(http_body::Frame::data(Bytes::from_static(b"piece"))), ()))
    });
    let body = http_body_util::StreamBody::new(pieces).boxed_unsync();
    let request = Request::put(format!("http://{address}/")).body(body).unwrap();
    let limits = Limits { idle: Duration::from_millis(200), ..Limits::default() };
    let answer = client(LOCAL, &[]).send(request, limits).await.unwrap();
    assert_eq!(answer.into_body().bytes().await.unwrap(), "taken");
}

#[tokio::test]
async fn the_rules_stand_before_the_look_up() {
    let narrow =
        guard(r#"{"allow": ["https://*.good.test"], "allowPrivate": true}"#, &[("a.good.test", &[&["127.0.0.1"]])]);
    assert!(narrow.addresses(&Target::new(Some("https"), "a.good.test", 443)).await.is_ok());
    let error = narrow.addresses(&Target::new(Some("https"), "unknown.test", 443)).await.unwrap_err();
    assert!(error.to_string().contains("egress.allow does not name it"), "{error}");
    let error = narrow.addresses(&Target::new(Some("https"), "missing.good.test", 443)).await.unwrap_err();
    assert!(matches!(error, EgressError::Resolve { .. }) && error.is_transient(), "{error}");
}

#[tokio::test]
async fn tls_needs_a_known_authority() {
    let key = rcgen::generate_simple_self_signed(["secure.test".to_owned()]).unwrap();
    let (certificate, pem) = (key.cert.der().clone(), key.cert.pem());
    let private = tokio_rustls::rustls::pki_types::PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let server = tokio_rustls::rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], private)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                while !matches!(stream.read_u8().await, Ok(b'\n') | Err(_)) {}
                stream.write_all(ok("sealed").as_bytes()).await.ok();
                stream.shutdown().await.ok();
            });
        }
    });
    let url = format!("https://secure.test:{port}/");
    let with = |settings: TlsSettings| {
        Client::new(guard(LOCAL, &[("secure.test", &[&["127.0.0.1"]]), ("other.test", &[&["127.0.0.1"]])]), &settings)
            .unwrap()
    };
    let error = get(&with(TlsSettings::default()), &url, &HeaderMap::new()).await.unwrap_err();
    assert!(matches!(error, EgressError::Tls { .. }) && !error.is_transient(), "{error}");
    let known = with(TlsSettings { extra_roots: Some(pem.into_bytes()), ..TlsSettings::default() });
    assert_eq!(get(&known, &url, &HeaderMap::new()).await.unwrap().1, "sealed");
    let error = get(&known, &format!("https://other.test:{port}/"), &HeaderMap::new()).await.unwrap_err();
    assert!(matches!(error, EgressError::Tls { .. }), "{error}");
    let insecure = with(TlsSettings { insecure: true, ..TlsSettings::default() });
    assert_eq!(get(&insecure, &format!("https://other.test:{port}/"), &HeaderMap::new()).await.unwrap().1, "sealed");
    for bad in [&b"no pem"[..], b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let settings = TlsSettings { extra_roots: Some(bad.to_vec()), ..TlsSettings::default() };
        assert!(matches!(Client::new(guard(LOCAL, &[]), &settings), Err(EgressError::TlsSettings { .. })));
    }
}

async fn by_socks(url: &str, password: &str, host: &str, port: u16) -> Result<String, u8> {
    let address = url.rsplit_once('@').unwrap().1;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&[5, 1, 2]).await.unwrap();
    let mut two = [0; 2];
    stream.read_exact(&mut two).await.unwrap();
    assert_eq!(two, [5, 2]);
    let mut hello = vec![1, 1, b'u', password.len() as u8];
    hello.extend_from_slice(password.as_bytes());
    stream.write_all(&hello).await.unwrap();
    stream.read_exact(&mut two).await.unwrap();
    if two[1] != 0 {
        return Err(255);
    }
    let mut connect = vec![5, 1, 0, 3, host.len() as u8];
    connect.extend_from_slice(host.as_bytes());
    connect.extend_from_slice(&port.to_be_bytes());
    stream.write_all(&connect).await.unwrap();
    let mut reply = [0; 10];
    stream.read_exact(&mut reply).await.unwrap();
    if reply[1] != 0 {
        return Err(reply[1]);
    }
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    Ok(text)
}

#[tokio::test]
async fn the_proxy_lets_through_what_the_policy_permits_and_wants_its_password() {
    let (address, _) = serve(|_| ok("through")).await;
    let names: &[(&str, &[&[&str]])] = &[("inside.test", &[&["127.0.0.1"]])];
    let open = Socks::start(guard(LOCAL, names), "u").await.unwrap();
    let password = |socks: &Socks| socks.url().rsplit_once('@').unwrap().0.rsplit_once(':').unwrap().1.to_owned();
    let right = password(&open);
    assert!(by_socks(&open.url(), &right, "inside.test", address.port()).await.unwrap().ends_with("through"));
    assert_eq!(by_socks(&open.url(), "wrong", "inside.test", address.port()).await, Err(255));
    assert_eq!(by_socks(&open.url(), &right, "169.254.169.254", 80).await, Err(2));
    let refused = open.refused().unwrap();
    assert!(refused.by_rule && refused.why.contains("metadata"), "{refused:?}");

    let closed = Socks::start(guard("{}", names), "u").await.unwrap();
    let other = password(&closed);
    assert_ne!(right, other);
    assert_eq!(by_socks(&closed.url(), &other, "inside.test", address.port()).await, Err(2));
    assert_eq!(by_socks(&closed.url(), &other, "nowhere.test", 80).await, Err(4));
    assert!(!closed.refused().unwrap().by_rule);
}

#[tokio::test]
async fn a_client_shows_its_certificate_where_it_is_asked() {
    use tokio_rustls::rustls::server::WebPkiClientVerifier;
    use tokio_rustls::rustls::{RootCertStore, ServerConfig};
    let server_key = rcgen::generate_simple_self_signed(["secure.test".to_owned()]).unwrap();
    let client_key = rcgen::generate_simple_self_signed(["client.test".to_owned()]).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let mut known = RootCertStore::empty();
    known.add(client_key.cert.der().clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(known), Arc::clone(&provider)).build().unwrap();
    let private =
        tokio_rustls::rustls::pki_types::PrivateKeyDer::try_from(server_key.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![server_key.cert.der().clone()], private)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://secure.test:{}/", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            while !matches!(stream.read_u8().await, Ok(b'\n') | Err(_)) {}
            stream.write_all(ok("known").as_bytes()).await.ok();
            stream.shutdown().await.ok();
        }
    });
    let with = |identity: Option<Identity>| {
        let extra_roots = Some(server_key.cert.pem().into_bytes());
        let settings = TlsSettings { extra_roots, identity, ..TlsSettings::default() };
        Client::new(guard(LOCAL, &[("secure.test", &[&["127.0.0.1"]])]), &settings)
    };
    assert!(get(&with(None).unwrap(), &url, &HeaderMap::new()).await.is_err());
    let certificate = client_key.cert.pem().into_bytes();
    let key = client_key.signing_key.serialize_pem().into_bytes();
    let identity = Identity { certificate: certificate.clone(), key: key.into() };
    assert_eq!(get(&with(Some(identity)).unwrap(), &url, &HeaderMap::new()).await.unwrap().1, "known");
    let broken = Identity { certificate, key: (*b"no key").into() };
    let error = with(Some(broken)).err().unwrap();
    assert!(error.to_string().contains("the client key is no PEM private key"), "{error}");
}
