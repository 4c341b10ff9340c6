//! RESP 2, the protocol of Redis: commands as they are written, and replies as they are read.
//!
//! Every length that comes from outside has a limit, and no reply is nested deeper than [`DEPTH_MAX`].

/// The longest reply (bytes).
pub(crate) const REPLY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The longest line (bytes): errors and numbers.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// The longest list.
const LIST_MAX: usize = 1_000_000;

/// How deep lists may be in lists.
const DEPTH_MAX: usize = 8;

/// A reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    /// `+OK`.
    Word(String),
    /// `-ERR …`.
    Error(String),
    /// `:7`.
    Number(i64),
    /// A text.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Reply>),
    /// Neither text nor list.
    Nothing,
}

/// How far reading went.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// A reply, and how many bytes it was.
    Reply(Reply, usize),
    /// At least so many bytes are needed to go on.
    More(usize),
}

/// Reads one reply from the beginning of some bytes.
pub(crate) fn read(bytes: &[u8]) -> Result<Read, String> {
    let mut reader = Reader { bytes, at: 0 };
    match reader.reply(0) {
        Ok(reply) => Ok(Read::Reply(reply, reader.at)),
        Err(Stop::More(needed)) => Ok(Read::More(needed)),
        Err(Stop::Bad(why)) => Err(why),
    }
}

enum Stop {
    More(usize),
    Bad(String),
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn reply(&mut self, depth: usize) -> Result<Reply, Stop> {
        let line = self.line()?;
        let Some((kind, rest)) = line.split_first() else { return Err(Stop::Bad("an empty line".to_owned())) };
        let text = || String::from_utf8_lossy(rest).into_owned();
        match kind {
            b'+' => Ok(Reply::Word(text())),
            b'-' => Ok(Reply::Error(text())),
            b':' => Ok(Reply::Number(number(rest)?)),
            b'$' => match length(rest, REPLY_BYTES_MAX)? {
                None => Ok(Reply::Nothing),
                Some(length) => self.text(length),
            },
            b'*' if depth >= DEPTH_MAX => Err(Stop::Bad(format!("lists are nested deeper than {DEPTH_MAX}"))),
            b'*' => match length(rest, LIST_MAX)? {
                None => Ok(Reply::Nothing),
                // Each element is three bytes at least; nothing is reserved for what may never come.
                Some(length) => (0..length).map(|_| self.reply(depth + 1)).collect::<Result<_, _>>().map(Reply::List),
            },
            other => Err(Stop::Bad(format!("a reply that begins with the byte {other}"))),
        }
    }

    fn line(&mut self) -> Result<Vec<u8>, Stop> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        match rest.windows(2).take(LINE_BYTES_MAX).position(|two| two == b"\r\n") {
            Some(end) => {
                self.at += end + 2;
                Ok(rest.get(..end).unwrap_or_default().to_vec())
            }
            None if rest.len() > LINE_BYTES_MAX => {
                Err(Stop::Bad(format!("a line of more than {LINE_BYTES_MAX} bytes")))
            }
            None => Err(Stop::More(self.bytes.len() + 1)),
        }
    }

    fn text(&mut self, length: usize) -> Result<Reply, Stop> {
        let end = self.at + length;
        match (self.bytes.get(self.at..end), self.bytes.get(end..end + 2)) {
            (Some(text), Some(b"\r\n")) => {
                self.at = end + 2;
                Ok(Reply::Bytes(text.to_vec()))
            }
            (Some(_), Some(_)) => Err(Stop::Bad("a text is longer than it says".to_owned())),
            _ => Err(Stop::More(end + 2)),
        }
    }
}

fn number(text: &[u8]) -> Result<i64, Stop> {
    let read = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    read.ok_or_else(|| Stop::Bad("a number that is none".to_owned()))
}

fn length(text: &[u8], max: usize) -> Result<Option<usize>, Stop> {
    match number(text)? {
        -1 => Ok(None),
        length => match usize::try_from(length) {
            Ok(length) if length <= max => Ok(Some(length)),
            _ => Err(Stop::Bad(format!("a length of {length}, where at most {max} is taken"))),
        },
    }
}

/// A command of these words.
pub(crate) fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n", word.len()).into_bytes());
        bytes.extend_from_slice(word);
        bytes.extend(b"\r\n");
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Reply {
        Reply::Bytes(text.into())
    }

    #[test]
    fn replies_are_read() {
        for (given, expected) in [
            ("+OK\r\n", Reply::Word("OK".into())),
            ("-ERR no\r\n", Reply::Error("ERR no".into())),
            (":-7\r\n", Reply::Number(-7)),
            ("$0\r\n\r\n", bytes("")),
            ("$5\r\na\r\nbc\r\n", bytes("a\r\nbc")),
            ("$-1\r\n", Reply::Nothing),
            ("*-1\r\n", Reply::Nothing),
            ("*0\r\n", Reply::List(vec![])),
            ("*2\r\n$1\r\na\r\n*1\r\n:1\r\n", Reply::List(vec![bytes("a"), Reply::List(vec![Reply::Number(1)])])),
        ] {
            assert_eq!(read(given.as_bytes()), Ok(Read::Reply(expected.clone(), given.len())), "{given}");
            // What follows belongs to the next reply.
            let more = format!("{given}+NEXT");
            assert_eq!(read(more.as_bytes()), Ok(Read::Reply(expected, given.len())), "{given}");
            for cut in 0..given.len() {
                let Ok(Read::More(needed)) = read(&given.as_bytes()[..cut]) else { panic!("{given} at {cut}") };
                assert!(needed > cut && needed <= given.len().max(cut + 1), "{given} at {cut}: {needed}");
            }
        }
    }

    #[test]
    fn garbage_is_an_error_and_not_more() {
        let deep = "*1\r\n".repeat(DEPTH_MAX + 1);
        let long = "+".to_owned() + &"x".repeat(LINE_BYTES_MAX + 2);
        for given in [
            "\r\n",
            "hello\r\n",
            "$x\r\n",
            "$-2\r\n",
            "$99999999999\r\n",
            "$9999999999999999999999\r\n",
            "*1000001\r\n",
            ":1.5\r\n",
            "$1\r\nabc",
            "*1\r\n!\r\n",
            &deep,
            &long,
        ] {
            assert!(read(given.as_bytes()).is_err(), "{:?}", &given[..given.len().min(40)]);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused_without_a_panic() {
        // A fixed sequence, so that a failure is the same each time.
        let mut seed = 0x2545_f491_4f6c_dd1du64;
        for _ in 0..20_000 {
            let mut noise = Vec::new();
            for _ in 0..24 {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                noise.push(b"+-:$*0123456789\r\n\r\nab\xff"[(seed % 22) as usize]);
            }
            if let Ok(Read::Reply(_, used)) = read(&noise) {
                assert!(used <= noise.len());
            }
        }
    }

    #[test]
    fn commands_say_their_lengths() {
        assert_eq!(command(&[b"XACK", "ä".as_bytes()]), "*2\r\n$4\r\nXACK\r\n$2\r\nä\r\n".as_bytes());
    }
}
