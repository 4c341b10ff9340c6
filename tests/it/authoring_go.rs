//! Plugins in Go: projects as a stranger makes them, and the components that ship, before the checks of `colchis plugin test`.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tests::cli::{colchis, say};

/// What a queue answers.
const LAG: &str = r#"{"exchanges": [{"request": {"method": "GET", "url": "http://127.0.0.1:8080/numbers?queue=orders"}, "answer": {"status": 200, "body": "{\"lag\": 7}"}}]}"#;

/// Calls of `growth`: a component in Go begins in milliseconds where one in Rust takes microseconds.
const CALLS: &str = "20";

/// Whether there is a Go that the kit can be compiled with, and its modules; says aloud when not.
fn go(test: &str) -> bool {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/sdk-go");
    let had = Command::new("go").args(["mod", "download"]).current_dir(sdk).output();
    let why = match had {
        Ok(had) if had.status.success() => return true,
        Ok(had) => String::from_utf8_lossy(&had.stderr).into_owned(),
        Err(_) => "go is missing: install Go 1.25 or newer".to_owned(),
    };
    testkit::tools::skip(test, why.trim());
    false
}

/// What does not pass, and each check's verdict by its id.
fn tested(args: &[&str]) -> (Vec<String>, Value) {
    let said = say(colchis().args(["plugin", "test", "-o", "json", "--calls", CALLS]).args(args));
    let report: Value = serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}\n{}\n{}", said.out, said.err));
    let mut verdicts = json!({});
    let mut failed = Vec::new();
    for check in report["checks"].as_array().unwrap() {
        if check["verdict"] == "failed" {
            failed.push(format!("{}: {}", check["id"], check["reason"]));
        }
        verdicts[check["id"].as_str().unwrap()] = check["verdict"].clone();
    }
    (failed, verdicts)
}

/// Each kind is made, tested, built and tried out as its README says.
#[test]
fn projects_in_go_build_and_keep_every_promise() {
    if !go("projects_in_go_build_and_keep_every_promise") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let tape = folder.path().join("tape.json");
    std::fs::write(&tape, LAG).unwrap();
    let tape = tape.display().to_string();
    let bin = colchis().get_program().to_owned();
    for (kind, input, answers) in [
        ("metric-provider", vec!["--replay", &tape], true),
        ("manifest-renderer", vec!["--input", r#"{"files": {"a.txt": "one"}}"#], true),
        ("event-receiver", vec!["--input", r#"{"request": {"body": {"id": "7"}}}"#], true),
        // Without a server there is nothing to ask or to post to; what it does with broken ones is seen all the same.
        ("trigger", vec![], false),
        ("event-subscriber", vec![], false),
        ("step", vec![], true),
    ] {
        let project = folder.path().join(kind);
        let dir = project.display().to_string();
        say(colchis().args(["plugin", "new", "queue-lag", "--lang", "go", "--kind", kind, "--dir", &dir])).ok();
        let go = |program: &str, args: &[&str]| {
            say(Command::new(program).args(args).current_dir(&project).env("COLCHIS", &bin).env("GOFLAGS", "")).ok()
        };
        assert_eq!(go("gofmt", &["-l", "main.go", "main_test.go"]), "", "{kind}");
        go("go", &["test", "./..."]);
        let made = go("go", &["generate"]);
        assert_eq!(made.contains("instances begin where"), kind == "manifest-renderer", "{kind}: {made}");
        let component = project.join("queue_lag.wasm").display().to_string();
        let config = project.join("config.json").display().to_string();
        let (failed, verdicts) = tested(&[&[component.as_str(), "-f", &config], input.as_slice()].concat());
        assert!(failed.is_empty(), "{kind}: {failed:#?}");
        let looked_at: &[&str] =
            if answers { &["answers", "redelivery", "growth"] } else { &["throttled", "not-granted"] };
        for id in looked_at.iter().chain(&["check-config", "schema-closed", "describe-pure", "cancel", "deadline"]) {
            assert_eq!(verdicts[*id], "passed", "{id} of {kind}: {verdicts:#}");
        }
    }
}

#[test]
fn what_is_no_module_is_not_made_a_component() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let (text, component) = (write("text.wasm", b"text"), write("component.wasm", b"\0asm\x0d\0\x01\0"));
    // A module without any export.
    let module = write("module.wasm", b"\0asm\x01\0\0\0");
    let out = folder.path().join("out.wasm").display().to_string();
    for (file, code, part) in [
        (&text, 2, "is no module of WebAssembly"),
        (&component, 2, "is a component already"),
        (&module, 1, "its exports have to be those of a step"),
    ] {
        let said = say(colchis().args(["plugin", "componentize", file, "--kind", "step", "-o", &out]));
        assert_eq!(said.code, code, "{file}: {}", said.err);
        assert!(said.err.contains(part), "{file}: {}", said.err);
    }
    assert!(!Path::new(&out).exists());
}

/// A case of a plugin's test data: its configuration, and the files as `--input` takes them.
fn case(plugin: &str, case: &str, path: &str) -> (String, Option<Value>) {
    fn add(at: &Path, base: &Path, files: &mut Value) {
        for entry in std::fs::read_dir(at).unwrap() {
            let file = entry.unwrap().path();
            if file.is_dir() {
                add(&file, base, files);
            } else if let Ok(text) = std::fs::read_to_string(&file) {
                files[file.strip_prefix(base).unwrap().to_str().unwrap()] = text.into();
            }
        }
    }
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins").join(plugin).join("testdata").join(case);
    let mut files = json!({});
    add(&base, &base, &mut files);
    let files = files.as_object_mut().unwrap();
    let config = files.remove("config.json").unwrap();
    // What the tool printed is no source.
    files.retain(|name, _| !name.starts_with("expected."));
    (config.as_str().unwrap().trim().to_owned(), Some(json!({"files": files, "path": path})))
}

#[test]
fn shipped_plugins_in_go_keep_every_promise() {
    let test = "shipped_plugins_in_go_keep_every_promise";
    let folder = tempfile::tempdir().unwrap();
    let tape = folder.path().join("tape.json");
    std::fs::write(&tape, LAG).unwrap();
    let lag = r#"{"url": "http://127.0.0.1:8080/numbers", "queue": "orders"}"#;
    for (name, (config, input), args) in [
        ("greet-go", (r#"{"who": "Medea"}"#.to_owned(), None), vec!["--bad-config", r#"{"whom": "x"}"#]),
        ("lag-go", (lag.to_owned(), None), vec!["--replay", tape.to_str().unwrap()]),
        ("jsonnet", case("jsonnet", "objects", ""), vec!["--memory", "128"]),
        ("helm", case("helm", "functions", "chart"), vec!["--memory", "256"]),
        ("kustomize", case("kustomize", "overlay", "app"), vec!["--memory", "512"]),
    ] {
        let Some(component) = testkit::tools::guest(name, test) else { continue };
        let component = component.display().to_string();
        let mut all = vec![component.as_str(), "-f", &config];
        let file = folder.path().join(format!("{name}.json"));
        if let Some(input) = input {
            std::fs::write(&file, input.to_string()).unwrap();
            all.extend(["--input", file.to_str().unwrap()]);
        }
        all.extend(args);
        let (failed, verdicts) = tested(&all);
        assert!(failed.is_empty(), "{name}: {failed:#?}");
        for id in ["answers", "redelivery", "growth", "check-config", "schema-closed", "memory", "no-trap"] {
            assert_eq!(verdicts[id], "passed", "{id} of {name}: {verdicts:#}");
        }
    }
}
