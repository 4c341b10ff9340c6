use super::*;
use crate::core::{ConfigMap, Secret};
use crate::workflow::{DagTask, Template, Workflow, WorkflowStep};

const WORKFLOW: &str = r#"{"status":{"phase":"Running","nodes":{"a":{"id":"a","name":"a","type":"DAG","phase":"Running","startedAt":"2026-01-31T12:00:00Z","finishedAt":null}}},
  "apiVersion":"argoproj.io/v1alpha1","spec":{"entrypoint":"main","templates":[{"name":"main","container":{"image":"x"}}]},"kind":"Workflow",
  "metadata":{"name":"w","namespace":"n","creationTimestamp":null,"managedFields":[{"a":1}],"labels":{"b":"2","a":"1"}}}"#;

#[test]
fn objects_keep_everything() {
    let object = Object::from_json(WORKFLOW).unwrap();
    assert_eq!((object.kind.as_str(), object.metadata.name.as_str()), ("Workflow", "w"));
    assert_eq!(object.body_field("spec").map(|s| s.get().len()), Some(77));
    assert!(object.body_field("nothing").is_none());
    let workflow: Workflow = object.decode().unwrap();
    assert_eq!(workflow.spec.entrypoint.as_deref(), Some("main"));
    assert_eq!(workflow.status.as_ref().unwrap().nodes["a"].phase.as_str(), "Running");
    let written = workflow.clone().into_object().unwrap();
    let text = written.to_json().unwrap();
    assert_eq!(
        text,
        r#"{"apiVersion":"argoproj.io/v1alpha1","kind":"Workflow","metadata":{"name":"w","namespace":"n","labels":{"a":"1","b":"2"}},"spec":{"templates":[{"name":"main","container":{"image":"x"}}],"entrypoint":"main"},"status":{"phase":"Running","nodes":{"a":{"id":"a","name":"a","type":"DAG","phase":"Running","startedAt":"2026-01-31T12:00:00Z"}}}}"#
    );
    assert_eq!(Object::from_json(&text).unwrap(), written);
    assert_eq!(Object::from_value(written.to_value().unwrap()).unwrap(), written);
    assert_eq!(Object::from_json(&text).unwrap().decode::<Workflow>().unwrap(), workflow);
}

#[test]
fn what_is_no_object_is_said() {
    for (text, expected) in [
        (
            "[]",
            "not an object with apiVersion, kind and metadata: invalid type: sequence, expected an object with apiVersion, kind and metadata at line 1 column 0",
        ),
        ("{}", "not an object with apiVersion, kind and metadata: missing field `apiVersion` at line 1 column 2"),
        (
            r#"{"apiVersion":"v1","kind":1}"#,
            "not an object with apiVersion, kind and metadata: invalid type: integer `1`, expected a string at line 1 column 27",
        ),
    ] {
        let error = Object::from_json(text).unwrap_err();
        let said = format!("{error}: {}", std::error::Error::source(&error).unwrap());
        assert_eq!(said, expected, "{text}");
    }
    let object = Object::from_json(r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"}}"#).unwrap();
    assert_eq!(object.decode::<Workflow>().unwrap_err().to_string(), "c is a ConfigMap (v1), not a Workflow");
    assert!(object.decode::<ConfigMap>().unwrap().data.is_empty());
}

#[test]
fn secrets_are_not_shown() {
    let object = Object::from_json(
        r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"data":{"a":"aGlk\nZGVu"},"stringData":{"b":"hidden"}}"#,
    )
    .unwrap();
    assert_eq!(format!("{object:?}"), "Object(v1 Secret /s @)");
    let secret: Secret = object.decode().unwrap();
    assert_eq!(secret.data["a"].expose_secret(), b"hidden");
    assert_eq!(secret.data["b"].expose_secret(), b"hidden");
    let written = secret.into_object().unwrap().to_json().unwrap();
    assert!(written.contains(r#""data":{"a":"aGlkZGVu","b":"aGlkZGVu"}"#), "{written}");
    let broken = r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"data":{"a":"hidden!"}}"#;
    let error = Object::from_json(broken).unwrap().decode::<Secret>().err().unwrap();
    assert_eq!(error.to_string(), "Secret s: data.a is not base64");
}

#[test]
fn kinds_are_found_by_what_people_type() {
    for (typed, kind) in [
        ("wf", Some("Workflow")),
        ("workflows", Some("Workflow")),
        ("Workflow", Some("Workflow")),
        ("workflows.argoproj.io", Some("Workflow")),
        ("workflows.example.com", None),
        ("cwft", Some("ClusterWorkflowTemplate")),
        ("cm", Some("ConfigMap")),
        ("crd", Some("CustomResourceDefinition")),
        ("pods", None),
    ] {
        assert_eq!(find_resource(typed).map(|k| &*k.kind), kind, "{typed}");
    }
    let info = find_kind("argoproj.io/v1alpha1", "CronWorkflow").unwrap();
    assert_eq!((info.group(), info.version(), &*info.singular), ("argoproj.io", "v1alpha1", "cronworkflow"));
    assert_eq!(find_kind("v1", "Secret").unwrap().group(), "");
}

#[test]
fn labels_are_selected() {
    let labels = StringMap::from([("app".to_owned(), "web".to_owned()), ("tier".to_owned(), String::new())]);
    for (selector, expected) in [
        (r#"{}"#, true),
        (r#"{"matchLabels":{"app":"web"}}"#, true),
        (r#"{"matchLabels":{"app":"db"}}"#, false),
        (r#"{"matchExpressions":[{"key":"app","operator":"In","values":["web","db"]}]}"#, true),
        (r#"{"matchExpressions":[{"key":"x","operator":"NotIn","values":["y"]}]}"#, true),
        (r#"{"matchExpressions":[{"key":"tier","operator":"Exists"}]}"#, true),
        (r#"{"matchExpressions":[{"key":"tier","operator":"DoesNotExist"}]}"#, false),
        (
            r#"{"matchLabels":{"app":"web"},"matchExpressions":[{"key":"app","operator":"NotIn","values":["web"]}]}"#,
            false,
        ),
    ] {
        let parsed: LabelSelector = serde_json::from_str(selector).unwrap();
        assert_eq!(parsed.matches(&labels), expected, "{selector}");
    }
}

/// A graph may have 10⁵ tasks: a field more costs 10⁵ times its size.
#[test]
fn tasks_are_small() {
    let (task, step, template) = (size_of::<DagTask>(), size_of::<WorkflowStep>(), size_of::<Template>());
    println!("DagTask {task} bytes, WorkflowStep {step}, Template {template}");
    assert!(task <= 200, "DagTask has {task} bytes");
    assert!(step <= 160, "WorkflowStep has {step} bytes");
}
