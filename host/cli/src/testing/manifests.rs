//! What the manifests under test hold: their templates, and the steps within them, each with its place.

use serde_json::Value;

use crate::support::documents::Document;

/// What a template does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// A container, a script or a set of containers.
    Run,
    /// A request.
    Http,
    /// Waits.
    Suspend,
    /// Others: `steps` or `dag`.
    Steps,
    /// Something that the server does itself: `resource`, `data`.
    Serve,
    /// A plugin: what it leaves is its own to say.
    Plugin,
    /// Nothing that is known.
    Unknown,
}

/// A place in a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: String,
    /// From 1.
    pub line: u32,
}

/// A template.
#[derive(Debug, Clone)]
pub struct TemplateFact {
    /// The object it stands in.
    pub owner: String,
    /// That object's kind.
    pub owner_kind: String,
    /// Its name.
    pub name: String,
    /// What it does.
    pub does: Does,
    /// Its output parameters.
    pub outputs: Vec<String>,
    /// Where it stands.
    pub place: Place,
    /// Its steps or tasks.
    pub steps: Vec<StepFact>,
}

/// A step or task.
#[derive(Debug, Clone)]
pub struct StepFact {
    /// Its name.
    pub name: String,
    /// It runs under a condition.
    pub conditional: bool,
    /// Where it stands.
    pub place: Place,
}

/// The templates of all documents.
pub fn templates(documents: &[Document]) -> Vec<TemplateFact> {
    let mut facts = Vec::new();
    for document in documents {
        let Ok(value) = document.value() else { continue };
        let base = match document.kind() {
            "CronWorkflow" => "spec.workflowSpec",
            "Workflow" | "WorkflowTemplate" | "ClusterWorkflowTemplate" => "spec",
            _ => continue,
        };
        let spec = base.split('.').try_fold(&value, |at, name| at.get(name));
        let list = spec.and_then(|spec| spec.get("templates")).and_then(Value::as_array);
        for (at, template) in list.into_iter().flatten().enumerate() {
            facts.push(fact(document, &format!("{base}.templates[{at}]"), template));
        }
    }
    facts
}

fn fact(document: &Document, path: &str, template: &Value) -> TemplateFact {
    let place = |path: &str| Place { file: document.source.to_string(), line: document.position(path).line };
    let outputs = template.pointer("/outputs/parameters").and_then(Value::as_array);
    TemplateFact {
        owner: document.name().to_owned(),
        owner_kind: document.kind().to_owned(),
        name: text(template, "name"),
        does: does(template),
        outputs: outputs.into_iter().flatten().map(|parameter| text(parameter, "name")).collect(),
        place: place(path),
        steps: steps(template)
            .into_iter()
            .map(|(below, step)| StepFact {
                name: text(step, "name"),
                conditional: step.get("when").is_some(),
                place: place(&format!("{path}.{below}")),
            })
            .collect(),
    }
}

fn does(template: &Value) -> Does {
    let table = [
        (&["container", "script", "containerSet"][..], Does::Run),
        (&["http"], Does::Http),
        (&["suspend"], Does::Suspend),
        (&["steps", "dag"], Does::Steps),
        (&["resource", "data"], Does::Serve),
        (&["plugin"], Does::Plugin),
    ];
    let has = |names: &[&str]| names.iter().any(|name| template.get(name).is_some());
    table.iter().find(|(names, _)| has(names)).map_or(Does::Unknown, |(_, does)| *does)
}

/// The steps of a template: their paths below it, and themselves.
fn steps(template: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    let groups = template.get("steps").and_then(Value::as_array);
    for (outer, group) in groups.into_iter().flatten().enumerate() {
        // A group may stand without a list around it.
        match group {
            Value::Array(list) => {
                found.extend(list.iter().enumerate().map(|(at, step)| (format!("steps[{outer}][{at}]"), step)));
            }
            one => found.push((format!("steps[{outer}]"), one)),
        }
    }
    let tasks = template.pointer("/dag/tasks").and_then(Value::as_array);
    found.extend(tasks.into_iter().flatten().enumerate().map(|(at, task)| (format!("dag.tasks[{at}]"), task)));
    found
}

fn text(value: &Value, field: &str) -> String {
    value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Source;
    use crate::support::documents;

    #[test]
    fn steps_and_tasks_are_found_with_their_places() {
        let manifest = "kind: CronWorkflow
metadata: {name: nightly}
spec:
  workflowSpec:
    templates:
    - name: main
      steps:
      - - {name: a, template: work}
        - {name: b, template: work, when: '1 == 2'}
    - name: graph
      dag:
        tasks:
        - {name: c, template: work}
    - name: work
      script: {source: x}
      outputs: {parameters: [{name: p}]}
";
        let source = Source { name: "cron.yaml".into(), text: manifest.into() };
        let facts = templates(&documents::parse_all(&[source]).unwrap());
        let told: Vec<String> = facts
            .iter()
            .map(|t| {
                let steps: Vec<String> = t
                    .steps
                    .iter()
                    .map(|s| format!("{}{}:{}", s.name, if s.conditional { "?" } else { "" }, s.place.line))
                    .collect();
                format!("{} {} {:?}:{} {:?} {steps:?}", t.owner, t.name, t.does, t.place.line, t.outputs)
            })
            .collect();
        assert_eq!(
            told,
            [
                r#"nightly main Steps:6 [] ["a:8", "b?:9"]"#,
                r#"nightly graph Steps:10 [] ["c:13"]"#,
                r#"nightly work Run:14 ["p"] []"#,
            ]
        );
    }
}
