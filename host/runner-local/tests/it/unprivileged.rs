//! Without root: user namespaces, and plain processes where not even those can be had.

use std::process::Command;

use runner::{EndClass, EndPhase, Runner};
use runner_local::{Isolation, Settings};
use serde_json::json;

use crate::kit::{Kit, dir, namespaces, settings, shell, unit, until};

/// Runs as another user, started by the test below.
#[tokio::test]
#[ignore = "is started by another test"]
async fn as_nobody() {
    assert!(!rustix::process::geteuid().is_root());
    let mut kit = Kit::new().await;
    let notes = kit.runner.warm_up().await.unwrap();
    if notes.iter().any(|n| n.contains("plain processes")) {
        testkit::tools::skip("as_nobody", &notes.join("; "));
        return;
    }
    assert!(notes.iter().any(|n| n.contains("user namespaces")), "{notes:?}");
    let line = "id -u; echo x > /tmp/f; echo y > /etc/new; ls /tmp; ls /proc | grep -c '^[0-9]'; echo z > /dev/null; echo p > /tmp/p";
    let mut step = shell("u/1", line);
    let mut template = (*step.template).clone();
    template.outputs =
        serde_json::from_value(json!({"parameters": [{"name": "p", "valueFrom": {"path": "/tmp/p"}}]})).unwrap();
    step.template = std::sync::Arc::new(template);
    step.output_artifacts =
        vec![serde_json::from_value(json!({"name": "o", "path": "/tmp/f", "s3": {"key": "o"}})).unwrap()];
    let result = kit.run(step).await;
    assert_eq!(result.phase, EndPhase::Succeeded, "{result:?}");
    let said = result.result.unwrap();
    assert!(said.starts_with("0\nf\n"), "{said}");
    assert_eq!(result.parameters[0].1, "p");
    assert_eq!(std::fs::read_to_string(kit.dir.path().join("repository/o")).unwrap(), "x\n");
    kit.objects.put(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "default"}, "stringData": {"k": "v"}}));
    let secret = json!({"name": "t", "volumes": [{"name": "s", "secret": {"secretName": "s"}}],
        "container": {"image": "i", "command": ["cat", "/s/k"], "volumeMounts": [{"name": "s", "mountPath": "/s"}]}});
    let result = kit.run(unit("u/2", secret)).await;
    assert_eq!(result.result.as_deref(), Some("v"), "{result:?}");
    // The numbers a step asks for are its own, and all files are its own.
    let numbers = json!({"name": "t", "securityContext": {"runAsUser": 1234, "runAsGroup": 55, "fsGroup": 77, "supplementalGroups": [9]},
        "volumes": [{"name": "v", "emptyDir": {}}],
        "container": {"image": "i", "command": ["sh", "-c", "id -u; id -g; echo x > /v/f && stat -c %u:%g /v/f; grep CapEff /proc/self/status; ls /root"],
            "volumeMounts": [{"name": "v", "mountPath": "/v"}]}});
    let result = kit.run(unit("u/numbers", numbers)).await;
    assert_eq!(result.result.as_deref(), Some("1234\n55\n1234:55\nCapEff:\t0000000000000000"), "{result:?}");
    let key = kit.start(shell("u/3", "echo up; sleep 300")).await;
    kit.line(&key, "up").await;
    kit.runner.stop(&key, 1000).await.unwrap();
    assert_eq!(kit.ended(&key).await.class, EndClass::Stopped);
    // The kernel leaves folders that nobody may read.
    let data = kit.dir.path().join("data");
    assert!(std::fs::remove_dir_all(&data).is_err(), "or the next line shows nothing");
    until("all is removed", || runner_local::remove_all(&data).is_ok() && !data.exists()).await;
    println!("as nobody: all is well");
}

#[tokio::test]
async fn an_ordinary_user_gets_user_namespaces() {
    namespaces!();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::os::unix::fs::chown(path, Some(65534), Some(65534)).unwrap();
    // The programs, where that user may read them.
    for (from, name) in
        [(std::env::current_exe().unwrap(), "it"), (env!("CARGO_BIN_EXE_runner-local-agent").into(), "agent")]
    {
        std::fs::copy(from, path.join(name)).unwrap();
    }
    let run = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(path.join("it"))
        .args(["--ignored", "--exact", "unprivileged::as_nobody", "--nocapture"])
        .env("TMPDIR", path)
        .env("COLCHIS_TEST_AGENT", path.join("agent"))
        .env_remove("COLCHIS_SKIPPED")
        .current_dir(path)
        .output();
    let Ok(output) = run else {
        testkit::tools::skip("an_ordinary_user_gets_user_namespaces", "setpriv is not installed");
        return;
    };
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    println!("{said}");
    // That user cannot write to the file in which skips are counted.
    if let Some((_, why)) = said.split_once("skipped: as_nobody: ") {
        let why = why.lines().next().unwrap_or_default();
        testkit::tools::skip("an_ordinary_user_gets_user_namespaces", why);
    }
}

#[tokio::test]
async fn plain_processes_where_nothing_else_can_be_had() {
    let mut kit = Kit::with(Settings { isolation: Some(Isolation::Plain), ..settings() }, dir()).await;
    assert!(kit.runner.warm_up().await.unwrap()[0].contains("plain processes"));
    let key = kit.start(shell("u/1", "echo one; echo 1/2 > $ARGO_PROGRESS_FILE; echo p > p; exit 0")).await;
    let (message, _) = kit.started(&key).await;
    assert!(message.contains("without isolation"), "{message}");
    assert_eq!(kit.ended(&key).await.result.as_deref(), Some("one"));
    let script = json!({"name": "t", "script": {"image": "i", "command": ["sh"], "source": "echo s; exit 5"}});
    let result = kit.run(unit("u/2", script)).await;
    assert_eq!((result.exit_code, result.result.as_deref()), (Some(5), Some("s")));
    let deaf = kit.start(shell("u/3", "trap '' TERM; sleep 300 & echo up; while :; do sleep 0.05; done")).await;
    kit.line(&deaf, "up").await;
    kit.runner.stop(&deaf, 100).await.unwrap();
    assert_eq!(kit.ended(&deaf).await.class, EndClass::Stopped);
    let missing = json!({"name": "t", "container": {"image": "i", "command": ["no-such-program"]}});
    let result = kit.run(unit("u/4", missing)).await;
    assert!(result.class == EndClass::CouldNotStart && result.message.contains("no-such-program"), "{result:?}");
}
