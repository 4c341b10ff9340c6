//! What an artifact says about a server and its bucket, with its secrets read.

use artifact::Context;
use aws_sdk_s3::operation::create_multipart_upload::builders::CreateMultipartUploadFluentBuilder;
use aws_sdk_s3::operation::get_object::builders::GetObjectFluentBuilder;
use aws_sdk_s3::operation::head_object::builders::HeadObjectFluentBuilder;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::operation::upload_part::builders::UploadPartFluentBuilder;
use aws_sdk_s3::types::ServerSideEncryption;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use model::workflow::{S3Artifact, S3EncryptionOptions};
use sha2::{Digest as _, Sha256};

use crate::failure::Failure;
use crate::secrets;

/// How a server is reached and as whom.
#[derive(Clone)]
pub(super) struct Server {
    /// Its address; the region's own of Amazon when absent.
    pub(super) endpoint: Option<String>,
    /// The region, when it is said or can be read from the address.
    pub(super) region: Option<String>,
    /// The bucket stands in the path, not in the host.
    pub(super) path_style: bool,
    /// Access key, secret key and session token.
    pub(super) keys: Option<(String, String, Option<String>)>,
    /// Whether the machine's own credentials are used.
    pub(super) ambient: Ambient,
    /// A role to take.
    pub(super) role: Option<String>,
    /// A certificate authority, PEM.
    pub(super) authority: Option<Vec<u8>>,
}

/// Whether the machine's own credentials are used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ambient {
    /// They are not.
    Unused,
    /// They are where the machine has some; otherwise nobody calls, as for a bucket that is open to all.
    IfAny,
    /// They must be.
    Asked,
}

/// Amazon's own servers.
const AMAZON: [&str; 2] = [".amazonaws.com", ".amazonaws.com.cn"];

impl Server {
    /// Reads it from an artifact and its secrets.
    pub(super) async fn read(context: &Context, s3: &S3Artifact) -> Result<Self, Failure> {
        let access = secrets::text(context, s3.access_key_secret.as_ref()).await?;
        let secret = secrets::text(context, s3.secret_key_secret.as_ref()).await?;
        let session = secrets::text(context, s3.session_token_secret.as_ref()).await?;
        let keys = match (access, secret) {
            (Some(access), Some(secret)) => Some((access, secret, session)),
            (None, None) => None,
            (Some(_), None) => {
                return Err(Failure::permanent("s3.accessKeySecret is set and s3.secretKeySecret is not"));
            }
            (None, Some(_)) => {
                return Err(Failure::permanent("s3.secretKeySecret is set and s3.accessKeySecret is not"));
            }
        };
        let authority = secrets::secret(context, s3.ca_secret.as_ref()).await?.map(|secret| secret.reveal().to_vec());
        let endpoint = endpoint(&s3.endpoint, s3.insecure == Some(true))?;
        let region = match s3.region.as_str() {
            "" => endpoint.as_deref().and_then(region_of),
            region => Some(region.to_owned()),
        };
        // Amazon wants the bucket in the host, others in the path: their certificates and names are for the one host.
        let path_style = endpoint.as_deref().is_some_and(|endpoint| !is_amazon(endpoint));
        Ok(Self {
            endpoint,
            region,
            path_style,
            keys,
            ambient: if s3.use_sdk_creds { Ambient::Asked } else { Ambient::Unused },
            role: Some(s3.role_arn.clone()).filter(|role| !role.is_empty()),
            authority,
        })
    }

    /// Whether this is Amazon's.
    pub(super) fn is_amazon(&self) -> bool {
        self.endpoint.as_deref().is_none_or(is_amazon)
    }

    /// What tells this server and identity from another.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut add = |field: Option<&[u8]>| {
            hash.update((field.map_or(u64::MAX, |field| field.len() as u64)).to_le_bytes());
            hash.update(field.unwrap_or_default());
        };
        add(self.endpoint.as_deref().map(str::as_bytes));
        add(self.region.as_deref().map(str::as_bytes));
        add(self.role.as_deref().map(str::as_bytes));
        add(self.authority.as_deref());
        add(Some(&[u8::from(self.path_style), self.ambient as u8]));
        let (access, secret, session) = match &self.keys {
            Some((access, secret, session)) => {
                (Some(access.as_bytes()), Some(secret.as_bytes()), session.as_deref().map(str::as_bytes))
            }
            None => (None, None, None),
        };
        add(access);
        add(secret);
        add(session);
        hash.finalize().into()
    }
}

/// The address with its scheme; nothing for Amazon's global one, where the region decides.
fn endpoint(text: &str, insecure: bool) -> Result<Option<String>, Failure> {
    let text = if text.ends_with("//") { text } else { text.trim_end_matches('/') };
    if text.is_empty() || text == "s3.amazonaws.com" || text == "https://s3.amazonaws.com" {
        return Ok(None);
    }
    let whole = match text.split_once("://") {
        Some(("http" | "https", _)) => text.to_owned(),
        Some((scheme, _)) => {
            return Err(Failure::permanent(format!("s3.endpoint has the scheme {scheme}, expected host and port")));
        }
        None if insecure => format!("http://{text}"),
        None => format!("https://{text}"),
    };
    let parsed =
        url::Url::parse(&whole).ok().filter(|url| url.path() == "/" && url.has_host() && url.username().is_empty());
    if parsed.is_none_or(|url| url.query().is_some() || url.fragment().is_some()) {
        let shown = egress::shown(&whole);
        return Err(Failure::permanent(format!("s3.endpoint is {shown:?}, expected host and port: minio:9000")));
    }
    Ok(Some(whole))
}

fn host_of(endpoint: &str) -> &str {
    let host = endpoint.split_once("://").map_or(endpoint, |(_, host)| host);
    host.split(':').next().unwrap_or_default()
}

fn is_amazon(endpoint: &str) -> bool {
    AMAZON.iter().any(|suffix| host_of(endpoint).ends_with(suffix))
}

/// The region in one of Amazon's addresses: `s3.eu-west-1.amazonaws.com`, `s3-eu-west-1…`, `s3.dualstack.eu-west-1…`.
fn region_of(endpoint: &str) -> Option<String> {
    let host = host_of(endpoint);
    let name = AMAZON.iter().find_map(|suffix| host.strip_suffix(suffix))?;
    let last = name.rsplit('.').next()?;
    let region = last.strip_prefix("s3-").unwrap_or(last);
    (region.matches('-').count() >= 2).then(|| region.to_owned())
}

/// Encryption by the server.
#[derive(Clone, Default)]
pub(super) struct Encryption {
    kind: Option<ServerSideEncryption>,
    key_id: Option<String>,
    context: Option<String>,
    /// The customer's own key and its MD5, as the protocol wants them.
    customer: Option<(String, String)>,
}

/// The algorithm of a customer's own key.
const CUSTOMER: &str = "AES256";

impl Encryption {
    /// Reads it from an artifact and its secrets.
    pub(super) async fn read(context: &Context, options: Option<&S3EncryptionOptions>) -> Result<Self, Failure> {
        let Some(options) = options else { return Ok(Self::default()) };
        let customer = secrets::secret(context, options.server_side_customer_key_secret.as_ref()).await?;
        if !options.enable_encryption {
            return Ok(Self::default());
        }
        if let Some(key) = customer {
            if !options.kms_key_id.is_empty() {
                return Err(Failure::permanent(
                    "s3.encryptionOptions names both kmsKeyId and serverSideCustomerKeySecret: one is meant",
                ));
            }
            let key = key.reveal();
            if key.len() != 32 {
                return Err(Failure::permanent(format!(
                    "s3.encryptionOptions.serverSideCustomerKeySecret holds {} bytes, a key has 32",
                    key.len()
                )));
            }
            return Ok(Self {
                customer: Some((STANDARD.encode(key), STANDARD.encode(Md5::digest(key)))),
                ..Self::default()
            });
        }
        if options.kms_key_id.is_empty() {
            return Ok(Self { kind: Some(ServerSideEncryption::Aes256), ..Self::default() });
        }
        let context = Some(options.kms_encryption_context.as_str()).filter(|context| !context.is_empty());
        if context.is_some_and(|context| serde_json::from_str::<serde_json::Map<_, _>>(context).is_err()) {
            return Err(Failure::permanent("s3.encryptionOptions.kmsEncryptionContext is no JSON object"));
        }
        Ok(Self {
            kind: Some(ServerSideEncryption::AwsKms),
            key_id: Some(options.kms_key_id.clone()),
            context: context.map(|context| STANDARD.encode(context)),
            customer: None,
        })
    }

    pub(super) fn on_get(&self, request: GetObjectFluentBuilder) -> GetObjectFluentBuilder {
        match &self.customer {
            Some((key, md5)) => {
                request.sse_customer_algorithm(CUSTOMER).sse_customer_key(key).sse_customer_key_md5(md5)
            }
            None => request,
        }
    }

    pub(super) fn on_head(&self, request: HeadObjectFluentBuilder) -> HeadObjectFluentBuilder {
        match &self.customer {
            Some((key, md5)) => {
                request.sse_customer_algorithm(CUSTOMER).sse_customer_key(key).sse_customer_key_md5(md5)
            }
            None => request,
        }
    }

    pub(super) fn on_part(&self, request: UploadPartFluentBuilder) -> UploadPartFluentBuilder {
        match &self.customer {
            Some((key, md5)) => {
                request.sse_customer_algorithm(CUSTOMER).sse_customer_key(key).sse_customer_key_md5(md5)
            }
            None => request,
        }
    }

    pub(super) fn on_put(&self, request: PutObjectFluentBuilder) -> PutObjectFluentBuilder {
        let request = request
            .set_server_side_encryption(self.kind.clone())
            .set_ssekms_key_id(self.key_id.clone())
            .set_ssekms_encryption_context(self.context.clone());
        match &self.customer {
            Some((key, md5)) => {
                request.sse_customer_algorithm(CUSTOMER).sse_customer_key(key).sse_customer_key_md5(md5)
            }
            None => request,
        }
    }

    pub(super) fn on_begin(&self, request: CreateMultipartUploadFluentBuilder) -> CreateMultipartUploadFluentBuilder {
        let request = request
            .set_server_side_encryption(self.kind.clone())
            .set_ssekms_key_id(self.key_id.clone())
            .set_ssekms_encryption_context(self.context.clone());
        match &self.customer {
            Some((key, md5)) => {
                request.sse_customer_algorithm(CUSTOMER).sse_customer_key(key).sse_customer_key_md5(md5)
            }
            None => request,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        let check = |text: &str, insecure: bool, expect: Option<&str>| {
            assert_eq!(endpoint(text, insecure).unwrap().as_deref(), expect, "{text}");
        };
        check("", false, None);
        check("s3.amazonaws.com", false, None);
        check("minio:9000", true, Some("http://minio:9000"));
        check("minio.example.com", false, Some("https://minio.example.com"));
        check("http://minio:9000/", false, Some("http://minio:9000"));
        for wrong in ["minio:9000/path", "user:secret@minio", "ftp://minio", "minio?x", "http://", "minio:port"] {
            let reason = endpoint(wrong, false).unwrap_err().reason;
            assert!(!reason.contains("secret"), "{reason}");
        }
    }

    #[test]
    fn regions_of_addresses() {
        let check = |host: &str, expect: Option<&str>| {
            assert_eq!(region_of(&format!("https://{host}")).as_deref(), expect, "{host}")
        };
        check("s3.eu-west-1.amazonaws.com", Some("eu-west-1"));
        check("s3-ap-southeast-2.amazonaws.com", Some("ap-southeast-2"));
        check("s3.dualstack.us-west-2.amazonaws.com", Some("us-west-2"));
        check("s3.cn-north-1.amazonaws.com.cn", Some("cn-north-1"));
        check("s3.us-gov-west-1.amazonaws.com:443", Some("us-gov-west-1"));
        check("s3.amazonaws.com", None);
        check("minio.example.com", None);
        assert!(!is_amazon("https://s3.amazonaws.com.evil.example"));
    }
}
