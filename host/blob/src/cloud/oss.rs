//! Alibaba Cloud OSS.

use artifact::Context;
use model::workflow::OssArtifact;
use opendal::Operator;
use opendal::services::Oss;

use super::{Cloud, Clouds};
use crate::failure::Failure;
use crate::secrets;

impl Clouds {
    /// The bucket of an artifact.
    pub(crate) async fn oss(&self, context: &Context, oss: &OssArtifact) -> Result<Cloud, Failure> {
        for (field, value) in [("bucket", &oss.bucket), ("endpoint", &oss.endpoint)] {
            if value.is_empty() {
                return Err(Failure::permanent(format!("oss.{field} is missing")));
            }
        }
        if oss.create_bucket_if_not_present {
            return Err(Failure::permanent("oss.createBucketIfNotPresent is not offered: create the bucket"));
        }
        if oss.lifecycle_rule.is_some() {
            return Err(Failure::permanent("oss.lifecycleRule is not offered: set the rule on the bucket"));
        }
        let mut service = Oss::default().bucket(&oss.bucket).endpoint(&oss.endpoint);
        let access = secrets::text(context, oss.access_key_secret.as_ref()).await?;
        let secret = secrets::text(context, oss.secret_key_secret.as_ref()).await?;
        let ambient = match (access, secret) {
            (Some(_), Some(_)) if oss.use_sdk_creds => {
                return Err(Failure::permanent("oss.useSDKCreds and oss.accessKeySecret are both set: one is meant"));
            }
            (Some(access), Some(secret)) => {
                service = service.access_key_id(&access).access_key_secret(&secret);
                if !oss.security_token.is_empty() {
                    service = service.security_token(&oss.security_token);
                }
                false
            }
            (None, None) => self.ambient(&oss.bucket, oss.use_sdk_creds)?,
            _ => return Err(Failure::permanent("oss.accessKeySecret and oss.secretKeySecret go together")),
        };
        if !ambient && oss.access_key_secret.is_none() {
            service = service.skip_signature();
        }
        self.bucket(Operator::new(service), ambient)
    }
}
