//! The folder as a repository.

use std::fs;
use std::path::Path;

use artifact::ErrorClass;
use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::*;

fn content(pieces: &[&'static str]) -> Chunks {
    let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
    stream::iter(pieces).boxed()
}

async fn put(namespace: &Namespace, key: &str, text: &'static str) -> Result<(), Failure> {
    namespace.put(key, content(&[text]), Size::default()).await
}

async fn get(namespace: &Namespace, key: &str) -> Result<String, Failure> {
    let bytes: Vec<Bytes> = namespace.get(key).await?.try_collect().await?;
    Ok(String::from_utf8(bytes.concat()).unwrap())
}

async fn names(namespace: &Namespace, folder: &str) -> Vec<String> {
    let entries: Vec<Entry> = namespace.below(folder).await.unwrap().try_collect().await.unwrap();
    entries.into_iter().map(|entry| format!("{} {}", entry.path, entry.size)).collect()
}

fn incoming(root: &Path) -> usize {
    fs::read_dir(root.join(INCOMING)).unwrap().count()
}

#[tokio::test]
async fn objects_come_back_are_listed_in_order_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("deep/artifacts");
    let ns = Directory::open(&root).unwrap().of("default").unwrap();
    for key in ["w/a/z", "w/a-b", "w/a/x/y", "w/b", "other"] {
        put(&ns, key, "12345").await.unwrap();
    }
    ns.put_folder("w/empty").await.unwrap();
    assert_eq!(get(&ns, "w/a/x/y").await.unwrap(), "12345");
    put(&ns, "w/b", "longer than before").await.unwrap();
    assert_eq!(get(&ns, "w/b").await.unwrap(), "longer than before");
    assert_eq!(names(&ns, "w").await, ["a-b 5", "a/x/y 5", "a/z 5", "b 18", "empty/ 0"]);
    assert_eq!(names(&ns, "").await.len(), 6);
    assert!(names(&ns, "missing").await.is_empty());
    for missing in ["w", "w/a", "missing", "w/b/c"] {
        assert_eq!(get(&ns, missing).await.unwrap_err().class, ErrorClass::NotFound, "{missing}");
    }
    ns.delete("w/a").await.unwrap();
    ns.delete("w/a-b").await.unwrap();
    ns.delete("w/missing").await.unwrap();
    ns.delete("w/b/c").await.unwrap();
    assert_eq!(names(&ns, "w").await, ["b 18", "empty/ 0"]);
    ns.delete("w/b").await.unwrap();
    ns.delete("w/empty").await.unwrap();
    assert!(!root.join("default/w").exists(), "folders that became empty go");
    assert_eq!(incoming(&root), 0);
}

#[tokio::test]
async fn a_namespace_sees_only_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::open(folder.path()).unwrap();
    let (a, b) = (directory.of("a").unwrap(), directory.of("b").unwrap());
    put(&a, "key", "of a").await.unwrap();
    assert_eq!(get(&b, "key").await.unwrap_err().class, ErrorClass::NotFound);
    for key in ["../a/key", "x/../../a/key", "/etc/passwd", "a\0b"] {
        assert_eq!(get(&b, key).await.unwrap_err().class, ErrorClass::Permanent, "{key}");
        assert_eq!(put(&b, key, "").await.unwrap_err().class, ErrorClass::Permanent, "{key}");
        assert!(b.delete(key).await.is_err(), "{key}");
    }
    for name in ["", ".", "..", ".incoming", "a/b", "/"] {
        assert!(directory.of(name).is_err(), "{name}");
    }
    // Even a link that came to lie there by other means leads nowhere.
    std::os::unix::fs::symlink("/etc", folder.path().join("b-link")).unwrap();
    assert!(get(&directory.of("b-link").unwrap(), "passwd").await.is_err());
}

#[tokio::test]
async fn what_breaks_off_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let ns = Directory::open(folder.path()).unwrap().of("default").unwrap();
    put(&ns, "key", "whole").await.unwrap();
    let half = stream::iter([Ok(Bytes::from_static(b"half")), Err(Failure::transient("gone"))]).boxed();
    let failure = ns.put("key", half, Size::default()).await.unwrap_err();
    assert_eq!((failure.class, failure.reason.as_str()), (ErrorClass::Transient, "gone"));
    assert_eq!(get(&ns, "key").await.unwrap(), "whole");
    assert_eq!(incoming(folder.path()), 0);
}

#[tokio::test]
async fn an_object_and_a_folder_cannot_share_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let ns = Directory::open(folder.path()).unwrap().of("default").unwrap();
    put(&ns, "a", "object").await.unwrap();
    put(&ns, "f/b", "object").await.unwrap();
    for key in ["a/b", "f"] {
        let failure = put(&ns, key, "x").await.unwrap_err();
        assert_eq!(failure.class, ErrorClass::Permanent);
        assert!(failure.reason.contains("another object's key is a part of this one's"), "{}", failure.reason);
    }
    assert_eq!(incoming(folder.path()), 0);
}

#[tokio::test]
async fn leftovers_of_a_crash_are_swept_when_they_are_old() {
    let folder = tempfile::tempdir().unwrap();
    Directory::open(folder.path()).unwrap();
    for (name, days) in [("old", 3), ("young", 0)] {
        let file = fs::File::create(folder.path().join(INCOMING).join(name)).unwrap();
        let then = SystemTime::now() - Duration::from_secs(days * 86_400);
        file.set_times(fs::FileTimes::new().set_modified(then)).unwrap();
    }
    Directory::open(folder.path()).unwrap();
    assert_eq!(
        fs::read_dir(folder.path().join(INCOMING)).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>(),
        ["young"]
    );
}

#[tokio::test]
async fn writers_and_deleters_of_neighbours_do_not_disturb_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let ns = Directory::open(folder.path()).unwrap().of("default").unwrap();
    let tasks = (0..8).map(|writer| {
        let ns = ns.clone();
        tokio::spawn(async move {
            for round in 0..40 {
                let key = format!("shared/deep/{}/{writer}", round % 2);
                put(&ns, &key, "x").await.unwrap();
                assert_eq!(get(&ns, &key).await.unwrap(), "x");
                ns.delete(&key).await.unwrap();
            }
        })
    });
    futures::future::try_join_all(tasks).await.unwrap();
    assert!(names(&ns, "").await.iter().all(|name| name.starts_with(' ')), "{:?}", names(&ns, "").await);
}
