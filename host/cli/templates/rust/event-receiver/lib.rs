//! Takes in deliveries of a service: documents with an `id`, sent by POST.

use colchis_sdk::event_receiver::{Endpoint, Event, EventReceiver, Incoming, Outcome};
use colchis_sdk::{Finding, Result, about};

/// What users write for one event of the source.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// The path at which deliveries come in.
    path: String,
}

/// The source.
pub struct MyPlugin;

impl EventReceiver for MyPlugin {
    type Config = Config;

    fn check(config: &Config) -> Vec<Finding> {
        match config.path.starts_with('/') {
            true => Vec::new(),
            false => vec![Finding::error(
                "path",
                "expected a path that begins with /, such as /orders",
            )],
        }
    }

    fn endpoints(config: Config, _: &str) -> Result<Vec<Endpoint>> {
        Ok(vec![Endpoint {
            path: config.path,
            methods: vec!["POST".to_owned()],
        }])
    }

    fn on_request(_: Config, _: &str, request: &Incoming) -> Result<Outcome> {
        let Ok(document) = serde_json::from_slice::<serde_json::Value>(&request.body) else {
            return Ok(Outcome::answer(400, "expected a document in JSON"));
        };
        // The sender's id: a delivery that is sent again is the same event.
        let Some(id) = document.get("id").and_then(serde_json::Value::as_str) else {
            return Ok(Outcome::answer(422, "expected a field `id` with a text"));
        };
        Ok(Outcome::events([Event::json(id, &document)]))
    }
}

colchis_sdk::export! {
    about: about!("my-plugin", "Takes in deliveries with an id"),
    event_receiver: MyPlugin,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(body: &str) -> Outcome {
        let config = colchis_sdk::parse(include_str!("../config.json")).unwrap();
        let request = Incoming {
            method: "POST".into(),
            body: body.into(),
            ..Incoming::default()
        };
        MyPlugin::on_request(config, "orders", &request).unwrap()
    }

    #[test]
    fn a_delivery_is_an_event_of_its_id() {
        let taken = outcome(r#"{"id": "7", "total": 3}"#);
        assert_eq!((taken.status, taken.events[0].id.as_str()), (200, "7"));
    }

    #[test]
    fn what_is_none_is_answered_and_no_event() {
        for (body, status) in [("no json", 400), (r#"{"total": 3}"#, 422)] {
            let taken = outcome(body);
            assert_eq!((taken.status, taken.events.len()), (status, 0), "{body}");
        }
    }
}
