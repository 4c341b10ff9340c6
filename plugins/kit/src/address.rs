//! Base addresses: scheme, host, port and perhaps a path, without a slash at the end.

use colchis_sdk::{Finding, Result};

/// The address without what a path behind it would stumble over. An address without a scheme gets `https://`, as several services are usually written.
pub fn base(text: &str) -> String {
    let text = text.trim().trim_end_matches('/');
    if text.contains("://") { text.to_owned() } else { format!("https://{text}") }
}

/// What is wrong with an address at a field; `example` is one that would do. An empty one is wrong only when it is `required`.
pub fn check(field: &str, text: &str, required: bool, example: &str) -> Option<Finding> {
    let text = text.trim();
    if text.is_empty() {
        return required.then(|| Finding::error(field, format!("an address is expected, as {example}")));
    }
    let scheme = text.split_once("://").map_or("https", |(scheme, _)| scheme);
    if scheme != "http" && scheme != "https" {
        return Some(Finding::error(field, format!("an address begins with http:// or https://, as {example}")));
    }
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    if rest.is_empty() || rest.starts_with('/') {
        return Some(Finding::error(field, format!("there is no host in the address; one is expected, as {example}")));
    }
    if rest.contains(['?', '#', ' ']) {
        let message = format!("a base address is expected, without a query, a fragment and blanks, as {example}");
        return Some(Finding::error(field, message));
    }
    None
}

/// Errors about the address are told at its field.
pub fn at<T>(field: &str, answer: Result<T>) -> Result<T> {
    answer.map_err(|error| match error.code() {
        "bad-url" | "name-unknown" => error.at(field),
        _ => error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_made_ready_for_a_path() {
        for (given, expected) in [
            (" http://a:80/x/ ", "http://a:80/x"),
            ("example.wavefront.com", "https://example.wavefront.com"),
            ("https://a//", "https://a"),
        ] {
            assert_eq!(base(given), expected);
        }
    }

    #[test]
    fn what_is_no_address_is_told() {
        for (given, part) in [
            ("", "an address is expected, as http://e"),
            ("ftp://a", "begins with http:// or https://"),
            ("https://", "no host"),
            ("https:///x", "no host"),
            ("http://a?b", "without a query"),
        ] {
            let found = check("address", given, true, "http://e").unwrap();
            assert!(found.message.contains(part), "{given}: {}", found.message);
        }
        assert_eq!(check("address", "", false, "http://e"), None);
        assert_eq!(check("address", "http://a:1/b", true, "http://e"), None);
    }
}
