//! The trigger `slack`: posts a message.
//!
//! ```text
//!   thread key known? ──► chat.postMessage (thread_ts) ──► ok? ──► first of its key: keep ts
//! ```
//!
//! Invariants
//! - Messages of one aggregation key are one thread: its first message is kept in the state before the trigger is done.
//!
//! Must not know: parameters, which the sensor fills in before.

mod answer;
mod config;
mod threads;

use colchis_sdk::http::Request as Asked;
use colchis_sdk::trigger::{Executed, Request, Trigger};
use colchis_sdk::{Capability, Finding, Result, about, warn};
use serde_json::{Value, json};

pub use config::{Config, Sender, Thread};

/// Where Slack takes messages.
const URL: &str = "https://slack.com/api/chat.postMessage";

/// The trigger.
#[derive(Debug)]
pub struct Slack;

impl Trigger for Slack {
    type Config = Config;

    fn check(config: &Config) -> Vec<Finding> {
        config.check()
    }

    fn execute(config: Config, _: &Request, _: Value, _: &str) -> Result<Executed> {
        let mut message = config.message()?;
        let thread = config.thread_key();
        let first = match &thread {
            Some(key) => threads::first(key)?,
            None => None,
        };
        if let Some(ts) = &first {
            message.insert("thread_ts".to_owned(), json!(ts));
            if config.thread.broadcast_message_to_channel {
                message.insert("reply_broadcast".to_owned(), json!(true));
            }
        }
        let token = config.slack_token.stand_in("slackToken")?;
        let response = Asked::post(URL)
            .header("authorization", format!("Bearer {token}"))
            .json(&Value::Object(message))?
            .send()?;
        let posted = answer::read(response)?;
        if let (Some(key), None) = (&thread, &first)
            && let Err(error) = threads::keep(key, &posted.ts)
        {
            // Posted it is: to fail now would post it again.
            warn!("the thread is not kept, so that the next message begins another"; "why" => error);
        }
        let answer = json!({"ok": true, "channel": posted.channel, "ts": posted.ts, "thread": first});
        Ok(Executed::new(format!("posted to {}", posted.channel), answer))
    }
}

colchis_sdk::export! {
    about: about!("slack", "Posts a message on Slack when events came in")
        .needs(Capability::Http("https://slack.com:443".into()), "posts the message")
        .may_use(Capability::State, "keeps the first message of a thread, where `thread.messageAggregationKey` is set"),
    trigger: Slack,
}

#[cfg(test)]
mod tests;
