//! The grammar of expressions, as `expr` reads it.

use expr::{Condition, Depends, Error, Expression, Reference, Template};
use model::validate::{Fault, Syntax, Tag, TaskResult};

/// Reads expressions as the engine will.
pub struct ExpressionSyntax;

impl Syntax for ExpressionSyntax {
    fn text(&self, text: &str) -> Result<Vec<Tag>, Fault> {
        Template::parse(text).map(|template| tags(template.tags())).map_err(fault)
    }

    fn condition(&self, text: &str) -> Result<Vec<Tag>, Fault> {
        Condition::parse(text).map(|condition| tags(condition.tags())).map_err(fault)
    }

    fn expression(&self, text: &str) -> Result<Vec<Tag>, Fault> {
        // Tags in it are filled in first; what it is then is known only when it is evaluated.
        if text.contains("{{") {
            return self.text(text);
        }
        Expression::parse(text).map(|expression| tags(expression.references())).map_err(fault)
    }

    fn depends(&self, text: &str) -> Result<Vec<TaskResult>, Fault> {
        let depends = Depends::parse(text).map_err(fault)?;
        let results = depends.tasks().iter().flat_map(|task| {
            let bare = task.bare.then_some(None);
            let named = task.results.iter().map(|result| Some(result.name().to_owned()));
            bare.into_iter().chain(named).map(|result| TaskResult { task: task.name.clone(), result })
        });
        Ok(results.collect())
    }

    fn jq(&self, program: &str) -> Result<(), Fault> {
        expr::jq::check(program).map_err(fault)
    }

    fn json_path(&self, path: &str) -> Result<(), Fault> {
        // Kubernetes' form is a template, `{.status.phase}`; Argo also takes a bare path.
        if path.contains('{') {
            expr::jsonpath::Template::parse(path).map(drop).map_err(fault)
        } else {
            expr::jsonpath::Path::parse(path).map(drop).map_err(fault)
        }
    }

    fn selector(&self, text: &str) -> Result<(), Fault> {
        expr::selector::ResourceCondition::parse(text).map(drop).map_err(fault)
    }
}

fn tags(references: Vec<Reference>) -> Vec<Tag> {
    let tag = |reference: Reference| Tag {
        name: reference.name,
        dynamic: reference.dynamic,
        expression: reference.expression,
        optional: reference.optional,
    };
    references.into_iter().map(tag).collect()
}

fn fault(error: Error) -> Fault {
    let hint = error.hints().first().cloned();
    let expected = error.expected_text().map(|expected| format!("expected {expected}"));
    Fault { reason: error.to_string(), hint: hint.or(expected) }
}
