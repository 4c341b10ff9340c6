//! Components in Go: what the kit's requests, secrets and state come to.

use plugin::{ErrorClass, MetricPhase};
use plugin_host::{Component, Limits};
use serde_json::{Value, json};

use crate::support::{Web, World};

const LAG: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\ncontent-type: application/json\r\n\r\n{\"lag\": 7}";

/// A host with the metric provider in Go.
async fn lag(test: &str, grants: Value) -> Option<World> {
    let world = World::new(test)?;
    let bytes = std::fs::read(testkit::tools::guest("lag-go", test)?).unwrap();
    let component = world.component("lag", grants, Limits::default());
    world.host.load(Component { bytes: bytes.into(), ..component }).await.unwrap();
    Some(world)
}

fn config(web: &Web) -> Value {
    json!({"url": format!("http://{}/numbers", web.address), "queue": "a b", "token": "token"})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_in_go_asks_a_granted_server() {
    let web = Web::start(LAG).await;
    let grants = json!({
        "http": [{"host": web.address, "private": true}],
        "secrets": {"token": {"namespace": "n", "name": "s", "key": "k", "hosts": [web.address]}},
    });
    let Some(world) = lag("a_provider_in_go_asks_a_granted_server", grants).await else { return };
    for _ in 0..50 {
        let measured = world.run("lag", config(&web)).await.unwrap();
        assert_eq!((measured.phase, measured.value), (MetricPhase::Measured, json!(7)));
    }
    let asked = web.last().to_lowercase();
    assert!(asked.starts_with("get /numbers?queue=a%20b http/1.1\r\n"), "{asked}");
    assert!(asked.contains("authorization: bearer value-of-s\r\n"), "{asked}");
    let lines = world.lines.0.lock().unwrap();
    let line = lines.iter().find(|line| line.message == "asked").unwrap();
    assert_eq!(line.fields, [("queue".to_owned(), "a b".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_in_go_is_denied_what_is_not_granted() {
    let web = Web::start(LAG).await;
    let secret = json!({"token": {"namespace": "n", "name": "s", "key": "k"}});
    let granted = json!([{"host": web.address, "private": true}]);
    for (grants, said) in [
        (json!({"secrets": secret}), "add `http://127.0.0.1:"),
        (json!({"http": granted}), "may not use the secret \"token\"; add to spec.grants"),
    ] {
        let Some(world) = lag("a_provider_in_go_is_denied_what_is_not_granted", grants).await else { return };
        let error = world.run("lag", config(&web)).await.unwrap_err();
        assert_eq!((&error.class, &*error.code), (&ErrorClass::Denied, "not-granted"), "{error:?}");
        assert!(error.message.contains(said), "{error:?}");
    }
    assert!(web.asked.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_says_is_told_by_a_provider_in_go() {
    let busy = Web::start("HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 4\r\n\r\nbusy").await;
    let web = Web::start("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>").await;
    let gone = Web::start("HTTP/1.1 200 OK\r\ncontent-length: 60\r\n\r\n{\"lag\"").await;
    for (web, code, said) in [
        (&busy, "status-429", "the answer is 429: busy"),
        (&web, "bad-answer", "it begins with <html>"),
        (&gone, "http", "the answer broke off"),
    ] {
        let grants = json!({"http": [{"host": web.address, "private": true}]});
        let Some(world) = lag("what_a_server_says_is_told_by_a_provider_in_go", grants).await else { return };
        let mut config = config(web);
        config.as_object_mut().unwrap().remove("token");
        let error = world.run("lag", config).await.unwrap_err();
        assert_eq!(&*error.code, code, "{error:?}");
        assert!(error.message.contains(said), "{error:?}");
    }
}
