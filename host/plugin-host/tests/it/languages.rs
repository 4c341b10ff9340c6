//! Metric providers in Python and JavaScript: what their components import and weigh is accepted, and what they do is the same.

use std::time::Duration;

use plugin::{CallContext, Desk, ErrorClass, Kind, MetricRequest, Plugins};
use plugin_host::{Component, Limits};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::support::{Web, World, context, private};

/// A host and the component of a plugin.
pub(crate) struct Guest {
    pub(crate) world: World,
    bytes: Vec<u8>,
}

impl Guest {
    pub(crate) fn new(name: &str, test: &str) -> Option<Self> {
        let world = World::new(test)?;
        let bytes = std::fs::read(testkit::tools::guest(name, test)?).unwrap();
        Some(Self { world, bytes })
    }

    /// Takes it into service under a name, with the limits that every plugin has.
    pub(crate) async fn install(&self, name: &str, grants: Value) {
        let component = self.world.component(name, grants, Limits::default());
        self.world.host.load(Component { bytes: self.bytes.clone().into(), ..component }).await.unwrap();
    }
}

fn config(address: &str) -> Value {
    json!({"url": format!("http://{address}/x?y=1"), "path": "a.0.b"})
}

async fn measures_what_it_is_granted(name: &str, test: &str) {
    let Some(guest) = Guest::new(name, test) else { return };
    let web = Web::start("HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\n{\"a\":[{\"b\":1.5}]}").await;
    guest.install("granted", private(&web.address)).await;
    guest.install("bare", json!({})).await;
    let world = &guest.world;
    assert_eq!(world.value("granted", config(&web.address)).await, json!(1.5));
    assert!(web.last().starts_with("GET /x?y=1 "), "{}", web.last());
    assert_eq!(world.lines.0.lock().unwrap().last().unwrap().message, "measured");
    let denied = world.run("bare", config(&web.address)).await.unwrap_err();
    assert_eq!((&denied.class, denied.code.as_str()), (&ErrorClass::Denied, "not-granted"), "{denied:?}");
    let elsewhere = json!({"url": format!("http://{}", web.address), "path": "x"});
    let missing = world.run("granted", elsewhere).await.unwrap_err();
    assert_eq!((missing.class, missing.field.as_deref()), (ErrorClass::NotFound, Some("path")));
    let provider = world.host.metric_provider("granted").unwrap();
    let metadata = provider.metadata(&context("m"), &config(&web.address)).await.unwrap();
    assert_eq!(metadata, [("path".to_owned(), "a.0.b".to_owned())]);
}

async fn refuses_a_configuration_at_its_field(name: &str, test: &str) {
    let Some(guest) = Guest::new(name, test) else { return };
    guest.install("bare", json!({})).await;
    let findings = |config: Value| {
        let host = guest.world.host.clone();
        async move {
            let found = host.check_config("bare", Kind::MetricProvider, &context("x"), &config).await.unwrap();
            found.into_iter().map(|finding| finding.field).collect::<Vec<_>>()
        }
    };
    assert_eq!(findings(config("127.0.0.1:1")).await, Vec::<String>::new());
    // The first is the plugin's own look, the others are what its schema refuses.
    assert_eq!(findings(json!({"url": "http://a", "path": "a..b"})).await, ["path"]);
    assert_eq!(findings(json!({"url": 1, "path": "a"})).await, ["url"]);
    let unknown = guest.world.run("bare", json!({"url": "http://a", "path": "a", "pth": "a"})).await.unwrap_err();
    assert_eq!(unknown.class, ErrorClass::InvalidConfig, "{unknown:?}");
}

/// The host has to end neither: both answer by themselves.
async fn ends_when_nobody_waits(name: &str, test: &str) {
    let Some(guest) = Guest::new(name, test) else { return };
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap().to_string();
    guest.install("granted", private(&address)).await;
    let short = CallContext { timeout: Duration::from_secs(2), ..context("late") };
    let late = guest.world.run_for("granted", short, config(&address)).await.unwrap_err();
    assert_eq!((&late.class, late.code.as_str()), (&ErrorClass::Unavailable, "timeout"), "{late:?}");
    let (mut first, _) = silent.accept().await.unwrap();
    let _ = first.read(&mut [0; 1024]).await;
    let waiting = context("cancelled");
    let cancel = waiting.cancel.clone();
    let request = MetricRequest { config: config(&address), metric: "m".to_owned(), started_ms: 7 };
    let provider = guest.world.host.metric_provider("granted").unwrap();
    let call = tokio::spawn(async move { provider.run(&waiting, &request).await });
    let (mut asked, _) = silent.accept().await.unwrap();
    assert!(asked.read(&mut [0; 1024]).await.unwrap() > 0);
    cancel.cancel();
    let cancelled = call.await.unwrap().unwrap_err();
    assert_eq!(cancelled.class, ErrorClass::Unavailable, "{cancelled:?}");
    assert_ne!(cancelled.code, "timed-out", "{cancelled:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_in_python_measures_what_it_is_granted() {
    measures_what_it_is_granted("greet-python", "a_provider_in_python_measures_what_it_is_granted").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_in_javascript_measures_what_it_is_granted() {
    measures_what_it_is_granted("greet-js", "a_provider_in_javascript_measures_what_it_is_granted").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_in_python_refuses_a_configuration_at_its_field() {
    refuses_a_configuration_at_its_field("greet-python", "a_provider_in_python_refuses_a_configuration").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_in_javascript_refuses_a_configuration_at_its_field() {
    refuses_a_configuration_at_its_field("greet-js", "a_provider_in_javascript_refuses_a_configuration").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_in_python_ends_when_nobody_waits() {
    ends_when_nobody_waits("greet-python", "a_provider_in_python_ends_when_nobody_waits").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_in_javascript_ends_when_nobody_waits() {
    ends_when_nobody_waits("greet-js", "a_provider_in_javascript_ends_when_nobody_waits").await;
}
