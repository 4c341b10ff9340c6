//! The last lines of each plugin's log, in memory.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use plugin::{LogLevel, LogLine};
use plugin_host::LogSink;
use tokio::sync::broadcast;

/// Lines that are kept of each plugin.
const LINES_MAX: usize = 1_000;
/// Lines that a reader may be behind.
const BEHIND_MAX: usize = 1_024;

/// Keeps lines, and hands them on to those who follow.
pub(super) struct Logs {
    kept: Mutex<HashMap<Arc<str>, VecDeque<LogLine>>>,
    live: broadcast::Sender<LogLine>,
}

impl Default for Logs {
    fn default() -> Self {
        Self { kept: Mutex::default(), live: broadcast::channel(BEHIND_MAX).0 }
    }
}

impl LogSink for Logs {
    fn write(&self, line: LogLine) {
        let (plugin, object) = (&*line.plugin, &line.object);
        match line.level {
            LogLevel::Error => tracing::error!(target: "plugin", plugin, %object, "{}", line.message),
            LogLevel::Warn => tracing::warn!(target: "plugin", plugin, %object, "{}", line.message),
            LogLevel::Info => tracing::info!(target: "plugin", plugin, %object, "{}", line.message),
            LogLevel::Debug => tracing::debug!(target: "plugin", plugin, %object, "{}", line.message),
            LogLevel::Trace => tracing::trace!(target: "plugin", plugin, %object, "{}", line.message),
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = kept.entry(line.plugin.clone()).or_default();
        if lines.len() >= LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(line.clone());
        // Sent under the lock, so that a reader sees no line twice and misses none.
        let _ = self.live.send(line);
    }

    fn read(&self, plugin: &str, follow: bool) -> BoxStream<'static, LogLine> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<LogLine> = kept.get(plugin).map(|lines| lines.iter().cloned().collect()).unwrap_or_default();
        let before = stream::iter(lines);
        if !follow {
            return before.boxed();
        }
        let (live, plugin) = (self.live.subscribe(), plugin.to_owned());
        drop(kept);
        let after = stream::unfold(live, |mut live| async move {
            loop {
                match live.recv().await {
                    Ok(line) => return Some((line, live)),
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        });
        before.chain(after.filter(move |line| futures::future::ready(*line.plugin == *plugin))).boxed()
    }
}

#[cfg(test)]
mod tests {
    use plugin::ObjectRef;

    use super::*;

    #[tokio::test]
    async fn the_last_lines_and_then_what_comes() {
        let logs = Logs::default();
        let line = |plugin: &str, message: &str| LogLine {
            plugin: plugin.into(),
            object: ObjectRef { kind: "Workflow".into(), namespace: "n".into(), name: "w".into() },
            at_ms: 1,
            level: LogLevel::Info,
            message: message.to_owned(),
            fields: Vec::new(),
        };
        for nth in 0..LINES_MAX + 5 {
            logs.write(line("a", &nth.to_string()));
        }
        logs.write(line("b", "other"));
        let mut following = logs.read("a", true);
        assert_eq!(following.next().await.unwrap().message, "5");
        let mut rest = following.by_ref().skip(LINES_MAX - 1);
        logs.write(line("b", "not this"));
        logs.write(line("a", "this"));
        assert_eq!(rest.next().await.unwrap().message, "this");
        assert_eq!(logs.read("b", false).count().await, 2);
    }
}
