//! Plugins from a real registry: pushed by the command line, pulled by the server.

use client::v1::WorkflowPhase;
use serde_json::{Value, json};
use testkit::registry::OciRegistry;

use crate::plugins::{apply, greets, plugin, run, server, server_with, stands};

/// Registries of tests are on this machine.
const LOOPBACK: (&str, &str) = ("egress.allowPrivate", "127.0.0.0/8");

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_pulled_and_follows_its_tag() {
    let test = "a_plugin_is_pulled_and_follows_its_tag";
    let home = tempfile::tempdir().unwrap();
    let Some(registry) = OciRegistry::start(home.path(), test).unwrap() else { return };
    let (Some(greet), Some(web)) = (testkit::tools::guest("greet", test), testkit::tools::guest("web", test)) else {
        return;
    };
    let Some(mut server) = server_with(test, &[], &[LOOPBACK]).await else { return };
    let client = server.client().await;
    let reference = format!("{}/team/greet:1", registry.address);
    let push = |file: &std::path::Path| -> Value {
        let file = file.display().to_string();
        let said =
            server.cli(&["plugin", "push", &file, &reference, "--insecure", "--annotation", "a=b", "-o", "json"]);
        serde_json::from_str(&said.ok()).unwrap()
    };
    let oci = |digest: Value| {
        let source = json!({"oci": {"reference": reference, "insecure": true, "interval": "10s"}, "digest": digest});
        plugin("greet", json!({"source": source}))
    };
    // Applied before it is there: told why, and tried again.
    apply(&server, &oci(Value::Null));
    stands(&client, "greet", "False", "NotInRegistry", "push it, or correct the name").await;
    let first = push(&greet);
    let object = stands(&client, "greet", "True", "InService", "version").await;
    assert_eq!(object["status"]["digest"], first["digest"]);
    let (phase, shown) = run(&server, &client, &greets("pulled", json!({"greet": {}}))).await;
    assert_eq!(phase, WorkflowPhase::Succeeded, "{shown}");

    // Another content than the one that was promised is not taken.
    apply(&server, &oci(json!(format!("sha256:{}", "0".repeat(64)))));
    stands(&client, "greet", "False", "DigestMismatch", "stays in service").await;
    apply(&server, &oci(first["digest"].clone()));
    stands(&client, "greet", "True", "InService", "version").await;

    // A tag that moves is followed.
    apply(&server, &oci(Value::Null));
    stands(&client, "greet", "True", "InService", "version").await;
    let second = push(&web);
    let moved = tests::eventually("the tag is followed", || async {
        let object = stands(&client, "greet", "True", "InService", "version").await;
        (object["status"]["digest"] == second["digest"]).then_some(object)
    });
    assert_eq!(moved.await["status"]["kinds"][0]["kind"], "metric-provider");

    // A reference with a digest stays what it is; pulled by hand it is the same.
    let pinned = first["pinned"].as_str().unwrap();
    let got = home.path().join("got.wasm").display().to_string();
    server.cli(&["plugin", "pull", pinned, "--insecure", "-f", &got]).ok();
    assert_eq!(std::fs::read(&got).unwrap(), std::fs::read(&greet).unwrap());
    let wrong = format!("sha256:{}", "1".repeat(64));
    let refused = server.cli(&["plugin", "pull", pinned, "--insecure", "-f", &got, "--digest", &wrong]);
    assert!(refused.code == 1 && refused.err.contains("was expected"), "{} {}", refused.code, refused.err);
    apply(&server, &plugin("greet", json!({"source": {"oci": {"reference": pinned, "insecure": true}}})));
    let object = stands(&client, "greet", "True", "InService", "version").await;
    assert_eq!(object["status"]["digest"], first["digest"]);

    // Without the registry a server that begins goes on with what it had.
    drop(registry);
    server.kill();
    server.restart().await;
    let client = server.client().await;
    stands(&client, "greet", "True", "InService", "looking for another").await;
    let (phase, shown) = run(&server, &client, &greets("alone", json!({"greet": {}}))).await;
    assert_eq!(phase, WorkflowPhase::Succeeded, "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_is_asked_by_the_rules_of_the_server() {
    let test = "a_registry_is_asked_by_the_rules_of_the_server";
    let home = tempfile::tempdir().unwrap();
    let Some(registry) = OciRegistry::start(home.path(), test).unwrap() else { return };
    let Some(server) = server(test, &[]).await else { return };
    let client = server.client().await;
    let source = json!({"oci": {"reference": format!("{}/a:1", registry.address), "insecure": true}});
    apply(&server, &plugin("greet", json!({"source": source})));
    stands(&client, "greet", "False", "RegistryUnreachable", "egress.allowPrivate").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_trusted_has_signed_is_refused() {
    let test = "what_nobody_trusted_has_signed_is_refused";
    let home = tempfile::tempdir().unwrap();
    let Some(registry) = OciRegistry::start(home.path(), test).unwrap() else { return };
    let (Some(greet), Some(web)) = (testkit::tools::guest("greet", test), testkit::tools::guest("web", test)) else {
        return;
    };
    let keys = [("trusted", "ours.pem"), ("other", "others.pem")].map(|(name, file)| {
        let key = rcgen::KeyPair::generate().unwrap();
        let (public, private) = (home.path().join(file), home.path().join(format!("{name}.key")));
        std::fs::write(&public, key.public_key_pem()).unwrap();
        std::fs::write(&private, key.serialize_pem()).unwrap();
        (public.display().to_string(), private.display().to_string())
    });
    let [(ours, our_key), (_, other_key)] = &keys;
    let require = [LOOPBACK, ("plugins.signatures.mode", "require"), ("plugins.signatures.keys", ours)];
    let Some(mut server) = server_with(test, &["greet"], &require).await else { return };
    let client = server.client().await;
    let reference = format!("{}/team/greet:1", registry.address);
    let push = |file: &std::path::Path, sign: &[&str]| {
        let file = file.display().to_string();
        let args = [&["plugin", "push", &file, &reference, "--insecure", "-o", "json"], sign].concat();
        serde_json::from_str::<Value>(&server.cli(&args).ok()).unwrap()
    };
    let oci = json!({"oci": {"reference": reference, "insecure": true, "interval": "10s"}});
    let oci = plugin("greet", json!({"source": oci}));

    push(&greet, &[]);
    apply(&server, &oci);
    stands(&client, "greet", "False", "NotSigned", "nothing is in service").await;
    push(&greet, &["--sign", other_key]);
    stands(&client, "greet", "False", "NotSigned", "by none of the keys that are trusted").await;
    let first = push(&greet, &["--sign", our_key]);
    let object = stands(&client, "greet", "True", "InService", "version").await;
    assert_eq!(object["status"]["digest"], first["digest"]);
    assert!(object["status"]["signedBy"].as_str().unwrap().starts_with("key sha256:"), "{object}");

    // A tag that moves to something unsigned changes nothing, not even for a server that begins anew.
    push(&web, &[]);
    let object = stands(&client, "greet", "False", "NotSigned", "stays in service").await;
    assert_eq!(object["status"]["digest"], first["digest"]);
    server.kill();
    server.restart().await;
    let client = server.client().await;
    stands(&client, "greet", "False", "NotSigned", "stays in service").await;
    let (phase, shown) = run(&server, &client, &greets("signed", json!({"greet": {}}))).await;
    assert_eq!(phase, WorkflowPhase::Succeeded, "{shown}");

    // The operator's own folder counts, unless it is said not to.
    apply(&server, &plugin("greet", json!({"source": {"file": "greet.wasm"}})));
    stands(&client, "greet", "True", "InService", "version").await;
    drop(server);
    let strict = [&require[..], &[("plugins.signatures.files", "refuse")]].concat();
    let Some(server) = server_with(test, &["greet"], &strict).await else { return };
    let client = server.client().await;
    apply(&server, &plugin("greet", json!({"source": {"file": "greet.wasm"}})));
    stands(&client, "greet", "False", "NotSigned", "plugins.signatures.files is refuse").await;
}
