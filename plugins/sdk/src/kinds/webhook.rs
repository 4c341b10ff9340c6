//! What receivers of webhooks have in common: where requests are expected, who may send them, and how they look in an event.
//!
//! ```text
//!   request ──► method? 405 ──► size? 413 ──► authSecret? 401 ──► headers, body
//! ```

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::event_receiver::{Endpoint, Incoming, Outcome};
use crate::{Finding, Result, SecretRef};

/// The longest body, where a configuration says nothing else (bytes).
pub const PAYLOAD_BYTES_MAX: u64 = 1024 * 1024;

/// Where requests are expected, and who may send them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["endpoint"]))]
pub struct Webhook {
    /// The path, as `/push`.
    pub endpoint: String,
    /// The method; `POST` when empty.
    pub method: String,
    /// Read, with a warning: requests come to the server's own listener.
    pub port: String,
    /// Read, with a warning: who sends requests is told the address, not the plugin.
    pub url: String,
    /// Requests have this token as `Authorization: Bearer …`.
    pub auth_secret: Option<SecretRef>,
    /// The longest body in bytes; 1 MiB when 0.
    #[schemars(range(min = 0))]
    pub max_payload_size: u64,
    /// Goes along with each event.
    pub metadata: BTreeMap<String, String>,
}

impl Webhook {
    /// All that is wrong with it, as it stands below a field (`webhook.`, or nothing).
    pub fn check(&self, below: &str) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut error = |field: &str, message: &str| found.push(Finding::error(format!("{below}{field}"), message));
        if !self.endpoint.starts_with('/') || self.endpoint.contains(['?', '#', ' ']) {
            error("endpoint", "a path is expected, as `/push`");
        }
        if !matches!(self.method(), "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD" | "OPTIONS") {
            error("method", "GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS is expected");
        }
        for (field, value) in [("port", &self.port), ("url", &self.url)] {
            if !value.is_empty() {
                let message = "requests come to the server's own listener: its address and port are the server's";
                found.push(Finding::warning(format!("{below}{field}"), message));
            }
        }
        found
    }

    fn method(&self) -> &str {
        if self.method.is_empty() { "POST" } else { &self.method }
    }

    /// The endpoint for the host.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        vec![Endpoint { path: self.endpoint.clone(), methods: vec![self.method().to_owned()] }]
    }

    /// The answer for a request that is not to be taken: of another method, too long, without the token. `below` is where the configuration stands.
    pub fn refuse(&self, below: &str, request: &Incoming) -> Result<Option<Outcome>> {
        if !request.method.eq_ignore_ascii_case(self.method()) {
            let refusal = Outcome::answer(405, format!("{} is expected", self.method()));
            return Ok(Some(refusal.with_header("allow", self.method())));
        }
        let bytes_max = if self.max_payload_size == 0 { PAYLOAD_BYTES_MAX } else { self.max_payload_size };
        if request.body.len() as u64 > bytes_max {
            return Ok(Some(Outcome::answer(413, format!("at most {bytes_max} bytes (maxPayloadSize) are taken"))));
        }
        let Some(secret) = &self.auth_secret else { return Ok(None) };
        let token = request.header("authorization").and_then(|value| {
            let (scheme, token) = value.trim().split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let genuine = match token {
            Some(token) if !token.is_empty() => secret.is(&format!("{below}authSecret"), token.as_bytes())?,
            _ => false,
        };
        if genuine {
            return Ok(None);
        }
        let refusal = Outcome::answer(401, "a valid token is expected, as `Authorization: Bearer …`");
        Ok(Some(refusal.with_header("www-authenticate", "Bearer")))
    }

    /// The data of an event: headers below the name that this kind of source uses, the body, and the metadata where there is some.
    pub fn data(&self, headers: &str, request: &Incoming, hidden: &[&str], body: Value) -> Value {
        let mut data = Map::new();
        data.insert(headers.to_owned(), header_map(request, hidden));
        data.insert("body".to_owned(), body);
        if !self.metadata.is_empty() {
            data.insert("metadata".to_owned(), json!(self.metadata));
        }
        Value::Object(data)
    }
}

/// The headers of a request: each name with the capitals that HTTP/1 writes it with (`X-Github-Event`), and its values as a list. `authorization`, cookies and the
/// `hidden` ones are left out: they are credentials, and events are kept and shown.
pub fn header_map(request: &Incoming, hidden: &[&str]) -> Value {
    let mut map: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, value) in &request.headers {
        let kept_back = ["authorization", "proxy-authorization", "cookie"].iter().chain(hidden);
        if kept_back.into_iter().any(|other| name.eq_ignore_ascii_case(other)) {
            continue;
        }
        map.entry(capitals(name)).or_default().push(value);
    }
    json!(map)
}

fn capitals(name: &str) -> String {
    let mut begins = true;
    name.chars()
        .map(|letter| {
            let written = if begins { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
            begins = letter == '-';
            written
        })
        .collect()
}

/// The content type without its parameters, in small letters; empty where none is said.
pub fn media_type(request: &Incoming) -> String {
    let value = request.header("content-type").unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// A body as JSON: the JSON that it is; the fields of a form, or of the query where there is no body, each with a list of values; a text as a text; other bytes
/// in base64. What says that it is JSON and is not is an error for the sender.
pub fn body(request: &Incoming) -> Result<Value, String> {
    if request.body.is_empty() {
        let query = request.path.split_once('?').map_or("", |(_, query)| query);
        return Ok(if query.is_empty() { Value::Null } else { form(query.as_bytes()) });
    }
    let media_type = media_type(request);
    if media_type == "application/x-www-form-urlencoded" && !request.body.starts_with(b"{") {
        return Ok(form(&request.body));
    }
    match serde_json::from_slice(&request.body) {
        Ok(value) => Ok(value),
        Err(error) if media_type.ends_with("json") => Err(format!("the body is not JSON: {error}")),
        Err(_) => Ok(Value::String(match std::str::from_utf8(&request.body) {
            Ok(text) => text.to_owned(),
            Err(_) => STANDARD.encode(&request.body),
        })),
    }
}

/// A form's or a query's fields.
fn form(bytes: &[u8]) -> Value {
    let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(bytes) {
        fields.entry(name.into_owned()).or_default().push(value.into_owned());
    }
    json!(fields)
}

/// The value of one field of a form.
pub fn form_field(bytes: &[u8], name: &str) -> Option<String> {
    form_urlencoded::parse(bytes).find(|(other, _)| other == name).map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn request(headers: &[(&str, &str)], body: &[u8]) -> Incoming {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Incoming { method: "POST".into(), headers, body: body.to_vec(), ..Incoming::default() }
    }

    #[test]
    fn who_has_no_token_is_refused() {
        testing::set_secret("hook", "s3cret");
        let hook: Webhook =
            serde_json::from_str(r#"{"endpoint": "/x", "authSecret": "stand-in-for-hook", "maxPayloadSize": 4}"#)
                .unwrap();
        for (header, body, status) in [
            (Some("Bearer s3cret"), "1234", None),
            (Some("bearer  s3cret "), "", None),
            (Some("Bearer other"), "", Some(401)),
            (Some("Bearer "), "", Some(401)),
            (Some("Bearer"), "", Some(401)),
            (Some("Basic s3cret"), "", Some(401)),
            (Some("s3cret"), "", Some(401)),
            (None, "", Some(401)),
            (Some("Bearer s3cret"), "12345", Some(413)),
        ] {
            let headers: Vec<_> = header.iter().map(|value| ("Authorization", *value)).collect();
            let refused = hook.refuse("", &request(&headers, body.as_bytes())).unwrap();
            assert_eq!(refused.as_ref().map(|answer| answer.status), status, "{header:?} {body}");
            assert!(refused.is_none_or(|answer| answer.events.is_empty()));
        }
        let get = Incoming { method: "GET".into(), ..request(&[("authorization", "Bearer s3cret")], b"") };
        assert_eq!(hook.refuse("", &get).unwrap().unwrap().status, 405);
    }

    #[test]
    fn bodies_are_read_as_what_they_are() {
        let json = "application/json; charset=utf-8";
        for (media, bytes, expected) in [
            (json, &b"{\"a\": [1]}"[..], Ok(json!({"a": [1]}))),
            (json, b"{", Err(())),
            ("application/cloudevents+json", b"no", Err(())),
            ("", b"[1]", Ok(json!([1]))),
            ("text/plain", b"hello", Ok(json!("hello"))),
            ("application/octet-stream", &[0xff, 0xfe], Ok(json!("//4="))),
            ("application/x-www-form-urlencoded", b"a=1&b=x+y&a=2", Ok(json!({"a": ["1", "2"], "b": ["x y"]}))),
            ("", b"", Ok(Value::Null)),
        ] {
            assert_eq!(body(&request(&[("Content-Type", media)], bytes)).map_err(|_| ()), expected, "{media}");
        }
        let get = Incoming { path: "/x?q=%C3%A4".into(), ..Incoming::default() };
        assert_eq!(body(&get), Ok(json!({"q": ["ä"]})));
    }

    #[test]
    fn headers_have_their_capitals_and_no_credentials() {
        let request = request(
            &[
                ("x-github-event", "push"),
                ("AUTHORIZATION", "Bearer x"),
                ("accept", "a"),
                ("Accept", "b"),
                ("X-Token", "t"),
            ],
            b"",
        );
        assert_eq!(header_map(&request, &["x-token"]), json!({"X-Github-Event": ["push"], "Accept": ["a", "b"]}));
    }

    #[test]
    fn a_path_and_a_method_are_expected() {
        for (given, fields) in [
            (r#"{"endpoint": "/x"}"#, vec![]),
            (r#"{"endpoint": "x"}"#, vec!["webhook.endpoint"]),
            (r#"{"endpoint": "/x?y", "method": "BREW"}"#, vec!["webhook.endpoint", "webhook.method"]),
            (r#"{"endpoint": "/x", "port": "12000", "url": "http://a"}"#, vec!["webhook.port", "webhook.url"]),
        ] {
            let hook: Webhook = serde_json::from_str(given).unwrap();
            let found: Vec<_> = hook.check("webhook.").into_iter().map(|finding| finding.field).collect();
            assert_eq!(found, fields, "{given}");
        }
        assert!(
            serde_json::from_str::<Webhook>(r#"{"endpoint": "/x", "serverCertSecret": {"name": "a", "key": "b"}}"#)
                .is_err()
        );
    }
}
