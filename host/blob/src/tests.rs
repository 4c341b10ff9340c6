//! The port as a caller sees it, over the folder and raw content. What all storages have in common stands in [`conformance`], which
//! each storage's own tests call.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use artifact::{ArtifactError, Artifacts, Context, ErrorClass, Secret, Secrets};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use model::workflow::Artifact;
use serde_json::{Value, json};

use crate::{AmbientCredentials, ArtifactRepository, Config, Drivers, Retry};

/// Secrets and config maps of a test: `name/key` and its value.
pub(crate) struct Known(pub(crate) HashMap<String, String>);

#[async_trait]
impl Secrets for Known {
    async fn secret(&self, name: &str, key: &str) -> Result<Secret, ArtifactError> {
        match self.0.get(&format!("{name}/{key}")) {
            Some(value) => Ok(Secret::new(value.as_bytes())),
            None => Err(missing(name, key)),
        }
    }
    async fn config_map(&self, name: &str, key: &str) -> Result<String, ArtifactError> {
        self.0.get(&format!("{name}/{key}")).cloned().ok_or_else(|| missing(name, key))
    }
}

fn missing(name: &str, key: &str) -> ArtifactError {
    ArtifactError {
        artifact: String::new(),
        operation: "load",
        location: String::new(),
        reason: format!("the secret {name} has no key {key}"),
        class: ErrorClass::Permanent,
        source: None,
    }
}

/// A caller in the namespace `default` with these secrets.
pub(crate) fn context(secrets: &[(&str, &str)]) -> Context {
    let secrets = secrets.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Context { namespace: "default".into(), secrets: Arc::new(Known(secrets)) }
}

/// Drivers that may call this machine, and do not pause long.
pub(crate) fn drivers(folder: &Path) -> Drivers {
    drivers_with(folder, json!({"allowPrivate": ["127.0.0.0/8"]}))
}

/// Drivers with another egress policy.
pub(crate) fn drivers_with(folder: &Path, egress: Value) -> Drivers {
    drivers_of(folder, egress, |_| {})
}

/// Drivers with another configuration.
pub(crate) fn drivers_of(folder: &Path, egress: Value, change: impl FnOnce(&mut Config)) -> Drivers {
    let mut config = Config {
        directory: folder.join("artifacts"),
        retry: Retry { attempts_max: 4, first_ms: 1, ..Retry::default() },
        ambient_credentials: AmbientCredentials::Refused,
        ..Config::default()
    };
    change(&mut config);
    let policy = egress::Policy::new(serde_json::from_value(egress).unwrap());
    Drivers::new(config, egress::Guard::new(policy)).unwrap()
}

/// An artifact as it stands in a manifest.
pub(crate) fn artifact(value: Value) -> Artifact {
    serde_json::from_value(value).unwrap()
}

fn text(pieces: &[&'static str]) -> artifact::ByteStream {
    let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
    stream::iter(pieces).boxed()
}

async fn read(drivers: &Drivers, context: &Context, artifact: &Artifact) -> String {
    let bytes: Vec<Bytes> = drivers.open(context, artifact).await.unwrap().try_collect().await.unwrap();
    String::from_utf8(bytes.concat()).unwrap()
}

/// What every storage with keys does alike. `place` makes the artifact's location of a key.
pub(crate) async fn conformance(drivers: &Drivers, context: &Context, place: &dyn Fn(&str) -> Value) {
    let at = |key: &str, more: Value| {
        let mut value = place(key);
        value["name"] = "thing".into();
        for (name, field) in more.as_object().unwrap() {
            value[name] = field.clone();
        }
        artifact(value)
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);

    // A file, packed by default, as it is, and as a zip.
    fs::write(path("file"), "hello").unwrap();
    for (key, archive, back) in [
        ("t.tgz", json!({}), json!({})),
        ("n", json!({"archive": {"none": {}}}), json!({})),
        ("z.zip", json!({"archive": {"zip": {}}}), json!({"archive": {"zip": {}}})),
    ] {
        let saved = drivers.save(context, &at(key, archive), &path("file")).await.unwrap();
        assert!(saved.bytes > 0 && saved.digest.starts_with("sha256:") && saved.digest.len() == 71, "{saved:?}");
        let loaded = drivers.load(context, &at(key, back), &path(key)).await.unwrap();
        assert_eq!((loaded.bytes, loaded.directory), (saved.bytes, false), "{key}");
        assert_eq!(fs::read_to_string(path(key)).unwrap(), "hello", "{key}");
    }
    assert_eq!(read(drivers, context, &at("n", json!({}))).await, "hello");

    // A folder as one object and as many.
    fs::create_dir_all(path("tree/sub/empty")).unwrap();
    fs::write(path("tree/a"), "1").unwrap();
    fs::write(path("tree/sub/b c+d?é"), "22").unwrap();
    fs::write(path("tree/sub.txt"), "").unwrap();
    let none = json!({"archive": {"none": {}}});
    let saved = drivers.save(context, &at("dir", none.clone()), &path("tree")).await.unwrap();
    assert_eq!(saved.bytes, 3);
    let again = drivers.save(context, &at("dir2/deep", none.clone()), &path("tree")).await.unwrap();
    assert_eq!(saved, again, "the digest is that of the content");
    let loaded = drivers.load(context, &at("dir", none.clone()), &path("tree-back")).await.unwrap();
    assert_eq!((loaded.bytes, loaded.directory), (3, true));
    assert_eq!(fs::read_to_string(path("tree-back/sub/b c+d?é")).unwrap(), "22");
    assert!(path("tree-back/sub/empty").is_dir());
    assert_eq!(fs::metadata(path("tree-back/sub.txt")).unwrap().len(), 0);
    let listed = drivers.list(context, &at("dir", json!({})), 10).await.unwrap();
    let names: Vec<_> = listed.iter().map(|entry| (entry.path.as_str(), entry.size)).collect();
    assert_eq!(names, [("a", 1), ("sub.txt", 0), ("sub/b c+d?é", 2)]);
    assert_eq!(drivers.list(context, &at("dir", json!({})), 1).await.unwrap().len(), 1);
    let one = at("dir", json!({"subPath": "sub/b c+d?é"}));
    assert_eq!(read(drivers, context, &one).await, "22");
    drivers.load(context, &at("dir", json!({"subPath": "sub"})), &path("sub-back")).await.unwrap();
    assert!(path("sub-back/b c+d?é").is_file());
    let error = drivers.open(context, &at("dir", json!({}))).await.err().unwrap();
    assert_eq!(error.class, ErrorClass::Permanent);
    assert!(error.to_string().contains("is a folder of objects"), "{error}");

    // An empty folder is something; and a packed folder comes back.
    fs::create_dir(path("nothing")).unwrap();
    drivers.save(context, &at("nothing", none.clone()), &path("nothing")).await.unwrap();
    assert!(drivers.load(context, &at("nothing", none), &path("nothing-back")).await.unwrap().directory);
    drivers.save(context, &at("packed", json!({})), &path("tree")).await.unwrap();
    assert!(drivers.load(context, &at("packed", json!({})), &path("packed-back")).await.unwrap().directory);
    assert_eq!(fs::read_to_string(path("packed-back/a")).unwrap(), "1");

    // A stream; nothing of one that broke off.
    let stored = drivers.put(context, &at("s", json!({})), text(&["str", "", "eam"])).await.unwrap();
    assert_eq!(stored.bytes, 6);
    assert_eq!(read(drivers, context, &at("s", json!({}))).await, "stream");
    let mut broken = text(&["half"]).chain(stream::iter([Err(missing("x", "y"))])).boxed();
    for key in ["broken", "s"] {
        let error = drivers.put(context, &at(key, json!({})), std::mem::replace(&mut broken, text(&[]))).await;
        if key == "broken" {
            assert!(error.unwrap_err().reason.contains("has no key"));
            assert_eq!(drivers.open(context, &at(key, json!({}))).await.err().unwrap().class, ErrorClass::NotFound);
        } else {
            assert_eq!(error.unwrap().bytes, 0);
            assert_eq!(read(drivers, context, &at(key, json!({}))).await, "");
        }
    }

    // What is not there.
    for key in ["missing", "di", "dir/missing", "missing/"] {
        let error = drivers.load(context, &at(key, json!({})), &path("never")).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::NotFound, "{key}: {error}");
        assert!(
            error.to_string().starts_with("artifact thing: load ")
                && error.to_string().contains(key.trim_end_matches('/')),
            "{error}"
        );
        assert!(drivers.list(context, &at(key, json!({})), 5).await.unwrap().is_empty());
        drivers.delete(context, &at(key, json!({}))).await.unwrap();
    }
    assert!(!path("never").exists());
    assert_eq!(
        drivers.save(context, &at("x", json!({})), &path("never")).await.unwrap_err().class,
        ErrorClass::NotFound
    );

    // Deleting takes the object and what is below, and no neighbour.
    drivers.put(context, &at("dirt", json!({})), text(&["n"])).await.unwrap();
    drivers.delete(context, &at("dir", json!({}))).await.unwrap();
    assert!(drivers.list(context, &at("dir", json!({})), 5).await.unwrap().is_empty());
    assert_eq!(read(drivers, context, &at("dirt", json!({}))).await, "n");
    assert_eq!(drivers.list(context, &at("dir2", json!({})), 5).await.unwrap().len(), 3);
    drivers.delete(context, &at("s", json!({}))).await.unwrap();
    assert_eq!(drivers.open(context, &at("s", json!({}))).await.err().unwrap().class, ErrorClass::NotFound);

    // Hostile keys.
    for key in ["../x", "a/../../x", "./x", "a\0b", "a\nb"] {
        assert_eq!(
            drivers.load(context, &at(key, json!({})), &path("never")).await.unwrap_err().class,
            ErrorClass::Permanent,
            "{key:?}"
        );
        assert_eq!(
            drivers.delete(context, &at(key, json!({}))).await.unwrap_err().class,
            ErrorClass::Permanent,
            "{key:?}"
        );
    }
    for empty in ["", "/", "//"] {
        assert!(drivers.delete(context, &at(empty, json!({}))).await.unwrap_err().reason.contains("the whole bucket"));
    }
}

#[tokio::test]
async fn the_folder_does_what_every_storage_does() {
    let folder = tempfile::tempdir().unwrap();
    let drivers = drivers(folder.path());
    conformance(&drivers, &context(&[]), &|key| json!({"s3": {"key": key}})).await;
    let located = ArtifactRepository::default().locate(&artifact(json!({"name": "x"})), "wf/pod/x.tgz");
    drivers.put(&context(&[]), &located, text(&["x"])).await.unwrap();
    assert!(folder.path().join("artifacts/default/wf/pod/x.tgz").is_file());
}

#[tokio::test]
async fn raw_content_is_loaded_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (drivers, context) = (drivers(folder.path()), context(&[]));
    let raw = artifact(json!({"name": "x", "mode": 0o750, "raw": {"data": "line\n"}}));
    let to = folder.path().join("to");
    let loaded = drivers.load(&context, &raw, &to).await.unwrap();
    assert_eq!((loaded.bytes, loaded.directory), (5, false));
    assert_eq!(fs::read_to_string(&to).unwrap(), "line\n");
    assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o750);
    assert_eq!(read(&drivers, &context, &raw).await, "line\n");
    for error in
        [drivers.save(&context, &raw, &to).await.unwrap_err(), drivers.delete(&context, &raw).await.unwrap_err()]
    {
        assert_eq!(error.class, ErrorClass::Permanent);
        assert!(error.to_string().contains("raw"), "{error}");
    }
    let part = artifact(json!({"name": "x", "subPath": "y", "raw": {"data": ""}}));
    assert!(drivers.load(&context, &part, &folder.path().join("never")).await.unwrap_err().reason.contains("subPath"));
}

#[tokio::test]
async fn modes_are_set_on_what_was_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let (drivers, context) = (drivers(folder.path()), context(&[]));
    let source = folder.path().join("tree");
    fs::create_dir_all(source.join("sub")).unwrap();
    fs::write(source.join("sub/file"), "").unwrap();
    symlink("sub/file", source.join("link")).unwrap();
    let at = |more: Value| {
        let mut value = json!({"name": "x", "s3": {"key": "k"}});
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        artifact(value)
    };
    drivers.save(&context, &at(json!({})), &source).await.unwrap();
    let mode = |path: &str| fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o777;
    drivers.load(&context, &at(json!({"mode": 0o700})), &folder.path().join("one")).await.unwrap();
    assert_eq!((mode("one"), mode("one/sub/file")), (0o700, 0o644));
    drivers.load(&context, &at(json!({"mode": 0o711, "recurseMode": true})), &folder.path().join("all")).await.unwrap();
    assert_eq!((mode("all"), mode("all/sub"), mode("all/sub/file")), (0o711, 0o711, 0o711));
    for wrong in [-1, 0o1000, 0o4755] {
        let error =
            drivers.load(&context, &at(json!({"mode": wrong})), &folder.path().join("never")).await.unwrap_err();
        assert!(error.reason.contains("expected 0 to 511"), "{error}");
        assert!(!folder.path().join("never").exists());
    }
}

#[tokio::test]
async fn what_is_not_offered_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (drivers, context) = (drivers(folder.path()), context(&[]));
    let table = [
        (json!({"hdfs": {"path": "/x", "addresses": ["a:1"]}}), "HDFS is not offered"),
        (json!({"plugin": {"name": "p", "key": "k"}}), "plugins are not available yet"),
        (json!({}), "it has no location"),
    ];
    for (mut value, expect) in table {
        value["name"] = "x".into();
        let artifact = artifact(value);
        let error = drivers.load(&context, &artifact, &folder.path().join("to")).await.unwrap_err();
        assert!(error.to_string().contains(expect), "{error}");
        assert_eq!(error.class, ErrorClass::Permanent);
        assert_eq!(drivers.save(&context, &artifact, folder.path()).await.unwrap_err().class, ErrorClass::Permanent);
        assert_eq!(drivers.delete(&context, &artifact).await.unwrap_err().class, ErrorClass::Permanent);
    }
}

#[tokio::test]
async fn a_destination_that_exists_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (drivers, context) = (drivers(folder.path()), context(&[]));
    let to = folder.path().join("to");
    fs::write(&to, "mine").unwrap();
    let error =
        drivers.load(&context, &artifact(json!({"name": "x", "raw": {"data": "theirs"}})), &to).await.unwrap_err();
    assert!(error.reason.contains("exists already"), "{error}");
    assert_eq!(fs::read_to_string(&to).unwrap(), "mine");
}

#[tokio::test]
async fn a_folder_with_what_objects_cannot_be_is_not_half_stored() {
    let folder = tempfile::tempdir().unwrap();
    let (drivers, context) = (drivers(folder.path()), context(&[]));
    let source = folder.path().join("tree");
    fs::create_dir(&source).unwrap();
    for number in 0..20 {
        fs::write(source.join(format!("{number:02}")), "x").unwrap();
    }
    symlink("15", source.join("zz-file")).unwrap();
    let at = artifact(json!({"name": "x", "s3": {"key": "k"}, "archive": {"none": {}}}));
    drivers.save(&context, &at, &source).await.unwrap();
    assert_eq!(drivers.list(&context, &at, 100).await.unwrap().len(), 21, "a link to a file is that file");
    drivers.delete(&context, &at).await.unwrap();
    symlink("missing", source.join("zzz")).unwrap();
    let error = drivers.save(&context, &at, &source).await.unwrap_err();
    assert!(error.reason.contains("zzz is a link to nothing"), "{error}");
    assert!(drivers.list(&context, &at, 100).await.unwrap().is_empty());
}
