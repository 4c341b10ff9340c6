//! Posts what came in to a service, with a key that keeps it from being done twice.

use colchis_sdk::http::Request as HttpRequest;
use colchis_sdk::trigger::{Executed, Request, Trigger};
use colchis_sdk::{Capability, Finding, Result, about};
use serde_json::{Value, json};

/// What users write below the trigger's name.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// Where it is posted to.
    url: String,
}

/// The trigger.
pub struct MyPlugin;

impl Trigger for MyPlugin {
    type Config = Config;

    fn check(config: &Config) -> Vec<Finding> {
        match config.url.split_once("://") {
            Some(("http" | "https", _)) => Vec::new(),
            _ => vec![Finding::error(
                "url",
                "expected a URL that begins with http:// or https://",
            )],
        }
    }

    fn execute(
        config: Config,
        _: &Request,
        payload: Value,
        idempotency_key: &str,
    ) -> Result<Executed> {
        // The service does a thing of the same key once.
        let request = HttpRequest::post(&config.url)
            .header("Idempotency-Key", idempotency_key)
            .json(&payload)?;
        let answer = request.send()?.ok()?;
        Ok(Executed::new(
            format!("posted to {}", config.url),
            json!({"status": answer.status()}),
        ))
    }
}

colchis_sdk::export! {
    about: about!("my-plugin", "Posts what came in to a service")
        .needs(Capability::Http("*".into()), "posts to the service that the trigger names"),
    trigger: MyPlugin,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_posted_with_its_key() {
        colchis_sdk::testing::serve(|request| {
            assert_eq!(request.header_value("idempotency-key"), Some("k-1"));
            assert_eq!(request.body_bytes(), br#"{"order":7}"#);
            Ok(colchis_sdk::http::Response::new(202, ""))
        });
        let config = colchis_sdk::parse(include_str!("../config.json")).unwrap();
        let done =
            MyPlugin::execute(config, &Request::default(), json!({"order": 7}), "k-1").unwrap();
        assert_eq!(done.answer, json!({"status": 202}));
    }
}
