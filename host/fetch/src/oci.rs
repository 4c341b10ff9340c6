//! Charts and other archives in OCI registries.
//!
//! The distribution protocol by our own client of [`egress`]: a library's makes its connections itself, and where it goes for a token is the registry's to say.

use bytes::Bytes;
use egress::shown;
use http::header::{ACCEPT, AUTHORIZATION, LINK, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use url::Url;

use crate::cache::digest_of;
use crate::error::FetchError;
use crate::fetcher::Store;
use crate::settings::Limits;
use crate::sources::{Login, Sources, Way};
use crate::version;
use crate::web::{self, Most};

const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json";
/// What Helm pushes charts as, now and before its format was final.
const CHARTS: [&str; 2] = ["application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/tar+gzip"];
/// Any other archive.
const ARCHIVE: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// Bytes of a manifest, a list of tags or a token.
const SMALL: Most = Most { name: "document_bytes_max", bytes: 4 << 20 };
/// Pages of a list of tags.
const PAGES_MAX: usize = 100;

/// A repository of a registry.
pub(crate) struct Repository<'a> {
    sources: &'a Sources,
    way: &'a Way,
    base: Url,
    name: String,
    /// Whoever signed in, after the first challenge.
    signed_in: Option<HeaderValue>,
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
struct Layer {
    #[serde(rename = "mediaType", default)]
    media_type: String,
    digest: String,
    size: u64,
}

#[derive(Deserialize)]
struct Tags {
    tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// The URL of a reference, as sources name it.
pub(crate) fn url(reference: &str) -> Result<Url, FetchError> {
    let bare = reference.trim_start_matches("oci://");
    let url = web::parse(&format!("oci://{bare}"))?;
    let good =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-' | b'/');
    let name = url.path().trim_matches('/');
    if name.is_empty() || !name.bytes().all(good) || url.query().is_some() || url.fragment().is_some() {
        let why = "is no repository of a registry: expected such as registry.example.com/charts/name".to_owned();
        return Err(FetchError::Url { url: shown(reference), why });
    }
    Ok(url)
}

impl<'a> Repository<'a> {
    /// That of a URL which [`url`] made.
    pub(crate) fn new(sources: &'a Sources, url: &Url) -> Result<Self, FetchError> {
        let way = sources.way(url)?;
        let scheme = if way.source.plain_http { "http" } else { "https" };
        let authority = url.as_str().trim_start_matches("oci://").split('/').next().unwrap_or_default();
        let base = web::parse(&format!("{scheme}://{authority}/"))?;
        Ok(Self { sources, way, base, name: url.path().trim_matches('/').to_owned(), signed_in: None })
    }

    /// The archive of a tag, a digest or a range.
    pub(crate) async fn archive(&mut self, store: &Store, wanted: &str, limits: &Limits) -> Result<Bytes, FetchError> {
        let reference = match wanted {
            _ if wanted.starts_with("sha256:") || version::is_exact(wanted) => tag_of(wanted),
            _ => self.tag(wanted).await?,
        };
        let manifest = self.manifest(&reference).await?;
        let layer = self.layer(&manifest, &reference)?;
        if layer.size > limits.archive_bytes_max {
            let (size, max) = (layer.size, limits.archive_bytes_max);
            return Err(FetchError::Archive(format!("it has {size} bytes, more than {max} (archive_bytes_max)")));
        }
        if let Some(bytes) = store.content(&layer.digest).await {
            return Ok(bytes);
        }
        let most = Most { name: "its manifest's size", bytes: layer.size };
        let bytes = self.get(&self.api(&format!("blobs/{}", layer.digest))?, "*/*", most).await?;
        self.is(&bytes, &layer.digest, &reference, "the manifest")?;
        store.keep(None, bytes.clone(), None).await;
        Ok(bytes)
    }

    /// The highest tag that a range takes, or the very one; a tag has `_` where a version has `+`.
    async fn tag(&mut self, wanted: &str) -> Result<String, FetchError> {
        let tags = self.tags().await?;
        let versions: Vec<String> = tags.iter().map(|tag| tag.replace('_', "+")).collect();
        if let Some(same) = tags.iter().find(|tag| *tag == wanted) {
            return Ok(same.clone());
        }
        match version::highest(versions.iter().map(String::as_str), wanted)? {
            Some(found) => Ok(tag_of(found)),
            None => {
                let there = tags.iter().rev().map(String::as_str);
                Err(FetchError::no_version(self.shown(), &self.name, wanted, there))
            }
        }
    }

    async fn tags(&mut self) -> Result<Vec<String>, FetchError> {
        let (mut url, mut all) = (self.api("tags/list?n=1000")?, Vec::new());
        for _ in 0..PAGES_MAX {
            let (headers, bytes) = self.whole(&url, "application/json", SMALL).await?;
            let page: Tags = self.read(&bytes, "the list of tags")?;
            all.extend(page.tags.unwrap_or_default());
            let next = headers.get(LINK).and_then(|link| link.to_str().ok()).filter(|link| link.contains("next"));
            let Some(to) = next.and_then(|link| link.split_once('<')?.1.split_once('>')).map(|(to, _)| to) else {
                return Ok(all);
            };
            match url.join(to) {
                Ok(to) if to.origin() == self.base.origin() => url = to,
                _ => return Err(self.broken("the list of tags", "its next page is elsewhere".to_owned())),
            }
        }
        Err(self.broken("the list of tags", format!("it has more than {PAGES_MAX} pages")))
    }

    async fn manifest(&mut self, reference: &str) -> Result<Manifest, FetchError> {
        let url = self.api(&format!("manifests/{reference}"))?;
        let bytes = match self.get(&url, MANIFESTS, SMALL).await {
            Err(FetchError::Status { status: 404, .. }) => {
                return Err(FetchError::Missing { place: self.shown(), what: reference.to_owned() });
            }
            got => got?,
        };
        if reference.starts_with("sha256:") {
            self.is(&bytes, reference, reference, "the reference")?;
        }
        self.read(&bytes, "the manifest")
    }

    /// The one archive that a manifest has.
    fn layer<'m>(&self, manifest: &'m Manifest, reference: &str) -> Result<&'m Layer, FetchError> {
        let chart = manifest.layers.iter().find(|layer| CHARTS.contains(&&*layer.media_type));
        let only = match manifest.layers.as_slice() {
            [only] if only.media_type == ARCHIVE => Some(only),
            _ => None,
        };
        let layer = chart.or(only).ok_or_else(|| {
            let has: Vec<&str> = manifest.layers.iter().map(|layer| &*layer.media_type).collect();
            let why =
                format!("{reference} is no chart: expected a layer of {}, and it has {}", CHARTS[0], has.join(", "));
            self.broken("the manifest", why)
        })?;
        let hex = layer.digest.strip_prefix("sha256:").unwrap_or_default();
        match hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            true => Ok(layer),
            false => {
                Err(self
                    .broken("the manifest", format!("its layer has the digest {:?}; expected sha256:…", layer.digest)))
            }
        }
    }

    async fn get(&mut self, url: &Url, accept: &'static str, most: Most) -> Result<Bytes, FetchError> {
        Ok(self.whole(url, accept, most).await?.1)
    }

    /// A good answer. Whoever is challenged signs in once; a registry may send to where it keeps its blobs, which has to be a source, too.
    async fn whole(&mut self, url: &Url, accept: &'static str, most: Most) -> Result<(HeaderMap, Bytes), FetchError> {
        let (mut at, mut challenged) = (url.clone(), self.signed_in.is_some());
        for _ in 0..=web::REDIRECTS_MAX {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            let is_registry = at.origin() == self.base.origin();
            let way = if is_registry { self.way } else { self.sources.way(&at)? };
            if let Some(login) = self.signed_in.as_ref().filter(|_| is_registry) {
                headers.insert(AUTHORIZATION, login.clone());
            }
            let answer = web::send(way, &at, &headers, most).await?;
            if answer.status() == StatusCode::UNAUTHORIZED && is_registry && !challenged {
                let told =
                    answer.headers().get(WWW_AUTHENTICATE).and_then(|told| told.to_str().ok()).unwrap_or_default();
                let told = told.to_owned();
                drop(answer);
                self.signed_in = self.sign_in(&told).await?;
                challenged = true;
                continue;
            }
            match web::next(&at, &answer)? {
                Some(to) => at = to,
                None => {
                    let headers = answer.headers().clone();
                    return Ok((headers, web::body(&at, answer, most).await?));
                }
            }
        }
        Err(web::too_often(url))
    }

    /// What a challenge asks for: the source's user itself, or a token for it.
    async fn sign_in(&self, challenge: &str) -> Result<Option<HeaderValue>, FetchError> {
        let login = self.sources.login(&self.way.source).await?;
        let Some(asked) = challenge.strip_prefix("Bearer ").or_else(|| challenge.strip_prefix("bearer ")) else {
            return login.map(|login| login.header()).transpose();
        };
        if let Some(Login::Bearer(_)) = &login {
            return login.map(|login| login.header()).transpose();
        }
        let word = |name: &str| parameter(asked, name);
        let realm = word("realm").ok_or_else(|| self.broken("its challenge", "it has no realm".to_owned()))?;
        let mut realm = web::parse(&realm)?;
        realm.query_pairs_mut().append_pair("scope", &format!("repository:{}:pull", self.name));
        if let Some(service) = word("service") {
            realm.query_pairs_mut().append_pair("service", &service);
        }
        // A realm elsewhere is a place like any other. It is told the user only where its own source names the same Secret.
        let is_registry = realm.origin() == self.base.origin();
        let way = if is_registry { self.way } else { self.sources.way(&realm)? };
        let mut headers = HeaderMap::new();
        if let Some(login) = login.filter(|_| is_registry || way.source.secret == self.way.source.secret) {
            headers.insert(AUTHORIZATION, login.header()?);
        }
        let answer = web::send(way, &realm, &headers, SMALL).await?;
        let bytes = web::body(&realm, answer, SMALL).await?;
        let token: Token = self.read(&bytes, "its token")?;
        let token =
            token.token.or(token.access_token).ok_or_else(|| self.broken("its token", "there is none".to_owned()))?;
        web::bearer(&token).header().map(Some)
    }

    fn api(&self, what: &str) -> Result<Url, FetchError> {
        let path = format!("v2/{}/{what}", self.name);
        self.base.join(&path).map_err(|error| self.broken("the reference", error.to_string()))
    }

    fn is(&self, bytes: &[u8], expected: &str, reference: &str, promised_by: &'static str) -> Result<(), FetchError> {
        let found = digest_of(bytes);
        let what = format!("{} {reference}", self.shown());
        match found == expected {
            true => Ok(()),
            false => Err(FetchError::Digest { what, expected: expected.to_owned(), found, promised_by }),
        }
    }

    fn read<'b, T: Deserialize<'b>>(&self, bytes: &'b [u8], what: &'static str) -> Result<T, FetchError> {
        serde_json::from_slice(bytes).map_err(|error| self.broken(what, error.to_string()))
    }

    fn broken(&self, what: &'static str, why: String) -> FetchError {
        FetchError::Answer { url: self.shown(), what, why }
    }

    fn shown(&self) -> String {
        format!("{}{}", shown(self.base.as_str()), self.name)
    }
}

/// A version as a tag: tags have no `+`.
fn tag_of(version: &str) -> String {
    version.replace('+', "_")
}

/// A parameter of a challenge: `realm="…",service="…"`.
fn parameter(challenge: &str, name: &str) -> Option<String> {
    let mut rest = challenge;
    while let Some((key, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_once(',').unwrap_or((after, "")),
        };
        if key.trim_matches([' ', ',']).eq_ignore_ascii_case(name) {
            return Some(value.to_owned());
        }
        rest = next;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        assert_eq!(
            url("registry.example.com:5000/charts/a").unwrap().as_str(),
            "oci://registry.example.com:5000/charts/a"
        );
        for bad in ["", "registry.example.com", "h/UPPER", "h/a:1", "h/a@sha256:b", "u:p@h/a", "h/a?b"] {
            assert!(url(bad).is_err(), "{bad}");
        }
        assert_eq!(tag_of("1.2.3+5"), "1.2.3_5");
    }

    #[test]
    fn challenges() {
        let told =
            r#"realm="https://auth.example.com/token",service="registry.example.com", scope="repository:a:pull,push""#;
        assert_eq!(parameter(told, "realm").unwrap(), "https://auth.example.com/token");
        assert_eq!(parameter(told, "service").unwrap(), "registry.example.com");
        assert_eq!(parameter(told, "scope").unwrap(), "repository:a:pull,push");
        assert!(parameter(told, "error").is_none() && parameter("realm=\"", "realm").is_none());
        assert_eq!(parameter("realm=a, service=b", "service").unwrap(), "b");
    }
}
