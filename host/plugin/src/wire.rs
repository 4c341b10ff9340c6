//! What may stand between plugins and the network: recordings, and faults that are made on purpose.
//!
//! A server has none. Whoever tries a component out has one, and sees each request after its grant was looked at and before it leaves.

use async_trait::async_trait;

/// A request of a plugin. Where a secret is sent, `{{secret NAME}}` stands: a wire never sees a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// `GET` …
    pub method: String,
    /// With scheme, host, path and query.
    pub url: String,
    /// Names in small letters, in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// 200 …
    pub status: u16,
    /// Names in small letters, in their order.
    pub headers: Vec<(String, String)>,
    /// The body. Values of secrets that were sent in this call are blotted out.
    pub body: Vec<u8>,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// It is sent, and [`Wire::heard`] is told the answer.
    Send,
    /// It is answered so, and nobody is asked.
    Answer(Heard),
    /// It fails as if nobody listened there.
    Refuse,
    /// It fails, for this reason.
    Fail(String),
}

/// Stands between plugins and the network.
#[async_trait]
pub trait Wire: Send + Sync + 'static {
    /// What becomes of a request. One that never answers is a server that does not.
    async fn ask(&self, sent: &Sent) -> Act;

    /// A request was sent, and this was the answer.
    fn heard(&self, sent: &Sent, heard: &Heard);
}
