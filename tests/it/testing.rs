//! `colchis test`: people's tests of their workflows, where no step runs and time passes at once.

use std::path::Path;

use serde_json::Value;
use tests::cli::{Said, colchis, say};

const WORKFLOW: &str = "apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: ship-}
spec:
  entrypoint: main
  arguments: {parameters: [{name: version, value: '1'}]}
  templates:
  - name: main
    steps:
    - - {name: build, template: build}
    - - {name: check, template: check, arguments: {parameters: [{name: part, value: '{{item}}'}]}, withParam: '{{steps.build.outputs.result}}'}
    - - {name: approve, template: approve}
    - - {name: ship, template: ship, when: '{{steps.approve.outputs.parameters.answer}} == yes'}
  - name: build
    script: {image: x, source: build}
  - name: check
    retryStrategy: {limit: 3, retryPolicy: Always, backoff: {duration: 1m}}
    inputs: {parameters: [{name: part}]}
    container: {image: x}
  - name: approve
    suspend: {}
    outputs: {parameters: [{name: answer, valueFrom: {supplied: {}}}]}
  - name: ship
    container: {image: x}
    outputs:
      parameters: [{name: url, globalName: url, valueFrom: {path: /url}}]
";

/// Runs a test file beside the workflow.
fn test(file: &str, flags: &[&str]) -> (tempfile::TempDir, Said) {
    let dir = tempfile::Builder::new().prefix("colchis-it-").tempdir().unwrap();
    std::fs::write(dir.path().join("ship.yaml"), WORKFLOW).unwrap();
    std::fs::write(dir.path().join("ship.test.yaml"), file).unwrap();
    let said = within(dir.path(), flags);
    (dir, said)
}

fn within(folder: &Path, flags: &[&str]) -> Said {
    let mut command = colchis();
    command.current_dir(folder).env("HOME", folder.join("home")).env("COLCHIS_DATA_DIR", folder.join("data"));
    say(command.arg("test").args(flags))
}

#[track_caller]
fn says(said: &Said, parts: &[&str]) {
    for part in parts {
        assert!(said.out.contains(part) || said.err.contains(part), "does not say {part:?}\n{}{}", said.out, said.err);
    }
}

const GOOD: &str = "
steps:
- {template: build, result: [api, web], lasts: 10m}
- {template: check, lasts: 5m}
- {template: ship, outputs: {url: 'https://example.com'}}
cases:
- name: a good build is shipped
  do:
  - {when: approve, after: 2h, set: approve, outputs: {answer: 'yes'}}
  - {when: approve, resume: approve}
  nodes:
    check(*): Succeeded
    check(0:api): {inputs: {part: api}}
    build: {outputs: {result: [api, web]}}
    ship: Succeeded
  outputs: {url: 'https://example.com'}
  order: [build, check, approve, ship]
  calls:
  - {template: check, times: 2}
  - {template: check, parameters: {part: w*}, times: 1}
  running-at-once: 2
  takes: 2h15m
- name: a flaky check is tried again, a minute later
  steps:
  - {template: check, parameters: {part: web}, exitCode: 7, retries: [{exitCode: 7}, {}]}
  do:
  - {when: approve, set: approve, outputs: {answer: 'no'}}
  - {when: approve, resume: approve}
  nodes:
    check(1:web)(0): {phase: Failed, exitCode: 7}
    check(1:web)(2): Succeeded
    ship: Skipped
  calls: [{node: 'check(1:web)', times: 3}, {template: ship, times: 0}]
- name: a broken check is retried by a person
  steps:
  - {template: check, parameters: {part: web}, exitCode: 1, then: [{exitCode: 1}, {exitCode: 1}, {exitCode: 1}, {}]}
  do:
  - {retry: run}
  - {when: approve, set: approve, outputs: {answer: 'no'}}
  - {when: approve, resume: approve}
  nodes: {ship: Skipped}
";

#[test]
fn a_workflow_goes_as_its_test_says() {
    let (_dir, said) = test(GOOD, &[]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    says(&said, &["ship.test.yaml", "a good build is shipped", "3 passed", "covered: 5 of 5 templates, 5 of 5 steps"]);
}

#[test]
fn a_difference_is_shown_with_its_line_and_the_run() {
    let file = "
cases:
- name: wrong in every way
  steps:
  - {template: build, result: [api]}
  - {template: ship, exitCode: 1}
  do:
  - {when: nobody, resume: approve}
  within: 3h
  message: no such words
  nodes:
    build: Failed
    bild: Succeeded
    check(0:api): {phase: Succeeded, inputs: {part: web}}
  outputs: {url: x}
  order: [approve, build]
  calls: [{template: check, times: 2}, {template: check, parameters: {part: web}}]
";
    let (_dir, said) = test(file, &[]);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    says(
        &said,
        &[
            "Running still after 3h of its time; it waits for approve",
            "nodes.build  (line 12)\n    expected  Failed\n    got       Succeeded",
            "nodes.bild  (line 13)\n    expected  Succeeded\n    got       no such node; did you mean \"build\"?",
            "expected  \"web\"\n    got       \"api\"",
            "nobody never was Running",
            "outputs.url",
            "build begins after approve",
            "expected  2 times\n    got       once",
            "not once; of check(0:api)(0), part is \"api\", not \"web\"",
            "steps[1]  (line 6)\n    expected  a step that fits\n    got       none",
            "TEMPLATE",
            "1 failed",
            "ship.yaml:13  step main.ship never ran",
            "ship.yaml:13  step main.ship was never skipped",
            "ship.yaml:23  template ship never ran",
        ],
    );
}

#[test]
fn a_strict_test_speaks_of_every_step() {
    let file = "
strict: true
cases:
- {name: of some, expect: Error, steps: [{template: check}]}
- {name: of all, strict: false, expect: Error, message: not valid}
";
    let (_dir, said) = test(file, &["--run", "of some"]);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    says(&said, &["nothing for build (template build)", "1 failed"]);
}

#[test]
fn a_wrong_test_file_runs_nothing() {
    let (dir, said) = test("cases: [{name: a, expext: Failed}]", &[]);
    assert_eq!(said.code, 2, "{}{}", said.out, said.err);
    assert_eq!(said.out, "");
    says(&said, &["ship.test.yaml:1:19", "cases[0].expext", "did you mean \"expect\"?", "no case was run"]);
    let said = within(dir.path(), &["gone.test.yaml"]);
    assert_eq!(said.code, 2, "{}", said.err);
}

#[test]
fn machines_read_json_and_junit() {
    let file = "
cases:
- {name: 'a <bad> one', expect: Failed, within: 1m, steps: [{template: build, result: []}]}
- {name: later, skip: not yet}
";
    let (dir, said) = test(file, &["-o", "json", "--junit", "out.xml"]);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    let told: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&told["failed"], &told["skipped"], &told["passed"]), (&1.into(), &1.into(), &0.into()));
    let case = &told["files"][0]["cases"][0];
    assert_eq!((&case["verdict"], &case["line"]), (&"failed".into(), &3.into()));
    assert_eq!(case["differences"][0]["path"], "expect");
    assert_eq!(told["coverage"]["templates"]["all"], 5);
    let xml = std::fs::read_to_string(dir.path().join("out.xml")).unwrap();
    for part in [
        "tests=\"2\" failures=\"1\"",
        "name=\"a &lt;bad&gt; one\"",
        "<skipped message=\"not yet\"/>",
        "<failure message=",
    ] {
        assert!(xml.contains(part), "{part}\n{xml}");
    }
}

#[test]
fn cases_are_chosen_by_name() {
    let (dir, said) = test(GOOD, &["--run", "FLAKY", "--tree"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    says(&said, &["1 passed", "check(1:web)(2)"]);
    let said = within(dir.path(), &["--filter", "a * is shipped", "-q"]);
    says(&said, &["1 passed"]);
    let said = within(dir.path(), &["--run", "nothing"]);
    assert_eq!(said.code, 2);
    says(&said, &["no case is called nothing", "a good build is shipped"]);
}

/// A ConfigMap is an object like any other in a test; a Job is of a kind that this server cannot run.
#[test]
fn what_the_server_does_itself_it_does_unless_the_test_says_how() {
    let file = "
strict: true
objects:
- apiVersion: argoproj.io/v1alpha1
  kind: Workflow
  metadata: {generateName: objects-}
  spec:
    entrypoint: main
    templates:
    - name: main
      steps:
      - - {name: note, template: note}
      - - {name: work, template: work}
    - name: note
      resource:
        action: create
        manifest: '{apiVersion: v1, kind: ConfigMap, metadata: {name: note}, data: {a: written}}'
      outputs: {parameters: [{name: a, valueFrom: {jsonPath: '{.data.a}'}}]}
    - name: work
      resource:
        action: create
        manifest: '{apiVersion: batch/v1, kind: Job, metadata: {name: work}}'
        successCondition: status.succeeded > 0
      outputs: {parameters: [{name: count, valueFrom: {jsonPath: '{.status.succeeded}'}}]}
cases:
- name: it works
  steps: [{template: work, outputs: {count: 1}, lasts: 2h}]
  nodes:
    note: {phase: Succeeded, outputs: {a: written}}
    work: {phase: Succeeded, outputs: {count: 1}}
  calls: [{template: note, times: 1}, {template: work, times: 1}]
  takes: 2h
- name: it does not
  steps: [{template: work, exitCode: 1, message: no room}]
  expect: Failed
  nodes: {work: {phase: Failed, message: no room}}
";
    let (_dir, said) = test(file, &["--tree"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
}

/// Also the same each time: names, order, durations.
#[test]
fn a_hundred_cases_are_a_matter_of_a_moment() {
    let mut file = "steps: [{template: build, result: [api, web], lasts: 1h}]\ncases:\n".to_owned();
    for n in 0..100 {
        file.push_str(&format!(
            "- {{name: case {n}, do: [{{when: approve, set: approve, outputs: {{answer: 'no'}}}}, {{when: approve, resume: approve}}], takes: 1h}}\n"
        ));
    }
    let (dir, said) = test(&file, &[]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    says(&said, &["case 99", "100 passed"]);
    let lines =
        |said: &Said| said.out.lines().filter(|line| line.contains("case ")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(&said), lines(&within(dir.path(), &["-j", "1"])));
}

#[test]
fn steps_of_plugins_go_as_others_do() {
    let dir = tempfile::Builder::new().prefix("colchis-it-").tempdir().unwrap();
    let workflow = "
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: greets}
spec:
  entrypoint: main
  templates:
  - name: main
    steps:
    - - {name: a, template: greet}
    - - {name: b, template: show, arguments: {parameters: [{name: text, value: '{{steps.a.outputs.parameters.length}}'}]}}
  - {name: greet, plugin: {greet: {who: Medea}}}
  - {name: show, inputs: {parameters: [{name: text}]}, container: {image: x, args: ['{{inputs.parameters.text}}']}}
";
    let cases = "
files: [greets.yaml]
cases:
- name: as it is said
  steps: [{template: greet, result: Hello, outputs: {length: '5'}}]
  nodes: {a: {outputs: {result: Hello}}, b: {inputs: {text: '5'}}}
- name: it fails
  steps: [{template: greet, error: the plugin is gone}]
  expect: Failed
  nodes: {a: {phase: Error, message: the plugin is gone}}
";
    std::fs::write(dir.path().join("greets.yaml"), workflow).unwrap();
    std::fs::write(dir.path().join("greets.test.yaml"), cases).unwrap();
    let said = within(dir.path(), &[]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    says(&said, &["2 passed", "covered: 3 of 3 templates, 2 of 2 steps"]);
    // Nothing is waited for where nothing is said.
    let quiet = "
files: [greets.yaml]
cases: [{name: nothing is said, expect: Error, nodes: {a: Succeeded}}]
";
    std::fs::write(dir.path().join("greets.test.yaml"), quiet).unwrap();
    let begun = std::time::Instant::now();
    let said = within(dir.path(), &[]);
    says(&said, &["length"]);
    assert!(begun.elapsed().as_secs() < 4, "{:?}", begun.elapsed());
}

#[test]
fn the_examples_pass() {
    let mut command = colchis();
    let said = say(command.args(["test", "examples/testing"]));
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    says(&said, &["9 passed", "covered: 7 of 7 templates"]);
}

#[test]
fn what_the_command_prints_to_begin_with_is_read() {
    let said = say(colchis().args(["test", "--schema"]));
    let schema: Value = serde_json::from_str(&said.ok()).unwrap();
    assert!(schema["properties"]["cases"].is_object());
    assert!(say(colchis().args(["test", "--example"])).ok().contains("cases:"));
}
