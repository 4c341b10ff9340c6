//! What may be called: rules on names, classes of addresses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de};

use crate::address::{Class, class_of};

/// The configuration `egress`.
///
/// ```yaml
/// egress:
///   allow: ["https://*.example.com", "minio.local:9000"]   # nothing here: every name
///   deny: ["*.internal"]
///   allowPrivate: true                                     # or a list of networks: ["10.1.0.0/16", "169.254.169.254/32"]
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Config {
    /// What may be called; empty means every name.
    pub allow: Vec<Rule>,
    /// What may not, whatever `allow` says.
    pub deny: Vec<Rule>,
    /// Whether private networks and this machine may be called.
    pub allow_private: Private,
}

/// Which addresses that are not public may be called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Private {
    /// None.
    #[default]
    Refused,
    /// Private networks and this machine, but no link-local or metadata address.
    Granted,
    /// These networks. A link-local or metadata address is granted only by a network that holds nothing else.
    Networks(Vec<IpNet>),
}

impl<'de> Deserialize<'de> for Private {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Private;
            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("true, false, or a list of networks such as 10.0.0.0/8")
            }
            fn visit_bool<E>(self, granted: bool) -> Result<Private, E> {
                Ok(if granted { Private::Granted } else { Private::Refused })
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Private, A::Error> {
                let mut networks = Vec::new();
                while let Some(text) = list.next_element::<String>()? {
                    networks.push(network(&text).ok_or_else(|| {
                        de::Error::custom(format!("{text:?} is no network (expected 10.0.0.0/8, or one address)"))
                    })?);
                }
                Ok(Private::Networks(networks))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// Names that may or may not be called: `[scheme://]host[:port]`, where host is a name, an address, `*.example.com` or `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    scheme: Option<String>,
    host: Host,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Any,
    Name(String),
    Below(String),
}

/// Text that is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no rule for egress: {why} (expected [scheme://]host[:port], host being a name, an address, *.example.com or *)"
)]
pub struct RuleError {
    text: String,
    why: &'static str,
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let error = |why| RuleError { text: text.to_owned(), why };
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest.strip_suffix('/').unwrap_or(rest)),
            None => (None, text),
        };
        if rest.is_empty() || rest.contains(['/', '@', '?', '#', ' ']) {
            return Err(error("it has no host, or more than one"));
        }
        let (host, port) = split_port(rest).ok_or_else(|| error("its port is no number"))?;
        let host = host.trim_start_matches('[').trim_end_matches([']', '.']).to_ascii_lowercase();
        let host = match host.strip_prefix("*.") {
            _ if host == "*" => Host::Any,
            Some(below) if !below.is_empty() && !below.contains('*') => Host::Below(format!(".{below}")),
            None if !host.is_empty() && !host.contains('*') => Host::Name(host),
            _ => return Err(error("a * stands for a whole first part")),
        };
        Ok(Self { scheme, host, port })
    }
}

/// Host and port of `host`, `host:80`, `[::1]`, `[::1]:80`, `::1`.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let bare_v6 = !text.starts_with('[') && text.matches(':').count() > 1;
    match text.rsplit_once(':') {
        Some((host, port)) if !bare_v6 && !port.ends_with(']') => Some((host, Some(port.parse().ok()?))),
        _ => Some((text, None)),
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = &self.scheme {
            write!(to, "{scheme}://")?;
        }
        match &self.host {
            Host::Any => to.write_str("*")?,
            Host::Below(suffix) => write!(to, "*{suffix}")?,
            Host::Name(name) if name.contains(':') => write!(to, "[{name}]")?,
            Host::Name(name) => to.write_str(name)?,
        }
        self.port.map_or(Ok(()), |port| write!(to, ":{port}"))
    }
}

impl Rule {
    /// Whether the rule names a target. `host` is in lower case, without brackets and a final dot.
    pub fn names(&self, scheme: Option<&str>, host: &str, port: u16) -> bool {
        self.speaks_of(scheme, host, port)
    }

    /// Whether everything that another rule names is named by this one.
    pub fn covers(&self, other: &Self) -> bool {
        let host = match (&self.host, &other.host) {
            (Host::Any, _) => true,
            (Host::Name(mine), Host::Name(theirs)) => mine == theirs,
            (Host::Below(mine), Host::Name(theirs)) => theirs.len() > mine.len() && theirs.ends_with(mine.as_str()),
            (Host::Below(mine), Host::Below(theirs)) => theirs.ends_with(mine.as_str()),
            _ => false,
        };
        let scheme = self.scheme.is_none() || self.scheme == other.scheme;
        host && scheme && (self.port.is_none() || self.port == other.port)
    }

    /// Whether the rule speaks of this. A scheme that is not known (a proxy sees none) matches every rule's scheme.
    fn speaks_of(&self, scheme: Option<&str>, host: &str, port: u16) -> bool {
        let host_fits = match &self.host {
            Host::Any => true,
            Host::Name(name) => name == host,
            Host::Below(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
        };
        let scheme_fits = match (&self.scheme, scheme) {
            (Some(rule), Some(scheme)) => rule == scheme,
            _ => true,
        };
        host_fits && scheme_fits && self.port.is_none_or(|rule| rule == port)
    }
}

/// Decides about names and addresses.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    config: Config,
}

impl Policy {
    /// The policy that a configuration describes.
    pub fn new(config: Config) -> Self {
        Self { config }
    }

    /// Why this name may not be called, if it may not. `host` is in lower case without a final dot.
    pub fn refuses_name(&self, scheme: Option<&str>, host: &str, port: u16) -> Option<&'static str> {
        let speak = |rules: &[Rule]| rules.iter().any(|rule| rule.speaks_of(scheme, host, port));
        if speak(&self.config.deny) {
            return Some("egress.deny names it");
        }
        if !self.config.allow.is_empty() && !speak(&self.config.allow) {
            return Some("egress.allow does not name it");
        }
        None
    }

    /// Why this address may not be called, if it may not.
    pub fn refuses_address(&self, address: IpAddr) -> Option<&'static str> {
        let address = address.to_canonical();
        let granted = match (class_of(address), &self.config.allow_private) {
            (Class::Public, _) | (Class::Private, Private::Granted) => true,
            (Class::Private, Private::Networks(networks)) => networks.iter().any(|network| network.contains(&address)),
            (Class::Metadata, Private::Networks(networks)) => {
                networks.iter().any(|network| network.contains(&address) && is_explicit(network))
            }
            _ => false,
        };
        if granted { None } else { Some(class_of(address).words()) }
    }
}

/// Whether a network holds link-local or metadata addresses alone, so that granting it was meant.
fn is_explicit(network: &IpNet) -> bool {
    class_of(network.network()) == Class::Metadata
        && class_of(network.broadcast()) == Class::Metadata
        && network.prefix_len() >= 10
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(json: &str) -> Policy {
        Policy::new(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn names() {
        let open = policy("{}");
        assert_eq!(open.refuses_name(Some("https"), "example.com", 443), None);
        let narrow = policy(
            r#"{"allow": ["https://*.example.com", "minio:9000", "http://[::1]:80"], "deny": ["bad.example.com"]}"#,
        );
        let table = [
            ("https", "a.example.com", 443, true),
            ("https", "a.b.example.com", 8443, true),
            ("http", "a.example.com", 80, false),
            ("https", "example.com", 443, false),
            ("https", "evilexample.com", 443, false),
            ("https", "bad.example.com", 443, false),
            ("http", "minio", 9000, true),
            ("http", "minio", 9001, false),
            ("http", "::1", 80, true),
            ("http", "other", 80, false),
        ];
        for (scheme, host, port, expect) in table {
            assert_eq!(narrow.refuses_name(Some(scheme), host, port).is_none(), expect, "{scheme}://{host}:{port}");
        }
    }

    #[test]
    fn what_covers_what() {
        let table = [
            ("*", "https://a.example.com:8443", true),
            ("https://*", "http://a", false),
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "*.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("a.example.com", "*.example.com", false),
            ("a:80", "a", false),
            ("a", "https://a:80", true),
            ("[::1]:80", "http://[::1]:80", true),
        ];
        for (mine, theirs, expect) in table {
            let (a, b): (Rule, Rule) = (mine.parse().unwrap(), theirs.parse().unwrap());
            assert_eq!(a.covers(&b), expect, "{mine} covers {theirs}");
            assert_eq!(a.to_string(), mine);
        }
    }

    #[test]
    fn addresses() {
        let table = [
            ("{}", "8.8.8.8", true),
            ("{}", "127.0.0.1", false),
            ("{}", "10.0.0.1", false),
            (r#"{"allowPrivate": true}"#, "127.0.0.1", true),
            (r#"{"allowPrivate": true}"#, "10.0.0.1", true),
            (r#"{"allowPrivate": true}"#, "::ffff:10.0.0.1", true),
            (r#"{"allowPrivate": true}"#, "169.254.169.254", false),
            (r#"{"allowPrivate": true}"#, "fe80::1", false),
            (r#"{"allowPrivate": true}"#, "0.0.0.0", false),
            (r#"{"allowPrivate": ["10.1.0.0/16"]}"#, "10.1.2.3", true),
            (r#"{"allowPrivate": ["10.1.0.0/16"]}"#, "10.2.2.3", false),
            (r#"{"allowPrivate": ["0.0.0.0/0", "::/0"]}"#, "10.2.2.3", true),
            (r#"{"allowPrivate": ["0.0.0.0/0", "::/0"]}"#, "169.254.169.254", false),
            (r#"{"allowPrivate": ["0.0.0.0/0", "::/0"]}"#, "224.0.0.1", false),
            (r#"{"allowPrivate": ["169.254.169.254"]}"#, "169.254.169.254", true),
            (r#"{"allowPrivate": ["169.254.0.0/16"]}"#, "::ffff:169.254.169.254", true),
            (r#"{"allowPrivate": ["169.254.169.254"]}"#, "169.254.169.253", false),
            (r#"{"allowPrivate": ["100.100.100.200/32"]}"#, "100.100.100.200", true),
            (r#"{"allowPrivate": ["100.64.0.0/10"]}"#, "100.100.100.200", false),
        ];
        for (config, address, expect) in table {
            assert_eq!(
                policy(config).refuses_address(address.parse().unwrap()).is_none(),
                expect,
                "{config} {address}"
            );
        }
    }

    #[test]
    fn what_is_no_rule_says_why() {
        for text in ["", "https://", "a.*.com", "*a.com", "host:port", "user@host", "host/path", "https://host/path"] {
            let error = text.parse::<Rule>().unwrap_err();
            assert!(error.to_string().contains("expected [scheme://]host[:port]"), "{error}");
        }
        assert!(
            serde_json::from_str::<Config>(r#"{"allowPrivate": ["10.0.0.0/99"]}"#)
                .unwrap_err()
                .to_string()
                .contains("is no network")
        );
        assert!(
            serde_json::from_str::<Config>(r#"{"allowed": []}"#).unwrap_err().to_string().contains("unknown field")
        );
    }
}
