//! Which messages were taken, so that one that the broker sends again has the id that it had.
//!
//! MQTT has no ids of messages, only numbers of packets that are used again. So messages are counted; what is not acknowledged is remembered by number and content.
//!
//! ```text
//!   sent again, cursor knows it      (events durable, cursor kept, not acknowledged)  ──► its count of then
//!   sent again, cursor is older      (events durable or not, cursor not kept)         ──► counted anew from there, in the same order: its count of then
//! ```

use colchis_sdk::event::id_of;
use colchis_sdk::{Error, Result, call};
use serde::{Deserialize, Serialize};

use crate::packet::Message;

/// Messages that are remembered (`remembered_max`). More than wait for their acknowledgement at once, because some may have been acknowledged just before a crash.
const OPEN_MAX: usize = 1000;

/// What was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cursor {
    /// Tells this count from any other.
    epoch: String,
    /// How many messages were taken.
    taken: u64,
    /// What the broker's session subscribes to.
    pub(crate) topic: String,
    /// Messages that were not acknowledged: number of the packet, count, and a part of what was in it.
    open: Vec<(u16, u64, String)>,
}

impl Cursor {
    /// At the beginning.
    pub(crate) fn begin(topic: &str) -> Self {
        Self { epoch: format!("{:016x}", call::random()), taken: 0, topic: topic.to_owned(), open: Vec::new() }
    }

    /// As it was kept.
    pub(crate) fn read(text: &str) -> Result<Self> {
        serde_json::from_str(text)
            .map_err(|error| Error::permanent(format!("the cursor cannot be read: {error}")).with_code("bad-cursor"))
    }

    /// The id of a message that has come, which is counted unless it is one of the open ones.
    pub(crate) fn id(&mut self, message: &Message) -> String {
        let content = id_of(&[message.topic.as_bytes(), &message.payload]);
        let short: String = content.chars().take(12).collect();
        let same = |(packet, _, of): &&(u16, u64, String)| message.again && *packet == message.packet && *of == short;
        let count = match self.open.iter().find(same) {
            Some((_, count, _)) => *count,
            None => {
                self.taken += 1;
                if message.quality > 0 {
                    self.open.retain(|(packet, ..)| *packet != message.packet);
                    self.open.push((message.packet, self.taken, short));
                    // The oldest ones were acknowledged, or they would have come before.
                    if self.open.len() > OPEN_MAX {
                        self.open.remove(0);
                    }
                }
                self.taken
            }
        };
        format!("{}-{count}-{content}", self.epoch)
    }

    /// The broker has forgotten the session: it sends nothing again.
    pub(crate) fn forget(&mut self) {
        self.open.clear();
        self.topic.clear();
    }

    /// A message was acknowledged.
    pub(crate) fn close(&mut self, packet: u16) {
        self.open.retain(|(other, ..)| *other != packet);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(again: bool, packet: u16, payload: &str) -> Message {
        Message { again, quality: 1, retained: false, topic: "a".into(), packet, payload: payload.into() }
    }

    #[test]
    fn a_message_that_is_sent_again_has_the_id_that_it_had() {
        let begin = Cursor::begin("a");
        let mut first = begin.clone();
        let one = first.id(&message(false, 1, "21.0"));
        let two = first.id(&message(false, 2, "21.0"));
        assert_ne!(one, two, "the same content twice is two events");
        // The cursor was not kept: counted anew from it, in the same order.
        let mut again = Cursor::read(&serde_json::to_string(&begin).unwrap()).unwrap();
        assert_eq!(
            (again.id(&message(true, 1, "21.0")), again.id(&message(true, 2, "21.0"))),
            (one.clone(), two.clone())
        );
        // The cursor was kept, the acknowledgement not.
        let mut kept = Cursor::read(&serde_json::to_string(&first).unwrap()).unwrap();
        assert_eq!((kept.id(&message(true, 1, "21.0")), kept.id(&message(true, 2, "21.0"))), (one.clone(), two));
        // A number that is used again for another message, or after it was acknowledged, is another event.
        assert_ne!(kept.id(&message(true, 1, "22.0")), one);
        first.close(1);
        assert_ne!(first.id(&message(false, 1, "21.0")), one);
    }

    #[test]
    fn the_cursor_is_not_longer_than_it_may_be() {
        let mut cursor = Cursor::begin(&"x".repeat(1000));
        let ids: Vec<_> = (1..=2000).map(|packet| cursor.id(&message(false, packet, "x"))).collect();
        assert!(serde_json::to_string(&cursor).unwrap().len() < 64 * 1024);
        // The newest are remembered.
        assert_eq!(cursor.id(&message(true, 2000, "x")), ids[1999]);
        assert_eq!(cursor.id(&message(true, 1001, "x")), ids[1000]);
        cursor.forget();
        assert_ne!(cursor.id(&message(true, 2000, "x")), ids[1999]);
        assert_eq!(Cursor::read("{}").unwrap_err().code(), "bad-cursor");
    }
}
