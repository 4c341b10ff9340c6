//! Plugins: where they come from, what they may reach, how much they may take.

// Of the standard library only the types of addresses, which open nothing.
use ::core::net::IpAddr;
use std::collections::HashSet;

use super::report::Report;
use crate::names;
use crate::plugin::{
    Plugin, PluginEndpointGrant, PluginGrants, PluginHttpGrant, PluginLimits, PluginOciSource, PluginSecretGrant,
    PluginSecretKeyRef, PluginSource, PluginTlsGrant,
};
use crate::values::{Quantity, Raw, parse_go_duration_ms};

/// The hint for texts that name hosts.
const HOST_HINT: &str = "such as https://api.example.com, *.example.com or 10.1.2.3:9090";
/// The hint for texts that name endpoints.
const ENDPOINT_HINT: &str = "such as tls://broker.example.com:8883";
/// The hint for `private`.
const PRIVATE_HINT: &str = "such as true, or [10.1.0.0/16]";

/// Checks a plugin; the walk is at the object.
pub(super) fn check(report: &mut Report<'_>, plugin: &Plugin) {
    report.within("spec", |r| {
        r.within("source", |r| source(r, &plugin.spec.source));
        r.within("grants", |r| grants(r, &plugin.spec.grants));
        r.within("limits", |r| limits(r, &plugin.spec.limits));
    });
}

fn source(report: &mut Report<'_>, source: &PluginSource) {
    match (&source.file, &source.oci) {
        (None, None) => report
            .error("PL001", "the component comes from nowhere: file or oci is expected")
            .hinted("file: name.wasm, or oci: {reference: registry.example.com/plugins/name:1.2.0}"),
        (Some(_), Some(_)) => {
            report.error("PL001", "file and oci cannot stand together").hinted("remove one of them");
        }
        _ => {}
    }
    if let Some(file) = &source.file {
        report.within("file", |r| self::file(r, file));
    }
    if let Some(oci) = &source.oci {
        report.within("oci", |r| self::oci(r, oci));
    }
    if let Some(digest) = &source.digest
        && !is_digest(digest)
    {
        report
            .error_in("digest", "PL003", format!("{digest:?} is not sha256: and 64 hexadecimal digits in lower case"))
            .hinted("`colchis plugin inspect FILE` tells a component's digest");
    }
}

fn file(report: &mut Report<'_>, file: &str) {
    let leaves = |part: &str| part.is_empty() || part == "." || part == "..";
    if file.is_empty() || file.contains(['\\', '\0']) || file.split('/').any(leaves) {
        report
            .error("PL002", format!("{file:?} is not a relative name without . and .."))
            .hinted("files are taken from the server's folder of plugins alone");
    } else if file.rsplit('/').next().and_then(|name| name.strip_suffix(".wasm")).is_none_or(str::is_empty) {
        report
            .error("PL002", format!("{file:?} is not the name of a file that ends in .wasm"))
            .hinted("a component of WebAssembly is expected, such as prometheus.wasm");
    }
}

fn oci(report: &mut Report<'_>, oci: &PluginOciSource) {
    if oci.reference.is_empty() {
        report
            .error_in("reference", "PL004", "the field is missing")
            .hinted("such as registry.example.com/plugins/name:1.2.0");
    } else {
        report.within("reference", |r| match parse_reference(&oci.reference) {
            Ok(true) => {}
            Ok(false) => r
                .warning("PL004", "the reference has neither a tag nor a digest, which means latest")
                .hinted("name the version that you want"),
            Err((why, hint)) => {
                r.error("PL004", format!("{:?} is not the reference of an artifact: {why}", oci.reference)).hinted(hint)
            }
        });
    }
    if let Some(secret) = &oci.pull_secret {
        report.within("pullSecret", |r| {
            named(r, "namespace", &secret.namespace, names::check_label);
            named(r, "name", &secret.name, names::check_subdomain);
        });
    }
}

/// Whether `registry[:port]/path[:tag][@sha256:…]` names a version; else why it is no reference, and what to do.
fn parse_reference(text: &str) -> Result<bool, (&'static str, &'static str)> {
    let like = |why| (why, "such as registry.example.com/plugins/name:1.2.0");
    if text.contains("://") {
        return Err(("it begins with a scheme", "write it without; `insecure: true` speaks without TLS"));
    }
    let (rest, digest) = text.split_once('@').map_or((text, None), |(rest, digest)| (rest, Some(digest)));
    let (registry, path) = rest.split_once('/').ok_or_else(|| like("it has no registry"))?;
    let (host, port) = split_port(registry).ok_or_else(|| like("its port is no number"))?;
    if !(host.contains(['.', ':']) || port.is_some() || host == "localhost") || !is_host(host) {
        return Err(like("it has no registry"));
    }
    let (path, tag) = path.split_once(':').map_or((path, None), |(path, tag)| (path, Some(tag)));
    if !path.split('/').all(is_path_part) {
        return Err(like("its path is not made of lower-case letters, digits, ., _ and -, with / between"));
    }
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return Err(like("its tag is not made of letters, digits, ., _ and -, up to 128"));
    }
    if digest.is_some_and(|digest| !is_digest(digest)) {
        return Err(like("what follows the @ is not sha256: and 64 hexadecimal digits in lower case"));
    }
    Ok(tag.is_some() || digest.is_some())
}

fn is_path_part(part: &str) -> bool {
    let is_end = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = part.as_bytes();
    bytes.iter().all(|b| is_end(b) || matches!(b, b'.' | b'_' | b'-'))
        && bytes.first().is_some_and(is_end)
        && bytes.last().is_some_and(is_end)
}

fn is_tag(tag: &str) -> bool {
    (1..=128).contains(&tag.len())
        && !tag.starts_with(['.', '-'])
        && tag.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

/// A name that must be there and be one.
fn named(report: &mut Report<'_>, field: &str, name: &str, rule: fn(&str) -> Result<(), names::NameError>) {
    if name.is_empty() {
        report.error_in(field, "PL005", "the field is missing").done();
    } else if let Err(error) = rule(name) {
        report.error_in(field, "PL005", error.to_string()).done();
    }
}

fn grants(report: &mut Report<'_>, grants: &PluginGrants) {
    for (i, grant) in grants.http.iter().enumerate() {
        report.within_item("http", i, |r| http(r, grant));
    }
    for (i, grant) in grants.endpoints.iter().enumerate() {
        report.within_item("endpoints", i, |r| endpoint(r, grant));
    }
    let mut seen = HashSet::new();
    for (i, grant) in grants.secrets.iter().enumerate() {
        report.within_item("secrets", i, |r| secret(r, grant, &mut seen));
    }
    if let Some(state) = &grants.state {
        report.within("state", |r| match &state.bytes {
            None => r.error_in("bytes", "PL009", "the field is missing").hinted("such as 64Ki, for each object"),
            bytes => quantity(r, "bytes", bytes.as_ref()),
        });
    }
    if let Some(blobs) = &grants.blobs {
        report.within("blobs", |r| quantity(r, "bytes", blobs.bytes.as_ref()));
    }
}

fn http(report: &mut Report<'_>, grant: &PluginHttpGrant) {
    report.within("host", |r| host(r, &grant.host, &["http", "https"]));
    private(report, grant.private.as_ref());
    certificates(report, grant.tls.as_ref());
}

fn endpoint(report: &mut Report<'_>, grant: &PluginEndpointGrant) {
    report.within("address", |r| {
        let address = &*grant.address;
        let refused = match parse_rule(address) {
            Err(why) => Some(why),
            Ok(Rule { scheme: Some("tcp" | "tls"), port: Some(_) }) => None,
            Ok(Rule { scheme: Some("tcp" | "tls"), port: None }) => Some("it has no port"),
            Ok(_) => Some("its scheme is neither tcp nor tls"),
        };
        match refused {
            None => {}
            Some(_) if address.is_empty() => r.error("PL006", "the field is missing").hinted(ENDPOINT_HINT),
            Some(why) => {
                let reason = format!("{address:?} is not tcp://host:port or tls://host:port: {why}");
                r.error("PL006", reason).hinted(ENDPOINT_HINT);
            }
        }
    });
    private(report, grant.private.as_ref());
    certificates(report, grant.tls.as_ref());
}

fn certificates(report: &mut Report<'_>, tls: Option<&PluginTlsGrant>) {
    let Some(tls) = tls else { return };
    report.within("tls", |r| {
        for (field, value) in [("ca", &tls.ca), ("certificate", &tls.certificate), ("key", &tls.key)] {
            if let Some(value) = value {
                r.within(field, |r| key_ref(r, value));
            }
        }
        let alone = match (&tls.certificate, &tls.key) {
            (Some(_), None) => "key",
            (None, Some(_)) => "certificate",
            _ => return,
        };
        r.error_in(alone, "PL008", "the field is missing").hinted("a certificate and its key are given together");
    });
}

fn key_ref(report: &mut Report<'_>, value: &PluginSecretKeyRef) {
    named(report, "namespace", &value.namespace, names::check_label);
    named(report, "name", &value.name, names::check_subdomain);
    named(report, "key", &value.key, names::check_config_key);
}

fn secret<'g>(report: &mut Report<'_>, grant: &'g PluginSecretGrant, seen: &mut HashSet<&'g str>) {
    if grant.name.is_empty() {
        report.error_in("name", "PL008", "the field is missing").hinted("the name that the plugin calls the secret");
    } else if !seen.insert(&grant.name) {
        report.error_in("name", "PL008", format!("the name {:?} stands twice", grant.name)).done();
    }
    report.within("secretKeyRef", |r| key_ref(r, &grant.secret_key_ref));
    for (i, text) in grant.hosts.iter().enumerate() {
        report.within_item("hosts", i, |r| host(r, text, &["http", "https", "tcp", "tls"]));
    }
}

/// `[scheme://]host[:port]`, with one of these schemes.
fn host(report: &mut Report<'_>, text: &str, schemes: &[&str]) {
    match parse_rule(text) {
        _ if text.is_empty() => report.error("PL006", "the host is missing").hinted(HOST_HINT),
        Err(why) => report.error("PL006", format!("{text:?} is not [scheme://]host[:port]: {why}")).hinted(HOST_HINT),
        Ok(Rule { scheme: Some(scheme), .. }) if !schemes.contains(&scheme) => {
            let reason = format!("{text:?}: the scheme {scheme:?} is not one of {}", schemes.join(", "));
            report.error("PL006", reason).hinted(HOST_HINT);
        }
        Ok(_) => {}
    }
}

/// What a text says about hosts, beside the host.
struct Rule<'a> {
    scheme: Option<&'a str>,
    port: Option<u16>,
}

/// Reads `[scheme://]host[:port]`; else why it is none.
fn parse_rule(text: &str) -> Result<Rule<'_>, &'static str> {
    let (scheme, rest) = text.split_once("://").map_or((None, text), |(scheme, rest)| (Some(scheme), rest));
    if rest.is_empty() || rest.contains(['/', '@', '?', '#']) || rest.contains(char::is_whitespace) {
        return Err("it has no host, or more than one");
    }
    let (host, port) = split_port(rest).ok_or("its port is no number up to 65535")?;
    if port == Some(0) {
        return Err("its port is 0");
    }
    let below = host.strip_prefix("*.");
    if host != "*" && !is_host(below.unwrap_or(host)) {
        return Err(match host.contains('*') {
            true => "a * stands for a whole first part",
            false => "its host is no name and no address",
        });
    }
    Ok(Rule { scheme, port })
}

/// Host and port of `host`, `host:80`, `[::1]`, `[::1]:80`, `::1`; nothing when what follows the `:` is no port.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, after) = rest.split_once(']')?;
            (address, if after.is_empty() { None } else { Some(after.strip_prefix(':')?) })
        }
        None if text.matches(':').count() > 1 => (text, None),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let digits = |port: &str| port.bytes().all(|b| b.is_ascii_digit()).then(|| port.parse().ok()).flatten();
    Some((host, port.map(|port| digits(port).ok_or(())).transpose().ok()?))
}

/// A name as DNS has it (a `_` is common there, too), or an address.
fn is_host(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let is_part = |part: &str| {
        (1..=63).contains(&part.len())
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    (host.len() <= 253 && host.split('.').all(is_part)) || host.parse::<IpAddr>().is_ok()
}

/// `true`, `false`, or networks.
fn private(report: &mut Report<'_>, private: Option<&Raw>) {
    let Some(private) = private else { return };
    if private.parse::<bool>().is_ok() {
        return;
    }
    report.within("private", |r| match private.parse::<Vec<String>>() {
        Err(_) => {
            r.error("PL007", format!("{private:?} is not true, false or a list of networks")).hinted(PRIVATE_HINT)
        }
        Ok(networks) => {
            for (i, network) in networks.iter().enumerate().filter(|(_, network)| !is_network(network)) {
                r.within_index(i, |r| {
                    r.error("PL007", format!("{network:?} is not a network")).hinted("such as 10.1.0.0/16 or fd00::/8");
                });
            }
        }
    });
}

/// An address, or one with the length of its network's part.
fn is_network(text: &str) -> bool {
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let most = if address.is_ipv4() { 32 } else { 128 };
    length.is_none_or(|length| {
        length.bytes().all(|b| b.is_ascii_digit()) && length.parse::<u8>().is_ok_and(|length| length <= most)
    })
}

fn limits(report: &mut Report<'_>, limits: &PluginLimits) {
    quantity(report, "memory", limits.memory.as_ref());
    duration(report, "wallTime", limits.wall_time.as_deref());
    duration(report, "cpuTime", limits.cpu_time.as_deref());
    count(report, "concurrency", limits.concurrency);
    count(report, "requests", limits.requests);
    quantity(report, "responseSize", limits.response_size.as_ref());
    quantity(report, "logSize", limits.log_size.as_ref());
}

/// A number of bytes.
fn quantity(report: &mut Report<'_>, field: &str, value: Option<&Quantity>) {
    match value.map(|value| (value, value.bytes())) {
        None => {}
        Some((_, Err(error))) => report.error_in(field, "PL009", error.to_string()).hinted("such as 64Mi"),
        Some((value, Ok(bytes))) if bytes < 1 => {
            report.error_in(field, "PL009", format!("\"{value}\" is not positive")).hinted("such as 64Mi");
        }
        Some(_) => {}
    }
}

fn duration(report: &mut Report<'_>, field: &str, value: Option<&str>) {
    match value.map(|text| (text, parse_go_duration_ms(text))) {
        None => {}
        Some((_, Err(error))) => report.error_in(field, "PL010", error.to_string()).done(),
        Some((text, Ok(ms))) if ms < 1 => {
            report.error_in(field, "PL010", format!("{text:?} is not a positive duration")).hinted("such as 30s");
        }
        Some(_) => {}
    }
}

fn count(report: &mut Report<'_>, field: &str, value: Option<i32>) {
    if value.is_some_and(|value| value < 1) {
        report.error_in(field, "PL011", "a positive number is expected").hinted("leave it out for the default");
    }
}
