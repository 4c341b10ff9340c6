//! A step that greets, at once or after a while: the smallest of its kind, to begin one's own with.

use std::time::Duration;

use colchis_sdk::step::{Progress, Request, Step};
use colchis_sdk::{Error, Finding, Result, about};

/// What a template says below `plugin.greet`.
#[derive(Debug, Clone, PartialEq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// The word; `Hello` by default.
    #[serde(default = "hello")]
    greeting: String,
    /// Whom; the input parameter `who` by default.
    #[serde(default)]
    who: Option<String>,
    /// How often it is asked before it is over; not at all by default.
    #[serde(default)]
    rounds: u64,
    /// How long it waits between (ms).
    #[serde(default = "between")]
    between: u64,
}

fn hello() -> String {
    "Hello".to_owned()
}

fn between() -> u64 {
    10
}

/// The step.
pub struct Greet;

impl Step for Greet {
    type Config = Config;

    fn check(config: &Config) -> Vec<Finding> {
        match config.greeting.trim() {
            "" => vec![Finding::error("greeting", "expected a word, such as Hello")],
            _ => Vec::new(),
        }
    }

    fn start(config: Config, request: &Request) -> Result<Progress> {
        go_on(&config, request, 0)
    }

    fn poll(config: Config, request: &Request, token: &str) -> Result<Progress> {
        let asked: u64 = token.parse().map_err(|_| Error::permanent("another token than it was given"))?;
        go_on(&config, request, asked + 1)
    }
}

fn go_on(config: &Config, request: &Request, asked: u64) -> Result<Progress> {
    if asked < config.rounds {
        let running = Progress::running(asked.to_string(), Duration::from_millis(config.between));
        return Ok(running.with_message("thinking of a greeting").with_done(asked, config.rounds));
    }
    let who = config.who.as_deref().or_else(|| request.parameter("who"));
    let who = who
        .filter(|who| !who.is_empty())
        .ok_or_else(|| Error::invalid("who", "expected somebody to greet: here, or as the input parameter `who`"))?;
    if who == "nobody" {
        return Ok(Progress::failed("nobody is not greeted"));
    }
    let text = format!("{}, {who}!", config.greeting);
    Ok(Progress::succeeded().with_parameter("length", text.chars().count().to_string()).with_result(text))
}

colchis_sdk::export! {
    about: about!("greet", "Greets, as a step of a workflow"),
    step: Greet,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        serde_json::from_str(text).unwrap()
    }

    fn request(who: &str) -> Request {
        Request { parameters: vec![("who".to_owned(), who.to_owned())], ..Request::default() }
    }

    #[test]
    fn it_greets() {
        let done = Greet::start(config("{}"), &request("Medea")).unwrap();
        assert_eq!(done.result.as_deref(), Some("Hello, Medea!"));
        let own = Greet::start(config(r#"{"greeting": "Chaire", "who": "Jason"}"#), &request("Medea")).unwrap();
        assert_eq!(own.result.as_deref(), Some("Chaire, Jason!"));
        assert!(Greet::start(config("{}"), &Request::default()).is_err());
    }

    #[test]
    fn it_takes_its_time() {
        let config = config(r#"{"rounds": 2}"#);
        let begun = Greet::start(config.clone(), &request("x")).unwrap();
        assert_eq!((begun.token.as_deref(), begun.done), (Some("0"), (0, 2)));
        let then = Greet::poll(config.clone(), &request("x"), "0").unwrap();
        assert_eq!(then.token.as_deref(), Some("1"));
        assert!(Greet::poll(config, &request("x"), "1").unwrap().result.is_some());
    }
}
