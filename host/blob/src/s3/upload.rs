//! Uploads of any length in constant memory.
//!
//! ```text
//!   content ──► first part ── short: PutObject
//!                          └─ full:  CreateMultipartUpload ─► UploadPart × n (some at once) ─► Complete
//!                                                             any failure, and being dropped ─► Abort
//! ```
//!
//! A part is in memory until it is stored, so that it can be sent again. Parts grow with what is to be sent, for there are at most
//! 10,000 of them; as they grow, fewer are sent at once.

use artifact::ErrorClass;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use futures::stream::{self, StreamExt, TryStreamExt};

use super::S3;
use super::error::{NO_BUCKET, bucket_missing, failure};
use crate::bridge::Chunks;
use crate::driver::Size;
use crate::failure::Failure;

/// The smallest part made here; the protocol's is 5 MiB.
const PART_BYTES_MIN: u64 = 8 << 20;
/// Parts of one object, as the protocol has it.
const PARTS_MAX: u64 = 10_000;
/// Parts planned of a content whose size is known, so that a little more fits too.
const PARTS_PLANNED: u64 = 9_000;
/// When the size is not known: after so many parts they become four times as large.
const PARTS_OF_ONE_SIZE: u64 = 2_000;
/// Bytes of parts that are under way at once.
const UNDER_WAY_BYTES: u64 = 32 << 20;
/// Parts that are under way at once.
const UNDER_WAY_MAX: u64 = 4;

/// Stores `content` under `key`, whole or not at all.
pub(super) async fn upload(s3: &S3, key: &str, content: Chunks, size: Size) -> Result<(), Failure> {
    let mut parts = Parts { content: Some(content), left: BytesMut::new(), made: 0, size };
    let first = parts.next().await?.unwrap_or_default();
    match parts.next().await? {
        None => put(s3, key, first).await,
        Some(second) => multipart(s3, key, [first, second], parts).await,
    }
}

async fn put(s3: &S3, key: &str, content: Bytes) -> Result<(), Failure> {
    let send = || {
        let request = s3.client.put_object().bucket(&s3.bucket).key(key).body(ByteStream::from(content.clone()));
        s3.encryption.on_put(request).send()
    };
    let Err(error) = send().await else { return Ok(()) };
    let said = failure("store", &error);
    let missing = match error {
        _ if error.code() == Some(NO_BUCKET) => true,
        // A server that refuses before it has read everything cuts the connection, and its answer is lost.
        SdkError::DispatchFailure(_) if said.class == ErrorClass::Transient => s3.is_bucket_missing().await?,
        _ => false,
    };
    match missing {
        true if s3.create.is_some() => {
            s3.make_bucket().await?;
            send().await.map(drop).map_err(|error| failure("store", &error))
        }
        true => Err(bucket_missing("store")),
        false => Err(said),
    }
}

impl S3 {
    async fn make_bucket(&self) -> Result<(), Failure> {
        match &self.create {
            Some(create) => self.create_bucket(create).await,
            None => Ok(()),
        }
    }

    async fn begin(&self, key: &str) -> Result<Upload, Failure> {
        let send =
            || self.encryption.on_begin(self.client.create_multipart_upload().bucket(&self.bucket).key(key)).send();
        let begun = match send().await {
            Err(error) if error.code() == Some(NO_BUCKET) && self.create.is_some() => {
                self.make_bucket().await?;
                send().await
            }
            begun => begun,
        };
        let begun = begun.map_err(|error| failure("begin the upload", &error))?;
        let id = begun.upload_id.ok_or_else(|| Failure::permanent("begin the upload: the server names no upload"))?;
        Ok(Upload { client: self.client.clone(), bucket: self.bucket.clone(), key: key.to_owned(), id, open: true })
    }
}

async fn multipart(s3: &S3, key: &str, first: [Bytes; 2], parts: Parts) -> Result<(), Failure> {
    let mut upload = s3.begin(key).await?;
    let under_way = parts.under_way();
    let all = stream::iter(first.map(Ok::<_, Failure>))
        .chain(stream::try_unfold(parts, |mut parts| async move { Ok(parts.next().await?.map(|part| (part, parts))) }));
    let this = &upload;
    let stored = all
        .zip(stream::iter(1i32..))
        .map(|(part, number)| async move {
            let part = part?;
            let bytes = part.len() as u64;
            Ok::<_, Failure>((this.part(s3, number, part).await?, bytes))
        })
        .buffered(under_way)
        .try_collect::<Vec<_>>()
        .await;
    let (stored, bytes) = match stored {
        Ok(stored) => {
            let bytes = stored.iter().map(|(_, bytes)| bytes).sum::<u64>();
            (stored.into_iter().map(|(part, _)| part).collect(), bytes)
        }
        Err(failure) => {
            upload.abort().await;
            return Err(failure);
        }
    };
    match upload.complete(s3, stored, bytes).await {
        Ok(()) => {
            upload.open = false;
            Ok(())
        }
        Err(failure) => {
            upload.abort().await;
            Err(failure)
        }
    }
}

/// An upload that was begun. It is aborted when it goes before it was completed.
struct Upload {
    client: Client,
    bucket: String,
    key: String,
    id: String,
    open: bool,
}

impl Upload {
    async fn part(&self, s3: &S3, number: i32, content: Bytes) -> Result<CompletedPart, Failure> {
        let request =
            self.client.upload_part().bucket(&self.bucket).key(&self.key).upload_id(&self.id).part_number(number);
        let answer = s3.encryption.on_part(request.body(ByteStream::from(content))).send().await;
        let answer = answer.map_err(|error| failure("store a part", &error))?;
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(answer.e_tag)
            .set_checksum_crc32(answer.checksum_crc32)
            .set_checksum_crc32_c(answer.checksum_crc32_c)
            .set_checksum_crc64_nvme(answer.checksum_crc64_nvme)
            .set_checksum_sha1(answer.checksum_sha1)
            .set_checksum_sha256(answer.checksum_sha256)
            .build())
    }

    async fn complete(&self, s3: &S3, parts: Vec<CompletedPart>, bytes: u64) -> Result<(), Failure> {
        let list = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request = self.client.complete_multipart_upload().bucket(&self.bucket).key(&self.key).upload_id(&self.id);
        match request.multipart_upload(list).send().await {
            Ok(_) => Ok(()),
            // An answer that was lost: the SDK asked again, and the upload was complete.
            Err(error) if error.code() == Some("NoSuchUpload") => {
                let head =
                    s3.encryption.on_head(self.client.head_object().bucket(&self.bucket).key(&self.key)).send().await;
                let stored =
                    head.ok().and_then(|head| head.content_length).and_then(|length| u64::try_from(length).ok());
                if stored == Some(bytes) { Ok(()) } else { Err(failure("complete the upload", &error)) }
            }
            Err(error) => Err(failure("complete the upload", &error)),
        }
    }

    async fn abort(&mut self) {
        self.open = false;
        let request = self.client.abort_multipart_upload().bucket(&self.bucket).key(&self.key).upload_id(&self.id);
        if let Err(error) = request.send().await {
            tracing::warn!(
                bucket = self.bucket,
                key = self.key,
                reason = failure("abort", &error).reason,
                "an upload that failed could not be aborted"
            );
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let request = self.client.abort_multipart_upload().bucket(&self.bucket).key(&self.key).upload_id(&self.id);
            runtime.spawn(async move { drop(request.send().await) });
        }
    }
}

/// A content in parts.
struct Parts {
    content: Option<Chunks>,
    left: BytesMut,
    made: u64,
    size: Size,
}

impl Parts {
    fn part_bytes(&self) -> u64 {
        match self.size.at_most {
            Some(bytes) => PART_BYTES_MIN.max(bytes.div_ceil(PARTS_PLANNED).next_multiple_of(1 << 20)),
            None => PART_BYTES_MIN << (2 * (self.made / PARTS_OF_ONE_SIZE)),
        }
    }

    fn under_way(&self) -> usize {
        let count = (UNDER_WAY_BYTES / self.part_bytes()).clamp(1, UNDER_WAY_MAX);
        usize::try_from(count).unwrap_or(1)
    }

    /// The next part; only the last is shorter than the others.
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        if self.made >= PARTS_MAX {
            return Err(Failure::permanent("the content is larger than an object can be"));
        }
        let want = usize::try_from(self.part_bytes()).unwrap_or(usize::MAX);
        while self.left.len() < want {
            let Some(content) = self.content.as_mut() else { break };
            match content.next().await {
                Some(chunk) => self.left.extend_from_slice(&chunk?),
                None => self.content = None,
            }
        }
        if self.left.is_empty() {
            return Ok(None);
        }
        self.made += 1;
        Ok(Some(self.left.split_to(want.min(self.left.len())).freeze()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_fit_the_protocol() {
        let parts =
            |at_most, made| Parts { content: None, left: BytesMut::new(), made, size: Size { exact: None, at_most } };
        assert_eq!(parts(Some(5 << 30), 0).part_bytes(), 8 << 20);
        assert_eq!(parts(Some(5 << 30), 0).under_way(), 4);
        let large = parts(Some(5 << 40), 0);
        assert!(large.part_bytes() * PARTS_MAX > 5 << 40);
        assert_eq!(large.under_way(), 1);
        let total: u64 = (0..PARTS_MAX).map(|made| parts(None, made).part_bytes()).sum();
        assert!(total > 5 << 40, "{total}");
    }
}
