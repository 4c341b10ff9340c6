//! What users write, and the message that it means.

use colchis_sdk::event_id::id_of;
use colchis_sdk::{Error, Finding, Result, SecretRef};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A message on Slack.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// The token of the app (`xoxb-…`).
    pub slack_token: SecretRef,
    /// The channel, by name or id.
    pub channel: String,
    /// The text; with blocks, what notifications show.
    #[serde(default)]
    pub message: String,
    /// Attachments, as a list in JSON.
    #[serde(default)]
    pub attachments: String,
    /// Blocks, as a list in JSON.
    #[serde(default)]
    pub blocks: String,
    /// Brings messages together in a thread.
    #[serde(default)]
    pub thread: Thread,
    /// Who the message seems to come from.
    #[serde(default)]
    pub sender: Sender,
}

/// A thread.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Thread {
    /// Messages of one key are one thread. Needs the grant `state`.
    pub message_aggregation_key: String,
    /// Answers in the thread are shown in the channel as well.
    pub broadcast_message_to_channel: bool,
}

/// Who a message seems to come from. Needs the scope `chat:write.customize`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sender {
    /// The name.
    pub username: String,
    /// An emoji, as `:sailboat:`, or the address of a picture.
    pub icon: String,
}

impl Config {
    pub(crate) fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        if self.channel.trim_start_matches('#').trim().is_empty() {
            found.push(Finding::error("channel", "a channel is expected, by name or id"));
        }
        if self.message.is_empty() && self.attachments.is_empty() && self.blocks.is_empty() {
            found.push(Finding::error("message", "a message is expected, or attachments or blocks"));
        }
        for (field, text) in [("attachments", &self.attachments), ("blocks", &self.blocks)] {
            found.extend(list(field, text).err().map(|error| Finding::error(field, error.message())));
        }
        if self.thread.broadcast_message_to_channel && self.thread.message_aggregation_key.is_empty() {
            found.push(Finding::warning(
                "thread.broadcastMessageToChannel",
                "it means nothing without messageAggregationKey",
            ));
        }
        found
    }

    /// The message for Slack.
    pub(crate) fn message(&self) -> Result<Map<String, Value>> {
        let mut message = Map::new();
        message.insert("channel".to_owned(), json!(self.channel.trim().trim_start_matches('#')));
        if !self.message.is_empty() {
            message.insert("text".to_owned(), json!(self.message));
        }
        for (field, text) in [("attachments", &self.attachments), ("blocks", &self.blocks)] {
            if let Some(list) = list(field, text)? {
                message.insert(field.to_owned(), list);
            }
        }
        if !self.sender.username.is_empty() {
            message.insert("username".to_owned(), json!(self.sender.username));
        }
        let icon = self.sender.icon.as_str();
        if icon.starts_with("http://") || icon.starts_with("https://") {
            message.insert("icon_url".to_owned(), json!(icon));
        } else if !icon.is_empty() {
            message.insert("icon_emoji".to_owned(), json!(format!(":{}:", icon.trim_matches(':'))));
        }
        Ok(message)
    }

    /// Where the first message of the thread is kept.
    pub(crate) fn thread_key(&self) -> Option<String> {
        let key = &self.thread.message_aggregation_key;
        let channel = self.channel.trim().trim_start_matches('#');
        (!key.is_empty()).then(|| format!("thread-{}", id_of(&[channel.as_bytes(), key.as_bytes()])))
    }
}

/// A list in JSON; none of an empty text.
fn list(field: &str, text: &str) -> Result<Option<Value>> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    match serde_json::from_str(text) {
        Ok(list @ Value::Array(_)) => Ok(Some(list)),
        Ok(_) => Err(Error::invalid(field, "a list in JSON is expected")),
        Err(error) => Err(Error::invalid(field, format!("a list in JSON is expected: {error}"))),
    }
}
