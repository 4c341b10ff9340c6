//! Parameters from flags and files.

use std::path::PathBuf;

use clap::Args;
use client::v1::Parameter;
use model::violation::did_you_mean;
use serde_json::Value;

use super::documents;
use super::pair;
use crate::error::{CliError, CliResult};
use crate::input;

/// Parameters as Argo's flags give them.
#[derive(Debug, Clone, Default, Args)]
pub struct ParameterFlags {
    /// Value of an argument; may be repeated
    #[arg(short = 'p', long = "parameter", value_name = "NAME=VALUE")]
    pub parameters: Vec<String>,

    /// YAML or JSON file with a mapping of arguments; -p wins over it
    #[arg(short = 'f', long, value_name = "FILE")]
    pub parameter_file: Option<PathBuf>,
}

impl ParameterFlags {
    /// The parameters, each name once, those of the file first.
    ///
    /// # Errors
    /// A flag without `=`, a file that holds no mapping.
    pub fn read(&self) -> CliResult<Vec<Parameter>> {
        let mut parameters = Vec::new();
        if let Some(path) = &self.parameter_file {
            let source = input::read_file(path)?;
            let Value::Object(fields) = documents::one_value(&source)? else {
                return Err(CliError::usage(format!("{}: a mapping of names to values is expected", path.display())));
            };
            for (name, value) in fields {
                let value = match value {
                    Value::String(text) => text,
                    // As Argo: what is no text is written as JSON.
                    other => other.to_string(),
                };
                set(&mut parameters, name, value);
            }
        }
        for (name, value) in pairs(&self.parameters)? {
            set(&mut parameters, name, value);
        }
        Ok(parameters)
    }
}

/// `-p` flags as pairs.
///
/// # Errors
/// One of them has no `=`.
pub fn pairs(flags: &[String]) -> CliResult<Vec<(String, String)>> {
    flags.iter().map(|text| pair("-p", text)).collect()
}

/// `-p` flags as parameters.
///
/// # Errors
/// One of them has no `=`.
pub fn parameters(flags: &[String]) -> CliResult<Vec<Parameter>> {
    Ok(pairs(flags)?.into_iter().map(|(name, value)| Parameter { name, value }).collect())
}

/// A parameter that a workflow does not know, and what was probably meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    /// Its name.
    pub name: String,
    /// A hint.
    pub hint: Option<String>,
}

impl std::fmt::Display for Stranger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the workflow has no argument {:?}", self.name)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

/// Those of the names that a Workflow neither declares nor speaks of. As in Argo they are taken all the same; a slip of the keyboard should be told.
pub fn strangers<'a>(workflow: &Value, names: impl IntoIterator<Item = &'a str>) -> Vec<Stranger> {
    // What a template asks for is known to the server only.
    if workflow.pointer("/spec/workflowTemplateRef").is_some() {
        return Vec::new();
    }
    let declared = workflow.pointer("/spec/arguments/parameters").and_then(Value::as_array);
    let declared: Vec<&str> = declared.into_iter().flatten().filter_map(|p| p["name"].as_str()).collect();
    let mut text = None;
    let mut spoken_of = |name: &str| {
        let text = text.get_or_insert_with(|| workflow["spec"].to_string());
        // All of them at once; this one; an input of this name, which the template that it begins with takes.
        let all = ["workflow.parameters}", "workflow.parameters ", "workflow.parameters.json"];
        let one =
            [format!("parameters.{name}"), format!("parameters['{name}"), format!("\"name\":{}", Value::from(name))];
        all.iter().any(|part| text.contains(part)) || one.iter().any(|part| text.contains(part))
    };
    names
        .into_iter()
        .filter(|name| !declared.contains(name) && !spoken_of(name))
        .map(|name| Stranger { name: name.to_owned(), hint: did_you_mean(name, declared.iter().copied()) })
        .collect()
}

fn set(parameters: &mut Vec<Parameter>, name: String, value: String) {
    match parameters.iter_mut().find(|parameter| parameter.name == name) {
        Some(parameter) => parameter.value = value,
        None => parameters.push(Parameter { name, value }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_keyboard_are_found() {
        let workflow = serde_json::json!({"spec": {
            "arguments": {"parameters": [{"name": "name"}]},
            "templates": [{"container": {"args": ["{{workflow.parameters.other}}"]}}],
        }});
        let found: Vec<String> =
            strangers(&workflow, ["nme", "name", "other", "x"]).iter().map(ToString::to_string).collect();
        let expected =
            [r#"the workflow has no argument "nme"; did you mean "name"?"#, r#"the workflow has no argument "x""#];
        assert_eq!(found, expected);
        let by_template = serde_json::json!({"spec": {"workflowTemplateRef": {"name": "t"}}});
        assert_eq!(strangers(&by_template, ["x"]), []);
    }

    #[test]
    fn flags_win_over_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p.yaml");
        std::fs::write(&path, "a: 1\nb: [x]\nc: text\n").unwrap();
        let flags = ParameterFlags { parameters: vec!["c=flag".into(), "d=".into()], parameter_file: Some(path) };
        let read: Vec<_> = flags.read().unwrap().into_iter().map(|p| format!("{}={}", p.name, p.value)).collect();
        assert_eq!(read, ["a=1", "b=[\"x\"]", "c=flag", "d="]);
    }
}
