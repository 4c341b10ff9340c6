//! Defaults, file, environment, flags: the later one wins, and each value remembers where it came from.

use std::collections::BTreeMap;

use cli::settings::{Effective, Origin, SettingProblem};
use serde_json::Value;

use super::document::Document;
use super::kinds;
use super::settings::{KNOWN_ELSEWHERE, SETTINGS, find};

/// Variables that begin with `COLCHIS_` and are no settings: Kubernetes sets such for a Service of that name.
const FOREIGN_SUFFIXES: &[&str] = &["_SERVICE_HOST", "_SERVICE_PORT", "_ADDR", "_PROTO"];
/// How far apart two names may be for one to be suggested for the other.
const NEAR: f64 = 0.8;

/// What was said, layer by layer.
#[derive(Default)]
pub struct Sources {
    /// The configuration file: its path and content.
    pub file: Option<(String, Document)>,
    /// Variables of the environment.
    pub environment: Vec<(String, String)>,
    /// Flags: the setting's key, the flag as it was written, the value.
    pub flags: Vec<(String, String, String)>,
}

/// The values in use.
#[derive(Debug, Clone)]
pub struct Values(BTreeMap<&'static str, Effective>);

impl Values {
    /// A setting's value; `Null` when it has none.
    pub fn get(&self, key: &str) -> &Value {
        const NONE: &Value = &Value::Null;
        self.0.get(key).map_or(NONE, |effective| &effective.value)
    }

    /// A setting's value as text; empty when it has none.
    pub fn text(&self, key: &str) -> &str {
        self.get(key).as_str().unwrap_or_default()
    }

    /// A setting's value as a count.
    pub fn count(&self, key: &str) -> u64 {
        self.get(key).as_u64().unwrap_or_default()
    }

    /// A setting's value as a number.
    pub fn number(&self, key: &str) -> f64 {
        self.get(key).as_f64().unwrap_or_default()
    }

    /// A setting's value as a list of texts.
    pub fn list(&self, key: &str) -> Vec<String> {
        self.get(key).as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
    }

    /// A setting's value as a switch.
    pub fn switch(&self, key: &str) -> bool {
        self.get(key).as_bool().unwrap_or_default()
    }

    /// Where a setting's value came from.
    pub fn origin(&self, key: &str) -> Origin {
        self.0.get(key).map_or(Origin::Default, |effective| effective.origin.clone())
    }

    /// Puts another value where nothing was said.
    pub fn set_default(&mut self, key: &str, value: Value) {
        if let Some(effective) = self.0.get_mut(key)
            && effective.origin == Origin::Default
        {
            effective.value = value;
        }
    }

    /// All settings with their values, in the order of the table.
    pub fn all(&self) -> Vec<Effective> {
        SETTINGS.iter().filter_map(|setting| self.0.get(setting.key).cloned()).collect()
    }
}

/// Lays the layers over each other. All that is wrong is reported, not only the first thing.
pub fn merge(sources: Sources) -> (Values, Vec<SettingProblem>) {
    let mut problems = Vec::new();
    let mut values = Values(
        SETTINGS
            .iter()
            .map(|setting| {
                // A test reads every default.
                let value = kinds::from_text(setting, setting.default).unwrap_or(Value::Null);
                (setting.key, Effective { setting, value, origin: Origin::Default })
            })
            .collect(),
    );
    if let Some((path, document)) = &sources.file {
        file(path, document, &mut values, &mut problems);
    }
    environment(&sources.environment, &mut values, &mut problems);
    flags(&sources.flags, &mut values, &mut problems);
    (values, problems)
}

fn file(path: &str, document: &Document, values: &mut Values, problems: &mut Vec<SettingProblem>) {
    let place = |key: &str| format!("{path}:{}", document.line(key));
    match &document.value {
        Value::Null => {}
        Value::Object(_) => {
            let mut leaves = Vec::new();
            flatten("", &document.value, &mut leaves);
            for (key, value) in leaves {
                let Some(setting) = find(&key) else {
                    problems.push(unknown(place(&key), &key, |k| k.to_owned()));
                    continue;
                };
                match kinds::from_value(setting, value.clone()) {
                    Ok(value) => {
                        let origin = Origin::File { path: path.to_owned(), line: document.line(&key) };
                        values.0.insert(setting.key, Effective { setting, value, origin });
                    }
                    Err(reason) => problems.push(problem(place(&key), &key, reason)),
                }
            }
        }
        _ => problems.push(problem(place(""), "", "a mapping of settings is expected".to_owned())),
    }
}

/// The leaves of a document: settings, and whatever is not one.
fn flatten<'v>(prefix: &str, value: &'v Value, leaves: &mut Vec<(String, &'v Value)>) {
    let Value::Object(fields) = value else { return };
    for (name, value) in fields {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        let group = format!("{key}.");
        let is_group = find(&key).is_none() && SETTINGS.iter().any(|setting| setting.key.starts_with(&group));
        match value {
            Value::Object(_) if is_group => flatten(&key, value, leaves),
            // `tls:` with nothing below it says nothing.
            Value::Null if is_group => {}
            _ => leaves.push((key, value)),
        }
    }
}

fn environment(variables: &[(String, String)], values: &mut Values, problems: &mut Vec<SettingProblem>) {
    for (name, text) in variables {
        if !name.starts_with("COLCHIS_") || is_foreign(name) || name == "COLCHIS_CONFIG" {
            continue;
        }
        let place = format!("environment {name}");
        let Some(setting) = SETTINGS.iter().find(|setting| setting.env() == *name) else {
            // Somebody else may own the variable, so this is no reason to refuse to start.
            problems.push(SettingProblem { warning: true, ..unknown(place, name, env_of) });
            continue;
        };
        match kinds::from_text(setting, text) {
            Ok(value) => {
                values.0.insert(
                    setting.key,
                    Effective { setting, value, origin: Origin::Environment { name: name.clone() } },
                );
            }
            Err(reason) => problems.push(problem(place, setting.key, reason)),
        }
    }
}

/// Kubernetes gives every container `COLCHIS_SERVICE_HOST`, `COLCHIS_PORT`, `COLCHIS_PORT_2746_TCP…` of a Service named colchis.
fn is_foreign(name: &str) -> bool {
    name == "COLCHIS_PORT"
        || name.starts_with("COLCHIS_PORT_")
        || name.contains("_SERVICE_PORT_")
        || FOREIGN_SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

fn flags(flags: &[(String, String, String)], values: &mut Values, problems: &mut Vec<SettingProblem>) {
    for (key, written, text) in flags {
        let place = format!("flag {written}");
        let Some(setting) = find(key) else {
            problems.push(unknown(place, key, |k| k.to_owned()));
            continue;
        };
        match kinds::from_text(setting, text) {
            Ok(value) => {
                values
                    .0
                    .insert(setting.key, Effective { setting, value, origin: Origin::Flag { name: written.clone() } });
            }
            Err(reason) => problems.push(problem(place, key, reason)),
        }
    }
}

fn problem(place: String, key: &str, reason: String) -> SettingProblem {
    SettingProblem { place, key: key.to_owned(), reason, hint: None, warning: false }
}

fn env_of(key: &str) -> String {
    find(key).map_or_else(String::new, cli::settings::Setting::env)
}

/// An unknown name, with the nearest known one or what to do instead.
fn unknown(place: String, key: &str, spelled: impl Fn(&str) -> String) -> SettingProblem {
    let first = key.split('.').next().unwrap_or(key);
    let elsewhere =
        KNOWN_ELSEWHERE.iter().find(|(known, _)| *known == key || *known == first).map(|(_, hint)| (*hint).to_owned());
    let nearest = SETTINGS
        .iter()
        .map(|setting| spelled(setting.key))
        .map(|known| (strsim::jaro_winkler(&known.to_lowercase(), &key.to_lowercase()), known))
        .filter(|(likeness, _)| *likeness >= NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| format!("did you mean `{known}`?"));
    let hint = elsewhere.or(nearest).or_else(|| Some("`colchis config explain` lists all settings".to_owned()));
    SettingProblem { place, key: key.to_owned(), reason: "there is no such setting".to_owned(), hint, warning: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_file(text: &str) -> (Values, Vec<SettingProblem>) {
        let document = Document::parse(text).unwrap();
        merge(Sources { file: Some(("c.yaml".into(), document)), ..Sources::default() })
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_file() {
        let document = Document::parse("parallelism: 1\nnamespaceParallelism: 2\nlog:\n  level: debug\n").unwrap();
        let (values, problems) = merge(Sources {
            file: Some(("c.yaml".into(), document)),
            environment: vec![
                ("COLCHIS_NAMESPACE_PARALLELISM".into(), "3".into()),
                ("COLCHIS_PARALLELISM".into(), "4".into()),
                ("PATH".into(), "/bin".into()),
            ],
            flags: vec![("parallelism".into(), "--parallelism".into(), "5".into())],
        });
        assert_eq!(problems, []);
        assert_eq!(values.count("parallelism"), 5);
        assert_eq!(values.origin("parallelism"), Origin::Flag { name: "--parallelism".into() });
        assert_eq!(values.count("namespaceParallelism"), 3);
        assert_eq!(values.text("log.level"), "debug");
        assert_eq!(values.origin("log.level"), Origin::File { path: "c.yaml".into(), line: 4 });
        assert_eq!(values.text("log.format"), "pretty");
    }

    #[test]
    fn everything_wrong_is_said_at_once_with_its_line() {
        let (_, problems) =
            from_file("paralelism: 1\nlog: {format: xml}\nsso: {issuer: x}\nlimits:\n  nodes_max: many\n");
        let told: Vec<String> =
            problems.iter().map(|p| format!("{p} | {}", p.hint.clone().unwrap_or_default())).collect();
        assert_eq!(
            told,
            [
                "c.yaml:1: paralelism: there is no such setting | did you mean `parallelism`?",
                "c.yaml:2: log.format: `xml` is not one of pretty, json | ",
                "c.yaml:3: sso: there is no such setting | tokens and roles are set in `auth.tokensFile`",
                "c.yaml:5: limits.nodes_max: `many` is not a whole number from 1 to 100000000 | ",
            ]
        );
    }

    #[test]
    fn documents_are_taken_whole_also_as_text() {
        let (values, problems) =
            from_file("artifactRepository:\n  s3:\n    bucket: b\nworkflowDefaults: |\n  spec:\n    parallelism: 3\n");
        assert_eq!(problems, []);
        assert_eq!(values.get("artifactRepository")["s3"]["bucket"], "b");
        assert_eq!(values.get("workflowDefaults")["spec"]["parallelism"], 3);
    }

    #[test]
    fn foreign_variables_are_left_alone_and_odd_ones_warned_about() {
        let environment = ["COLCHIS_PORT", "COLCHIS_SERVICE_HOST", "COLCHIS_PORT_2746_TCP_ADDR", "COLCHIS_LISTN"]
            .map(|name| (name.to_owned(), "x".to_owned()))
            .to_vec();
        let (_, problems) = merge(Sources { environment, ..Sources::default() });
        assert_eq!(problems.len(), 1);
        assert!(problems[0].warning);
        assert_eq!(problems[0].hint.as_deref(), Some("did you mean `COLCHIS_LISTEN`?"));
    }

    #[test]
    fn a_key_may_be_written_with_its_dots() {
        let (values, problems) =
            from_file("parallelism: 1\nmetrics.listen: 127.0.0.1:0\negress.allowPrivate: true\nlog.formt: x\n");
        assert_eq!(values.text("metrics.listen"), "127.0.0.1:0");
        assert_eq!(values.list("egress.allowPrivate"), ["true"]);
        assert_eq!(
            problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["c.yaml:4: log.formt: there is no such setting"]
        );
    }

    #[test]
    fn an_empty_group_says_nothing() {
        assert_eq!(from_file("tls:\nlog: {}\n").1, []);
    }
}
