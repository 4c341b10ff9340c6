//! `colchis lint`, and the checks against a server's templates that other commands call lint.

use clap::Args;
use client::v1::{FieldViolation, LintRequest, Severity};
use model::meta::KindInfo;
use model::violation::did_you_mean;

use crate::context::Context;
use crate::error::{CliError, CliResult, Exit};
use crate::input::{self, Source};
use crate::render::problems::{self, Form, Problem, Weight};
use crate::support::check;
use crate::support::documents::{self, Document};
use crate::support::refused;

/// Check manifests without a server
///
/// Every problem of every object is told, with its place, the field, what was expected and what to do. References between the files are followed; references
/// to templates that are in none of them are told as warnings.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  colchis lint workflows/
  colchis lint hello.yaml templates.yaml --strict
  kustomize build . | colchis lint - -o simple")]
pub struct Lint {
    #[command(flatten)]
    what: What,

    /// As it is always done here; for those who know Argo's flag
    #[arg(long, hide = true)]
    offline: bool,
}

/// Check manifests against the server's templates
#[derive(Debug, Args)]
pub struct ServerLint {
    #[command(flatten)]
    what: What,

    /// Do not ask a server: the same as `colchis lint`
    #[arg(long)]
    offline: bool,
}

/// What is checked, and how it is told.
#[derive(Debug, Clone, Args)]
struct What {
    /// Files, folders, URLs, or - for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,

    /// Warnings are errors, too
    #[arg(long)]
    strict: bool,

    /// How problems are told
    #[arg(short = 'o', long, value_enum, default_value_t, value_name = "FORM")]
    output: Form,

    /// Only how it ended
    #[arg(long, short = 'q')]
    quiet: bool,

    /// Tell also which fields are kept without effect on this machine
    #[arg(long)]
    notes: bool,

    /// Only objects of these kinds, such as --kinds workflows,cronworkflows; what they refer to is looked at all the same
    #[arg(long, visible_alias = "kind", value_name = "KINDS", value_delimiter = ',')]
    kinds: Vec<String>,
}

impl Lint {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        self.what.offline(ctx).await
    }
}

impl ServerLint {
    /// Does it.
    ///
    /// # Errors
    /// A file cannot be read; the server refuses.
    pub async fn run(self, ctx: &mut Context) -> CliResult {
        if self.offline { self.what.offline(ctx).await } else { self.what.with_server(ctx).await }
    }
}

impl What {
    async fn offline(&self, ctx: &mut Context) -> CliResult {
        let sources = input::read_all(&*ctx.host, &self.files).await?;
        let wanted = Kinds::read(&self.kinds)?;
        let mut checked = check::check(&sources, &check::named(&self.files));
        checked.problems.retain(|problem| wanted.has_object(&problem.object));
        let objects = checked.kinds.iter().filter(|kind| wanted.has(kind)).count();
        for file in &checked.skipped {
            ctx.out.note(format!("{file}: left out, it is no object"));
        }
        self.tell(ctx, &sources, checked.problems, objects)
    }

    async fn with_server(&self, ctx: &mut Context) -> CliResult {
        let wanted = Kinds::read(&self.kinds)?;
        let sources = input::read_all(&*ctx.host, &self.files).await?;
        // What cannot be read is told with its line here; the rest is the server's matter.
        let (documents, unreadable) = documents::parse_partial(&sources);
        let mut problems: Vec<Problem> = unreadable.iter().map(check::unreadable).collect();
        let connection = ctx.connect().await?;
        let request = LintRequest {
            namespace: connection.namespace.clone(),
            manifests: documents.iter().map(Document::json).collect(),
            offline: false,
        };
        let answer =
            connection.client.workflows().lint(request).await.map_err(|e| refused(e, Some("cannot lint".into())))?;
        problems.extend(answer.violations.iter().map(|violation| problem(violation, &documents)));
        problems.retain(|problem| wanted.has_object(&problem.object));
        let objects = documents.iter().filter(|document| wanted.has(document.kind())).count();
        self.tell(ctx, &sources, problems, objects)
    }

    fn tell(&self, ctx: &mut Context, sources: &[Source], mut problems: Vec<Problem>, objects: usize) -> CliResult {
        if !self.notes {
            problems.retain(|problem| problem.weight != Weight::NoEffect);
        }
        if sources.is_empty() {
            return Err(CliError::usage("there is nothing to check"));
        }
        let text_of = |name: &str| sources.iter().find(|source| source.name == name).map(|source| source.text.clone());
        if !self.quiet || self.output == Form::Json {
            let text = problems::render(&problems, self.output, &ctx.out.terminal, &text_of);
            ctx.out.write(text)?;
        }
        if self.output != Form::Json {
            let verdict = problems::verdict(&problems, sources.len(), objects, &ctx.out.err_terminal);
            ctx.out.note(verdict);
        }
        let bad = problems
            .iter()
            .any(|problem| problem.weight == Weight::Error || (self.strict && problem.weight == Weight::Warning));
        Ok(if bad { Exit::Failed } else { Exit::Done })
    }
}

/// The kinds that are looked at; all when empty.
struct Kinds(Vec<String>);

impl Kinds {
    /// Reads `workflows`, `CronWorkflow`, `wftmpl`, `all`.
    fn read(words: &[String]) -> CliResult<Self> {
        let mut kinds = Vec::new();
        for word in words.iter().map(|word| word.trim()).filter(|word| !word.is_empty()) {
            if word.eq_ignore_ascii_case("all") {
                return Ok(Self(Vec::new()));
            }
            let means = |name: &str| name.eq_ignore_ascii_case(word);
            let found = kinds_of_model().find(|info| {
                means(&info.kind) || means(&info.plural) || info.short_names.iter().any(|name| means(name))
            });
            match found {
                Some(info) => kinds.push(info.kind.to_string()),
                None => {
                    let known = || kinds_of_model().map(|info| &*info.plural);
                    let hint = did_you_mean(word, known());
                    return Err(CliError::usage(format!("--kinds {word}: not a kind")).hint(
                        hint.unwrap_or_else(|| format!("one of all, {}", known().collect::<Vec<_>>().join(", "))),
                    ));
                }
            }
        }
        Ok(Self(kinds))
    }

    fn has(&self, kind: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|wanted| wanted == kind)
    }

    /// Of a problem's object, `Workflow hello`. What could not be read may be of any kind.
    fn has_object(&self, object: &str) -> bool {
        object.is_empty() || self.has(object.split(' ').next().unwrap_or_default())
    }
}

fn kinds_of_model() -> impl Iterator<Item = &'static KindInfo> {
    model::meta::kinds().iter()
}

/// The server's violation with the place in the file.
fn problem(violation: &FieldViolation, documents: &[Document]) -> Problem {
    let document = documents.get(violation.document as usize);
    let position = document.map(|document| document.position(&violation.path)).unwrap_or_default();
    Problem {
        file: document.map(|document| document.source.to_string()).unwrap_or_default(),
        line: position.line,
        column: position.column,
        object: document.map(|document| format!("{} {}", document.kind(), document.name())).unwrap_or_default(),
        path: violation.path.clone(),
        reason: violation.message.clone(),
        code: violation.code.clone(),
        hint: Some(violation.hint.clone()).filter(|hint| !hint.is_empty()),
        weight: match violation.severity() {
            Severity::Warning => Weight::Warning,
            Severity::NoEffect => Weight::NoEffect,
            Severity::Error | Severity::Unspecified => Weight::Error,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_taken_in_their_spellings() {
        let read = |text: &str| Kinds::read(&text.split(',').map(str::to_owned).collect::<Vec<_>>());
        let some = read("workflows,CronWorkflow, wftmpl").unwrap();
        assert!(some.has("Workflow") && some.has("CronWorkflow") && some.has_object("WorkflowTemplate build"));
        assert!(!some.has("ConfigMap") && some.has_object(""));
        assert!(read("all").unwrap().has("ConfigMap") && Kinds::read(&[]).unwrap().has("ConfigMap"));
        let error = read("workflow templates").err().unwrap();
        assert_eq!((error.exit, error.hints[0].as_str()), (Exit::Usage, "did you mean \"workflowtemplates\"?"));
    }
}
