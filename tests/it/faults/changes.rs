//! What changes under a running run, and what is kept of one.

use super::*;

fn template(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTemplate", "metadata": {"name": name}, "spec": spec})
}

/// A run keeps the version of every template that it began with, also the ones that it has not come to yet, over a restart of the server and when they are gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_template_changes_under_a_run() {
    let mut server = Server::start().await;
    let client = server.client().await;
    let say = |word: &str| template("words", json!({"templates": [shell("say", &format!("echo {word}"))]}));
    let main = |word: &str| {
        template(
            "whole",
            json!({"entrypoint": "main", "templates": [
                {"name": "main", "steps": [
                    [{"name": "wait", "template": "wait"}],
                    [{"name": "own", "template": "own"}, {"name": "other", "templateRef": {"name": "words", "template": "say"}}],
                ]},
                {"name": "wait", "suspend": {}},
                shell("own", &format!("echo {word}")),
            ]}),
        )
    };
    for object in [say("first"), main("first")] {
        apply(&client, "default", &object).await;
    }
    let by_reference = json!({"workflowTemplateRef": {"name": "whole"}});
    submit(&client, &workflow("old", by_reference.clone())).await.unwrap();
    running(&client, "old", "wait").await;
    for object in [say("second"), main("second")] {
        apply(&client, "default", &object).await;
    }
    server.kill();
    server.restart().await;
    let client = server.client().await;
    submit(&client, &workflow("new", by_reference)).await.unwrap();
    running(&client, "new", "wait").await;
    server.cli(&["delete", "workflowtemplate", "whole", "words"]).ok();
    for (name, word) in [("old", "first\n"), ("new", "second\n")] {
        server.cli(&["wf", "resume", name]).ok();
        let summary = ended(&client, name).await;
        assert_eq!(summary.phase(), WorkflowPhase::Succeeded, "{name}: {}", summary.message);
        assert_eq!(log(&client, name, "own").await, word);
        assert_eq!(log(&client, name, "other").await, word);
    }
}

/// Two who want one field otherwise are named, and neither undoes what the other set: not until one of them insists, and then the other is told.
#[tokio::test(flavor = "multi_thread")]
async fn two_want_one_field() {
    let server = Server::start().await;
    let file = |name: &str, limit: &str| {
        let path = server.home().join(name);
        let map =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "limits"}, "data": {"builds": limit}});
        std::fs::write(&path, map.to_string()).unwrap();
        path.display().to_string()
    };
    let (git, pipeline) = (file("git.json", "2"), file("pipeline.json", "5"));
    let applies = |manager: &str, file: &str, more: &[&str]| {
        server.cli(&[&["apply", "-f", file, "--field-manager", manager], more].concat())
    };
    let limit = || server.cli(&["get", "configmap", "limits", "-o", "json"]).ok();
    applies("git", &git, &[]).ok();
    let refused = applies("pipeline", &pipeline, &[]).fails();
    for part in ["data.builds was applied by `git` as \"2\", and `pipeline` wants \"5\"", "--force-conflicts"] {
        assert!(refused.contains(part), "does not say {part:?}\n{refused}");
    }
    assert!(limit().contains("\"builds\": \"2\""));
    applies("pipeline", &pipeline, &["--force-conflicts"]).ok();
    let told = applies("git", &git, &[]).fails();
    assert!(told.contains("applied by `pipeline`"), "{told}");
    assert!(limit().contains("\"builds\": \"5\""));
}

/// Logs are there for as long as the run: when the step, its agent and the server that ran it are gone. They go with the run.
#[tokio::test(flavor = "multi_thread")]
async fn logs_are_kept_with_the_run() {
    let mut server = Server::start().await;
    let client = server.client().await;
    let mut fails = shell("main", "echo to-be-kept; echo and-this >&2; exit 3");
    fails["retryStrategy"] = json!({"limit": 1});
    submit(&client, &workflow("kept", json!({"entrypoint": "main", "templates": [fails]}))).await.unwrap();
    assert_eq!(ended(&client, "kept").await.phase(), WorkflowPhase::Failed);
    for pid in server.processes() {
        let _ = Command::new("kill").args(["-9", &pid.to_string()]).stderr(std::process::Stdio::null()).status();
    }
    server.kill();
    server.restart().await;
    let client = server.client().await;
    for attempt in ["kept(0)", "kept(1)"] {
        let text = log(&client, "kept", attempt).await;
        assert!(text.contains("to-be-kept\n") && text.contains("and-this\n"), "{attempt}: {text}");
    }
    assert!(mentions(&server.data_dir(), b"to-be-kept"));
    server.cli(&["wf", "delete", "kept"]).ok();
    eventually("the logs go with the run", || async {
        let logs = server.data_dir().join("logs");
        (!mentions(&logs, b"to-be-kept")).then_some(())
    })
    .await;
}

/// Whether a file below a folder holds a text.
fn mentions(folder: &Path, text: &[u8]) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => mentions(&entry.path(), text),
        Ok(kind) if kind.is_file() => {
            std::fs::read(entry.path()).is_ok_and(|bytes| bytes.windows(text.len()).any(|part| part == text))
        }
        _ => false,
    })
}
