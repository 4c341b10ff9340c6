//! The library's HTTP by `egress`.

use std::pin::Pin;

use bytes::Bytes;
use egress::{Client, EgressError, Limits};
use futures::Stream;
use futures::stream::StreamExt;
use http::header::CONTENT_LENGTH;
use http::{Request, Response};
use http_body_util::BodyExt;
use opendal::{Buffer, Error, ErrorKind, HttpBody, HttpTransport};

/// Where clouds answer with the machine's own credentials. Only the library's search for them asks there.
pub(super) const METADATA: [&str; 4] = ["169.254.169.254", "100.100.100.200", "fd00:ec2::254", "fd20:ce::254"];
/// The same by name.
const METADATA_NAME: &str = "metadata.google.internal";

/// An HTTP client for the library whose connections pass the guard.
pub(super) struct Guarded {
    http: Client,
    ambient: Option<Client>,
}

impl Guarded {
    /// `ambient` makes the connections to metadata services; without it there are none.
    pub(super) fn new(http: Client, ambient: Option<Client>) -> Self {
        Self { http, ambient }
    }

    fn client(&self, host: &str) -> &Client {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        match &self.ambient {
            Some(ambient) if host == METADATA_NAME || METADATA.contains(&host) => ambient,
            _ => &self.http,
        }
    }
}

impl HttpTransport for Guarded {
    async fn fetch(&self, request: Request<Buffer>) -> Result<Response<HttpBody>, Error> {
        let client = self.client(request.uri().host().unwrap_or_default()).clone();
        let request = request.map(|body| if body.is_empty() { egress::empty() } else { egress::full(body.to_bytes()) });
        // The answer to HEAD states the length of a body that does not come.
        let has_body = request.method() != http::Method::HEAD;
        let answer = client.send(request, Limits::default()).await.map_err(broke)?;
        let size =
            answer.headers().get(CONTENT_LENGTH).filter(|_| has_body).and_then(|size| size.to_str().ok()?.parse().ok());
        Ok(answer.map(|body| {
            let chunks =
                body.into_data_stream().map(|chunk: Result<Bytes, EgressError>| chunk.map(Buffer::from).map_err(broke));
            let chunks: Pin<Box<dyn Stream<Item = Result<Buffer, Error>> + Send + Sync>> = Box::pin(chunks);
            HttpBody::new(chunks, size)
        }))
    }
}

fn broke(error: EgressError) -> Error {
    let transient = error.is_transient();
    let kept = Error::new(if transient { ErrorKind::Unexpected } else { ErrorKind::ConfigInvalid }, error.to_string());
    let kept = kept.set_source(error);
    if transient { kept.set_temporary() } else { kept.set_permanent() }
}
