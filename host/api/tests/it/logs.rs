//! Logs.

use client::ErrorKind;
use client::v1::*;
use futures::TryStreamExt;

use crate::fakes::{node, phase};
use crate::world::*;

async fn world() -> (World, client::Client) {
    let world = World::new().await;
    world.run("a").await;
    world.control.change("a", |run| {
        run.nodes = vec![node("n1", "one", "Running"), node("n2", "two", "Running"), node("n3", "silent", "Running")];
        run.logs.insert("n1".to_owned(), vec!["alpha".to_owned(), "beta".to_owned()]);
        run.logs.insert("n2".to_owned(), vec!["gamma".to_owned(), "alphabet".to_owned()]);
    });
    let root = world.root().await;
    (world, root)
}

fn request() -> StreamLogsRequest {
    StreamLogsRequest { name: "a".to_owned(), ..StreamLogsRequest::default() }
}

async fn lines(root: &client::Client, request: StreamLogsRequest) -> client::Result<Vec<String>> {
    let messages: Vec<StreamLogsResponse> = root.logs().stream(request).await?.try_collect().await?;
    let entries = messages.into_iter().flat_map(|message| message.entries);
    Ok(entries.map(|e| format!("{} {} {}", e.node_name, e.container, String::from_utf8_lossy(&e.text))).collect())
}

#[tokio::test]
async fn the_nodes_of_a_run_are_told_one_after_the_other() {
    let (_world, root) = world().await;
    assert_eq!(
        lines(&root, request()).await.unwrap(),
        ["one main alpha", "one main beta", "two main gamma", "two main alphabet"]
    );
    let select = |change: fn(&mut StreamLogsRequest)| {
        let mut request = request();
        change(&mut request);
        request
    };
    assert_eq!(lines(&root, select(|r| r.node_id = "n2".to_owned())).await.unwrap().len(), 2);
    assert_eq!(lines(&root, select(|r| r.selector = "displayName=one".to_owned())).await.unwrap().len(), 2);
    assert_eq!(lines(&root, select(|r| r.grep = "^alpha$".to_owned())).await.unwrap(), ["one main alpha"]);
    let inverted = select(|r| (r.grep, r.invert) = ("alpha".to_owned(), true));
    assert_eq!(lines(&root, inverted).await.unwrap(), ["one main beta", "two main gamma"]);
    assert_eq!(lines(&root, select(|r| r.tail_lines = Some(1))).await.unwrap(), ["one main beta", "two main alphabet"]);
    assert_eq!(lines(&root, select(|r| r.container = "side".to_owned())).await.unwrap()[0], "one side alpha");
}

#[tokio::test]
async fn bad_questions_are_answered_at_once() {
    let (_world, root) = world().await;
    for (request, kind) in [
        (StreamLogsRequest { grep: "(".to_owned(), ..request() }, ErrorKind::InvalidArgument),
        (StreamLogsRequest { grep: "a{1000}{1000}{1000}".to_owned(), ..request() }, ErrorKind::InvalidArgument),
        (StreamLogsRequest { grep: "a".repeat(2000), ..request() }, ErrorKind::ResourceExhausted),
        (StreamLogsRequest { node_id: "none".to_owned(), ..request() }, ErrorKind::NotFound),
        (StreamLogsRequest { node_id: "n3".to_owned(), ..request() }, ErrorKind::NotFound),
        (StreamLogsRequest { name: "none".to_owned(), ..request() }, ErrorKind::NotFound),
    ] {
        let error = lines(&root, request.clone()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{request:?}: {error:?}");
    }
}

#[tokio::test]
async fn following_goes_on_until_the_run_ends() {
    let (world, root) = world().await;
    let following = tokio::spawn({
        let root = root.clone();
        async move {
            lines(&root, StreamLogsRequest { follow: true, selector: "templateName=t".to_owned(), ..request() }).await
        }
    });
    world.control.change("a", |run| {
        let mut other = node("n5", "other", "Running");
        other.template_name = "u".into();
        run.nodes = vec![node("n4", "late", "Running"), other];
        run.logs.insert("n4".to_owned(), vec!["delta".to_owned()]);
        run.logs.insert("n5".to_owned(), vec!["not asked for".to_owned()]);
    });
    world.control.change("a", |run| run.status.phase = phase("Succeeded"));
    let soon = tokio::time::timeout(std::time::Duration::from_secs(10), following);
    let lines = soon.await.expect("it does not end").unwrap().unwrap();
    assert!(
        lines.contains(&"late main delta".to_owned()) && !lines.iter().any(|line| line.contains("not asked")),
        "{lines:?}"
    );
}
