//! Inputs placed before, outputs taken after.

use model::workflow::Artifact;
use runner::{EndClass, EndPhase, LogQuery, Unit};
use serde_json::json;

use crate::kit::{Kit, namespaces, unit};

fn artifact(name: &str, path: &str, key: &str, optional: bool) -> Artifact {
    serde_json::from_value(json!({"name": name, "path": path, "optional": optional, "s3": {"bucket": "b", "key": key}}))
        .unwrap()
}

fn step(key: &str, line: &str, inputs: Vec<Artifact>, outputs: Vec<Artifact>) -> Unit {
    let mut unit = unit(
        key,
        json!({"name": "t", "volumes": [{"name": "v", "emptyDir": {}}],
        "container": {"image": "i", "command": ["sh", "-c", line], "volumeMounts": [{"name": "v", "mountPath": "/v"}]}}),
    );
    unit.input_artifacts = inputs;
    unit.output_artifacts = outputs;
    unit
}

#[tokio::test]
async fn files_and_folders_go_from_step_to_step() {
    namespaces!();
    let mut kit = Kit::new().await;
    let outputs = vec![
        artifact("file", "/tmp/out", "k/file", false),
        artifact("folder", "/v/folder", "k/folder", false),
        artifact("none", "/tmp/none", "k/none", true),
        artifact("link", "/tmp/link", "k/link", false),
    ];
    let line =
        "echo text > /tmp/out; mkdir -p /v/folder/sub; echo deep > /v/folder/sub/f; ln -s /v/folder/sub/f /tmp/link";
    let result = kit.run(step("u/1", line, vec![], outputs)).await;
    assert_eq!(result.phase, EndPhase::Succeeded, "{result:?}");
    let saved: Vec<&str> = result.artifacts.iter().map(|a| &*a.name).collect();
    assert_eq!(saved, ["file", "folder", "link"]);
    let repository = kit.dir.path().join("repository/k");
    assert_eq!(std::fs::read_to_string(repository.join("folder/sub/f")).unwrap(), "deep\n");
    assert_eq!(std::fs::read_to_string(repository.join("link")).unwrap(), "deep\n");

    let inputs = vec![
        artifact("file", "/in/new/place", "k/file", false),
        artifact("folder", "/v/inside/volume", "k/folder", false),
        artifact("absent", "/in/absent", "k/absent", true),
    ];
    let line = "cat /in/new/place /v/inside/volume/sub/f; echo more >> /in/new/place; test ! -e /in/absent";
    let result = kit.run(step("u/2", line, inputs.clone(), vec![])).await;
    assert_eq!((result.phase, result.result.as_deref()), (EndPhase::Succeeded, Some("text\ndeep")), "{result:?}");
    assert_eq!(std::fs::read_to_string(repository.join("file")).unwrap(), "text\n");

    let missing = vec![artifact("absent", "/in/absent", "k/absent", false)];
    let result = kit.run(step("u/3", "true", missing, vec![])).await;
    assert_eq!((result.phase, result.class), (EndPhase::Error, EndClass::Artifact));
    assert!(result.message.contains("absent") && result.message.contains("k/absent"), "{}", result.message);
}

#[tokio::test]
async fn missing_and_hostile_outputs() {
    namespaces!();
    let mut kit = Kit::new().await;
    let out = vec![artifact("report", "/tmp/report", "k/report", false)];
    let result = kit.run(step("u/1", "true", vec![], out.clone())).await;
    assert_eq!(result.phase, EndPhase::Error);
    assert!(result.message.contains("output artifact report: /tmp/report"), "{}", result.message);
    // A link to a file of the machine is a link to the container's own file.
    let secret = kit.dir.path().join("secret");
    std::fs::write(&secret, "of the machine").unwrap();
    for (at, line) in [
        format!("ln -s {} /tmp/report", secret.display()),
        format!("ln -s {} /tmp/d; ln -s d/secret /tmp/report", kit.dir.path().display()),
        format!("ln -s ../../../../../../../..{} /tmp/report", secret.display()),
        "ln -s report /tmp/report".to_owned(),
    ]
    .iter()
    .enumerate()
    {
        let result = kit.run(step(&format!("u/h{at}"), line, vec![], out.clone())).await;
        let kept = std::fs::read_to_string(kit.dir.path().join("repository/k/report")).unwrap_or_default();
        assert_ne!(kept, "of the machine", "{line}: {result:?}");
    }
    let parameter = |line: &str| {
        let mut unit = step("u/p", line, vec![], vec![]);
        let mut template = (*unit.template).clone();
        template.outputs =
            serde_json::from_value(json!({"parameters": [{"name": "p", "valueFrom": {"path": "/tmp/p"}}]})).unwrap();
        unit.template = std::sync::Arc::new(template);
        unit.key = format!("u/p-{}", line.len()).into();
        unit
    };
    for (line, expect) in [
        ("true", "the step did not write it"),
        ("mkfifo /tmp/p", "not a regular file"),
        ("mkdir /tmp/p; true", "not a regular file"),
        ("head -c 100 /dev/urandom > /tmp/p", "not UTF-8"),
        ("head -c 20m /dev/zero > /tmp/p; true", "parameter_bytes_max"),
    ] {
        let result = kit.run(parameter(line)).await;
        assert_eq!(result.phase, EndPhase::Error, "{line}");
        assert!(
            result.message.contains("output parameter p") && result.message.contains(expect),
            "{line}: {}",
            result.message
        );
    }
}

#[tokio::test]
async fn logs_are_archived() {
    let mut kit = Kit::new().await;
    let mut unit = crate::kit::shell("u/1", "echo one; echo two");
    unit.log_archive = Some(artifact("logs", "", "k/logs/", false));
    let result = kit.run(unit).await;
    assert_eq!(result.artifacts[0].name.as_ref(), "main-logs");
    let kept = std::fs::read_to_string(kit.dir.path().join("repository/k/logs/main.log")).unwrap();
    assert_eq!(kept, "one\ntwo\n");
}

#[tokio::test]
async fn an_input_in_a_volume_is_placed_once_for_all_containers() {
    namespaces!();
    let mut kit = Kit::new().await;
    let outputs = vec![artifact("file", "/tmp/out", "k/file", false), artifact("folder", "/tmp/d", "k/folder", false)];
    let made = kit.run(step("u/1", "echo first > /tmp/out; mkdir /tmp/d; echo in > /tmp/d/f", vec![], outputs)).await;
    assert_eq!(made.phase, EndPhase::Succeeded, "{made:?}");
    let node = |name: &str, line: &str, after: &[&str], mounts: serde_json::Value| {
        json!({"name": name, "image": "i",
        "command": ["sh", "-c", line], "dependencies": after, "volumeMounts": mounts})
    };
    let mount = json!([{"name": "v", "mountPath": "/v"}]);
    let mut set = unit(
        "u/2",
        json!({"name": "t", "volumes": [{"name": "v", "emptyDir": {}}], "containerSet": {"containers": [
        node("change", "echo second >> /v/new/file; echo more > /v/more", &[], mount.clone()),
        node("apart", "cat /v/new/file", &[], json!([])),
        node("main", "cat /v/new/file /v/f /v/more", &["change", "apart"], mount)]}}),
    );
    set.input_artifacts =
        vec![artifact("file", "/v/new/file", "k/file", false), artifact("folder", "/v", "k/folder", false)];
    let key = kit.start(set).await;
    let result = kit.ended(&key).await;
    assert_eq!(result.result.as_deref(), Some("first\nsecond\nin\nmore"), "{result:?}");
    let apart = LogQuery { container: Some("apart".to_owned()), ..LogQuery::default() };
    assert_eq!(kit.log(&key, apart).await, ["first"], "one without the volume has the input itself");

    let read_only = json!({"name": "t", "volumes": [{"name": "v", "emptyDir": {}}], "container": {"image": "i",
        "command": ["true"], "volumeMounts": [{"name": "v", "mountPath": "/v", "readOnly": true}]}});
    let mut refused = unit("u/3", read_only);
    refused.input_artifacts = vec![artifact("file", "/v/file", "k/file", false)];
    let result = kit.run(refused).await;
    assert!(result.message.contains("file: /v/file lies in a volume that is mounted read-only at /v"), "{result:?}");
}
