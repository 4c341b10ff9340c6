//! What is taken into service, and what is not.

use plugin::{Desk, Kind};
use plugin_host::{Component, Limits, LoadError, Settings};
use serde_json::json;

use crate::support::World;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_component_is_can_be_told() {
    let Some(world) = World::new("what_a_component_is_can_be_told") else { return };
    let component = world.component("guest", json!({}), Limits::default());
    let facts = world.host.inspect(component.bytes.clone()).await.unwrap();
    assert!(facts.digest.starts_with("sha256:") && facts.bytes == component.bytes.len() as u64);
    assert!(facts.info.as_kind(Kind::MetricProvider).is_some_and(|kind| kind.config_schema.is_object()));
    assert!(facts.imports.iter().any(|import| import.starts_with("colchis:plugin/log@1.0.0")), "{:?}", facts.imports);
    assert!(world.host.names().is_empty(), "looking at it installs nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_changes_nothing() {
    let Some(world) = World::new("what_cannot_be_taken_changes_nothing") else { return };
    world.install("guest", json!({}), Limits::default()).await;
    let (before, _) = world.host.report("guest").unwrap();
    let good = world.component("guest", json!({}), Limits::default());
    let with = |bytes: Vec<u8>| Component { bytes: bytes.into(), ..good.clone() };
    let half = good.bytes.slice(..good.bytes.len() / 2).to_vec();
    let mut garbled = good.bytes.to_vec();
    for at in (100..garbled.len()).step_by(97) {
        garbled[at] ^= 0x5a;
    }
    let promised = Component { digest: Some(format!("sha256:{}", "0".repeat(64))), ..good.clone() };
    let hungry = Component { limits: Limits { memory_bytes_max: 1 << 40, ..Limits::default() }, ..good.clone() };
    for (what, component, code) in [
        ("nothing", with(Vec::new()), "NotAComponent"),
        ("text", with(b"(component)".to_vec()), "NotAComponent"),
        ("a module", with(b"\0asm\x01\0\0\0".to_vec()), "NotAComponent"),
        ("an empty component", with(b"\0asm\x0d\0\x01\0".to_vec()), "MissingExports"),
        ("half of one", with(half), "CompileFailed"),
        ("a garbled one", with(garbled), "CompileFailed"),
        ("another one", promised, "DigestMismatch"),
        ("one that wants all", hungry, "BadLimits"),
    ] {
        let error = world.host.load(component).await.unwrap_err();
        assert_eq!(error.code(), code, "{what}: {error}");
        assert_eq!(world.host.report("guest").unwrap().0.digest, before.digest, "{what}");
        assert_eq!(world.value("guest", json!({"do": "echo", "value": 1})).await["value"], json!(1), "{what}");
    }
    let small = Settings { component_bytes_max: 1000, ..Settings::default() };
    let world = World::with("what_cannot_be_taken_changes_nothing", small).unwrap();
    let error = world.host.load(world.component("guest", json!({}), Limits::default())).await.unwrap_err();
    assert!(matches!(error, LoadError::TooLarge { limit: 1000, .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn compiled_code_is_taken_from_the_servers_own_cache_alone() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { cache: Some(folder.path().join("cache")), ..Settings::default() };
    let Some(world) = World::with("compiled_code_is_taken_from_the_servers_own_cache_alone", settings.clone()) else {
        return;
    };
    let begun = std::time::Instant::now();
    world.install("guest", json!({}), Limits::default()).await;
    let compiled = begun.elapsed();
    let files: Vec<_> = std::fs::read_dir(folder.path().join("cache")).unwrap().map(|f| f.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let again = World::with("again", settings.clone()).unwrap();
    let begun = std::time::Instant::now();
    again.install("guest", json!({}), Limits::default()).await;
    assert!(begun.elapsed() < compiled / 2, "{:?} after {compiled:?}", begun.elapsed());
    // One that was cut off is compiled anew. (A new file: the old one is the code of the hosts above.)
    std::fs::remove_file(&files[0]).unwrap();
    std::fs::write(&files[0], "garbage").unwrap();
    let mended = World::with("mended", settings.clone()).unwrap();
    mended.install("guest", json!({}), Limits::default()).await;
    assert_eq!(mended.value("guest", json!({"do": "echo", "value": 1})).await["value"], json!(1));
    // A folder that others may write is none.
    std::fs::set_permissions(folder.path().join("cache"), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let open = World::with("open", settings).unwrap();
    let error = open.host.load(open.component("guest", json!({}), Limits::default())).await.unwrap_err();
    assert_eq!(error.code(), "CacheFailed", "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_nobody_has_in_service_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let settings = Settings { cache: Some(cache.clone()), ..Settings::default() };
    let Some(world) = World::with("code_that_nobody_has_in_service_is_forgotten", settings) else { return };
    let files = || std::fs::read_dir(&cache).map_or(0, Iterator::count);
    let component = world.component("guest", json!({}), Limits::default());
    world.host.inspect(component.bytes.clone()).await.unwrap();
    assert_eq!(files(), 0, "what is only looked at is not kept");
    let facts = world.host.load(component).await.unwrap();
    std::fs::write(cache.join("left"), "by a server that was killed").unwrap();
    world.host.keep_only(&[facts.digest]).unwrap();
    assert_eq!(files(), 1);
    world.host.keep_only(&[]).unwrap();
    assert_eq!(files(), 0);
    assert_eq!(world.value("guest", json!({"do": "echo", "value": 1})).await["value"], json!(1), "it goes on");
}

/// Components of the same content that are loaded at the same time do not write into each other's code.
#[tokio::test(flavor = "multi_thread")]
async fn many_of_one_content_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { cache: Some(folder.path().join("cache")), ..Settings::default() };
    let Some(world) = World::with("many_of_one_content_at_once", settings) else { return };
    let names: Vec<String> = (0..6).map(|nth| format!("guest-{nth}")).collect();
    futures::future::join_all(names.iter().map(|name| world.install(name, json!({}), Limits::default()))).await;
    for name in &names {
        assert_eq!(world.value(name, json!({"do": "echo", "value": 1})).await["value"], json!(1));
    }
    assert_eq!(std::fs::read_dir(folder.path().join("cache")).unwrap().count(), 1);
}
