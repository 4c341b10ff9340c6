//! The client protocol of NATS: what a server says, and what is said to it.
//!
//! Every length that comes from outside has a limit: lines of 256 KiB, messages of 8 MiB.

/// The longest line (bytes): what a server says of itself may be long.
const LINE_BYTES_MAX: usize = 256 * 1024;

/// The longest message with its headers (bytes).
pub(crate) const MESSAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What is kept before it is taken (bytes): a message and its line.
pub(crate) const BUFFER_BYTES_MAX: usize = MESSAGE_BYTES_MAX + LINE_BYTES_MAX;

/// What a server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// Of itself, as JSON.
    Info(String),
    /// A message.
    Message(Message),
    /// Whether anybody is there.
    Ping,
    /// That it is there, and has done what was asked before.
    Pong,
    /// Fine.
    Good,
    /// What is wrong.
    Wrong(String),
}

/// A message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) subject: String,
    pub(crate) subscription: u64,
    pub(crate) reply: Option<String>,
    pub(crate) headers: Headers,
    pub(crate) payload: Vec<u8>,
}

/// A message's headers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Headers {
    /// Of answers that are no messages: 404 …
    pub(crate) status: Option<(u16, String)>,
    pub(crate) lines: Vec<(String, String)>,
}

impl Headers {
    /// A header's first value.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.lines.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// How far reading went.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// Something that was said, and how many bytes it was.
    Said(Said, usize),
    /// At least so many bytes are needed to go on.
    More(usize),
}

/// Reads one thing from the beginning of some bytes.
pub(crate) fn read(bytes: &[u8]) -> Result<Read, String> {
    let Some(end) = bytes.windows(2).take(LINE_BYTES_MAX).position(|two| two == b"\r\n") else {
        if bytes.len() > LINE_BYTES_MAX {
            return Err(format!("a line of more than {LINE_BYTES_MAX} bytes"));
        }
        return Ok(Read::More(bytes.len() + 1));
    };
    let line = std::str::from_utf8(bytes.get(..end).unwrap_or_default()).map_err(|_| "a line that is no text")?;
    let (word, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let rest = rest.trim();
    let said = match word.to_ascii_uppercase().as_str() {
        "INFO" => Said::Info(rest.to_owned()),
        "PING" => Said::Ping,
        "PONG" => Said::Pong,
        "+OK" => Said::Good,
        "-ERR" => Said::Wrong(rest.trim_matches('\'').to_owned()),
        "MSG" => return message(bytes, end + 2, rest, false),
        "HMSG" => return message(bytes, end + 2, rest, true),
        _ => return Err(format!("the word `{}`", word.chars().take(20).collect::<String>())),
    };
    Ok(Read::Said(said, end + 2))
}

/// `subject sid [reply] [#headers] #all`, and behind the line the headers and the payload.
fn message(bytes: &[u8], begin: usize, line: &str, with_headers: bool) -> Result<Read, String> {
    let bad = || "a message whose line cannot be read".to_owned();
    let number = |text: &str| text.parse::<usize>().map_err(|_| bad());
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let lengths = if with_headers { 2 } else { 1 };
    let (names, lengths) = words.split_at_checked(words.len().saturating_sub(lengths)).ok_or_else(bad)?;
    let (subject, subscription, reply) = match names {
        [subject, subscription] => (subject, subscription, None),
        [subject, subscription, reply] => (subject, subscription, Some((*reply).to_owned())),
        _ => return Err(bad()),
    };
    let (headers_length, length) = match lengths {
        [length] => (0, number(length)?),
        [headers, length] => (number(headers)?, number(length)?),
        _ => return Err(bad()),
    };
    if length > MESSAGE_BYTES_MAX {
        return Err(format!("a message of {length} bytes, where at most {MESSAGE_BYTES_MAX} are taken"));
    }
    if headers_length > length {
        return Err(bad());
    }
    let end = begin + length;
    let (Some(whole), Some(tail)) = (bytes.get(begin..end), bytes.get(end..end + 2)) else {
        return Ok(Read::More(end + 2));
    };
    if tail != b"\r\n" {
        return Err("a message that is longer than it says".to_owned());
    }
    let (head, payload) = whole.split_at_checked(headers_length).ok_or_else(bad)?;
    let message = Message {
        subject: (*subject).to_owned(),
        subscription: subscription.parse().map_err(|_| bad())?,
        reply,
        headers: if with_headers { headers(head)? } else { Headers::default() },
        payload: payload.to_vec(),
    };
    Ok(Read::Said(Said::Message(message), end + 2))
}

/// `NATS/1.0`, a status perhaps, and lines of names and values.
fn headers(bytes: &[u8]) -> Result<Headers, String> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.split("\r\n");
    let status = lines.next().unwrap_or_default().strip_prefix("NATS/1.0").ok_or("headers of another version")?.trim();
    let status = match status.split_once(' ').unwrap_or((status, "")) {
        ("", _) => None,
        (code, words) => Some((code.parse().map_err(|_| "a status that is no number")?, words.trim().to_owned())),
    };
    let pair = |line: &str| {
        let (name, value) = line.split_once(':').ok_or("a header without a value")?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    };
    let lines = lines.filter(|line| !line.is_empty()).map(pair).collect::<Result<_, String>>()?;
    Ok(Headers { status, lines })
}

/// Publishes, with headers where there are some.
pub(crate) fn publish(subject: &str, reply: Option<&str>, headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let reply = reply.map(|reply| format!("{reply} ")).unwrap_or_default();
    let mut bytes = if headers.is_empty() {
        format!("PUB {subject} {reply}{}\r\n", payload.len()).into_bytes()
    } else {
        let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!("NATS/1.0\r\n{lines}\r\n");
        let all = head.len() + payload.len();
        format!("HPUB {subject} {reply}{} {all}\r\n{head}", head.len()).into_bytes()
    };
    bytes.extend_from_slice(payload);
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// Whether a text is a subject; `*` and `>` only where messages are subscribed to.
pub(crate) fn is_subject(text: &str, wildcards: bool) -> bool {
    let token = |token: &str| {
        let wild = token.contains(['*', '>']);
        !token.is_empty() && !token.chars().any(|c| c.is_whitespace() || c.is_control()) && (wildcards || !wild)
    };
    text.len() <= 4096 && text.split('.').all(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(reply: Option<&str>, headers: Headers, payload: &str) -> Said {
        let reply = reply.map(str::to_owned);
        Said::Message(Message { subject: "a.b".into(), subscription: 7, reply, headers, payload: payload.into() })
    }

    #[test]
    fn what_a_server_says_is_read() {
        let lines = |lines: &[(&str, &str)]| lines.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        for (given, expected) in [
            ("INFO {\"a\":1} \r\n", Said::Info("{\"a\":1}".into())),
            ("PING\r\n", Said::Ping),
            ("pong\r\n", Said::Pong),
            ("+OK\r\n", Said::Good),
            ("-ERR 'Authorization Violation'\r\n", Said::Wrong("Authorization Violation".into())),
            ("MSG a.b 7 5\r\nhello\r\n", message(None, Headers::default(), "hello")),
            ("MSG  a.b\t7 r.x 2\r\n\r\n\r\n", message(Some("r.x"), Headers::default(), "\r\n")),
            ("MSG a.b 7 0\r\n\r\n", message(None, Headers::default(), "")),
            (
                "HMSG a.b 7 r 22 25\r\nNATS/1.0\r\nA:1\r\nB: 2\r\n\r\nxyz\r\n".replace("22 25", "23 26").leak(),
                message(Some("r"), Headers { status: None, lines: lines(&[("A", "1"), ("B", "2")]) }, "xyz"),
            ),
            (
                "HMSG a.b 7 28 28\r\nNATS/1.0 404 No Messages\r\n\r\n\r\n",
                message(None, Headers { status: Some((404, "No Messages".into())), lines: vec![] }, ""),
            ),
        ] {
            assert_eq!(read(given.as_bytes()), Ok(Read::Said(expected.clone(), given.len())), "{given}");
            let more = format!("{given}PING\r\n");
            assert_eq!(read(more.as_bytes()), Ok(Read::Said(expected, given.len())), "{given}");
            for cut in 0..given.len() {
                let Ok(Read::More(needed)) = read(&given.as_bytes()[..cut]) else { panic!("{given} at {cut}") };
                assert!(needed > cut && needed <= given.len().max(cut + 1), "{given} at {cut}: {needed}");
            }
        }
    }

    #[test]
    fn garbage_is_an_error_and_not_more() {
        let long = "INFO ".to_owned() + &"x".repeat(LINE_BYTES_MAX);
        for given in [
            "HTTP/1.1 200 OK\r\n",
            "\r\n",
            "MSG a 1\r\n",
            "MSG a 1 x\r\n",
            "MSG a 1 -1\r\n",
            "MSG a 1 99999999999\r\n",
            "MSG a b c d 1\r\n",
            "MSG a x 1\r\na\r\n",
            "MSG a 1 1\r\nabc",
            "HMSG a 1 5 2\r\nab\r\n",
            "HMSG a 1 4 4\r\nabcd\r\n",
            "HMSG a 1 12 12\r\nNATS/1.0 x\r\n\r\n",
            "HMSG a 1 13 13\r\nNATS/1.0\r\nabc\r\n",
            &long,
        ] {
            assert!(read(given.as_bytes()).is_err(), "{:?}", &given[..given.len().min(40)]);
        }
        assert!(read(b"\xff\xff\r\n").is_err());
    }

    #[test]
    fn any_bytes_are_read_or_refused_without_a_panic() {
        let words: [&[u8]; 14] = [
            b"MSG ",
            b"HMSG ",
            b"a ",
            b"1 ",
            b"2 ",
            b"\r\n",
            b"NATS/1.0",
            b"PING",
            b"-ERR ",
            b" ",
            b"x",
            b":",
            b"\xff",
            b"18446744073709551615",
        ];
        let mut seed = 0x2545_f491_4f6c_dd1du64;
        for _ in 0..20_000 {
            let mut noise = Vec::new();
            for _ in 0..10 {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                noise.extend_from_slice(words[(seed % 14) as usize]);
            }
            if let Ok(Read::Said(_, used)) = read(&noise) {
                assert!(used <= noise.len());
            }
        }
    }

    #[test]
    fn what_is_published_can_be_read_and_subjects_cannot_smuggle() {
        assert_eq!(publish("a.b", None, &[], b"hi"), b"PUB a.b 2\r\nhi\r\n");
        assert_eq!(
            publish("a", Some("r"), &[("Nats-Msg-Id", "k")], b"hi"),
            b"HPUB a r 28 30\r\nNATS/1.0\r\nNats-Msg-Id: k\r\n\r\nhi\r\n"
        );
        for (subject, one, many) in [
            ("a.b", true, true),
            ("a.*.b", false, true),
            ("a.>", false, true),
            ("", false, false),
            ("a..b", false, false),
            ("a b", false, false),
            ("a\r\nPUB x 0", false, false),
        ] {
            assert_eq!((is_subject(subject, false), is_subject(subject, true)), (one, many), "{subject}");
        }
    }
}
