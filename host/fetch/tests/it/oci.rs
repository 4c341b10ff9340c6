//! Charts in OCI registries: a real one, and one that wants tokens and lies.

use bytes::Bytes;
use oci_client::client::{ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use plugin::RequirementSource;
use serde_json::json;
use testkit::registry::OciRegistry;
use testkit::web::{Answer, Web};

use crate::support::{World, charts, fetched, refused};

const CHART: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/// Pushes a chart as Helm does, by another client than ours.
async fn push(address: &str, tag: &str, archive: &str) -> String {
    // That client wants one to be there, also without TLS.
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let client = Client::new(ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() });
    let reference: Reference = format!("{address}/charts/greeting:{tag}").parse().unwrap();
    let archive = std::fs::read(charts().join(archive)).unwrap();
    let layer = ImageLayer::new(archive, CHART.to_owned(), None);
    let config = Config::new(r#"{"name":"greeting"}"#, "application/vnd.cncf.helm.config.v1+json".to_owned(), None);
    client.push(&reference, &[layer], config, &RegistryAuth::Anonymous, None).await.unwrap();
    client.fetch_manifest_digest(&reference, &RegistryAuth::Anonymous).await.unwrap()
}

fn oci(address: &str, version: &str) -> RequirementSource {
    RequirementSource::Oci { reference: format!("{address}/charts/greeting"), version: version.to_owned() }
}

fn world(address: &str) -> World {
    World::new(&[]).source("r", json!({"url": format!("oci://{address}/charts"), "private": true, "plainHttp": true}))
}

#[tokio::test(flavor = "multi_thread")]
async fn charts_of_a_registry_by_tag_range_and_digest() {
    let home = tempfile::tempdir().unwrap();
    let test = "charts_of_a_registry_by_tag_range_and_digest";
    let Some(registry) = OciRegistry::start(home.path(), test).unwrap() else { return };
    let address = registry.address.clone();
    let first = push(&address, "1.2.0", "greeting-1.2.0.tgz").await;
    push(&address, "1.3.0", "greeting-1.3.0.tgz").await;
    push(&address, "2.0.0-rc.1_build", "greeting-2.0.0-rc.1.tgz").await;
    push(&address, "stable", "greeting-1.2.0.tgz").await;
    let world = world(&address);
    let version = async |wanted: &str| {
        let files = fetched(&world.fetcher(), oci(&address, wanted)).await;
        let line =
            files["greeting/Chart.yaml"].lines().find_map(|line| line.strip_prefix("version: ").map(str::to_owned));
        line.unwrap()
    };
    for (wanted, expected) in [
        ("1.2.0", "1.2.0"),
        ("1.x", "1.3.0"),
        ("", "1.3.0"),
        (">=2.0.0-0", "2.0.0-rc.1"),
        ("2.0.0-rc.1+build", "2.0.0-rc.1"),
        ("stable", "1.2.0"),
        (&first, "1.2.0"),
    ] {
        assert_eq!(version(wanted).await, expected, "{wanted}");
    }
    // A tag that is no version is followed.
    push(&address, "stable", "greeting-1.3.0.tgz").await;
    assert_eq!(version("stable").await, "1.3.0");
    let (code, told, _) = refused(&world.fetcher(), oci(&address, "3.x")).await;
    assert!(code == "not-found" && told.contains("charts/greeting") && told.contains("1.3.0"), "{told}");
    let (code, told, _) = refused(&world.fetcher(), oci(&address, "9.9.9")).await;
    assert!(code == "not-found" && told.starts_with("oci.reference: requirement it: "), "{told}");
    let other = RequirementSource::Oci { reference: format!("{address}/others/x"), version: "1.0.0".to_owned() };
    let (code, _, hint) = refused(&world.fetcher(), other).await;
    assert!(code == "source-not-allowed" && hint.contains("oci://"), "{hint}");

    // Without the registry, what is exact is there.
    drop(registry);
    assert_eq!(version("1.2.0").await, "1.2.0");
    assert_eq!(version(&first).await, "1.2.0");
    assert_eq!(refused(&world.fetcher(), oci(&address, "1.x")).await.0, "source-unreachable");
}

/// A registry with one chart that wants a token, which it gives for `me:pw`; `blob` is what it sends.
fn guarded(realm: &'static str, digest: &'static str, blob: Bytes) -> Web {
    Web::start(move |asked| {
        let authority = asked.header("host").to_owned();
        if asked.target.starts_with("/token?") {
            assert!(asked.target.contains("scope=repository%3Acharts%2Fgreeting%3Apull"), "{}", asked.target);
            return match asked.header("authorization") {
                "Basic bWU6cHc=" => Answer::of(r#"{"token": "given"}"#),
                _ => Answer::status(401),
            };
        }
        if asked.header("authorization") != "Bearer given" {
            let realm = realm.replace("HOST", &authority);
            return Answer::status(401).with("WWW-Authenticate", &format!("Bearer realm=\"{realm}\",service=\"r\""));
        }
        match asked.target.contains("/manifests/") {
            true => {
                let layer = json!({"mediaType": CHART, "digest": digest, "size": blob.len()});
                Answer::of(json!({"schemaVersion": 2, "layers": [layer]}).to_string())
            }
            false => Answer::of(blob.clone()),
        }
    })
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_wants_a_token() {
    const DIGEST: &str = "sha256:044ad1166a10289160587578d8f4e41047bbe1f478ee28d863d2d7e3ba350b3e";
    let archive = Bytes::from(std::fs::read(charts().join("greeting-1.2.0.tgz")).unwrap());
    let with = |web: &Web| {
        let url = format!("oci://{}/charts", web.address);
        let secret = json!({"namespace": "n", "name": "user"});
        let source = json!({"url": url, "private": true, "plainHttp": true, "secretRef": secret});
        World::new(&[]).source("r", source).secret("user", "username", "me").secret("user", "password", "pw")
    };
    let web = guarded("http://HOST/token", DIGEST, archive.clone());
    let files = fetched(&with(&web).fetcher(), oci(&web.address, "1.2.0")).await;
    assert!(files["greeting/Chart.yaml"].contains("1.2.0"), "{files:?}");
    let (code, told, _) = refused(&world(&web.address).fetcher(), oci(&web.address, "1.2.0")).await;
    assert!(code == "source-refuses" && told.contains("401"), "{told}");

    // The realm is the registry's to say, and a place like any other; the user is told to none that the operator did not mean.
    let thief = Web::start(|_| Answer::of(r#"{"token": "given"}"#)).unwrap();
    let realm: &'static str = Box::leak(format!("{}/token", thief.url()).into_boxed_str());
    let web = guarded(realm, DIGEST, archive.clone());
    assert_eq!(refused(&with(&web).fetcher(), oci(&web.address, "1.2.0")).await.0, "source-not-allowed");
    assert!(thief.seen().is_empty());
    let named = with(&web).source("auth", json!({"url": thief.url(), "private": true}));
    fetched(&named.fetcher(), oci(&web.address, "1.2.0")).await;
    assert_eq!(thief.seen()[0].header("authorization"), "");

    // What it sends is not what its manifest says.
    let web = guarded("http://HOST/token", DIGEST, Bytes::from_static(b"something else"));
    let (code, told, _) = refused(&with(&web).fetcher(), oci(&web.address, "1.2.0")).await;
    assert!(code == "digest-mismatch" && told.contains("by the manifest"), "{told}");
}
