//! What stands in for the host in tests of plugins: `testing` sets it up. Each thread has its own.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use ring::signature::Ed25519KeyPair;

use crate::http::{Request, Response, Target};
use crate::log::Level;
use crate::secrets::{Algorithm, AwsRequest};
use crate::state::{CONFLICT, Entry, Expected};
use crate::{Error, Result};

type Server = Box<dyn FnMut(&Request) -> Result<Response>>;

/// All that a test may set.
pub(crate) struct Fakes {
    pub(crate) server: Option<Server>,
    pub(crate) log: Vec<(Level, String)>,
    pub(crate) cancelled: bool,
    pub(crate) remaining: Duration,
    pub(crate) now_ms: Option<u64>,
    pub(crate) slept: Duration,
    pub(crate) secrets: BTreeMap<String, Vec<u8>>,
    pub(crate) refused_secrets: BTreeSet<String>,
    pub(crate) state: BTreeMap<String, Entry>,
    pub(crate) blobs: BTreeMap<String, Vec<u8>>,
    pub(crate) artifacts: BTreeMap<String, Vec<u8>>,
    pub(crate) output: Vec<u8>,
    pub(crate) peer: Option<super::native_io::Peers>,
    pub(crate) randoms: u64,
}

impl Default for Fakes {
    fn default() -> Self {
        Self {
            server: None,
            log: Vec::new(),
            cancelled: false,
            remaining: Duration::from_secs(60),
            now_ms: None,
            slept: Duration::ZERO,
            secrets: BTreeMap::new(),
            refused_secrets: BTreeSet::new(),
            state: BTreeMap::new(),
            blobs: BTreeMap::new(),
            artifacts: BTreeMap::new(),
            output: Vec::new(),
            peer: None,
            randoms: 0,
        }
    }
}

thread_local! {
    static FAKES: RefCell<Fakes> = RefCell::new(Fakes::default());
}

/// Looks at or changes them.
pub(crate) fn with<T>(look: impl FnOnce(&mut Fakes) -> T) -> T {
    FAKES.with(|fakes| look(&mut fakes.borrow_mut()))
}

pub(crate) fn log(level: Level, message: &str, fields: &[(&str, String)]) {
    let fields: String = fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
    with(|fakes| fakes.log.push((level, format!("{message}{fields}"))));
}

pub(crate) fn log_enabled(_: Level) -> bool {
    true
}

pub(crate) fn is_cancelled() -> bool {
    with(|fakes| fakes.cancelled)
}

pub(crate) fn remaining() -> Duration {
    with(|fakes| fakes.remaining)
}

pub(crate) fn now_ms() -> u64 {
    with(|fakes| fakes.now_ms).unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
    })
}

pub(crate) fn sleep(time: Duration) {
    with(|fakes| fakes.slept += time);
}

pub(crate) fn state_get(key: &str) -> Result<Option<Entry>> {
    Ok(with(|fakes| fakes.state.get(key).cloned()))
}

pub(crate) fn state_set(key: &str, value: &[u8], expected: Expected) -> Result<u64> {
    with(|fakes| {
        let version = fakes.state.get(key).map(|entry| entry.version);
        let holds = match expected {
            Expected::Any => true,
            Expected::Absent => version.is_none(),
            Expected::Version(wanted) => version == Some(wanted),
        };
        if !holds {
            return Err(Error::permanent(format!("the state `{key}` is of another version")).with_code(CONFLICT));
        }
        let version = version.unwrap_or_default() + 1;
        fakes.state.insert(key.to_owned(), Entry { value: value.to_vec(), version });
        Ok(version)
    })
}

pub(crate) fn state_delete(key: &str) -> Result<()> {
    with(|fakes| fakes.state.remove(key));
    Ok(())
}

pub(crate) fn state_keys(prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>> {
    Ok(with(|fakes| {
        let keys =
            fakes.state.keys().filter(|key| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after));
        keys.take(limit as usize).cloned().collect()
    }))
}

pub(crate) fn secret_stand_in(name: &str) -> Result<String> {
    if with(|fakes| fakes.refused_secrets.contains(name)) {
        return Err(not_granted(name));
    }
    Ok(format!("stand-in-for-{name}"))
}

pub(crate) fn secret_base64(text: &str) -> Result<String> {
    Ok(format!("base64({text})"))
}

pub(crate) fn secret_sign(key: &str, algorithm: &Algorithm, message: &[u8]) -> Result<Vec<u8>> {
    let key = with_values(key);
    match algorithm {
        Algorithm::HmacSha1 => mac::<Hmac<sha1::Sha1>>(&key, message),
        Algorithm::HmacSha256 => mac::<Hmac<sha2::Sha256>>(&key, message),
        Algorithm::HmacSha512 => mac::<Hmac<sha2::Sha512>>(&key, message),
        Algorithm::Ed25519 => ed25519(&key, message),
        _ => Err(no_host("signing with a private key of another kind")),
    }
}

/// With a private key in PEM, as the host does.
fn ed25519(pem: &str, message: &[u8]) -> Result<Vec<u8>> {
    let text: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let bad =
        |why: String| Error::permanent(format!("the secret is no PEM of an Ed25519 key: {why}")).with_code("bad-key");
    let der = STANDARD.decode(text.trim()).map_err(|error| bad(error.to_string()))?;
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|error| bad(error.to_string()))?;
    Ok(pair.sign(message).as_ref().to_vec())
}

fn mac<M: Mac + KeyInit>(key: &str, message: &[u8]) -> Result<Vec<u8>> {
    let mac = <M as KeyInit>::new_from_slice(key.as_bytes()).map_err(|error| Error::permanent(error.to_string()))?;
    Ok(mac.chain_update(message).finalize().into_bytes().to_vec())
}

pub(crate) fn secret_verify_mac(key: &str, algorithm: &Algorithm, message: &[u8], mac: &[u8]) -> Result<bool> {
    Ok(secret_sign(key, algorithm, message)? == mac)
}

/// A text with the values that a test set in the place of stand-ins.
pub(crate) fn with_values(text: &str) -> String {
    with(|fakes| {
        fakes.secrets.iter().fold(text.to_owned(), |text, (name, value)| {
            text.replace(&format!("stand-in-for-{name}"), &String::from_utf8_lossy(value))
        })
    })
}

/// Natively in the order 1, 2, 3 …, so that tests are the same each time.
pub(crate) fn random() -> u64 {
    with(|fakes| {
        fakes.randoms += 1;
        fakes.randoms
    })
}

pub(crate) fn secret_sign_aws(credentials: &str, request: &AwsRequest) -> Result<Vec<(String, String)>> {
    let value = format!("AWS4-HMAC-SHA256 {credentials} {} {} {}", request.region, request.service, request.method);
    Ok(vec![("authorization".to_owned(), value)])
}

pub(crate) fn secret_reveal(name: &str) -> Result<Vec<u8>> {
    with(|fakes| fakes.secrets.get(name).cloned()).ok_or_else(|| not_granted(name))
}

fn not_granted(name: &str) -> Error {
    Error::denied(format!("the secret `{name}` is not granted; a test grants one with `testing::set_secret`"))
}

pub(crate) fn http_send(request: &Request, target: &Target, _: Duration) -> Result<Response> {
    let Some(mut server) = with(|fakes| fakes.server.take()) else {
        return Err(Error::unavailable(format!(
            "{}: no server; a test sets one with `testing::serve`",
            target.authority
        )));
    };
    // Out of its place while it runs, so that it may look at the rest.
    let answer = server(request);
    with(|fakes| fakes.server = Some(server));
    let answer = answer?;
    if answer.body().len() > request.answer_bytes_max() {
        return Err(Error::permanent("the answer is too long").with_code("body-too-large"));
    }
    Ok(answer)
}

pub(crate) fn no_host(what: &str) -> Error {
    Error::unavailable(format!("{what} needs a host"))
}
