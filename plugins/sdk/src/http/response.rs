//! What was answered.

use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::{Error, Result};

/// How much of an answer's text stands in an error.
const EXCERPT_CHARS_MAX: usize = 300;

/// An answer, read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Response {
    /// For tests: an answer as a server would give it.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    /// With a header.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// A header's first value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as text.
    pub fn text(&self) -> Result<&str> {
        std::str::from_utf8(&self.body)
            .map_err(|_| Error::permanent("the answer is not UTF-8 text").with_code("bad-answer"))
    }

    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Error::permanent(format!(
                "the answer is not the JSON that was expected: {error}; it begins with {}",
                self.excerpt()
            ))
            .with_code("bad-answer")
        })
    }

    /// The answer when its status is 2xx; an error of the class that fits otherwise, with the beginning of what was said.
    pub fn ok(self) -> Result<Self> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        Err(self.error(&match self.excerpt().as_str() {
            "" => format!("the answer is {}", self.status),
            text => format!("the answer is {}: {text}", self.status),
        }))
    }

    /// An error of the class that fits the status, with a sentence of one's own.
    pub fn error(&self, message: &str) -> Error {
        let error = match self.status {
            401 | 403 | 407 => Error::denied(message),
            404 | 410 => Error::not_found(message),
            429 => Error::throttled(self.retry_after(), message),
            503 if self.retry_after().is_some() => Error::throttled(self.retry_after(), message),
            408 | 425 | 500..=599 => Error::unavailable(message),
            _ => Error::permanent(message),
        };
        error.with_code(format!("status-{}", self.status))
    }

    /// `Retry-After` in seconds. Dates are not read: a clock that differs would turn them into anything.
    fn retry_after(&self) -> Option<Duration> {
        self.header("retry-after")?.trim().parse().ok().map(Duration::from_secs)
    }

    /// The beginning of the body on one line, for errors.
    pub fn excerpt(&self) -> String {
        let beginning = self.body.get(..EXCERPT_CHARS_MAX * 4).unwrap_or(&self.body);
        let text = String::from_utf8_lossy(beginning);
        let words: Vec<&str> = text.split_whitespace().collect();
        words.join(" ").chars().take(EXCERPT_CHARS_MAX).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Class;

    #[test]
    fn a_status_says_what_the_caller_does() {
        for (status, class) in [
            (400, Class::Permanent),
            (401, Class::Denied),
            (403, Class::Denied),
            (404, Class::NotFound),
            (408, Class::Unavailable),
            (422, Class::Permanent),
            (429, Class::Throttled(None)),
            (500, Class::Unavailable),
            (503, Class::Unavailable),
            (302, Class::Permanent),
        ] {
            let error = Response::new(status, "").ok().unwrap_err();
            assert_eq!(error.class(), &class, "{status}");
            assert_eq!(error.code(), format!("status-{status}"));
        }
        assert!(Response::new(204, "").ok().is_ok());
    }

    #[test]
    fn who_asks_to_wait_is_heard() {
        for (status, value, wait) in
            [(429, "7", Some(7)), (503, "2", Some(2)), (429, "Wed, 21 Oct 2015 07:28:00 GMT", None)]
        {
            let error = Response::new(status, "").with_header("Retry-After", value).ok().unwrap_err();
            assert_eq!(error.class(), &Class::Throttled(wait.map(Duration::from_secs)));
        }
    }

    #[test]
    fn an_error_has_the_beginning_of_what_was_said() {
        let error = Response::new(500, "  out\n of   order ").ok().unwrap_err();
        assert_eq!(error.message(), "the answer is 500: out of order");
        let error = Response::new(200, "<html>").json::<u8>().unwrap_err();
        assert!(error.message().ends_with("it begins with <html>"), "{error}");
        assert_eq!(Response::new(500, "ä".repeat(5000)).excerpt().chars().count(), EXCERPT_CHARS_MAX);
        assert!(Response::new(200, [0xff]).text().is_err());
    }
}
