//! `plugins.signatures`: whose components are taken.

use std::path::Path;
use std::sync::Arc;

use plugin_registry::{Authorities, Identity, PublicKey, RegistryError, Trust};

use super::typed::Reader;
use crate::plugins::{SignatureMode, SignaturePolicy};

const MODE: &str = "plugins.signatures.mode";
const KEYS: &str = "plugins.signatures.keys";
const IDENTITIES: &str = "plugins.signatures.identities";
const AUTHORITIES: &str = "plugins.signatures.authorities";
const LOG_KEYS: &str = "plugins.signatures.logKeys";
const STAMPERS: &str = "plugins.signatures.timestampAuthorities";

/// Reads the policy, and the files that it names.
pub(super) fn signatures(reader: &mut Reader<'_>) -> Option<Arc<SignaturePolicy>> {
    let mode = match reader.values.text(MODE) {
        "require" => SignatureMode::Require,
        "warn" => SignatureMode::Warn,
        _ => return Some(Arc::default()),
    };
    let files_count = reader.values.text("plugins.signatures.files") == "refuse";
    let (keys, logs) = (keys(reader, KEYS)?, keys(reader, LOG_KEYS)?);
    let mut identities = Vec::new();
    for text in reader.values.list(IDENTITIES) {
        identities.push(good(reader, IDENTITIES, text.parse::<Identity>())?);
    }
    if keys.is_empty() && identities.is_empty() {
        reader.problem(MODE, "nobody is trusted to sign".to_owned(), &format!("set {KEYS} or {IDENTITIES}"));
        return None;
    }
    let authorities = match (identities.is_empty(), reader.path(AUTHORITIES)) {
        (true, _) => None,
        (false, None) => {
            let why = format!("nobody vouches for them: {AUTHORITIES} is not set");
            reader.problem(IDENTITIES, why, "name the file with the authorities' certificates");
            return None;
        }
        (false, Some(_)) if logs.is_empty() => {
            let why = format!("no log says when they signed: {LOG_KEYS} is not set");
            reader.problem(IDENTITIES, why, "name the files with the logs' public keys");
            return None;
        }
        (false, Some(path)) => {
            let read = read(&path).and_then(|pem| Authorities::new(&pem, logs));
            let read = read.map_err(|error| format!("{}: {error}", path.display()));
            let read = good(reader, AUTHORITIES, read)?;
            Some(with_timestamps(reader, read)?)
        }
    };
    Some(Arc::new(SignaturePolicy { mode, files_count, trust: Trust { keys, identities, authorities } }))
}

/// With those who say when, where the log does not.
fn with_timestamps(reader: &mut Reader<'_>, authorities: Authorities) -> Option<Authorities> {
    let Some(path) = reader.path(STAMPERS) else { return Some(authorities) };
    let read = read(&path).and_then(|pem| authorities.with_timestamps(&pem));
    let read = read.map_err(|error| format!("{}: {error}", path.display()));
    good(reader, STAMPERS, read)
}

fn keys(reader: &mut Reader<'_>, setting: &'static str) -> Option<Vec<PublicKey>> {
    let mut keys = Vec::new();
    for path in reader.paths(setting) {
        let shown = path.display();
        let key = read(&path).and_then(|pem| PublicKey::from_pem(&pem)).map_err(|error| format!("{shown}: {error}"));
        keys.push(good(reader, setting, key)?);
    }
    Some(keys)
}

fn read(path: &Path) -> Result<String, RegistryError> {
    std::fs::read_to_string(path).map_err(|error| RegistryError::Key(error.to_string()))
}

fn good<T>(reader: &mut Reader<'_>, setting: &'static str, read: Result<T, impl ToString>) -> Option<T> {
    read.map_err(|error| reader.problem(setting, error.to_string(), "")).ok()
}
