//! `-o`: the forms in which results are written.

use serde_json::Value;

use crate::error::{CliError, CliResult, Exit};
use crate::render::yaml;

/// What one path may produce: the server bounds what it is read from.
const PRODUCED_BYTES_MAX: u64 = 1 << 30;

/// A form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Table,
    /// For people, with more columns.
    Wide,
    /// The least that tells.
    Short,
    /// `kind/name`, or the name alone.
    Name,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// A Kubernetes JSONPath template.
    JsonPath(String),
    /// Columns of one's own: headings and paths.
    Columns(Vec<(String, String)>),
}

/// The forms that a command can write, for its help and its errors.
pub const ALL: &[&str] = &["wide", "name", "json", "yaml", "jsonpath=…", "custom-columns=…"];
/// Those of lists and trees of runs.
pub const RUNS: &[&str] = &["wide", "short", "name", "json", "yaml", "jsonpath=…"];

impl Format {
    /// Reads `-o`.
    ///
    /// # Errors
    /// It is not one of those that the command can write.
    pub fn parse(text: Option<&str>, allowed: &[&str]) -> CliResult<Self> {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(Self::Table) };
        let (word, rest) = text.split_once('=').map_or((text, None), |(word, rest)| (word, Some(rest)));
        let format = match (word, rest) {
            ("table", None) => Self::Table,
            ("wide", None) => Self::Wide,
            ("short", None) => Self::Short,
            ("name", None) => Self::Name,
            ("json", None) => Self::Json,
            ("yaml", None) => Self::Yaml,
            ("jsonpath", Some(path)) => Self::JsonPath(path.to_owned()),
            ("custom-columns", Some(columns)) => Self::Columns(columns_of(columns)?),
            _ => return Err(unknown(text, allowed)),
        };
        let can = format == Self::Table || allowed.iter().any(|a| a.split('=').next() == Some(word));
        if can { Ok(format) } else { Err(unknown(text, allowed)) }
    }

    /// Whether a machine reads it: no headings, no colours, nothing else on standard output.
    pub fn for_machines(&self) -> bool {
        !matches!(self, Self::Table | Self::Wide | Self::Short)
    }

    /// One value in this form; `None` when the form is a table or a name, which the caller draws.
    ///
    /// # Errors
    /// A path that cannot be read or followed.
    pub fn write(&self, value: &Value) -> CliResult<Option<String>> {
        Ok(Some(match self {
            Self::Json => format!("{}\n", serde_json::to_string_pretty(value).map_err(anyhow::Error::from)?),
            Self::Yaml => yaml::to_text(value),
            Self::JsonPath(path) => follow(path, value)?,
            _ => return Ok(None),
        }))
    }
}

/// What a JSONPath template makes of a value.
///
/// # Errors
/// The template cannot be read or followed.
pub fn follow(text: &str, value: &Value) -> CliResult<String> {
    let budget = expr::Budget { fuel_max: u64::MAX, bytes_max: PRODUCED_BYTES_MAX };
    path(text)?.render(value, expr::jsonpath::Missing::Empty, budget).map_err(|error| wrong_path(text, error))
}

/// Reads a JSONPath template.
///
/// # Errors
/// It is none.
pub fn path(text: &str) -> CliResult<expr::jsonpath::Template> {
    expr::jsonpath::Template::parse(text).map_err(|error| wrong_path(text, error))
}

fn wrong_path(text: &str, error: expr::Error) -> CliError {
    CliError::new(Exit::Usage, anyhow::Error::new(error).context(format!("the path {text} cannot be followed")))
}

fn columns_of(text: &str) -> CliResult<Vec<(String, String)>> {
    text.split(',')
        .map(|column| match column.split_once(':') {
            Some((heading, path)) if !heading.is_empty() && !path.is_empty() => {
                let path = if path.starts_with('{') { path.to_owned() } else { format!("{{{path}}}") };
                Ok((heading.to_owned(), path))
            }
            _ => Err(CliError::usage(format!("-o custom-columns={text}: `{column}` is not HEADING:PATH"))
                .hint("write -o custom-columns=NAME:.metadata.name,PHASE:.status.phase")),
        })
        .collect()
}

fn unknown(text: &str, allowed: &[&str]) -> CliError {
    CliError::usage(format!("-o {text}: not a form that this command writes"))
        .hint(format!("one of {}", allowed.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_and_others_refused() {
        let parse = |text| Format::parse(Some(text), ALL);
        assert_eq!(Format::parse(None, ALL).unwrap(), Format::Table);
        assert_eq!(parse("json").unwrap(), Format::Json);
        assert_eq!(parse("jsonpath={.a}").unwrap(), Format::JsonPath("{.a}".into()));
        assert_eq!(
            parse("custom-columns=N:.a,P:{.b}").unwrap(),
            Format::Columns(vec![("N".into(), "{.a}".into()), ("P".into(), "{.b}".into())])
        );
        for wrong in ["xml", "short", "jsonpath", "json=x", "custom-columns=x"] {
            assert_eq!(parse(wrong).unwrap_err().exit, Exit::Usage, "{wrong}");
        }
    }
}
