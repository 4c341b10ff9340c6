//! What Slack answers: 200 with `ok: false` and a word in almost every case.

use colchis_sdk::http::Response;
use colchis_sdk::{Error, Result};
use serde::Deserialize;

/// A message that was posted.
#[derive(Debug)]
pub(crate) struct Posted {
    pub(crate) channel: String,
    pub(crate) ts: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    ok: bool,
    error: String,
    channel: String,
    ts: String,
    needed: String,
}

/// The message, or an error of the class that the word means.
pub(crate) fn read(response: Response) -> Result<Posted> {
    let answer: Answer = response.ok()?.json()?;
    if answer.ok {
        return Ok(Posted { channel: answer.channel, ts: answer.ts });
    }
    let word = answer.error.as_str();
    Err(match word {
        "channel_not_found" => Error::not_found(
            "Slack finds no such channel: it is private and the app is not in it, or its name is another (channel_not_found)",
        )
        .at("channel"),
        "not_in_channel" | "is_archived" | "restricted_action" | "cannot_reply_to_message" => {
            Error::denied(format!("Slack does not let the app post there ({word}): invite it into the channel")).at("channel")
        }
        "invalid_auth" | "not_authed" | "account_inactive" | "token_revoked" | "token_expired" | "no_permission"
        | "org_login_required" | "ekm_access_denied" | "access_denied" => {
            Error::denied(format!("Slack refuses the token ({word})")).at("slackToken")
        }
        "missing_scope" => {
            Error::denied(format!("the token lacks the scope `{}` (missing_scope)", answer.needed)).at("slackToken")
        }
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => {
            Error::throttled(None, format!("Slack asks to wait ({word})"))
        }
        "fatal_error" | "internal_error" | "request_timeout" | "service_unavailable" | "team_added_to_org" => {
            Error::unavailable(format!("Slack cannot answer now ({word})"))
        }
        "invalid_blocks" | "invalid_blocks_format" => Error::permanent(format!("Slack cannot read them ({word})")).at("blocks"),
        "too_many_attachments" | "invalid_attachments" => {
            Error::permanent(format!("Slack cannot take them ({word})")).at("attachments")
        }
        "no_text" | "msg_too_long" => Error::permanent(format!("Slack cannot take the message ({word})")).at("message"),
        _ => Error::permanent(format!("Slack refuses the message ({})", if word.is_empty() { "without a word" } else { word })),
    }
    .with_code(if word.is_empty() { "refused".to_owned() } else { word.replace('_', "-") }))
}
