//! GCS, Azure and OSS, by `opendal`: one well-kept library for the three, with native protocols and signatures, whose HTTP can be
//! replaced. Its connections are made by `egress`; its own search for credentials is on only where the operator grants it.

mod azure;
mod gcs;
mod oss;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use artifact::{Entry, ErrorClass};
use async_trait::async_trait;
use egress::{Client, EgressError, Guard, Policy, Private, TlsSettings};
use futures::stream::{self, StreamExt, TryStreamExt};
use opendal::layers::RetryLayer;
use opendal::{ErrorKind, OperationContext, Operator};

use crate::bridge::Chunks;
use crate::config::AmbientCredentials;
use crate::driver::{Driver, Entries, Size};
use crate::failure::Failure;
use crate::resume::{self, Open, Opened};
use crate::retry::Retry;
use transport::Guarded;

/// The smallest part of an upload.
const PART_BYTES_MIN: u64 = 8 << 20;
/// Parts planned of one upload: GCS and OSS take 10,000.
const PARTS_PLANNED: u64 = 9_000;
/// A part when the size is not known: 9,000 of them are 281 GiB.
const PART_BYTES_UNKNOWN: u64 = 32 << 20;
/// Bytes of parts that are under way at once, and parts.
const UNDER_WAY_BYTES: u64 = 32 << 20;
const UNDER_WAY_MAX: u64 = 4;
/// Attempts of the library at one request; the operation around it is tried again too.
const ATTEMPTS: u32 = 4;
/// Deletes of one request.
const DELETES: usize = 100;
/// Single deletes at once.
const CONCURRENCY: usize = 8;

/// What the clouds' buckets are made with.
pub(crate) struct Clouds {
    http: Client,
    ambient: Client,
    permitted: AmbientCredentials,
    gcs_endpoint: Option<String>,
    retry: Retry,
}

impl Clouds {
    /// Buckets whose connections are made by `http`.
    pub(crate) fn new(
        http: Client,
        permitted: AmbientCredentials,
        gcs_endpoint: Option<String>,
        retry: Retry,
    ) -> Result<Self, EgressError> {
        let networks = transport::METADATA
            .iter()
            .filter_map(|address| address.parse::<std::net::IpAddr>().ok().map(Into::into))
            .collect();
        let policy = egress::Config { allow_private: Private::Networks(networks), ..egress::Config::default() };
        let ambient = Client::new(Guard::new(Policy::new(policy)), &TlsSettings::default())?;
        Ok(Self { http, ambient, permitted, gcs_endpoint, retry })
    }

    /// Whether the server's own credentials are used for a bucket: they must be when `asked`, and may be when nothing else is said.
    fn ambient(&self, bucket: &str, asked: bool) -> Result<bool, Failure> {
        match (asked, self.permitted.permit(bucket)) {
            (true, false) => Err(Failure::denied(
                "the artifact asks for the server's own credentials (useSDKCreds), which the setting artifacts.ambientCredentials does not grant it",
            )),
            (_, permitted) => Ok(permitted),
        }
    }

    /// The bucket of a service that was set up. `ambient` lets the library call the metadata services of clouds.
    fn bucket(&self, service: Result<Operator, opendal::Error>, ambient: bool) -> Result<Cloud, Failure> {
        let operator = service.map_err(|error| failure("set up", &error))?;
        let transport = Guarded::new(self.http.clone(), ambient.then(|| self.ambient.clone()));
        let context = OperationContext::new().with_http_transport(opendal::HttpTransporter::new(transport));
        let pauses = RetryLayer::new()
            .with_max_times(ATTEMPTS.min(self.retry.attempts_max.max(1)) as usize - 1)
            .with_min_delay(Duration::from_millis(self.retry.first_ms.max(1)))
            .with_max_delay(Duration::from_millis(self.retry.pause_ms_max.max(1)))
            .with_jitter();
        Ok(Cloud { operator: operator.with_context(context).layer(pauses), retry: self.retry })
    }
}

/// One bucket or container.
#[derive(Clone)]
pub(crate) struct Cloud {
    operator: Operator,
    retry: Retry,
}

#[async_trait]
impl Driver for Cloud {
    async fn get(&self, key: &str) -> Result<Chunks, Failure> {
        resume::open(Arc::new(Object { cloud: self.clone(), key: key.to_owned() }), self.retry).await
    }

    async fn put(&self, key: &str, content: Chunks, size: Size) -> Result<(), Failure> {
        let part = match size.at_most {
            Some(bytes) => PART_BYTES_MIN.max(bytes.div_ceil(PARTS_PLANNED).next_multiple_of(1 << 20)),
            None => PART_BYTES_UNKNOWN,
        };
        let under_way = (UNDER_WAY_BYTES / part).clamp(1, UNDER_WAY_MAX) as usize;
        let writer = self.operator.writer_with(key).chunk(part as usize).concurrent(under_way).await;
        let mut writer = writer.map_err(|error| failure("store", &error))?;
        match fill(&mut writer, content).await {
            Ok(()) => Ok(()),
            Err(failure) => {
                // The library tells of an upload only when it is complete; what was begun is given up.
                if let Err(error) = writer.abort().await
                    && error.kind() != ErrorKind::Unsupported
                {
                    tracing::warn!(key, reason = error.message(), "an upload that failed could not be aborted");
                }
                Err(failure)
            }
        }
    }

    async fn below(&self, folder: &str) -> Result<Entries, Failure> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let lister = self.operator.lister_with(if prefix.is_empty() { "/" } else { &prefix }).recursive(true).await;
        let lister = match lister {
            Ok(lister) => lister,
            Err(error) if error.kind() == ErrorKind::NotFound && !is_bucket_missing(&error) => {
                return Ok(stream::empty().boxed());
            }
            Err(error) => return Err(failure("list", &error)),
        };
        let entries = lister.map_err(|error| failure("list", &error)).try_filter_map(move |entry| {
            let size = entry.metadata().content_length();
            let found = entry.path().strip_prefix(prefix.as_str()).map(|path| Entry { path: path.to_owned(), size });
            std::future::ready(Ok(found.filter(|entry| entry.path != "/")))
        });
        Ok(entries.boxed())
    }

    async fn delete(&self, key: &str) -> Result<(), Failure> {
        let mut below = self.below(key).await?.map_ok(|entry| format!("{key}/{}", entry.path)).try_chunks(DELETES);
        while let Some(keys) = below.next().await {
            let keys = keys.map_err(|error| error.1)?;
            // A batch that fails is done one by one: then it is known which one fails, and why.
            if self.operator.delete_iter(keys.iter().map(String::as_str)).await.is_err() {
                stream::iter(keys)
                    .map(Ok)
                    .try_for_each_concurrent(CONCURRENCY, |key| async move { self.delete_one(&key).await })
                    .await?;
            }
        }
        self.delete_one(key).await
    }

    async fn put_folder(&self, key: &str) -> Result<(), Failure> {
        self.operator.create_dir(&format!("{key}/")).await.map_err(|error| failure("store", &error))
    }
}

impl Cloud {
    async fn delete_one(&self, key: &str) -> Result<(), Failure> {
        match self.operator.delete(key).await {
            Err(error) if error.kind() == ErrorKind::NotFound && !is_bucket_missing(&error) => Ok(()),
            deleted => deleted.map_err(|error| failure("delete", &error)),
        }
    }
}

async fn fill(writer: &mut opendal::Writer, mut content: Chunks) -> Result<(), Failure> {
    while let Some(chunk) = content.next().await {
        writer.write(chunk?).await.map_err(|error| failure("store", &error))?;
    }
    writer.close().await.map(drop).map_err(|error| failure("store", &error))
}

/// An object to be read.
struct Object {
    cloud: Cloud,
    key: String,
}

#[async_trait]
impl Open for Object {
    async fn open_at(&self, offset: u64, tag: Option<&str>) -> Result<Opened, Failure> {
        let operator = &self.cloud.operator;
        let broke = |error: opendal::Error| failure("read", &error);
        let tag = match tag {
            Some(tag) => Some(tag.to_owned()),
            None => operator.stat(&self.key).await.map_err(broke)?.etag().map(str::to_owned),
        };
        let mut read = operator.reader_with(&self.key);
        if let Some(tag) = &tag {
            read = read.if_match(tag);
        }
        let reader = read.await.map_err(broke)?;
        let content = reader.into_bytes_stream(offset..).await.map_err(broke)?;
        let content =
            content.map_err(|error| match error.get_ref().and_then(|inner| inner.downcast_ref::<opendal::Error>()) {
                Some(inner) => failure("read", inner),
                None => Failure::transient(format!("the download broke off: {error}")),
            });
        Ok(Opened { content: content.boxed(), tag })
    }
}

/// A bucket that is not there looks like an object that is not there, but is a wrong setting.
fn is_bucket_missing(error: &opendal::Error) -> bool {
    let message = error.message();
    ["NoSuchBucket", "ContainerNotFound", "specified bucket does not exist", "specified container does not exist"]
        .iter()
        .any(|word| message.contains(word))
}

/// What an error of the library means. Its context holds addresses with signatures, so only its message is shown.
fn failure(doing: &str, error: &opendal::Error) -> Failure {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(refused) = current.downcast_ref::<EgressError>() {
            return crate::http::egress_failure(refused);
        }
        cause = current.source();
    }
    let class = match error.kind() {
        _ if is_bucket_missing(error) => ErrorClass::Permanent,
        ErrorKind::NotFound => ErrorClass::NotFound,
        ErrorKind::PermissionDenied => ErrorClass::Denied,
        ErrorKind::RateLimited | ErrorKind::ConditionNotMatch => ErrorClass::Transient,
        _ if error.is_temporary() || error.is_persistent() => ErrorClass::Transient,
        _ => ErrorClass::Permanent,
    };
    let message: String = error.message().split_whitespace().collect::<Vec<_>>().join(" ").chars().take(400).collect();
    Failure::new(class, format!("{doing}: {message}"))
}

#[cfg(test)]
mod tests;
