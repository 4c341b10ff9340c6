//! Measures how far a queue is behind: asks the queue's own numbers, and answers one of them.

use colchis_sdk::http::Request;
use colchis_sdk::metric_provider::{Measurement, MetricProvider, Request as Asked};
use colchis_sdk::{Capability, Error, Finding, Result, about};

/// What users write below the provider's name.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// Where the numbers are.
    url: String,
    /// Which queue.
    queue: String,
}

/// The provider.
pub struct MyPlugin;

impl MetricProvider for MyPlugin {
    type Config = Config;

    fn check(config: &Config) -> Vec<Finding> {
        match config.queue.trim() {
            "" => vec![Finding::error(
                "queue",
                "expected the name of a queue, such as orders",
            )],
            _ => Vec::new(),
        }
    }

    fn run(config: Config, _: &Asked) -> Result<Measurement> {
        let answer = Request::get(&config.url)
            .query("queue", &config.queue)
            .send()?
            .ok()?;
        let numbers: serde_json::Value = answer.json()?;
        let lag = numbers
            .get("lag")
            .ok_or_else(|| Error::permanent("the answer has no field `lag`"))?;
        Ok(Measurement::of(lag))
    }

    fn metadata(config: Config) -> Result<Vec<(String, String)>> {
        Ok(vec![("queue".to_owned(), config.queue)])
    }
}

colchis_sdk::export! {
    about: about!("my-plugin", "Measures how far a queue is behind")
        .needs(Capability::Http("*".into()), "asks the service that a metric names"),
    metric_provider: MyPlugin,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lag_is_measured() {
        colchis_sdk::testing::serve(|request| {
            assert_eq!(request.url(), "http://127.0.0.1:8080/numbers?queue=orders");
            Ok(colchis_sdk::http::Response::new(200, r#"{"lag": 7}"#))
        });
        let config = colchis_sdk::parse(include_str!("../config.json")).unwrap();
        assert_eq!(MyPlugin::run(config, &Asked::default()).unwrap().value, 7);
    }

    #[test]
    fn a_queue_has_a_name() {
        let config = colchis_sdk::parse(r#"{"url": "http://q", "queue": ""}"#).unwrap();
        assert_eq!(MyPlugin::check(&config)[0].field, "queue");
    }
}
