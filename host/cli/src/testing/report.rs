//! How the results of tests are told: to people, as JSON, as JUnit XML.

use serde_json::{Value, json};

use super::coverage::{Coverage, Share};
use super::expect::Difference;
use super::run::{Outcome, Verdict};
use super::suite::{Ready, Suite};
use crate::render::board;
use crate::render::{Paint, Terminal, Text, time};

/// Things that no case ran, of which are told.
const MISSED_TOLD_MAX: usize = 20;

/// All that was found.
pub struct Report<'a> {
    /// The test files.
    pub suites: &'a [Suite],
    /// The cases that are over, in their order.
    pub outcomes: &'a [Outcome],
    /// How long all took in real time (ms).
    pub wall_ms: i64,
    /// What was run of the manifests; absent when only some cases were wanted.
    pub coverage: Option<&'a Coverage>,
}

fn ready<'a>(suites: &'a [Suite], outcome: &Outcome) -> Option<(&'a Suite, &'a Ready)> {
    let suite = suites.get(outcome.suite)?;
    Some((suite, suite.cases.get(outcome.case)?))
}

/// The line of a difference: its own, or the nearest around it.
fn line_of(suite: &Suite, ready: &Ready, difference: &Difference) -> u32 {
    // A node among several of a name has its path behind it.
    let path = difference.path.split(" (").next().unwrap_or_default();
    let path = if path.is_empty() { ready.path.clone() } else { format!("{}.{path}", ready.path) };
    suite.document.nearest_position(&path).line
}

/// One line for a case.
pub fn case_line(ready: &Ready, outcome: &Outcome, terminal: &Terminal) -> Text {
    let signs = terminal.signs();
    let (paint, sign) = match outcome.verdict {
        Verdict::Passed => (Paint::Green, signs.ok),
        Verdict::Failed => (Paint::Red, signs.failed),
        Verdict::Skipped => (Paint::Dim, signs.skipped),
    };
    let mut text = Text::plain("  ").with(paint, sign).with(Paint::Plain, format!(" {}", ready.case.name));
    if let Some(why) = &ready.case.skip {
        text.push(Paint::Dim, format!("  skipped: {why}"));
    }
    if let Some(played) = &outcome.played {
        let steps = played.calls.len();
        let row = &played.view.summary;
        let mut facts = vec![if steps == 1 { "1 step".to_owned() } else { format!("{steps} steps") }];
        if row.finished_ms > row.started_ms && row.started_ms > 0 {
            facts.push(time::exact(row.finished_ms - row.started_ms));
        }
        text.push(Paint::Dim, format!("  ({})", facts.join(", ")));
    }
    text
}

/// What is wrong with a case, and its run.
pub fn failure(suite: &Suite, ready: &Ready, outcome: &Outcome, terminal: &Terminal) -> Vec<Text> {
    let mut lines = vec![
        Text::painted(Paint::Red, terminal.signs().failed)
            .with(Paint::Bold, format!(" {}", ready.case.name))
            .with(Paint::Dim, format!("  {}:{}", suite.file, ready.line)),
    ];
    for difference in &outcome.differences {
        let path = if difference.path.is_empty() { "case" } else { &difference.path };
        let line = line_of(suite, ready, difference);
        lines.push(Text::plain(format!("  {path}")).with(Paint::Dim, format!("  (line {line})")));
        lines.push(Text::plain("    expected  ").with(Paint::Green, &difference.expected));
        lines.push(Text::plain("    got       ").with(Paint::Red, &difference.got));
    }
    lines.push(Text::empty());
    lines.extend(tree(outcome, terminal));
    lines
}

/// The run of a case, as a tree.
pub fn tree(outcome: &Outcome, terminal: &Terminal) -> Vec<Text> {
    let Some(played) = outcome.played.as_ref().filter(|played| played.refused.is_none()) else { return Vec::new() };
    if played.view.name.is_empty() {
        return Vec::new();
    }
    let mut lines: Vec<Text> = board::final_frame(&played.view, played.now_ms, terminal)
        .into_iter()
        .map(|line| {
            let mut text = Text::plain("  ");
            text.append(line);
            text
        })
        .collect();
    lines.push(Text::empty());
    lines
}

impl Report<'_> {
    fn count(&self, verdict: Verdict) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.verdict == verdict).count()
    }

    /// Whether no case failed.
    pub fn passed(&self) -> bool {
        self.count(Verdict::Failed) == 0
    }

    /// The lines at the end.
    pub fn summary(&self, wanted: usize) -> Vec<Text> {
        let (passed, failed, skipped) =
            (self.count(Verdict::Passed), self.count(Verdict::Failed), self.count(Verdict::Skipped));
        let mut text = Text::empty();
        let mut part = |paint: Paint, count: usize, word: &str| {
            if count > 0 {
                let comma = if text.is_empty() { "" } else { ", " };
                text.push(Paint::Plain, comma);
                text.push(paint, format!("{count} {word}"));
            }
        };
        part(Paint::Green, passed, "passed");
        part(Paint::Red, failed, "failed");
        part(Paint::Yellow, skipped, "skipped");
        part(Paint::Yellow, wanted.saturating_sub(self.outcomes.len()), "not run");
        text.push(Paint::Dim, format!("  in {}", time::took(self.wall_ms)));
        let mut lines = vec![text];
        if let Some(coverage) = self.coverage {
            lines.extend(covered(coverage));
        }
        lines
    }

    /// Everything as JSON.
    pub fn json(&self) -> Value {
        let files: Vec<Value> = self
            .suites
            .iter()
            .enumerate()
            .map(|(at, suite)| {
                let cases = self.outcomes.iter().filter(|outcome| outcome.suite == at);
                json!({"file": suite.file, "cases": cases.filter_map(|o| self.case_json(o)).collect::<Vec<_>>()})
            })
            .collect();
        let mut value = json!({
            "passed": self.count(Verdict::Passed),
            "failed": self.count(Verdict::Failed),
            "skipped": self.count(Verdict::Skipped),
            "wallMs": self.wall_ms,
            "files": files,
        });
        if let (Some(coverage), Some(map)) = (self.coverage, value.as_object_mut()) {
            let share = |share: Share| json!({"seen": share.seen, "all": share.all});
            let missed = coverage.missed();
            let missed = missed
                .iter()
                .map(|m| json!({"file": m.place.file, "line": m.place.line, "what": m.what, "how": m.how}))
                .collect::<Vec<_>>();
            map.insert(
                "coverage".to_owned(),
                json!({"templates": share(coverage.templates()), "steps": share(coverage.steps()), "missed": missed}),
            );
        }
        value
    }

    fn case_json(&self, outcome: &Outcome) -> Option<Value> {
        let (suite, ready) = ready(self.suites, outcome)?;
        let differences = outcome.differences.iter();
        let row = outcome.played.as_ref().map(|played| &played.view.summary);
        Some(json!({
            "name": ready.case.name,
            "line": ready.line,
            "verdict": match outcome.verdict {
                Verdict::Passed => "passed",
                Verdict::Failed => "failed",
                Verdict::Skipped => "skipped",
            },
            "reason": ready.case.skip,
            "steps": outcome.played.as_ref().map(|played| played.calls.len()),
            "tookMs": row.map(|row| (row.finished_ms - row.started_ms).max(0)),
            "wallMs": i64::try_from(outcome.wall.as_millis()).unwrap_or(i64::MAX),
            "differences": differences
                .map(|d| json!({"path": d.path, "line": line_of(suite, ready, d), "expected": d.expected, "got": d.got}))
                .collect::<Vec<_>>(),
        }))
    }

    /// Everything as JUnit XML, which most build servers read.
    pub fn junit(&self) -> String {
        let seconds = |ms: i64| format!("{}.{:03}", ms / 1000, ms % 1000);
        let ms = |outcome: &Outcome| i64::try_from(outcome.wall.as_millis()).unwrap_or(i64::MAX);
        let counts = |outcomes: &[&Outcome]| {
            let count = |verdict| outcomes.iter().filter(|outcome| outcome.verdict == verdict).count();
            format!(
                "tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\"",
                outcomes.len(),
                count(Verdict::Failed),
                count(Verdict::Skipped)
            )
        };
        let all: Vec<&Outcome> = self.outcomes.iter().collect();
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {} time=\"{}\">\n",
            counts(&all),
            seconds(self.wall_ms)
        );
        for (at, suite) in self.suites.iter().enumerate() {
            let cases: Vec<&Outcome> = self.outcomes.iter().filter(|outcome| outcome.suite == at).collect();
            let total = cases.iter().map(|outcome| ms(outcome)).sum();
            let (name, counts) = (escaped(&suite.file), counts(&cases));
            xml.push_str(&format!("  <testsuite name=\"{name}\" {counts} time=\"{}\">\n", seconds(total)));
            for outcome in cases {
                let Some((_, ready)) = ready(self.suites, outcome) else { continue };
                xml.push_str(&format!(
                    "    <testcase classname=\"{name}\" name=\"{}\" file=\"{name}\" line=\"{}\" time=\"{}\">\n",
                    escaped(&ready.case.name),
                    ready.line,
                    seconds(ms(outcome))
                ));
                if let Some(why) = &ready.case.skip {
                    xml.push_str(&format!("      <skipped message=\"{}\"/>\n", escaped(why)));
                }
                if outcome.verdict == Verdict::Failed {
                    let first = outcome.differences.first();
                    let message =
                        first.map_or(String::new(), |d| format!("{}: expected {}, got {}", d.path, d.expected, d.got));
                    let lines = failure(suite, ready, outcome, &Terminal::plain());
                    let text: Vec<String> = lines.iter().map(Text::letters).collect();
                    xml.push_str(&format!(
                        "      <failure message=\"{}\">{}</failure>\n",
                        escaped(&message),
                        escaped(&text.join("\n"))
                    ));
                }
                xml.push_str("    </testcase>\n");
            }
            xml.push_str("  </testsuite>\n");
        }
        xml.push_str("</testsuites>\n");
        xml
    }
}

fn covered(coverage: &Coverage) -> Vec<Text> {
    let (templates, steps) = (coverage.templates(), coverage.steps());
    let share = |share: Share, word: &str| format!("{} of {} {word}", share.seen, share.all);
    let mut lines = vec![Text::painted(
        Paint::Dim,
        format!("covered: {}, {}", share(templates, "templates"), share(steps, "steps")),
    )];
    let missed = coverage.missed();
    for missed in missed.iter().take(MISSED_TOLD_MAX) {
        let place = format!("  {}:{}", missed.place.file, missed.place.line);
        lines.push(Text::painted(Paint::Dim, place).with(Paint::Plain, format!("  {} {}", missed.what, missed.how)));
    }
    if let Some(more) = missed.len().checked_sub(MISSED_TOLD_MAX).filter(|more| *more > 0) {
        lines.push(Text::painted(Paint::Dim, format!("  and {more} more; -o json tells all")));
    }
    lines
}

/// Text as XML takes it. What XML cannot hold is left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_is_well_formed_whatever_is_told() {
        assert_eq!(escaped("a<b & \"c\"\u{1b}[31m\n"), "a&lt;b &amp; &quot;c&quot;[31m&#10;");
    }
}
