//! Parameters from flags and files.

use std::path::PathBuf;

use clap::Args;
use client::v1::Parameter;
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
    fn flags_win_over_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p.yaml");
        std::fs::write(&path, "a: 1\nb: [x]\nc: text\n").unwrap();
        let flags = ParameterFlags { parameters: vec!["c=flag".into(), "d=".into()], parameter_file: Some(path) };
        let read: Vec<_> = flags.read().unwrap().into_iter().map(|p| format!("{}={}", p.name, p.value)).collect();
        assert_eq!(read, ["a=1", "b=[\"x\"]", "c=flag", "d="]);
    }
}
