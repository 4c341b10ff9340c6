//! The commands for authors of plugins: a project is made, a component is tried out and measured.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tests::cli::{Said, colchis, say};

/// A recording of nothing.
const NOTHING: &str = r#"{"exchanges": []}"#;

fn plugin(args: &[&str]) -> Said {
    say(colchis().arg("plugin").args(args))
}

/// The verdict of each check, and why.
fn verdicts(said: &Said) -> BTreeMap<String, (String, String)> {
    let report: Value =
        serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}\n{}\n{}", said.out, said.err));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let checks = report["checks"].as_array().unwrap();
    checks.iter().map(|check| (text(&check["id"]), (text(&check["verdict"]), text(&check["reason"])))).collect()
}

fn guest(name: &str, test: &str) -> Option<String> {
    testkit::tools::guest(name, test).map(|path| path.display().to_string())
}

#[test]
fn a_step_keeps_every_promise() {
    let Some(greet) = guest("greet", "a_step_keeps_every_promise") else { return };
    let bad = r#"{"greeting": " "}"#;
    let said = plugin(&["test", &greet, "-f", r#"{"who": "Medea"}"#, "--bad-config", bad, "-o", "json"]);
    let verdicts = verdicts(&said);
    assert!(!verdicts.values().any(|(verdict, _)| verdict == "failed"), "{verdicts:#?}");
    assert_eq!(said.code, 0);
    for id in [
        "describe-pure",
        "schema-closed",
        "schema-refuses",
        "check-config",
        "answers",
        "redelivery",
        "growth",
        "cancel",
    ] {
        assert_eq!(verdicts[id].0, "passed", "{id}: {}", verdicts[id].1);
    }
    let table = plugin(&["test", &greet, "-f", r#"{"who": "Medea"}"#, "--calls", "10"]).ok();
    assert!(table.contains("✓   growth") && table.contains("–   throttled"), "{table}");
    let junit = plugin(&["test", &greet, "-f", r#"{"who": "Medea"}"#, "--calls", "10", "-o", "junit"]).ok();
    assert!(junit.contains("<testsuite name=\"greet\"") && junit.contains("failures=\"0\""), "{junit}");
}

/// A step is given the artifacts that it reads; what it wrote is part of its answer.
#[test]
fn a_step_is_tried_out_with_artifacts() {
    let Some(step) = guest("copy-go", "a_step_is_tried_out_with_artifacts") else { return };
    let (config, grant) = (r#"{"source": "in", "target": "out"}"#, "blobs");
    let input = r#"{"artifacts": {"in": {"a": "one", "b/c": "two"}}}"#;
    let args = ["test", &step, "-f", config, "--input", input, "--grant", grant, "--calls", "5", "-o", "json"];
    let verdicts = verdicts(&plugin(&args));
    for id in ["answers", "no-trap", "growth"] {
        assert_eq!(verdicts[id].0, "passed", "{id}: {}", verdicts[id].1);
    }
}

/// Asks a server of the test once and records that; the other checks are made with servers that fail.
fn keeps_every_promise(name: &str, test: &str) {
    let Some(provider) = guest(name, test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let tape = folder.path().join("tape.json").display().to_string();
    let server = tests::http::Http::start();
    let config = format!(r#"{{"url": "{}/status", "path": "version"}}"#, server.url());
    let (grant, bad) = (format!("http={}", server.url()), r#"{"url": "http://a", "path": "a..b"}"#);
    let mut args = vec![
        "test",
        &provider,
        "--kind",
        "metric-provider",
        "-f",
        &config,
        "--grant",
        &grant,
        "--record",
        &tape,
        "--bad-config",
        bad,
    ];
    args.extend(["--calls", "20", "-o", "json"]);
    let verdicts = verdicts(&plugin(&args));
    assert!(!verdicts.values().any(|(verdict, _)| verdict == "failed"), "{name}: {verdicts:#?}");
    for id in
        ["answers", "not-granted", "unreachable", "throttled", "server-error", "credentials", "deadline", "cancel"]
    {
        assert_eq!(verdicts[id].0, "passed", "{name}: {id}: {}", verdicts[id].1);
    }
}

#[test]
fn a_provider_in_python_keeps_every_promise() {
    keeps_every_promise("greet-python", "a_provider_in_python_keeps_every_promise");
}

#[test]
fn a_provider_in_javascript_keeps_every_promise() {
    keeps_every_promise("greet-js", "a_provider_in_javascript_keeps_every_promise");
}

/// For each check a component that it finds fault with.
#[test]
fn each_check_finds_what_it_looks_for() {
    let test = "each_check_finds_what_it_looks_for";
    let (Some(greet), Some(misfit), Some(conformance)) =
        (guest("greet", test), guest("misfit", test), guest("conformance", test))
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (text, nothing) = (write("text.wasm", "no component"), write("nothing.json", NOTHING));
    let conform = |config: &str| -> Vec<String> {
        let kind = "metric-provider".to_owned();
        vec![conformance.clone(), "--kind".into(), kind, "--replay".into(), nothing.clone(), "-f".into(), config.into()]
    };
    let misfits =
        |kind: &str, config: &str| vec![misfit.clone(), "--kind".into(), kind.into(), "-f".into(), config.into()];
    let http = conform(r#"{"do": "http", "url": "http://127.0.0.1:1/x"}"#);
    let clumsy = conform(r#"{"do": "clumsy", "url": "http://127.0.0.1:1/x"}"#);
    let fail = r#"{"do": "fail", "class": "permanent", "code": "c", "message": "m"}"#;
    let cases: Vec<(Vec<String>, &[&str])> = vec![
        (vec![text], &["load"]),
        (vec![conformance.clone()], &["schema"]),
        (misfits("metric-provider", "{}"), &["version", "summary", "needs", "schema"]),
        (misfits("step", r#"{"count": 1}"#), &["schema-closed", "schema-refuses", "check-config"]),
        (vec![greet, "-f".into(), r#"{"greeting": ""}"#.into()], &["config"]),
        (conform(fail), &["answers", "not-granted"]),
        (conform(r#"{"do": "stateCount"}"#), &["redelivery"]),
        (http, &["throttled", "server-error", "credentials", "replay"]),
        (clumsy, &["not-granted", "unreachable", "deadline"]),
        (conform(r#"{"do": "loop"}"#), &["deadline", "cancel"]),
        (conform(r#"{"do": "allocate", "mebibytes": 100}"#), &["memory"]),
        (conform(r#"{"do": "hoard", "bytes": 1000}"#), &["growth"]),
        (conform(r#"{"do": "trap", "message": "last words"}"#), &["no-trap"]),
    ];
    for (args, expected) in cases {
        let args: Vec<&str> = ["test", "-o", "json"].into_iter().chain(args.iter().map(String::as_str)).collect();
        let said = plugin(&args);
        let verdicts = verdicts(&said);
        assert_eq!(said.code, 1, "{args:?}");
        for id in expected {
            assert_eq!(verdicts[*id].0, "failed", "{id} of {args:?}: {verdicts:#?}");
        }
    }
}

#[test]
fn what_was_recorded_is_replayed_without_the_server() {
    let Some(web) = guest("web", "what_was_recorded_is_replayed_without_the_server") else { return };
    let folder = tempfile::tempdir().unwrap();
    let tape = folder.path().join("tape.json").display().to_string();
    let server = tests::http::Http::start();
    let config = format!(
        r#"{{"url": "{}/numbers?token=hush", "headers": [{{"key": "Authorization", "value": "Bearer hush"}}]}}"#,
        server.url()
    );
    let grant = format!("http={}", server.url());
    plugin(&["test", &web, "-f", &config, "--grant", &grant, "--record", &tape, "--calls", "20", "-o", "json"]);
    drop(server);
    let recorded = std::fs::read_to_string(&tape).unwrap();
    assert!(recorded.contains("/numbers?token=*****") && !recorded.contains("hush"), "{recorded}");
    let said = plugin(&["test", &web, "-f", &config, "--replay", &tape, "--calls", "20", "-o", "json"]);
    assert_eq!(verdicts(&said)["replay"].0, "passed", "{}", said.out);
    let other = config.replace("numbers", "others");
    let said = plugin(&["test", &web, "-f", &other, "--replay", &tape, "--calls", "20", "-o", "json"]);
    let replay = &verdicts(&said)["replay"];
    assert!(replay.0 == "failed" && replay.1.contains("/others"), "{replay:?}");
}

#[test]
fn a_component_is_measured() {
    let Some(greet) = guest("greet", "a_component_is_measured") else { return };
    let args = ["bench", &greet, "-f", r#"{"who": "Medea"}"#, "--calls", "50", "--concurrency", "2", "-o", "json"];
    let speed: Value = serde_json::from_str(&plugin(&args).ok()).unwrap();
    for field in
        ["componentBytes", "loadColdMs", "loadCachedMs", "callP50Us", "callP99Us", "callsPerSecond", "instanceBytes"]
    {
        assert!(speed[field].as_f64().is_some_and(|number| number > 0.0), "{field}: {speed}");
    }
    assert!(speed["loadCachedMs"].as_f64() < speed["loadColdMs"].as_f64(), "{speed}");
    let error = plugin(&["bench", &greet, "-f", "{}", "--calls", "5"]).fails();
    assert!(error.contains("expected somebody to greet"), "{error}");
}

#[test]
fn what_cannot_be_right_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().display().to_string();
    std::fs::write(folder.path().join("mine"), "").unwrap();
    for (args, part) in [
        (vec!["new", "Queue", "--lang", "rust", "--kind", "step"], "cannot be the name of a plugin"),
        (vec!["new", "queue", "--lang", "rust", "--kind", "step", "--dir", &taken], "is there already"),
        (vec!["new", "queue", "--lang", "rust", "--kind", "step", "--sdk", "/nowhere"], "cannot be found"),
        (vec!["new", "queue", "--lang", "python", "--kind", "step", "--sdk", "sdk"], "is for projects in Rust"),
        (vec!["test", "x.wasm", "--skip", "all"], "there is no such check"),
        (vec!["test", "x.wasm", "--grant", "all"], "there is no such grant"),
    ] {
        let said = plugin(&args);
        assert_eq!(said.code, 2, "{args:?}: {}", said.err);
        assert!(said.err.contains(part), "{args:?}: {}", said.err);
    }
}

/// Two kinds are tested as their README says, the others are compiled; all are formatted.
#[test]
fn projects_in_rust_build_and_pass_their_tests() {
    let folder = tempfile::tempdir().unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("projects");
    for kind in ["metric-provider", "step", "manifest-renderer", "event-subscriber", "event-receiver", "trigger"] {
        let project = folder.path().join(kind);
        let dir = project.display().to_string();
        plugin(&["new", "queue-lag", "--lang", "rust", "--kind", kind, "--dir", &dir]).ok();
        let cargo = |args: &[&str]| {
            let mut cargo = Command::new(env!("CARGO"));
            cargo.args(args).current_dir(&project).env("CARGO_TARGET_DIR", &target).env_remove("RUSTFLAGS");
            say(&mut cargo).ok()
        };
        cargo(&["fmt", "--check"]);
        match kind {
            "metric-provider" | "step" => cargo(&["test", "--offline", "--quiet"]),
            _ => cargo(&["check", "--offline", "--quiet", "--tests"]),
        };
    }
}

const KINDS: [&str; 6] =
    ["metric-provider", "manifest-renderer", "event-subscriber", "event-receiver", "trigger", "step"];

/// A program that a test cannot do without; `None` after saying aloud that it is skipped.
fn program(name: &str, guest: &str, test: &str) -> Option<std::path::PathBuf> {
    let found = testkit::tools::find(name);
    if found.is_none() {
        testkit::tools::skip(test, &format!("{name} is missing: `cargo xtask guests {guest}` says why"));
    }
    found
}

/// A project of each kind: its tests run natively, and one becomes a component that is tried out as its README says.
fn projects_pass(lang: &str, natively: &dyn Fn(&Path), built: &str, build: &dyn Fn(&Path), flags: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    for kind in KINDS {
        let project = folder.path().join(kind);
        plugin(&["new", "queue-lag", "--lang", lang, "--kind", kind, "--dir", &project.display().to_string()]).ok();
        natively(&project);
    }
    let project = folder.path().join(built);
    build(&project);
    let [component, config] = ["queue_lag.wasm", "config.json"].map(|file| project.join(file).display().to_string());
    let mut args = vec!["test", &component, "-f", &config, "--calls", "20", "-o", "json"];
    args.extend(flags);
    let said = plugin(&args);
    let verdicts = verdicts(&said);
    assert!(said.code == 0 && verdicts["answers"].0 == "passed", "{lang}: {verdicts:#?}");
}

/// Runs a program in a project; words have no spaces.
fn run(project: &Path, program: impl AsRef<std::ffi::OsStr>, words: &str) {
    say(Command::new(program).args(words.split_whitespace()).current_dir(project)).ok();
}

#[test]
fn projects_in_python_pass_their_tests_and_become_components() {
    let test = "projects_in_python_pass_their_tests_and_become_components";
    let Some(tool) = program("componentize-py", "greet-python", test) else { return };
    let natively = |project: &Path| run(project, "python3", "-m unittest");
    let build = |project: &Path| run(project, &tool, "-q -d wit -w workflow-step componentize app -o queue_lag.wasm");
    projects_pass("python", &natively, "step", &build, &[]);
}

#[test]
fn projects_in_javascript_pass_their_tests_and_become_components() {
    let test = "projects_in_javascript_pass_their_tests_and_become_components";
    let Some(tool) = program("componentize-js", "greet-js", test) else { return };
    let natively = |project: &Path| run(project, "node", "--test");
    // What `npm run build` runs.
    let build = |project: &Path| {
        let manifest = std::fs::read_to_string(project.join("package.json")).unwrap();
        let manifest: Value = serde_json::from_str(&manifest).unwrap();
        run(project, &tool, manifest["scripts"]["build"].as_str().unwrap().split_once(' ').unwrap().1);
    };
    let input = r#"{"files": {"a.txt": "one"}}"#;
    projects_pass("javascript", &natively, "manifest-renderer", &build, &["--input", input]);
}

#[test]
fn projects_in_typescript_pass_their_tests_and_become_components() {
    let test = "projects_in_typescript_pass_their_tests_and_become_components";
    let Some(tool) = program("componentize-js", "greet-js", test) else { return };
    let Some(bundler) = program("rolldown", "greet-js", test) else { return };
    let natively = |project: &Path| {
        run(project, &bundler, "plugin.test.ts --platform node --file dist/plugin.test.js");
        run(project, "node", "--test dist");
    };
    let build = |project: &Path| {
        run(project, &bundler, "app.ts --external /^(colchis|wasi):/ --file dist/app.js");
        let world = "--wit wit --world-name event-receiver --disable http fetch-event";
        run(project, &tool, &format!("dist/app.js {world} --out queue_lag.wasm"));
    };
    let input = r#"{"request": {"body": {"id": "7"}}}"#;
    projects_pass("typescript", &natively, "event-receiver", &build, &["--input", input]);
}
