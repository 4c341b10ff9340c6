//! Between the words of the interfaces and those of `plugin`.

use std::time::Duration;

use plugin::{Capability, ErrorClass, Finding, Info, Kind, KindInfo, Need, PluginError, Severity};
use serde_json::Value;

use crate::bindings::description::exports::colchis::plugin::description as wit;
use crate::bindings::imports::types;

/// The longest message that a plugin may give (bytes); longer ones are cut.
const MESSAGE_BYTES_MAX: usize = 4 << 10;
/// The longest code (bytes).
const CODE_BYTES_MAX: usize = 64;

/// An error of a plugin.
pub(crate) fn error(error: types::PluginError) -> PluginError {
    let class = match error.class {
        types::ErrorClass::InvalidConfig => ErrorClass::InvalidConfig,
        types::ErrorClass::Denied => ErrorClass::Denied,
        types::ErrorClass::Unavailable => ErrorClass::Unavailable,
        types::ErrorClass::Throttled(ms) => ErrorClass::Throttled { retry_after: ms.map(Duration::from_millis) },
        types::ErrorClass::NotFound => ErrorClass::NotFound,
        types::ErrorClass::Permanent | types::ErrorClass::Other(_) => ErrorClass::Permanent,
    };
    PluginError {
        class,
        code: cut(error.code, CODE_BYTES_MAX),
        message: cut(error.message, MESSAGE_BYTES_MAX),
        field: error.field.map(|field| cut(field, MESSAGE_BYTES_MAX)),
        hints: Vec::new(),
    }
}

/// An error of the host, for a plugin.
pub(crate) fn error_to_wit(error: PluginError) -> types::PluginError {
    let class = match error.class {
        ErrorClass::InvalidConfig => types::ErrorClass::InvalidConfig,
        ErrorClass::Denied => types::ErrorClass::Denied,
        ErrorClass::Unavailable => types::ErrorClass::Unavailable,
        ErrorClass::Throttled { retry_after } => {
            types::ErrorClass::Throttled(retry_after.map(|d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX)))
        }
        ErrorClass::NotFound => types::ErrorClass::NotFound,
        ErrorClass::Permanent => types::ErrorClass::Permanent,
    };
    let message = match error.hints.is_empty() {
        true => error.message,
        false => format!("{}; {}", error.message, error.hints.join("; ")),
    };
    types::PluginError { class, code: error.code, message, field: error.field, extensions: Vec::new() }
}

/// A kind, for a plugin.
pub(crate) fn kind_to_wit(kind: Kind) -> wit::Kind {
    match kind {
        Kind::MetricProvider => wit::Kind::MetricProvider,
        Kind::ManifestRenderer => wit::Kind::ManifestRenderer,
        Kind::EventSource => wit::Kind::EventSource,
        Kind::Trigger => wit::Kind::Trigger,
        Kind::Step => wit::Kind::Step,
    }
}

/// What a plugin says about itself, or what is wrong with that.
pub(crate) fn info(said: wit::Info) -> Result<Info, String> {
    if !is_name(&said.name) {
        return Err(format!("name: {:?} is none (lower case letters, digits and `-`, at most 63)", said.name));
    }
    let kinds = said.kinds.into_iter().filter_map(|k| kind_info(k).transpose()).collect::<Result<Vec<_>, _>>()?;
    if kinds.is_empty() {
        return Err("kinds: there is none that this server knows".to_owned());
    }
    let needs = said.needs.into_iter().map(|n| Need { what: capability(n.what), why: n.why, optional: n.optional });
    Ok(Info { name: said.name, version: said.version, summary: said.summary, kinds, needs: needs.collect() })
}

/// Nothing for a kind of a later version.
fn kind_info(said: wit::KindInfo) -> Result<Option<KindInfo>, String> {
    let kind = match said.kind {
        wit::Kind::MetricProvider => Kind::MetricProvider,
        wit::Kind::ManifestRenderer => Kind::ManifestRenderer,
        wit::Kind::EventSource => Kind::EventSource,
        wit::Kind::Trigger => Kind::Trigger,
        wit::Kind::Step => Kind::Step,
        wit::Kind::Other(_) => return Ok(None),
    };
    let config_schema: Value = serde_json::from_str(&said.config_schema)
        .map_err(|error| format!("kinds[{}].config-schema: no JSON: {error}", kind.word()))?;
    if !config_schema.is_object() {
        return Err(format!("kinds[{}].config-schema: no JSON Schema: an object is expected", kind.word()));
    }
    Ok(Some(KindInfo { kind, config_schema }))
}

fn capability(said: wit::Capability) -> Capability {
    match said {
        wit::Capability::Http(host) => Capability::Http(host),
        wit::Capability::Endpoint(address) => Capability::Endpoint(address),
        wit::Capability::Secret(name) => Capability::Secret(name),
        wit::Capability::Reveal(name) => Capability::Reveal(name),
        wit::Capability::State => Capability::State,
        wit::Capability::Blobs => Capability::Blobs,
        wit::Capability::Lookup => Capability::Lookup,
        wit::Capability::Other(name) => Capability::Other(name),
    }
}

/// Findings about a configuration.
pub(crate) fn findings(said: Vec<wit::Finding>) -> Vec<Finding> {
    let finding = |f: wit::Finding| Finding {
        severity: match f.severity {
            wit::Severity::Error => Severity::Error,
            wit::Severity::Warning | wit::Severity::Other(_) => Severity::Warning,
        },
        field: f.field,
        message: cut(f.message, MESSAGE_BYTES_MAX),
    };
    said.into_iter().map(finding).collect()
}

/// JSON that a plugin gave.
pub(crate) fn json(what: &str, text: &str) -> Result<Value, PluginError> {
    serde_json::from_str(text).map_err(|error| {
        let message = format!("{what} that the plugin gave is no JSON: {error}");
        PluginError::new(ErrorClass::Permanent, "bad-answer", message)
    })
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&name.len()) && name.chars().all(plain) && !name.starts_with('-') && !name.ends_with('-')
}

pub(crate) fn cut(text: String, max: usize) -> String {
    match text.len() > max {
        true => format!("{}…", text.split_at(text.floor_char_boundary(max)).0),
        false => text,
    }
}
