//! What was probably meant by the name of an object that is not there.

use std::time::Duration;

use client::v1::{ListRequest, ObjectSelector, Order};
use client::{ClientError, RpcError};
use serde::Deserialize;

use super::objects::Kinds;
use crate::context::Context;
use crate::error::CliError;

/// Names that are looked at, the newest first.
const NAMES_MAX: u32 = 500;
/// How long the answer may be held up.
const WAIT: Duration = Duration::from_secs(2);

/// Adds a hint to an error that says that the server has no such object, where one has nearly that name. Whatever fails here is no matter.
pub async fn hinted(ctx: &Context, error: CliError) -> CliError {
    let Some((kind, namespace, name)) = error.error.as_ref().and_then(not_found) else { return error };
    match tokio::time::timeout(WAIT, near(ctx, &kind, &namespace, &name)).await {
        Ok(Some(near)) => error.hint(format!("did you mean `{near}`?")),
        _ => error,
    }
}

/// Kind, namespace and name of what is not there: of `workflow default/hello`.
fn not_found(error: &anyhow::Error) -> Option<(String, String, String)> {
    let rpc: &RpcError = error.chain().find_map(|cause| cause.downcast_ref::<ClientError>())?.rpc()?;
    if rpc.kind != client::ErrorKind::NotFound || !rpc.hints.is_empty() {
        return None;
    }
    let (kind, object) = rpc.subject.split_once(' ')?;
    let (namespace, name) = object.split_once('/').unwrap_or(("", object));
    Some((kind.to_owned(), namespace.to_owned(), name.to_owned()))
}

#[derive(Deserialize)]
struct Named {
    metadata: NamedMetadata,
}

#[derive(Deserialize)]
struct NamedMetadata {
    name: String,
}

async fn near(ctx: &Context, kind: &str, namespace: &str, name: &str) -> Option<String> {
    let connection = ctx.connect().await.ok()?;
    let kinds = Kinds::of(&connection).await.ok()?;
    let info = kinds.find(kind).ok()?;
    let request = ListRequest {
        kind: info.kind.clone(),
        api_version: info.api_version.clone(),
        namespace: namespace.to_owned(),
        selector: Some(ObjectSelector::default()),
        order: Order::NewestFirst.into(),
        limit: NAMES_MAX,
        without_body: true,
        ..ListRequest::default()
    };
    let page = connection.client.resources().list(request).await.ok()?;
    let names: Vec<String> = page
        .items
        .iter()
        .filter_map(|item| serde_json::from_slice::<Named>(&item.document).ok())
        .map(|named| named.metadata.name)
        .collect();
    nearest(name, names.iter().map(String::as_str)).map(str::to_owned)
}

/// The first name that goes on where the word ends, as generated names do; else the most alike, if it is alike enough.
fn nearest<'n>(word: &str, names: impl Iterator<Item = &'n str> + Clone) -> Option<&'n str> {
    let begins = |name: &&str| word.len() >= 3 && name.len() > word.len() && name.starts_with(word);
    names.clone().find(begins).or_else(|| {
        let alike = |name: &&str| {
            let length = name.chars().count().max(word.chars().count());
            let distance = strsim::osa_distance(word, name);
            // A third of the letters may be wrong; of short words one, and never all.
            let most = (length / 3).clamp(1, 4).min(name.chars().count().saturating_sub(1));
            (distance > 0 && distance <= most).then_some(distance)
        };
        names.filter_map(|name| alike(&name).map(|distance| (distance, name))).min_by_key(|(d, _)| *d).map(|(_, n)| n)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_names_and_slips_of_the_keyboard_are_found() {
        let names = ["hello-x7k2p", "hello-aaaaa", "nightly-backup", "b"];
        for (word, expected) in [
            ("hello", Some("hello-x7k2p")),
            ("hello-a", Some("hello-aaaaa")),
            ("hello-x7k2q", Some("hello-x7k2p")),
            ("nigthly-backup", Some("nightly-backup")),
            ("deploy", None),
            ("h", None),
            ("hello-x7k2p-more", None),
        ] {
            assert_eq!(nearest(word, names.iter().copied()), expected, "{word}");
        }
    }
}
