use std::collections::HashMap;
use std::fmt::Write as _;

use super::*;
use crate::{schema, yaml};

/// Cases: a title after `# `, a manifest (or the spec of a Workflow), `=>`, what is said of it.
/// `UPDATE_CASES=1 cargo test -p model` writes what is said now; read the difference before you keep it.
const CASES: &str = include_str!("cases.txt");
const CASES_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/validate/cases.txt");

/// Template objects that the cases refer to.
struct Known(HashMap<String, WorkflowSpec>);

impl Templates for Known {
    fn find(&self, name: &str, cluster_scope: bool) -> Lookup<'_> {
        if name.starts_with("unknown") {
            return Lookup::Unknown;
        }
        let key = if cluster_scope { format!("cluster/{name}") } else { name.to_owned() };
        self.0.get(&key).map_or(Lookup::Missing, Lookup::Found)
    }
}

fn known() -> Known {
    let spec: WorkflowSpec = serde_json::from_str(
        r#"{"entrypoint": "main", "arguments": {"parameters": [{"name": "base", "value": "1"}]}, "volumes": [{"name": "shared"}],
            "templates": [
              {"name": "main", "container": {"image": "x"}},
              {"name": "echo", "inputs": {"parameters": [{"name": "message"}]}, "container": {"image": "x"},
               "outputs": {"parameters": [{"name": "said", "valueFrom": {"path": "/said"}}]}}]}"#,
    )
    .unwrap();
    Known(HashMap::from([("library".to_owned(), spec.clone()), ("cluster/library".to_owned(), spec)]))
}

fn manifest(case: &str) -> String {
    if case.starts_with("apiVersion:") {
        return case.to_owned();
    }
    let mut text = String::from("apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: w}\nspec:\n");
    for line in case.lines() {
        let _ = writeln!(text, "  {line}");
    }
    text
}

fn say(case: &str) -> String {
    let known = known();
    let context = Context { syntax: &PlainSyntax, templates: &known, limits: Limits::DEFAULT };
    let documents = match yaml::read(&manifest(case), &yaml::Limits::DEFAULT) {
        Ok(documents) => documents,
        Err(error) => return format!("unreadable: {error}\n"),
    };
    let mut out = String::new();
    for document in &documents {
        let mut violations = schema::check(document.json()).violations;
        if !violations.iter().any(Violation::is_error) {
            violations.extend(validate(&Object::from_json(document.json()).unwrap(), &context));
        }
        for violation in violations {
            let weight = if violation.is_error() { "" } else { "warning: " };
            let _ = writeln!(out, "{weight}{violation}");
        }
    }
    if out.is_empty() { "ok\n".to_owned() } else { out }
}

#[test]
fn cases() {
    let mut now = String::new();
    for case in CASES.split("\n# ").map(|c| c.trim_start_matches("# ")) {
        let (title, rest) = case.split_once('\n').unwrap();
        let (manifest, _) = rest.split_once("\n=>").unwrap_or((rest.trim_end(), ""));
        let _ = write!(now, "# {title}\n{manifest}\n=>\n{}\n", say(manifest));
    }
    let now = format!("{}\n", now.trim_end());
    if std::env::var_os("UPDATE_CASES").is_some() {
        std::fs::write(CASES_FILE, &now).unwrap();
        return;
    }
    for (case, expected) in now.split("\n# ").zip(CASES.split("\n# ")) {
        assert_eq!(case.trim_end(), expected.trim_end());
    }
    assert_eq!(now.trim_end(), CASES.trim_end());
}

/// The examples of the repository say themselves which of them are refused; the others must pass.
#[test]
fn examples_pass() {
    let mut open = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples"))];
    let mut count = 0;
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let is_manifest = path.extension().is_some_and(|e| e == "yaml") && text.contains("\nkind:");
            if !is_manifest || text.contains("# expect: Refused") {
                continue;
            }
            let documents = yaml::read(&text, &yaml::Limits::DEFAULT).unwrap();
            let mut known = Known(HashMap::new());
            for document in &documents {
                let object = Object::from_json(document.json()).unwrap();
                let name = object.metadata.name.clone();
                if let Ok(template) = object.decode::<WorkflowTemplate>() {
                    known.0.insert(name, template.spec);
                } else if let Ok(template) = object.decode::<ClusterWorkflowTemplate>() {
                    known.0.insert(format!("cluster/{name}"), template.spec);
                }
            }
            let context = Context { syntax: &PlainSyntax, templates: &known, limits: Limits::DEFAULT };
            for document in documents.iter().filter(|d| schema::type_of(d.json()).is_ok()) {
                let object = Object::from_json(document.json()).unwrap();
                let mut violations = schema::check(document.json()).violations;
                violations.extend(validate(&object, &context));
                violations.retain(Violation::is_error);
                assert!(
                    violations.is_empty(),
                    "{}: {}",
                    path.display(),
                    violations.iter().map(|v| format!("\n  {v}")).collect::<String>()
                );
                // What is written after reading is the same object.
                if let Ok(workflow) = object.decode::<Workflow>() {
                    let written = workflow.clone().into_object().unwrap().to_json().unwrap();
                    assert!(schema::check(&written).is_ok(), "{written}");
                    assert_eq!(Object::from_json(&written).unwrap().decode::<Workflow>().unwrap(), workflow);
                }
                count += 1;
            }
        }
    }
    assert!(count > 50, "only {count} examples were found");
}

#[test]
fn plain_depends() {
    for (text, expected) in [
        ("a", "a"),
        ("a && b-2.Failed || !(c.Succeeded)", "a b-2.Failed c.Succeeded"),
        ("a &&", "a task is expected at the end"),
        ("a b", "&&, || or ) is expected, not 'b'"),
        ("(a", "a ) is missing at the end"),
        ("a & b", "&&, || or ) is expected, not '&'"),
        ("", "a task is expected at the end"),
        ("a)", "&&, || or ) is expected, not ')'"),
    ] {
        let said = match PlainSyntax.depends(text) {
            Ok(tasks) => tasks
                .into_iter()
                .map(|t| t.result.map_or(t.task.clone(), |r| format!("{}.{r}", t.task)))
                .collect::<Vec<_>>()
                .join(" "),
            Err(fault) => fault.reason,
        };
        assert_eq!(said, expected, "{text}");
    }
}

#[test]
fn references_are_found() {
    let spec: WorkflowSpec = serde_json::from_str(
        r#"{"workflowTemplateRef": {"name": "base"}, "hooks": {"exit": {"templateRef": {"name": "h", "template": "t"}}},
            "templates": [{"name": "a", "steps": [[{"name": "s", "templateRef": {"name": "c", "template": "t", "clusterScope": true}}]]},
              {"name": "b", "dag": {"tasks": [{"name": "t", "inline": {"steps": [[{"name": "s", "templateRef": {"name": "deep", "template": "t"}}]]}},
                {"name": "u", "templateRef": {"name": "{{x}}", "template": "t"}}]}}]}"#,
    )
    .unwrap();
    let found: Vec<String> = references(&spec)
        .into_iter()
        .map(|r| format!("{}{}", r.name, if r.cluster_scope { "!" } else { "" }))
        .collect();
    assert_eq!(found, ["base", "c!", "deep", "h"]);
}

/// A graph of `count` tasks, each after the one before and the one at half its number, each naming an output of the one before.
fn large(count: usize) -> String {
    let mut tasks = String::new();
    for i in 0..count {
        let after = match i {
            0 => String::new(),
            _ => format!(r#","dependencies":["t{}","t{}"]"#, i - 1, i / 2),
        };
        let value = if i == 0 { "x".to_owned() } else { format!("{{{{tasks.t{}.outputs.parameters.said}}}}", i - 1) };
        let comma = if i == 0 { "" } else { "," };
        let _ = write!(
            tasks,
            r#"{comma}{{"name":"t{i}","template":"echo","arguments":{{"parameters":[{{"name":"message","value":"{value}"}}]}}{after}}}"#
        );
    }
    format!(
        r#"{{"apiVersion":"argoproj.io/v1alpha1","kind":"Workflow","metadata":{{"name":"large"}},"spec":{{"entrypoint":"main","templates":[
            {{"name":"main","dag":{{"tasks":[{tasks}]}}}},
            {{"name":"echo","inputs":{{"parameters":[{{"name":"message"}}]}},"container":{{"image":"x"}},
              "outputs":{{"parameters":[{{"name":"said","valueFrom":{{"path":"/said"}}}}]}}}}]}}}}"#
    )
}

#[test]
fn a_large_graph_is_fine() {
    let object = Object::from_json(&large(20_000)).unwrap();
    let context = Context { syntax: &PlainSyntax, templates: &Offline, limits: Limits::DEFAULT };
    assert_eq!(validate(&object, &context), []);
}

#[test]
fn limits_are_said() {
    let object = Object::from_json(&large(20)).unwrap();
    let limits = Limits { tasks_max: 10, templates_max: 1, parameters_max: 0, ..Limits::DEFAULT };
    let context = Context { syntax: &PlainSyntax, templates: &Offline, limits };
    let codes: Vec<&str> = validate(&object, &context).iter().map(|v| v.code).collect();
    assert!(codes.iter().filter(|c| **c == "WF003").count() >= 3, "{codes:?}");
    let limits = Limits { violations_max: 2, tasks_max: 10, templates_max: 1, parameters_max: 0, ..Limits::DEFAULT };
    let context = Context { syntax: &PlainSyntax, templates: &Offline, limits };
    assert_eq!(validate(&object, &context).len(), 3);
}

/// Prints how fast a large graph is checked; `cargo test --release -p model -- --ignored --nocapture speed`.
#[test]
#[ignore = "a measurement, not a test"]
fn speed_of_validation() {
    let json = large(100_000);
    let begin = std::time::Instant::now();
    assert!(schema::check(&json).is_ok());
    println!("schema: {} MB in {:?}", json.len() / 1_000_000, begin.elapsed());
    let begin = std::time::Instant::now();
    let object = Object::from_json(&json).unwrap();
    println!("object: {:?}", begin.elapsed());
    let begin = std::time::Instant::now();
    let workflow: Workflow = object.decode().unwrap();
    println!("decode: {:?}", begin.elapsed());
    let context = Context { syntax: &PlainSyntax, templates: &Offline, limits: Limits::DEFAULT };
    let begin = std::time::Instant::now();
    let violations = validate_spec(&workflow.spec, &context);
    println!("validate: {:?}, {} violations", begin.elapsed(), violations.len());
}
