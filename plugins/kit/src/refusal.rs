//! Answers that are no values, and configurations that cannot be asked with.

use std::time::Duration;

use colchis_sdk::http::Response;
use colchis_sdk::{Class, Error, Finding, Result, Severity};

/// The error of a status, with what the service said. `wait` names a header in which this service says how many seconds to wait, beside `Retry-After`.
pub fn of(response: &Response, service: &str, said: &str, wait: Option<&str>) -> Error {
    let said = said.trim();
    let message = match said {
        "" => format!("{service} answers {} without saying why", response.status()),
        said => format!("{service} answers {}: {said}", response.status()),
    };
    let error = response.error(&message);
    if *error.class() != Class::Throttled(None) {
        return error;
    }
    let seconds = wait.and_then(|name| response.header(name)).and_then(|text| text.trim().parse::<u64>().ok());
    let code = error.code().to_owned();
    Error::throttled(seconds.map(Duration::from_secs), message).with_code(code)
}

/// The first thing that is wrong with a configuration as an error, for a call whose configuration nobody checked.
pub fn refuse(found: Vec<Finding>) -> Result<()> {
    match found.into_iter().find(|finding| finding.severity == Severity::Error) {
        Some(finding) => Err(Error::invalid(finding.field, finding.message)),
        None => Ok(()),
    }
}

/// An answer that is not what the service gives.
pub fn unreadable(response: &Response, service: &str) -> Error {
    if !(200..300).contains(&response.status()) {
        return of(response, service, &response.excerpt(), None);
    }
    Error::permanent(format!("the answer is none of {service}: it begins with {}", response.excerpt()))
        .with_code("bad-answer")
}

/// An answer in which nothing was measured.
pub fn nothing(message: impl Into<String>) -> Error {
    Error::not_found(message).with_code("no-value").at("query")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_heard_from_the_services_own_header() {
        for (header, expected) in [("x-reset", Some(7)), ("retry-after", Some(7)), ("other", None)] {
            let answer = Response::new(429, "").with_header(header, "7");
            let error = of(&answer, "It", "slow down", Some("x-reset"));
            assert_eq!(error.class(), &Class::Throttled(expected.map(Duration::from_secs)), "{header}");
            assert_eq!((error.code(), error.message()), ("status-429", "It answers 429: slow down"));
        }
    }

    #[test]
    fn a_warning_refuses_nothing() {
        let found = vec![Finding::warning("a", "x"), Finding::error("b", "y"), Finding::error("c", "z")];
        assert_eq!(refuse(found).unwrap_err().to_string(), "b: y");
        assert_eq!(refuse(vec![Finding::warning("a", "x")]), Ok(()));
    }

    #[test]
    fn what_is_no_answer_is_told_by_its_status_or_its_beginning() {
        assert_eq!(unreadable(&Response::new(502, "<html>"), "It").class(), &Class::Unavailable);
        let error = unreadable(&Response::new(200, "<html>"), "It");
        assert_eq!((error.code(), error.class()), ("bad-answer", &Class::Permanent));
        assert_eq!(of(&Response::new(401, ""), "It", " ", None).message(), "It answers 401 without saying why");
    }
}
