//! What the port knows in the words of the API.

use plugin::{Capability, Facts, Finding, KindInfo, LogLevel, LogLine, MissingGrant, Need, Numbers, Result};
use proto_gen::v1::*;

pub(super) fn summary(name: &str, report: Result<(Facts, Numbers)>) -> PluginSummary {
    match report {
        Err(error) => PluginSummary { name: name.to_owned(), reason: error.to_string(), ..PluginSummary::default() },
        Ok((facts, numbers)) => PluginSummary {
            name: name.to_owned(),
            digest: facts.digest,
            version: facts.info.version.clone(),
            summary: facts.info.summary.clone(),
            kinds: facts.info.kinds.iter().map(|kind| kind.kind.word().to_owned()).collect(),
            ready: true,
            reason: String::new(),
            missing_grants: facts.missing_grants.into_iter().map(missing).collect(),
            numbers: Some(self::numbers(numbers)),
        },
    }
}

pub(super) fn facts(facts: Facts) -> PluginFacts {
    let info = &facts.info;
    PluginFacts {
        name: info.name.clone(),
        version: info.version.clone(),
        summary: info.summary.clone(),
        digest: facts.digest,
        size_bytes: facts.bytes,
        kinds: info.kinds.iter().map(kind).collect(),
        needs: info.needs.iter().map(need).collect(),
        imports: facts.imports,
        missing_grants: facts.missing_grants.into_iter().map(missing).collect(),
    }
}

fn kind(info: &KindInfo) -> PluginKind {
    PluginKind { kind: info.kind.word().to_owned(), config_schema: info.config_schema.to_string().into() }
}

fn need(need: &Need) -> PluginNeed {
    let (what, target) = match &need.what {
        Capability::Http(host) => ("http", &**host),
        Capability::Endpoint(address) => ("endpoint", &**address),
        Capability::Secret(name) => ("secret", &**name),
        Capability::Reveal(name) => ("reveal", &**name),
        Capability::State => ("state", ""),
        Capability::Blobs => ("blobs", ""),
        Capability::Lookup => ("lookup", ""),
        Capability::Other(name) => (&**name, ""),
    };
    PluginNeed { what: what.to_owned(), target: target.to_owned(), why: need.why.clone(), optional: need.optional }
}

fn missing(missing: MissingGrant) -> PluginMissingGrant {
    PluginMissingGrant { grant: missing.grant, why: missing.why, optional: missing.optional }
}

pub(super) fn numbers(numbers: Numbers) -> PluginNumbers {
    PluginNumbers {
        calls: numbers.calls,
        errors: numbers.errors,
        killed: numbers.killed,
        p50_seconds: numbers.p50_seconds,
        p99_seconds: numbers.p99_seconds,
        last_error: numbers.last_error.unwrap_or_default(),
    }
}

pub(super) fn finding(finding: Finding) -> PluginFinding {
    let severity = match finding.severity {
        plugin::Severity::Error => Severity::Error,
        plugin::Severity::Warning => Severity::Warning,
    };
    PluginFinding { severity: severity.into(), field: finding.field, message: finding.message }
}

fn level(level: LogLevel) -> PluginLogLevel {
    match level {
        LogLevel::Error => PluginLogLevel::Error,
        LogLevel::Warn => PluginLogLevel::Warn,
        LogLevel::Info => PluginLogLevel::Info,
        LogLevel::Debug => PluginLogLevel::Debug,
        LogLevel::Trace => PluginLogLevel::Trace,
    }
}

/// Whether a line of a level matters as much as what was asked for.
pub(super) fn matters(line: LogLevel, asked: PluginLogLevel) -> bool {
    asked == PluginLogLevel::Unspecified || level(line) <= asked
}

pub(super) fn line(line: LogLine) -> PluginLogLine {
    let object = ObjectKey {
        api_version: String::new(),
        kind: line.object.kind.to_string(),
        namespace: line.object.namespace.to_string(),
        name: line.object.name.to_string(),
    };
    let fields = line.fields.into_iter().map(|(name, value)| PluginLogField { name, value });
    PluginLogLine {
        object: Some(object),
        at_ms: line.at_ms,
        level: level(line.level).into(),
        message: line.message,
        fields: fields.collect(),
    }
}
