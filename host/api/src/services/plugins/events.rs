//! Calls by hand of event sources.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;
use plugin::{Batch, CallContext, Desk, Event, Incoming, Outcome as Taken};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::calls::{map, needed};
use crate::failure::Outcome;

/// Events that are asked for at once.
const EVENTS: u32 = 10;
/// How long is waited for them (ms).
const WAIT_MS: u64 = 5_000;

fn by_hand() -> String {
    "by-hand".to_owned()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PollCall {
    #[serde(default)]
    config: Value,
    #[serde(default = "by_hand")]
    name: String,
    cursor: Option<String>,
    max: Option<u32>,
    wait_ms: Option<u64>,
}

/// Opens a subscription, waits once and acknowledges nothing, so that who asks takes no event away from anybody.
pub(super) async fn poll(plugins: &dyn Desk, name: &str, context: &CallContext, asked: PollCall) -> Outcome<Value> {
    let source = plugins.subscriber(name)?;
    let mut subscription = source.open(context, &asked.config, &asked.name, asked.cursor.as_deref()).await?;
    let wait = Duration::from_millis(asked.wait_ms.unwrap_or(WAIT_MS)).min(context.timeout);
    let Batch { events, cursor, .. } = subscription.poll(context, asked.max.unwrap_or(EVENTS), wait).await?;
    Ok(json!({"events": events.into_iter().map(event).collect::<Vec<_>>(), "cursor": cursor}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ReceiverCall {
    #[serde(default)]
    config: Value,
    #[serde(default = "by_hand")]
    name: String,
    request: Option<RequestCall>,
}

#[derive(Deserialize, Clone)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RequestCall {
    #[serde(default = "post")]
    method: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Value,
    #[serde(default)]
    remote_address: String,
}

fn post() -> String {
    "POST".to_owned()
}

pub(super) async fn receiver(
    plugins: &dyn Desk,
    name: &str,
    function: &str,
    context: &CallContext,
    asked: ReceiverCall,
) -> Outcome<Value> {
    let source = plugins.receiver(name)?;
    if function == "endpoints" {
        let endpoints = source.endpoints(context, &asked.config, &asked.name).await?;
        return Ok(endpoints.into_iter().map(|at| json!({"path": at.path, "methods": at.methods})).collect());
    }
    let request = needed("request", asked.request.as_ref())?.clone();
    let body = match request.body {
        Value::Null => Vec::new(),
        Value::String(text) => text.into_bytes(),
        document => document.to_string().into_bytes(),
    };
    let incoming = Incoming {
        method: request.method,
        path: request.path,
        headers: request.headers.into_iter().collect(),
        body,
        remote_address: request.remote_address,
    };
    let Taken { events, answer } = source.on_request(context, &asked.config, &asked.name, incoming).await?;
    let mut told = Map::new();
    told.insert("status".to_owned(), json!(answer.status));
    told.insert("headers".to_owned(), map(answer.headers));
    content(&mut told, "body", answer.body, false);
    Ok(json!({"events": events.into_iter().map(event).collect::<Vec<_>>(), "answer": told}))
}

/// An event as CloudEvents' JSON format has it: `data` where it is JSON or text, else `data_base64`.
fn event(event: Event) -> Value {
    let mut told = Map::new();
    told.insert("id".to_owned(), event.id.into());
    told.insert("type".to_owned(), event.r#type.into());
    if let Some(ms) = event.time_ms {
        told.insert(
            "time".to_owned(),
            Timestamp::from_millis(i64::try_from(ms).unwrap_or(i64::MAX)).to_string().into(),
        );
    }
    let is_json = event.content_type.is_empty() || event.content_type.contains("json");
    told.insert("datacontenttype".to_owned(), event.content_type.into());
    told.extend(event.extensions.into_iter().map(|(name, value)| (name, Value::String(value))));
    content(&mut told, "data", event.data, is_json);
    told.into()
}

fn content(told: &mut Map<String, Value>, field: &str, bytes: Vec<u8>, is_json: bool) {
    if is_json && let Ok(document) = serde_json::from_slice::<Value>(&bytes) {
        told.insert(field.to_owned(), document);
        return;
    }
    match String::from_utf8(bytes) {
        Ok(text) => told.insert(field.to_owned(), text.into()),
        Err(error) => told.insert(format!("{field}_base64"), STANDARD.encode(error.as_bytes()).into()),
    };
}
