//! From a `Plugin` object to what the host is told.

use std::path::{Path, PathBuf};
use std::time::Duration;

use model::Quantity;
use model::plugin::{PluginFileGrant, PluginSecretKeyRef, PluginSpec, PluginTlsGrant};
use model::values::parse_go_duration_ms;
use plugin_host::{EndpointGrant, FileGrant, Grants, HttpGrant, Limits, SecretGrant, TlsGrant};
use serde_json::json;

/// The most instances of one plugin that stay for a next call.
const POOL_SIZE_MAX: u32 = 64;

/// What cannot be read: the field, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub(super) struct Wrong {
    pub(super) field: String,
    pub(super) why: String,
}

pub(super) fn wrong(field: impl Into<String>, why: impl ToString) -> Wrong {
    Wrong { field: field.into(), why: why.to_string() }
}

/// What a plugin may reach; of the machine's files only what is below `folders`.
pub(super) fn grants(spec: &PluginSpec, folders: &[PathBuf]) -> Result<Grants, Wrong> {
    let grants = &spec.grants;
    let mut out = Grants::default();
    for (i, grant) in grants.http.iter().enumerate() {
        let field = format!("spec.grants.http[{i}]");
        let value = json!({"host": grant.host, "private": grant.private, "insecure": grant.insecure.unwrap_or(false)});
        let mut granted: HttpGrant = serde_json::from_value(without_null(value)).map_err(|e| wrong(&field, e))?;
        granted.tls = grant.tls.as_ref().map(certificates);
        out.http.push(granted);
    }
    for (i, grant) in grants.endpoints.iter().enumerate() {
        let field = format!("spec.grants.endpoints[{i}]");
        let insecure = grant.insecure.unwrap_or(false);
        let value = json!({"address": grant.address, "private": grant.private, "insecure": insecure});
        let mut granted: EndpointGrant = serde_json::from_value(without_null(value)).map_err(|e| wrong(&field, e))?;
        granted.tls = grant.tls.as_ref().map(certificates);
        out.endpoints.push(granted);
    }
    for (i, grant) in grants.secrets.iter().enumerate() {
        let field = format!("spec.grants.secrets[{i}]");
        let at = &grant.secret_key_ref;
        let value = json!({
            "namespace": at.namespace, "name": at.name, "key": at.key,
            "hosts": grant.hosts, "reveal": grant.reveal.unwrap_or(false),
        });
        let secret = serde_json::from_value(value).map_err(|e| wrong(&field, e))?;
        if out.secrets.insert(grant.name.clone(), secret).is_some() {
            return Err(wrong(format!("{field}.name"), format!("{:?} is named twice", grant.name)));
        }
    }
    if let Some(state) = &grants.state {
        let bytes = bytes("spec.grants.state.bytes", state.bytes.as_ref())?;
        out.state_bytes_max = Some(bytes.unwrap_or(1 << 20));
    }
    if let Some(blobs) = &grants.blobs {
        let bytes = bytes("spec.grants.blobs.bytes", blobs.bytes.as_ref())?;
        out.blob_bytes_max = Some(bytes.unwrap_or(64 << 20));
    }
    out.lookup = grants.lookup.unwrap_or(false);
    for (i, grant) in grants.files.iter().enumerate() {
        out.files.push(folder(&format!("spec.grants.files[{i}]"), grant, folders)?);
    }
    Ok(out)
}

/// A folder that is there, below one that the operator of the server named.
fn folder(field: &str, grant: &PluginFileGrant, folders: &[PathBuf]) -> Result<FileGrant, Wrong> {
    if !grant.mount_path.starts_with('/') {
        return Err(wrong(format!("{field}.mountPath"), "expected an absolute path, such as /incoming"));
    }
    let at = format!("{field}.path");
    // By its real path, so that no link leads elsewhere.
    let path =
        Path::new(&*grant.path).canonicalize().map_err(|error| wrong(&at, format!("{}: {error}", grant.path)))?;
    let below = |folder: &PathBuf| folder.canonicalize().is_ok_and(|folder| path.starts_with(folder));
    if !folders.iter().any(below) {
        let why = format!("{} is below none of the folders that the server lends (`plugins.fileFolders`)", grant.path);
        return Err(wrong(at, why));
    }
    if !path.is_dir() {
        return Err(wrong(at, format!("{} is no folder", grant.path)));
    }
    let read_only = grant.read_only.unwrap_or(true);
    Ok(FileGrant { path, mount_path: grant.mount_path.to_string(), read_only })
}

fn certificates(tls: &PluginTlsGrant) -> TlsGrant {
    let secret = |at: &PluginSecretKeyRef| SecretGrant {
        namespace: at.namespace.to_string(),
        name: at.name.to_string(),
        key: at.key.to_string(),
        hosts: Vec::new(),
        reveal: false,
    };
    TlsGrant {
        ca: tls.ca.as_ref().map(secret),
        certificate: tls.certificate.as_ref().map(secret),
        key: tls.key.as_ref().map(secret),
    }
}

fn without_null(mut value: serde_json::Value) -> serde_json::Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    value
}

/// How much its calls may take.
pub(super) fn limits(spec: &PluginSpec) -> Result<Limits, Wrong> {
    let (given, mut out) = (&spec.limits, Limits::default());
    let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    if let Some(n) = bytes("spec.limits.memory", given.memory.as_ref())? {
        out.memory_bytes_max = size(n);
    }
    if let Some(n) = bytes("spec.limits.responseSize", given.response_size.as_ref())? {
        out.response_bytes_max = n;
    }
    if let Some(n) = bytes("spec.limits.logSize", given.log_size.as_ref())? {
        out.log_bytes_max = size(n);
    }
    if let Some(n) = bytes("spec.limits.payloadSize", given.payload_size.as_ref())? {
        out.payload_bytes_max = size(n);
    }
    if let Some(time) = time("spec.limits.wallTime", given.wall_time.as_deref())? {
        out.wall_time_max = time;
    }
    if let Some(time) = time("spec.limits.cpuTime", given.cpu_time.as_deref())? {
        out.cpu_time_max = time;
    }
    if let Some(n) = count("spec.limits.concurrency", given.concurrency)? {
        out.concurrency_max = n as usize;
    }
    match given.pool_size.map(|n| u32::try_from(n).ok().filter(|n| *n <= POOL_SIZE_MAX)) {
        Some(Some(n)) => out.pool_size = n,
        Some(None) => return Err(wrong("spec.limits.poolSize", format!("expected from 0 to {POOL_SIZE_MAX}"))),
        None => {}
    }
    if let Some(n) = count("spec.limits.maxInvocations", given.max_invocations)? {
        out.invocations_max = n;
    }
    if let Some(n) = count("spec.limits.requests", given.requests)? {
        out.requests_max = n;
    }
    Ok(out)
}

fn bytes(field: &str, given: Option<&Quantity>) -> Result<Option<u64>, Wrong> {
    let Some(given) = given else { return Ok(None) };
    let bytes = given.bytes().map_err(|e| wrong(field, e))?;
    match u64::try_from(bytes).ok().filter(|n| *n > 0) {
        Some(bytes) => Ok(Some(bytes)),
        None => Err(wrong(field, format!("expected more than nothing, such as 64Mi, not {}", given.0))),
    }
}

pub(super) fn time(field: &str, given: Option<&str>) -> Result<Option<Duration>, Wrong> {
    let Some(given) = given else { return Ok(None) };
    let ms = parse_go_duration_ms(given).map_err(|e| wrong(field, e))?;
    match u64::try_from(ms).ok().filter(|ms| *ms > 0) {
        Some(ms) => Ok(Some(Duration::from_millis(ms))),
        None => Err(wrong(field, format!("expected some time, such as 30s, not {given}"))),
    }
}

fn count(field: &str, given: Option<i32>) -> Result<Option<u32>, Wrong> {
    let Some(given) = given else { return Ok(None) };
    match u32::try_from(given).ok().filter(|n| *n > 0) {
        Some(n) => Ok(Some(n)),
        None => Err(wrong(field, format!("expected at least 1, not {given}"))),
    }
}

#[cfg(test)]
mod tests {
    use plugin::Capability;

    use super::*;

    fn spec(value: serde_json::Value) -> PluginSpec {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn everything_that_is_granted_is_named() {
        let nothing = grants(&spec(json!({})), &[]).unwrap();
        assert_eq!(nothing, Grants::default());
        let some = grants(&spec(json!({"grants": {
            "http": [{"host": "https://*.example.com", "private": ["10.0.0.0/8"]}, {"host": "127.0.0.1:9090", "private": true}],
            "secrets": [{"name": "token", "secretKeyRef": {"namespace": "n", "name": "s", "key": "k"}}],
            "state": {"bytes": "64Ki"},
            "endpoints": [{"address": "tls://*.example.com:8883"}],
            "blobs": {},
            "lookup": true,
        }})), &[])
        .unwrap();
        assert_eq!(some.state_bytes_max, Some(65_536));
        for (need, met) in [
            (Capability::Http("https://a.example.com".into()), true),
            (Capability::Http("http://a.example.com".into()), false),
            (Capability::Http("*".into()), true),
            (Capability::Secret("token".into()), true),
            (Capability::Reveal("token".into()), false),
            (Capability::State, true),
            (Capability::Endpoint("tls://a.example.com:8883".into()), true),
            (Capability::Endpoint("tcp://a.example.com:8883".into()), false),
            (Capability::Blobs, true),
            (Capability::Lookup, true),
            (Capability::Other("camera".into()), false),
        ] {
            assert_eq!(some.meets(&need), met, "{need:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (given, field) in [
            (json!({"grants": {"http": [{"host": "https://a/b"}]}}), "spec.grants.http[0]"),
            (json!({"grants": {"http": [{"host": "a", "private": "yes"}]}}), "spec.grants.http[0]"),
            (json!({"grants": {"state": {"bytes": "-1"}}}), "spec.grants.state.bytes"),
            (json!({"limits": {"memory": "many"}}), "spec.limits.memory"),
            (json!({"limits": {"wallTime": "0s"}}), "spec.limits.wallTime"),
            (json!({"limits": {"concurrency": 0}}), "spec.limits.concurrency"),
            (json!({"limits": {"poolSize": 65}}), "spec.limits.poolSize"),
            (json!({"limits": {"maxInvocations": 0}}), "spec.limits.maxInvocations"),
        ] {
            let spec = spec(given.clone());
            let found = grants(&spec, &[]).map(|_| ()).and_then(|()| limits(&spec).map(|_| ())).unwrap_err();
            assert_eq!(found.field, field, "{given}: {found}");
        }
    }

    #[test]
    fn only_folders_that_the_server_lends_are_granted() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().canonicalize().unwrap();
        let (lent, other) = (root.join("lent"), root.join("other"));
        for folder in [&lent, &other] {
            std::fs::create_dir(folder).unwrap();
        }
        std::os::unix::fs::symlink(&other, lent.join("link")).unwrap();
        std::fs::write(lent.join("file"), "x").unwrap();
        let granted = |path: &Path, mount: &str| {
            let grant = json!({"path": path.display().to_string(), "mountPath": mount});
            grants(&spec(json!({"grants": {"files": [grant]}})), std::slice::from_ref(&lent))
        };
        let good = granted(&lent, "/in").unwrap();
        assert_eq!(good.files, [FileGrant { path: lent.clone(), mount_path: "/in".into(), read_only: true }]);
        for (path, mount, field) in [
            (&other, "/in", "path"),
            (&lent.join("../other"), "/in", "path"),
            (&lent.join("link"), "/in", "path"),
            (&lent.join("file"), "/in", "path"),
            (&lent.join("none"), "/in", "path"),
            (&root, "/in", "path"),
            (&lent, "in", "mountPath"),
        ] {
            let wrong = granted(path, mount).unwrap_err();
            assert_eq!(wrong.field, format!("spec.grants.files[0].{field}"), "{wrong}");
        }
        let none =
            grants(&spec(json!({"grants": {"files": [{"path": lent.display().to_string(), "mountPath": "/"}]}})), &[]);
        assert!(none.unwrap_err().why.contains("plugins.fileFolders"));
    }
}
