//! Where a provider's credentials are: a *profile* is a prefix of names in the plugin's grants. The profile `datadog` has `datadog.api-key`, `datadog.app-key` …
//!
//! Values of secrets are never seen: [`Profile::secret`] is a stand-in. What is no secret at all but is kept beside them in the same Secret object (an address, a
//! region) may be granted with `reveal`, and is read with [`Profile::setting`].

use colchis_sdk::{Class, Error, Result, secrets};

/// A prefix of names in the plugin's grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    prefix: String,
}

impl Profile {
    /// The named profile, or the default one when the name is empty.
    pub fn new(named: &str, default: &str) -> Self {
        let named = named.trim();
        Self { prefix: if named.is_empty() { default } else { named }.to_owned() }
    }

    /// The profile of a name that belongs to one namespace: `NAMESPACE.NAME`. Another namespace's objects cannot name it.
    pub fn within(namespace: &str, name: &str) -> Self {
        Self { prefix: format!("{namespace}.{}", name.trim()) }
    }

    /// The name in the grants.
    pub fn name(&self, key: &str) -> String {
        format!("{}.{key}", self.prefix)
    }

    /// A stand-in for the secret; an error says which grant is missing.
    pub fn secret(&self, key: &str) -> Result<String> {
        let name = self.name(key);
        secrets::stand_in(&name).map_err(|error| error.context(format!("the secret {name}")))
    }

    /// A stand-in for a secret that need not be granted.
    pub fn secret_if_granted(&self, key: &str) -> Result<Option<String>> {
        absent_when_denied(secrets::stand_in(&self.name(key)))
    }

    /// A setting: what the configuration says, else what the grants reveal under this name, else nothing.
    pub fn setting(&self, key: &str, configured: &str) -> Result<Option<String>> {
        let configured = configured.trim();
        if !configured.is_empty() {
            return Ok(Some(configured.to_owned()));
        }
        let Some(bytes) = absent_when_denied(secrets::reveal(&self.name(key)))? else { return Ok(None) };
        let text = String::from_utf8(bytes).map_err(|_| {
            Error::denied(format!("the setting {} is not UTF-8 text", self.name(key))).with_code("bad-setting")
        })?;
        Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
    }

    /// A setting that has to be there; `field` is where the configuration would say it.
    pub fn required(&self, key: &str, configured: &str, field: &str) -> Result<String> {
        self.setting(key, configured)?.ok_or_else(|| {
            let name = self.name(key);
            let message = format!("it is expected here, or as the granted secret {name} with `reveal: true`");
            Error::invalid(field, message).with_code("no-setting")
        })
    }
}

fn absent_when_denied<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if *error.class() == Class::Denied => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use colchis_sdk::testing;

    #[test]
    fn names_begin_with_the_profile() {
        assert_eq!(Profile::new(" ", "datadog").name("api-key"), "datadog.api-key");
        assert_eq!(Profile::new("mine", "datadog").name("api-key"), "mine.api-key");
        assert_eq!(Profile::within("shop", "mine").name("api-key"), "shop.mine.api-key");
    }

    #[test]
    fn a_setting_is_configured_or_revealed_or_absent() {
        let profile = Profile::new("", "datadog");
        assert_eq!(profile.setting("address", "").unwrap(), None);
        testing::set_secret("datadog.address", " https://b \n");
        assert_eq!(profile.setting("address", " https://a ").unwrap().as_deref(), Some("https://a"));
        assert_eq!(profile.setting("address", "").unwrap().as_deref(), Some("https://b"));
        testing::set_secret("datadog.address", [0xff]);
        assert_eq!(profile.setting("address", "").unwrap_err().code(), "bad-setting");
    }

    #[test]
    fn a_setting_that_is_missing_is_told_at_its_field() {
        let error = Profile::new("", "influxdb").required("org", "", "org").unwrap_err();
        assert_eq!(
            error.to_string(),
            "org: it is expected here, or as the granted secret influxdb.org with `reveal: true`"
        );
    }
}
