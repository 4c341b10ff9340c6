//! S3 and what speaks its protocol, by the AWS SDK.
//!
//! The SDK signs, builds and reads requests; its connections are made by `egress`. One client serves each server with its
//! credentials ([`Clients`]); a bucket is a matter of the request.

mod bucket;
mod clients;
mod error;
mod http;
mod settings;
mod upload;

use std::sync::Arc;

use artifact::Entry;
use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::primitives::ByteStream;
use futures::stream::{self, StreamExt, TryStreamExt};

use crate::bridge::Chunks;
use crate::driver::{Driver, Entries, Size};
use crate::failure::Failure;
use crate::resume::{self, Open, Opened};
use crate::retry::Retry;

pub(crate) use clients::Clients;
use error::failure;
use settings::Encryption;

/// Objects of one listing's page.
const PAGE: i32 = 1000;
/// Single deletes at once, for servers without the batch.
const CONCURRENCY: usize = 8;

/// One bucket.
#[derive(Clone)]
pub(crate) struct S3 {
    client: Client,
    bucket: String,
    encryption: Encryption,
    create: Option<bucket::Create>,
    retry: Retry,
}

#[async_trait]
impl Driver for S3 {
    async fn get(&self, key: &str) -> Result<Chunks, Failure> {
        resume::open(Arc::new(Object { s3: self.clone(), key: key.to_owned() }), self.retry).await
    }

    async fn put(&self, key: &str, content: Chunks, size: Size) -> Result<(), Failure> {
        upload::upload(self, key, content, size).await
    }

    async fn below(&self, folder: &str) -> Result<Entries, Failure> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let pages = stream::try_unfold((self.clone(), Some(None)), {
            let prefix = prefix.clone();
            move |(s3, next)| page(s3, prefix.clone(), next)
        });
        let entries = pages.map_ok(move |page| {
            let prefix = prefix.clone();
            stream::iter(page.contents.unwrap_or_default()).filter_map(move |object| {
                let path = object.key.as_deref().and_then(|key| key.strip_prefix(prefix.as_str())).map(str::to_owned);
                let size = object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
                std::future::ready(path.map(|path| Ok(Entry { path, size })))
            })
        });
        Ok(entries.try_flatten().boxed())
    }

    async fn delete(&self, key: &str) -> Result<(), Failure> {
        // One level up from a key is never looked at: only what lies below `key/`, and the key.
        let mut below =
            self.below(key).await?.map_ok(|entry| format!("{key}/{}", entry.path)).try_chunks(PAGE as usize);
        while let Some(keys) = below.next().await {
            self.delete_all(keys.map_err(|error| error.1)?).await?;
        }
        self.delete_one(key).await
    }

    async fn put_folder(&self, key: &str) -> Result<(), Failure> {
        upload::upload(self, &format!("{key}/"), stream::empty().boxed(), Size { exact: Some(0), at_most: Some(0) })
            .await
    }
}

/// The page after `token`: nothing when there was none, and the first when that is not known yet.
async fn page(
    s3: S3,
    prefix: String,
    token: Option<Option<String>>,
) -> Result<Option<(ListObjectsV2Output, (S3, Option<Option<String>>))>, Failure> {
    let Some(token) = token else { return Ok(None) };
    let request = s3.client.list_objects_v2().bucket(&s3.bucket).prefix(prefix).max_keys(PAGE);
    let page = request.set_continuation_token(token).send().await.map_err(|error| failure("list", &error))?;
    let next = page.next_continuation_token.clone().filter(|_| page.is_truncated == Some(true));
    Ok(Some((page, (s3, next.map(Some)))))
}

impl S3 {
    async fn delete_one(&self, key: &str) -> Result<(), Failure> {
        let deleted = self.client.delete_object().bucket(&self.bucket).key(key).send().await;
        match deleted.map_err(|error| failure("delete", &error)) {
            Err(failure) if failure.class != artifact::ErrorClass::NotFound => Err(failure),
            _ => Ok(()),
        }
    }

    /// Deletes a page of objects in one request; one by one where the server does not know that request.
    async fn delete_all(&self, keys: Vec<String>) -> Result<(), Failure> {
        if let Some(request) = bucket::delete_request(&keys) {
            let answer = self.client.delete_objects().bucket(&self.bucket).delete(request).send().await;
            match answer {
                Ok(answer) if answer.errors().is_empty() => return Ok(()),
                Ok(_) => {}
                Err(error) => {
                    let failure = failure("delete", &error);
                    if failure.class != artifact::ErrorClass::Permanent {
                        return Err(failure);
                    }
                }
            }
        }
        stream::iter(keys)
            .map(Ok)
            .try_for_each_concurrent(CONCURRENCY, |key| async move { self.delete_one(&key).await })
            .await
    }
}

/// An object to be read.
struct Object {
    s3: S3,
    key: String,
}

#[async_trait]
impl Open for Object {
    async fn open_at(&self, offset: u64, tag: Option<&str>) -> Result<Opened, Failure> {
        let s3 = &self.s3;
        let mut request = s3.client.get_object().bucket(&s3.bucket).key(&self.key);
        request = s3.encryption.on_get(request);
        if offset > 0 {
            request = request.range(format!("bytes={offset}-"));
        }
        let answer =
            request.set_if_match(tag.map(str::to_owned)).send().await.map_err(|error| failure("read", &error))?;
        let GetObjectOutput { body, e_tag, content_range, .. } = answer;
        if offset > 0 && content_range.is_none() {
            return Err(Failure::permanent(
                "the server ignores the range of a request, so a download that broke off cannot go on",
            ));
        }
        Ok(Opened { content: chunks(body), tag: e_tag })
    }
}

fn chunks(body: ByteStream) -> Chunks {
    stream::unfold(body, |mut body| async move {
        let chunk = body.next().await?;
        Some((chunk.map_err(|error| error::broke_off(&error)), body))
    })
    .boxed()
}

#[cfg(test)]
mod gateway;
#[cfg(test)]
mod tests;
