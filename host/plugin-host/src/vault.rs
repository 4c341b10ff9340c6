//! Stand-ins: texts that stand for secrets while a plugin has them, and become values where they leave for a host that the secret is granted for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use artifact::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use egress::Rule;
use plugin::{Capability, ErrorClass, PluginError, Result};

use crate::grants::{self, SecretGrant};
use crate::loaded::Shared;

/// What every stand-in begins with.
const PREFIX: &str = "colchis-secret-";
/// Hexadecimal digits behind it.
const DIGITS: usize = 32;
/// Stand-ins of one call (`stand_ins_max`).
const STAND_INS_MAX: usize = 256;
/// How deep stand-ins may stand in each other.
const DEPTH_MAX: usize = 4;

/// Values that are looked for in texts (`hidden_values_max`): two for each stand-in.
const VALUES_MAX: usize = 2 * STAND_INS_MAX;
/// A shorter value stands in texts by chance (bytes).
const HIDDEN_MIN: usize = 4;
/// What stands in their place.
const REDACTED: &str = "*****";

/// What a stand-in stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Meaning {
    /// A secret, by the plugin's name.
    Secret(String),
    /// The base64 text of a text with stand-ins.
    Base64(String),
}

/// The stand-ins of one call, and the values that left in it or were revealed, so that no text of the call shows them.
#[derive(Clone, Default)]
pub(crate) struct Vault(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    meanings: HashMap<String, Meaning>,
    /// What may not be told.
    values: Vec<Secret>,
}

/// Where a value is going.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Destination<'a> {
    pub(crate) scheme: &'a str,
    pub(crate) host: &'a str,
    pub(crate) port: u16,
}

impl Vault {
    /// Whether anything can stand for a secret.
    pub(crate) fn is_empty(&self) -> bool {
        crate::lock(&self.0).meanings.is_empty()
    }

    /// Whether an instance that goes on had better not: with half of what one may have there is room for another call.
    pub(crate) fn is_crowded(&self) -> bool {
        let inner = crate::lock(&self.0);
        inner.meanings.len() > STAND_INS_MAX / 2 || inner.values.len() > VALUES_MAX / 2
    }

    /// A stand-in for a granted secret.
    pub(crate) fn secret(&self, shared: &Shared, name: &str) -> Result<String> {
        granted(shared, name)?;
        self.add(Meaning::Secret(name.to_owned()))
    }

    /// A stand-in for the base64 text of a text.
    pub(crate) fn base64(&self, text: &str) -> Result<String> {
        self.add(Meaning::Base64(text.to_owned()))
    }

    fn add(&self, meaning: Meaning) -> Result<String> {
        let known = &mut crate::lock(&self.0).meanings;
        if let Some((token, _)) = known.iter().find(|(_, there)| **there == meaning) {
            return Ok(token.clone());
        }
        if known.len() >= STAND_INS_MAX {
            let message = format!("the call made more than stand_ins_max ({STAND_INS_MAX}) stand-ins");
            return Err(PluginError::new(ErrorClass::Permanent, "too-many", message));
        }
        let mut random = [0_u8; DIGITS / 2];
        getrandom::fill(&mut random).map_err(|error| {
            PluginError::new(
                ErrorClass::Unavailable,
                "no-randomness",
                format!("the machine gives no randomness: {error}"),
            )
        })?;
        let token = format!("{PREFIX}{}", random.iter().map(|b| format!("{b:02x}")).collect::<String>());
        known.insert(token.clone(), meaning);
        Ok(token)
    }

    /// The name of the secret that a stand-in stands for.
    pub(crate) fn name_of(&self, token: &str) -> Option<String> {
        match crate::lock(&self.0).meanings.get(token) {
            Some(Meaning::Secret(name)) => Some(name.clone()),
            _ => None,
        }
    }

    /// A text with the names of secrets in the place of their stand-ins, which are others in each call.
    pub(crate) fn named(&self, text: &str) -> String {
        let known = crate::lock(&self.0);
        known.meanings.iter().fold(text.to_owned(), |text, (token, meaning)| {
            let name = match meaning {
                Meaning::Secret(name) => format!("{{{{secret {name}}}}}"),
                Meaning::Base64(_) => "{{secret}}".to_owned(),
            };
            text.replace(token, &name)
        })
    }

    /// Takes a value that no text of the call may show from now on.
    pub(crate) fn hide(&self, value: Secret) {
        if value.reveal().len() < HIDDEN_MIN {
            return;
        }
        let values = &mut crate::lock(&self.0).values;
        if values.len() < VALUES_MAX && !values.iter().any(|known| known.reveal() == value.reveal()) {
            values.push(value);
        }
    }

    /// A text without the values: a server that answers with what it was sent, or a plugin that sees a value, may have put one there.
    pub(crate) fn redact(&self, text: &mut String) {
        for value in &crate::lock(&self.0).values {
            let Ok(value) = std::str::from_utf8(value.reveal()) else { continue };
            if text.contains(value) {
                *text = text.replace(value, REDACTED);
            }
        }
    }

    /// The same for bytes that may be a text.
    pub(crate) fn redact_bytes(&self, bytes: &mut Vec<u8>) {
        if crate::lock(&self.0).values.is_empty() {
            return;
        }
        if let Ok(text) = std::str::from_utf8(bytes) {
            let mut text = text.to_owned();
            self.redact(&mut text);
            *bytes = text.into_bytes();
        }
    }

    /// Whether there is a stand-in of this call in it.
    pub(crate) fn is_in(&self, text: &[u8]) -> bool {
        !self.is_empty() && find(text).is_some()
    }

    /// The text with values in the place of stand-ins.
    ///
    /// # Errors
    /// A secret that may not go there, or that is not there.
    pub(crate) async fn expand(&self, shared: &Shared, text: &[u8], to: Destination<'_>) -> Result<Vec<u8>> {
        self.expand_deep(shared, text, to, 0).await
    }

    async fn expand_deep(&self, shared: &Shared, text: &[u8], to: Destination<'_>, depth: usize) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some((at, token)) = find(rest) {
            let (before, behind) = rest.split_at(at);
            let behind = behind.split_at(token.len()).1;
            out.extend_from_slice(before);
            let meaning = crate::lock(&self.0).meanings.get(token).cloned();
            match meaning {
                Some(Meaning::Secret(name)) => {
                    let grant = granted(shared, &name)?;
                    may_go(&shared.name, &name, grant, to)?;
                    let value = shared.services.secrets.value(grant).await?;
                    out.extend_from_slice(value.reveal());
                    self.hide(value);
                }
                Some(Meaning::Base64(inner)) if depth < DEPTH_MAX => {
                    let inner = Box::pin(self.expand_deep(shared, inner.as_bytes(), to, depth + 1)).await?;
                    let text = BASE64.encode(inner);
                    out.extend_from_slice(text.as_bytes());
                    self.hide(Secret::new(text.into_bytes()));
                }
                // Of another call, or made up: a text like any other.
                _ => out.extend_from_slice(token.as_bytes()),
            }
            rest = behind;
        }
        out.extend_from_slice(rest);
        Ok(out)
    }
}

/// The grant of a secret.
pub(crate) fn granted<'s>(shared: &'s Shared, name: &str) -> Result<&'s SecretGrant> {
    shared.grants.secrets.get(name).ok_or_else(|| {
        PluginError::denied(
            format!("the plugin {} may not use the secret {name:?}", shared.name),
            grants::hint_for(&shared.name, &Capability::Secret(name.to_owned())),
        )
    })
}

/// A secret goes where its grant says, and nowhere else.
fn may_go(plugin: &str, name: &str, grant: &SecretGrant, to: Destination<'_>) -> Result<()> {
    let names = |host: &String| host.parse::<Rule>().is_ok_and(|rule| rule.names(Some(to.scheme), to.host, to.port));
    if grant.hosts.is_empty() || grant.hosts.iter().any(names) {
        return Ok(());
    }
    let target = format!("{}://{}:{}", to.scheme, to.host, to.port);
    Err(PluginError::denied(
        format!("the secret {name:?} may not be sent to {target}"),
        format!(
            "add to the grant of the secret {name:?} in spec.grants.secrets of the plugin {plugin}: hosts: [{target:?}]"
        ),
    ))
}

/// The first stand-in in a text, and where it begins.
fn find(text: &[u8]) -> Option<(usize, &str)> {
    let length = PREFIX.len() + DIGITS;
    text.windows(length).enumerate().find_map(|(at, window)| {
        let token = std::str::from_utf8(window).ok()?;
        let digits = token.strip_prefix(PREFIX)?;
        digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)).then_some((at, token))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_are_found_anywhere() {
        let token = format!("{PREFIX}{}", "0123456789abcdef".repeat(2));
        for (text, at) in [(format!("Bearer {token}"), Some(7)), (token.clone(), Some(0)), ("x".into(), None)] {
            assert_eq!(find(text.as_bytes()).map(|(at, _)| at), at, "{text}");
        }
        assert_eq!(find(format!("{PREFIX}{}", "g".repeat(32)).as_bytes()), None);
        assert_eq!(find(&[0xff; 100]), None);
    }

    #[test]
    fn a_secret_goes_where_its_grant_says() {
        let grant = |hosts: &[&str]| SecretGrant {
            namespace: "n".into(),
            name: "s".into(),
            key: "k".into(),
            hosts: hosts.iter().map(|h| (*h).to_owned()).collect(),
            reveal: false,
        };
        let to = Destination { scheme: "https", host: "a.example.com", port: 443 };
        for (hosts, expect) in [
            (&[][..], true),
            (&["https://*.example.com"][..], true),
            (&["http://*.example.com"][..], false),
            (&["b.example.com"][..], false),
        ] {
            assert_eq!(may_go("p", "s", &grant(hosts), to).is_ok(), expect, "{hosts:?}");
        }
    }
}
