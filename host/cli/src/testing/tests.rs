//! Test files that are wrong, each with what a person is told. What cases come to is tested with the whole binary.

use std::path::Path;

use crate::render::Terminal;
use crate::render::problems::{self, Form};

use super::load::{self, Loaded};
use super::suite::{Deed, SHAPE, Takes};

const MANIFEST: &str = "apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: release-}
spec:
  entrypoint: main
  arguments: {parameters: [{name: a, value: x}, {name: b, value: x}]}
  templates:
  - name: main
    steps:
    - - {name: build, template: build}
    - - {name: approve, template: approve}
  - name: approve
    suspend: {}
  - name: build
    container: {image: x}
    outputs: {parameters: [{name: image, valueFrom: {path: /image}}]}
---
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: shared}
spec:
  templates:
  - name: nothing
    container: {image: x}
";

fn loaded(folder: &Path, test: &str) -> Loaded {
    std::fs::write(folder.join("release.yaml"), MANIFEST).unwrap();
    let path = folder.join("release.test.yaml");
    std::fs::write(&path, test).unwrap();
    load::load(&[path]).unwrap()
}

/// The problems of a test file, a line each, without the folder.
fn told(test: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let loaded = loaded(dir.path(), test);
    assert_eq!(loaded.suites.is_empty(), !loaded.problems.is_empty());
    let text = problems::render(&loaded.problems, Form::Simple, &Terminal::plain(), &|_| None);
    text.replace(&format!("{}/", dir.path().display()), "")
}

#[test]
fn a_field_that_there_is_not_is_refused_with_what_was_meant() {
    insta::assert_snapshot!(told("
stepps: []
cases:
- name: a
  expct: Failed
  expect: Suceeded
  nodes: {build: {phas: Failed}, approve: 3}
  steps: [{template: build, exitcode: 1, then: [{lats: 3s}]}]
  do: [{when: approve, is: Runing, resume: approve}]
"), @r#"
    release.test.yaml:2:1: error: stepps: there is no such field here [SC002] (hint: did you mean "steps"?)
    release.test.yaml:5:3: error: cases[0].expct: there is no such field here [SC002] (hint: did you mean "expect"?)
    release.test.yaml:6:3: error: cases[0].expect: "Suceeded" is not known here [SC004] (hint: did you mean "Succeeded"?)
    release.test.yaml:7:19: error: cases[0].nodes.build.phas: there is no such field here [SC002] (hint: did you mean "phase"?)
    release.test.yaml:7:34: error: cases[0].nodes.approve: text or a map is expected, not a number [SC003]
    release.test.yaml:8:29: error: cases[0].steps[0].exitcode: there is no such field here [SC002] (hint: did you mean "exitCode"?)
    release.test.yaml:8:50: error: cases[0].steps[0].then[0].lats: there is no such field here [SC002] (hint: did you mean "lasts"?)
    release.test.yaml:9:24: error: cases[0].do[0].is: "Runing" is not known here [SC004] (hint: did you mean "Running"?)
    "#);
}

#[test]
fn a_name_that_there_is_not_is_refused_with_what_was_meant() {
    insta::assert_snapshot!(told("
cases:
- name: a
  run: relase
- name: a
  from: workflowtemplate/shard
- name: b
  from: shared
- name: c
  steps:
  - {template: biuld}
  - {template: build, outputs: {imag: x}}
  - {template: build, status: 204}
  - {template: main, result: x}
  - {template: approve, result: x}
  calls: [{template: tset}, {times: 3}]
"), @r#"
    release.test.yaml:4:3: error: cases[0].run: there is no Workflow "relase" in the files [TF003] (hint: did you mean "release-"?)
    release.test.yaml:5:3: error: cases[1].name: another case has this name [TF003]
    release.test.yaml:6:3: error: cases[1].from: workflowtemplate/shard is not in the files [TF003] (hint: did you mean "shared"?)
    release.test.yaml:8:3: error: cases[2].from: shared: nothing a run can be started from [TF003] (hint: write workflowtemplate/NAME, clusterworkflowtemplate/NAME or cronworkflow/NAME)
    release.test.yaml:11:6: error: cases[3].steps[0].template: there is no template "biuld" in the files [TF003] (hint: did you mean "build"?)
    release.test.yaml:12:33: error: cases[3].steps[1].outputs.imag: "build" has no output parameter "imag" [TF003] (hint: did you mean "image"?)
    release.test.yaml:13:5: error: cases[3].steps[2]: "build" is no http template: it has no `status` and no `headers` [TF003]
    release.test.yaml:14:5: error: cases[3].steps[3]: "main" runs nothing itself, only others [TF003] (hint: say how the templates go that its steps name)
    release.test.yaml:15:5: error: cases[3].steps[4]: "approve" waits, and runs nothing [TF003] (hint: say under `do` what a person does: {when: NODE, resume: NODE})
    release.test.yaml:16:12: error: cases[3].calls[0].template: there is no template "tset" in the files [TF003]
    release.test.yaml:16:29: error: cases[3].calls[1]: nothing says which steps [TF003] (hint: write for instance template: NAME)
    "#);
}

#[test]
fn what_contradicts_itself_is_refused() {
    insta::assert_snapshot!(told("
cases:
- name: a
  run: release
  from: workflowtemplate/shared
- name: b
  within: soon
  takes: < 3m
  parameter-file: gone.yaml
  steps:
  - {template: build, lasts: 3 minutes, then: [{}], retries: [{}]}
  do:
  - {when: approve, resume: approve, stop: run}
  - {when: approve, set: approve}
  - {when: approve}
"), @r#"
    release.test.yaml:5:3: error: cases[0].from: `run` and `from` are two ways to say what is run [TF003]
    release.test.yaml:11:23: error: cases[1].steps[0].lasts: " minutes" in "3 minutes" is not a unit of time: ms, s, m, h and d are [TF003]
    release.test.yaml:11:53: error: cases[1].steps[0].retries: an entry has either `then` or `retries` [TF003] (hint: `then` follows all steps that fit, `retries` the attempts of each: write two entries)
    release.test.yaml:13:5: error: cases[1].do[0]: an action does one thing [TF003] (hint: one of resume, set, stop, terminate, suspend, retry)
    release.test.yaml:14:5: error: cases[1].do[1]: there is nothing to set [TF003] (hint: give outputs, a phase or a message)
    release.test.yaml:15:5: error: cases[1].do[2]: an action does one thing [TF003] (hint: one of resume, set, stop, terminate, suspend, retry)
    release.test.yaml:7:3: error: cases[1].within: "soon" in "soon" is not a unit of time: ms, s, m, h and d are [TF003]
    release.test.yaml:8:3: error: cases[1].takes: "< " in "< 3m" is not a unit of time: ms, s, m, h and d are [TF003] (hint: write 15m, <= 1h or >= 30s)
    release.test.yaml:9:3: error: cases[1].parameter-file: gone.yaml cannot be read: No such file or directory (os error 2) [TF003]
    "#
    );
}

#[test]
fn a_file_without_cases_or_manifests_is_refused() {
    for (test, expected) in [
        (
            "files: [gone.yaml]\ncases: []\n",
            "1:9: error: files[0]: gone.yaml cannot be read: No such file or directory (os error 2) [TF002]",
        ),
        ("cases: []\n", "1:1: error: cases: there is no case [TF003]"),
        ("- a\n", "1:1: error: a map is expected, not a list [SC003] (hint: remove the dash)"),
        ("cases: [\n", "2:1: error: while parsing a node, did not find expected node content [RD001]"),
        ("cases: []\n---\ncases: []\n", "3:1: error: a test file is one document with `cases` [TF001]"),
    ] {
        assert_eq!(told(test), format!("release.test.yaml:{expected}\n"), "{test}");
    }
}

#[test]
fn what_is_said_in_few_words_is_understood() {
    let dir = tempfile::tempdir().unwrap();
    let loaded = loaded(
        dir.path(),
        "
arguments: {a: 1, b: [x]}
steps: [{template: build, outputs: {image: all}}]
cases:
- name: a
  arguments: {a: two}
  steps: [{template: build, result: {x: 1}}]
  do:
  - {when: approve, resume: approve}
  - {retry: run}
",
    );
    assert_eq!(loaded.problems, []);
    let ready = &loaded.suites[0].cases[0];
    assert_eq!(ready.arguments, [("a".to_owned(), "two".to_owned()), ("b".to_owned(), r#"["x"]"#.to_owned())]);
    // The case's own entry comes first.
    let results: Vec<Option<&str>> = ready.entries.iter().map(|entry| entry.outcomes[0].result.as_deref()).collect();
    assert_eq!(results, [Some(r#"{"x":1}"#), None]);
    assert_eq!(ready.own_entries, [7]);
    assert_eq!(ready.actions[0].what, Deed::Resume { nodes: "displayName=approve".into() });
    assert_eq!(ready.actions[1].when.as_deref(), Some("run"));
    // Everything but the Workflow is given to the server first.
    let given: Vec<&str> = ready.objects.iter().map(|object| object.kind()).collect();
    assert_eq!(given, ["WorkflowTemplate"]);
}

#[test]
fn objects_of_a_case_take_the_place_of_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let loaded = loaded(
        dir.path(),
        "
files: [release.yaml]
objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {a: file}}]
cases:
- name: a
- name: b
  objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {a: case}}]
",
    );
    assert_eq!(loaded.problems, []);
    let value = |case: usize| {
        let objects = &loaded.suites[0].cases[case].objects;
        let maps: Vec<_> = objects.iter().filter(|object| object.kind() == "ConfigMap").collect();
        assert_eq!(maps.len(), 1);
        maps[0].value().unwrap()["data"]["a"].as_str().unwrap().to_owned()
    };
    assert_eq!((value(0), value(1)), ("file".to_owned(), "case".to_owned()));
}

#[test]
fn the_example_that_the_command_prints_has_the_right_shape() {
    let text = include_str!("../commands/test_example.yaml");
    let read = model::yaml::read(text, &model::yaml::Limits::DEFAULT).unwrap();
    assert_eq!(SHAPE.check(read[0].json()).violations, []);
}

#[test]
fn bounds_of_time_are_read() {
    for (text, holds, fails) in [
        ("15m", vec![900_000], vec![899_999, 900_001]),
        ("<= 1h", vec![0, 3_600_000], vec![3_600_001]),
        (">=2s", vec![2_000], vec![1_999]),
    ] {
        let takes = Takes::parse(text).unwrap();
        assert!(holds.into_iter().all(|ms| takes.holds(ms)) && !fails.into_iter().any(|ms| takes.holds(ms)), "{text}");
    }
    assert!(Takes::parse("< 1h").is_err());
}

#[test]
fn hostile_test_files_are_refused() {
    let deep = format!("cases: {}", "[".repeat(100_000));
    let bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned()
        + &(0..40).map(|n| format!("{0}: &{0} [*{1}, *{1}, *{1}, *{1}]\n", name(n + 1), name(n))).collect::<String>();
    let wrong = [
        "",
        "\0",
        "cases",
        "cases: {}",
        "cases: [3]",
        "cases: [{name: {}}]",
        "cases: [{name: ''}]",
        "cases: [{name: a, at: never}]",
        "cases: [{name: a, within: 99999999999999999d}]",
        "cases: [{name: a, steps: [{template: build, lasts: -1s}]}]",
        "cases: [{name: a, steps: [{template: build, exitCode: 99999999999}]}]",
        "cases: [{name: a, calls: [{template: build, times: -1}]}]",
        "files: [/dev/null/x]\ncases: [{name: a}]",
        "files: ['']\nobjects: [3]\ncases: [{name: a, run: x}]",
        "cases: &a [*a]",
        deep.as_str(),
        bomb.as_str(),
    ];
    for text in wrong {
        let told = told(text);
        assert!(told.contains("error"), "{}: {told}", text.chars().take(80).collect::<String>());
    }
}

fn name(n: usize) -> String {
    match n {
        0 => "a".to_owned(),
        n => format!("b{n}"),
    }
}
