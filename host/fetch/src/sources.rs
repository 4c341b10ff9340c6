//! The places that may be asked, and as whom.

use std::sync::Arc;

use artifact::{ErrorClass, Secret};
use egress::{Client, Config, Guard, Policy, TlsSettings};
use http::HeaderValue;
use url::Url;

use crate::error::FetchError;
use crate::fetcher::Surroundings;
use crate::settings::{SecretRef, Settings, Source};

/// Keys of a source's Secret, as Kubernetes' own types of Secrets have them; a token has no type.
pub(crate) const USERNAME: &str = "username";
pub(crate) const PASSWORD: &str = "password";
pub(crate) const TOKEN: &str = "token";
pub(crate) const SSH_KEY: &str = "ssh-privatekey";

/// A source and the way to it, which is its own: what its guard lets through is its host alone.
pub(crate) struct Way {
    pub(crate) source: Source,
    pub(crate) guard: Guard,
    pub(crate) client: Client,
}

/// All of them.
pub(crate) struct Sources {
    ways: Vec<Way>,
    surroundings: Arc<dyn Surroundings>,
}

/// Who signs in.
#[derive(Clone)]
pub(crate) enum Login {
    /// User and password.
    Basic(Secret, Secret),
    /// A token.
    Bearer(Secret),
}

impl Sources {
    pub(crate) fn new(settings: &Settings, surroundings: Arc<dyn Surroundings>) -> Result<Self, FetchError> {
        let mut ways = Vec::with_capacity(settings.sources.len());
        for source in &settings.sources {
            let config = Config {
                allow: vec![source.rule.clone()],
                deny: settings.deny.clone(),
                allow_private: source.private.clone(),
            };
            let guard = Guard::new(Policy::new(config));
            let extra_roots = source.ca.as_deref().map(std::fs::read).transpose().map_err(|error| {
                let file = source.ca.as_deref().unwrap_or(std::path::Path::new("")).display();
                FetchError::Local(format!("plugins.sources.{}.ca: {file}: {error}", source.name))
            })?;
            let tls = TlsSettings { insecure: source.insecure, extra_roots, ..TlsSettings::default() };
            ways.push(Way { source: source.clone(), client: Client::new(guard.clone(), &tls)?, guard });
        }
        Ok(Self { ways, surroundings })
    }

    pub(crate) fn surroundings(&self) -> &dyn Surroundings {
        &*self.surroundings
    }

    /// The way to a URL: of the source that names it most exactly.
    ///
    /// # Errors
    /// No source names it.
    pub(crate) fn way(&self, url: &Url) -> Result<&Way, FetchError> {
        let naming = self.ways.iter().filter(|way| way.source.has(url));
        naming.max_by_key(|way| (!way.source.is_pattern, way.source.path.len())).ok_or_else(|| {
            let mut place = url.clone();
            let _ = (place.set_username(""), place.set_password(None));
            place.set_query(None);
            place.set_fragment(None);
            let host = place.host_str().unwrap_or_default();
            let port = place.port().map(|port| format!(":{port}")).unwrap_or_default();
            FetchError::NotAllowed { url: place.to_string(), place: format!("{}://{host}{port}", place.scheme()) }
        })
    }

    /// Who signs in to a source over HTTP; nobody without a Secret, or with one for ssh alone.
    pub(crate) async fn login(&self, source: &Source) -> Result<Option<Login>, FetchError> {
        let Some(at) = &source.secret else { return Ok(None) };
        if let Some(token) = self.key(source, at, TOKEN).await? {
            return Ok(Some(Login::Bearer(token)));
        }
        match (self.key(source, at, USERNAME).await?, self.key(source, at, PASSWORD).await?) {
            (Some(user), password) => Ok(Some(Login::Basic(user, password.unwrap_or_else(|| Secret::new(Vec::new()))))),
            (None, Some(_)) => {
                Err(unusable(source, format!("{}/{} has a {PASSWORD} and no {USERNAME}", at.namespace, at.name)))
            }
            (None, None) => {
                let why = format!(
                    "{}/{} is not there, or has neither {USERNAME} and {PASSWORD} nor {TOKEN}",
                    at.namespace, at.name
                );
                Err(unusable(source, why))
            }
        }
    }

    /// A key of a source's Secret, if it has it.
    pub(crate) async fn key(&self, source: &Source, at: &SecretRef, key: &str) -> Result<Option<Secret>, FetchError> {
        match self.surroundings.secrets(&at.namespace).secret(&at.name, key).await {
            // Keys are pasted with the line's end.
            Ok(secret) => Ok(Some(Secret::new(secret.reveal().trim_ascii_end()))),
            Err(error) if error.class == ErrorClass::Transient => Err(unusable(source, error.reason)),
            Err(_) => Ok(None),
        }
    }
}

fn unusable(source: &Source, why: String) -> FetchError {
    FetchError::Credentials { name: source.name.clone(), why }
}

impl Login {
    /// The header that signs in.
    pub(crate) fn header(&self) -> Result<HeaderValue, FetchError> {
        use base64::Engine as _;
        let text = match self {
            Self::Basic(user, password) => {
                let pair = [user.reveal(), b":", password.reveal()].concat();
                format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)).into_bytes()
            }
            Self::Bearer(token) => [b"Bearer ", token.reveal()].concat(),
        };
        let mut value = HeaderValue::from_bytes(&text)
            .map_err(|_| FetchError::Local("credentials hold what no header can".to_owned()))?;
        value.set_sensitive(true);
        Ok(value)
    }
}
