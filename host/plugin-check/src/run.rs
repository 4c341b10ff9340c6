//! The checks, one after the other: first what a component says, then what it does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use plugin::{CallContext, Capability, Facts, Kind, ObjectRef, PluginError, Severity};
use serde_json::{Value, json};

use crate::catalogue::CHECKS;
use crate::drive::Given;
use crate::input::Input;
use crate::report::{self, Check, Report, Verdict};
use crate::schema::Schema;
use crate::tape::Tape;
use crate::wires::Through;
use crate::workbench::{Grant, Refused, Stage, Workbench};

/// How long a call may take unless a check says otherwise.
pub(crate) const CALL_MAX: Duration = Duration::from_secs(20);

/// What is checked, and how.
#[derive(Default)]
pub struct Options {
    /// Which kind; needed of a component that is of several.
    pub kind: Option<Kind>,
    /// A configuration that works; `{}` when absent, if the schema takes it.
    pub config: Option<Value>,
    /// One that the schema takes and that cannot work.
    pub bad_config: Option<Value>,
    /// What calls are given.
    pub input: Input,
    /// What the call that is really made is granted.
    pub grants: Vec<Grant>,
    /// Where answers come from, or go to; the network alone when absent.
    pub tape: Option<Arc<Tape>>,
    /// Whether the tape is being recorded.
    pub records: bool,
    /// How many calls `growth` makes.
    pub calls: u32,
    /// Memory of an instance (bytes), as the workbench was told.
    pub memory_bytes_max: usize,
    /// Ids of checks that are left out.
    pub skip: Vec<String>,
}

/// What one check found.
pub(crate) type Found = (Verdict, String);

pub(crate) fn passed(reason: impl Into<String>) -> Found {
    (Verdict::Passed, reason.into())
}

pub(crate) fn failed(reason: impl Into<String>) -> Found {
    (Verdict::Failed, reason.into())
}

pub(crate) fn skipped(reason: impl Into<String>) -> Found {
    (Verdict::Skipped, reason.into())
}

/// A run of the checks.
pub(crate) struct Run<'a> {
    pub(crate) bench: &'a dyn Workbench,
    pub(crate) options: &'a Options,
    checks: Vec<Check>,
    /// Calls that ended in a trap or at a limit.
    pub(crate) broke: Vec<String>,
    begun: Instant,
}

/// Asks a component everything.
pub async fn run(bench: &dyn Workbench, options: &Options) -> Report {
    let mut run = Run { bench, options, checks: Vec::new(), broke: Vec::new(), begun: Instant::now() };
    let mut report = Report { plugin: String::new(), digest: String::new(), kind: None, checks: Vec::new() };
    if let Some(facts) = run.described().await {
        report.plugin.clone_from(&facts.info.name);
        report.digest.clone_from(&facts.digest);
        run.says(&facts);
        match run.kind(&facts) {
            Ok(kind) => {
                report.kind = Some(kind);
                run.kind_of(&facts, kind).await;
            }
            Err(why) => run.set("schema", failed(why)),
        }
    }
    let unreached = run.checks.iter().find(|check| check.verdict == Verdict::Failed).map(|check| check.id);
    for spec in CHECKS {
        if !run.checks.iter().any(|check| check.id == spec.id) {
            let why = unreached.map_or("not looked at".to_owned(), |id| format!("not looked at, as `{id}` failed"));
            run.set(spec.id, skipped(why));
        }
    }
    for spec in CHECKS {
        if let Some(check) = run.checks.iter().find(|check| check.id == spec.id) {
            report.checks.push(check.clone());
        }
    }
    report
}

impl Run<'_> {
    /// Notes what a check found, and how long that took since the one before.
    pub(crate) fn set(&mut self, id: &'static str, (verdict, reason): Found) {
        let took = self.begun.elapsed().as_secs_f64() * 1000.0;
        let (verdict, reason) = match self.options.skip.iter().any(|skip| skip == id) {
            true => (Verdict::Skipped, "left out by --skip".to_owned()),
            false => (verdict, reason),
        };
        self.checks.push(report::check(id, verdict, reason, took));
        self.begun = Instant::now();
    }

    /// Loads it without any grant, which asks it to describe itself twice.
    async fn described(&mut self) -> Option<Facts> {
        self.bench.switch().set(Arc::new(Through));
        match self.bench.load("check", &[]).await {
            Ok(facts) => {
                self.set("load", passed(format!("{} bytes, {}", facts.bytes, short(&facts.digest))));
                self.set("describe", passed(format!("{} {}", facts.info.name, facts.info.version)));
                self.set("describe-pure", passed("the same twice"));
                Some(facts)
            }
            Err(Refused { stage, message }) => {
                if stage != Stage::Load {
                    self.set("load", passed(""));
                }
                if stage == Stage::Pure {
                    self.set("describe", passed(""));
                }
                let id = match stage {
                    Stage::Load => "load",
                    Stage::Describe => "describe",
                    Stage::Pure => "describe-pure",
                };
                self.set(id, failed(message));
                None
            }
        }
    }

    /// What it says about itself.
    fn says(&mut self, facts: &Facts) {
        let info = &facts.info;
        self.set(
            "version",
            match is_version(&info.version) {
                true => passed(info.version.clone()),
                false => failed(format!("{:?} is none", info.version)),
            },
        );
        let summary = info.summary.trim();
        self.set(
            "summary",
            match summary.chars().count() {
                0 => failed("it is empty"),
                long if long > 200 => failed(format!("it has {long} letters")),
                _ if summary.contains('\n') => failed("it has more than one line"),
                _ => passed(summary),
            },
        );
        let wrong = info.needs.iter().find_map(|need| match &need.what {
            what if need.why.trim().is_empty() => Some(format!("{what:?} has no reason")),
            Capability::Http(host) | Capability::Endpoint(host) if host.trim().is_empty() => {
                Some("a need names no host; `*` says that the configuration does".to_owned())
            }
            Capability::Other(name) => Some(format!("{name}: there is no such grant")),
            _ => None,
        });
        self.set(
            "needs",
            match wrong {
                Some(why) => failed(why),
                None => passed(match info.needs.len() {
                    0 => "none".to_owned(),
                    count => format!("{count}"),
                }),
            },
        );
    }

    fn kind(&self, facts: &Facts) -> Result<Kind, String> {
        let mut kinds: Vec<Kind> = facts.info.kinds.iter().map(|info| info.kind).collect();
        kinds.dedup();
        match (self.options.kind, kinds.as_slice()) {
            (Some(kind), kinds) if kinds.contains(&kind) => Ok(kind),
            (None, [kind]) => Ok(*kind),
            (asked, kinds) => {
                let names: Vec<&str> = kinds.iter().map(|kind| kind.word()).collect();
                let names = names.join(", ");
                Err(match asked {
                    Some(kind) => format!("it is no {}, but: {names}", kind.word()),
                    None => format!("it is of several kinds; say with --kind which: {names}"),
                })
            }
        }
    }

    /// Its schema, its look at configurations, its calls.
    async fn kind_of(&mut self, facts: &Facts, kind: Kind) {
        let Some(info) = facts.info.as_kind(kind) else { return };
        let schema = match Schema::new(&info.config_schema) {
            Ok(schema) => schema,
            Err(why) => return self.set("schema", failed(why)),
        };
        self.set("schema", passed(""));
        let given = self.options.config.clone();
        self.set(
            "schema-closed",
            match schema.is_closed(given.as_ref().or(Some(&json!({})))) {
                true => passed(""),
                false => failed("a field that there is not is taken"),
            },
        );
        let Some(config) = given.clone().or_else(|| Some(json!({})).filter(|config| schema.refusal(config).is_none()))
        else {
            let why = "give a configuration that works, with -f FILE";
            for id in CHECKS.iter().map(|spec| spec.id).skip_while(|id| *id != "config") {
                self.set(id, skipped(why));
            }
            return;
        };
        let good = self.config(&schema, kind, &config).await;
        self.set_check_config(&schema, kind, &config).await;
        if !good {
            return;
        }
        let given = Given { kind, config, input: self.options.input.clone() };
        self.calls(facts, &given).await;
    }

    /// Whether the configuration works as far as reading it tells.
    async fn config(&mut self, schema: &Schema, kind: Kind, config: &Value) -> bool {
        let found = match schema.refusal(config) {
            Some(why) => failed(format!("the schema refuses it: {why}")),
            None => match self.bench.desk().check_config("check", kind, &self.context(CALL_MAX), config).await {
                Ok(findings) => match findings.iter().find(|finding| finding.severity == Severity::Error) {
                    Some(finding) => failed(format!("{}: {}", finding.field, finding.message)),
                    None => passed(match findings.len() {
                        0 => String::new(),
                        count => format!("{count} warnings"),
                    }),
                },
                Err(error) => failed(self.told(&error)),
            },
        };
        let good = found.0 == Verdict::Passed;
        self.set("config", found);
        let broken = schema.broken(config);
        self.set(
            "schema-refuses",
            match broken.iter().find(|broken| schema.refusal(&broken.config).is_none()) {
                _ if !good => skipped("the configuration does not work itself"),
                Some(taken) => failed(format!("it takes the configuration {}", taken.how)),
                None if broken.is_empty() => skipped("the schema has no field"),
                None => passed(format!("{} of {}", broken.len(), broken.len())),
            },
        );
        good
    }

    /// What the plugin itself says about configurations that cannot work.
    async fn set_check_config(&mut self, schema: &Schema, kind: Kind, good: &Value) {
        let mut wrong: Vec<(String, Value)> =
            schema.broken(good).into_iter().map(|broken| (broken.how, broken.config)).collect();
        wrong.extend(self.options.bad_config.clone().map(|config| ("of --bad-config".to_owned(), config)));
        let asked = wrong.len();
        let mut trouble = None;
        for (how, config) in wrong {
            let said = self.bench.desk().check_config("check", kind, &self.context(CALL_MAX), &config).await;
            let problem = match said {
                Ok(findings) => match findings.iter().find(|finding| finding.severity == Severity::Error) {
                    None => Some("is taken without an error".to_owned()),
                    Some(finding) if finding.field.is_empty() && finding.message.is_empty() => {
                        Some("is an error that says neither where nor what".to_owned())
                    }
                    Some(finding) if finding.field.is_empty() && !names_a_field(&finding.message, &config, good) => {
                        Some(format!("is an error without its field: {}", finding.message))
                    }
                    Some(_) => None,
                },
                Err(error) if error.class == plugin::ErrorClass::InvalidConfig && error.field.is_some() => None,
                Err(error) => Some(format!("gives {}", self.told(&error))),
            };
            trouble = trouble.or(problem.map(|problem| format!("the configuration {how} {problem}")));
        }
        self.set(
            "check-config",
            match (trouble, asked) {
                (Some(why), _) => failed(why),
                (None, 0) => skipped("nothing to break in it; give --bad-config FILE"),
                (None, asked) => passed(format!("{asked} of {asked}")),
            },
        );
    }

    /// A call's context.
    pub(crate) fn context(&self, timeout: Duration) -> CallContext {
        let object = ObjectRef { kind: "Check".into(), namespace: "check".into(), name: "check".into() };
        CallContext::new(object, timeout)
    }

    /// An error in words; notes those that broke off.
    pub(crate) fn told(&mut self, error: &PluginError) -> String {
        let text = format!("{} ({}): {error}", error.class.word(), error.code);
        if matches!(error.code.as_str(), "trapped" | "limit") {
            self.broke.push(text.clone());
        }
        text
    }
}

/// Whether a message names a field that is missing: it has no place of its own.
fn names_a_field(message: &str, config: &Value, good: &Value) -> bool {
    let there = config.as_object();
    good.as_object().is_some_and(|fields| {
        fields
            .keys()
            .any(|name| there.is_some_and(|there| !there.contains_key(name)) && message.contains(name.as_str()))
    })
}

/// `MAJOR.MINOR.PATCH`, and what semver.org lets follow.
fn is_version(text: &str) -> bool {
    let core = text.split(['-', '+']).next().unwrap_or_default();
    let parts: Vec<&str> = core.split('.').collect();
    let number = |part: &&str| part.parse::<u64>().is_ok() && (part.len() == 1 || !part.starts_with('0'));
    let rest = text.get(core.len()..).unwrap_or_default();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.');
    parts.len() == 3 && parts.iter().all(number) && rest.chars().all(fits) && rest.len() != 1
}

fn short(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_semver() {
        for (text, is) in [
            ("1.2.3", true),
            ("0.1.0-rc.1+5", true),
            ("1.2", false),
            ("v1.2.3", false),
            ("01.2.3", false),
            ("1.2.3-", false),
        ] {
            assert_eq!(is_version(text), is, "{text}");
        }
    }
}
