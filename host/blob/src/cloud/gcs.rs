//! Google Cloud Storage.

use artifact::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::workflow::GcsArtifact;
use opendal::Operator;
use opendal::services::Gcs;
use serde::Deserialize;

use super::{Cloud, Clouds};
use crate::failure::Failure;
use crate::secrets;

/// What a key file says it is. Other kinds name files and programs of the machine that reads them, and this machine is the server.
#[derive(Deserialize)]
struct KeyFile {
    #[serde(default)]
    r#type: String,
}

const KINDS: [&str; 2] = ["service_account", "authorized_user"];

impl Clouds {
    /// The bucket of an artifact.
    pub(crate) async fn gcs(&self, context: &Context, gcs: &GcsArtifact) -> Result<Cloud, Failure> {
        if gcs.bucket.is_empty() {
            return Err(Failure::permanent("gcs.bucket is missing"));
        }
        let mut service = Gcs::default().bucket(&gcs.bucket);
        if let Some(endpoint) = &self.gcs_endpoint {
            service = service.endpoint(endpoint);
        }
        let key = secrets::secret(context, gcs.service_account_key_secret.as_ref()).await?;
        let ambient = key.is_none() && self.ambient(&gcs.bucket, false)?;
        if let Some(key) = key {
            let file: KeyFile = serde_json::from_slice(key.reveal())
                .map_err(|_| Failure::permanent("gcs.serviceAccountKeySecret is no key file (JSON)"))?;
            if !KINDS.contains(&file.r#type.as_str()) {
                return Err(Failure::permanent(format!(
                    "gcs.serviceAccountKeySecret is a key file of the type {:?}, expected service_account",
                    file.r#type
                )));
            }
            service = service.credential(&STANDARD.encode(key.reveal())).disable_config_load().disable_vm_metadata();
        } else if !ambient {
            service = service.skip_signature().disable_config_load().disable_vm_metadata();
        }
        self.bucket(Operator::new(service), ambient)
    }
}
