//! Users of registries, from Docker's configuration or a Secret of its form.

use std::collections::BTreeMap;

use base64::Engine as _;
use oci_client::secrets::RegistryAuth;
use serde::Deserialize;

/// A user of a registry. Debug does not show the password.
#[derive(Clone)]
pub struct Credentials {
    /// The user.
    pub username: String,
    /// The password or token.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({})", self.username)
    }
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
}

#[derive(Deserialize)]
struct Auth {
    #[serde(default)]
    auth: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
}

impl Credentials {
    /// The user that a Docker configuration has for a registry (`host[:port]`), if any. An error says what is wrong with the text, and
    /// never shows it.
    pub fn find(config: &[u8], registry: &str) -> Result<Option<Self>, String> {
        let config: Config = serde_json::from_slice(config)
            .map_err(|_| "expected the JSON of a Docker configuration, with `auths`".to_owned())?;
        let Some((_, auth)) = config.auths.into_iter().find(|(name, _)| fits(name, registry)) else { return Ok(None) };
        if auth.auth.is_empty() {
            let (username, password) = (auth.username, auth.password);
            return Ok((!username.is_empty()).then_some(Self { username, password }));
        }
        let decoded = base64::engine::general_purpose::STANDARD.decode(auth.auth.trim()).ok();
        let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
        match text.as_deref().and_then(|pair| pair.split_once(':')) {
            Some((username, password)) => {
                Ok(Some(Self { username: username.to_owned(), password: password.to_owned() }))
            }
            None => Err(format!("auths[{registry:?}].auth: expected user:password in base64")),
        }
    }
}

pub(crate) fn auth(credentials: Option<&Credentials>) -> RegistryAuth {
    credentials.map_or(RegistryAuth::Anonymous, |c| RegistryAuth::Basic(c.username.clone(), c.password.clone()))
}

/// Whether a name in a Docker configuration is of this registry.
fn fits(name: &str, registry: &str) -> bool {
    let bare = name.trim_start_matches("https://").trim_start_matches("http://");
    let bare = bare.split('/').next().unwrap_or_default();
    let hub = |name: &str| matches!(name, "docker.io" | "index.docker.io" | "registry-1.docker.io");
    bare == registry || (hub(bare) && hub(registry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_docker() {
        let text = br#"{"auths": {"https://index.docker.io/v1/": {"auth": "bWU6cHc6MQ=="}, "r.example:5000": {"username": "u", "password": "p"}, "bad": {"auth": "!"}}}"#;
        let hub = Credentials::find(text, "docker.io").unwrap().unwrap();
        assert_eq!((hub.username.as_str(), hub.password.as_str()), ("me", "pw:1"));
        assert_eq!(Credentials::find(text, "r.example:5000").unwrap().unwrap().username, "u");
        assert!(Credentials::find(text, "r.example").unwrap().is_none());
        assert!(Credentials::find(text, "bad").is_err() && Credentials::find(b"x", "bad").is_err());
        assert!(!format!("{hub:?}").contains("pw"));
    }
}
