//! Messages of streams: in a reply, and as events.

use std::collections::BTreeMap;

use colchis_sdk::event_subscriber::Event;
use colchis_sdk::{Error, Result, event};
use serde_json::{Map, Value, json};

use crate::resp::Reply;

/// A message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) stream: String,
    pub(crate) id: String,
    /// Its fields; none when it was deleted from the stream.
    pub(crate) values: Option<Vec<(Vec<u8>, Vec<u8>)>>,
}

/// The messages of a reply to `XREADGROUP`, by stream.
pub(crate) fn messages(reply: Reply) -> Result<Vec<(String, Vec<Message>)>> {
    let bad = || Error::unavailable("the reply to XREADGROUP is not as Redis gives it").with_code("bad-reply");
    let streams = match reply {
        Reply::Nothing => return Ok(Vec::new()),
        Reply::List(streams) => streams,
        _ => return Err(bad()),
    };
    let stream = |reply| -> Option<(String, Vec<Message>)> {
        let [Reply::Bytes(name), Reply::List(messages)] = <[Reply; 2]>::try_from(list(reply)?).ok()? else {
            return None;
        };
        let name = String::from_utf8(name).ok()?;
        let messages = messages.into_iter().map(|reply| message(&name, reply)).collect::<Option<_>>()?;
        Some((name, messages))
    };
    streams.into_iter().map(|reply| stream(reply).ok_or_else(bad)).collect()
}

fn list(reply: Reply) -> Option<Vec<Reply>> {
    if let Reply::List(list) = reply { Some(list) } else { None }
}

fn message(stream: &str, reply: Reply) -> Option<Message> {
    let [Reply::Bytes(id), fields] = <[Reply; 2]>::try_from(list(reply)?).ok()? else { return None };
    let values = match fields {
        Reply::Nothing => None,
        Reply::List(fields) => {
            let mut fields = fields.into_iter();
            let mut values = Vec::new();
            while let Some(name) = fields.next() {
                let (Reply::Bytes(name), Some(Reply::Bytes(value))) = (name, fields.next()) else { return None };
                values.push((name, value));
            }
            Some(values)
        }
        _ => return None,
    };
    Some(Message { stream: stream.to_owned(), id: String::from_utf8(id).ok()?, values })
}

impl Message {
    /// Its event: `{stream, message_id, values}`. Bytes that are no text are base64.
    pub(crate) fn event(self, metadata: &BTreeMap<String, String>) -> Event {
        let values: Map<String, Value> = self
            .values
            .unwrap_or_default()
            .into_iter()
            .map(|(name, value)| (text(name), Value::String(text(value))))
            .collect();
        let mut data = json!({"stream": self.stream, "message_id": self.id, "values": values});
        if let (Value::Object(data), false) = (&mut data, metadata.is_empty()) {
            data.insert("metadata".to_owned(), json!(metadata));
        }
        let event = Event::json(event::id_of(&[b"redis", self.stream.as_bytes(), self.id.as_bytes()]), &data);
        let event = event.of_kind("redisStream");
        // Ids begin with the time, unless whoever wrote the message chose otherwise.
        match self.id.split('-').next().and_then(|ms| ms.parse().ok()) {
            Some(ms) => event.at_ms(ms),
            None => event,
        }
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|bytes| match event::body(bytes.as_bytes(), false) {
        Ok(Value::String(text)) => text,
        _ => String::new(),
    })
}
