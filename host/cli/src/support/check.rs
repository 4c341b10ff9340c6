//! Checking manifests without a server.

use std::sync::Arc;

use lint::{Texts, Weight as LintWeight};
use model::validate::Offline;
use model::yaml::Limits;

use super::documents::Unreadable;
use crate::input::{INPUT_BYTES_MAX, Source};
use crate::render::problems::{Problem, Weight};

/// What was found.
#[derive(Debug, Default)]
pub struct Checked {
    /// Everything, in the order of the files.
    pub problems: Vec<Problem>,
    /// Objects that were looked at.
    pub objects: usize,
    /// Their kinds, in the order of the files.
    pub kinds: Vec<String>,
    /// Documents of folders that are no objects, by file.
    pub skipped: Vec<Arc<str>>,
}

impl Checked {
    /// Whether nothing is refused.
    pub fn is_ok(&self) -> bool {
        self.problems.iter().all(|problem| problem.weight != Weight::Error)
    }
}

/// The files that were named themselves, not found in a folder: everything in them must be an object.
pub fn named(files: &[String]) -> Vec<String> {
    files.iter().filter(|file| !std::path::Path::new(file).is_dir()).map(|file| source_name(file)).collect()
}

fn source_name(file: &str) -> String {
    if file == "-" { "<stdin>".to_owned() } else { file.to_owned() }
}

/// Checks all objects of the sources. A folder may hold YAML that is something else: what is no object there is left out.
pub fn check(sources: &[Source], named: &[String]) -> Checked {
    let limits =
        Limits { document_bytes_max: usize::try_from(INPUT_BYTES_MAX).unwrap_or(usize::MAX), ..Limits::DEFAULT };
    let texts = Texts::read(sources.iter().map(|source| source.text.as_bytes()), &limits, "");
    let report = texts.judge(&Offline);
    let mut checked = Checked::default();
    let mut left_out = vec![false; report.documents.len()];
    for (document, left_out) in report.documents.iter().zip(&mut left_out) {
        let Some(source) = sources.get(document.text) else { continue };
        let object = document.object.as_ref().is_some_and(|o| !o.kind.is_empty() || !o.api_version.is_empty());
        if object || named.contains(&source.name) {
            checked.objects += 1;
            checked.kinds.push(document.object.as_ref().map(|o| o.kind.clone()).unwrap_or_default());
        } else {
            *left_out = true;
            checked.skipped.push(source.name.as_str().into());
        }
    }
    for problem in report.problems {
        if left_out.get(problem.document).copied().unwrap_or(false) {
            continue;
        }
        let object = report.documents.get(problem.document).and_then(|document| document.object.as_ref());
        let object = object.map(|o| match (o.metadata.name.as_str(), o.metadata.generate_name.as_str()) {
            ("", generated) => format!("{} {generated}", o.kind),
            (name, _) => format!("{} {name}", o.kind),
        });
        checked.problems.push(Problem {
            file: sources.get(problem.text).map(|source| source.name.clone()).unwrap_or_default(),
            line: problem.position.line,
            column: problem.position.column,
            object: object.map(|text| text.trim().to_owned()).unwrap_or_default(),
            path: problem.path,
            reason: problem.reason,
            code: problem.code.to_owned(),
            hint: problem.hint,
            weight: match problem.weight {
                LintWeight::Error => Weight::Error,
                LintWeight::Warning => Weight::Warning,
                LintWeight::NoEffect => Weight::NoEffect,
            },
        });
    }
    checked
}

/// A text that cannot be read.
pub fn unreadable(unreadable: &Unreadable) -> Problem {
    let error = &unreadable.error;
    Problem {
        file: unreadable.source.to_string(),
        line: error.position.line,
        column: error.position.column,
        object: String::new(),
        path: String::new(),
        reason: error.reason.clone(),
        code: error.kind.code().to_owned(),
        hint: error.hint.clone(),
        weight: Weight::Error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Terminal;
    use crate::render::problems::{self, Form};

    fn source(name: &str, text: &str) -> Source {
        Source { name: name.into(), text: text.into() }
    }

    fn told(sources: &[Source], named: &[&str]) -> String {
        let named: Vec<String> = named.iter().map(|n| (*n).to_owned()).collect();
        let checked = check(sources, &named);
        let text_of = |name: &str| sources.iter().find(|s| s.name == name).map(|s| s.text.clone());
        problems::render(&checked.problems, Form::Pretty, &Terminal::plain(), &text_of)
    }

    #[test]
    fn each_mistake_is_told_with_its_line() {
        let text = "apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata:
  generateName: bad-
spec:
  entrypoint: man
  templates:
  - name: main
    dag:
      tasks:
      - {name: a, template: work}
      - {name: b, template: work, depends: a.Suceeded}
  - name: work
    container:
      image: busybox
      comand: [echo]
";
        insta::assert_snapshot!(told(&[source("bad.yaml", text)], &["bad.yaml"]), @r#"
        error[SC002]: there is no such field here
          --> bad.yaml:16:7 (Workflow bad-)
           |
        16 |       comand: [echo]
           |       ^
           = field: spec.templates[1].container.comand
           = hint: did you mean "command"?
        "#);
        // What the shape allows is judged by its meaning.
        let shaped = text.replace("      comand: [echo]\n", "");
        insta::assert_snapshot!(told(&[source("bad.yaml", &shaped)], &["bad.yaml"]), @r#"
        error[WF002]: there is no template "man"
         --> bad.yaml:6:3 (Workflow bad-)
          |
        6 |   entrypoint: man
          |   ^
          = field: spec.entrypoint
          = hint: did you mean "main"?

        error[WF023]: `Suceeded` is no result of a task, expected Succeeded, Failed, Errored, Skipped, Omitted, Daemoned, AnySucceeded, AllFailed; did you mean `Succeeded`?
          --> bad.yaml:12:35 (Workflow bad-)
           |
        12 |       - {name: b, template: work, depends: a.Suceeded}
           |                                   ^
           = field: spec.templates[0].dag.tasks[1].depends
           = hint: did you mean `Succeeded`?
        "#);
    }

    #[test]
    fn a_folder_may_hold_other_yaml() {
        let values = source("chart/values.yaml", "replicas: 3\n");
        assert_eq!(check(std::slice::from_ref(&values), &[]).skipped.len(), 1);
        assert!(check(std::slice::from_ref(&values), &[]).is_ok());
        assert!(!check(&[values], &["chart/values.yaml".into()]).is_ok());
    }
}
