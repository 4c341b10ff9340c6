//! The attributes of a CloudEvent, from headers (binary) or from JSON (structured), and the event that they make.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use colchis_sdk::event::id_of;
pub(crate) use colchis_sdk::event_receiver::Event;
use colchis_sdk::event_receiver::Incoming;
use jiff::Timestamp;
use serde_json::Value;

/// The longest attribute (bytes), and the most of them.
const ATTRIBUTE_BYTES_MAX: usize = 4096;
const ATTRIBUTES_MAX: usize = 64;

/// The longest id that is kept readable; a longer one is made of the contents.
const ID_BYTES_MAX: usize = 200;

/// An event whose attributes are headers that begin with `ce-`, and whose data is the body.
pub(crate) fn binary(request: &Incoming) -> Result<Event, String> {
    let mut attributes = BTreeMap::new();
    for (name, value) in &request.headers {
        let name = name.to_ascii_lowercase();
        let Some(name) = name.strip_prefix("ce-") else { continue };
        if attributes.insert(name.to_owned(), percent_decoded(value)?).is_some() {
            return Err(format!("the header ce-{name} is there twice"));
        }
    }
    if let Some(media_type) = request.header("content-type") {
        attributes.insert("datacontenttype".to_owned(), media_type.to_owned());
    }
    event(attributes, Some(request.body.clone()))
}

/// An event whose attributes and data are in a JSON object.
pub(crate) fn structured(document: &Value) -> Result<Event, String> {
    let object = document.as_object().ok_or("an object is expected: a CloudEvent in JSON")?;
    let mut attributes = BTreeMap::new();
    for (name, value) in object {
        if matches!(name.as_str(), "data" | "data_base64") {
            continue;
        }
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            _ => return Err(format!("`{name}` is a list or an object: a text, a number or a boolean is expected")),
        };
        attributes.insert(name.clone(), text);
    }
    let media_type = attributes.get("datacontenttype").map(String::as_str).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    let is_json = media_type.is_empty() || media_type.ends_with("/json") || media_type.ends_with("+json");
    let data = match (object.get("data"), object.get("data_base64")) {
        (Some(_), Some(_)) => return Err("only one of `data` and `data_base64` can be there".to_owned()),
        (None | Some(Value::Null), None) => None,
        // Of a content that is not JSON, a text is the content itself.
        (Some(Value::String(text)), None) if !is_json => Some(text.clone().into_bytes()),
        (Some(value), None) => Some(value.to_string().into_bytes()),
        (None, Some(Value::String(text))) => {
            Some(STANDARD.decode(text).map_err(|error| format!("`data_base64` is not base64: {error}"))?)
        }
        (None, Some(_)) => return Err("`data_base64` is no text".to_owned()),
    };
    event(attributes, data)
}

fn event(mut attributes: BTreeMap<String, String>, data: Option<Vec<u8>>) -> Result<Event, String> {
    if attributes.len() > ATTRIBUTES_MAX {
        return Err(format!("at most {ATTRIBUTES_MAX} attributes are taken"));
    }
    for (name, value) in &attributes {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
            return Err(format!("`{name}` is no name of an attribute: small letters and digits are expected"));
        }
        if value.len() > ATTRIBUTE_BYTES_MAX || value.chars().any(char::is_control) {
            let expected = format!("at most {ATTRIBUTE_BYTES_MAX} bytes without control characters are expected");
            return Err(format!("the attribute `{name}` cannot be taken: {expected}"));
        }
    }
    let mut required = |name: &str| {
        let value = attributes.remove(name).filter(|value| !value.is_empty());
        value.ok_or_else(|| format!("the attribute `{name}` is missing"))
    };
    let version = required("specversion")?;
    if version != "1.0" {
        return Err(format!("specversion `{version}` is not read: `1.0` is expected"));
    }
    let (id, source, kind) = (required("id")?, required("source")?, required("type")?);
    let time_ms = match attributes.remove("time") {
        None => None,
        Some(time) => {
            let read: Timestamp = time.parse().map_err(|_| format!("time `{time}` is not as RFC 3339 has it"))?;
            // What happened before 1970 has no time here.
            u64::try_from(read.as_millisecond()).ok()
        }
    };
    let content_type = attributes.remove("datacontenttype").unwrap_or_default();
    let mut further = vec![("originid".to_owned(), id.clone()), ("originsource".to_owned(), source.clone())];
    further.extend(attributes.remove("subject").map(|subject| ("originsubject".to_owned(), subject)));
    further.extend(attributes);
    // An id is one of its source's only.
    let readable = format!("{id}@{source}");
    let id = if readable.len() <= ID_BYTES_MAX { readable } else { id_of(&[source.as_bytes(), id.as_bytes()]) };
    let data = data.unwrap_or_else(|| if content_type.is_empty() { b"null".to_vec() } else { Vec::new() });
    Ok(Event { id, kind, time_ms, content_type, data, attributes: further })
}

/// A header's value, where `%` and two digits stand for a byte (CloudEvents' HTTP binding, 3.1.3.2).
fn percent_decoded(value: &str) -> Result<String, String> {
    let value = value.trim();
    let value = value.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(value);
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next().unwrap_or_default(), rest.next().unwrap_or_default()];
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let [high, low] = digits.map(digit);
        let (Some(high), Some(low)) = (high, low) else {
            return Err(format!("`{value}`: two hexadecimal digits are expected after `%`"));
        };
        bytes.push(high * 16 + low);
    }
    String::from_utf8(bytes).map_err(|_| format!("`{value}` is not UTF-8 when decoded"))
}
