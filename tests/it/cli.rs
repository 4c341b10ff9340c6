//! The command line as people meet it: exit codes, what is said, and every command that the README names.

use serde_json::Value;
use tests::cli::{colchis, say};
use tests::{Server, binary};

/// A home of its own for commands without a server.
fn alone() -> (tempfile::TempDir, std::process::Command) {
    let home = tempfile::Builder::new().prefix("colchis-it-").tempdir().unwrap();
    let mut command = colchis();
    command.env("HOME", home.path()).env("COLCHIS_DATA_DIR", home.path().join("data"));
    (home, command)
}

#[test]
fn run_shows_the_run_and_ends_with_its_result() {
    for (file, code, words) in [
        ("examples/hello/hello.yaml", 0, vec!["hello world", "Succeeded"]),
        ("examples/hello/failing.yaml", 1, vec!["Failed", "exit code 3"]),
        ("examples/dag/diamond.yaml", 0, vec!["top", "bottom", "Succeeded"]),
    ] {
        let (_home, mut command) = alone();
        let said = say(command.args(["run", file]));
        let all = format!("{}{}", said.out, said.err);
        assert_eq!(said.code, code, "{file}\n{all}");
        for word in words {
            assert!(all.contains(word), "{file} does not say {word:?}\n{all}");
        }
    }
}

/// What kill -9 of `colchis run` left is removed by the next one; what is kept on purpose, and what another run works in, stays.
#[test]
fn a_killed_run_leaves_nothing_for_long() {
    use std::time::{Duration, Instant};
    let temporary = tempfile::Builder::new().prefix("colchis-it-").tempdir().unwrap();
    let folders = || {
        std::fs::read_dir(temporary.path())
            .unwrap()
            .flatten()
            .map(|e| e.file_name())
            .filter(|n| n.to_string_lossy().starts_with("colchis-run-"))
            .count()
    };
    let until = |what: &str, condition: &dyn Fn() -> bool| {
        let deadline = Instant::now() + tests::DEADLINE;
        while !condition() {
            assert!(Instant::now() < deadline, "waited in vain until {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let manifest = |name: &str, command: &str| {
        let file = temporary.path().join(format!("{name}.json"));
        let spec = serde_json::json!({"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "x", "command": ["sh", "-c", command]}}]});
        let workflow = serde_json::json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name}, "spec": spec});
        std::fs::write(&file, workflow.to_string()).unwrap();
        file
    };
    let run = |file: &std::path::Path, more: &[&str]| {
        let mut command = colchis();
        command
            .env("HOME", temporary.path())
            .env("COLCHIS_DATA_DIR", temporary.path().join("data"))
            .env("TMPDIR", temporary.path());
        command.args(["run", "--images", "host"]).args(more).arg(file);
        command
    };
    let said = say(&mut run(&manifest("kept", "true"), &["--keep"]));
    assert_eq!((said.code, folders()), (0, 1), "{}", said.err);
    let mut killed = run(&manifest("killed", "sleep 300"), &[]);
    let mut killed = killed.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    until("it has its folder", &|| folders() == 2);
    let alone = say(&mut run(&manifest("beside", "true"), &[]));
    assert_eq!((alone.code, folders()), (0, 2), "one at work is left alone: {}", alone.err);
    killed.kill().unwrap();
    killed.wait().unwrap();
    until("a later run has removed it", &|| {
        say(&mut run(&manifest("later", "sleep 0.2"), &[])).code == 0 && folders() == 1
    });
}

#[test]
fn an_imported_image_is_there_for_every_run() {
    let (home, mut import) = alone();
    let archive = home.path().join("image.tar");
    if !tests::images::write(&archive, &["docker.io/library/kept:1"]) {
        testkit::tools::skip("an_imported_image_is_there_for_every_run", "busybox is missing");
        return;
    }
    let said = say(import.args(["image", "import"]).arg(&archive));
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let manifest = home.path().join("step.json");
    let step = serde_json::json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"generateName": "kept-"},
        "spec": {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "kept:1", "command": ["echo", "from the image"]}}]}});
    std::fs::write(&manifest, step.to_string()).unwrap();
    for _ in 0..2 {
        let mut run = colchis();
        run.env("HOME", home.path()).env("COLCHIS_DATA_DIR", home.path().join("data"));
        let said = say(run.args(["run", "--images", "imported"]).arg(&manifest));
        let all = format!("{}{}", said.out, said.err);
        assert!(said.code == 0 && all.contains("image kept:1 (sha256:") && all.contains("from the image"), "{all}");
    }
}

#[test]
fn a_mistake_is_told_with_file_line_field_and_hint() {
    let (_home, mut command) = alone();
    let said = say(command.args(["lint", "examples/hello/refused.yaml"]));
    let all = format!("{}{}", said.out, said.err);
    assert_ne!(said.code, 0, "{all}");
    for part in ["examples/hello/refused.yaml", "imagePullPolcy", "imagePullPolicy"] {
        assert!(all.contains(part), "does not say {part:?}\n{all}");
    }
    // The line at which the field stands.
    let text = std::fs::read_to_string(binary::root().join("examples/hello/refused.yaml")).unwrap();
    let line = text.lines().position(|l| l.trim_start().starts_with("imagePullPolcy")).unwrap() + 1;
    assert!(all.contains(&line.to_string()), "does not say line {line}\n{all}");
}

#[test]
fn every_example_that_is_to_be_taken_passes_lint() {
    let files: Vec<String> = tests::example::themes()
        .iter()
        .flat_map(|theme| tests::example::of_theme(theme))
        .filter(|e| e.expected.expect != tests::example::End::Refused)
        .map(|e| format!("examples/{}", e.name))
        .collect();
    for file in &files {
        let (_home, mut command) = alone();
        let said = say(command.args(["lint", "--offline", file]));
        assert_eq!(said.code, 0, "{file}\n{}{}", said.out, said.err);
    }
}

#[test]
fn without_a_server_a_command_says_how_to_start_one() {
    let (_home, mut command) = alone();
    let said = say(command.args(["wf", "list"]));
    assert_eq!(said.code, 3, "{}", said.err);
    assert!(said.err.contains("colchis server"), "{}", said.err);
}

#[test]
fn wrong_usage_is_told_on_standard_error() {
    for args in [vec!["wf", "frobnicate"], vec!["run"], vec!["wf", "get", "x", "-o", "xml"]] {
        let (_home, mut command) = alone();
        let said = say(command.args(&args));
        assert_eq!(said.code, 2, "{args:?}\n{}{}", said.out, said.err);
        assert!(!said.err.is_empty(), "{args:?}");
    }
}

#[test]
fn fields_are_explained_and_schemas_written() {
    let say_of = |args: &[&str]| {
        let (_home, mut command) = alone();
        say(command.args(args))
    };
    let explained = say_of(&["explain", "wf.spec.templates.retryStrategy"]).ok();
    for part in ["KIND:       Workflow", "<RetryStrategy>", "limit", "backoff"] {
        assert!(explained.contains(part), "does not say {part:?}\n{explained}");
    }
    let explained = say_of(&["explain", "plugin.spec"]).ok();
    for part in ["KIND:       Plugin", "source", "grants", "limits", "<PluginLimits>"] {
        assert!(explained.contains(part), "does not say {part:?}\n{explained}");
    }
    assert!(say_of(&["explain", "wf.spec.affinity"]).ok().contains("without effect on this runner"));
    let wrong = say_of(&["explain", "wf.spec.entrypont"]);
    assert_eq!(wrong.code, 2, "{}", wrong.err);
    assert!(wrong.err.contains("entrypoint"), "{}", wrong.err);
    let one: Value = serde_json::from_str(&say_of(&["schema", "cronwf"]).ok()).unwrap();
    assert_eq!(one["title"], "CronWorkflow");
    let all: Value = serde_json::from_str(&say_of(&["schema"]).ok()).unwrap();
    assert!(all["$defs"]["argoproj.io.v1alpha1.Workflow"]["properties"]["spec"].is_object());
}

#[test]
fn who_knows_argos_commands_is_told_ours() {
    for (line, ours) in [
        ("submit x.yaml --watch", "colchis workflow submit x.yaml --watch"),
        ("list --running", "colchis workflow list --running"),
        ("logs @latest -f", "colchis workflow logs @latest -f"),
        ("cp hello out", "colchis artifact cp hello out"),
    ] {
        let (_home, mut command) = alone();
        let said = say(command.args(line.split(' ')));
        assert_eq!(said.code, 2, "{line}");
        assert!(said.err.contains(&format!("`{ours}`")), "{line}\n{}", said.err);
    }
    // A word that is wrong within a group is answered by the group.
    let (_home, mut command) = alone();
    let said = say(command.args(["cron", "submit"]));
    assert!(said.code == 2 && !said.err.contains("workflow submit"), "{}", said.err);
}

#[test]
fn lint_looks_at_the_kinds_that_are_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("two.yaml");
    let two = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndta: {}\n---\n\
               apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: b}\nspec: {entripoint: x}\n";
    std::fs::write(&file, two).unwrap();
    for (kinds, there, gone) in [("workflows", "entripoint", "dta"), ("configmaps", "dta", "entripoint")] {
        let (_home, mut command) = alone();
        let said = say(command.arg("lint").arg(&file).args(["-o", "simple", "--kinds", kinds]));
        assert_eq!(said.code, 1, "{}{}", said.out, said.err);
        assert!(said.out.contains(there) && !said.out.contains(gone), "{kinds}\n{}", said.out);
    }
}

#[test]
fn lint_knows_what_a_plugin_says() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plugin.yaml");
    let plugin = "apiVersion: colchis.dev/v1\nkind: Plugin\nmetadata: {name: prometheus}\nspec:\n  source: {file: ../a.wasm}\n  \
                  grants:\n    http: [{host: 'a:http'}]\n";
    std::fs::write(&file, plugin).unwrap();
    let (_home, mut command) = alone();
    let said = say(command.arg("lint").arg(&file).args(["-o", "simple"]));
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    for part in ["plugin.yaml:5:", "PL002", "plugin.yaml:7:", "PL006"] {
        assert!(said.out.contains(part), "does not say {part:?}\n{}", said.out);
    }
}

#[test]
fn editors_get_the_schema_of_each_kind() {
    for kind in ["Workflow", "CronWorkflow", "ConfigMap", "Plugin", "test"] {
        let (_home, mut command) = alone();
        let schema: Value = serde_json::from_str(&say(command.args(["schema", kind])).ok()).unwrap();
        assert!(schema["properties"].is_object(), "{kind}");
    }
    let (_home, mut command) = alone();
    assert!(say(command.args(["schema", "Workflw"])).fails().contains("workflow"));
}

#[test]
fn a_parameter_that_the_workflow_does_not_know_is_told() {
    let (_home, mut command) = alone();
    let said = say(command.args(["run", "examples/hello/greeting.yaml", "-p", "nme=Medea"]));
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains("no argument \"nme\"; did you mean \"name\"?"), "{}", said.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_resumes_what_does_not_wait_is_told() {
    let server = Server::start().await;
    let name = server.cli(&["wf", "submit", "examples/suspend/approval.yaml", "-o", "name"]).ok();
    let name = name.trim().rsplit('/').next().unwrap_or_default().to_owned();
    tests::eventually("the run waits for a person", || async {
        server.cli(&["wf", "get", &name, "-o", "json"]).ok().contains("\"Suspend\"").then_some(())
    })
    .await;
    let waited = server.cli(&["wf", "resume", &name]);
    assert!(waited.code == 0 && !waited.err.contains("waited for it"), "{}", waited.err);
    server.cli(&["wf", "wait", &name]).ok();
    let other = server
        .cli(&["wf", "submit", "examples/suspend/approval.yaml", "-o", "name", "--entrypoint", "say", "-p", "text=x"])
        .ok();
    let other = other.trim().rsplit('/').next().unwrap_or_default().to_owned();
    let early = server.cli(&["wf", "resume", &other]);
    // It is over, or on its way to it: never is there something that waits.
    assert!(early.code != 0 || early.err.contains("waited for it"), "{}", early.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_may_be_told_the_moment_of_its_schedule() {
    let server = Server::start().await;
    let submit = ["wf", "submit", "examples/hello/hello.yaml", "--scheduled-time", "2026-08-05T14:00:00+02:00"];
    let name = server.cli(&[&submit[..], &["-o", "name"]].concat()).ok();
    let name = name.trim().rsplit('/').next().unwrap_or_default().to_owned();
    let json: Value = serde_json::from_str(&server.cli(&["wf", "get", &name, "-o", "json"]).ok()).unwrap();
    assert_eq!(json["metadata"]["annotations"]["workflows.argoproj.io/scheduled-time"], "2026-08-05T12:00:00Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn submit_list_get_logs_wait_delete() {
    let server = Server::start().await;
    let name = server.cli(&["wf", "submit", "examples/hello/hello.yaml", "-o", "name"]).ok();
    let name = name.trim().rsplit('/').next().unwrap_or_default().to_owned();
    assert!(name.starts_with("hello-"), "{name}");
    server.cli(&["wf", "wait", &name]).ok();
    assert!(server.cli(&["wf", "logs", &name]).ok().contains("hello world"));
    let list = server.cli(&["wf", "list"]).ok();
    assert!(list.contains(&name) && list.contains("Succeeded"), "{list}");
    let json: Value = serde_json::from_str(&server.cli(&["wf", "get", &name, "-o", "json"]).ok()).unwrap();
    assert_eq!(json["status"]["phase"], "Succeeded");
    assert!(server.cli(&["wf", "get", &name]).ok().contains("Succeeded"));
    let json: Value = serde_json::from_str(&server.cli(&["archive", "list", "-o", "json"]).ok()).unwrap();
    assert_eq!(
        (&json[0]["metadata"]["name"], &json[0]["status"]["phase"]),
        (&name.as_str().into(), &"Succeeded".into())
    );
    let names = server.cli(&["archive", "list", "-o", "jsonpath={.items[*].metadata.name}"]).ok();
    assert_eq!(names.trim(), name);
    server.cli(&["wf", "delete", &name]).ok();
    let gone = server.cli(&["wf", "get", &name]);
    assert_eq!(gone.code, 1, "{}{}", gone.out, gone.err);
    assert!(gone.err.contains("not found") && gone.err.contains(&name), "{}", gone.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_line_of_a_container_set_is_told_once() {
    let server = Server::start().await;
    let manifest = r#"apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: set-}
spec:
  entrypoint: both
  templates:
  - name: both
    dag: {tasks: [{name: build, template: set}, {name: plain, template: plain, depends: build}]}
  - name: set
    containerSet:
      containers:
      - {name: left, image: busybox, command: [echo, from left]}
      - {name: main, image: busybox, command: [echo, from main], dependencies: [left]}
  - {name: plain, container: {image: busybox, command: [echo, from plain]}}
"#;
    let path = server.data_dir().join("set.yaml");
    std::fs::write(&path, manifest).unwrap();
    let name = server.cli(&["wf", "submit", path.to_str().unwrap(), "-o", "name"]).ok();
    let name = name.trim().rsplit('/').next().unwrap_or_default().to_owned();
    let all = ["build/left: from left", "build/main: from main", "plain: from plain"];
    let told = |flags: &[&str]| {
        let said = server.cli(&[&["wf", "logs", &name][..], flags].concat()).ok();
        said.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    // What is followed at once comes in any order.
    let followed = |flags: &[&str]| {
        let mut lines = told(flags);
        lines.sort();
        lines
    };
    assert_eq!(followed(&["-f"]), all);
    assert_eq!(told(&[]), all);
    assert_eq!(followed(&["-f", "-c", "*"]), [all[0], all[1], "plain/main: from plain"]);
    assert_eq!(told(&["-c", "*"]), [all[0], all[1], "plain/main: from plain"]);
    assert_eq!(told(&["-c", "main"]), all[1..]);
    assert_eq!(told(&["-c", "left"]), all[..1]);
    assert_eq!(told(&["-l", "type=Container"]), all[..2]);
    assert_eq!(told(&["-l", "displayName=left"]), all[..1]);
    let json: Value = serde_json::from_str(&server.cli(&["wf", "get", &name, "-o", "json"]).ok()).unwrap();
    let node = |name: &str| {
        let nodes = json["status"]["nodes"].as_object().unwrap();
        nodes.values().find(|n| n["displayName"] == name).unwrap().clone()
    };
    assert_eq!(told(&[node("left")["id"].as_str().unwrap()]), ["from left"]);
    assert_eq!((&json["status"]["progress"], &node("build")["progress"]), (&"2/2".into(), &"1/1".into()));
    let other = server.cli(&["wf", "logs", &name, node("left")["id"].as_str().unwrap(), "-c", "main"]);
    assert!(other.code == 1 && other.err.contains("is the container \"left\""), "{}", other.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_can_be_retried_and_resubmitted() {
    let server = Server::start().await;
    let name = server.cli(&["wf", "submit", "examples/hello/failing.yaml", "-o", "name"]).ok();
    let name = name.trim().rsplit('/').next().unwrap_or_default().to_owned();
    assert_eq!(server.cli(&["wf", "wait", &name]).code, 1);
    server.cli(&["wf", "retry", &name]).ok();
    assert_eq!(server.cli(&["wf", "wait", &name]).code, 1);
    server.cli(&["wf", "resubmit", &name]).ok();
    let list = server.cli(&["wf", "list", "-o", "name"]).ok();
    assert_eq!(list.lines().filter(|l| l.contains("failing-")).count(), 2, "{list}");
}

/// The object of a retried run says for a moment still that it has failed: nobody who waits for the retry is told so.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_retried_run_sees_its_second_end() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("twice.yaml");
    let step = "if [ -e /mnt/work/once ]; then exit 0; fi; touch /mnt/work/once; exit 3";
    let text = format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {{generateName: twice-}}\nspec:\n  entrypoint: main\n  \
         volumeClaimGC: {{strategy: OnWorkflowSuccess}}\n  volumeClaimTemplates:\n  - {{metadata: {{name: work}}, spec: {{accessModes: [ReadWriteOnce], \
         resources: {{requests: {{storage: 1Mi}}}}}}}}\n  templates:\n  - name: main\n    container:\n      {{image: x, command: [sh, -c], args: ['{step}'], \
         volumeMounts: [{{name: work, mountPath: /mnt/work}}]}}\n"
    );
    std::fs::write(&file, text).unwrap();
    let name = server.cli(&["wf", "submit", &file.to_string_lossy(), "-o", "name"]).ok();
    let name = name.trim().rsplit('/').next().unwrap_or_default().to_owned();
    assert_eq!(server.cli(&["wf", "wait", &name]).code, 1);
    let retried = server.cli(&["wf", "retry", &name, "--watch"]);
    assert_eq!(retried.code, 0, "{}{}", retried.out, retried.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn apply_get_and_delete_any_object() {
    let server = Server::start().await;
    server.cli(&["apply", "-f", "examples/templates/template-ref.yaml"]).ok();
    assert!(server.cli(&["get", "workflowtemplates"]).ok().contains("toolbox"));
    assert!(server.cli(&["template", "list"]).ok().contains("toolbox"));
    assert!(server.cli(&["cluster-template", "list"]).ok().contains("scanners"));
    server.cli(&["apply", "-f", "examples/cron/backup.yaml"]).ok();
    assert!(server.cli(&["cron", "list"]).ok().contains("nightly-backup"));
    server.cli(&["delete", "-f", "examples/cron/backup.yaml"]).ok();
    assert!(!server.cli(&["cron", "list"]).ok().contains("nightly-backup"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_created_with_what_the_flags_say() {
    let server = Server::start().await;
    let manifest = r#"apiVersion: argoproj.io/v1alpha1
kind: CronWorkflow
metadata: {name: nightly}
spec:
  schedules: ["0 1 * * *"]
  suspend: true
  workflowSpec:
    entrypoint: main
    arguments: {parameters: [{name: target, value: one}, {name: day, value: today}]}
    templates:
    - {name: main, container: {image: busybox, command: [echo, main]}}
    - name: other
      container: {image: busybox, command: [echo, "{{workflow.parameters.target}} {{workflow.parameters.day}}"]}
"#;
    let path = server.data_dir().join("cron.yaml");
    std::fs::write(&path, manifest).unwrap();
    let path = path.to_str().unwrap();
    let flags = ["--name", "weekly", "--schedule", "0 3 * * 0", "--entrypoint", "other", "-p", "target=two"];
    let created = server.cli(&[&["cron", "create", path, "-l", "team=a", "-o", "json"][..], &flags].concat()).ok();
    let object: Value = serde_json::from_str(&created).unwrap();
    assert_eq!(
        (&object["metadata"]["name"], &object["spec"]["schedules"][0], &object["metadata"]["labels"]["team"]),
        (&"weekly".into(), &"0 3 * * 0".into(), &"a".into())
    );
    let backfill = ["--start", "2026-08-01", "--end", "2026-08-03", "--argname", "day", "--format", "2006-01-02"];
    let made = server.cli(&[&["cron", "backfill", "weekly"][..], &backfill].concat()).ok();
    let run = made.trim().strip_prefix("workflow ").and_then(|line| line.strip_suffix(" created")).unwrap();
    server.cli(&["wf", "wait", run]).ok();
    assert_eq!(server.cli(&["wf", "logs", run, "--no-prefix"]).ok(), "two 2026-08-02\n");
    let updated = server.cli(&["cron", "update", path, "--name", "weekly", "--schedule", "0 5 * * *"]).ok();
    assert_eq!(updated, "cronworkflow.argoproj.io/weekly updated\n");
    let object: Value = serde_json::from_str(&server.cli(&["cron", "get", "weekly", "-o", "json"]).ok()).unwrap();
    assert_eq!(object["spec"]["schedules"][0], "0 5 * * *");
    let wrong = server.cli(&["cron", "create", path, "--entrypoint", "othr", "--name", "third"]);
    assert!(wrong.code != 0 && wrong.err.contains("did you mean \"other\"?"), "{}", wrong.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_told_with_what_was_probably_meant() {
    let server = Server::start().await;
    let name = server.cli(&["wf", "submit", "examples/hello/hello.yaml", "-o", "name"]).ok();
    let name = name.trim().rsplit('/').next().unwrap_or_default().to_owned();
    server.cli(&["apply", "-f", "examples/templates/template-ref.yaml"]).ok();
    server.cli(&["apply", "-f", "examples/cron/backup.yaml"]).ok();
    for (words, meant) in [
        (&["wf", "get", "hello"][..], name.as_str()),
        (&["wf", "stop", &name[..name.len() - 1]], &name),
        (&["wf", "logs", "hello"], &name),
        (&["template", "get", "tolbox"], "toolbox"),
        (&["cluster-template", "get", "scaners"], "scanners"),
        (&["cron", "get", "nightly"], "nightly-backup"),
        (&["wf", "submit", "--from", "workflowtemplate/toolbx"], "toolbox"),
    ] {
        let said = server.cli(words);
        assert!(
            said.code != 0 && said.err.contains(&format!("hint: did you mean `{meant}`?")),
            "{words:?} {}",
            said.err
        );
    }
    let said = server.cli(&["wf", "get", "nothing-like-it"]);
    assert!(said.err.contains("not found") && !said.err.contains("did you mean"), "{}", said.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_watched_in_part() {
    let server = Server::start().await;
    let name = server.cli(&["wf", "submit", "examples/dag/diamond.yaml", "-o", "name"]).ok();
    let name = name.trim().rsplit('/').next().unwrap_or_default().to_owned();
    let said =
        server.cli(&["wf", "watch", &name, "--node-field-selector", "displayName=top", "--status", "Succeeded"]).ok();
    assert!(said.contains("top") && !said.contains("bottom"), "{said}");
    assert_eq!(server.cli(&["wf", "watch", &name, "--status", "Done"]).code, 2);
}

/// Each `colchis …` line of the README and of the examples' README is a command that there is.
#[test]
fn the_readme_names_commands_that_there_are() {
    let mut seen = 0;
    for paper in ["README.md", "examples/README.md", "examples/observability/README.md"] {
        let text = std::fs::read_to_string(binary::root().join(paper)).unwrap();
        let in_code = text.split('`').skip(1).step_by(2).map(str::to_owned);
        let lines = text.lines().filter_map(|l| l.strip_prefix("    ")).map(str::to_owned);
        for line in in_code.chain(lines).filter(|l| l.starts_with("colchis ")) {
            let words: Vec<&str> = line
                .split_whitespace()
                .skip(1)
                .take_while(|w| w.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !w.starts_with('-'))
                .collect();
            let (_home, mut command) = alone();
            let said = say(command.args(&words).arg("--help"));
            assert_eq!(said.code, 0, "{paper}: `{line}`\n{}", said.err);
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen} commands were found");
}
