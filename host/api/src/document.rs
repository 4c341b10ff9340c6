//! Documents: JSON text in and out, Secrets without their values.

use bytes::Bytes;
use model::Object;
use proto_gen::v1::Fault;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tonic::Code;

use crate::failure::{Failure, Outcome};
use crate::settings::Limits;

/// kubectl's record of what was applied; it repeats the whole document.
pub(crate) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Stands in a Secret whose values were left out, so that it is not taken for a real one.
pub(crate) const REDACTED: &str = "colchis.dev/redacted";

/// Stands for a value; never base64.
const NOT_SHOWN: &str = "<not shown>";

/// An object that is to be stored, with the text that the caller wrote: what the text says and the object cannot hold (an unknown field of the metadata) is
/// found in the text only.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) object: Object,
    text: Bytes,
    edited: bool,
}

impl Draft {
    /// From the caller's text.
    pub(crate) fn parse(text: Bytes, limits: &Limits) -> Outcome<Self> {
        Ok(Self { object: parse(&text, limits)?, text, edited: false })
    }

    /// From an object that the server made.
    pub(crate) fn of(object: Object) -> Outcome<Self> {
        let text = to_json(&object, Parts::WithoutStatus)?;
        Ok(Self { object, text, edited: false })
    }

    /// The object was changed: what changed is checked beside what was written.
    pub(crate) fn check_object_too(&mut self) {
        self.edited = true;
    }

    /// Takes an object to which the server added something of its own: there is nothing new to check.
    pub(crate) fn with(self, object: Object) -> Self {
        Self { object, ..self }
    }

    /// The texts that are to be checked.
    pub(crate) fn texts(&self) -> Outcome<Vec<Bytes>> {
        let written = self.text.clone();
        Ok(if self.edited { vec![written, to_json(&self.object, Parts::WithoutStatus)?] } else { vec![written] })
    }
}

/// Which parts of an object are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parts {
    /// All.
    Whole,
    /// Without the body: metadata and status.
    WithoutBody,
    /// Without the status.
    WithoutStatus,
}

/// Reads an object's JSON text.
pub(crate) fn parse(text: &[u8], limits: &Limits) -> Outcome<Object> {
    let size = text.len() as u64;
    if size > limits.object_bytes_max {
        return Err(Failure::too_large("the document", "object_bytes_max", limits.object_bytes_max, size));
    }
    if text.is_empty() {
        return Err(Failure::field("document", "is required: the object as JSON text"));
    }
    let text = std::str::from_utf8(text)
        .map_err(|error| Failure::field("document", format!("is not UTF-8 after byte {}", error.valid_up_to())))?;
    serde_json::from_str(text).map_err(|error| unreadable(text, &error))
}

/// What is wrong with a text that is no object: with a path where the JSON itself can be read.
fn unreadable(text: &str, error: &serde_json::Error) -> Failure {
    let failure = |path: &str, message: String| {
        let failure = Failure::field(path, message);
        if text.trim_start().starts_with('{') {
            failure
        } else {
            failure.hint("documents cross as JSON: convert YAML before sending it")
        }
    };
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => return failure("document", format!("is not JSON: {error}")),
    };
    let Some(fields) = value.as_object() else { return failure("document", "is not a JSON object".to_owned()) };
    for name in ["apiVersion", "kind"] {
        match fields.get(name) {
            Some(Value::String(_)) => {}
            None | Some(Value::Null) => return failure(name, "is required".to_owned()),
            Some(_) => return failure(name, "is not text".to_owned()),
        }
    }
    match fields.get("metadata") {
        Some(Value::Object(_)) | None => failure("metadata", format!("cannot be read: {error}")),
        Some(_) => failure("metadata", "is not a JSON object".to_owned()),
    }
}

/// Refuses what was read without its values and sent back.
pub(crate) fn refuse_redacted(object: &Object) -> Outcome<()> {
    if object.metadata.annotations.contains_key(REDACTED) {
        return Err(Failure::field(
            &format!("metadata.annotations[{REDACTED}]"),
            "this Secret was read without its values and cannot be written back",
        )
        .hint("read it with reveal_secrets, or send the values anew and remove the annotation"));
    }
    Ok(())
}

/// An object's JSON text.
pub(crate) fn to_json(object: &Object, parts: Parts) -> Outcome<Bytes> {
    let metadata = text_of(&object.metadata)?;
    let body = if parts == Parts::WithoutBody { "{}" } else { object.body.get() };
    let status = object.status.as_deref().filter(|_| parts != Parts::WithoutStatus).map(RawValue::get);
    let size =
        metadata.len() + body.len() + status.map_or(0, str::len) + object.kind.len() + object.api_version.len() + 64;
    let mut text = String::with_capacity(size);
    text.push_str("{\"apiVersion\":");
    text.push_str(&text_of(&object.api_version)?);
    text.push_str(",\"kind\":");
    text.push_str(&text_of(&object.kind)?);
    text.push_str(",\"metadata\":");
    text.push_str(&metadata);
    // The body is one JSON object: its fields stand beside metadata.
    let fields = body.trim().strip_prefix('{').and_then(|body| body.strip_suffix('}')).unwrap_or_default();
    if !fields.trim().is_empty() {
        text.push(',');
        text.push_str(fields);
    }
    if let Some(status) = status {
        text.push_str(",\"status\":");
        text.push_str(status);
    }
    text.push('}');
    Ok(Bytes::from(text))
}

/// An object's JSON text as a caller may see it: a Secret without its values unless `reveal`.
pub(crate) fn shown(object: &Object, parts: Parts, reveal: bool) -> Outcome<Bytes> {
    if reveal || !is_secret(object) { to_json(object, parts) } else { to_json(&redacted(object)?, parts) }
}

/// Whether it is a Secret.
pub(crate) fn is_secret(object: &Object) -> bool {
    object.kind == "Secret" && object.api_version == "v1"
}

fn redacted(secret: &Object) -> Outcome<Object> {
    let mut fields: Map<String, Value> = fields_of(secret)?;
    for part in ["data", "stringData"] {
        if let Some(Value::Object(values)) = fields.get_mut(part) {
            values.values_mut().for_each(|value| *value = Value::String(NOT_SHOWN.to_owned()));
        }
    }
    let mut object = secret.clone();
    object.body = raw(&Value::Object(fields))?.into();
    object
        .metadata
        .annotations
        .retain(|name, _| !name.starts_with(LAST_APPLIED) && !name.starts_with("colchis.dev/last-applied"));
    object.metadata.annotations.insert(REDACTED.to_owned(), "true".to_owned());
    Ok(object)
}

/// An object's body, read.
pub(crate) fn fields_of(object: &Object) -> Outcome<Map<String, Value>> {
    serde_json::from_str(object.body.get()).map_err(|error| {
        Failure::new(
            Code::DataLoss,
            "Corrupt",
            Fault::Server,
            format!("the body of {} cannot be read: {error}", describe(object)),
        )
    })
}

/// A body from its fields.
pub(crate) fn raw<T: serde::Serialize + ?Sized>(value: &T) -> Outcome<Box<RawValue>> {
    serde_json::value::to_raw_value(value).map_err(|error| Failure::internal("a document cannot be written", error))
}

fn text_of<T: serde::Serialize + ?Sized>(value: &T) -> Outcome<String> {
    serde_json::to_string(value).map_err(|error| Failure::internal("a document cannot be written", error))
}

/// As people write it: `workflow default/hello`.
pub(crate) fn describe(object: &Object) -> String {
    let meta = &object.metadata;
    let name = if meta.name.is_empty() { format!("{}…", meta.generate_name) } else { meta.name.clone() };
    let kind = object.kind.to_lowercase();
    if meta.namespace.is_empty() { format!("{kind} {name}") } else { format!("{kind} {}/{name}", meta.namespace) }
}

/// An object's revision.
pub(crate) fn revision_of(object: &Object) -> u64 {
    object.metadata.resource_version.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Object {
        parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    #[test]
    fn what_is_written_is_what_was_read() {
        let text = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"x":"1"},"immutable":true,"status":{"b":[]}}"#;
        let object = object(text);
        assert_eq!(to_json(&object, Parts::Whole).unwrap(), text);
        let without = to_json(&object, Parts::WithoutBody).unwrap();
        assert_eq!(without, r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"status":{"b":[]}}"#);
        assert!(
            !String::from_utf8(to_json(&object, Parts::WithoutStatus).unwrap().to_vec()).unwrap().contains("status")
        );
    }

    #[test]
    fn a_secret_is_shown_without_its_values_and_not_taken_back() {
        let secret = object(
            r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a","annotations":{"kubectl.kubernetes.io/last-applied-configuration":"cGFzcw=="}},"data":{"password":"cGFzcw=="},"stringData":{"p":"pass"}}"#,
        );
        let text = String::from_utf8(shown(&secret, Parts::Whole, false).unwrap().to_vec()).unwrap();
        assert!(!text.contains("cGFzcw==") && !text.contains("\"pass\"") && text.contains("password"), "{text}");
        assert!(refuse_redacted(&object(&text)).is_err());
        assert!(refuse_redacted(&secret).is_ok());
        let text = String::from_utf8(shown(&secret, Parts::Whole, true).unwrap().to_vec()).unwrap();
        assert!(text.contains("cGFzcw=="));
    }

    #[test]
    fn garbage_is_told_with_its_place() {
        for (text, path, part) in [
            (&b""[..], "document", "required"),
            (b"\xff\xfe", "document", "UTF-8 after byte 0"),
            (b"kind: Workflow", "document", "not JSON"),
            (b"[]", "document", "not a JSON object"),
            (b"{\"kind\":\"X\"}", "apiVersion", "required"),
            (b"{\"apiVersion\":1,\"kind\":\"X\"}", "apiVersion", "not text"),
            (b"{\"apiVersion\":\"v1\",\"kind\":\"X\",\"metadata\":7}", "metadata", "not a JSON object"),
            (b"{\"apiVersion\":\"v1\",\"kind\":\"X\",\"metadata\":{\"labels\":7}}", "metadata", "cannot be read"),
            (b"{\"apiVersion\":\"v1\",", "document", "not JSON"),
        ] {
            let failure = parse(text, &Limits::default()).unwrap_err();
            let violation = &failure.detail.violations[0];
            assert_eq!(violation.path, path, "{}", String::from_utf8_lossy(text));
            assert!(violation.message.contains(part), "{}", violation.message);
        }
    }

    #[test]
    fn a_document_has_a_largest_size() {
        let limits = Limits { object_bytes_max: 10, ..Limits::default() };
        assert_eq!(parse(&[b'x'; 11], &limits).unwrap_err().detail.code, "TooLarge");
    }
}
