//! What an operator allows.

use std::path::PathBuf;
use std::time::Duration;

use egress::{Private, Rule};
use serde::Deserialize;
use url::Url;

/// A place that requirements may be fetched from, as `plugins.sources.NAME` has it.
///
/// ```yaml
/// plugins:
///   sources:
///     charts: {url: "https://charts.example.com/stable", secretRef: {namespace: colchis, name: charts}}
///     images: {url: "oci://registry.example.com/charts"}
///     bases: {url: "https://git.example.com/platform", private: ["10.1.0.0/16"]}
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name in the settings.
    pub name: String,
    /// `http`, `https`, `oci` or `ssh`.
    pub(crate) scheme: String,
    /// Scheme of the connection, host and port.
    pub(crate) rule: Rule,
    /// The folder that all paths are below; empty, or with `/` before it and none behind.
    pub(crate) path: String,
    /// It stands for more than one host.
    pub(crate) is_pattern: bool,
    /// Which addresses that are not public it may have.
    pub private: Private,
    /// Any certificate of it is taken.
    pub insecure: bool,
    /// A PEM file with authorities whose certificates count beside those that the machine trusts.
    pub ca: Option<PathBuf>,
    /// An `oci` source is called without TLS.
    pub plain_http: bool,
    /// Whose Secret signs in.
    pub secret: Option<SecretRef>,
}

/// A Secret: `username` and `password`, or `token`, or `ssh-privatekey`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretRef {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// A source that cannot be read: the field, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct SourceError {
    /// The field, from `plugins.sources` on.
    pub field: String,
    /// What is wrong with it, and what is expected.
    pub why: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    url: String,
    #[serde(default)]
    private: Private,
    #[serde(default)]
    insecure: bool,
    ca: Option<PathBuf>,
    #[serde(default)]
    plain_http: bool,
    secret_ref: Option<SecretRef>,
}

impl Source {
    /// A source as it is written in the settings.
    ///
    /// # Errors
    /// A field that is not known, or a URL that names no place.
    pub fn parse(name: &str, value: serde_json::Value) -> Result<Self, SourceError> {
        let wrong = |field: &str, why: String| SourceError { field: format!("{name}{field}"), why };
        let written: Written = serde_json::from_value(value).map_err(|error| wrong("", error.to_string()))?;
        let expected = "expected such as https://charts.example.com/stable, oci://registry.example.com/charts or ssh://git.example.com";
        let bad = |why: &str| wrong(".url", format!("{:?} {why}; {expected}", egress::shown(&written.url)));
        let (scheme, rest) = written.url.split_once("://").ok_or_else(|| bad("has no scheme"))?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(bad("holds a user: credentials belong into the Secret of secretRef"));
        }
        if path.contains(['?', '#', '%', '\\']) || path.split('/').any(|part| matches!(part, "." | "..")) {
            return Err(bad("has a path that is no folder"));
        }
        let (connection, port) = match (scheme, written.plain_http) {
            ("oci", true) => ("http", 80),
            (_, true) => return Err(wrong(".plainHttp", "only an oci:// source has it; write http://".to_owned())),
            ("oci" | "https", _) => ("https", 443),
            ("http", _) => ("http", 80),
            ("ssh", _) => ("ssh", 22),
            _ => return Err(bad("has another scheme than http, https, oci or ssh")),
        };
        let authority = match authority.rsplit_once(':') {
            Some((_, written)) if !authority.ends_with(']') => match written.parse::<u16>() {
                Ok(_) => authority.to_owned(),
                Err(_) => return Err(bad("has a port that is no number")),
            },
            _ => format!("{authority}:{port}"),
        };
        if written.ca.is_some() && (written.insecure || connection != "https") {
            return Err(wrong(".ca", "only a source with TLS has it, and not beside insecure".to_owned()));
        }
        let rule =
            format!("{connection}://{authority}").parse().map_err(|error| bad(&format!("cannot be used: {error}")))?;
        Ok(Self {
            name: name.to_owned(),
            scheme: scheme.to_owned(),
            rule,
            path: path.trim_end_matches('/').to_owned(),
            is_pattern: authority.contains('*'),
            private: written.private,
            insecure: written.insecure,
            ca: written.ca,
            plain_http: written.plain_http,
            secret: written.secret_ref,
        })
    }

    /// Whether a URL, of one of the schemes of sources, is of this place.
    pub(crate) fn has(&self, url: &Url) -> bool {
        let Some(port) = url.port_or_known_default().or_else(|| standard_port(url.scheme(), self.plain_http)) else {
            return false;
        };
        let connection = match url.scheme() {
            "oci" if self.plain_http => "http",
            "oci" => "https",
            scheme => scheme,
        };
        let host =
            url.host_str().unwrap_or_default().trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
        self.scheme == url.scheme() && self.rule.names(Some(connection), &host, port) && self.holds(url.path())
    }

    /// Whether a path is this folder or below it. A server may read an escaped `/` as one, so with a folder there is none.
    fn holds(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix(self.path.as_str()) else { return false };
        let escaped = path.to_ascii_lowercase();
        self.path.is_empty()
            || ((rest.is_empty() || rest.starts_with('/')) && !escaped.contains("%2f") && !escaped.contains("%5c"))
    }
}

/// The port of a URL that names none, where the URL library does not know.
pub(crate) fn standard_port(scheme: &str, plain_http: bool) -> Option<u16> {
    match scheme {
        "oci" if plain_http => Some(80),
        "oci" => Some(443),
        "ssh" => Some(22),
        _ => None,
    }
}

/// How much one requirement may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of an archive or file as it comes (`archive_bytes_max`).
    pub archive_bytes_max: u64,
    /// Bytes of a repository's index (`index_bytes_max`).
    pub index_bytes_max: u64,
    /// Bytes of all its files, unpacked (`unpacked_bytes_max`).
    pub unpacked_bytes_max: u64,
    /// Its files and folders (`files_max`).
    pub files_max: u64,
    /// Folders within folders (`depth_max`).
    pub depth_max: usize,
    /// How long all of it may take (`fetch_time_max`).
    pub time_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            archive_bytes_max: 32 << 20,
            index_bytes_max: 64 << 20,
            unpacked_bytes_max: 128 << 20,
            files_max: 20_000,
            depth_max: 64,
            time_max: Duration::from_secs(120),
        }
    }
}

/// What a [`crate::Fetcher`] is told.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The places that may be asked; nothing is fetched without any.
    pub sources: Vec<Source>,
    /// What is never called (`egress.deny`).
    pub deny: Vec<Rule>,
    /// Limits.
    pub limits: Limits,
    /// Where what was fetched is kept; nothing is without it.
    pub cache: Option<PathBuf>,
    /// Bytes that are kept (`plugins.fetchCacheSize`).
    pub cache_bytes_max: u64,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn source(url: &str) -> Result<Source, SourceError> {
        Source::parse("s", json!({"url": url}))
    }

    #[test]
    fn a_source_is_a_place_and_all_below_it() {
        for (of, url, has) in [
            ("https://h/stable", "https://h/stable/index.yaml", true),
            ("https://h/stable/", "https://h/stable", true),
            ("https://h/stable", "https://h/stable-not/x", false),
            ("https://h/stable", "https://h/stable/../other/x", false),
            ("https://h/stable", "https://h/stable/%2e%2e/other/x", false),
            ("https://h/stable", "https://h/stable/..%2fother/x", false),
            ("https://h/stable", "https://h:8443/stable/x", false),
            ("https://h:8443", "https://h:8443/any", true),
            ("https://h", "http://h/x", false),
            ("https://*.example.com", "https://a.example.com/x", true),
            ("https://*.example.com", "https://example.com.evil.net/x", false),
            ("https://h", "https://h.:443/x", true),
            ("oci://h/charts", "oci://h/charts/common", true),
            ("oci://h/charts", "https://h/charts/common", false),
            ("ssh://git.h", "ssh://git@git.h/o/r", true),
            ("http://[::1]:80", "http://[::1]/x", true),
        ] {
            assert_eq!(source(of).unwrap().has(&url.parse().unwrap()), has, "{of} {url}");
        }
    }

    #[test]
    fn what_names_no_place_is_told() {
        for (url, part) in [
            ("charts.example.com", "no scheme"),
            ("ftp://h", "another scheme"),
            ("https://u:p@h/x", "secretRef"),
            ("https://h/a/../b", "no folder"),
            ("https:///x", "cannot be used"),
            ("https://h:x/", "no number"),
            ("https://a.*.b/", "cannot be used"),
        ] {
            let error = source(url).unwrap_err();
            assert!(error.field == "s.url" && error.why.contains(part), "{url}: {error}");
            assert!(!error.why.contains(":p@"), "{error}");
        }
        assert!(Source::parse("s", json!({"url": "https://h", "secret": {}})).unwrap_err().why.contains("secretRef"));
        assert_eq!(
            Source::parse("s", json!({"url": "https://h", "plainHttp": true})).unwrap_err().field,
            "s.plainHttp"
        );
        for with_ca in [json!({"url": "http://h", "ca": "c"}), json!({"url": "https://h", "ca": "c", "insecure": true})]
        {
            assert_eq!(Source::parse("s", with_ca).unwrap_err().field, "s.ca");
        }
    }
}
