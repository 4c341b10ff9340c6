//! Which runs a command is about: by name, `@latest`, or by what they are.

use clap::Args;
use client::v1::{ListWorkflowsRequest, ObjectSelector, Order, WorkflowSummary};

use super::{duration_ms, refused};
use crate::context::{Connection, now_ms};
use crate::error::{CliError, CliResult};

/// Runs asked for at a time.
const PAGE: u32 = 500;
/// The label of a run that was made from another one.
const RESUBMITTED_FROM: &str = "workflows.argoproj.io/resubmitted-from-workflow";

/// What runs are, in Argo's flags.
#[derive(Debug, Clone, Default, Args)]
pub struct Filters {
    /// Runs whose labels match, such as -l app=web,tier!=test
    #[arg(short = 'l', long, value_name = "LABELS")]
    pub selector: Option<String>,

    /// Runs whose fields match, such as --field-selector status.phase=Failed
    #[arg(long, value_name = "FIELDS")]
    pub field_selector: Option<String>,

    /// Runs in one of these phases, such as --status Failed,Error
    #[arg(long, value_name = "PHASES", value_delimiter = ',')]
    pub status: Vec<String>,

    /// Runs that have not ended
    #[arg(long, conflicts_with = "completed")]
    pub running: bool,

    /// Runs that have ended
    #[arg(long)]
    pub completed: bool,

    /// Runs whose name begins so
    #[arg(long, value_name = "TEXT")]
    pub prefix: Option<String>,

    /// Runs created within the last so long, such as 10m, 3h or 7d
    #[arg(long, value_name = "DURATION")]
    pub since: Option<String>,

    /// Runs that ended longer ago than this, such as 10m, 3h or 7d
    #[arg(long, value_name = "DURATION")]
    pub older: Option<String>,

    /// Runs that were made from another run
    #[arg(long)]
    pub resubmitted: bool,
}

/// Filters as the server takes them, and the rest, which is looked at here.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// For the server.
    pub selector: ObjectSelector,
    /// Ended before (ms since the epoch).
    pub ended_before_ms: Option<i64>,
}

impl Filters {
    /// Whether nothing was asked for.
    pub fn is_empty(&self) -> bool {
        self.selector.is_none()
            && self.field_selector.is_none()
            && self.status.is_empty()
            && !self.running
            && !self.completed
            && self.prefix.is_none()
            && self.since.is_none()
            && self.older.is_none()
            && !self.resubmitted
    }

    /// Reads them.
    ///
    /// # Errors
    /// A duration or phase that is none.
    pub fn wanted(&self, now_ms: i64) -> CliResult<Wanted> {
        let mut labels: Vec<String> = self.selector.iter().cloned().collect();
        if self.resubmitted {
            labels.push(RESUBMITTED_FROM.to_owned());
        }
        let mut phases = Vec::new();
        for word in &self.status {
            phases.push(workflow_phase(word)?);
        }
        if self.running {
            phases.extend(["", "Pending", "Running"].map(str::to_owned));
        }
        if (self.completed || self.older.is_some()) && phases.is_empty() {
            phases.extend(["Succeeded", "Failed", "Error"].map(str::to_owned));
        }
        let since = self.since.as_deref().map(|text| duration_ms("--since", text)).transpose()?;
        let older = self.older.as_deref().map(|text| duration_ms("--older", text)).transpose()?;
        Ok(Wanted {
            selector: ObjectSelector {
                labels: labels.join(","),
                fields: self.field_selector.clone().unwrap_or_default(),
                phases,
                created_from_ms: since.map_or(0, |ms| now_ms - ms),
                name_prefix: self.prefix.clone().unwrap_or_default(),
                ..ObjectSelector::default()
            },
            ended_before_ms: older.map(|ms| now_ms - ms),
        })
    }
}

fn workflow_phase(word: &str) -> CliResult<String> {
    const PHASES: &[&str] = &["Pending", "Running", "Succeeded", "Failed", "Error"];
    match PHASES.iter().find(|phase| phase.eq_ignore_ascii_case(word.trim())) {
        Some(phase) => Ok((*phase).to_owned()),
        None => Err(CliError::usage(format!("--status {word}: not a phase of a run"))
            .hint(format!("one of {}", PHASES.join(", ")))),
    }
}

impl Wanted {
    /// Whether a row that the server gave is wanted.
    pub fn holds(&self, row: &WorkflowSummary) -> bool {
        self.ended_before_ms.is_none_or(|before| row.finished_ms > 0 && row.finished_ms < before)
    }
}

/// Every wanted run, the newest first, a page at a time.
pub struct Pages<'c> {
    connection: &'c Connection,
    namespace: String,
    wanted: Wanted,
    page: u32,
    wide: bool,
    token: Option<String>,
}

impl<'c> Pages<'c> {
    /// Begins. An empty namespace is all of them.
    pub fn new(connection: &'c Connection, namespace: String, wanted: Wanted, page: Option<u32>, wide: bool) -> Self {
        Self { connection, namespace, wanted, page: page.unwrap_or(PAGE), wide, token: Some(String::new()) }
    }

    /// The next page; `None` at the end.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn next(&mut self) -> CliResult<Option<Vec<WorkflowSummary>>> {
        let Some(continue_token) = self.token.take() else { return Ok(None) };
        let request = ListWorkflowsRequest {
            namespace: self.namespace.clone(),
            selector: Some(self.wanted.selector.clone()),
            order: Order::NewestFirst.into(),
            limit: self.page,
            continue_token,
            wide: self.wide,
        };
        let page = self.connection.client.workflows().list(request).await;
        let page = page.map_err(|error| refused(error, Some("cannot list workflows".into())))?;
        self.token = Some(page.continue_token).filter(|token| !token.is_empty());
        Ok(Some(page.workflows.into_iter().filter(|row| self.wanted.holds(row)).collect()))
    }

    /// All pages.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn all(mut self) -> CliResult<Vec<WorkflowSummary>> {
        let mut rows = Vec::new();
        while let Some(page) = self.next().await? {
            rows.extend(page);
        }
        Ok(rows)
    }
}

/// A run by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl std::fmt::Display for RunName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

/// The run that a word of the command line names: its name, or `@latest`.
///
/// # Errors
/// There is none.
pub async fn named(connection: &Connection, word: &str) -> CliResult<RunName> {
    let namespace = connection.namespace.clone();
    if word != "@latest" {
        return Ok(RunName { namespace, name: word.to_owned() });
    }
    let mut pages = Pages::new(connection, namespace.clone(), Wanted::default(), Some(1), false);
    match pages.next().await?.and_then(|page| page.into_iter().next()) {
        Some(row) => Ok(RunName { namespace: row.namespace, name: row.name }),
        None => Err(CliError::failed(format!("there is no workflow in namespace {namespace}"))
            .hint("-n names another namespace")),
    }
}

/// The runs that a command is about: those named, or those that the filters find.
///
/// # Errors
/// Neither was given; the server refuses.
pub async fn chosen(
    connection: &Connection,
    names: &[String],
    filters: &Filters,
    namespace: Option<String>,
) -> CliResult<Vec<RunName>> {
    let mut runs = Vec::new();
    for word in names {
        runs.push(named(connection, word).await?);
    }
    if !filters.is_empty() {
        if !names.is_empty() {
            return Err(CliError::usage("name workflows, or choose them by flags, not both"));
        }
        let namespace = namespace.unwrap_or_else(|| connection.namespace.clone());
        let rows = Pages::new(connection, namespace, filters.wanted(now_ms())?, None, false).all().await?;
        runs.extend(rows.into_iter().map(|row| RunName { namespace: row.namespace, name: row.name }));
    } else if names.is_empty() {
        return Err(
            CliError::usage("no workflow is named").hint("name one, or @latest, or choose by -l, --status, --prefix …")
        );
    }
    Ok(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_become_a_selector() {
        let filters = Filters {
            selector: Some("a=b".into()),
            status: vec!["failed".into()],
            resubmitted: true,
            since: Some("10m".into()),
            older: Some("2h".into()),
            ..Filters::default()
        };
        let wanted = filters.wanted(10_000_000).unwrap();
        assert_eq!(wanted.selector.labels, format!("a=b,{RESUBMITTED_FROM}"));
        assert_eq!(wanted.selector.phases, ["Failed"]);
        assert_eq!(wanted.selector.created_from_ms, 9_400_000);
        assert_eq!(wanted.ended_before_ms, Some(2_800_000));
        assert!(Filters { status: vec!["Skipped".into()], ..Filters::default() }.wanted(0).is_err());
        assert!(!filters.is_empty() && Filters::default().is_empty());
    }

    #[test]
    fn older_means_ended_before() {
        let wanted = Wanted { ended_before_ms: Some(100), ..Wanted::default() };
        let ended = |finished_ms| WorkflowSummary { finished_ms, ..WorkflowSummary::default() };
        assert!(wanted.holds(&ended(99)) && !wanted.holds(&ended(100)) && !wanted.holds(&ended(0)));
    }
}
