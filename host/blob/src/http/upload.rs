//! Uploads: the content waits in a file until its size is known, for few servers take one of unknown size (presigned URLs of S3 never
//! do), and so that it can be sent again to where a redirect leads and after a failure.

use std::fs::File;
use std::io::{self, Seek};

use egress::Limits;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method};

use super::{Http, REDIRECTS, answered, body_of, egress_failure};
use crate::archive::local;
use crate::bridge::{self, Chunks, Copy};
use crate::failure::Failure;

impl Http {
    /// Stores `content` at the URL with PUT.
    pub(super) async fn upload(&self, content: Chunks) -> Result<(), Failure> {
        let spool = std::sync::Arc::clone(&self.spool);
        let (file, size) = bridge::consume(content, move |mut reader| {
            let failed = |error| local(format!("write below {}", spool.display()), error);
            let mut file = tempfile::tempfile_in(&spool).map_err(failed)?;
            let size = bridge::copy(&mut reader, &mut file).map_err(|error| match error {
                Copy::Read(error) => Failure::transient(error.to_string()).because(error),
                Copy::Write(error) => failed(error),
            })?;
            Ok((file, size))
        })
        .await?;
        self.retry.run("upload", || self.send(&file, size)).await
    }

    async fn send(&self, file: &File, size: u64) -> Result<(), Failure> {
        let mut headers = self.headers.clone();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(size));
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/octet-stream"));
        let mut broken = None;
        let mut body = || match again(file) {
            Ok(file) => body_of(file),
            Err(error) => {
                broken = Some(local("read the spooled upload".to_owned(), error));
                egress::empty()
            }
        };
        let sent =
            self.client.request_with(Method::PUT, &self.url, &headers, REDIRECTS, Limits::default(), &mut body).await;
        if let Some(failure) = broken {
            return Err(failure);
        }
        let (answer, _) = sent.map_err(|error| egress_failure(&error))?;
        if answer.status().is_success() { Ok(()) } else { Err(answered("store", answer).await) }
    }
}

/// The same file from its begin. The handles share a position, so one body is read at a time.
fn again(file: &File) -> io::Result<File> {
    let mut file = file.try_clone()?;
    file.rewind()?;
    Ok(file)
}
