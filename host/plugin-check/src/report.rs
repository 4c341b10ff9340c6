//! Verdicts, and their forms for machines.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use crate::catalogue;

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Passed,
    /// Not as it should be.
    Failed,
    /// It could not be looked at.
    Skipped,
}

/// A check and how it went.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// Its id.
    pub id: &'static str,
    /// What is asked, as a sentence.
    pub what: &'static str,
    /// How it went.
    pub verdict: Verdict,
    /// What was seen, or why it was not looked at.
    pub reason: String,
    /// What to do; only when it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<&'static str>,
    /// How long it took (ms).
    pub took_ms: f64,
}

/// All checks of one component.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What it calls itself; empty when it could not be asked.
    pub plugin: String,
    /// `sha256:…`.
    pub digest: String,
    /// The kind that was looked at.
    pub kind: Option<plugin::Kind>,
    /// In the order of [`crate::CHECKS`].
    pub checks: Vec<Check>,
}

impl Report {
    /// How many checks went so.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.checks.iter().filter(|check| check.verdict == verdict).count()
    }

    /// Whether none failed.
    pub fn passed(&self) -> bool {
        self.count(Verdict::Failed) == 0
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        if let Some(object) = value.as_object_mut() {
            object.insert("passed".to_owned(), json!(self.passed()));
        }
        value
    }

    /// As JUnit XML.
    pub fn junit(&self) -> String {
        let (failed, skipped) = (self.count(Verdict::Failed), self.count(Verdict::Skipped));
        let suite = escape(if self.plugin.is_empty() { "plugin" } else { &self.plugin });
        let mut out = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"{suite}\" tests=\"{}\" failures=\"{failed}\" skipped=\"{skipped}\">\n",
            self.checks.len()
        );
        for check in &self.checks {
            let seconds = check.took_ms / 1000.0;
            let reason = escape(&check.reason);
            let _ = write!(out, "<testcase classname=\"{suite}\" name=\"{}\" time=\"{seconds:.3}\">", check.id);
            match check.verdict {
                Verdict::Passed => {}
                Verdict::Failed => {
                    let hint = escape(check.hint.unwrap_or_default());
                    let _ = write!(out, "<failure message=\"{reason}\">{hint}</failure>");
                }
                Verdict::Skipped => {
                    let _ = write!(out, "<skipped message=\"{reason}\"/>");
                }
            }
            out.push_str("</testcase>\n");
        }
        out + "</testsuite>\n</testsuites>\n"
    }
}

/// A finished check.
pub(crate) fn check(id: &'static str, verdict: Verdict, reason: impl Into<String>, took_ms: f64) -> Check {
    let spec = catalogue::spec(id);
    let hint = (verdict == Verdict::Failed).then_some(spec.hint);
    Check { id, what: spec.what, verdict, reason: reason.into(), hint, took_ms }
}

fn escape(text: &str) -> String {
    let clean = text.chars().filter(|c| !c.is_control() || *c == '\n');
    clean.fold(String::new(), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_told_to_machines() {
        let checks = vec![
            check("load", Verdict::Passed, "", 1.0),
            check("schema", Verdict::Failed, "a \"<b>\" & c", 2.0),
            check("deadline", Verdict::Skipped, "no config", 0.0),
        ];
        let report = Report { plugin: "p".into(), digest: "sha256:x".into(), kind: None, checks };
        assert_eq!(report.json()["passed"], false);
        let xml = report.junit();
        assert!(xml.contains("tests=\"3\" failures=\"1\" skipped=\"1\""), "{xml}");
        assert!(xml.contains("message=\"a &quot;&lt;b&gt;&quot; &amp; c\""), "{xml}");
    }
}
