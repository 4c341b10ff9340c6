//! Continue tokens: where a page ended, and of which query.

use serde::{Deserialize, Serialize};

use crate::objects::{Key, ListQuery, Order, Revision};
use crate::{Result, StoreError};

/// Where a list goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The revision of the first page.
    #[serde(rename = "r")]
    pub revision: Revision,
    /// After which object.
    #[serde(rename = "p")]
    pub position: Position,
    #[serde(rename = "q")]
    query: u64,
}

/// The last object of a page, in the order of its list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Position {
    /// [`Order::Name`].
    #[serde(rename = "k")]
    Key(Key),
    /// [`Order::NewestFirst`]: milliseconds of creation and the store's own number of the object.
    #[serde(rename = "t")]
    Newest(i64, u64),
}

impl Token {
    /// The token after the object at `position` of the list `query`.
    pub fn new(query: &ListQuery, revision: Revision, position: Position) -> Self {
        Self { revision, position, query: fingerprint(query) }
    }

    /// As clients carry it.
    pub fn encode(&self) -> Result<String> {
        let json = serde_json::to_vec(self).map_err(|e| invalid(&e.to_string()))?;
        Ok(json.iter().fold(String::with_capacity(json.len() * 2), |mut out, byte| {
            for nibble in [byte >> 4, byte & 15] {
                out.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
            }
            out
        }))
    }

    /// Reads the query's token; nothing when it has none.
    pub fn of(query: &ListQuery) -> Result<Option<Self>> {
        let Some(text) = query.continue_token.as_deref().filter(|t| !t.is_empty()) else { return Ok(None) };
        let digit = |c: &u8| char::from(*c).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let bytes: Option<Vec<u8>> = text
            .as_bytes()
            .chunks(2)
            .map(|pair| match pair {
                [high, low] => Some(digit(high)? << 4 | digit(low)?),
                _ => None,
            })
            .collect();
        let bytes = bytes.ok_or_else(|| invalid("it was not made by this store"))?;
        let token: Self = serde_json::from_slice(&bytes).map_err(|_| invalid("it was not made by this store"))?;
        let fits = matches!(
            (&token.position, query.order),
            (Position::Key(_), Order::Name) | (Position::Newest(..), Order::NewestFirst)
        );
        if token.query != fingerprint(query) || !fits {
            return Err(invalid("it belongs to a list with another selector or order"));
        }
        Ok(Some(token))
    }
}

fn invalid(reason: &str) -> StoreError {
    StoreError::Invalid { what: "the continue token".to_owned(), reason: reason.to_owned() }
}

/// FNV-1a over the selector and order, so that a token outlives a restart.
fn fingerprint(query: &ListQuery) -> u64 {
    format!("{:?}{:?}", query.selector, query.order)
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
