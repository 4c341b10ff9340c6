//! Charts of Helm repositories: `index.yaml`, a version of it, its archive.

use std::collections::HashMap;

use bytes::Bytes;
use egress::shown;
use model::yaml;
use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;

use crate::cache::digest_of;
use crate::error::FetchError;
use crate::fetcher::Store;
use crate::settings::Limits;
use crate::sources::Sources;
use crate::version;
use crate::web::{self, Ask, Came, Most};

/// What is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Chart<'a> {
    pub(crate) repository: &'a str,
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
}

/// The one part of an index that is read; charts that nobody asks for may be written as they like.
#[derive(Deserialize)]
struct Index<'a> {
    #[serde(borrow)]
    entries: HashMap<String, &'a RawValue>,
}

/// A version of a chart in an index.
#[derive(Debug, Deserialize)]
struct Listed {
    #[serde(default)]
    version: String,
    #[serde(default)]
    urls: Vec<String>,
    #[serde(default)]
    digest: String,
}

/// Where a repository is.
pub(crate) fn repository(text: &str) -> Result<Url, FetchError> {
    let url = web::parse(text)?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err(FetchError::Url {
            url: shown(text),
            why: "is no Helm repository: expected https://, http:// or oci://".to_owned(),
        }),
    }
}

/// The archive of a chart. Its digest is that of the index, where the index has one.
pub(crate) async fn archive(
    sources: &Sources,
    store: &Store,
    limits: &Limits,
    chart: Chart<'_>,
) -> Result<Bytes, FetchError> {
    let (text, at) = index(sources, store, limits, &repository(chart.repository)?).await?;
    let (name, place) = (chart.name.to_owned(), shown(chart.repository));
    let listed = tokio::task::spawn_blocking(move || versions(&text, &name, &place)).await;
    let listed = listed.map_err(|error| FetchError::Local(format!("the index cannot be read: {error}")))??;
    let wanted = choose(&listed, chart)?;
    let broken = |why: &str| FetchError::Answer {
        url: shown(at.as_str()),
        what: "the index",
        why: format!("{} {} {why}", chart.name, wanted.version),
    };
    let url = wanted.urls.first().ok_or_else(|| broken("has no URL"))?;
    let url = web::parse(at.join(url).map_err(|error| broken(&format!("has the URL {url:?}: {error}")))?.as_str())?;
    let hex = wanted.digest.trim().trim_start_matches("sha256:").to_ascii_lowercase();
    let promised = Some(format!("sha256:{hex}")).filter(|_| !hex.is_empty());
    if let Some(digest) = &promised
        && let Some(bytes) = store.content(digest).await
    {
        return Ok(bytes);
    }
    let bytes = crate::file::content(sources, limits, &url).await?;
    let found = digest_of(&bytes);
    match promised {
        Some(expected) if expected != found => {
            let what = shown(url.as_str());
            Err(FetchError::Digest { what, expected, found, promised_by: "the index" })
        }
        Some(_) => {
            store.keep(None, bytes.clone(), None).await;
            Ok(bytes)
        }
        None => Ok(bytes),
    }
}

/// A repository's index and the URL that URLs in it are relative to. An index that did not change is not sent again.
async fn index(
    sources: &Sources,
    store: &Store,
    limits: &Limits,
    repository: &Url,
) -> Result<(Bytes, Url), FetchError> {
    let mut url = repository.clone();
    url.set_path(&format!("{}/index.yaml", repository.path().trim_end_matches('/')));
    let name = format!("index {url}");
    let kept = store.named(&name).await;
    let most = Most { name: "index_bytes_max", bytes: limits.index_bytes_max };
    let known = kept.as_ref().and_then(|(_, etag)| etag.as_deref());
    let ask = Ask { url: &url, accept: "application/x-yaml, text/yaml, */*", known, most };
    match (web::get(sources, &ask).await?, kept) {
        (Came::New { bytes, etag, .. }, _) => {
            if etag.is_some() {
                store.keep(Some(name), bytes.clone(), etag).await;
            }
            Ok((bytes, url))
        }
        (Came::Same, Some((bytes, _))) => Ok((bytes, url)),
        (Came::Same, None) => Err(FetchError::Status { url: shown(url.as_str()), status: 304 }),
    }
}

/// The versions of a chart in an index. Blocks for as long as a large text takes.
fn versions(text: &[u8], chart: &str, place: &str) -> Result<Vec<Listed>, FetchError> {
    let broken = |why: String| FetchError::Answer { url: place.to_owned(), what: "the index (index.yaml)", why };
    let documents = yaml::read_bytes(text, &yaml::Limits::DEFAULT).map_err(|error| broken(error.to_string()))?;
    let document = documents.first().ok_or_else(|| broken("it is empty".to_owned()))?;
    let index: Index<'_> =
        serde_json::from_str(document.json()).map_err(|error| broken(format!("it is no index of charts: {error}")))?;
    let Some(listed) = index.entries.get(chart) else {
        return Err(FetchError::Missing { place: place.to_owned(), what: format!("chart {chart}") });
    };
    serde_json::from_str(listed.get()).map_err(|error| broken(format!("entries[{chart:?}]: {error}")))
}

fn choose<'a>(listed: &'a [Listed], chart: Chart<'_>) -> Result<&'a Listed, FetchError> {
    let versions = listed.iter().map(|one| one.version.as_str());
    let found = version::highest(versions, chart.version)?;
    listed.iter().find(|one| Some(one.version.as_str()) == found).ok_or_else(|| {
        let there = listed.iter().map(|one| &*one.version);
        FetchError::no_version(shown(chart.repository), chart.name, chart.version, there)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = "
apiVersion: v1
entries:
  other: {odd: true}
  common:
  - {version: 1.2.0, urls: [common-1.2.0.tgz], digest: abc, created: 2024-01-01T00:00:00Z}
  - {version: 1.10.0, urls: ['https://elsewhere/common.tgz']}
";

    #[test]
    fn the_chart_that_is_asked_for_is_read() {
        let listed = versions(INDEX.as_bytes(), "common", "p").unwrap();
        let choose = |version| choose(&listed, Chart { repository: "https://r", name: "common", version });
        assert_eq!(choose("1.x").unwrap().version, "1.10.0");
        assert_eq!(choose("~1.2").unwrap().digest, "abc");
        let error = choose("2.x").unwrap_err().to_string();
        assert!(error.contains("it has 1.2.0, 1.10.0"), "{error}");
        assert!(matches!(versions(INDEX.as_bytes(), "none", "p"), Err(FetchError::Missing { .. })));
    }

    #[test]
    fn garbage_is_told() {
        let endless = "[".repeat(100_000);
        for text in ["", "a: [", "entries: 3", "[]", "<html>", "entries: {common: 3}", &endless, "\u{0}\u{1}"] {
            let error = versions(text.as_bytes(), "common", "p").unwrap_err();
            assert!(matches!(error, FetchError::Answer { .. }), "{text:.20}: {error}");
        }
    }

    #[test]
    fn hostile_indexes_break_nothing() {
        testkit::hostile::attack("an index", &[INDEX.as_bytes()], |text| drop(versions(text, "common", "p")));
    }
}
