//! Buckets: making one, and requests about many of its objects.

use artifact::ErrorClass;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, Delete, ObjectIdentifier};

use super::S3;
use super::error::failure;
use crate::failure::Failure;

/// How a bucket is made that is not there.
#[derive(Clone)]
pub(super) struct Create {
    /// With locks on objects.
    pub(super) locking: bool,
    /// Where.
    pub(super) region: Option<String>,
}

/// The region that must not be named.
const FIRST_REGION: &str = "us-east-1";

impl S3 {
    /// Makes the bucket. That another made it meanwhile is no error.
    pub(super) async fn create_bucket(&self, create: &Create) -> Result<(), Failure> {
        let region = create.region.as_deref().filter(|region| *region != FIRST_REGION);
        let place = region.map(|region| {
            CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(region)).build()
        });
        let request = self.client.create_bucket().bucket(&self.bucket).set_create_bucket_configuration(place);
        let request = if create.locking { request.object_lock_enabled_for_bucket(true) } else { request };
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.code(), Some("BucketAlreadyOwnedByYou" | "BucketAlreadyExists")) => Ok(()),
            Err(error) => Err(failure("create the bucket", &error)),
        }
    }
}

impl S3 {
    /// Whether the bucket is not there. That it may not be looked at is an error.
    pub(super) async fn is_bucket_missing(&self) -> Result<bool, Failure> {
        match self.client.head_bucket().bucket(&self.bucket).send().await {
            Ok(_) => Ok(false),
            Err(error) => match failure("look at the bucket", &error) {
                failure if failure.class == ErrorClass::NotFound => Ok(true),
                failure if failure.class == ErrorClass::Denied => Err(failure),
                _ => Ok(false),
            },
        }
    }
}

/// The request to delete these objects, if it can be written.
pub(super) fn delete_request(keys: &[String]) -> Option<Delete> {
    let objects =
        keys.iter().map(|key| ObjectIdentifier::builder().key(key).build()).collect::<Result<Vec<_>, _>>().ok()?;
    Delete::builder().set_objects(Some(objects)).quiet(true).build().ok()
}
