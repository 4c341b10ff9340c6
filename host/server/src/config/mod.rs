//! Configuration: one table of settings, three places to set them, one answer.
//!
//! ```text
//!   defaults ◄── file (YAML) ◄── environment (COLCHIS_…) ◄── flags        the right one wins
//!        └──────────── Values (each with its origin) ──► Config (typed, checked together)
//! ```
//!
//! All problems are collected and told at once, each with its place, the key and a hint; a configuration with an error starts nothing.

pub mod document;
pub mod kinds;
pub mod layers;
mod parts;
pub mod paths;
pub mod settings;
mod signatures;
mod typed;

pub use layers::{Sources, Values};
pub use parts::ADMINISTRATOR;
pub use typed::{Client, Config, LogFormat, Otlp, OtlpProtocol, RunnerKind, Tls};

use std::path::PathBuf;

use cli::settings::SettingProblem;

/// A flag that sets a setting: its key, the flag as it was written, and the value.
pub type Flag = (String, String, String);

/// What to read.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The file that was asked for; the usual place when absent.
    pub file: Option<PathBuf>,
    /// Flags that set settings.
    pub flags: Vec<Flag>,
    /// Other defaults than the table's: `colchis run` has some.
    pub defaults: Vec<(&'static str, serde_json::Value)>,
}

/// What was read: the values, and a configuration unless something is wrong.
pub struct Loaded {
    /// Every setting's value.
    pub values: Values,
    /// All that is wrong; warnings do not stop anything.
    pub problems: Vec<SettingProblem>,
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// The typed form, when nothing is wrong but warnings.
    pub config: Option<Config>,
}

/// Reads file and environment and lays the flags over them.
pub fn load(request: &Request) -> Loaded {
    load_from(request, &paths::Places::of_process(), std::env::vars().collect())
}

/// The same with the environment passed in.
pub fn load_from(request: &Request, places: &paths::Places, environment: Vec<(String, String)>) -> Loaded {
    let mut problems = Vec::new();
    let asked = request.file.clone().or_else(|| variable(&environment, "COLCHIS_CONFIG").map(PathBuf::from));
    let path = asked.clone().unwrap_or_else(|| places.config_file());
    let mut file = None;
    match std::fs::read_to_string(&path) {
        Ok(text) => match document::Document::parse(&text) {
            Ok(document) => file = Some((path.display().to_string(), document)),
            Err(problem) => problems.push(SettingProblem {
                place: format!("{}:{}", path.display(), problem.line),
                key: String::new(),
                reason: problem.reason,
                hint: None,
                warning: false,
            }),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && asked.is_none() => {}
        Err(error) => problems.push(SettingProblem {
            place: path.display().to_string(),
            key: String::new(),
            reason: format!("cannot be read: {error}"),
            hint: None,
            warning: false,
        }),
    }
    let found = file.as_ref().map(|(path, _)| PathBuf::from(path));
    let (mut values, merged) = layers::merge(Sources { file, environment, flags: request.flags.clone() });
    problems.extend(merged);
    for (key, value) in &request.defaults {
        values.set_default(key, value.clone());
    }
    values.set_default("dataDir", places.data_dir().display().to_string().into());
    let (config, unfit) = typed::check(&values, places);
    problems.extend(unfit);
    let usable = problems.iter().all(|problem| problem.warning);
    Loaded { values, problems, file: found, config: config.filter(|_| usable) }
}

fn variable<'e>(environment: &'e [(String, String)], name: &str) -> Option<&'e str> {
    environment.iter().find(|(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.as_str())
}
