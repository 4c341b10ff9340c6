//! The host's interfaces.

use std::time::Duration;

use super::convert::{algorithm_into, error_from, millis};
use crate::bindings::host::colchis::plugin::{blobs, cancellation, endpoints, log as host_log, secrets, state};
use crate::bindings::host::wasi::clocks::{monotonic_clock, wall_clock};
use crate::endpoint::Input;
use crate::log::Level;
use crate::secrets::{Algorithm, AwsRequest};
use crate::state::{Entry, Expected};
use crate::{Error, Result};

fn level(level: Level) -> host_log::Level {
    match level {
        Level::Error => host_log::Level::Error,
        Level::Warn => host_log::Level::Warn,
        Level::Info => host_log::Level::Info,
        Level::Debug => host_log::Level::Debug,
        Level::Trace => host_log::Level::Trace,
    }
}

pub(crate) fn log(of: Level, message: &str, fields: &[(&str, String)]) {
    let fields: Vec<(String, String)> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    host_log::write(level(of), message, &fields);
}

pub(crate) fn log_enabled(of: Level) -> bool {
    host_log::enabled(level(of))
}

pub(crate) fn is_cancelled() -> bool {
    cancellation::is_cancelled()
}

pub(crate) fn remaining() -> Duration {
    Duration::from_millis(cancellation::remaining())
}

pub(crate) fn now_ms() -> u64 {
    let now = wall_clock::now();
    now.seconds.saturating_mul(1000).saturating_add(u64::from(now.nanoseconds) / 1_000_000)
}

pub(crate) fn sleep(time: Duration) {
    let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    monotonic_clock::subscribe_duration(nanoseconds).block();
}

pub(crate) fn random() -> u64 {
    crate::bindings::host::wasi::random::random::get_random_u64()
}

pub(crate) fn state_get(key: &str) -> Result<Option<Entry>> {
    let entry = state::get(key).map_err(error_from)?;
    Ok(entry.map(|entry| Entry { value: entry.value, version: entry.version }))
}

pub(crate) fn state_set(key: &str, value: &[u8], expected: Expected) -> Result<u64> {
    let expected = match expected {
        Expected::Any => state::Expected::Any,
        Expected::Absent => state::Expected::Absent,
        Expected::Version(version) => state::Expected::Version(version),
    };
    state::set(key, value, expected).map_err(error_from)
}

pub(crate) fn state_delete(key: &str) -> Result<()> {
    state::delete(key).map_err(error_from)
}

pub(crate) fn state_keys(prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>> {
    state::keys(prefix, after, limit).map_err(error_from)
}

pub(crate) fn secret_stand_in(name: &str) -> Result<String> {
    secrets::stand_in(name).map_err(error_from)
}

pub(crate) fn secret_base64(text: &str) -> Result<String> {
    secrets::base64(text).map_err(error_from)
}

pub(crate) fn secret_sign(key: &str, algorithm: &Algorithm, message: &[u8]) -> Result<Vec<u8>> {
    secrets::sign(key, &algorithm_into(algorithm), message).map_err(error_from)
}

pub(crate) fn secret_verify_mac(key: &str, algorithm: &Algorithm, message: &[u8], mac: &[u8]) -> Result<bool> {
    secrets::verify_mac(key, &algorithm_into(algorithm), message, mac).map_err(error_from)
}

pub(crate) fn secret_sign_aws(credentials: &str, request: &AwsRequest) -> Result<Vec<(String, String)>> {
    let request = secrets::AwsRequest {
        method: request.method.clone(),
        url: request.url.clone(),
        headers: request.headers.clone(),
        body: request.body.clone(),
        service: request.service.clone(),
        region: request.region.clone(),
    };
    secrets::sign_aws(credentials, &request).map_err(error_from)
}

pub(crate) fn secret_reveal(name: &str) -> Result<Vec<u8>> {
    secrets::reveal(name).map_err(error_from)
}

#[derive(Debug)]
pub(crate) struct Connection(endpoints::Connection);

impl Connection {
    pub(crate) fn open(address: &str) -> Result<Self> {
        endpoints::open(address).map(Self).map_err(error_from)
    }

    pub(crate) fn read(&self, max: u32, wait: Duration) -> Result<Input> {
        Ok(match self.0.read(max, millis(wait)).map_err(error_from)? {
            endpoints::Input::Bytes(bytes) => Input::Bytes(bytes),
            endpoints::Input::Nothing => Input::Nothing,
            endpoints::Input::Closed => Input::Closed,
        })
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> Result<()> {
        self.0.write(bytes).map_err(error_from)
    }

    pub(crate) fn write_secret(&self, text: &str) -> Result<()> {
        self.0.write_secret(text).map_err(error_from)
    }

    pub(crate) fn start_tls(&self, server_name: Option<&str>) -> Result<()> {
        self.0.start_tls(server_name).map_err(error_from)
    }
}

#[derive(Debug)]
pub(crate) struct BlobReader(blobs::Reader);

impl BlobReader {
    pub(crate) fn open(name: &str) -> Result<Self> {
        blobs::open(name).map(Self).map_err(error_from)
    }

    pub(crate) fn size(&self) -> u64 {
        self.0.size()
    }

    pub(crate) fn read(&self, offset: u64, length: u32) -> Result<Vec<u8>> {
        self.0.read(offset, length).map_err(error_from)
    }
}

#[derive(Debug)]
pub(crate) struct BlobWriter(blobs::Writer);

impl BlobWriter {
    pub(crate) fn create(name: &str) -> Result<Self> {
        blobs::create(name).map(Self).map_err(error_from)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write(bytes).map_err(error_from)
    }

    pub(crate) fn finish(self) -> Result<String, Error> {
        self.0.finish().map_err(error_from)
    }
}

pub(crate) fn blob_delete(name: &str) -> Result<()> {
    blobs::delete(name).map_err(error_from)
}

/// Called at the beginning of each exported function. Where std has no standard error of its own, what a panic says goes to the host's, which keeps it for the
/// message of the trap that follows.
pub(crate) fn begin() {
    #[cfg(not(target_os = "wasi"))]
    {
        use crate::bindings::host::wasi::cli::stderr::get_stderr;
        use std::sync::Once;

        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            std::panic::set_hook(Box::new(|panic| {
                let text = panic.to_string();
                let stream = get_stderr();
                // The longest that is taken at once; what a panic says is shorter almost always.
                let bytes = text.as_bytes();
                let _ = stream.blocking_write_and_flush(bytes.get(..4096).unwrap_or(bytes));
            }));
        });
    }
}
