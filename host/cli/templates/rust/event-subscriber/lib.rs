//! Brings in the entries of a feed: asks for those behind the last that it has seen.

use std::time::Duration;

use colchis_sdk::event_subscriber::{Batch, Event, EventSubscriber, Subscription};
use colchis_sdk::http::Request;
use colchis_sdk::{Capability, Finding, Result, about};

/// What users write for one event of the source.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// Where the feed is: it answers `{"entries": [{"id": "7", …}]}`, those behind `after` alone.
    url: String,
}

/// An entry of the feed.
#[derive(serde::Deserialize)]
struct Feed {
    entries: Vec<serde_json::Value>,
}

/// The source.
pub struct MyPlugin;

/// Where a subscription stands.
pub struct Reading {
    url: String,
    cursor: String,
}

impl EventSubscriber for MyPlugin {
    type Config = Config;
    type Subscription = Reading;

    fn check(config: &Config) -> Vec<Finding> {
        match config.url.split_once("://") {
            Some(("http" | "https", _)) => Vec::new(),
            _ => vec![Finding::error(
                "url",
                "expected a URL that begins with http:// or https://",
            )],
        }
    }

    fn open(config: Config, _: &str, cursor: Option<&str>) -> Result<Reading> {
        Ok(Reading {
            url: config.url,
            cursor: cursor.unwrap_or_default().to_owned(),
        })
    }
}

impl Subscription for Reading {
    fn poll(&mut self, max: u32, wait: Duration) -> Result<Batch> {
        let request = Request::get(&self.url)
            .query("after", &self.cursor)
            .query("max", &max.to_string());
        let feed: Feed = request
            .timeout(wait.max(Duration::from_secs(1)))
            .send()?
            .ok()?
            .json()?;
        let entries = feed.entries.iter().take(max as usize);
        // An entry without an id could come twice and nobody would know.
        let events: Vec<Event> = entries
            .filter_map(|entry| Some(Event::json(entry.get("id")?.as_str()?, entry)))
            .collect();
        if let Some(last) = events.last() {
            self.cursor.clone_from(&last.id);
        }
        Ok(Batch {
            events,
            cursor: self.cursor.clone(),
            delivery: 0,
        })
    }
}

colchis_sdk::export! {
    about: about!("my-plugin", "Brings in the entries of a feed")
        .needs(Capability::Http("*".into()), "asks the feed that the event names"),
    event_subscriber: MyPlugin,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_become_events_and_the_last_is_the_cursor() {
        colchis_sdk::testing::serve(|request| {
            assert_eq!(request.url(), "http://127.0.0.1:8080/feed?after=6&max=10");
            Ok(colchis_sdk::http::Response::new(
                200,
                r#"{"entries": [{"id": "7"}, {"id": "8"}]}"#,
            ))
        });
        let config = colchis_sdk::parse(include_str!("../config.json")).unwrap();
        let mut reading = MyPlugin::open(config, "feed", Some("6")).unwrap();
        let batch = reading.poll(10, Duration::from_secs(1)).unwrap();
        assert_eq!((batch.events.len(), batch.cursor.as_str()), (2, "8"));
    }
}
