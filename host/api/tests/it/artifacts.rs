//! Artifacts.

use bytes::Bytes;
use client::ErrorKind;
use client::v1::*;
use futures::{StreamExt, TryStreamExt, stream};
use model::workflow::{Inputs, Outputs};

use crate::fakes::{node, s3};
use crate::world::*;

async fn world() -> (World, client::Client) {
    let world = World::new().await;
    world.run("a").await;
    let mut one = node("n1", "one", "Succeeded");
    one.outputs = Some(Box::new(Outputs {
        artifacts: vec![s3("out", "runs/a/out.tgz"), s3("dir", "runs/a/dir")],
        ..Outputs::default()
    }));
    one.inputs = Some(Box::new(Inputs { artifacts: vec![s3("in", "in")], ..Inputs::default() }));
    let mut two = node("n2", "two", "Succeeded");
    let mut collected = s3("old", "old");
    collected.deleted = true;
    two.outputs = Some(Box::new(Outputs { artifacts: vec![s3("out", "other"), collected], ..Outputs::default() }));
    world.control.change("a", |run| run.nodes = vec![one, two]);
    let stored = [("runs/a/out.tgz", 700_000), ("runs/a/dir/x", 3), ("runs/a/dir/y", 4), ("in", 1)];
    let stored = stored.map(|(key, size)| (key.to_owned(), Bytes::from(vec![b'x'; size])));
    world.artifacts.0.lock().unwrap().extend(stored);
    let root = world.root().await;
    (world, root)
}

fn key(node: &str, artifact: &str) -> Option<ArtifactKey> {
    let (node, artifact_name) = (node.to_owned(), artifact.to_owned());
    Some(ArtifactKey { name: "a".to_owned(), node, artifact_name, ..ArtifactKey::default() })
}

async fn fetch(root: &client::Client, request: GetArtifactRequest) -> client::Result<(ArtifactHead, usize)> {
    let messages: Vec<GetArtifactResponse> = root.artifacts().get(request).await?.try_collect().await?;
    let mut messages = messages.into_iter().map(|message| message.message.unwrap());
    let Some(get_artifact_response::Message::Head(head)) = messages.next() else { panic!("no head") };
    let size = messages.map(|message| match message {
        get_artifact_response::Message::Chunk(chunk) => {
            assert!(chunk.len() <= 256 << 10);
            chunk.len()
        }
        get_artifact_response::Message::Head(_) => panic!("two heads"),
    });
    Ok((head, size.sum()))
}

#[tokio::test]
async fn artifacts_are_listed() {
    let (_world, root) = world().await;
    let list = |change: fn(&mut ListArtifactsRequest)| {
        let mut request = ListArtifactsRequest { name: "a".to_owned(), ..ListArtifactsRequest::default() };
        change(&mut request);
        let root = root.clone();
        async move {
            let page = root.artifacts().list(request).await.unwrap();
            page.artifacts
                .into_iter()
                .map(|a| format!("{}/{} {} {}", a.node_name, a.name, a.driver, a.location))
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(
        list(|_| ()).await,
        ["one/out s3 runs/a/out.tgz", "one/dir s3 runs/a/dir", "one/in s3 in", "two/out s3 other", "two/old s3 old"]
    );
    assert_eq!(list(|r| r.set_direction(ArtifactDirection::Input)).await, ["one/in s3 in"]);
    assert_eq!(list(|r| r.node_selector = "displayName=two".to_owned()).await.len(), 2);
    assert_eq!(list(|r| r.artifact_name = "dir".to_owned()).await, ["one/dir s3 runs/a/dir"]);
}

#[tokio::test]
async fn an_artifact_is_fetched_in_chunks() {
    let (_world, root) = world().await;
    let (head, size) = fetch(&root, GetArtifactRequest { key: key("one", "out"), ..Default::default() }).await.unwrap();
    assert_eq!((head.file_name.as_str(), head.archive.as_str(), size), ("out.tgz", "tgz", 700_000));
    let (_, size) = fetch(&root, GetArtifactRequest { key: key("", "dir"), path: "y".to_owned() }).await.unwrap();
    assert_eq!(size, 4);
    for (request, kind) in [
        (GetArtifactRequest { key: key("one", "none"), ..Default::default() }, ErrorKind::NotFound),
        (GetArtifactRequest { key: key("", "out"), ..Default::default() }, ErrorKind::InvalidArgument),
        (GetArtifactRequest { key: key("", "old"), ..Default::default() }, ErrorKind::FailedPrecondition),
        (GetArtifactRequest { key: key("", "dir"), path: "../out.tgz".to_owned() }, ErrorKind::InvalidArgument),
        (GetArtifactRequest { key: key("two", "out"), ..Default::default() }, ErrorKind::NotFound),
    ] {
        assert_eq!(fetch(&root, request.clone()).await.unwrap_err().kind(), kind, "{request:?}");
    }
    let files = root.artifacts().list_files(ListArtifactFilesRequest { key: key("", "dir"), limit: 1 }).await.unwrap();
    assert_eq!((files.files[0].path.as_str(), files.files[0].size_bytes, files.incomplete), ("x", 3, true));
}

#[tokio::test]
async fn what_is_put_can_be_given_to_a_run() {
    let (world, root) = world().await;
    let head = PutArtifactHead {
        artifact_name: "data".to_owned(),
        file_name: "../../x.csv".to_owned(),
        ..PutArtifactHead::default()
    };
    let content = stream::iter((0..3).map(|_| Ok(Bytes::from(vec![b'x'; 300_000]))));
    let put = root.put_artifact(head.clone(), content).await.unwrap();
    assert_eq!(put.size_bytes, 900_000);
    let artifact = json(&put.artifact);
    let key = artifact["s3"]["key"].as_str().unwrap().to_owned();
    assert!(key.starts_with("default/uploads/") && key.ends_with("/x.csv") && !key.contains(".."), "{key}");
    assert_eq!(world.artifacts.0.lock().unwrap()[&key].len(), 900_000);

    let options = SubmitOptions { artifacts: vec![put.artifact], return_document: true, ..SubmitOptions::default() };
    let run = root.submit(SubmitRequest { options: Some(options), ..submit(&hello("b")) }).await.unwrap();
    assert_eq!(json(&run.document)["spec"]["arguments"]["artifacts"][0]["s3"]["key"], key.as_str());

    let bad = PutArtifactHead { key: "../x".to_owned(), ..head };
    let error = refused(root.put_artifact(bad, stream::iter([])).await);
    assert_eq!(error.violations[0].path, "head.key");
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let (world, root) = world().await;
    let before = world.artifacts.0.lock().unwrap().len();
    let head = PutArtifactHead { artifact_name: "data".to_owned(), ..PutArtifactHead::default() };
    let broken = stream::iter([Ok(Bytes::from_static(b"x")), Err(std::io::Error::other("disk gone"))]);
    let error = root.put_artifact(head, broken.boxed()).await.unwrap_err();
    assert!(matches!(error, client::ClientError::Read(_)), "{error:?}");
    assert_eq!(world.artifacts.0.lock().unwrap().len(), before);
}

#[tokio::test]
async fn a_missing_credential_is_named_and_no_value_shown() {
    let (world, root) = world().await;
    let mut locked = s3("locked", "in");
    let reference = serde_json::from_value(serde_json::json!({"name": "keys", "key": "access"})).unwrap();
    locked.location.s3.as_mut().unwrap().access_key_secret = Some(reference);
    let mut three = node("n3", "three", "Succeeded");
    three.outputs = Some(Box::new(Outputs { artifacts: vec![locked], ..Outputs::default() }));
    world.control.change("a", |run| run.nodes.push(three));
    let get = || GetArtifactRequest { key: key("", "locked"), ..GetArtifactRequest::default() };
    let error = fetch(&root, get()).await.unwrap_err();
    let error = error.rpc().unwrap();
    assert_eq!((error.code.as_str(), error.fault), ("ArtifactDenied", Fault::Environment));
    assert!(error.message.contains("Secret keys, key access"), "{}", error.message);
    let mut secret = secret("keys");
    secret["stringData"] = serde_json::json!({"access": "s3cr3t"});
    root.resources().create(create(&secret)).await.unwrap();
    assert_eq!(fetch(&root, get()).await.unwrap().1, 1);
}
