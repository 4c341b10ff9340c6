//! Everything that is wrong with manifests, where in their text: the one lint, offline and on the server.
//!
//! ```text
//!   texts ──yaml──► documents ──schema──► shape ──(if right)──► meaning, with expressions read by `expr` ──► problems with line and column
//!                                                                  ▲
//!                         templates: those of the same texts, and what the caller knows of others (a server's, or nothing)
//! ```
//!
//! Invariants
//! - The server and the command line say the same about the same text: this is the only place that puts schema and meaning together.
//! - Pure: reads no file, no clock, no socket.
//!
//! Must not know: stores, engines, gRPC.

mod known;
mod syntax;

use model::schema::{self, Checked};
use model::validate::{Context, Limits as MeaningLimits, Templates, validate};
use model::yaml::{self, Position, ReadError};
use model::{Object, Violation};

pub use known::{KnownTemplates, references};
pub use syntax::ExpressionSyntax;

/// How much a problem weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// It is refused.
    Error,
    /// It is taken, and probably not what was meant.
    Warning,
    /// It is taken and kept, and has no effect on the local runner.
    NoEffect,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which text, from 0.
    pub text: usize,
    /// Which document, counted over all texts, from 0; for a text that cannot be read further, the one that would have come.
    pub document: usize,
    /// Line and column from 1 (0: the whole text).
    pub position: Position,
    /// The field's path; empty for the whole document.
    pub path: String,
    /// What is wrong.
    pub reason: String,
    /// A stable code.
    pub code: &'static str,
    /// What to do.
    pub hint: Option<String>,
    /// How much it weighs.
    pub weight: Weight,
}

/// One document that was looked at.
#[derive(Debug, Clone)]
pub struct Document {
    /// Which text it came from, from 0.
    pub text: usize,
    /// The object, as far as it could be read.
    pub object: Option<Object>,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Everything, in the order of the texts.
    pub problems: Vec<Problem>,
    /// The documents.
    pub documents: Vec<Document>,
}

impl Report {
    /// Nothing is refused.
    pub fn is_ok(&self) -> bool {
        !self.problems.iter().any(|problem| problem.weight == Weight::Error)
    }
}

/// The code of a field without effect.
pub const NO_EFFECT: &str = "NoEffect";

/// Texts that were read: their documents are known, and what they refer to can be fetched before they are judged.
pub struct Texts {
    documents: Vec<(usize, yaml::Document, Option<Object>)>,
    unread: Vec<(usize, usize, ReadError)>,
}

impl Texts {
    /// Reads texts: YAML or JSON, one document or many each. Objects without a namespace get `namespace` (unless it is empty).
    pub fn read<'a>(texts: impl IntoIterator<Item = &'a [u8]>, limits: &yaml::Limits, namespace: &str) -> Self {
        let mut read = Self { documents: Vec::new(), unread: Vec::new() };
        for (at, bytes) in texts.into_iter().enumerate() {
            let (documents, error) = match std::str::from_utf8(bytes) {
                Ok(text) => yaml::read_partial(text, limits),
                Err(_) => (Vec::new(), yaml::read_bytes(bytes, limits).err()),
            };
            for document in documents {
                let object = object_of(&document, namespace);
                read.documents.push((at, document, object));
            }
            if let Some(error) = error {
                read.unread.push((at, read.documents.len(), error));
            }
        }
        read
    }

    /// How many documents there are.
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// The objects that could be read.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.documents.iter().filter_map(|(_, _, object)| object.as_ref())
    }

    /// Judges them, with the templates of the texts themselves and what `others` knows.
    pub fn judge(self, others: &(dyn Templates + Sync)) -> Report {
        self.judge_also(others, |_| Vec::new())
    }

    /// The same, with what else somebody knows about an object whose shape is right.
    pub fn judge_also(self, others: &(dyn Templates + Sync), also: impl Fn(&Object) -> Vec<Violation>) -> Report {
        let mut known = KnownTemplates::beside(others);
        for object in self.objects() {
            known.add(object);
        }
        let mut report = Report::default();
        for (at, (text, document, object)) in self.documents.into_iter().enumerate() {
            let mut found = from_checked(&schema::check(document.json()));
            if let Some(object) = object.as_ref().filter(|_| found.iter().all(|(_, weight)| *weight != Weight::Error)) {
                found.extend(meaning(object, &known).into_iter().chain(also(object)).map(weighed));
            }
            place(&mut report.problems, found, &document, text, at);
            report.documents.push(Document { text, object });
        }
        for (text, document, error) in self.unread {
            report.problems.push(Problem {
                text,
                document,
                position: error.position,
                path: String::new(),
                reason: error.reason,
                code: error.kind.code(),
                hint: error.hint,
                weight: Weight::Error,
            });
        }
        report
    }
}

/// What an object whose shape is right means.
pub fn meaning(object: &Object, templates: &dyn Templates) -> Vec<Violation> {
    validate(object, &Context { syntax: &ExpressionSyntax, templates, limits: MeaningLimits::DEFAULT })
}

fn object_of(document: &yaml::Document, namespace: &str) -> Option<Object> {
    let mut object = Object::from_json(document.json()).ok()?;
    let namespaced = model::meta::find_kind(&object.api_version, &object.kind).is_none_or(|info| info.namespaced);
    if object.metadata.namespace.is_empty() && namespaced {
        namespace.clone_into(&mut object.metadata.namespace);
    }
    Some(object)
}

fn weighed(violation: Violation) -> (Violation, Weight) {
    let weight = if violation.is_error() { Weight::Error } else { Weight::Warning };
    (violation, weight)
}

fn from_checked(checked: &Checked) -> Vec<(Violation, Weight)> {
    let kept = checked.kept.iter().map(|kept| {
        let reason = format!("is kept and has no effect here: {}", kept.reason);
        (Violation::warning(NO_EFFECT, &kept.path, reason), Weight::NoEffect)
    });
    checked.violations.iter().cloned().map(weighed).chain(kept).collect()
}

fn place(
    problems: &mut Vec<Problem>,
    found: Vec<(Violation, Weight)>,
    document: &yaml::Document,
    text: usize,
    at: usize,
) {
    let paths: Vec<&str> = found.iter().map(|(violation, _)| violation.path.as_str()).collect();
    let positions = document.positions(&paths);
    let positions: Vec<Position> = positions
        .into_iter()
        .zip(&paths)
        .map(|(position, path)| position.unwrap_or_else(|| document.nearest_position(path)))
        .collect();
    problems.extend(found.into_iter().zip(positions).map(|((violation, weight), position)| Problem {
        text,
        document: at,
        position,
        path: violation.path,
        reason: violation.reason,
        code: violation.code,
        hint: violation.hint,
        weight,
    }));
}

#[cfg(test)]
mod tests {
    use model::validate::Offline;

    use super::*;

    /// `line:column path [code]` of each problem.
    fn lint(texts: &[&str]) -> Vec<String> {
        let texts = Texts::read(texts.iter().map(|text| text.as_bytes()), &yaml::Limits::DEFAULT, "default");
        let problems = texts.judge(&Offline).problems;
        problems
            .into_iter()
            .map(|p| format!("{}:{} {} {:?}", p.position.line, p.position.column, p.path, p.weight))
            .collect()
    }

    const TEMPLATE: &str = "apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: shared}
spec:
  templates:
  - name: greet
    inputs: {parameters: [{name: who}]}
    container: {image: a, command: [echo], args: ['{{inputs.parameters.who}}']}
";

    fn run(task: &str) -> String {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {{name: r}}\nspec:\n  entrypoint: main\n  templates:\n  - name: main\n    dag:\n      tasks:\n      - {task}\n"
        )
    }

    #[test]
    fn templates_of_the_same_texts_are_known() {
        let good = run(
            "{name: a, templateRef: {name: shared, template: greet}, arguments: {parameters: [{name: who, value: you}]}}",
        );
        assert_eq!(lint(&[&good, TEMPLATE]), Vec::<String>::new());
        let bad = run("{name: a, templateRef: {name: shared, template: greeet}}");
        let found = lint(&[&bad, TEMPLATE]);
        assert!(found.iter().any(|line| line.ends_with("Error")), "{found:?}");
        // By itself it cannot be known.
        assert!(lint(&[&bad]).iter().all(|line| line.ends_with("Warning")));
    }

    #[test]
    fn expressions_are_read() {
        let bad =
            run("{name: a, template: main, when: '1 ==', arguments: {parameters: [{name: x, value: '{{=1 +}}'}]}}");
        let found = lint(&[&bad]);
        assert!(found.iter().any(|line| line.contains("when")), "{found:?}");
        assert!(found.iter().any(|line| line.contains("value")), "{found:?}");
    }

    #[test]
    fn tags_in_an_expression_are_filled_in_before_it_is_read() {
        let hook = |tag: &str| {
            run(&format!(
                "{{name: a, inline: {{container: {{image: x, command: [y]}}}}, hooks: {{h: {{template: main, expression: 'tasks.a.status == \"Failed\" && {tag} == 1'}}}}}}"
            ))
        };
        let of_expression = |tag: &str| lint(&[&hook(tag)]).iter().any(|line| line.contains("hooks.h.expression"));
        assert!(!of_expression("{{workflow.priority}}"));
        assert!(of_expression("{{workflow.prio}}"));
        assert!(of_expression("{workflow.priority}"));
    }

    #[test]
    fn what_cannot_be_read_is_told_after_what_can() {
        let found = lint(&["apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndatta: {}\n---\na: [\n"]);
        assert!(found.len() == 2 && found[0].starts_with("4:1 datta"), "{found:?}");
    }
}
