//! Environment and volumes from objects.

use base64::Engine as _;
use runner::{EndClass, EndPhase, Runner, UnitHappening};
use serde_json::json;

use crate::kit::{Kit, dir, namespaces, settings, unit};

fn base64(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn objects(kit: &Kit) {
    kit.objects
        .put(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm", "namespace": "default"},
        "data": {"A": "1", "file.conf": "text"}}));
    kit.objects.put(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "default"},
        "data": {"password": base64("hush-hush"), "other": base64("x")}}));
}

#[tokio::test]
async fn environment_from_everywhere() {
    let mut kit = Kit::new().await;
    objects(&kit);
    let template = json!({"name": "t", "container": {"image": "i",
        "command": ["sh", "-c", "echo $P_A $PW $N $L $R $X $MISSING- $ARGO_NODE_ID $ARGO_CONTAINER_NAME $ARGO_WORKFLOW_NAME $1", "sh", "$(X)"],
        "envFrom": [{"prefix": "P_", "configMapRef": {"name": "cm"}}, {"secretRef": {"name": "none", "optional": true}}],
        "resources": {"limits": {"memory": "64Mi"}},
        "env": [
            {"name": "PW", "valueFrom": {"secretKeyRef": {"name": "s", "key": "password"}}},
            {"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "L", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
            {"name": "R", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
            {"name": "X", "value": "x-$(PW)"},
            {"name": "MISSING", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "none", "optional": true}}}]}});
    let result = kit.run(unit("u/n", template)).await;
    assert_eq!(result.result.unwrap(), "1 hush-hush hello-step-123 demo 64 x-hush-hush - n main hello x-hush-hush");
    let address = json!({"fieldRef": {"fieldPath": "status.podIP"}});
    let template = json!({"name": "t", "container": {"image": "i", "command": ["sh", "-c", "echo $IP $1 $2", "sh"], "args": ["$(IP)", "$$(IP)"],
        "env": [{"name": "IP", "valueFrom": address}]}});
    assert_eq!(kit.run(unit("u/ip", template)).await.result.unwrap(), "127.0.0.1 127.0.0.1 $(IP)");
    for (source, expect) in [
        (json!({"secretKeyRef": {"name": "none", "key": "k"}}), "Secret none is not in namespace default"),
        (json!({"secretKeyRef": {"name": "s", "key": "k"}}), "Secret s has no key k"),
        (json!({"configMapKeyRef": {"name": "none", "key": "k"}}), "ConfigMap none is not in namespace default"),
        (json!({"fieldRef": {"fieldPath": "spec.foo"}}), "spec.foo is not a field"),
    ] {
        let template = json!({"name": "t", "container": {"image": "i", "command": ["true"], "env": [{"name": "E", "valueFrom": source}]}});
        let result = kit.run(unit(&format!("u/{}", expect.replace(' ', "-")), template)).await;
        assert_eq!((result.phase, result.class), (EndPhase::Error, EndClass::CouldNotStart));
        assert!(
            result.message.contains("container.env[0].valueFrom") && result.message.contains(expect),
            "{}",
            result.message
        );
        assert!(!result.message.contains("hush"), "no secret in a message");
    }
}

#[tokio::test]
async fn a_secret_never_touches_the_disk() {
    namespaces!();
    let mut kit = Kit::new().await;
    objects(&kit);
    let template = json!({"name": "t", "volumes": [{"name": "s", "secret": {"secretName": "s", "defaultMode": 256}}],
        "container": {"image": "i", "command": ["sh", "-c", "cat /s/password; stat -f -c %T /s; stat -c %a /s/password; touch /s/x || echo ro; sleep 300"],
            "env": [{"name": "PW", "valueFrom": {"secretKeyRef": {"name": "s", "key": "password"}}}],
            "volumeMounts": [{"name": "s", "mountPath": "/s"}]}});
    let key = kit.start(unit("u/1", template)).await;
    kit.line(&key, "ro").await;
    // Only the step's own words hold it: its log.
    let found = std::process::Command::new("grep").args(["-rl", "hush-hush"]).arg(kit.dir.path()).output().unwrap();
    let found = String::from_utf8_lossy(&found.stdout).into_owned();
    assert!(found.lines().all(|l| l.ends_with(".log")) && found.lines().count() == 1, "{found}");
    kit.runner.stop(&key, 0).await.unwrap();
    assert_eq!(kit.ended(&key).await.result.unwrap(), "hush-hushtmpfs\n400\nro");
}

#[tokio::test]
async fn volumes_of_every_kind() {
    namespaces!();
    let mut kit = Kit::new().await;
    objects(&kit);
    let template = json!({"name": "t",
        "volumes": [
            {"name": "cm", "configMap": {"name": "cm", "items": [{"key": "file.conf", "path": "deep/er.conf", "mode": 0o600}]}},
            {"name": "mem", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
            {"name": "proj", "projected": {"sources": [
                {"configMap": {"name": "cm"}}, {"secret": {"name": "s", "items": [{"key": "password", "path": "pw"}]}},
                {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}}]}},
            {"name": "e", "emptyDir": {}}],
        "container": {"image": "i",
            "command": ["sh", "-c", "cat /cm/deep/er.conf; echo; stat -c %a /cm/deep/er.conf; stat -f -c %T /mem; head -c 2m /dev/zero > /mem/x 2>/dev/null || echo full; ls /proj; cat /proj/pw /proj/labels; echo; ls /sub; echo x > /e/x; cat /one"],
            "volumeMounts": [{"name": "cm", "mountPath": "/cm"}, {"name": "mem", "mountPath": "/mem"},
                {"name": "proj", "mountPath": "/proj"}, {"name": "e", "mountPath": "/e", "subPath": "a/b"},
                {"name": "e", "mountPath": "/sub", "readOnly": true}, {"name": "cm", "mountPath": "/one", "subPath": "deep/er.conf"}]}});
    let result = kit.run(unit("u/1", template)).await;
    assert_eq!(
        result.result.unwrap(),
        "text\n600\ntmpfs\nfull\nA\nfile.conf\nlabels\npw\nhush-hushapp=\"demo\"\na\ntext"
    );
    let address = json!([{"path": "ip", "fieldRef": {"fieldPath": "status.podIP"}}]);
    let template = json!({"name": "t", "volumes": [{"name": "d", "downwardAPI": {"items": address}}],
        "container": {"image": "i", "command": ["true"], "volumeMounts": [{"name": "d", "mountPath": "/d"}]}});
    let result = kit.run(unit("u/2", template)).await;
    assert!(result.message.contains("volumes[0].downwardAPI.items[0]: status.podIP"), "{}", result.message);
}

#[tokio::test]
async fn claims_are_folders_that_last() {
    namespaces!();
    let mut kit = Kit::new().await;
    let with_claim = |key: &str, line: &str| {
        let mut unit = unit(
            key,
            json!({"name": "t", "container": {"image": "i", "command": ["sh", "-c", line],
            "volumeMounts": [{"name": "work", "mountPath": "/inside"}]}}),
        );
        unit.volumes =
            serde_json::from_value(json!([{"name": "work", "persistentVolumeClaim": {"claimName": "hello-work"}}]))
                .unwrap();
        unit
    };
    let key = kit.start(with_claim("u/1", "echo kept > /inside/f")).await;
    let waiting = kit.wait(&key, |w| match w {
        UnitHappening::Waiting { message } => Some(message.clone()),
        _ => None,
    });
    assert!(waiting.await.contains("PersistentVolumeClaim hello-work"));
    kit.objects.put(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "hello-work", "namespace": "default", "ownerReferences": [
            {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "hello", "uid": "u"}]},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}));
    assert_eq!(kit.ended(&key).await.phase, EndPhase::Succeeded);
    assert_eq!(kit.run(with_claim("u/2", "cat /inside/f")).await.result.as_deref(), Some("kept"));
    let folder = kit.dir.path().join("data/volumes/default/hello-work");
    assert!(folder.join("f").exists());
    kit.runner.forget("u").await.unwrap();
    assert!(!folder.exists(), "a claim of the run goes with it");
}

#[tokio::test]
async fn ways_out_of_a_volume_are_closed() {
    namespaces!();
    let mut kit = Kit::new().await;
    let template = |sub: &str, prepare: &str| {
        json!({"name": "t", "volumes": [{"name": "v", "emptyDir": {}}],
            "initContainers": [{"name": "a", "image": "i", "command": ["sh", "-c", prepare], "volumeMounts": [{"name": "v", "mountPath": "/v"}]}],
            "container": {"image": "i", "command": ["sh", "-c", "cat /x/passwd || cat /x/etc/passwd"], "volumeMounts": [{"name": "v", "mountPath": "/x", "subPath": sub}]}})
    };
    for (at, (sub, prepare)) in [
        ("../../..", "true"),
        ("/etc", "true"),
        ("l", "ln -s /etc /v/l"),
        ("l", "ln -s ../../../../../../etc /v/l"),
        ("a/l", "mkdir /v/a; ln -s / /v/a/l"),
    ]
    .iter()
    .enumerate()
    {
        let result = kit.run(unit(&format!("u/{at}"), template(sub, prepare))).await;
        assert_ne!(result.phase, EndPhase::Succeeded, "{sub}: {result:?}");
        assert!(result.message.contains("subPath"), "{}", result.message);
    }
    let host = |path: &str| {
        json!({"name": "t", "volumes": [{"name": "v", "hostPath": {"path": path}}],
        "container": {"image": "i", "command": ["ls", "/x"], "volumeMounts": [{"name": "v", "mountPath": "/x", "readOnly": true}]}})
    };
    let result = kit.run(unit("u/host", host("/etc"))).await;
    assert!(result.message.contains("volumes[0].hostPath") && result.class == EndClass::CouldNotStart, "{result:?}");
    let mut kit = Kit::with(runner_local::Settings { allow_host_path: true, ..settings() }, dir()).await;
    assert!(kit.run(unit("u/host", host("/etc"))).await.result.unwrap().contains("passwd"));
}
