//! What is played, as manifests; how a step goes is read off its template's name.

use std::collections::BTreeMap;

use model::Object;
use runner::{EndClass, EndPhase, Unit, UnitResult};
use runtime::Settings;
use runtime::control::Command;
use simulator::{Asked, Scenario, Step, When};
use testkit::hostile::Random;

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

/// A run that holds one mutex while a step of it wants another: two that name them the other way round wait for each other.
const CIRCLE: &str = r#"
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: NAME, namespace: default}
spec:
  entrypoint: main
  priority: PRIORITY
  templates:
  - name: main
    steps: [[{name: holds, template: holds}], [{name: after, template: quick, continueOn: {failed: true}}]]
  - name: holds
    synchronization: {mutexes: [{name: FIRST}]}
    retryStrategy: {limit: RETRIES, backoff: {duration: 10s}}
    steps: [[{name: pause, template: pause}], [{name: wants, template: wants}]]
  - name: wants
    synchronization: {mutexes: [{name: THEN}]}
    container: {image: x, command: [x]}
  - {name: pause, suspend: {duration: 10m}}
  - {name: quick, container: {image: x, command: [x]}}
"#;

/// A run that wants two mutexes at once, when others hold the second.
const BOTH: &str = r#"
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: both, namespace: default}
spec:
  entrypoint: main
  templates:
  - name: main
    steps: [[{name: pause, template: pause}], [{name: both, template: both}]]
  - name: both
    synchronization: {mutexes: [{name: m5}, {name: m6}]}
    container: {image: x, command: [x]}
  - {name: pause, suspend: {duration: 5m}}
"#;

/// A run that is in a circle alone: one branch holds a mutex and waits for the only slot, the other takes the slot and waits for the mutex.
const SLOTS: &str = r#"
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: slots, namespace: default}
spec:
  entrypoint: main
  templates:
  - name: main
    parallelism: 1
    dag:
      tasks:
      - {name: slot, template: slot}
      - {name: lock, template: lock}
  - name: slot
    steps: [[{name: pause, template: pause}], [{name: wants, template: lock}]]
  - name: lock
    synchronization: {mutexes: [{name: m7}]}
    container: {image: x, command: [x]}
  - {name: pause, suspend: {duration: 5m}}
"#;

/// Runs that wait for each other without end, unless one of them gives way: for good, to be tried again, by asking anew.
pub(crate) fn circles() -> Scenario {
    let run = |name: &str, first: &str, then: &str, priority: i32, retries: u32| {
        let text = CIRCLE.replace("NAME", name).replace("FIRST", first).replace("THEN", then);
        text.replace("PRIORITY", &priority.to_string()).replace("RETRIES", &retries.to_string())
    };
    let texts = [
        run("ends-a", "m1", "m2", 1, 0),
        run("ends-b", "m2", "m1", 0, 0),
        run("again-a", "m3", "m4", 1, 0),
        run("again-b", "m4", "m3", 0, 1),
        run("before-both", "m6", "m5", 0, 0),
        BOTH.to_owned(),
        SLOTS.to_owned(),
    ];
    Scenario {
        objects: texts.iter().flat_map(|text| objects(text)).collect(),
        decide,
        exclusive: [("both".to_owned(), 1), ("lock".to_owned(), 1)].into(),
        settings: Settings::default(),
        commands: Vec::new(),
    }
}

/// Steps one after another, and an exit handler.
const SEQUENCE: &str = r#"
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: sequence, namespace: default}
spec:
  entrypoint: main
  onExit: quick
  templates:
  - name: main
    steps:
    - - {name: a, template: alone}
    - - {name: b, template: alone}
      - {name: c, template: again}
    - - {name: d, template: alone}
  - {name: again, retryStrategy: {limit: 1}, container: {image: x, command: [x]}}
  - {name: alone, synchronization: {mutexes: [{name: m}]}, container: {image: x, command: [x]}}
  - {name: quick, container: {image: x, command: [x]}}
"#;

/// A run one step of which fails unless a parameter says otherwise.
const RETRIED: &str = r#"
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: retried, namespace: default}
spec:
  entrypoint: main
  arguments: {parameters: [{name: wanted, value: "no"}]}
  templates:
  - name: main
    dag:
      tasks:
      - {name: first, template: alone}
      - {name: beside, template: quick, dependencies: [first]}
      - {name: wants, template: given, dependencies: [first], arguments: {parameters: [{name: n, value: "{{workflow.parameters.wanted}}"}]}}
      - {name: last, template: quick, dependencies: [wants]}
  - name: given
    inputs: {parameters: [{name: n}]}
    container: {image: x, command: [x], args: ["{{inputs.parameters.n}}"]}
  - {name: alone, synchronization: {mutexes: [{name: m}]}, container: {image: x, command: [x]}}
  - {name: quick, container: {image: x, command: [x]}}
"#;

/// Two pauses, one right behind the other.
const PAUSES: &str = r#"
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: pauses, namespace: default}
spec:
  entrypoint: main
  templates:
  - {name: main, steps: [[{name: one, template: wait}], [{name: two, template: wait}], [{name: last, template: quick}]]}
  - {name: wait, suspend: {}}
  - {name: quick, container: {image: x, command: [x]}}
"#;

/// Runs that hold a mutex as a whole, and another in a template of several steps; the first fails unless a parameter says otherwise.
const LOCKED: &str = r#"
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: NAME, namespace: default}
spec:
  entrypoint: main
  arguments: {parameters: [{name: wanted, value: "WANTED"}]}
  WHOLE
  templates:
  - name: main
    steps: [[{name: several, template: several}]]
  - name: several
    PART
    steps:
    - - {name: wants, template: given, arguments: {parameters: [{name: n, value: "{{workflow.parameters.wanted}}"}]}}
    - - {name: a, template: one}
    - - {name: b, template: one}
    - - {name: c, template: one}
  - name: given
    inputs: {parameters: [{name: n}]}
    container: {image: x, command: [x], args: ["{{inputs.parameters.n}}"]}
  - {name: one, container: {image: x, command: [x]}}
"#;

/// A run that holds a lock, as a whole or in a template, is retried when another holds that lock.
pub(crate) fn retried_with_a_lock(whole: bool) -> Scenario {
    let lock = "synchronization: {mutexes: [{name: m}]}";
    let (of_run, of_template) = if whole { (lock, "") } else { ("", lock) };
    let run = |name: &str, wanted: &str| {
        let text = LOCKED.replace("NAME", name).replace("WANTED", wanted);
        objects(&text.replace("WHOLE", of_run).replace("PART", of_template))
    };
    let parameters = vec![("wanted".to_owned(), "yes".to_owned())];
    let retry = Command::Retry { restart_successful: false, node_selector: None, parameters };
    Scenario {
        objects: [run("retried", "no"), run("other", "yes")].concat(),
        decide,
        exclusive: [("one".to_owned(), 1)].into(),
        settings: Settings::default(),
        commands: vec![asked("retried", When::Ended, retry)],
    }
}

fn commanded(text: &str, commands: Vec<Asked>) -> Scenario {
    let exclusive = [("alone".to_owned(), 1)].into();
    Scenario { objects: objects(text), decide, exclusive, settings: Settings::default(), commands }
}

fn asked(run: &'static str, when: When, command: Command) -> Asked {
    Asked { run, when, command }
}

pub(crate) fn terminated_never() -> Scenario {
    commanded(SEQUENCE, Vec::new())
}

pub(crate) fn terminated() -> Scenario {
    commanded(SEQUENCE, vec![asked("sequence", When::Planned, Command::Terminate)])
}

pub(crate) fn stopped() -> Scenario {
    commanded(SEQUENCE, vec![asked("sequence", When::Planned, Command::Stop { node_selector: None, message: None })])
}

pub(crate) fn suspended() -> Scenario {
    let resume = Command::Resume { node_selector: None };
    let commands =
        vec![asked("sequence", When::Planned, Command::Suspend), asked("sequence", When::After(60_000), resume)];
    commanded(SEQUENCE, commands)
}

pub(crate) fn retried() -> Scenario {
    let parameters = vec![("wanted".to_owned(), "yes".to_owned())];
    let retry = Command::Retry { restart_successful: false, node_selector: None, parameters };
    commanded(RETRIED, vec![asked("retried", When::Ended, retry)])
}

pub(crate) fn paused_twice() -> Scenario {
    let resume = || asked("pauses", When::After(60_000), Command::Resume { node_selector: None });
    commanded(PAUSES, vec![resume(), resume()])
}

/// Runs of two branches each, in which templates that hold a lock invoke others that want one; in an order that all keep to, or in any.
pub(crate) fn nested_locks(seed: u64, in_order: bool) -> Scenario {
    const LOCKS: &[&str] =
        &["mutexes: [{name: a}]", "mutexes: [{name: b}]", "mutexes: [{name: c}]", PAIR, "mutexes: [{name: d}]"];
    const PAIR: &str = "semaphores: [{configMapKeyRef: {name: limits, key: two}}]";
    let mut random = Random::new(seed);
    let mut texts = vec![LIMITS.to_owned()];
    for run in 0..5 {
        let mut templates = String::new();
        for branch in 0..2 {
            let mut wanted: Vec<usize> = (0..2 + random.below(2)).map(|_| random.below(LOCKS.len())).collect();
            if in_order {
                wanted.sort_unstable();
            }
            for (depth, lock) in wanted.iter().enumerate() {
                let pause = format!("pause-{}", random.below(3));
                let next =
                    if depth + 1 == wanted.len() { "quick".to_owned() } else { format!("b{branch}-{}", depth + 1) };
                templates += &format!(
                    "  - {{name: b{branch}-{depth}, synchronization: {{{}}}, steps: [[{{name: pause, template: {pause}}}], [{{name: next, template: {next}}}]]}}\n",
                    LOCKS[*lock]
                );
            }
        }
        texts.push(format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {{name: run-{run}, namespace: default}}\nspec:\n  entrypoint: main\n  templates:\n\
             {templates}  - {{name: main, steps: [[{{name: x, template: b0-0}}, {{name: y, template: b1-0}}]]}}\n\
             \x20 - {{name: quick, container: {{image: x, command: [x]}}}}\n  - {{name: pause-0, suspend: {{duration: 1s}}}}\n\
             \x20 - {{name: pause-1, suspend: {{duration: 4s}}}}\n  - {{name: pause-2, suspend: {{duration: 9s}}}}\n"
        ));
    }
    Scenario {
        objects: texts.iter().flat_map(|text| objects(text)).collect(),
        decide,
        exclusive: BTreeMap::new(),
        settings: Settings::default(),
        commands: Vec::new(),
    }
}

pub(crate) fn language() -> Scenario {
    Scenario {
        objects: objects(LANGUAGE),
        decide,
        exclusive: BTreeMap::new(),
        settings: Settings::default(),
        commands: Vec::new(),
    }
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
        commands: Vec::new(),
    }
}

pub(crate) fn acts() -> Scenario {
    Scenario {
        objects: objects(OBJECTS),
        decide,
        exclusive: BTreeMap::new(),
        settings: Settings::default(),
        commands: Vec::new(),
    }
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
        "given"
            if unit.template.inputs.parameters.first().and_then(|p| p.value.as_ref()).is_some_and(|v| &**v == "no") =>
        {
            (300, badly)
        }
        "alone" | "pair" | "both" | "one" => (2_000, well),
        _ => (100, well),
    };
    Step { lasts_ms, result }
}
