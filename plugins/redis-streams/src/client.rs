//! A connection to Redis: commands, one reply each.

use std::time::Duration;

use colchis_sdk::endpoint::Stream;
use colchis_sdk::{Error, Result};

use crate::config::Config;
use crate::resp::{self, REPLY_BYTES_MAX, Read, Reply};

/// How long Redis may take for a reply, beside what it is asked to wait.
const REPLY: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Client(Stream);

impl Client {
    /// Connects, says who asks, and chooses the database.
    pub(crate) fn open(config: &Config) -> Result<Self> {
        let mut client = Self(Stream::open(&config.address()?, REPLY_BYTES_MAX)?);
        if let Some(password) = &config.password {
            // The inline form says no length, which only the host would know.
            let password = password.stand_in("password")?;
            let user = if config.username.is_empty() { String::new() } else { format!("\"{}\" ", config.username) };
            client.0.write_secret(&format!("AUTH {user}\"{password}\"\r\n"))?;
            let reply = client.reply(Duration::ZERO)?;
            good(reply).map_err(|error| error.context("signing in").at("password"))?;
        }
        if config.db != 0 {
            let reply = client.ask(&[b"SELECT", config.db.to_string().as_bytes()], Duration::ZERO)?;
            good(reply).map_err(|error| Error::invalid("db", error.message()))?;
        }
        Ok(client)
    }

    /// Sends a command and waits for its reply.
    pub(crate) fn ask(&mut self, words: &[&[u8]], wait: Duration) -> Result<Reply> {
        self.0.write(&resp::command(words))?;
        self.reply(wait)
    }

    fn reply(&mut self, wait: Duration) -> Result<Reply> {
        loop {
            let read = resp::read(self.0.bytes()).map_err(|why| {
                let message = format!("{} does not speak as Redis does: {why}", self.0.address());
                Error::unavailable(message).with_code("bad-reply")
            })?;
            let needed = match read {
                Read::Reply(reply, used) => {
                    self.0.take(used);
                    return Ok(reply);
                }
                Read::More(needed) if needed > REPLY_BYTES_MAX => {
                    let message = format!("a reply of more than {REPLY_BYTES_MAX} bytes: lower maxMsgCountPerRead");
                    return Err(Error::permanent(message).with_code("message-too-large"));
                }
                Read::More(needed) => needed,
            };
            while self.0.bytes().len() < needed {
                if !self.0.fill(wait.saturating_add(REPLY))? {
                    let message = format!("{} did not answer within {REPLY:?}", self.0.address());
                    return Err(Error::unavailable(message).with_code("timeout"));
                }
            }
        }
    }
}

/// A reply that is no error.
pub(crate) fn good(reply: Reply) -> Result<Reply> {
    let Reply::Error(text) = reply else { return Ok(reply) };
    let word = text.split_whitespace().next().unwrap_or_default();
    let message = format!("Redis says: {text}");
    Err(match word {
        "WRONGPASS" | "NOAUTH" | "NOPERM" | "DENIED" => Error::denied(message),
        "LOADING" | "BUSY" | "TRYAGAIN" | "CLUSTERDOWN" | "MASTERDOWN" | "READONLY" | "UNBLOCKED" | "NOGROUP" => {
            Error::unavailable(message)
        }
        "MOVED" | "ASK" => Error::invalid("hostAddress", message),
        "WRONGTYPE" => Error::invalid("streams", message),
        _ => Error::permanent(message),
    }
    .with_code(code(word)))
}

/// Redis' own word, as codes are written.
fn code(word: &str) -> String {
    let fits = !word.is_empty() && word.len() <= 64 && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if fits { word.to_ascii_lowercase() } else { "refused".to_owned() }
}
