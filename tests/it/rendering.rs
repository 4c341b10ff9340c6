//! Renderings by hand: a folder, what it needs beside it fetched by the host, and manifests.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::git::GitServer;
use testkit::web::{Answer, Web};
use tests::Server;

use crate::plugins::{apply, plugin, stands};

/// A server with one renderer in service, that may fetch from these places.
async fn server(test: &str, renderer: &str, sources: &Value) -> Option<Server> {
    let component = testkit::tools::guest(renderer, test)?;
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("plugins");
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(component, folder.join(format!("{renderer}.wasm"))).unwrap();
    let (folder, sources) = (folder.display().to_string(), sources.to_string());
    let server = Server::at(home, &[("plugins.folder", &folder), ("plugins.sources", &sources)]).await;
    let limits = json!({"memory": "1Gi", "wallTime": "60s", "cpuTime": "60s"});
    let spec = json!({"source": {"file": format!("{renderer}.wasm")}, "limits": limits});
    apply(&server, &plugin(renderer, spec));
    compiled(&server).await;
    stands(&server.client().await, renderer, "True", "InService", "version").await;
    Some(server)
}

/// Waits until the component is compiled, which takes long on a machine that does much else, and keeps it for commands without the server, too.
async fn compiled(server: &Server) {
    let (from, to) = (server.data_dir().join("plugins-cache/compiled"), server.home().join(".cache/colchis/plugins"));
    let deadline = Instant::now() + Duration::from_secs(400);
    let found = loop {
        let files = std::fs::read_dir(&from).into_iter().flatten().map(|entry| entry.unwrap().path());
        match files.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "cwasm")) {
            Some(found) => break found,
            None => assert!(Instant::now() < deadline, "the component is not compiled: {}", server.log()),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    std::fs::create_dir_all(&to).unwrap();
    std::fs::copy(&found, to.join(found.file_name().unwrap())).unwrap();
}

/// Writes files of a tree.
fn tree(root: &Path, files: &[(&str, &str)]) -> String {
    for (path, text) in files {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    root.display().to_string()
}

/// A repository of charts that Helm itself packed, and a file of values.
fn charts() -> Web {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/fetch/tests/charts/stable");
    Web::start(move |asked| match asked.target.as_str() {
        "/values.yaml" => Answer::of("greeting: {who: from-a-url}\n"),
        target => match std::fs::read(folder.join(target.rsplit('/').next().unwrap_or_default())) {
            Ok(content) => Answer::of(content),
            Err(_) => Answer::status(404),
        },
    })
    .unwrap()
}

fn chart(repository: &str) -> String {
    format!(
        "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies:\n- {{name: greeting, version: 1.x, repository: {repository:?}}}\n"
    )
}

const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: {{ .Release.Name }}}\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_is_rendered_with_dependencies_of_a_repository() {
    let test = "a_chart_is_rendered_with_dependencies_of_a_repository";
    let web = charts();
    let sources = json!({"charts": {"url": web.url(), "private": true}});
    let Some(server) = server(test, "helm", &sources).await else { return };
    let at = tree(
        &server.home().join("shop"),
        &[("Chart.yaml", &chart(&format!("{}/stable", web.url()))), ("templates/service.yaml", SERVICE)],
    );
    let values = json!({"valueFiles": [format!("{}/values.yaml", web.url())]}).to_string();
    let render = ["plugin", "call", "helm", "render", "--tree", &at, "--parameters", &values, "-o", "yaml"];
    let said = server.cli(&render);
    let text = said.clone().ok();
    for part in ["name: shop\n", "name: shop-greeting", "name: shop-word", "version: \"1.3.0\"", "who: from-a-url"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(text.matches("---\n").count(), 3, "{text}");
    assert!(said.err.contains("fetched chart:greeting@1.x (sha256:"), "{}", said.err);

    // The same without a server, and only from where that is allowed.
    let component = server.home().join("plugins/helm.wasm").display().to_string();
    let alone = ["plugin", "call", &component, "render", "--tree", &at, "--parameters", &values, "-o", "yaml"];
    assert_eq!(server.cli(&[&alone[..], &["--source", &web.url()]].concat()).ok(), text);
    let refused = server.cli(&alone).fails();
    assert!(refused.contains("source-not-allowed") && refused.contains("--source URL"), "{refused}");
    let named = server.cli(&["plugin", "call", &component, "requirements", "--tree", &at]).ok();
    let named: Value = serde_json::from_str(&named).unwrap();
    assert_eq!(named[0]["source"]["helmChart"]["version"], "1.x", "{named}");

    // Away: what is missing, the field, and what to do.
    let away = testkit::net::DeafPort::take().unwrap();
    let elsewhere = format!("http://{}/stable", away.address().unwrap());
    tree(Path::new(&at), &[("Chart.yaml", &chart(&elsewhere))]);
    let refused = server.cli(&render).fails();
    for part in ["chart:greeting@1.x", "helmChart.repository", "add to the server's settings: plugins.sources"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    let gone = server.cli(&[&alone[..], &["--source", &elsewhere, "--source", &web.url()]].concat()).fails();
    assert!(gone.contains("cannot be reached") && gone.contains("hint: see whether the place is up"), "{gone}");

    // A lock file that was made for other dependencies.
    let lock =
        format!("dependencies:\n- {{name: greeting, version: 1.2.0, repository: {elsewhere:?}}}\ndigest: sha256:00\n");
    tree(Path::new(&at), &[("Chart.lock", &lock)]);
    let refused = server.cli(&render).fails();
    assert!(refused.contains("lock-out-of-sync") && refused.contains("helm dependency update"), "{refused}");
    let nothing = server.cli(&["plugin", "call", "helm", "render", "--tree", &at, "--path", "templates"]).fails();
    assert!(nothing.contains("`templates`") && nothing.contains("hint: "), "{nothing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kustomization_is_built_on_remote_bases() {
    let test = "a_kustomization_is_built_on_remote_bases";
    let repositories = tempfile::tempdir().unwrap();
    let git = GitServer::start(repositories.path(), None).unwrap();
    let object = |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n");
    let web = {
        let text = object("behind-a-url");
        Web::start(move |_| Answer::of(text.clone())).unwrap()
    };
    // A base that names another: it is asked for in a second round.
    let second = format!("resources: ['{}//base?ref=main']\nnamePrefix: over-\n", git.url("second"));
    git.commit("second", &[("base/kustomization.yaml", "resources: [a.yaml]\n"), ("base/a.yaml", &object("second"))])
        .unwrap();
    let files = [
        ("base/kustomization.yaml", "resources: [../beside, ../next]\n"),
        ("next/kustomization.yaml", &*second),
        ("beside/kustomization.yaml", "resources: [a.yaml]\n"),
        ("beside/a.yaml", &*object("first")),
    ];
    git.commit("first", &files).unwrap();
    git.git("first", &["tag", "v1"]).unwrap();
    let sources = json!({
        "bases": {"url": git.web.url(), "private": true},
        "files": {"url": web.url(), "private": true},
    });
    let Some(server) = server(test, "kustomize", &sources).await else { return };
    let kustomization =
        format!("resources:\n- {}//base?ref=v1\n- {}/object.yaml\nnameSuffix: -shop\n", git.url("first"), web.url());
    let at: PathBuf = server.home().join("shop");
    let at = tree(&at, &[("overlay/kustomization.yaml", &kustomization)]);
    let render = ["plugin", "call", "kustomize", "render", "--tree", &at, "--path", "overlay", "-o", "yaml"];
    let said = server.cli(&render);
    let text = said.clone().ok();
    for part in ["name: first-shop", "name: over-second-shop", "name: behind-a-url-shop"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(said.err.matches("fetched base:").count(), 3, "{}", said.err);
}
