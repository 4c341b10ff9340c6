//! `colchis test`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use crate::context::Context;
use crate::error::{CliError, CliResult, Exit};
use crate::render::problems::{self, Form};
use crate::render::{Paint, Text};
use crate::testing::coverage::Coverage;
use crate::testing::load::{self, Loaded};
use crate::testing::pattern::{fits, is_open};
use crate::testing::report::{self, Report};
use crate::testing::run::{Job, Outcome, Verdict};
use crate::testing::suite::{SHAPE, Suite};

/// A test file to begin with.
const EXAMPLE: &str = include_str!("test_example.yaml");

/// Test workflows: steps go as a file says, and nothing is run
///
/// A test file names manifests, says how their steps go, and what must come of it. Each case runs on a server of its own of which nothing is real: no process, no
/// image, no network, and time passes at once. The exit code is 0 when all cases passed, 1 when one failed, 2 when a test file is wrong.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  colchis test                               every *.test.yaml and *_test.yaml below this folder
  colchis test release.test.yaml --run 'a bad build*' --tree
  colchis test workflows/ --junit results.xml
  colchis test --example > release.test.yaml")]
pub struct Test {
    /// Test files, and folders that hold some [default: this folder]
    #[arg(value_name = "FILE|DIR")]
    files: Vec<String>,

    /// Only cases whose name holds this text, or fits it with `*`; may be repeated
    #[arg(long, visible_alias = "filter", value_name = "TEXT")]
    run: Vec<String>,

    /// Every step must be spoken of, also where a file does not say so
    #[arg(long)]
    strict: bool,

    /// Begin no more cases after the first that fails
    #[arg(long)]
    fail_fast: bool,

    /// Show the run of every case, not only of those that failed
    #[arg(long)]
    tree: bool,

    /// Say nothing of what no case ran
    #[arg(long)]
    no_coverage: bool,

    /// Tell only what failed
    #[arg(short = 'q', long)]
    quiet: bool,

    /// Cases at a time [default: as many as there are cores]
    #[arg(short = 'j', long, value_name = "N")]
    jobs: Option<usize>,

    /// Write the results to a file of JUnit XML, too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,

    /// How results are told
    #[arg(short = 'o', long, value_enum, default_value_t, value_name = "FORM")]
    output: Output,

    /// Print a test file to begin with
    #[arg(long)]
    example: bool,

    /// Print the JSON Schema of test files, for editors
    #[arg(long)]
    schema: bool,
}

/// The forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Output {
    /// A line for each case
    #[default]
    Pretty,
    /// JSON
    Json,
}

impl Test {
    pub(super) async fn run(mut self, ctx: &mut Context) -> CliResult {
        if self.example {
            ctx.out.write(EXAMPLE)?;
            return Ok(Exit::Done);
        }
        if self.schema {
            let text = serde_json::to_string_pretty(SHAPE.schema()).map_err(anyhow::Error::from)?;
            ctx.out.write(text + "\n")?;
            return Ok(Exit::Done);
        }
        if self.files.is_empty() {
            self.files.push(".".to_owned());
        }
        let loaded = load::load(&load::find(&self.files)?)?;
        refuse(ctx, &loaded)?;
        let mut suites = loaded.suites;
        if self.strict {
            suites.iter_mut().flat_map(|suite| &mut suite.cases).for_each(|case| case.strict = true);
        }
        let wanted = self.wanted(&suites)?;
        let suites = Arc::new(suites);
        let begun = std::time::Instant::now();
        let (outcomes, interrupted) = self.play(ctx, &suites, &wanted).await?;
        let all = wanted.len() == suites.iter().map(|suite| suite.cases.len()).sum::<usize>();
        let coverage =
            (all && !self.no_coverage && outcomes.len() == wanted.len()).then(|| coverage(&suites, &outcomes));
        let report = Report {
            suites: &suites,
            outcomes: &outcomes,
            wall_ms: i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX),
            coverage: coverage.as_ref(),
        };
        if let Some(path) = &self.junit {
            std::fs::write(path, report.junit()).with_context(|| format!("{} cannot be written", path.display()))?;
        }
        self.tell(ctx, &report, wanted.len())?;
        match (interrupted, report.passed()) {
            (true, _) => Err(CliError::silent(Exit::Interrupted)),
            (false, true) => Ok(Exit::Done),
            (false, false) => Ok(Exit::Failed),
        }
    }

    /// The cases that are run.
    fn wanted(&self, suites: &[Suite]) -> CliResult<Vec<(usize, usize)>> {
        let named = |name: &str| {
            let name = name.to_lowercase();
            self.run.is_empty()
                || self.run.iter().map(|text| text.to_lowercase()).any(|text| match is_open(&text) {
                    true => fits(&text, &name),
                    false => name.contains(&text),
                })
        };
        let mut wanted = Vec::new();
        for (suite, file) in suites.iter().enumerate() {
            let cases = file.cases.iter().enumerate().filter(|(_, ready)| named(&ready.case.name));
            wanted.extend(cases.map(|(case, _)| (suite, case)));
        }
        if wanted.is_empty() {
            let names: Vec<&str> = suites.iter().flat_map(|s| &s.cases).map(|ready| ready.case.name.as_str()).collect();
            return Err(CliError::usage(format!("no case is called {}", self.run.join(" or ")))
                .hint(format!("there are: {}", names.join("; "))));
        }
        Ok(wanted)
    }

    /// Runs the cases and tells each as it ends. Answers whether somebody interrupted.
    async fn play(
        &self,
        ctx: &mut Context,
        suites: &Arc<Vec<Suite>>,
        wanted: &[(usize, usize)],
    ) -> CliResult<(Vec<Outcome>, bool)> {
        let stop = Arc::new(AtomicBool::new(false));
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let job = Job {
            host: ctx.host.clone(),
            config: ctx.config_request()?,
            suites: suites.clone(),
            wanted: wanted.to_vec(),
            threads: self.jobs.unwrap_or(cores),
            fail_fast: self.fail_fast,
            stop: stop.clone(),
        };
        let mut results = job.start().context("the cases cannot be run")?;
        let mut outcomes: Vec<Outcome> = Vec::new();
        let mut interrupted = false;
        loop {
            tokio::select! {
                biased;
                _ = tokio::signal::ctrl_c() => {
                    // The second time at once; else the cases that run end first, and clean up behind them.
                    if std::mem::replace(&mut interrupted, true) {
                        break;
                    }
                    stop.store(true, Ordering::Relaxed);
                }
                outcome = results.recv() => {
                    let Some(outcome) = outcome else { break };
                    let first = outcomes.last().is_none_or(|last| last.suite != outcome.suite);
                    self.tell_case(ctx, suites, &outcome, first)?;
                    outcomes.push(outcome);
                }
            }
        }
        Ok((outcomes, interrupted))
    }

    fn tell_case(&self, ctx: &mut Context, suites: &[Suite], outcome: &Outcome, first: bool) -> CliResult<()> {
        let told = self.output == Output::Pretty && !self.quiet;
        let Some(suite) = suites.get(outcome.suite).filter(|_| told) else { return Ok(()) };
        let Some(ready) = suite.cases.get(outcome.case) else { return Ok(()) };
        if first {
            ctx.out.line(Text::painted(Paint::Bold, &suite.file))?;
        }
        ctx.out.line(report::case_line(ready, outcome, &ctx.out.terminal))?;
        if self.tree && outcome.verdict == Verdict::Passed {
            for line in report::tree(outcome, &ctx.out.terminal) {
                ctx.out.line(line)?;
            }
        }
        Ok(())
    }

    fn tell(&self, ctx: &mut Context, report: &Report<'_>, wanted: usize) -> CliResult<()> {
        if self.output == Output::Json {
            let text = serde_json::to_string_pretty(&report.json()).map_err(anyhow::Error::from)?;
            return ctx.out.write(text + "\n");
        }
        let terminal = ctx.out.terminal.clone();
        if !self.quiet {
            ctx.out.line(Text::empty())?;
        }
        for outcome in report.outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Failed) {
            let Some(suite) = report.suites.get(outcome.suite) else { continue };
            let Some(ready) = suite.cases.get(outcome.case) else { continue };
            for line in report::failure(suite, ready, outcome, &terminal) {
                ctx.out.line(line)?;
            }
        }
        for line in report.summary(wanted) {
            ctx.out.line(line)?;
        }
        Ok(())
    }
}

/// A test file with a mistake runs nothing.
fn refuse(ctx: &mut Context, loaded: &Loaded) -> CliResult<()> {
    if loaded.problems.is_empty() {
        return Ok(());
    }
    let text_of = |name: &str| loaded.sources.iter().find(|source| source.name == name).map(|s| s.text.clone());
    let text = problems::render(&loaded.problems, Form::Pretty, &ctx.out.err_terminal, &text_of);
    ctx.out.note_raw(&text);
    let count = loaded.problems.len();
    let hint = "`colchis test --example` prints a test file, `--schema` the JSON Schema of one for editors";
    Err(CliError::usage(match count {
        1 => "a test file is wrong; no case was run".to_owned(),
        count => format!("test files have {count} mistakes; no case was run"),
    })
    .hint(hint))
}

fn coverage(suites: &[Suite], outcomes: &[Outcome]) -> Coverage {
    let mut coverage = Coverage::default();
    for suite in suites {
        coverage.expect(&suite.templates);
    }
    for outcome in outcomes {
        let Some(suite) = suites.get(outcome.suite) else { continue };
        if let (Some(ready), Some(played)) = (suite.cases.get(outcome.case), &outcome.played) {
            coverage.saw(&suite.templates, &ready.start, played);
        }
    }
    coverage
}
