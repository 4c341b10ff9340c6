//! Azure Blob Storage.

use artifact::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::workflow::AzureArtifact;
use opendal::Operator;
use opendal::services::Azblob;
use url::{Host, Url};

use super::{Cloud, Clouds};
use crate::failure::Failure;
use crate::secrets;

impl Clouds {
    /// The container of an artifact.
    pub(crate) async fn azure(&self, context: &Context, azure: &AzureArtifact) -> Result<Cloud, Failure> {
        for (field, value) in [("container", &azure.container), ("endpoint", &azure.endpoint)] {
            if value.is_empty() {
                return Err(Failure::permanent(format!("azure.{field} is missing")));
            }
        }
        let wrong = || {
            Failure::permanent(format!(
                "azure.endpoint is {:?}, expected https://ACCOUNT.blob.core.windows.net",
                egress::shown(&azure.endpoint)
            ))
        };
        let endpoint = Url::parse(&azure.endpoint).map_err(|_| wrong())?;
        if !matches!(endpoint.scheme(), "http" | "https")
            || !endpoint.username().is_empty()
            || endpoint.query().is_some()
        {
            return Err(wrong());
        }
        let account = account(&endpoint).ok_or_else(wrong)?;
        let mut service = Azblob::default()
            .container(&azure.container)
            .endpoint(endpoint.as_str().trim_end_matches('/'))
            .account_name(&account);
        let key = secrets::text(context, azure.account_key_secret.as_ref()).await?;
        let ambient = match &key {
            Some(_) if azure.use_sdk_creds => {
                return Err(Failure::permanent(
                    "azure.useSDKCreds and azure.accountKeySecret are both set: one is meant",
                ));
            }
            Some(key) => {
                service = match (STANDARD.decode(key), key.contains("sig=")) {
                    (Ok(_), _) => service.account_key(key),
                    (Err(_), true) => service.sas_token(key.trim_start_matches('?')),
                    (Err(_), false) => {
                        return Err(Failure::permanent(
                            "azure.accountKeySecret is neither an account's key (base64) nor a SAS token",
                        ));
                    }
                };
                false
            }
            None => self.ambient(&azure.container, azure.use_sdk_creds)?,
        };
        if !ambient && key.is_none() {
            service = service.skip_signature();
        }
        self.bucket(Operator::new(service), ambient)
    }
}

/// The account: the first part of the host, or of the path where the host is an address or a plain name (Azurite).
fn account(endpoint: &Url) -> Option<String> {
    let first = match endpoint.host()? {
        Host::Domain(host) if host.contains('.') => host.split('.').next()?.to_owned(),
        _ => endpoint.path_segments()?.next()?.to_owned(),
    };
    Some(first).filter(|account| !account.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(account(&Url::parse(text).unwrap()).as_deref(), expect, "{text}")
        };
        check("https://acc.blob.core.windows.net", Some("acc"));
        check("http://127.0.0.1:10000/devstoreaccount1", Some("devstoreaccount1"));
        check("http://azurite:10000/devstoreaccount1/", Some("devstoreaccount1"));
        check("http://127.0.0.1:10000", None);
    }
}
