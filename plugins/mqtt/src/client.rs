//! A connection to a broker: how it begins, and packets on it.

use std::time::Duration;

use colchis_sdk::endpoint::Stream;
use colchis_sdk::{Error, Result, call};

use crate::config::Config;
use crate::packet::{self, BUFFER_BYTES_MAX, Packet, Read};

/// How long a broker may take for an answer.
const ANSWER: Duration = Duration::from_secs(10);

/// How long a broker waits for a sign of life (seconds). It ends the connection after one and a half times that.
const KEEP_ALIVE_SECONDS: u16 = 120;

/// After how long without a word it is asked whether it is there (ms).
const QUIET_MS: u64 = 40_000;

#[derive(Debug)]
pub(crate) struct Client {
    stream: Stream,
    /// When something was heard last.
    heard_ms: u64,
    /// When it was asked whether it is there, if it has not answered yet.
    asked_ms: Option<u64>,
    /// Whether the broker knew the session.
    pub(crate) session: bool,
}

impl Client {
    /// Connects, and says who asks. With quality 1 the broker keeps the session.
    pub(crate) fn open(config: &Config) -> Result<Self> {
        let stream = Stream::open(&config.address()?, BUFFER_BYTES_MAX)?;
        let mut client = Self { stream, heard_ms: call::now_ms(), asked_ms: None, session: false };
        client.connect(config)?;
        match client.answer()? {
            Packet::Connected { session, code: 0 } => client.session = session,
            Packet::Connected { code, .. } => return Err(refused(code)),
            _ => return Err(client.no_mqtt("it does not begin with CONNACK")),
        }
        Ok(client)
    }

    fn connect(&self, config: &Config) -> Result<()> {
        let basic = config.auth.as_ref().map(|auth| &auth.basic);
        let flags = if config.qos == 0 { 0x02 } else { 0 } | if basic.is_some() { 0xc0 } else { 0 };
        let mut body = [packet::text("MQTT"), vec![4, flags]].concat();
        body.extend(KEEP_ALIVE_SECONDS.to_be_bytes());
        body.extend(packet::text(&config.client_id));
        let Some(basic) = basic else { return self.stream.write(&packet::framed(0x10, &body)) };
        // The values go in between, put there by the host.
        let (user, password) = (basic.username_bytes, basic.password_bytes);
        let all = body.len() + 4 + usize::from(user) + usize::from(password);
        let mut bytes = [vec![0x10], packet::length(all), body].concat();
        bytes.extend(user.to_be_bytes());
        self.stream.write(&bytes)?;
        self.stream.write_secret(basic.username.stand_in("auth.basic.username")?)?;
        self.stream.write(&password.to_be_bytes())?;
        self.stream.write_secret(basic.password.stand_in("auth.basic.password")?)
    }

    /// Writes a packet.
    pub(crate) fn write(&self, packet: &[u8]) -> Result<()> {
        self.stream.write(packet)
    }

    /// The next packet; one that does not come is an error.
    pub(crate) fn answer(&mut self) -> Result<Packet> {
        let missing =
            || Error::unavailable(format!("the broker did not answer within {ANSWER:?}")).with_code("timeout");
        self.next(ANSWER)?.ok_or_else(missing)
    }

    /// The next packet, if one comes within the time.
    pub(crate) fn next(&mut self, wait: Duration) -> Result<Option<Packet>> {
        loop {
            let needed = match packet::read(self.stream.bytes()).map_err(|why| self.no_mqtt(&why))? {
                Read::Packet(packet, used) => {
                    self.stream.take(used);
                    return Ok(Some(packet));
                }
                Read::More(needed) => needed,
            };
            while self.stream.bytes().len() < needed {
                // What has begun is waited for: half a packet is no silence.
                let wait = if self.stream.bytes().is_empty() { wait } else { wait.max(ANSWER) };
                if !self.stream.fill(wait)? {
                    if self.stream.bytes().is_empty() {
                        return Ok(None);
                    }
                    return Err(Error::unavailable("the broker stopped in the middle of a packet").with_code("timeout"));
                }
                (self.heard_ms, self.asked_ms) = (call::now_ms(), None);
            }
        }
    }

    /// Keeps the connection alive: called before each wait.
    pub(crate) fn keep_alive(&mut self) -> Result<()> {
        let now = call::now_ms();
        match self.asked_ms {
            Some(asked) if now.saturating_sub(asked) > QUIET_MS => {
                Err(Error::unavailable("the broker does not answer any more").with_code("timeout"))
            }
            None if now.saturating_sub(self.heard_ms) > QUIET_MS => {
                self.asked_ms = Some(now);
                self.write(&packet::PING)
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn no_mqtt(&self, why: &str) -> Error {
        let message = format!("{} does not speak MQTT 3.1.1: {why}", self.stream.address());
        Error::unavailable(message).with_code("bad-packet")
    }
}

/// Why a broker does not let the client in.
fn refused(code: u8) -> Error {
    match code {
        1 => Error::permanent("the broker does not take MQTT 3.1.1").with_code("version"),
        2 => Error::invalid("clientId", "the broker does not take this name"),
        3 => Error::unavailable("the broker is not ready").with_code("not-ready"),
        4 => Error::denied("the broker does not take the user and the password; are their lengths right?")
            .at("auth.basic"),
        5 => Error::denied("the broker does not let the client in").at("auth"),
        other => Error::permanent(format!("the broker refuses the connection ({other})")).with_code("refused"),
    }
}
