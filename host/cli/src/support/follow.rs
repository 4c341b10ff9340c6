//! Staying with runs until they end: redrawn trees on a terminal, a line per change elsewhere, logs on request.

use std::time::Duration;

use clap::Args;
use client::v1::{LogEntry, StreamLogsRequest, WatchNodesRequest, WorkflowPhase};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};

use super::refused;
use super::selection::RunName;
use crate::context::{Connection, now_ms};
use crate::error::{CliError, CliResult, Exit};
use crate::out::{Out, Stream};
use crate::render::board::{self, RunView};
use crate::render::log::{self, LogStyle};
use crate::render::node_filter::NodeFilter;
use crate::render::{Paint, Terminal, Text};

/// Between two pictures; a large run is drawn less often.
const FRAME_MS: u64 = 100;
const FRAME_LARGE_MS: u64 = 500;
/// Nodes from which a run is large.
const LARGE: usize = 2_000;

/// What to do after a run was started.
#[derive(Debug, Clone, Default, Args)]
pub struct FollowFlags {
    /// Wait until it has ended
    #[arg(short = 'w', long)]
    pub wait: bool,

    /// Watch it until it has ended
    #[arg(long)]
    pub watch: bool,

    /// Print what its steps write until it has ended
    #[arg(long)]
    pub log: bool,
}

impl FollowFlags {
    /// Whether to stay at all.
    pub fn any(&self) -> bool {
        self.wait || self.watch || self.log
    }
}

/// What is shown while staying.
#[derive(Debug, Clone, Default)]
pub struct FollowOptions {
    /// The trees.
    pub tree: bool,
    /// What steps write.
    pub log: bool,
    /// Where the trees are drawn.
    pub tree_on: Option<Stream>,
    /// Draw nothing of the end: somebody else does.
    pub without_end: bool,
    /// Which nodes the trees show.
    pub filter: NodeFilter,
}

/// What was interrupted from the keyboard, or how the runs ended.
#[derive(Debug)]
pub enum Followed {
    /// All have ended.
    Ended(Vec<RunView>),
    /// Interrupted: the runs go on.
    Interrupted(Vec<RunView>),
}

enum News {
    Nodes(usize, Box<client::v1::WatchNodesResponse>),
    Over,
    Log(Vec<LogEntry>),
}

/// Stays with runs until all have ended or somebody interrupts.
///
/// # Errors
/// The server goes away or refuses; the streams are closed.
pub async fn follow(
    out: &mut Out,
    connection: &Connection,
    runs: &[RunName],
    options: FollowOptions,
) -> CliResult<Followed> {
    let mut views: Vec<RunView> =
        runs.iter().map(|run| RunView::new(&run.name).showing(options.filter.clone())).collect();
    let mut news = stream::select_all(runs.iter().enumerate().map(|(at, run)| nodes_of(connection, at, run)));
    if options.log {
        for run in runs {
            news.push(logs_of(connection, run).await?);
        }
    }
    let stream = options.tree_on.unwrap_or(Stream::Out);
    let terminal = terminal_of(out, stream);
    let redrawn = options.tree && terminal.interactive;
    let mut left = runs.len();
    let mut tick = tokio::time::interval(Duration::from_millis(FRAME_MS));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut drawn_ms = 0;
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        let item = tokio::select! {
            biased;
            _ = &mut interrupted => {
                out.settle();
                return Ok(Followed::Interrupted(views));
            }
            item = news.next() => item,
            _ = tick.tick(), if redrawn => {
                let nodes: usize = views.iter().map(|view| view.nodes().len()).sum();
                let pause = if nodes > LARGE { FRAME_LARGE_MS } else { FRAME_MS };
                let now = now_ms();
                if now.saturating_sub(drawn_ms).unsigned_abs() >= pause {
                    drawn_ms = now;
                    out.draw(stream, &board::frame(&views, now, &terminal))?;
                }
                continue;
            }
        };
        match item {
            Some(Ok(News::Nodes(at, message))) => {
                let Some(view) = views.get_mut(at) else { continue };
                let changes = view.merge(*message);
                if options.tree && !redrawn {
                    for change in &changes {
                        if let Some(line) = board::change_line(view, change, runs.len() > 1, &terminal) {
                            put(out, stream, &line)?;
                        }
                    }
                    if let Some(line) = board::waiting_line(view, now_ms()) {
                        put(out, stream, &line)?;
                    }
                }
            }
            Some(Ok(News::Over)) => left = left.saturating_sub(1),
            Some(Ok(News::Log(entries))) => {
                let style = LogStyle { prefix: true, ..LogStyle::default() };
                let mut text = Vec::new();
                for entry in &entries {
                    text.extend(log::line(entry, style, &out.terminal));
                }
                if redrawn {
                    out.interrupt(stream, "")?;
                }
                out.write(text)?;
            }
            Some(Err(error)) => {
                out.settle();
                return Err(error);
            }
            // All streams have ended, logs too.
            None => break,
        }
        if left == 0 && !options.log {
            break;
        }
    }
    if redrawn {
        out.interrupt(stream, "")?;
    }
    if options.tree && !options.without_end {
        for view in &views {
            end(out, stream, view, redrawn, &terminal)?;
        }
    }
    Ok(Followed::Ended(views))
}

fn end(out: &mut Out, stream: Stream, view: &RunView, redrawn: bool, terminal: &Terminal) -> CliResult<()> {
    let now = now_ms();
    if redrawn {
        for line in board::final_frame(view, now, terminal) {
            put(out, stream, &line)?;
        }
    } else {
        put(out, stream, &view.headline(now))?;
    }
    Ok(())
}

fn put(out: &mut Out, stream: Stream, line: &Text) -> CliResult<()> {
    match stream {
        Stream::Out => out.line(line.clone()),
        Stream::Err => {
            out.note(line.clone());
            Ok(())
        }
    }
}

fn terminal_of(out: &Out, stream: Stream) -> Terminal {
    match stream {
        Stream::Out => out.terminal.clone(),
        Stream::Err => out.err_terminal.clone(),
    }
}

fn nodes_of(connection: &Connection, at: usize, run: &RunName) -> BoxStream<'static, CliResult<News>> {
    let request =
        WatchNodesRequest { namespace: run.namespace.clone(), name: run.name.clone(), ..WatchNodesRequest::default() };
    let doing = format!("cannot watch workflow {}", run.name);
    connection
        .client
        .watch_nodes(request)
        .map_ok(move |message| News::Nodes(at, Box::new(message)))
        .map_err(move |error| refused(error, Some(doing.clone())))
        .chain(stream::once(async move { Ok(News::Over) }))
        .boxed()
}

async fn logs_of(connection: &Connection, run: &RunName) -> CliResult<BoxStream<'static, CliResult<News>>> {
    let request = StreamLogsRequest {
        namespace: run.namespace.clone(),
        name: run.name.clone(),
        follow: true,
        ..StreamLogsRequest::default()
    };
    let doing = format!("cannot read the log of workflow {}", run.name);
    let entries =
        connection.client.logs().stream(request).await.map_err(|error| refused(error, Some(doing.clone())))?;
    Ok(entries
        .map_ok(|message| News::Log(message.entries))
        .map_err(move |error| refused(error, Some(doing.clone())))
        .boxed())
}

/// Does what the flags of a command that started runs say; answers how the command ends.
///
/// # Errors
/// As [`follow`].
pub async fn after_start(out: &mut Out, connection: &Connection, runs: &[RunName], flags: &FollowFlags) -> CliResult {
    if !flags.any() || runs.is_empty() {
        return Ok(Exit::Done);
    }
    let options = FollowOptions { tree: flags.watch, log: flags.log, ..FollowOptions::default() };
    match follow(out, connection, runs, options).await? {
        Followed::Ended(views) => {
            if !flags.watch {
                for view in &views {
                    out.note(view.headline(now_ms()));
                }
            }
            Ok(exit_of(&views))
        }
        Followed::Interrupted(_) => Err(left_alone(runs)),
    }
}

/// How a command ends that waited for these runs.
pub fn exit_of(views: &[RunView]) -> Exit {
    if board::all_succeeded(views) { Exit::Done } else { Exit::Failed }
}

/// Waits without drawing anything; answers the phases.
///
/// # Errors
/// The server refuses, or somebody interrupts.
pub async fn wait(connection: &Connection, run: &RunName) -> CliResult<WorkflowPhase> {
    let waiting = connection.client.wait(&run.namespace, &run.name);
    tokio::select! {
        ended = waiting => {
            let row = ended.map_err(|error| refused(error, Some(format!("cannot wait for workflow {}", run.name))))?;
            Ok(row.phase())
        }
        _ = tokio::signal::ctrl_c() => Err(left_alone(std::slice::from_ref(run))),
    }
}

/// Somebody interrupted: the runs are the server's and go on.
pub fn left_alone(runs: &[RunName]) -> CliError {
    let mut error = CliError::silent(Exit::Interrupted);
    for run in runs {
        error = error.hint(format!("workflow {run} goes on; `colchis workflow watch {run}` looks at it again, `colchis workflow stop {run}` ends it"));
    }
    error
}

/// What a person reads of a started run when nothing more is asked for.
pub fn started_line(verb: &str, run: &RunName) -> Text {
    Text::plain(format!("workflow {run} {verb}")).with(Paint::Dim, format!("  (colchis workflow watch {run})"))
}
