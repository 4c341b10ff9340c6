//! Continue tokens: the server's own, or where a page that was selected here ended.

use serde::{Deserialize, Serialize};
use store::objects::{ListQuery, Revision};
use store::{Result, StoreError};

/// Where a list goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PageToken {
    /// The revision of the first page.
    #[serde(rename = "r")]
    pub(crate) revision: Revision,
    #[serde(rename = "p")]
    pub(crate) place: Place,
    #[serde(rename = "q")]
    query: u64,
}

/// The end of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Place {
    /// The server's continue token.
    #[serde(rename = "s")]
    Server(String),
    /// After the object with this place in the order.
    #[serde(rename = "a")]
    After(Rank),
}

/// An object's place in the order of a list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Rank {
    /// Kind, API version, namespace, name.
    #[serde(rename = "n")]
    Name(String, String, String, String),
    /// Creation, the newest first (milliseconds, negated), then a number made of the uid: the server's clock has seconds.
    #[serde(rename = "t")]
    Newest(i64, u64),
}

impl PageToken {
    pub(crate) fn new(query: &ListQuery, revision: Revision, place: Place) -> Self {
        Self { revision, place, query: fingerprint(query) }
    }

    /// As clients carry it.
    pub(crate) fn encode(&self) -> Result<String> {
        let json = serde_json::to_string(self).map_err(|e| invalid(&e.to_string()))?;
        Ok(json.bytes().map(|b| format!("{b:02x}")).collect())
    }

    /// The query's token; nothing when it has none.
    pub(crate) fn of(query: &ListQuery) -> Result<Option<Self>> {
        let Some(text) = query.continue_token.as_deref().filter(|t| !t.is_empty()) else { return Ok(None) };
        let unknown = || invalid("it was not made by this store");
        let pairs =
            (0..text.len()).step_by(2).map(|at| text.get(at..at + 2).and_then(|p| u8::from_str_radix(p, 16).ok()));
        let bytes: Vec<u8> = pairs.collect::<Option<_>>().ok_or_else(unknown)?;
        let token: Self = serde_json::from_slice(&bytes).map_err(|_| unknown())?;
        if token.query != fingerprint(query) {
            return Err(invalid("it belongs to a list with another selector or order"));
        }
        Ok(Some(token))
    }
}

fn invalid(reason: &str) -> StoreError {
    StoreError::Invalid { what: "the continue token".to_owned(), reason: reason.to_owned() }
}

/// Of the selector and order, the same after a restart.
fn fingerprint(query: &ListQuery) -> u64 {
    hash(&format!("{:?}{:?}", query.selector, query.order))
}

/// FNV-1a.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::objects::Order;

    #[test]
    fn a_token_fits_its_own_query_alone() {
        let mut query = ListQuery::default();
        let token = PageToken::new(&query, 7, Place::Server("eyJ2Ijoi".into()));
        query.continue_token = Some(token.encode().unwrap());
        assert_eq!(PageToken::of(&query).unwrap(), Some(token));
        query.order = Order::NewestFirst;
        assert_eq!(PageToken::of(&query).unwrap_err().code(), "Invalid");
        for bad in ["x", "7", "7b7d", "äö", "zz"] {
            query.continue_token = Some(bad.into());
            assert_eq!(PageToken::of(&query).unwrap_err().code(), "Invalid", "{bad}");
        }
    }
}
