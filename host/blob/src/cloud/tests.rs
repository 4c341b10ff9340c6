//! GCS against fake-gcs-server, Azure against Azurite (Microsoft's emulator), OSS against a mock of its documented protocol.

mod mock;

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use artifact::{Artifacts, Context, ErrorClass};
use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::{Value, json};

use crate::Drivers;
use crate::tests::{artifact, conformance, context, drivers, drivers_of};

/// A program that ends with this.
struct Running(Child, #[allow(dead_code)] tempfile::TempDir);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Starts a program at a port of its own; `arguments` are made of folder and port.
fn start(name: &str, test: &str, arguments: &dyn Fn(&str, u16) -> Vec<String>) -> Option<(Running, u16)> {
    let program = testkit::tools::need(name, test)?;
    for _ in 0..5 {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let child = Command::new(&program)
            .args(arguments(folder.path().to_str().unwrap(), port))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut running = Running(child, folder);
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline && running.0.try_wait().unwrap().is_none() {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some((running, port));
            }
            std::thread::yield_now();
        }
    }
    panic!("{name} does not start");
}

/// Sends one request as it stands and returns the answer's first line.
fn plain(port: u16, method: &str, path: &str, headers: &str, body: &str) -> String {
    use std::io::{BufRead, BufReader, Write};
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

/// A content of several parts goes through, and a broken one leaves nothing.
async fn large(drivers: &Drivers, context: &Context, place: &dyn Fn(&str) -> Value) {
    let at = |key: &str| {
        let mut value = place(key);
        value["name"] = "thing".into();
        artifact(value)
    };
    let whole: Vec<u8> = (0..5_000_000u32).flat_map(u32::to_le_bytes).collect();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), &whole).unwrap();
    let mut none = at("large");
    none.archive = Some(serde_json::from_value(json!({"none": {}})).unwrap());
    let saved = drivers.save(context, &none, &folder.path().join("file")).await.unwrap();
    assert_eq!(saved.bytes, 20_000_000);
    let chunks: Vec<Bytes> = drivers.open(context, &none).await.unwrap().try_collect().await.unwrap();
    assert!(chunks.concat() == whole);
    let gone = artifact::ArtifactError {
        artifact: String::new(),
        operation: "put",
        location: String::new(),
        reason: "the source is gone".into(),
        class: ErrorClass::Permanent,
        source: None,
    };
    let pieces: Vec<_> = whole.chunks(1 << 20).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let broken = stream::iter(pieces.into_iter().cycle_twice()).chain(stream::iter([Err(gone)])).boxed();
    assert!(drivers.put(context, &at("broken"), broken).await.unwrap_err().reason.contains("the source is gone"));
    assert_eq!(drivers.open(context, &at("broken")).await.err().unwrap().class, ErrorClass::NotFound);
}

/// The same pieces twice, so that a part of unknown size is full.
trait CycleTwice: Iterator + Sized {
    fn cycle_twice(self) -> std::vec::IntoIter<Self::Item>;
}

impl<I: Iterator<Item = Result<Bytes, artifact::ArtifactError>>> CycleTwice for I {
    fn cycle_twice(self) -> std::vec::IntoIter<Self::Item> {
        let once: Vec<Bytes> = self.map(Result::unwrap).collect();
        let twice: Vec<_> = once.iter().chain(&once).cloned().map(Ok).collect();
        twice.into_iter()
    }
}

#[tokio::test]
async fn gcs_does_what_every_storage_does() {
    let arguments = |folder: &str, port: u16| {
        let url = format!("http://127.0.0.1:{port}");
        [
            "-scheme",
            "http",
            "-host",
            "127.0.0.1",
            "-port",
            &port.to_string(),
            "-filesystem-root",
            folder,
            "-backend",
            "memory",
            "-public-host",
            &format!("127.0.0.1:{port}"),
            "-external-url",
            &url,
        ]
        .map(str::to_owned)
        .into()
    };
    let Some((_server, port)) = start("fake-gcs-server", "blob: gcs conformance", &arguments) else { return };
    let created =
        plain(port, "POST", "/storage/v1/b?project=p", "Content-Type: application/json\r\n", r#"{"name": "bucket"}"#);
    assert!(created.contains("200"), "{created}");
    let folder = tempfile::tempdir().unwrap();
    let drivers = drivers_of(folder.path(), json!({"allowPrivate": ["127.0.0.0/8"]}), |config| {
        config.gcs_endpoint = Some(format!("http://127.0.0.1:{port}"));
    });
    let place = |key: &str| json!({"gcs": {"bucket": "bucket", "key": key}});
    // The emulator knows no uploads in parts, so contents stay below one part.
    conformance(&drivers, &context(&[]), &place).await;
    let missing = artifact(json!({"name": "x", "gcs": {"bucket": "other", "key": "k"}}));
    let error = drivers.save(&context(&[]), &missing, &std::env::current_exe().unwrap()).await.unwrap_err();
    assert!(matches!(error.class, ErrorClass::Permanent | ErrorClass::NotFound), "{error}");
}

/// The account and key that every Azurite has.
const AZURITE: &str = "devstoreaccount1";
const AZURITE_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

#[tokio::test]
async fn azure_does_what_every_storage_does() {
    let arguments = |folder: &str, port: u16| {
        [
            "--silent",
            "--skipApiVersionCheck",
            "--loose",
            "--disableTelemetry",
            "--blobHost",
            "127.0.0.1",
            "--blobPort",
            &port.to_string(),
            "--location",
            folder,
        ]
        .map(str::to_owned)
        .into()
    };
    let Some((_server, port)) = start("azurite-blob", "blob: azure conformance", &arguments) else { return };
    let folder = tempfile::tempdir().unwrap();
    let (drivers, context) =
        (drivers(folder.path()), context(&[("azure/key", AZURITE_KEY), ("azure/wrong", "d3Jvbmc=")]));
    create_container(port);
    let place = |key: &str| json!({"azure": {"endpoint": format!("http://127.0.0.1:{port}/{AZURITE}"), "container": "box", "blob": key, "accountKeySecret": {"name": "azure", "key": "key"}}});
    conformance(&drivers, &context, &place).await;
    large(&drivers, &context, &place).await;
    let mut wrong = place("n");
    wrong["name"] = "x".into();
    wrong["azure"]["accountKeySecret"]["key"] = "wrong".into();
    let error = drivers.open(&context, &artifact(wrong.clone())).await.err().unwrap();
    assert_eq!(error.class, ErrorClass::Denied, "{error}");
    assert!(!format!("{error:?}").contains("d3Jvbmc="));
    wrong["azure"]["accountKeySecret"]["key"] = "key".into();
    wrong["azure"]["container"] = "other".into();
    let error = drivers.save(&context, &artifact(wrong), &std::env::current_exe().unwrap()).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Permanent, "{error}");
}

/// A container, asked for with the account's key (shared key, the protocol's version 2020).
fn create_container(port: u16) {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest, Sha256};
    let date = "Mon, 01 Jan 2024 00:00:00 GMT";
    let text = format!(
        "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:2020-10-02\n/{AZURITE}/{AZURITE}/box\nrestype:container"
    );
    // HMAC-SHA256 (RFC 2104) of a key of 64 bytes.
    let key = STANDARD.decode(AZURITE_KEY).unwrap();
    let pad = |with: u8| key.iter().map(|byte| byte ^ with).collect::<Vec<_>>();
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
    let signature = STANDARD.encode(Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize());
    let headers =
        format!("x-ms-date: {date}\r\nx-ms-version: 2020-10-02\r\nAuthorization: SharedKey {AZURITE}:{signature}\r\n");
    let created = plain(port, "PUT", &format!("/{AZURITE}/box?restype=container"), &headers, "");
    assert!(created.contains("201"), "{created}");
}

#[tokio::test]
async fn oss_does_what_every_storage_does() {
    let server = mock::Oss::start().await;
    let folder = tempfile::tempdir().unwrap();
    let drivers = server.drivers(folder.path());
    let context = context(&[("oss/access", "tester"), ("oss/secret", "hunter2")]);
    let endpoint = server.endpoint.clone();
    let place = move |key: &str| json!({"oss": {"endpoint": endpoint, "bucket": "bucket", "key": key, "accessKeySecret": {"name": "oss", "key": "access"}, "secretKeySecret": {"name": "oss", "key": "secret"}}});
    conformance(&drivers, &context, &place).await;
    large(&drivers, &context, &place).await;
    assert_eq!(server.open_uploads(), 0);
    assert!(server.unsigned().is_empty(), "{:?}", server.unsigned());
    server.fail_next(2);
    drivers
        .list(
            &context,
            &{
                let mut value = place("x");
                value["name"] = "x".into();
                artifact(value)
            },
            1,
        )
        .await
        .unwrap();
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let drivers = drivers(folder.path());
    let external = r#"{"type": "external_account", "credential_source": {"file": "/etc/passwd"}, "token_url": "http://evil.example"}"#;
    let context = context(&[("s/external", external), ("s/text", "no json"), ("s/key", "no base64!")]);
    let secret = |key: &str| json!({"name": "s", "key": key});
    let table = [
        (
            json!({"gcs": {"bucket": "b", "key": "k", "serviceAccountKeySecret": secret("external")}}),
            "key file of the type \"external_account\"",
        ),
        (json!({"gcs": {"bucket": "b", "key": "k", "serviceAccountKeySecret": secret("text")}}), "is no key file"),
        (json!({"gcs": {"key": "k"}}), "gcs.bucket is missing"),
        (
            json!({"azure": {"endpoint": "https://a.blob.core.windows.net", "container": "c", "blob": "b", "accountKeySecret": secret("key")}}),
            "neither an account's key",
        ),
        (
            json!({"azure": {"endpoint": "a.blob.core.windows.net", "container": "c", "blob": "b"}}),
            "expected https://ACCOUNT",
        ),
        (
            json!({"azure": {"endpoint": "https://a.blob.core.windows.net", "container": "c", "blob": "b", "useSDKCreds": true}}),
            "ambientCredentials does not grant it",
        ),
        (json!({"azure": {"container": "c", "blob": "b"}}), "azure.endpoint is missing"),
        (
            json!({"oss": {"endpoint": "e", "bucket": "b", "key": "k", "useSDKCreds": true}}),
            "ambientCredentials does not grant it",
        ),
        (json!({"oss": {"endpoint": "e", "bucket": "b", "key": "k", "accessKeySecret": secret("key")}}), "go together"),
        (
            json!({"oss": {"endpoint": "e", "bucket": "b", "key": "k", "createBucketIfNotPresent": true}}),
            "is not offered",
        ),
        (
            json!({"oss": {"endpoint": "e", "bucket": "b", "key": "k", "lifecycleRule": {"markDeletionAfterDays": 1}}}),
            "is not offered",
        ),
        (json!({"oss": {"bucket": "b", "key": "k"}}), "oss.endpoint is missing"),
    ];
    for (mut value, expect) in table {
        value["name"] = "x".into();
        let error = drivers.load(&context, &artifact(value), &folder.path().join("to")).await.unwrap_err();
        assert!(error.reason.contains(expect), "{error} — {expect}");
        assert!(matches!(error.class, ErrorClass::Permanent | ErrorClass::Denied));
    }
    let closed = crate::tests::drivers_with(&folder.path().join("closed"), json!({"deny": ["*"]}));
    for value in [
        json!({"name": "x", "gcs": {"bucket": "b", "key": "k"}}),
        json!({"name": "x", "azure": {"endpoint": "https://a.blob.core.windows.net", "container": "c", "blob": "b"}}),
        json!({"name": "x", "oss": {"endpoint": "oss-cn-hangzhou.aliyuncs.com", "bucket": "b", "key": "k"}}),
    ] {
        let error = closed.load(&context, &artifact(value), &folder.path().join("to")).await.unwrap_err();
        assert!(error.reason.contains("refused by the egress policy"), "{error}");
        assert_eq!(error.class, ErrorClass::Permanent);
    }
}
