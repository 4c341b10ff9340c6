//! What is asked.

use std::time::Duration;

use serde::Serialize;

use super::{Response, Target, encode};
use crate::{Error, Result, call, host};

/// The longest answer that is read, where a request says nothing else.
pub const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How long a request may take, where it says nothing else and the call has that long.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// What is left of the call for what comes behind a request.
const RESERVE: Duration = Duration::from_millis(50);

/// A request that is being made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    timeout: Duration,
    body_bytes_max: usize,
}

impl Request {
    /// Of a method and an address with its scheme.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: TIMEOUT,
            body_bytes_max: BODY_BYTES_MAX,
        }
    }

    /// GET.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// POST.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// Adds a header; one of the same name stays.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds headers.
    #[must_use]
    pub fn headers(mut self, headers: impl IntoIterator<Item = (String, String)>) -> Self {
        self.headers.extend(headers);
        self
    }

    /// Adds a name and a value to the query.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        let fragment = self.url.find('#').unwrap_or(self.url.len());
        self.url.truncate(fragment);
        self.url.push(if self.url.contains('?') { '&' } else { '?' });
        self.url.push_str(&format!("{}={}", encode(name), encode(value)));
        self
    }

    /// With a body as it is.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// With a JSON body, and a header that says so unless there is one.
    pub fn json(mut self, value: &impl Serialize) -> Result<Self> {
        self.body = serde_json::to_vec(value).map_err(|error| {
            Error::permanent(format!("the request's body is not JSON: {error}")).with_code("bad-request")
        })?;
        Ok(self.content_type("application/json"))
    }

    /// With a form as its body: names and values.
    #[must_use]
    pub fn form(mut self, fields: &[(&str, &str)]) -> Self {
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        self.body = pairs.join("&").into_bytes();
        self.content_type("application/x-www-form-urlencoded")
    }

    fn content_type(self, value: &str) -> Self {
        if self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            return self;
        }
        self.header("content-type", value)
    }

    /// It may take that long, until the answer is read; never longer than the call has.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// A longer answer is an error.
    #[must_use]
    pub fn body_bytes_max(mut self, bytes: usize) -> Self {
        self.body_bytes_max = bytes;
        self
    }

    /// The method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The address, with its query.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The headers, in their order.
    pub fn all_headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// A header's first value.
    pub fn header_value(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body.
    pub fn body_bytes(&self) -> &[u8] {
        &self.body
    }

    /// The longest answer that is read.
    pub(crate) fn answer_bytes_max(&self) -> usize {
        self.body_bytes_max
    }

    /// Sends it and reads the whole answer. Whether the status is good is asked with [`Response::ok`].
    pub fn send(&self) -> Result<Response> {
        let target = Target::parse(&self.url)?;
        for (name, value) in &self.headers {
            if name.is_empty() || !name.bytes().all(is_token) {
                return Err(Error::invalid("", format!("`{name}` is no name of a header")).with_code("bad-header"));
            }
            if value.bytes().any(|byte| byte < 0x20 && byte != b'\t' || byte == 0x7f) {
                // Its value may be a secret.
                return Err(Error::invalid(
                    "",
                    format!("the header `{name}` has a line break or another control character in it"),
                )
                .with_code("bad-header"));
            }
        }
        call::check()?;
        let timeout = self.timeout.min(call::remaining().saturating_sub(RESERVE));
        if timeout.is_zero() {
            return Err(Error::unavailable(format!("no time is left to ask {}", target.authority)).with_code("timeout"));
        }
        host::http_send(self, &target, timeout)
    }
}

/// Whether a byte may stand in the name of a header (RFC 9110).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
