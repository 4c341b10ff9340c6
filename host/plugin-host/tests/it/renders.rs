//! Results of renderers that are kept: given for as long as nothing that they are made of changes.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use plugin::{Destination, ErrorClass, Fetched, Lookup, PluginError, Plugins, RenderRequest, Rendered, Result};
use plugin_host::{Limits, Settings};
use serde_json::{Value, json};

use crate::kinds::{files, request};
use crate::support::{World, context};

/// How many results were given of those that are kept, and how many were made.
fn counted(world: &World) -> (u32, u32) {
    let mut page = String::new();
    world.host.metrics(&mut page);
    let count = |result: &str| {
        let begin = format!("colchis_plugin_renders_total{{result=\"{result}\"}} ");
        page.lines().find_map(|line| line.strip_prefix(&begin)?.parse().ok()).unwrap()
    };
    (count("kept"), count("made"))
}

async fn render(world: &World, request: &RenderRequest) -> Result<Rendered> {
    world.host.renderer("guest").unwrap().render(&context("x"), request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_is_given_again_until_something_of_it_changes() {
    let Some(world) = World::new("a_result_is_given_again_until_something_of_it_changes") else { return };
    world.install("guest", json!({}), Limits::default()).await;
    let base = request(json!({"read": ["app/a.yaml"]}));
    let first = render(&world, &base).await.unwrap();
    assert_eq!(render(&world, &base).await.unwrap(), first);
    assert_eq!(counted(&world), (1, 1));
    let changes: [fn(&mut RenderRequest); 8] = [
        |r| r.config = json!({"read": ["app/b/c.yaml"]}),
        |r| r.files = files(&[("app/conformance.json", "{}"), ("app/a.yaml", "other")]),
        |r| r.path = "app/b".to_owned(),
        |r| r.fetched.push(Fetched { name: "f".to_owned(), files: files(&[("a.txt", "1")]) }),
        |r| r.fetched.push(Fetched { name: "f".to_owned(), files: files(&[("a.txt", "2")]) }),
        |r| r.release.kube_version = "v1.35.0".to_owned(),
        |r| r.release.api_versions.push("batch/v1".to_owned()),
        |r| r.release.environment.push(("A".to_owned(), "b".to_owned())),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let mut other = base.clone();
        change(&mut other);
        render(&world, &other).await.unwrap();
        assert_eq!(counted(&world), (1, 2 + at as u32), "change {at}");
    }
    assert_eq!(render(&world, &base).await.unwrap(), first);
    assert_eq!(counted(&world), (2, 9));
    // What failed is tried again.
    let failing = request(json!({"action": {"do": "fail", "class": "permanent", "code": "c", "message": "m"}}));
    for _ in 0..2 {
        render(&world, &failing).await.unwrap_err();
    }
    assert_eq!(counted(&world), (2, 9));
    // Another grant may be another result.
    world.install("guest", json!({"lookup": true}), Limits::default()).await;
    let mut asking = base.clone();
    asking.destination = Some(Arc::<Changing>::default());
    render(&world, &asking).await.unwrap();
    assert_eq!(counted(&world), (2, 10));
}

/// Answers with what it has, and notes how often it was asked.
#[derive(Default)]
struct Changing(Mutex<(Option<Value>, u32)>);

#[async_trait]
impl Destination for Changing {
    async fn lookup(&self, _: &Lookup) -> Result<Value> {
        let mut now = self.0.lock().unwrap();
        now.1 += 1;
        now.0.clone().ok_or_else(|| PluginError::new(ErrorClass::Unavailable, "away", "it is away"))
    }
}

impl Changing {
    fn set(&self, answer: Option<Value>) {
        self.0.lock().unwrap().0 = answer;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_holds_as_long_as_what_it_looked_up() {
    let Some(world) = World::new("a_result_holds_as_long_as_what_it_looked_up") else { return };
    world.install("guest", json!({"lookup": true}), Limits::default()).await;
    let destination = Arc::<Changing>::default();
    let mut asking = request(json!({"lookup": ["v1", "Secret", "ns", "x"]}));
    asking.destination = Some(destination.clone());
    let looked = async || render(&world, &asking).await.map(|mut r| r.manifests.remove(0).object["lookup"].clone());
    for (answer, expected) in [(json!(1), (0, 1)), (json!(1), (1, 1)), (json!(2), (1, 2)), (json!(2), (2, 2))] {
        destination.set(Some(answer.clone()));
        assert_eq!(looked().await.unwrap(), answer);
        assert_eq!(counted(&world), expected);
    }
    // Who cannot be asked is not taken to say what it said before.
    destination.set(None);
    assert_eq!(&*looked().await.unwrap_err().code, "away");
    destination.set(Some(json!(2)));
    assert_eq!(looked().await.unwrap(), json!(2));
    assert_eq!(counted(&world), (3, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_may_keep_no_results() {
    let settings = Settings { renders_bytes_max: 0, ..Settings::default() };
    let Some(world) = World::with("a_server_may_keep_no_results", settings) else { return };
    world.install("guest", json!({}), Limits::default()).await;
    for made in 1..3 {
        render(&world, &request(json!({}))).await.unwrap();
        assert_eq!(counted(&world), (0, made));
    }
}
