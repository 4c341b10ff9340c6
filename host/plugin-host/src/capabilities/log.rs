//! `colchis:plugin/log`.

use plugin::LogLevel;

use crate::bindings::imports::log;
use crate::instance::State;

/// Fields of one line.
const FIELDS_MAX: usize = 32;

impl State {
    /// Writes a line as far as the call may write lines; the rest is counted.
    pub(super) fn log_line(&mut self, level: LogLevel, message: String, fields: Vec<(String, String)>) {
        let bytes = message.len() + fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        if self.call.log_bytes + bytes > self.shared.limits.log_bytes_max || fields.len() > FIELDS_MAX {
            self.call.log_dropped += 1;
            return;
        }
        self.call.log_bytes += bytes;
        self.log(level, message, fields);
    }
}

impl log::Host for State {
    async fn write(
        &mut self,
        level: log::Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        self.host_call()?;
        self.log_line(level_of(level), message, fields);
        Ok(())
    }

    async fn enabled(&mut self, level: log::Level) -> wasmtime::Result<bool> {
        self.host_call()?;
        Ok(self.call.log_bytes < self.shared.limits.log_bytes_max && level_of(level) <= LogLevel::Debug)
    }
}

fn level_of(level: log::Level) -> LogLevel {
    match level {
        log::Level::Error => LogLevel::Error,
        log::Level::Warn => LogLevel::Warn,
        log::Level::Info => LogLevel::Info,
        log::Level::Debug => LogLevel::Debug,
        log::Level::Trace => LogLevel::Trace,
    }
}
