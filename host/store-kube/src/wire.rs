//! Requests, answers, and the server's errors in the port's words.

use http::{Method, Request};
use kube::core::Status;
use model::Object;
use serde::Deserialize;
use serde_json::value::RawValue;
use store::objects::{Gvk, Key, Revision};
use store::{Result, StoreError};

use crate::Inner;
use crate::kinds::Resource;

pub(crate) const JSON: &str = "application/json";
pub(crate) const MERGE_PATCH: &str = "application/merge-patch+json";

/// A list as the server answers it. Items of built-in kinds come without their type.
#[derive(Deserialize)]
pub(crate) struct ListAnswer {
    pub(crate) metadata: ListMeta,
    #[serde(default)]
    pub(crate) items: Vec<Box<RawValue>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListMeta {
    #[serde(default)]
    pub(crate) resource_version: String,
    #[serde(default)]
    pub(crate) r#continue: Option<String>,
}

impl Inner {
    /// Sends one request; `what` is its subject in errors.
    pub(crate) async fn send(
        &self,
        what: &str,
        method: Method,
        uri: String,
        body: Option<(&str, Vec<u8>)>,
    ) -> Result<String> {
        let request = request(what, method, uri, body)?;
        self.client.request_text(request).await.map_err(|error| failed(what, error))
    }

    /// Reads a page. When the server no longer has the revision that `next` belongs to, it gives another token, which goes on behind the same
    /// object with what is there now: that is followed once.
    pub(crate) async fn send_for_page(
        &self,
        what: &str,
        uri: impl Fn(Option<&str>) -> String,
        next: Option<&str>,
    ) -> Result<String> {
        let first = self.client.request_text(request(what, Method::GET, uri(next), None)?).await;
        let answer = match (first, next) {
            (Err(kube::Error::Api(status)), Some(_)) if status.code == 410 => {
                let fresh = status.metadata.as_ref().and_then(|m| m.continue_.clone()).filter(|text| !text.is_empty());
                match fresh {
                    Some(fresh) => self.client.request_text(request(what, Method::GET, uri(Some(&fresh)), None)?).await,
                    None => Err(kube::Error::Api(status)),
                }
            }
            (first, _) => first,
        };
        answer.map_err(|error| failed(what, error))
    }

    /// Sends one request whose answer is an object of `resource`.
    pub(crate) async fn send_for_object(
        &self,
        what: &str,
        resource: &Resource,
        method: Method,
        uri: String,
        body: Option<(&str, Vec<u8>)>,
    ) -> Result<Object> {
        let text = self.send(what, method, uri, body).await?;
        object(what, &resource.gvk, &text)
    }

    /// The resource of a kind.
    pub(crate) async fn resource(&self, gvk: &Gvk) -> Result<std::sync::Arc<Resource>> {
        self.kinds.find(&self.client, gvk).await
    }

    /// The address of one object. A name that no object can have is `NotFound`, before any request.
    pub(crate) async fn address(&self, key: &Key) -> Result<(std::sync::Arc<Resource>, String)> {
        let resource = self.resource(&key.gvk).await?;
        let fits = resource.namespaced != key.namespace.is_empty();
        if !fits || !is_segment(&key.name) || !(key.namespace.is_empty() || is_segment(&key.namespace)) {
            return Err(StoreError::NotFound { what: key.to_string() });
        }
        let address = format!("{}/{}", resource.collection(&key.namespace), key.name);
        Ok((resource, address))
    }
}

/// A request.
pub(crate) fn request(
    what: &str,
    method: Method,
    uri: String,
    body: Option<(&str, Vec<u8>)>,
) -> Result<Request<Vec<u8>>> {
    let mut builder = Request::builder().method(method).uri(uri);
    let bytes = match body {
        Some((kind, bytes)) => {
            builder = builder.header(http::header::CONTENT_TYPE, kind);
            bytes
        }
        None => Vec::new(),
    };
    builder
        .body(bytes)
        .map_err(|error| StoreError::Invalid { what: what.to_owned(), reason: format!("cannot be asked for: {error}") })
}

/// Whether a text may stand in an address as it is: what Kubernetes' names are made of.
pub(crate) fn is_segment(text: &str) -> bool {
    !text.is_empty()
        && text != "."
        && text != ".."
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':'))
}

/// A query string of names and values.
pub(crate) fn query(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        text.push(if text.is_empty() { '?' } else { '&' });
        text.push_str(name);
        text.push('=');
        for byte in value.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
                other => text.push_str(&format!("%{other:02X}")),
            }
        }
    }
    text
}

/// Reads an object; its type is filled in where the server leaves it out (items of lists of built-in kinds).
pub(crate) fn object(what: &str, gvk: &Gvk, text: &str) -> Result<Object> {
    let corrupt = |reason: String| StoreError::Corrupt { what: what.to_owned(), reason };
    let rest =
        text.trim_start().strip_prefix('{').ok_or_else(|| corrupt("the server's answer is not an object".into()))?;
    let quoted = |text: &str| serde_json::to_string(text).map_err(|e| corrupt(e.to_string()));
    // A type that the text brings itself comes later and wins.
    let typed = format!("{{\"apiVersion\":{},\"kind\":{},{rest}", quoted(&gvk.api_version)?, quoted(&gvk.kind)?);
    Object::from_json(&typed).map_err(|error| corrupt(chain(&error)))
}

/// A revision as the server writes it.
pub(crate) fn revision(what: &str, text: &str) -> Result<Revision> {
    text.parse().map_err(|_| StoreError::Corrupt {
        what: what.to_owned(),
        reason: format!("resourceVersion {text:?} is not a number, as every server so far writes it"),
    })
}

/// The port's error for the client's.
pub(crate) fn failed(what: &str, error: kube::Error) -> StoreError {
    let what = what.to_owned();
    match error {
        kube::Error::Api(status) => refused(what, *status),
        kube::Error::SerdeError(error) => StoreError::Corrupt { what, reason: error.to_string() },
        other => StoreError::Unavailable {
            reason: format!("the Kubernetes API server cannot be asked for {what}: {}", chain(&other)),
            source: Some(Box::new(other)),
        },
    }
}

/// The port's error for a status of the server.
pub(crate) fn refused(what: String, status: Status) -> StoreError {
    let message = status.message.clone();
    match (status.code, status.reason.as_str()) {
        (_, "AlreadyExists") => StoreError::AlreadyExists { what },
        (404, _) => StoreError::NotFound { what: missing(&status).unwrap_or(what) },
        (409, _) => StoreError::Conflict { what, expected: "the one that was read".into(), actual: message },
        (410, _) => StoreError::Expired { asked: 0, oldest: oldest(&message) },
        (413, _) => too_large(what),
        _ if message.contains("request is too large") || message.contains("message larger than max") => too_large(what),
        (400 | 405 | 406 | 415 | 422, _) => StoreError::Invalid { what, reason: message },
        (401 | 403, _) => StoreError::Unavailable {
            reason: format!(
                "{what}: the Kubernetes API server refuses: {message}; give the account of this server the right"
            ),
            source: Some(Box::new(status)),
        },
        _ => StoreError::Unavailable {
            reason: format!("{what}: the Kubernetes API server answers {}: {message}", status.code),
            source: Some(Box::new(status)),
        },
    }
}

/// Another object than the one asked for that is missing: the namespace of a new object.
fn missing(status: &Status) -> Option<String> {
    let details = status.details.as_ref()?;
    (details.kind == "namespaces").then(|| format!("namespace {}", details.name))
}

fn too_large(what: String) -> StoreError {
    StoreError::TooLarge { what, limit_name: "object_bytes_max", limit: 3 << 19, actual: 3 << 19 }
}

/// `too old resource version: 10 (2045)`: the number in brackets.
fn oldest(message: &str) -> Revision {
    let inside = message.rsplit_once('(').and_then(|(_, rest)| rest.split_once(')'));
    inside.and_then(|(number, _)| number.parse().ok()).unwrap_or(0)
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_escaped() {
        assert_eq!(
            query(&[("labelSelector", "a in (b,c)"), ("limit", "5")]),
            "?labelSelector=a%20in%20%28b%2Cc%29&limit=5"
        );
        assert_eq!(query(&[]), "");
    }

    #[test]
    fn segments_cannot_leave_their_place() {
        for bad in ["", ".", "..", "a/b", "a%2fb", "a?b", "a#b", "ä"] {
            assert!(!is_segment(bad), "{bad}");
        }
        assert!(is_segment("system:node-1.x_y"));
    }

    #[test]
    fn types_are_filled_in_and_never_overruled() {
        let gvk = Gvk::new("v1", "ConfigMap");
        let plain = object("x", &gvk, r#"{"metadata":{"name":"a"},"data":{"k":"v"}}"#).unwrap();
        assert_eq!(
            (plain.api_version.as_str(), plain.kind.as_str(), plain.body.get()),
            ("v1", "ConfigMap", r#"{"data":{"k":"v"}}"#)
        );
        let own = object("x", &gvk, r#"{"apiVersion":"v2","kind":"Other","metadata":{"name":"a"}}"#).unwrap();
        assert_eq!((own.api_version.as_str(), own.kind.as_str()), ("v2", "Other"));
        assert_eq!(object("x", &gvk, "[]").unwrap_err().code(), "Corrupt");
    }

    #[test]
    fn statuses_become_the_ports_errors() {
        for (code, reason, message, want) in [
            (404, "NotFound", "", "NotFound"),
            (409, "AlreadyExists", "", "AlreadyExists"),
            (409, "Conflict", "", "Conflict"),
            (410, "Expired", "too old resource version: 1 (77)", "Expired"),
            (422, "Invalid", "", "Invalid"),
            (500, "", "etcdserver: request is too large", "TooLarge"),
            (403, "Forbidden", "", "Unavailable"),
            (503, "", "", "Unavailable"),
        ] {
            let status = Status::failure(message, reason).with_code(code);
            assert_eq!(refused("x".into(), status).code(), want, "{code}");
        }
        assert_eq!(oldest("too old resource version: 1 (77)"), 77);
    }
}
