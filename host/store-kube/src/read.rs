//! Single reads.

use http::Method;
use model::Object;
use store::Result;
use store::objects::{Gvk, Key, Revision};

use crate::Inner;
use crate::wire::{self, ListAnswer};

impl Inner {
    pub(crate) async fn get(&self, key: &Key) -> Result<Object> {
        let (resource, address) = self.address(key).await?;
        self.send_for_object(&key.to_string(), &resource, Method::GET, address, None).await
    }

    /// The newest revision: that of a consistent list, of a kind that every server has.
    pub(crate) async fn revision(&self) -> Result<Revision> {
        let resource = self.resource(&Gvk::new("v1", "Namespace")).await?;
        let uri = format!("{}{}", resource.collection(""), wire::query(&[("limit", "1")]));
        let text = self.send("the newest revision", Method::GET, uri, None).await?;
        let answer: ListAnswer = parse_list("the newest revision", &text)?;
        wire::revision("the newest revision", &answer.metadata.resource_version)
    }
}

pub(crate) fn parse_list(what: &str, text: &str) -> Result<ListAnswer> {
    serde_json::from_str(text)
        .map_err(|error| store::StoreError::Corrupt { what: what.to_owned(), reason: error.to_string() })
}
