//! What is played, as manifests; how a step goes is read off its template's name.

use std::collections::BTreeMap;

use model::Object;
use runner::{EndClass, EndPhase, Unit, UnitResult};
use runtime::Settings;
use simulator::{Scenario, Step};

/// Most of the language in one run: a graph with retries, a loop whose results are used, a condition, hooks, an exit handler, a timer.
const LANGUAGE: &str = r#"
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: language, namespace: default}
spec:
  entrypoint: main
  onExit: quick
  templates:
  - name: main
    dag:
      tasks:
      - {name: first, template: quick}
      - {name: flaky, template: flaky, dependencies: [first]}
      - {name: many, template: says, dependencies: [first], withSequence: {count: "4"}, arguments: {parameters: [{name: n, value: "{{item}}"}]}}
      - {name: not, template: quick, depends: "many", when: "{{tasks.first.status}} == Failed"}
      - {name: bad, template: fails, dependencies: [flaky], continueOn: {failed: true}}
      - {name: pause, template: pause, dependencies: [bad]}
      - {name: last, template: says, depends: "pause && many && not.Skipped", hooks: {exit: {template: quick}}, arguments: {parameters: [{name: n, value: "{{tasks.many.outputs.result}}"}]}}
  - {name: quick, container: {image: x, command: [x]}}
  - {name: fails, container: {image: x, command: [x]}}
  - name: flaky
    retryStrategy: {limit: 3, backoff: {duration: 10s, factor: 2}}
    container: {image: x, command: [x]}
    outputs: {parameters: [{name: out, globalName: out, valueFrom: {path: /out}}]}
  - name: says
    inputs: {parameters: [{name: n}]}
    container: {image: x, command: [x], args: ["{{inputs.parameters.n}}"]}
  - {name: pause, suspend: {duration: 30s}}
"#;

/// The limit of the semaphore.
const LIMITS: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: limits, namespace: default}
data: {two: "2"}
"#;

/// A run that shares a mutex and a semaphore with others of its kind; one step wants both.
const SHARING: &str = r#"
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: NAME, namespace: default}
spec:
  entrypoint: main
  templates:
  - name: main
    steps:
    - - {name: one, template: alone}
      - {name: two, template: pair}
      - {name: both, template: both}
    - - {name: more, template: pair, withItems: [1, 2, 3]}
  - name: alone
    synchronization: {mutexes: [{name: m}]}
    container: {image: x, command: [x]}
  - name: pair
    synchronization: {semaphores: [{configMapKeyRef: {name: limits, key: two}}]}
    container: {image: x, command: [x]}
  - name: both
    synchronization: {mutexes: [{name: m}], semaphores: [{configMapKeyRef: {name: limits, key: two}}]}
    container: {image: x, command: [x]}
"#;

/// A run that holds a mutex as a whole, and wants another's for a step.
const WHOLE: &str = r#"
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: locks-c, namespace: default}
spec:
  entrypoint: main
  synchronization: {mutexes: [{name: whole}]}
  templates:
  - name: main
    steps:
    - - {name: one, template: alone}
  - name: alone
    synchronization: {mutexes: [{name: m}]}
    container: {image: x, command: [x]}
"#;

/// A run whose steps act on objects. No act may be done twice, or find its own traces and fail: what the list holds in the end is an output.
const OBJECTS: &str = r#"
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: list, namespace: default}
spec: {arguments: {parameters: [{name: first}]}, templates: []}
---
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: objects, namespace: default}
spec:
  entrypoint: main
  templates:
  - name: main
    steps:
    - - {name: make, template: make}
    - - {name: one, template: add, arguments: {parameters: [{name: n, value: one}]}}
      - {name: two, template: add, arguments: {parameters: [{name: n, value: two}]}}
    - - {name: look, template: look}
    - - {name: gone, template: gone, arguments: {parameters: [{name: name, value: "{{steps.make.outputs.parameters.name}}"}]}}
  - name: make
    resource: {action: create, manifest: "{apiVersion: v1, kind: ConfigMap, metadata: {generateName: made-, labels: {made: here}}}"}
    outputs: {parameters: [{name: name, valueFrom: {jsonPath: "{.metadata.name}"}}]}
  - name: add
    inputs: {parameters: [{name: n}]}
    resource:
      action: patch
      mergeStrategy: json
      flags: [workflowtemplate, list]
      manifest: '[{"op": "add", "path": "/spec/arguments/parameters/-", "value": {"name": "{{inputs.parameters.n}}"}}]'
  - name: look
    resource: {action: get, flags: [workflowtemplate, list]}
    outputs: {parameters: [{name: size, globalName: size, valueFrom: {jsonPath: "{range .spec.arguments.parameters[*]}x{end}"}}]}
  - name: gone
    inputs: {parameters: [{name: name}]}
    resource: {action: delete, flags: [configmap, "{{inputs.parameters.name}}"]}
"#;

pub(crate) fn language() -> Scenario {
    Scenario { objects: objects(LANGUAGE), decide, exclusive: BTreeMap::new(), settings: Settings::default() }
}

pub(crate) fn locks() -> Scenario {
    let exclusive = [("alone", 1), ("pair", 2), ("both", 1)];
    Scenario {
        objects: [LIMITS, &SHARING.replace("NAME", "locks-a"), &SHARING.replace("NAME", "locks-b"), WHOLE]
            .into_iter()
            .flat_map(objects)
            .collect(),
        decide,
        exclusive: exclusive.map(|(name, max)| (name.to_owned(), max)).into(),
        // Places of the server and of the namespace, for fewer than there are.
        settings: Settings { parallelism: Some(2), namespace_parallelism: Some(2), ..Settings::default() },
    }
}

pub(crate) fn acts() -> Scenario {
    Scenario { objects: objects(OBJECTS), decide, exclusive: BTreeMap::new(), settings: Settings::default() }
}

fn objects(text: &str) -> Vec<Object> {
    let documents = model::yaml::read_bytes(text.as_bytes(), &model::yaml::Limits::default()).unwrap();
    documents
        .iter()
        .map(|document| Object::from_value(serde_json::from_str(document.json()).unwrap()).unwrap())
        .collect()
}

fn decide(unit: &Unit) -> Step {
    let template = &*unit.template.name;
    let ends = |phase, class| UnitResult::new(phase, class, "");
    let well = ends(EndPhase::Succeeded, EndClass::None);
    let badly = UnitResult { exit_code: Some(1), ..ends(EndPhase::Failed, EndClass::ExitCode) };
    let (lasts_ms, result) = match template {
        // Its first two attempts fail.
        "flaky" if unit.node_name.ends_with("(0)") || unit.node_name.ends_with("(1)") => (700, badly),
        "flaky" => (700, UnitResult { parameters: vec![("out".to_owned(), "42".to_owned())], ..well }),
        "fails" => (300, badly),
        "says" => {
            let said = unit.template.inputs.parameters.first().and_then(|p| p.value.as_ref()).map(ToString::to_string);
            (400, UnitResult { result: said, ..well })
        }
        "alone" | "pair" | "both" => (2_000, well),
        _ => (100, well),
    };
    Step { lasts_ms, result }
}
