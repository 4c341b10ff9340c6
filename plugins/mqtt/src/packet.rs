//! Packets of MQTT 3.1.1: those that a broker sends, as they are read, and those that are sent to it.
//!
//! Every length that comes from outside has a limit: a packet of 8 MiB.

/// The longest packet (bytes).
pub(crate) const PACKET_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What is kept before it is taken (bytes): a packet and its head.
pub(crate) const BUFFER_BYTES_MAX: usize = PACKET_BYTES_MAX + 8;

/// What a broker sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Packet {
    /// The answer to who asks: whether it knows the session, and 0 or why not.
    Connected { session: bool, code: u8 },
    /// A message.
    Message(Message),
    /// A message was taken.
    Taken(u16),
    /// The answer to a subscription: the quality that it gets, or 128.
    Subscribed { packet: u16, codes: Vec<u8> },
    /// A subscription has ended.
    Unsubscribed(u16),
    /// It is there.
    Pong,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// It may have been sent before.
    pub(crate) again: bool,
    /// 0 or 1.
    pub(crate) quality: u8,
    pub(crate) retained: bool,
    pub(crate) topic: String,
    /// 0 where the quality is 0.
    pub(crate) packet: u16,
    pub(crate) payload: Vec<u8>,
}

/// How far reading went.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// A packet, and how many bytes it was.
    Packet(Packet, usize),
    /// At least so many bytes are needed to go on.
    More(usize),
}

/// Reads one packet from the beginning of some bytes.
pub(crate) fn read(bytes: &[u8]) -> Result<Read, String> {
    let Some(first) = bytes.first() else { return Ok(Read::More(1)) };
    // Told by the first byte, before as many bytes are waited for as the next ones say.
    if !matches!((first >> 4, first & 0x0f), (3, _) | (2 | 4 | 9 | 11 | 13, 0)) {
        return Err(format!("a packet of the kind {} with the flags {}", first >> 4, first & 0x0f));
    }
    let (mut length, mut shift, mut at) = (0usize, 0, 1);
    loop {
        let Some(byte) = bytes.get(at) else { return Ok(Read::More(at + 1)) };
        length |= usize::from(byte & 0x7f) << shift;
        at += 1;
        if byte & 0x80 == 0 {
            break;
        }
        shift += 7;
        if shift > 21 {
            return Err("a length of more than four bytes".to_owned());
        }
    }
    if length > PACKET_BYTES_MAX {
        return Err(format!("a packet of {length} bytes, where at most {PACKET_BYTES_MAX} are taken"));
    }
    let Some(body) = bytes.get(at..at + length) else { return Ok(Read::More(at + length)) };
    Ok(Read::Packet(packet(*first, body)?, at + length))
}

fn packet(first: u8, body: &[u8]) -> Result<Packet, String> {
    let mut rest = Rest(body);
    let packet = match (first >> 4, first & 0x0f) {
        (2, 0) => match rest.0 {
            [flags @ (0 | 1), code] => return Ok(Packet::Connected { session: *flags == 1, code: *code }),
            _ => return Err("CONNACK cannot be read".to_owned()),
        },
        (3, flags) => return message(flags, rest),
        (4, 0) => Packet::Taken(rest.number()?),
        (9, 0) => return Ok(Packet::Subscribed { packet: rest.number()?, codes: rest.0.to_vec() }),
        (11, 0) => Packet::Unsubscribed(rest.number()?),
        (13, 0) => Packet::Pong,
        (kind, flags) => return Err(format!("a packet of the kind {kind} with the flags {flags}")),
    };
    if rest.0.is_empty() { Ok(packet) } else { Err("a packet that is longer than it may be".to_owned()) }
}

fn message(flags: u8, mut rest: Rest<'_>) -> Result<Packet, String> {
    let quality = (flags >> 1) & 3;
    if quality > 1 {
        return Err(format!("a message of the quality {quality}, which was not asked for"));
    }
    let topic = rest.text()?;
    if topic.is_empty() || topic.contains(['#', '+', '\0']) {
        return Err("a message of a topic that is none".to_owned());
    }
    let packet = if quality == 0 { 0 } else { rest.number()? };
    if quality > 0 && packet == 0 {
        return Err("a message with the number 0".to_owned());
    }
    let (again, retained) = (flags & 8 != 0, flags & 1 != 0);
    Ok(Packet::Message(Message { again, quality, retained, topic, packet, payload: rest.0.to_vec() }))
}

struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn number(&mut self) -> Result<u16, String> {
        let (number, rest) = self.0.split_first_chunk::<2>().ok_or("a packet that is too short")?;
        self.0 = rest;
        Ok(u16::from_be_bytes(*number))
    }

    fn text(&mut self) -> Result<String, String> {
        let length = usize::from(self.number()?);
        let (text, rest) = self.0.split_at_checked(length).ok_or("a packet that is too short")?;
        let text = String::from_utf8(text.to_vec()).map_err(|_| "a topic that is no text")?;
        self.0 = rest;
        Ok(text)
    }
}

/// A packet with its head.
pub(crate) fn framed(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    bytes.extend(length(body.len()));
    bytes.extend_from_slice(body);
    bytes
}

/// A length as packets have it.
pub(crate) fn length(mut length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = u8::try_from(length % 128).unwrap_or_default();
        length /= 128;
        bytes.push(if length > 0 { byte | 0x80 } else { byte });
        if length == 0 {
            return bytes;
        }
    }
}

/// A text with its length; one of more than 65,535 bytes is cut, which those who check configurations do not let happen.
pub(crate) fn text(text: &str) -> Vec<u8> {
    let text = text.as_bytes();
    let text = text.get(..text.len().min(usize::from(u16::MAX))).unwrap_or_default();
    let mut bytes = u16::try_from(text.len()).unwrap_or_default().to_be_bytes().to_vec();
    bytes.extend_from_slice(text);
    bytes
}

/// Subscribes to a topic.
pub(crate) fn subscribe(packet: u16, topic: &str, quality: u8) -> Vec<u8> {
    framed(0x82, &[packet.to_be_bytes().to_vec(), text(topic), vec![quality]].concat())
}

/// Ends a subscription.
pub(crate) fn unsubscribe(packet: u16, topic: &str) -> Vec<u8> {
    framed(0xa2, &[packet.to_be_bytes().to_vec(), text(topic)].concat())
}

/// A message was taken.
pub(crate) fn taken(packet: u16) -> Vec<u8> {
    framed(0x40, &packet.to_be_bytes())
}

/// Asks whether the broker is there.
pub(crate) const PING: [u8; 2] = [0xc0, 0];

#[cfg(test)]
mod tests {
    use super::*;

    fn message(again: bool, quality: u8, retained: bool, packet: u16, payload: &[u8]) -> Packet {
        Packet::Message(Message { again, quality, retained, topic: "a/b".into(), packet, payload: payload.to_vec() })
    }

    #[test]
    fn packets_are_read() {
        let long = framed(0x30, &[text("a/b"), vec![7; 300]].concat());
        for (given, expected) in [
            (&[0x20, 2, 1, 0][..], Packet::Connected { session: true, code: 0 }),
            (&[0x20, 2, 0, 5], Packet::Connected { session: false, code: 5 }),
            (&[0x30, 6, 0, 3, b'a', b'/', b'b', 7], message(false, 0, false, 0, &[7])),
            (&[0x3b, 8, 0, 3, b'a', b'/', b'b', 1, 2, 7], message(true, 1, true, 258, &[7])),
            (&[0x32, 7, 0, 3, b'a', b'/', b'b', 0, 1], message(false, 1, false, 1, &[])),
            (&long, message(false, 0, false, 0, &[7; 300])),
            (&[0x40, 2, 0, 9], Packet::Taken(9)),
            (&[0x90, 3, 0, 1, 0x80], Packet::Subscribed { packet: 1, codes: vec![0x80] }),
            (&[0xb0, 2, 0, 1], Packet::Unsubscribed(1)),
            (&[0xd0, 0], Packet::Pong),
        ] {
            assert_eq!(read(given), Ok(Read::Packet(expected.clone(), given.len())), "{given:?}");
            let more = [given, &[0xd0, 0]].concat();
            assert_eq!(read(&more), Ok(Read::Packet(expected, given.len())), "{given:?}");
            for cut in 0..given.len() {
                let Ok(Read::More(needed)) = read(&given[..cut]) else { panic!("{given:?} at {cut}") };
                assert!(needed > cut && needed <= given.len(), "{given:?} at {cut}: {needed}");
            }
        }
    }

    #[test]
    fn garbage_is_an_error_and_not_more() {
        for given in [
            &b"HTTP/1.1 400"[..],
            &[0x00, 0],
            &[0x10, 0],
            &[0x20, 2, 2, 0],
            &[0x20, 1, 0],
            &[0x21, 2, 0, 0],
            &[0x30, 0x80, 0x80, 0x80, 0x80, 1],
            &[0x30, 0xff, 0xff, 0xff, 0x7f],
            &[0x30, 1, 0],
            &[0x30, 2, 0, 5],
            &[0x30, 2, 0, 0],
            &[0x30, 3, 0, 1, b'#'],
            &[0x30, 3, 0, 1, 0xff],
            &[0x32, 5, 0, 1, b'a', 0, 0],
            &[0x34, 5, 0, 1, b'a', 0, 1],
            &[0x36, 5, 0, 1, b'a', 0, 1],
            &[0x40, 1, 0],
            &[0x40, 3, 0, 1, 2],
            &[0xd0, 1, 0],
        ] {
            assert!(read(given).is_err(), "{given:?}");
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused_without_a_panic() {
        let mut seed = 0x2545_f491_4f6c_dd1du64;
        for _ in 0..50_000 {
            let mut noise = Vec::new();
            for _ in 0..12 {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                let byte = (seed >> 24) as u8;
                noise.push(if seed.is_multiple_of(3) { byte } else { byte % 8 });
            }
            noise[0] = [0x20, 0x30, 0x32, 0x3b, 0x40, 0x90, 0xb0, 0xd0][(seed % 8) as usize];
            if let Ok(Read::Packet(_, used)) = read(&noise) {
                assert!(used <= noise.len());
            }
        }
    }

    #[test]
    fn what_is_sent_has_its_lengths() {
        for (given, expected) in [(0, vec![0]), (127, vec![127]), (128, vec![0x80, 1]), (16_384, vec![0x80, 0x80, 1])] {
            assert_eq!(length(given), expected);
        }
        assert_eq!(subscribe(1, "a", 1), [0x82, 6, 0, 1, 0, 1, b'a', 1]);
        assert_eq!(unsubscribe(1, "a"), [0xa2, 5, 0, 1, 0, 1, b'a']);
        assert_eq!(taken(258), [0x40, 2, 1, 2]);
    }
}
