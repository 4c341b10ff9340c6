//! The driver against a real S3 server (versitygw), and against one that breaks off.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use artifact::{Artifacts, ErrorClass};
use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::gateway::{ACCESS, Gateway, SECRET};
use crate::Drivers;
use crate::tests::{artifact, conformance, context, drivers, drivers_of, drivers_with};

const SECRETS: &[(&str, &str)] = &[("s3/access", ACCESS), ("s3/secret", SECRET), ("s3/wrong", "not-the-secret")];

fn place(endpoint: &str, bucket: &str, key: &str) -> Value {
    json!({"s3": {
        "endpoint": endpoint, "insecure": true, "bucket": bucket, "key": key, "createBucketIfNotPresent": {},
        "accessKeySecret": {"name": "s3", "key": "access"}, "secretKeySecret": {"name": "s3", "key": "secret"},
    }})
}

fn at(endpoint: &str, key: &str) -> model::workflow::Artifact {
    let mut value = place(endpoint, "bucket", key);
    value["name"] = "thing".into();
    artifact(value)
}

/// Bytes that look random and are the same each time.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut all = Vec::with_capacity(bytes + 8);
    while all.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        all.extend_from_slice(&state.to_le_bytes());
    }
    all.truncate(bytes);
    all
}

fn streamed(bytes: &[u8]) -> artifact::ByteStream {
    let pieces: Vec<_> = bytes.chunks(100_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    stream::iter(pieces).boxed()
}

async fn read(drivers: &Drivers, artifact: &model::workflow::Artifact) -> Vec<u8> {
    let mut secrets = SECRETS.to_vec();
    secrets.push(("s3/key", "0123456789abcdef0123456789abcdef"));
    let chunks: Vec<Bytes> = drivers.open(&context(&secrets), artifact).await.unwrap().try_collect().await.unwrap();
    chunks.concat()
}

async fn open_uploads(drivers: &Drivers, artifact: &model::workflow::Artifact) -> usize {
    let s3 = drivers.s3.bucket(&context(SECRETS), artifact.location.s3.as_ref().unwrap()).await.unwrap();
    let listed = s3.client.list_multipart_uploads().bucket("bucket").send().await.unwrap();
    listed.uploads().len()
}

#[tokio::test]
async fn s3_does_what_every_storage_does() {
    let Some(gateway) = Gateway::start("blob: s3 conformance") else { return };
    let folder = tempfile::tempdir().unwrap();
    conformance(&drivers(folder.path()), &context(SECRETS), &|key| place(&gateway.endpoint, "bucket", key)).await;
}

#[tokio::test]
async fn large_contents_go_in_parts_and_come_back() {
    let Some(gateway) = Gateway::start("blob: s3 in parts") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (drivers, context) = (drivers(folder.path()), context(SECRETS));
    let large = noise(30_000_000);
    let saved = drivers.put(&context, &at(&gateway.endpoint, "large"), streamed(&large)).await.unwrap();
    assert_eq!(saved.bytes, 30_000_000);
    assert!(read(&drivers, &at(&gateway.endpoint, "large")).await == large);
    fs::write(folder.path().join("file"), &large).unwrap();
    drivers.save(&context, &at(&gateway.endpoint, "packed"), &folder.path().join("file")).await.unwrap();
    drivers.load(&context, &at(&gateway.endpoint, "packed"), &folder.path().join("back")).await.unwrap();
    assert!(fs::read(folder.path().join("back")).unwrap() == large);
    // Just one part, and just more than one.
    for bytes in [8 << 20, (8 << 20) + 1] {
        drivers.put(&context, &at(&gateway.endpoint, "edge"), streamed(&large[..bytes])).await.unwrap();
        assert_eq!(read(&drivers, &at(&gateway.endpoint, "edge")).await.len(), bytes);
    }
    assert_eq!(open_uploads(&drivers, &at(&gateway.endpoint, "large")).await, 0);
}

#[tokio::test]
async fn what_breaks_off_or_is_given_up_leaves_neither_object_nor_upload() {
    let Some(gateway) = Gateway::start("blob: s3 abort") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (drivers, context) = (drivers(folder.path()), context(SECRETS));
    let target = at(&gateway.endpoint, "half");
    let first = streamed(&noise(20_000_000));
    let error = || artifact::ArtifactError {
        artifact: "thing".into(),
        operation: "put",
        location: String::new(),
        reason: "the source is gone".into(),
        class: ErrorClass::Permanent,
        source: None,
    };
    let broken = first.chain(stream::iter([Err(error())])).boxed();
    let failed = drivers.put(&context, &target, broken).await.unwrap_err();
    assert!(failed.reason.contains("the source is gone"), "{failed}");
    assert_eq!(open_uploads(&drivers, &target).await, 0);
    assert_eq!(drivers.open(&context, &target).await.err().unwrap().class, ErrorClass::NotFound);

    // A caller that goes away in the middle.
    let (told, hear) = tokio::sync::oneshot::channel();
    let mut told = Some(told);
    let pieces: Vec<_> = noise(20_000_000).chunks(1 << 20).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let stuck = stream::iter(pieces).chain(stream::once(async move {
        told.take().unwrap().send(()).ok();
        std::future::pending().await
    }));
    let put = drivers.put(&context, &target, stuck.boxed());
    tokio::select! {
        _ = put => panic!("it cannot end"),
        _ = hear => {}
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while open_uploads(&drivers, &target).await > 0 {
        assert!(Instant::now() < deadline, "the upload is still open");
        tokio::task::yield_now().await;
    }
    assert_eq!(drivers.open(&context, &target).await.err().unwrap().class, ErrorClass::NotFound);
}

#[tokio::test]
async fn a_folder_of_more_than_a_page_is_listed_loaded_and_deleted() {
    let Some(gateway) = Gateway::start("blob: s3 pages") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (drivers, context) = (drivers(folder.path()), context(SECRETS));
    let source = folder.path().join("many");
    fs::create_dir(&source).unwrap();
    for number in 0..1_050 {
        fs::write(source.join(format!("{number:04}")), number.to_string()).unwrap();
    }
    let mut many = at(&gateway.endpoint, "many");
    many.archive = Some(serde_json::from_value(json!({"none": {}})).unwrap());
    drivers.save(&context, &many, &source).await.unwrap();
    let listed = drivers.list(&context, &many, 2_000).await.unwrap();
    assert_eq!(listed.len(), 1_050);
    assert!(listed.is_sorted_by(|a, b| a.path < b.path));
    drivers.load(&context, &many, &folder.path().join("back")).await.unwrap();
    assert_eq!(fs::read_dir(folder.path().join("back")).unwrap().count(), 1_050);
    drivers.delete(&context, &many).await.unwrap();
    assert!(drivers.list(&context, &many, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn errors_have_their_class_and_no_secret() {
    let Some(gateway) = Gateway::start("blob: s3 errors") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (drivers, context) = (drivers(folder.path()), context(SECRETS));
    let to = folder.path().join("to");
    let with = |change: &dyn Fn(&mut Value)| {
        let mut value = place(&gateway.endpoint, "bucket", "path/key");
        value["name"] = "thing".into();
        change(&mut value["s3"]);
        artifact(value)
    };
    drivers.put(&context, &with(&|_| {}), streamed(b"x")).await.unwrap();
    let deaf = testkit::net::DeafPort::take().unwrap();
    let nobody = deaf.address().unwrap().to_string();
    type Case<'a> = (&'a str, &'a dyn Fn(&mut Value), ErrorClass, &'a str);
    let table: [Case<'_>; 9] = [
        (
            "missing key",
            &|s3| s3["key"] = "path/other".into(),
            ErrorClass::NotFound,
            "artifact thing: load s3 bucket/path/other",
        ),
        (
            "missing bucket",
            &|s3| s3["bucket"] = "other".into(),
            ErrorClass::Permanent,
            "create it, or set createBucketIfNotPresent",
        ),
        (
            "wrong secret",
            &|s3| s3["secretKeySecret"]["key"] = "wrong".into(),
            ErrorClass::Denied,
            "look at the access key",
        ),
        (
            "unknown access key",
            &|s3| s3["accessKeySecret"]["key"] = "wrong".into(),
            ErrorClass::Denied,
            "No user exists",
        ),
        (
            "missing secret",
            &|s3| s3["accessKeySecret"]["key"] = "gone".into(),
            ErrorClass::Permanent,
            "secret s3 key gone",
        ),
        (
            "half of the keys",
            &|s3| s3["accessKeySecret"] = Value::Null,
            ErrorClass::Permanent,
            "s3.accessKeySecret is not",
        ),
        ("nobody there", &|s3| s3["endpoint"] = nobody.clone().into(), ErrorClass::Transient, "tried 4 times"),
        ("no bucket", &|s3| s3["bucket"] = "".into(), ErrorClass::Permanent, "s3.bucket is missing"),
        (
            "the server's own credentials",
            &|s3| {
                s3["useSDKCreds"] = true.into();
                s3["accessKeySecret"] = Value::Null;
                s3["secretKeySecret"] = Value::Null;
            },
            ErrorClass::Denied,
            "ambientCredentials does not grant it",
        ),
    ];
    for (what, change, class, expect) in table {
        let error = drivers.load(&context, &with(change), &to).await.unwrap_err();
        assert_eq!(error.class, class, "{what}: {error}");
        assert!(error.to_string().contains(expect), "{what}: {error}");
        assert!(!to.exists());
        let all = format!("{error:?}");
        assert!(!all.contains(SECRET) && !all.contains("not-the-secret"), "{what}: {all}");
    }
    let closed = drivers_with(&folder.path().join("closed"), json!({}));
    let error = closed.load(&context, &with(&|_| {}), &to).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Permanent);
    assert!(error.to_string().contains("refused by the egress policy: 127.0.0.1 is a private"), "{error}");
}

#[tokio::test]
async fn the_servers_own_credentials_go_only_where_they_are_granted() {
    use crate::AmbientCredentials::{Buckets, Granted, Refused};
    let folder = tempfile::tempdir().unwrap();
    let names = |names: &[&str]| Buckets(names.iter().map(|name| (*name).to_owned()).collect());
    let asking = |endpoint: &str, more: Value| {
        let mut value = json!({"name": "x", "s3": {"endpoint": endpoint, "insecure": true, "bucket": "b", "key": "k", "region": "eu-west-1"}});
        value["s3"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        artifact(value)
    };
    let refused = [
        (Refused, "", json!({"useSDKCreds": true})),
        (Refused, "", json!({"roleARN": "arn:aws:iam::1:role/r"})),
        (names(&["other"]), "", json!({"useSDKCreds": true})),
        // The bucket's name is anybody's to choose; whoever is called sees the token.
        (names(&["b"]), "evil.example:9000", json!({"useSDKCreds": true})),
        (names(&["b"]), "s3.amazonaws.com.evil.example", json!({"useSDKCreds": true})),
        (names(&["good.example/b"]), "evil.example", json!({"useSDKCreds": true})),
    ];
    for (number, (permitted, endpoint, more)) in refused.into_iter().enumerate() {
        let drivers = drivers_of(&folder.path().join(number.to_string()), json!({}), |config| {
            config.ambient_credentials = permitted
        });
        let error = drivers.load(&context(&[]), &asking(endpoint, more), &folder.path().join("to")).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Denied, "{number}: {error}");
        assert!(error.reason.contains("ambientCredentials"), "{error}");
    }
    for (endpoint, permitted) in [
        ("", names(&["b"])),
        ("s3.eu-west-1.amazonaws.com", names(&["b"])),
        ("good.example", names(&["good.example/b"])),
        ("any.example", Granted),
    ] {
        let drivers =
            drivers_of(&folder.path().join("granted"), json!({}), |config| config.ambient_credentials = permitted);
        let s3 = asking(endpoint, json!({"useSDKCreds": true}));
        drivers.s3.bucket(&context(&[]), s3.location.s3.as_ref().unwrap()).await.map(drop).unwrap();
    }
}

#[tokio::test]
async fn a_certificate_authority_of_its_own_is_trusted_for_its_server_alone() {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = key.cert.pem();
    let tls = (certificate.as_str(), key.signing_key.serialize_pem());
    let Some(gateway) = Gateway::start_with("blob: s3 by TLS", Some((tls.0, &tls.1))) else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut secrets = SECRETS.to_vec();
    secrets.push(("s3/ca", &certificate));
    let (drivers, context) = (drivers(folder.path()), context(&secrets));
    let endpoint = gateway.endpoint.replace("127.0.0.1", "localhost");
    let mut value = place(&endpoint, "bucket", "key");
    value["name"] = "thing".into();
    value["s3"]["insecure"] = false.into();
    let error = drivers.put(&context, &artifact(value.clone()), streamed(b"x")).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Permanent, "{error}");
    assert!(error.reason.contains("TLS with https://localhost"), "{error}");
    value["s3"]["caSecret"] = json!({"name": "s3", "key": "ca"});
    drivers.put(&context, &artifact(value.clone()), streamed(b"sealed")).await.unwrap();
    let chunks: Vec<Bytes> =
        drivers.open(&context, &artifact(value.clone())).await.unwrap().try_collect().await.unwrap();
    assert_eq!(chunks.concat(), b"sealed");
    value["s3"]["caSecret"]["key"] = "access".into();
    let error = drivers.put(&context, &artifact(value), streamed(b"x")).await.unwrap_err();
    assert!(error.reason.contains("s3.caSecret"), "{error}");
}

/// What is said of encryption goes into the requests. (The test server encrypts nothing, so this one only listens.)
#[tokio::test]
async fn encryption_is_asked_for_in_each_request() {
    let heard = crate::http::tests::Server::start(|request, _| {
        let what = if request.path.contains("uploadId") {
            "CompleteMultipartUploadResult"
        } else {
            "InitiateMultipartUploadResult"
        };
        let body = format!("<{what}><UploadId>u</UploadId><ETag>t</ETag></{what}>");
        (200, vec![("ETag", "\"t\"".to_owned())], body.into_bytes(), None)
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let mut secrets = SECRETS.to_vec();
    secrets.extend([("s3/key", "0123456789abcdef0123456789abcdef"), ("s3/short", "0123")]);
    let (drivers, context) = (drivers(folder.path()), context(&secrets));
    let asking = |options: Value| {
        let mut value = place(heard.base.trim_start_matches("http://"), "bucket", "a/key");
        value["name"] = "thing".into();
        value["s3"]["encryptionOptions"] = options;
        artifact(value)
    };
    let customer = json!({"enableEncryption": true, "serverSideCustomerKeySecret": {"name": "s3", "key": "key"}});
    let table = [
        (json!({"enableEncryption": true}), vec![("x-amz-server-side-encryption", "AES256")]),
        (
            json!({"enableEncryption": true, "kmsKeyId": "id", "kmsEncryptionContext": "{\"a\":\"b\"}"}),
            vec![
                ("x-amz-server-side-encryption", "aws:kms"),
                ("x-amz-server-side-encryption-aws-kms-key-id", "id"),
                ("x-amz-server-side-encryption-context", "eyJhIjoiYiJ9"),
            ],
        ),
        (
            customer.clone(),
            vec![
                ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
                ("x-amz-server-side-encryption-customer-key", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
                ("x-amz-server-side-encryption-customer-key-md5", "hRasmdxgYDKV3nvbahU1MA=="),
            ],
        ),
        (json!({"enableEncryption": false, "kmsKeyId": "id"}), vec![("x-amz-server-side-encryption", "")]),
    ];
    for (options, headers) in table {
        for bytes in [5, 9 << 20] {
            heard.forget();
            drivers.put(&context, &asking(options.clone()), streamed(&noise(bytes))).await.unwrap();
            let seen = heard.seen();
            assert!(seen.iter().all(|seen| seen.path.starts_with("/bucket/a/key")), "the bucket stands in the path");
            let parts =
                |seen: &&crate::http::tests::Seen| !seen.path.contains("uploadId") || headers[0].0.contains("customer");
            let complete =
                |seen: &&crate::http::tests::Seen| !(seen.method == "POST" && seen.path.contains("uploadId"));
            for request in seen.iter().filter(parts).filter(complete) {
                for (name, value) in &headers {
                    assert_eq!(request.header(name), *value, "{} {} {name}", request.method, request.path);
                }
            }
        }
    }
    heard.forget();
    read(&drivers, &asking(customer)).await;
    assert_eq!(heard.seen()[0].header("x-amz-server-side-encryption-customer-algorithm"), "AES256");
    for (options, expect) in [
        (
            json!({"enableEncryption": true, "serverSideCustomerKeySecret": {"name": "s3", "key": "short"}}),
            "holds 4 bytes",
        ),
        (
            json!({"enableEncryption": true, "kmsKeyId": "id", "serverSideCustomerKeySecret": {"name": "s3", "key": "key"}}),
            "one is meant",
        ),
        (json!({"enableEncryption": true, "kmsKeyId": "id", "kmsEncryptionContext": "no json"}), "no JSON object"),
    ] {
        let error = drivers.put(&context, &asking(options), streamed(b"x")).await.unwrap_err();
        assert!(error.reason.contains(expect), "{error}");
    }
}

/// Passes connections on to `to`, and cuts each of the first `cuts` after so many bytes of the answer.
async fn flaky(to: String, cuts: usize, after: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let cut = count.fetch_add(1, Ordering::SeqCst) < cuts;
            let far = TcpStream::connect(&to).await.unwrap();
            tokio::spawn(async move {
                let (mut near_in, mut near_out) = near.into_split();
                let (mut far_in, mut far_out) = far.into_split();
                let forth = async { tokio::io::copy(&mut near_in, &mut far_out).await.map(drop).unwrap_or_default() };
                let back = async {
                    let (mut left, mut buffer) = (if cut { after } else { usize::MAX }, vec![0; 65_536]);
                    while left > 0 {
                        let want = left.min(buffer.len());
                        let Ok(count @ 1..) = far_in.read(&mut buffer[..want]).await else { break };
                        left -= count;
                        if near_out.write_all(&buffer[..count]).await.is_err() {
                            break;
                        }
                    }
                };
                tokio::select! { () = forth => {}, () = back => {} }
            });
        }
    });
    (address, made)
}

#[tokio::test]
async fn a_download_that_breaks_off_goes_on() {
    let Some(gateway) = Gateway::start("blob: s3 resume") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (drivers, context) = (drivers(folder.path()), context(SECRETS));
    let large = noise(6_000_000);
    drivers.put(&context, &at(&gateway.endpoint, "large"), streamed(&large)).await.unwrap();
    let (endpoint, made) = flaky(gateway.endpoint.clone(), 3, 1_500_000).await;
    assert!(read(&drivers, &at(&endpoint, "large")).await == large);
    assert!(made.load(Ordering::SeqCst) >= 4);
    // Into a file too, and requests that break off before their answer.
    let (endpoint, _) = flaky(gateway.endpoint.clone(), 2, 0).await;
    drivers.load(&context, &at(&endpoint, "large"), &folder.path().join("back")).await.unwrap();
    assert!(fs::read(folder.path().join("back")).unwrap() == large);
    let (endpoint, _) = flaky(gateway.endpoint.clone(), 2, 0).await;
    drivers.put(&context, &at(&endpoint, "again"), streamed(&large)).await.unwrap();
    assert!(read(&drivers, &at(&gateway.endpoint, "again")).await == large);
}
