//! What Kubernetes accepts as a name.

/// A text is not the name it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is none.
    #[error("the name is empty")]
    Empty,
    /// It is too long.
    #[error("the name has {length} characters, more than {max}")]
    TooLong {
        /// How long it is.
        length: usize,
        /// How long it may be.
        max: usize,
    },
    /// It has characters that may not be there.
    #[error("{name:?} is not {rule}")]
    Characters {
        /// What was given, cut at 80 characters.
        name: String,
        /// What is accepted.
        rule: &'static str,
    },
}

const LABEL_RULE: &str = "made of lower-case letters, digits and -, beginning and ending with a letter or digit";
const SUBDOMAIN_RULE: &str = "made of lower-case letters, digits, - and ., beginning and ending with a letter or digit";
const VALUE_RULE: &str = "made of letters, digits, -, _ and ., beginning and ending with a letter or digit";
const KEY_RULE: &str = "a name of letters, digits, -, _ and ., with or without a domain and / before it";
const CONFIG_KEY_RULE: &str = "made of letters, digits, -, _ and .";
const ENV_RULE: &str = "a name of a variable: printable, without =";

fn check(name: &str, max: usize, rule: &'static str, ok: impl Fn(&str) -> bool) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > max {
        return Err(NameError::TooLong { length: name.len(), max });
    }
    if ok(name) { Ok(()) } else { Err(NameError::Characters { name: name.chars().take(80).collect(), rule }) }
}

fn is_label(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = name.as_bytes();
    bytes.iter().all(|b| inner(*b) || *b == b'-')
        && bytes.first().is_some_and(|b| inner(*b))
        && bytes.last().is_some_and(|b| inner(*b))
}

fn is_value(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
}

/// A DNS-1123 label, up to 63 characters: names of containers, volumes, namespaces.
pub fn check_label(name: &str) -> Result<(), NameError> {
    check(name, 63, LABEL_RULE, is_label)
}

/// A DNS-1123 subdomain, up to 253 characters: names of objects.
pub fn check_subdomain(name: &str) -> Result<(), NameError> {
    check(name, 253, SUBDOMAIN_RULE, |n| n.split('.').all(is_label))
}

/// The key of a label or annotation: a name up to 63 characters, with or without `domain/` before it.
pub fn check_label_key(key: &str) -> Result<(), NameError> {
    let name = match key.split_once('/') {
        Some((domain, name)) => {
            check(domain, 253, KEY_RULE, |d| d.split('.').all(is_label))?;
            name
        }
        None => key,
    };
    check(name, 63, KEY_RULE, is_value)
}

/// The value of a label: empty, or up to 63 characters.
pub fn check_label_value(value: &str) -> Result<(), NameError> {
    if value.is_empty() { Ok(()) } else { check(value, 63, VALUE_RULE, is_value) }
}

/// A key of a ConfigMap or Secret.
pub fn check_config_key(key: &str) -> Result<(), NameError> {
    check(key, 253, CONFIG_KEY_RULE, |k| {
        k != "." && k != ".." && k.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    })
}

/// The name of an environment variable.
pub fn check_env_name(name: &str) -> Result<(), NameError> {
    check(name, 4096, ENV_RULE, |n| n.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'='))
}

/// The nearest text that is a DNS-1123 name, for a hint; nothing when there is none.
pub fn suggestion(name: &str) -> Option<String> {
    let lower: String = name
        .chars()
        .flat_map(char::to_lowercase)
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' { c } else { '-' })
        .take(63)
        .collect();
    let trimmed = lower.trim_matches(['-', '.']);
    (!trimmed.is_empty() && trimmed != name && check_subdomain(trimmed).is_ok()).then(|| trimmed.to_owned())
}
