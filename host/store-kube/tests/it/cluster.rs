//! One API server for all tests of this binary; it ends when this process does.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use model::{Object, ObjectMeta};
use serde::Deserialize;
use store::objects::{Gvk, Objects};
use store_kube::{KubeStore, Settings};

/// A kind whose status is a subresource.
pub(crate) fn workflow() -> Gvk {
    Gvk::new("argoproj.io/v1alpha1", "Workflow")
}

/// A kind without: its status is written with the rest, as in the definitions that Argo ships.
pub(crate) fn cron_workflow() -> Gvk {
    Gvk::new("argoproj.io/v1alpha1", "CronWorkflow")
}

#[derive(Deserialize)]
struct Ready {
    kubeconfig: std::path::PathBuf,
    etcd: String,
}

struct Cluster {
    ready: Ready,
    _server: Child,
    /// The server ends when this closes.
    _stdin: ChildStdin,
    _dir: tempfile::TempDir,
}

static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();

/// A store over the API server, or nothing after saying that `test` is skipped.
pub(crate) async fn store(test: &str, settings: Settings) -> Option<KubeStore> {
    let name = format!("store-kube {test}");
    let server = testkit::tools::need("kubetest", &name)?;
    let etcd = testkit::tools::need("etcd", &name)?;
    let started =
        tokio::task::spawn_blocking(move || CLUSTER.get_or_init(|| Some(start(&server, &etcd)))).await.unwrap();
    let store = KubeStore::connect(Some(&started.as_ref()?.ready.kubeconfig), settings).await.unwrap();
    define(&store).await;
    Some(store)
}

fn start(server: &std::path::Path, etcd: &std::path::Path) -> Cluster {
    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new(server)
        .arg("serve")
        .arg(dir.path().join("cluster"))
        .arg(etcd)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready = serde_json::from_str(&line).unwrap_or_else(|e| panic!("kubetest did not start ({e}): {line}"));
    Cluster { ready, _stdin: child.stdin.take().unwrap(), _server: child, _dir: dir }
}

/// Makes the API server's storage forget everything older than `revision`, as it does by itself every five minutes.
pub(crate) async fn compact(revision: u64) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let cluster = CLUSTER.get().and_then(Option::as_ref).unwrap();
    let address = cluster.ready.etcd.strip_prefix("http://").unwrap();
    let body = format!(r#"{{"revision":"{revision}","physical":true}}"#);
    let request = format!(
        "POST /v3/kv/compaction HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// An object from JSON.
pub(crate) fn object(value: serde_json::Value) -> Object {
    Object::from_value(value).unwrap()
}

/// Two namespaces that nobody else uses.
pub(crate) async fn namespaces(store: &KubeStore) -> [std::sync::Arc<str>; 2] {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let n = COUNT.fetch_add(1, Ordering::Relaxed);
    let names = [format!("case-{n}-a"), format!("case-{n}-b")];
    for name in &names {
        let namespace = Object {
            metadata: ObjectMeta::named("", name),
            ..object(serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {}}))
        };
        store.create(namespace).await.unwrap();
    }
    names.map(Into::into)
}

/// Applies the definitions and waits until the server serves them.
async fn define(store: &KubeStore) {
    static DEFINED: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
    DEFINED
        .get_or_init(|| async {
            for (kind, plural, status) in [("Workflow", "workflows", true), ("CronWorkflow", "cronworkflows", false)] {
                store.create(definition(kind, plural, status)).await.unwrap();
            }
            for gvk in [workflow(), cron_workflow()] {
                let selector = store::objects::Selector {
                    namespace: Some("default".into()),
                    ..store::objects::Selector::of(gvk.clone())
                };
                eventually(&format!("{} is served", gvk.kind), || async {
                    let probe = store::objects::Key::new(gvk.clone(), "default", "nothing");
                    match store.get(&probe).await {
                        Err(store::StoreError::NotFound { what }) if what.contains("nothing") => {
                            store.watch(&selector, None).await.is_ok()
                        }
                        _ => false,
                    }
                })
                .await;
            }
            collected(store, &workflow(), &cron_workflow()).await;
        })
        .await;
}

/// Waits until the garbage collector follows both kinds: it looks for new ones every 30 seconds only, and what it does not follow it does not delete.
async fn collected(store: &KubeStore, owner: &Gvk, dependent: &Gvk) {
    let of = |gvk: &Gvk, name: &str| {
        let metadata = serde_json::json!({"name": name, "namespace": "default"});
        object(
            serde_json::json!({"apiVersion": &*gvk.api_version, "kind": &*gvk.kind, "metadata": metadata, "spec": {}}),
        )
    };
    let made = store.create(of(owner, "owner")).await.unwrap();
    let mut owned = of(dependent, "owned");
    owned.metadata.owner_references = vec![
        serde_json::from_value(serde_json::json!({
            "apiVersion": &*owner.api_version, "kind": &*owner.kind, "name": "owner", "uid": &*made.metadata.uid,
        }))
        .unwrap(),
    ];
    store.create(owned).await.unwrap();
    store.delete(&store::objects::Key::of(&made), store::objects::DeleteOptions::default()).await.unwrap();
    let key = store::objects::Key::new(dependent.clone(), "default", "owned");
    eventually("the garbage collector follows the new kinds", || async { store.get(&key).await.is_err() }).await;
}

/// Asks until it is so, for as long as a cluster may reasonably take.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !ask().await {
        assert!(std::time::Instant::now() < deadline, "did not come true in time: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// A definition that takes any document.
fn definition(kind: &str, plural: &str, status: bool) -> Object {
    let mut version = serde_json::json!({
        "name": "v1alpha1", "served": true, "storage": true,
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
    });
    if status {
        version["subresources"] = serde_json::json!({"status": {}});
    }
    object(serde_json::json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.argoproj.io")},
        "spec": {
            "group": "argoproj.io", "scope": "Namespaced", "versions": [version],
            "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase(), "listKind": format!("{kind}List")},
        },
    }))
}
