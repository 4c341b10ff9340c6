//! A step that counts the words of a text.

use colchis_sdk::step::{Progress, Request, Step};
use colchis_sdk::{Error, Finding, Result, about};

/// What a template says below `plugin.my-plugin`.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// The text; the input parameter `text` by default.
    #[serde(default)]
    text: Option<String>,
    /// The fewest words that are good; 0 by default.
    #[serde(default)]
    least: u32,
}

/// The most that can be asked for.
const LEAST_MAX: u32 = 1_000_000;

/// The step.
pub struct MyPlugin;

impl Step for MyPlugin {
    type Config = Config;

    fn check(config: &Config) -> Vec<Finding> {
        match config.least {
            0..=LEAST_MAX => Vec::new(),
            _ => vec![Finding::error(
                "least",
                format!("expected at most {LEAST_MAX}"),
            )],
        }
    }

    fn start(config: Config, request: &Request) -> Result<Progress> {
        let text = config.text.as_deref().or_else(|| request.parameter("text"));
        let text = text.ok_or_else(|| {
            Error::invalid(
                "text",
                "expected a text: here, or as the input parameter `text`",
            )
        })?;
        let words = text.split_whitespace().count();
        if words < config.least as usize {
            return Ok(Progress::failed(format!(
                "{words} words, and {} are expected",
                config.least
            )));
        }
        Ok(Progress::succeeded()
            .with_parameter("words", words.to_string())
            .with_result(words.to_string()))
    }
}

colchis_sdk::export! {
    about: about!("my-plugin", "Counts the words of a text, as a step of a workflow"),
    step: MyPlugin,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted() {
        let config = colchis_sdk::parse(include_str!("../config.json")).unwrap();
        let done = MyPlugin::start(config, &Request::default()).unwrap();
        assert_eq!(done.result.as_deref(), Some("4"));
    }

    #[test]
    fn a_text_is_needed() {
        let config = colchis_sdk::parse("{}").unwrap();
        assert_eq!(
            MyPlugin::start(config, &Request::default())
                .unwrap_err()
                .field(),
            Some("text")
        );
    }
}
