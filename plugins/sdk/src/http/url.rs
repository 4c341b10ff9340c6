//! An address, taken apart as far as `wasi:http` asks for.

use crate::{Error, Result};

/// An address in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Whether the scheme is `https`.
    pub(crate) tls: bool,
    /// Host and port.
    pub(crate) authority: String,
    /// From the first `/` on.
    pub(crate) path_with_query: String,
}

impl Target {
    /// Takes an address apart. Characters that may not stand in one, as blanks, are percent-encoded.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let bad = |why: &str| Error::invalid("", format!("`{}`: {why}", without_query(url))).with_code("bad-url");
        let Some((scheme, rest)) = url.trim().split_once("://") else {
            return Err(bad("an address begins with http:// or https://"));
        };
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(bad("an address begins with http:// or https://")),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(Error::invalid(
                "",
                "credentials do not belong into an address: every log would have them; use a header",
            )
            .with_code("bad-url"));
        }
        if authority.is_empty() || authority.starts_with(':') {
            return Err(bad("there is no host in it"));
        }
        if !authority.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~[]:%".contains(&byte)) {
            return Err(bad("the host may have letters, digits, `-` and `.`"));
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self { tls, authority: authority.to_owned(), path_with_query: format!("{slash}{}", only_allowed(path)) })
    }

    /// As a grant names it: `https://host:443`.
    #[cfg_attr(not(target_family = "wasm"), allow(dead_code, reason = "natively there are no grants"))]
    pub(crate) fn grant(&self) -> String {
        let (scheme, port) = if self.tls { ("https", 443) } else { ("http", 80) };
        let has_port =
            self.authority.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
        if has_port {
            format!("{scheme}://{}", self.authority)
        } else {
            format!("{scheme}://{}:{port}", self.authority)
        }
    }
}

/// An address as it may be shown: a query may have a secret in it.
fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// A name or value for a query or a form: letters, digits and `-._~` stay, everything else is percent-encoded.
pub fn encode(text: &str) -> String {
    percent(text, |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

fn only_allowed(path: &str) -> String {
    percent(path, |byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte))
}

fn percent(text: &str, stays: impl Fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if stays(byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        for (url, tls, authority, path) in [
            ("http://a", false, "a", "/"),
            ("HTTPS://a.example:8443/x/y?q=1#f", true, "a.example:8443", "/x/y?q=1"),
            ("http://[::1]:9090?q", false, "[::1]:9090", "/?q"),
            (" http://a/x y?q=ä{b} ", false, "a", "/x%20y?q=%C3%A4%7Bb%7D"),
            ("http://a/already%20so", false, "a", "/already%20so"),
        ] {
            let expected = Target { tls, authority: authority.into(), path_with_query: path.into() };
            assert_eq!(Target::parse(url).unwrap(), expected, "{url}");
        }
    }

    #[test]
    fn what_is_no_address_is_told_without_its_query() {
        for (url, message) in [
            ("a.example/x?token=s", "`a.example/x`: an address begins with http:// or https://"),
            ("ftp://a?token=s", "`ftp://a`: an address begins with http:// or https://"),
            ("http:///x", "`http:///x`: there is no host in it"),
            ("http://a b/", "`http://a b/`: the host may have letters, digits, `-` and `.`"),
        ] {
            assert_eq!(Target::parse(url).unwrap_err().message(), message);
        }
        let error = Target::parse("http://user:pass@a/").unwrap_err();
        assert!(!error.message().contains("pass@"), "{error}");
    }

    #[test]
    fn a_grant_has_scheme_and_port() {
        for (url, grant) in [
            ("https://a/x", "https://a:443"),
            ("http://a:9090/", "http://a:9090"),
            ("http://[::1]/", "http://[::1]:80"),
        ] {
            assert_eq!(Target::parse(url).unwrap().grant(), grant);
        }
    }

    #[test]
    fn names_and_values_are_encoded() {
        assert_eq!(encode("sum(up{a=~\"x\"}) & 1"), "sum%28up%7Ba%3D~%22x%22%7D%29%20%26%201");
    }
}
