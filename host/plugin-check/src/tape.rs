//! Requests and their answers, written down once and played again.
//!
//! ```json
//! {"exchanges": [{"request": {"method": "GET", "url": "http://q/x"}, "answer": {"status": 200, "body": "…"}}]}
//! ```
//!
//! A tape has no secrets: their names stand where they were sent, and what looks like a credential is blotted out.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::sync::Mutex;

use async_trait::async_trait;
use plugin::{Act, Heard, Sent, Wire};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::lock;

/// What stands in the place of a credential.
const BLOT: &str = "*****";
/// Names of headers and of parameters of a query whose values are credentials, if they have one of these in them.
const CREDENTIALS: [&str; 8] =
    ["authorization", "cookie", "token", "apikey", "api-key", "api_key", "secret", "password"];

/// A tape that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the recording cannot be read: {0}")]
pub struct TapeError(#[from] serde_json::Error);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    exchanges: Vec<Exchange>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    request: Asked,
    answer: Answer,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Asked {
    method: String,
    url: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, String)>,
    /// `sha256:…` of the body, when there is one: a body may have more in it than a name tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body_digest: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Answer {
    status: u16,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    body: String,
    /// A body that is no text, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    body_hex: String,
}

/// What is recorded or played.
pub struct Tape {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    records: bool,
    written: Written,
    /// How often each request was played.
    played: HashMap<Asked, usize>,
    missing: BTreeSet<String>,
}

impl Tape {
    /// An empty one that records what is sent.
    pub fn recording() -> Self {
        Self { inner: Mutex::new(Inner { records: true, ..Inner::default() }) }
    }

    /// One that answers from what was written down.
    ///
    /// # Errors
    /// It is no recording.
    pub fn replaying(text: &str) -> Result<Self, TapeError> {
        let written = serde_json::from_str(text)?;
        Ok(Self { inner: Mutex::new(Inner { written, ..Inner::default() }) })
    }

    /// Ends the recording: from now on what was recorded is played.
    pub(crate) fn rewind(&self) {
        let mut inner = lock(&self.inner);
        inner.records = false;
        inner.played.clear();
    }

    /// Requests that were asked for and are not in it.
    pub(crate) fn missing(&self) -> Vec<String> {
        lock(&self.inner).missing.iter().cloned().collect()
    }

    /// How many exchanges it has.
    pub fn len(&self) -> usize {
        lock(&self.inner).written.exchanges.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its text, for a file.
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(&lock(&self.inner).written).unwrap_or_default() + "\n"
    }
}

#[async_trait]
impl Wire for Tape {
    async fn ask(&self, sent: &Sent) -> Act {
        let mut inner = lock(&self.inner);
        if inner.records {
            return Act::Send;
        }
        let asked = Asked::key(sent);
        let fitting: Vec<&Answer> = inner
            .written
            .exchanges
            .iter()
            .filter(|exchange| Asked { headers: Vec::new(), ..exchange.request.clone() } == asked)
            .map(|exchange| &exchange.answer)
            .collect();
        let at = inner.played.get(&asked).copied().unwrap_or_default();
        // The last answer is given again and again.
        match fitting.get(at).or(fitting.last()).map(|answer| answer.heard()) {
            Some(heard) => {
                *inner.played.entry(asked).or_default() += 1;
                Act::Answer(heard)
            }
            None => {
                let request = format!("{} {}", asked.method, asked.url);
                let why = format!("the recording has no answer to {request}");
                inner.missing.insert(request);
                Act::Fail(why)
            }
        }
    }

    fn heard(&self, sent: &Sent, heard: &Heard) {
        let headers = blotted(&sent.headers);
        let request = Asked { headers, ..Asked::key(sent) };
        let (body, body_hex) = match std::str::from_utf8(&heard.body) {
            Ok(text) => (text.to_owned(), String::new()),
            Err(_) => (String::new(), hex(&heard.body)),
        };
        let answer = Answer { status: heard.status, headers: blotted(&heard.headers), body, body_hex };
        lock(&self.inner).written.exchanges.push(Exchange { request, answer });
    }
}

impl Asked {
    /// What tells one request from another. Headers do not: libraries put their versions there.
    fn key(sent: &Sent) -> Self {
        let form = |(name, value): &(String, String)| name == "content-type" && value.contains("form-urlencoded");
        let body = match std::str::from_utf8(&sent.body) {
            Ok(text) if sent.headers.iter().any(form) => blot_pairs(text).into_bytes(),
            _ => sent.body.clone(),
        };
        let body_digest = (!body.is_empty()).then(|| format!("sha256:{}", hex(&Sha256::digest(&body))));
        Self { method: sent.method.clone(), url: blot_url(&sent.url), headers: Vec::new(), body_digest }
    }
}

impl Answer {
    fn heard(&self) -> Heard {
        let body = if self.body_hex.is_empty() { self.body.clone().into_bytes() } else { unhex(&self.body_hex) };
        // The length is that of the body as it is played.
        let headers =
            self.headers.iter().filter(|(name, _)| !matches!(name.as_str(), "content-length" | "transfer-encoding"));
        Heard { status: self.status, headers: headers.cloned().collect(), body }
    }
}

fn is_credential(name: &str) -> bool {
    let name = name.to_lowercase();
    CREDENTIALS.iter().any(|word| name.contains(word))
}

fn blotted(headers: &[(String, String)]) -> Vec<(String, String)> {
    let blot = |(name, value): &(String, String)| {
        let hidden = is_credential(name) && !value.contains("{{secret");
        (name.clone(), if hidden { BLOT.to_owned() } else { value.clone() })
    };
    headers.iter().map(blot).collect()
}

fn blot_url(url: &str) -> String {
    let Some((place, query)) = url.split_once('?') else { return url.to_owned() };
    format!("{place}?{}", blot_pairs(query))
}

/// The pairs of a query or a form without credentials, and with any time in the place of a time: a plugin that asks about now asks otherwise each time.
fn blot_pairs(pairs: &str) -> String {
    let pairs = pairs.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) if is_credential(name) && !value.contains("{{secret") => format!("{name}={BLOT}"),
        Some((name, value)) if is_time(value) => format!("{name}={{{{time}}}}"),
        _ => pair.to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// Seconds or milliseconds since 1970 of our days, or a date and time of RFC 3339.
fn is_time(value: &str) -> bool {
    if let Ok(number) = value.parse::<f64>() {
        return (1e9..4e9).contains(&number) || (1e12..4e12).contains(&number);
    }
    let shape = value.chars().take(11).map(|c| if c.is_ascii_digit() { '0' } else { c });
    shape.eq("0000-00-00T".chars())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).filter_map(|d| u8::try_from(d).ok()).collect();
    digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(url: &str) -> Sent {
        let headers =
            vec![("authorization".to_owned(), "Bearer hush".to_owned()), ("accept".to_owned(), "x".to_owned())];
        Sent { method: "GET".into(), url: url.into(), headers, body: Vec::new() }
    }

    fn answer(body: &[u8]) -> Heard {
        Heard { status: 200, headers: vec![("set-cookie".into(), "id=hush".into())], body: body.to_vec() }
    }

    #[tokio::test]
    async fn what_was_recorded_is_played_without_its_credentials() {
        let tape = Tape::recording();
        assert_eq!(tape.ask(&sent("http://a/x?token=hush&n=1")).await, Act::Send);
        tape.heard(&sent("http://a/x?token=hush&n=1"), &answer(b"one"));
        tape.heard(&sent("http://a/x?token=hush&n=1"), &answer(&[0, 255]));
        let text = tape.text();
        assert!(!text.contains("hush"), "{text}");
        let tape = Tape::replaying(&text).unwrap();
        for body in [&b"one"[..], &[0, 255], &[0, 255]] {
            let Act::Answer(heard) = tape.ask(&sent("http://a/x?token=other&n=1")).await else { panic!("{text}") };
            assert_eq!(heard.body, body);
        }
        assert!(matches!(tape.ask(&sent("http://a/x?token=other&n=2")).await, Act::Fail(why) if why.contains("n=2")));
        assert_eq!(tape.missing(), ["GET http://a/x?token=*****&n=2"]);
    }

    #[test]
    fn times_are_any_time() {
        assert_eq!(blot_pairs("query=up&time=1795872031.5&step=60"), "query=up&time={{time}}&step=60");
        assert_eq!(
            blot_url("http://a/x?start=2026-11-28T13%3A20%3A31Z&n=1795872031512"),
            "http://a/x?start={{time}}&n={{time}}"
        );
        assert!(!is_time("60") && !is_time("2026-11-28") && !is_time("up"));
    }

    #[test]
    fn what_is_no_recording_is_refused() {
        assert!(Tape::replaying("{}").is_err());
        assert!(Tape::replaying(r#"{"exchanges": [], "more": 1}"#).is_err());
    }
}
