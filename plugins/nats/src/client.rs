//! A connection to NATS: how it begins, and messages on it.

use std::collections::VecDeque;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use colchis_sdk::endpoint::Stream;
use colchis_sdk::secrets::{self, Algorithm};
use colchis_sdk::{Error, Result, call};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::Place;
use crate::proto::{self, BUFFER_BYTES_MAX, Message, Read, Said};

/// How long NATS may take for an answer.
const ANSWER: Duration = Duration::from_secs(10);

/// What a server says of itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Info {
    tls_required: bool,
    headers: bool,
    max_payload: u64,
    auth_required: bool,
    nonce: String,
}

#[derive(Debug)]
pub(crate) struct Client {
    stream: Stream,
    info: Info,
    messages: VecDeque<Message>,
    inbox: String,
}

impl Client {
    /// Connects, with TLS where that is wanted, and says who asks.
    pub(crate) fn open(place: Place<'_>) -> Result<Self> {
        let (address, tls) = place.address()?;
        let stream = Stream::open(&address, BUFFER_BYTES_MAX)?;
        let inbox = format!("_INBOX.{:016x}{:016x}", call::random(), call::random());
        let mut client = Self { stream, info: Info::default(), messages: VecDeque::new(), inbox };
        let Said::Info(info) = client.say()? else { return Err(client.no_nats("it does not begin with INFO")) };
        client.info = serde_json::from_str(&info).map_err(|error| client.no_nats(&error.to_string()))?;
        if client.info.tls_required && !tls {
            return Err(Error::invalid("tls", "the server wants TLS: `tls: {}` is expected"));
        }
        if tls {
            client.stream.start_tls()?;
        }
        let connect = format!("CONNECT {}\r\n", connect(place, tls, &client.info.nonce)?);
        client.stream.write_secret(&connect).map_err(|error| client.last_word(error))?;
        client.flush().map_err(|error| match error.code() {
            "disconnected" if client.info.auth_required => {
                Error::denied("the server ended the connection when it was told who asks").at("auth")
            }
            _ => error,
        })?;
        Ok(client)
    }

    /// Whether messages may have headers.
    pub(crate) fn has_headers(&self) -> bool {
        self.info.headers
    }

    /// Subscribes, in a queue group where one is named, and waits until that is done.
    pub(crate) fn subscribe(&mut self, subject: &str, queue: &str, id: u64) -> Result<()> {
        let queue = if queue.is_empty() { String::new() } else { format!("{queue} ") };
        self.stream.write(format!("SUB {subject} {queue}{id}\r\n").as_bytes())?;
        self.flush()
    }

    /// Publishes.
    pub(crate) fn publish(
        &mut self,
        subject: &str,
        reply: Option<&str>,
        headers: &[(&str, &str)],
        payload: &[u8],
    ) -> Result<()> {
        let max = self.info.max_payload;
        if max > 0 && payload.len() as u64 > max {
            let message = format!("the message has {} bytes: the server takes at most {max}", payload.len());
            return Err(Error::permanent(message).with_code("message-too-large"));
        }
        self.stream.write(&proto::publish(subject, reply, headers, payload))
    }

    /// Waits until the server has taken all that was written.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.stream.write(b"PING\r\n").map_err(|error| self.last_word(error))?;
        loop {
            match self.say()? {
                Said::Pong => return Ok(()),
                said => self.keep(said)?,
            }
        }
    }

    /// The next message, if one comes within the time.
    pub(crate) fn message(&mut self, wait: Duration) -> Result<Option<Message>> {
        loop {
            if let Some(message) = self.messages.pop_front() {
                return Ok(Some(message));
            }
            match self.next(wait)? {
                Some(said) => self.keep(said)?,
                None => return Ok(None),
            }
        }
    }

    /// Asks by a message, and waits for the answer: JSON in most cases.
    pub(crate) fn request(&mut self, subject: &str, headers: &[(&str, &str)], payload: &[u8]) -> Result<Message> {
        let reply = format!("{}.{:016x}", self.inbox, call::random());
        self.stream.write(format!("SUB {reply} 9\r\nUNSUB 9 1\r\n").as_bytes())?;
        self.publish(subject, Some(&reply), headers, payload)?;
        let mut others = VecDeque::new();
        let answer = loop {
            match self.message(ANSWER)? {
                Some(message) if message.subject == reply => break message,
                Some(message) => others.push_back(message),
                None => return Err(Error::unavailable(format!("`{subject}` does not answer")).with_code("timeout")),
            }
        };
        self.messages = others;
        match &answer.headers.status {
            Some((503, _)) => {
                Err(Error::unavailable(format!("nobody answers `{subject}`: is JetStream on, and the stream there?"))
                    .with_code("no-responders"))
            }
            _ => Ok(answer),
        }
    }

    /// A subject for answers.
    pub(crate) fn inbox(&self) -> &str {
        &self.inbox
    }

    /// Why nothing more can be written: a server says so before it ends a connection, and it may not have been read yet.
    fn last_word(&mut self, error: Error) -> Error {
        while let Ok(Some(said)) = self.next(Duration::ZERO) {
            if let Said::Wrong(text) = said {
                return wrong(&text);
            }
        }
        error
    }

    fn keep(&mut self, said: Said) -> Result<()> {
        match said {
            Said::Message(message) => self.messages.push_back(message),
            Said::Ping => self.stream.write(b"PONG\r\n")?,
            Said::Wrong(text) => return Err(wrong(&text)),
            Said::Info(_) | Said::Pong | Said::Good => {}
        }
        Ok(())
    }

    fn say(&mut self) -> Result<Said> {
        let timeout = || Error::unavailable(format!("NATS did not answer within {ANSWER:?}")).with_code("timeout");
        self.next(ANSWER)?.ok_or_else(timeout)
    }

    fn next(&mut self, wait: Duration) -> Result<Option<Said>> {
        loop {
            let needed = match proto::read(self.stream.bytes()).map_err(|why| self.no_nats(&why))? {
                Read::Said(said, used) => {
                    self.stream.take(used);
                    return Ok(Some(said));
                }
                Read::More(needed) => needed,
            };
            while self.stream.bytes().len() < needed {
                // What has begun is waited for: half a message is no silence.
                let wait = if self.stream.bytes().is_empty() { wait } else { wait.max(ANSWER) };
                if !self.stream.fill(wait)? {
                    if self.stream.bytes().is_empty() {
                        return Ok(None);
                    }
                    return Err(Error::unavailable("NATS stopped in the middle of a message").with_code("timeout"));
                }
            }
        }
    }

    fn no_nats(&self, why: &str) -> Error {
        let message = format!("{} does not speak as NATS does: {why}", self.stream.address());
        Error::unavailable(message).with_code("bad-answer")
    }
}

/// What is said of the client, with stand-ins of secrets.
fn connect(place: Place<'_>, tls: bool, nonce: &str) -> Result<Value> {
    let mut connect = json!({
        "verbose": false, "pedantic": false, "tls_required": tls, "name": "colchis", "lang": "rust",
        "version": env!("CARGO_PKG_VERSION"), "protocol": 1, "headers": true, "no_responders": true,
    });
    let Some(auth) = place.auth else { return Ok(connect) };
    let mut more = |name: &str, value: &str| {
        if let Value::Object(connect) = &mut connect {
            connect.insert(name.to_owned(), json!(value));
        }
    };
    if let Some(token) = &auth.token {
        more("auth_token", token.stand_in("auth.token")?);
    }
    if let Some(basic) = &auth.basic {
        more("user", basic.username.stand_in("auth.basic.username")?);
        more("pass", basic.password.stand_in("auth.basic.password")?);
    }
    if let Some(nkey) = &auth.nkey {
        if nonce.is_empty() {
            return Err(Error::denied("the server asks for no signature: it has no nkeys").at("auth.nkey"));
        }
        let key = nkey.key.stand_in("auth.nkey.key")?;
        let signature =
            secrets::sign(key, &Algorithm::Ed25519, nonce.as_bytes()).map_err(|error| error.at("auth.nkey.key"))?;
        more("nkey", &nkey.public_key);
        more("sig", &URL_SAFE_NO_PAD.encode(signature));
    }
    Ok(connect)
}

/// What a server finds wrong.
fn wrong(text: &str) -> Error {
    let small = text.to_ascii_lowercase();
    let message = format!("NATS says: {text}");
    if small.contains("authorization") || small.contains("authentication") {
        Error::denied(message).with_code("authorization").at("auth")
    } else if small.contains("permissions violation") {
        Error::denied(message).with_code("permissions").at("subject")
    } else if small.contains("invalid subject") {
        Error::invalid("subject", message)
    } else if small.contains("maximum payload") {
        Error::permanent(message).with_code("message-too-large")
    } else {
        Error::unavailable(message).with_code("server-error")
    }
}
