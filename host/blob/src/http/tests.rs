//! URLs of a small server on loopback.

use std::collections::HashMap;
use std::fs;
use std::sync::{Arc, Mutex};

use artifact::{Artifacts, ErrorClass};
use base64::Engine;
use bytes::Bytes;
use futures::TryStreamExt;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::Drivers;
use crate::tests::{artifact, context, drivers, drivers_with};

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// A server that answers what a test says, and keeps what it was asked.
pub(crate) struct Server {
    pub(crate) base: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// Status, headers, body; and how many bytes of the body to send before the connection is cut.
pub(crate) type Answer = (u16, Vec<(&'static str, String)>, Vec<u8>, Option<usize>);

fn ok(body: impl Into<Vec<u8>>) -> Answer {
    (200, Vec::new(), body.into(), None)
}

fn status(code: u16) -> Answer {
    (code, Vec::new(), b"because".to_vec(), None)
}

impl Server {
    pub(crate) async fn start(answer: impl Fn(&Seen, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (kept, answer) = (Arc::clone(&seen), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                tokio::spawn(async move { one(stream, &kept, &*answer).await });
            }
        });
        Self { base, seen }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Forgets what was asked so far.
    pub(crate) fn forget(&self) {
        self.seen.lock().unwrap().clear();
    }
}

async fn one(
    stream: TcpStream,
    kept: &Mutex<Vec<Seen>>,
    answer: &(dyn Fn(&Seen, usize) -> Answer + Send + Sync),
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut request = Seen::default();
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let mut words = line.split(' ');
    request.method = words.next()?.to_owned();
    request.path = words.next()?.to_owned();
    loop {
        line.clear();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        request.headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length: usize = request.header("content-length").parse().unwrap_or(0);
    assert_eq!(request.header("transfer-encoding"), "");
    request.body = vec![0; length];
    stream.read_exact(&mut request.body).await.ok()?;
    let count = {
        let mut kept = kept.lock().unwrap();
        kept.push(request.clone());
        kept.len()
    };
    let (code, headers, body, cut) = answer(&request, count);
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("HTTP/1.1 {code} x\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(&body[..cut.unwrap_or(body.len()).min(body.len())]).await.ok()?;
    stream.shutdown().await.ok()
}

const SECRETS: &[(&str, &str)] =
    &[("s/user", "alice\n"), ("s/password", "hunter2"), ("s/id", "client one"), ("s/secret", "hunter3")];

fn key(name: &str) -> Value {
    json!({"name": "s", "key": name})
}

fn http(mut more: Value, url: String) -> model::workflow::Artifact {
    more["url"] = url.into();
    artifact(json!({"name": "thing", "http": more}))
}

async fn read(
    drivers: &Drivers,
    context: &artifact::Context,
    artifact: &model::workflow::Artifact,
) -> Result<String, artifact::ArtifactError> {
    let chunks: Vec<Bytes> = drivers.open(context, artifact).await?.try_collect().await?;
    Ok(String::from_utf8(chunks.concat()).unwrap())
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

#[tokio::test]
async fn a_file_is_fetched_with_the_headers_named() {
    let server = Server::start(|_, _| ok("content")).await;
    let folder = tempfile::tempdir().unwrap();
    let (drivers, context) = (drivers(folder.path()), context(SECRETS));
    let to = folder.path().join("to");
    let headers = json!({"headers": [{"name": "X-Token", "value": "a"}, {"name": "X-Token", "value": "b"}]});
    drivers.load(&context, &http(headers, format!("{}/a%20b?q=1", server.base)), &to).await.unwrap();
    assert_eq!(fs::read_to_string(&to).unwrap(), "content");
    let seen = server.seen();
    assert_eq!((seen[0].method.as_str(), seen[0].path.as_str(), seen[0].header("x-token")), ("GET", "/a%20b?q=1", "b"));
    assert_eq!(seen[0].header("authorization"), "");

    let mut part = http(json!({}), format!("{}/dir/?q=1", server.base));
    part.sub_path = Some("x y/z".into());
    assert_eq!(read(&drivers, &context, &part).await.unwrap(), "content");
    assert_eq!(server.seen()[1].path, "/dir/x%20y/z?q=1");
}

#[tokio::test]
async fn each_way_to_sign_in() {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/token" if request.header("authorization").is_empty() => {
            ok(r#"{"access_token": "T2", "token_type": "bearer"}"#)
        }
        "/token" if String::from_utf8_lossy(&request.body).contains("audience=form") => status(401),
        "/token" => ok(r#"{"access_token": "T1", "token_type": "Bearer", "expires_in": 3600}"#),
        _ => ok("in"),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let drivers = drivers(folder.path());
    let token_url = format!("{}/token", server.base);
    let mut secrets = SECRETS.to_vec();
    secrets.push(("s/url", &token_url));
    let context = context(&secrets);
    let last = || server.seen().last().unwrap().header("authorization").to_owned();

    let auth = json!({"auth": {"basicAuth": {"usernameSecret": key("user"), "passwordSecret": key("password")}}});
    read(&drivers, &context, &http(auth, server.base.clone())).await.unwrap();
    assert_eq!(last(), basic("alice", "hunter2"));

    read(&drivers, &context, &http(json!({}), server.base.replace("http://", "http://bob:p%40ss@"))).await.unwrap();
    assert_eq!(last(), basic("bob", "p@ss"));

    let art = artifact(
        json!({"name": "a", "artifactory": {"url": server.base, "usernameSecret": key("user"), "passwordSecret": key("password")}}),
    );
    read(&drivers, &context, &art).await.unwrap();
    assert_eq!(last(), basic("alice", "hunter2"));

    let oauth2 = |audience: &str| {
        json!({"auth": {"oauth2": {
            "clientIDSecret": key("id"), "clientSecretSecret": key("secret"), "tokenURLSecret": key("url"),
            "scopes": ["a", "b"], "endpointParams": [{"key": "audience", "value": audience}],
        }}})
    };
    for _ in 0..2 {
        read(&drivers, &context, &http(oauth2("api"), server.base.clone())).await.unwrap();
        assert_eq!(last(), "Bearer T1");
    }
    let asked: Vec<Seen> = server.seen().into_iter().filter(|seen| seen.path == "/token").collect();
    assert_eq!(asked.len(), 1, "a token is used while it is good");
    assert_eq!(asked[0].header("authorization"), basic("client+one", "hunter3"));
    assert_eq!(String::from_utf8_lossy(&asked[0].body), "grant_type=client_credentials&scope=a+b&audience=api");

    read(&drivers, &context, &http(oauth2("form"), server.base.clone())).await.unwrap();
    assert_eq!(last(), "Bearer T2");
    let asked = server.seen().into_iter().rfind(|seen| seen.path == "/token").unwrap();
    assert!(String::from_utf8_lossy(&asked.body).ends_with("&client_id=client+one&client_secret=hunter3"));

    let missing = json!({"auth": {"oauth2": {"clientIDSecret": key("id")}}});
    let error = read(&drivers, &context, &http(missing, server.base.clone())).await.unwrap_err();
    assert!(error.reason.contains("http.auth.oauth2.clientSecretSecret is missing"), "{error}");
    let half = json!({"auth": {"clientCert": {"clientCertSecret": key("user")}}});
    let error = read(&drivers, &context, &http(half, server.base.clone())).await.unwrap_err();
    assert!(error.reason.contains("clientKeySecret"), "{error}");
}

#[tokio::test]
async fn answers_have_their_class() {
    let server = Server::start(|request, _| status(request.path[1..4].parse().unwrap())).await;
    let folder = tempfile::tempdir().unwrap();
    let (drivers, context) = (drivers(folder.path()), context(SECRETS));
    let table = [
        (404, ErrorClass::NotFound),
        (410, ErrorClass::NotFound),
        (401, ErrorClass::Denied),
        (403, ErrorClass::Denied),
        (429, ErrorClass::Transient),
        (500, ErrorClass::Transient),
        (503, ErrorClass::Transient),
        (400, ErrorClass::Permanent),
        (501, ErrorClass::Permanent),
        (409, ErrorClass::Permanent),
    ];
    for (code, class) in table {
        let url = format!("{}/{code}", server.base.replace("http://", "http://bob:hunter9@"));
        let artifact = http(json!({}), url + "?sig=hunter9");
        let error = drivers.load(&context, &artifact, &folder.path().join("to")).await.unwrap_err();
        assert_eq!(error.class, class, "{error}");
        assert!(
            error.to_string().contains(&format!("answered {code}")) && error.to_string().contains("because"),
            "{error}"
        );
        assert!(!format!("{error:?}").contains("hunter9"), "{error:?}");
        let tried = server.seen().iter().filter(|seen| seen.path.starts_with(&format!("/{code}"))).count();
        assert_eq!(tried, if class == ErrorClass::Transient { 4 } else { 1 }, "{code}");
    }
}

#[tokio::test]
async fn a_transient_answer_is_got_over() {
    let server = Server::start(|_, count| if count < 3 { status(503) } else { ok("at last") }).await;
    let folder = tempfile::tempdir().unwrap();
    let artifact = http(json!({}), server.base.clone());
    assert_eq!(read(&drivers(folder.path()), &context(SECRETS), &artifact).await.unwrap(), "at last");
}

#[tokio::test]
async fn a_download_that_breaks_off_goes_on_where_it_was() {
    let whole: Vec<u8> = (0..50_000u32).flat_map(|number| number.to_string().into_bytes()).collect();
    let text = whole.clone();
    let server = Server::start(move |request, count| {
        let tag = |value: &str| vec![("ETag", value.to_owned())];
        let cut = (count < 3).then_some(60_000);
        match request.path.as_str() {
            "/ranges" => match request.header("range").strip_prefix("bytes=").and_then(|range| range.strip_suffix('-'))
            {
                Some(from) => {
                    assert_eq!(request.header("if-range"), "\"v1\"");
                    let from: usize = from.parse().unwrap();
                    let range = format!("bytes {from}-{}/{}", text.len() - 1, text.len());
                    (206, vec![("ETag", "\"v1\"".to_owned()), ("Content-Range", range)], text[from..].to_vec(), cut)
                }
                None => (200, tag("\"v1\""), text.clone(), cut),
            },
            "/none" => (200, tag("\"v1\""), text.clone(), cut),
            "/weak" => (200, tag("W/\"v1\""), text.clone(), Some(10)),
            _ => (200, tag(&format!("\"{count}\"")), text.clone(), Some(10)),
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let (drivers, context) = (drivers(folder.path()), context(SECRETS));
    for path in ["/ranges", "/none"] {
        server.forget();
        let got = read(&drivers, &context, &http(json!({}), format!("{}{path}", server.base))).await.unwrap();
        assert!(got.as_bytes() == whole, "{path}");
        assert_eq!(server.seen().len(), 3, "{path}");
    }
    let error = read(&drivers, &context, &http(json!({}), format!("{}/weak", server.base))).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Transient, "{error}");
    let error = read(&drivers, &context, &http(json!({}), format!("{}/changes", server.base))).await.unwrap_err();
    assert!(error.reason.contains("changed while it was read"), "{error}");
}

#[tokio::test]
async fn uploads_have_a_length_follow_redirects_and_are_tried_again() {
    let server = Server::start(|request, count| match request.path.as_str() {
        "/moved" => (307, vec![("Location", "/there".to_owned())], Vec::new(), None),
        "/busy" if count % 2 == 1 => status(503),
        "/full" => status(507),
        "/forbidden" => status(403),
        _ => status(201),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let (drivers, context) = (drivers(folder.path()), context(SECRETS));
    let file = folder.path().join("file");
    fs::write(&file, vec![b'x'; 700_000]).unwrap();
    let at = |path: &str, archive: Value| {
        let mut artifact = http(json!({}), format!("{}{path}", server.base));
        artifact.archive = serde_json::from_value(archive).unwrap();
        artifact
    };
    for path in ["/moved", "/busy"] {
        server.forget();
        drivers.save(&context, &at(path, json!({"none": {}})), &file).await.unwrap();
        let seen = server.seen();
        assert_eq!(seen.len(), 2, "{path}");
        assert!(seen.iter().all(|seen| seen.method == "PUT" && seen.body.len() == 700_000), "{path}");
    }
    let saved = drivers.save(&context, &at("/packed.tgz", json!({})), &file).await.unwrap();
    let last = server.seen().pop().unwrap();
    assert_eq!(last.body.len() as u64, saved.bytes);
    assert_eq!(last.body[..2], [0x1f, 0x8b]);
    assert_eq!(drivers.save(&context, &at("/full", json!({})), &file).await.unwrap_err().class, ErrorClass::Transient);
    assert_eq!(
        drivers.save(&context, &at("/forbidden", json!({})), &file).await.unwrap_err().class,
        ErrorClass::Denied
    );
    let error = drivers.save(&context, &at("/x", json!({"none": {}})), folder.path()).await.unwrap_err();
    assert!(error.reason.contains("choose an archive, tar or zip"), "{error}");
    assert_eq!(fs::read_dir(folder.path().join("artifacts/.incoming")).unwrap().count(), 0);
}

#[tokio::test]
async fn what_can_be_deleted() {
    let server = Server::start(|request, _| if request.path == "/gone" { status(404) } else { status(204) }).await;
    let folder = tempfile::tempdir().unwrap();
    let (drivers, context) = (drivers(folder.path()), context(SECRETS));
    for path in ["/there", "/gone"] {
        let artifactory = artifact(json!({"name": "a", "artifactory": {"url": format!("{}{path}", server.base)}}));
        drivers.delete(&context, &artifactory).await.unwrap();
    }
    assert!(server.seen().iter().all(|seen| seen.method == "DELETE"));
    let plain = http(json!({}), server.base.clone());
    assert!(drivers.delete(&context, &plain).await.unwrap_err().reason.contains("cannot be deleted"));
    assert!(drivers.list(&context, &plain, 1).await.unwrap_err().reason.contains("cannot be listed"));
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn urls_that_are_not_called() {
    let inner = Server::start(|_, _| ok("secret")).await;
    let folder = tempfile::tempdir().unwrap();
    let (closed, context) = (drivers_with(folder.path(), json!({})), context(SECRETS));
    let table = [
        (inner.base.clone(), "refused by the egress policy"),
        ("http://169.254.169.254/latest/meta-data/".to_owned(), "cloud metadata"),
        ("http://[::ffff:169.254.169.254]/".to_owned(), "cloud metadata"),
        ("http://localhost:1/".to_owned(), "refused by the egress policy"),
        ("file:///etc/passwd".to_owned(), "neither http nor https"),
        ("gopher://x/".to_owned(), "neither http nor https"),
        ("no url".to_owned(), "cannot be read"),
    ];
    for (url, expect) in table {
        let error = read(&closed, &context, &http(json!({}), url)).await.unwrap_err();
        assert!(error.reason.contains(expect), "{error}");
        assert_eq!(error.class, ErrorClass::Permanent);
    }
    assert!(inner.seen().is_empty());
    let bad = json!({"headers": [{"name": "a b", "value": "c"}]});
    assert!(
        read(&closed, &context, &http(bad, "http://x/".to_owned()))
            .await
            .unwrap_err()
            .reason
            .contains("no name of a header")
    );
}
