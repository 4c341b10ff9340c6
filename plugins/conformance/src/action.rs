//! What can be asked for.

use std::time::Duration;

use colchis_sdk::blob;
use colchis_sdk::endpoint::{Connection, Input};
use colchis_sdk::http::Request as HttpRequest;
use colchis_sdk::metric_provider::{Measurement, Request};
use colchis_sdk::state::Expected;
use colchis_sdk::{Error, Result, call, secrets, state};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::system;

/// The configuration: an action and what it needs.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct Config {
    /// What to do.
    #[serde(flatten)]
    pub action: Action,
}

/// What to do. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(tag = "do", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Action {
    /// Answers the configuration and whom it was asked for.
    Echo {
        /// Anything.
        #[serde(default)]
        value: serde_json::Value,
    },
    /// `check-config` finds something about each of these fields.
    Findings {
        /// The fields.
        findings: Vec<String>,
    },
    /// Computes for ever.
    Loop,
    /// Takes that much memory and writes to all of it.
    Allocate {
        /// How much.
        mebibytes: u32,
    },
    /// Takes that much memory as it comes; answers how many of its bytes are not zero, and fills it with a pattern.
    Fresh {
        /// How much.
        mebibytes: u32,
    },
    /// Recurses until the stack is used up.
    Recurse,
    /// Panics with this text, which ends in a trap.
    Trap {
        /// The text.
        #[serde(default)]
        message: String,
    },
    /// Writes lines to the log.
    Log {
        /// How many.
        lines: u32,
        /// How long each is.
        bytes: u32,
    },
    /// Fails with an error of a class.
    Fail {
        /// The class.
        class: Class,
        /// The word.
        code: String,
        /// The sentence.
        message: String,
        /// The field.
        #[serde(default)]
        field: String,
        /// For `throttled`.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// Answers `running`, and when it is resumed with the token, its value.
    Running {
        /// The token.
        token: String,
        /// When to ask again.
        resume_after: u64,
    },
    /// Sends a request; answers the status, the headers' names and the body as text.
    Http {
        /// The address.
        url: String,
        /// The method; GET when empty.
        #[serde(default)]
        method: String,
        /// Headers: names and values.
        #[serde(default)]
        headers: Vec<(String, String)>,
        /// The body.
        #[serde(default)]
        body: String,
        /// How long it may take.
        #[serde(default)]
        timeout: Option<u64>,
        /// The longest answer.
        #[serde(default)]
        body_bytes_max: Option<usize>,
    },
    /// Reads state; answers the text and the version, or null.
    StateGet {
        /// The key.
        key: String,
    },
    /// Writes state; answers the version.
    StateSet {
        /// The key.
        key: String,
        /// The text.
        value: String,
        /// The version that is expected, 0 for none there.
        #[serde(default)]
        version: Option<u64>,
    },
    /// Removes state.
    StateDelete {
        /// The key.
        key: String,
    },
    /// Lists keys.
    StateKeys {
        /// That they begin with.
        prefix: String,
    },
    /// Counts its calls in the state, conflicts apart; answers the count.
    StateCount,
    /// Adds so many bytes to what its state has from the calls before, and reads all of it; answers 1, however much that is.
    Hoard {
        /// How many.
        bytes: usize,
    },
    /// Asks a server, and takes every error for one that stays.
    Clumsy {
        /// The address.
        url: String,
    },
    /// Answers the stand-in of a secret.
    StandIn {
        /// Its name.
        name: String,
    },
    /// Sends a stand-in, and a base64 text of one, in a header, in the query and in the body; answers what came back, and logs it.
    Send {
        /// The address.
        url: String,
        /// The secret's name.
        name: String,
    },
    /// Answers whether a secret made the HMAC-SHA256 that it makes itself, and one of another message.
    Sign {
        /// The secret's name.
        name: String,
    },
    /// Logs the value of a secret, and answers it, fails with it (`error`) or traps with it (`trap`).
    Leak {
        /// The secret's name.
        name: String,
        /// How.
        #[serde(default)]
        how: String,
    },
    /// Answers the base64 text of a text.
    Base64 {
        /// The text.
        text: String,
    },
    /// Answers the length of a secret's value.
    Reveal {
        /// Its name.
        name: String,
    },
    /// Waits on a WASI clock; answers how long it took.
    Sleep {
        /// How long.
        time: u64,
    },
    /// Answers how long the call may still take, and whether it was cancelled.
    Remaining,
    /// Waits until the call is cancelled, asking every 10 milliseconds.
    UntilCancelled,
    /// Answers how often this instance was called before.
    Instance,
    /// Answers the wall clock and the monotonic clock.
    Clocks,
    /// Answers environment variables and arguments.
    Environment,
    /// Answers which folders there are, and a file's text or why it cannot be read.
    File {
        /// The path in the first folder.
        path: String,
    },
    /// Answers random bytes in hexadecimal digits.
    Random {
        /// How many.
        bytes: u32,
    },
    /// Writes a large value, in pieces of three bytes; answers its digest.
    BlobPut {
        /// The name.
        name: String,
        /// The value.
        text: String,
    },
    /// Answers the size of a large value and its text from an offset on.
    BlobGet {
        /// The name.
        name: String,
        /// Where to begin.
        #[serde(default)]
        offset: u64,
    },
    /// Removes a large value.
    BlobDelete {
        /// The name.
        name: String,
    },
    /// Connects to an endpoint, writes a text, and answers what came back until nothing came for a while or it was closed.
    Connect {
        /// `tcp://host:port` or `tls://host:port`.
        address: String,
        /// What to write.
        #[serde(default)]
        text: String,
        /// The secret whose value is written behind it.
        #[serde(default)]
        secret: String,
        /// Goes on with TLS before, for a server of this name.
        #[serde(default)]
        start_tls: Option<String>,
        /// How often to do all of that, with the connections left open.
        #[serde(default)]
        times: u32,
    },
    /// Writes a line to standard output and one to standard error.
    Streams {
        /// The line.
        text: String,
    },
}

/// The classes of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Class {
    InvalidConfig,
    Denied,
    Unavailable,
    Throttled,
    NotFound,
    Permanent,
    Other,
}

/// How often a count is tried before its conflicts are an error.
const COUNT_TRIES_MAX: u32 = 100;

impl Action {
    /// Its name, as configurations write it.
    pub fn name(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        value.get("do").and_then(|name| name.as_str()).unwrap_or_default().to_owned()
    }

    /// Does it.
    pub(crate) fn perform(&self, request: &Request) -> Result<Measurement> {
        let calls = system::count_call();
        match self {
            Self::Echo { value } => Ok(Measurement::of(json!({
                "value": value,
                "metric": request.metric,
                "namespace": request.namespace,
                "analysisRun": request.analysis_run,
                "started": request.started_ms,
            }))),
            Self::Findings { findings } => Ok(Measurement::of(findings)),
            Self::Loop => system::compute_for_ever(),
            Self::Allocate { mebibytes } => Ok(Measurement::of(system::allocate(*mebibytes))),
            Self::Fresh { mebibytes } => Ok(Measurement::of(system::fresh(*mebibytes))),
            Self::Recurse => Ok(Measurement::of(system::recurse(0))),
            Self::Trap { message } => system::trap(message),
            Self::Log { lines, bytes } => Ok(Measurement::of(flood(*lines, *bytes))),
            Self::Fail { class, code, message, field, retry_after } => {
                let class = class.of(retry_after.map(Duration::from_millis));
                Err(Error::new(class, code, message).at(field))
            }
            Self::Running { token, resume_after } => {
                Ok(Measurement::running(token, Duration::from_millis(*resume_after)).with_message("asked to run"))
            }
            Self::Http { url, method, headers, body, timeout, body_bytes_max } => {
                let method = if method.is_empty() { "GET" } else { method };
                let mut sending = HttpRequest::new(method, url).headers(headers.clone()).body(body.as_bytes());
                if let Some(timeout) = timeout {
                    sending = sending.timeout(Duration::from_millis(*timeout));
                }
                if let Some(bytes) = body_bytes_max {
                    sending = sending.body_bytes_max(*bytes);
                }
                let answer = sending.send()?;
                Ok(Measurement::of(json!({
                    "status": answer.status(),
                    "contentType": answer.header("content-type"),
                    "bytes": answer.body().len(),
                    "body": String::from_utf8_lossy(answer.body().get(..4096).unwrap_or(answer.body())),
                })))
            }
            Self::StateGet { key } => {
                let entry = state::get(key)?;
                Ok(Measurement::of(
                    entry
                        .map(|entry| json!({"value": String::from_utf8_lossy(&entry.value), "version": entry.version})),
                ))
            }
            Self::StateSet { key, value, version } => {
                let expected = match version {
                    None => Expected::Any,
                    Some(0) => Expected::Absent,
                    Some(version) => Expected::Version(*version),
                };
                Ok(Measurement::of(state::set(key, value.as_bytes(), expected)?))
            }
            Self::StateDelete { key } => state::delete(key).map(|()| Measurement::of(true)),
            Self::StateKeys { prefix } => Ok(Measurement::of(state::keys(prefix, None, 1000)?)),
            Self::StateCount => count().map(Measurement::of),
            Self::Clumsy { url } => match HttpRequest::get(url).send() {
                Ok(answer) => Ok(Measurement::of(answer.status())),
                Err(error) => Err(Error::permanent(error.message()).with_code("went-wrong")),
            },
            Self::Hoard { bytes } => hoard(*bytes).map(Measurement::of),
            Self::StandIn { name } => Ok(Measurement::of(secrets::stand_in(name)?)),
            Self::Send { url, name } => {
                let token = secrets::stand_in(name)?;
                let basic = secrets::base64(&format!("user:{token}"))?;
                let sending = HttpRequest::new("POST", format!("{url}?token={token}"))
                    .headers(vec![("authorization".to_owned(), format!("Basic {basic}"))])
                    .body(format!("token={token}").as_bytes());
                let answer = sending.send()?;
                let body = String::from_utf8_lossy(answer.body()).into_owned();
                colchis_sdk::info!("it said {}", body);
                Ok(Measurement::of(body))
            }
            Self::Sign { name } => {
                let key = secrets::stand_in(name)?;
                let mac = secrets::sign(&key, &secrets::Algorithm::HmacSha256, b"a message")?;
                let verified =
                    |message: &[u8]| secrets::verify_mac(&key, &secrets::Algorithm::HmacSha256, message, &mac);
                Ok(Measurement::of(json!([mac.len(), verified(b"a message")?, verified(b"another")?])))
            }
            Self::Leak { name, how } => {
                let value = String::from_utf8_lossy(&secrets::reveal(name)?).into_owned();
                colchis_sdk::info!("the value is {}", value);
                system::write_streams(&value);
                match how.as_str() {
                    "error" => Err(Error::permanent(format!("failed with {value}"))),
                    "trap" => system::trap(&value),
                    _ => Ok(Measurement::of(value)),
                }
            }
            Self::Base64 { text } => Ok(Measurement::of(secrets::base64(text)?)),
            Self::Reveal { name } => Ok(Measurement::of(secrets::reveal(name)?.len())),
            Self::Sleep { time } => Ok(Measurement::of(system::sleep(*time))),
            Self::Remaining => Ok(Measurement::of(json!({
                "remaining": u64::try_from(call::remaining().as_millis()).unwrap_or(u64::MAX),
                "cancelled": call::is_cancelled(),
            }))),
            Self::UntilCancelled => {
                while !call::is_cancelled() {
                    system::sleep(10);
                }
                Ok(Measurement::inconclusive("cancelled"))
            }
            Self::Instance => Ok(Measurement::of(calls)),
            Self::Clocks => Ok(Measurement::of(system::clocks())),
            Self::Environment => Ok(Measurement::of(system::environment())),
            Self::File { path } => Ok(Measurement::of(system::file(path))),
            Self::Random { bytes } => Ok(Measurement::of(system::random(*bytes))),
            Self::BlobPut { name, text } => {
                let mut writer = blob::Writer::create(name)?;
                for piece in text.as_bytes().chunks(3) {
                    writer.write(piece)?;
                }
                Ok(Measurement::of(writer.finish()?))
            }
            Self::BlobGet { name, offset } => {
                let reader = blob::Reader::open(name)?;
                let text = reader.read(*offset, 1 << 20)?;
                Ok(Measurement::of(json!({"size": reader.size(), "text": String::from_utf8_lossy(&text)})))
            }
            Self::BlobDelete { name } => blob::delete(name).map(|()| Measurement::of(true)),
            Self::Connect { address, text, secret, start_tls, times } => {
                let mut open = Vec::new();
                let mut answer = String::new();
                for _ in 0..(*times).max(1) {
                    let connection = Connection::open(address)?;
                    if let Some(name) = start_tls {
                        connection.start_tls(Some(name.as_str()).filter(|name| !name.is_empty()))?;
                    }
                    connection.write(text.as_bytes())?;
                    if !secret.is_empty() {
                        connection.write_secret(&secrets::stand_in(secret)?)?;
                    }
                    while let Input::Bytes(bytes) = connection.read(1 << 16, Duration::from_millis(300))? {
                        answer.push_str(&String::from_utf8_lossy(&bytes));
                    }
                    open.push(connection);
                }
                Ok(Measurement::of(answer))
            }
            Self::Streams { text } => {
                system::write_streams(text);
                Ok(Measurement::of(true))
            }
        }
    }

    /// Goes on with it.
    pub(crate) fn resume(&self, request: &Request, token: &str) -> Result<Measurement> {
        match self {
            Self::Running { token: expected, .. } if token == expected => Ok(Measurement::of(token)),
            Self::Running { .. } => Err(Error::permanent("another token than it was given").with_code("bad-token")),
            _ => self.perform(request),
        }
    }
}

impl Class {
    fn of(self, retry_after: Option<Duration>) -> colchis_sdk::Class {
        match self {
            Self::InvalidConfig => colchis_sdk::Class::InvalidConfig,
            Self::Denied => colchis_sdk::Class::Denied,
            Self::Unavailable => colchis_sdk::Class::Unavailable,
            Self::Throttled => colchis_sdk::Class::Throttled(retry_after),
            Self::NotFound => colchis_sdk::Class::NotFound,
            Self::Permanent => colchis_sdk::Class::Permanent,
            Self::Other => colchis_sdk::Class::Other("conformance".to_owned()),
        }
    }
}

fn flood(lines: u32, bytes: u32) -> u32 {
    let line = "x".repeat(bytes as usize);
    for number in 0..lines {
        colchis_sdk::info!("{}", line; "line" => number);
    }
    lines
}

fn count() -> Result<u64> {
    for _ in 0..COUNT_TRIES_MAX {
        let (count, expected) = match state::get_json::<u64>("count")? {
            Some((count, version)) => (count + 1, Expected::Version(version)),
            None => (1, Expected::Absent),
        };
        match state::set_json("count", &count, expected) {
            Ok(_) => return Ok(count),
            Err(error) if error.code() == state::CONFLICT => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::unavailable(format!("{COUNT_TRIES_MAX} conflicts")).with_code(state::CONFLICT))
}

/// Keeps more with each call.
fn hoard(bytes: usize) -> Result<u32> {
    let mut kept: Vec<u8> = state::get("hoard")?.map(|entry| entry.value).unwrap_or_default();
    kept.resize(kept.len().saturating_add(bytes), 1);
    state::set("hoard", &kept, Expected::Any)?;
    Ok(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use colchis_sdk::http::Response;
    use colchis_sdk::{metric_provider::Phase, testing};

    fn perform(config: serde_json::Value) -> Result<Measurement> {
        let config: Config = colchis_sdk::parse(&config.to_string())?;
        config.action.perform(&Request { metric: "m".into(), ..Request::default() })
    }

    #[test]
    fn actions_do_one_thing_each() {
        testing::serve(|request| {
            assert_eq!((request.method(), request.url()), ("GET", "http://a/x"));
            Ok(Response::new(418, "short").with_header("Content-Type", "text/plain"))
        });
        for (config, value) in [
            (
                json!({"do": "echo", "value": {"a": 1}}),
                r#"{"value":{"a":1},"metric":"m","namespace":"","analysisRun":"","started":0}"#,
            ),
            (json!({"do": "log", "lines": 2, "bytes": 3}), "2"),
            (json!({"do": "allocate", "mebibytes": 1}), "1048576"),
            (
                json!({"do": "http", "url": "http://a/x"}),
                r#"{"status":418,"contentType":"text/plain","bytes":5,"body":"short"}"#,
            ),
            (json!({"do": "stateGet", "key": "k"}), "null"),
            (json!({"do": "stateSet", "key": "k", "value": "v", "version": 0}), "1"),
            (json!({"do": "stateGet", "key": "k"}), r#"{"value":"v","version":1}"#),
            (json!({"do": "stateKeys", "prefix": ""}), r#"["k"]"#),
            (json!({"do": "stateDelete", "key": "k"}), "true"),
            (json!({"do": "stateCount"}), "1"),
            (json!({"do": "stateCount"}), "2"),
            (json!({"do": "hoard", "bytes": 3}), "1"),
            (json!({"do": "standIn", "name": "n"}), r#""stand-in-for-n""#),
        ] {
            assert_eq!(perform(config.clone()).unwrap().value.to_string(), value, "{config}");
        }
        assert_eq!(testing::logged().len(), 2);
    }

    #[test]
    fn errors_are_as_the_configuration_says() {
        let fail = json!({"do": "fail", "class": "throttled", "code": "busy", "message": "later", "field": "a.b", "retryAfter": 5});
        let error = perform(fail).unwrap_err();
        assert_eq!(error.class(), &colchis_sdk::Class::Throttled(Some(Duration::from_millis(5))));
        assert_eq!((error.code(), error.message(), error.field()), ("busy", "later", Some("a.b")));
        assert_eq!(
            perform(json!({"do": "stateSet", "key": "k", "value": "v", "version": 7})).unwrap_err().code(),
            "conflict"
        );
        assert!(perform(json!({"do": "dance"})).is_err());
    }

    #[test]
    fn a_measurement_that_goes_on_knows_its_token() {
        let config: Config = colchis_sdk::parse(r#"{"do":"running","token":"t","resumeAfter":9}"#).unwrap();
        let begun = config.action.perform(&Request::default()).unwrap();
        assert_eq!((begun.phase, begun.token.as_deref()), (Phase::Running, Some("t")));
        assert_eq!(config.action.resume(&Request::default(), "t").unwrap().value, json!("t"));
        assert_eq!(config.action.resume(&Request::default(), "u").unwrap_err().code(), "bad-token");
    }
}
