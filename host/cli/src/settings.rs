//! The shape of the settings table: what can be configured, by file, environment and flag.
//!
//! One rule names all three. `limits.nodes_max` in the file is `COLCHIS_LIMITS_NODES_MAX` in the environment and `--limits-nodes-max` on the command line;
//! `namespaceParallelism` is `COLCHIS_NAMESPACE_PARALLELISM` and `--namespace-parallelism`. The table itself belongs to the server, which hands it to the
//! command line through [`crate::Host`].

use std::fmt::Write as _;

use serde_json::Value;

/// What a setting's value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingKind {
    /// Any text.
    Text,
    /// Text that is never shown.
    Secret,
    /// A file or folder.
    Path,
    /// `host:port`.
    Address,
    /// `true` or `false`.
    Switch,
    /// A whole number between two bounds.
    Count {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// A number with a fraction, zero or more.
    Number,
    /// A number of bytes, also written as `64Ki` or `1.5Gi`.
    Bytes,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of texts; in the environment and in flags separated by commas.
    List,
    /// A document of its own, written as YAML.
    Document,
}

impl SettingKind {
    /// How help names a value of this kind.
    pub fn placeholder(&self) -> String {
        match self {
            Self::Text | Self::Secret => "TEXT".to_owned(),
            Self::Path => "PATH".to_owned(),
            Self::Address => "HOST:PORT".to_owned(),
            Self::Switch => "true|false".to_owned(),
            Self::Count { .. } => "N".to_owned(),
            Self::Number => "NUMBER".to_owned(),
            Self::Bytes => "BYTES".to_owned(),
            Self::Choice(words) => words.join("|"),
            Self::List => "A,B,…".to_owned(),
            Self::Document => "YAML".to_owned(),
        }
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its place in the file, with dots between the levels.
    pub key: &'static str,
    /// What its value may be.
    pub kind: SettingKind,
    /// The default as it would be written in a flag; empty when there is none.
    pub default: &'static str,
    /// The unit of a number; empty where there is none.
    pub unit: &'static str,
    /// What it does, in one sentence.
    pub doc: &'static str,
}

impl Setting {
    /// The variable of the environment.
    pub fn env(&self) -> String {
        format!("COLCHIS_{}", words(self.key, '_').to_ascii_uppercase())
    }

    /// The flag, without its dashes.
    pub fn flag(&self) -> String {
        words(self.key, '-')
    }

    /// Whether its value is never shown.
    pub fn secret(&self) -> bool {
        matches!(self.kind, SettingKind::Secret)
    }

    /// The part before the first dot; `general` for those without one.
    pub fn group(&self) -> &'static str {
        self.key.split_once('.').map_or("general", |(group, _)| group)
    }
}

/// `namespaceParallelism` and `limits.nodes_max` as words between separators, in lower case. A run of capitals is one word (`clientCA`).
fn words(key: &str, separator: char) -> String {
    let mut out = String::new();
    let mut previous_small = false;
    for c in key.chars() {
        match c {
            '.' | '_' => {
                out.push(separator);
                previous_small = false;
            }
            c if c.is_ascii_uppercase() => {
                if previous_small {
                    out.push(separator);
                }
                out.push(c.to_ascii_lowercase());
                previous_small = false;
            }
            c => {
                out.push(c);
                previous_small = true;
            }
        }
    }
    out
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nothing was said.
    Default,
    /// The configuration file, with the line.
    File {
        /// Its path.
        path: String,
        /// The line, from 1.
        line: usize,
    },
    /// A variable of the environment.
    Environment {
        /// Its name.
        name: String,
    },
    /// A flag of the command line.
    Flag {
        /// As it was written.
        name: String,
    },
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::Environment { name } => write!(f, "environment {name}"),
            Self::Flag { name } => write!(f, "flag {name}"),
        }
    }
}

/// A setting and its effective value.
#[derive(Debug, Clone)]
pub struct Effective {
    /// The row of the table.
    pub setting: &'static Setting,
    /// The value in use; `Null` when there is none.
    pub value: Value,
    /// Where it came from.
    pub origin: Origin,
}

impl Effective {
    /// The value as text, a secret's replaced by a note.
    pub fn shown(&self) -> String {
        match &self.value {
            Value::Null => String::new(),
            _ if self.setting.secret() => "(set, not shown)".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }
}

/// Something in the configuration is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingProblem {
    /// Where it stands: `config.yaml:3`, `environment COLCHIS_LISTEN`, `flag --listen`.
    pub place: String,
    /// The setting.
    pub key: String,
    /// What is wrong and what was expected.
    pub reason: String,
    /// What to do.
    pub hint: Option<String>,
    /// Whether it can be passed over.
    pub warning: bool,
}

impl std::fmt::Display for SettingProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.key.is_empty() {
            write!(f, "{}: {}", self.place, self.reason)
        } else {
            write!(f, "{}: {}: {}", self.place, self.key, self.reason)
        }
    }
}

/// The table as a page of documentation: one row per setting.
pub fn markdown(settings: &[Setting]) -> String {
    let mut out = String::from(
        "| setting | environment and flag | value | default | unit | what it does |\n|---|---|---|---|---|---|\n",
    );
    let cell = |text: &str| text.replace('|', "\\|");
    for setting in settings {
        let default = if setting.default.is_empty() { String::new() } else { format!("`{}`", setting.default) };
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "| `{}` | `{}` `--{}` | {} | {} | {} | {} |",
            setting.key,
            setting.env(),
            setting.flag(),
            cell(&setting.kind.placeholder()),
            cell(&default),
            setting.unit,
            cell(setting.doc),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_rule_names_environment_and_flag() {
        let named = |key| {
            let setting = Setting { key, kind: SettingKind::Text, default: "", unit: "", doc: "" };
            (setting.env(), setting.flag())
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(named("listen"), pair("COLCHIS_LISTEN", "listen"));
        assert_eq!(named("namespaceParallelism"), pair("COLCHIS_NAMESPACE_PARALLELISM", "namespace-parallelism"));
        assert_eq!(named("limits.nodes_max"), pair("COLCHIS_LIMITS_NODES_MAX", "limits-nodes-max"));
        assert_eq!(named("tls.clientCA"), pair("COLCHIS_TLS_CLIENT_CA", "tls-client-ca"));
    }

    #[test]
    fn a_secret_is_not_shown() {
        static SETTING: Setting =
            Setting { key: "client.token", kind: SettingKind::Secret, default: "", unit: "", doc: "" };
        let effective = Effective { setting: &SETTING, value: "hunter2".into(), origin: Origin::Default };
        assert_eq!(effective.shown(), "(set, not shown)");
    }
}
