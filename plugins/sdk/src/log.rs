//! The plugin's log: `colchis plugin logs` shows it, with the object that the call was for.
//!
//! ```
//! colchis_sdk::info!("asked {} series", 3; "query" => "up", "took_ms" => 12);
//! ```

use crate::host;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something went wrong.
    Error,
    /// Something may go wrong.
    Warn,
    /// Worth knowing.
    Info,
    /// For those who look for a fault.
    Debug,
    /// Every detail.
    Trace,
}

/// Writes a line with fields. The macros [`error!`](crate::error!), [`warn!`](crate::warn!), [`info!`](crate::info!), [`debug!`](crate::debug!) and
/// [`trace!`](crate::trace!) are shorter, and make no text that nobody keeps.
pub fn write(level: Level, message: &str, fields: &[(&str, String)]) {
    host::log(level, message, fields);
}

/// Whether a line of this level would be kept.
pub fn enabled(level: Level) -> bool {
    host::log_enabled(level)
}

/// Writes a line of a level: `log!(Level::Info, "text {}", value; "field" => value)`.
#[macro_export]
macro_rules! log {
    ($level:expr, $format:literal $(, $argument:expr)* $(; $($name:literal => $value:expr),+)? $(,)?) => {
        if $crate::log::enabled($level) {
            $crate::log::write($level, &format!($format $(, $argument)*), &[$($(($name, $value.to_string())),+)?]);
        }
    };
}

/// Something went wrong.
#[macro_export]
macro_rules! error { ($($line:tt)+) => { $crate::log!($crate::log::Level::Error, $($line)+) }; }

/// Something may go wrong.
#[macro_export]
macro_rules! warn { ($($line:tt)+) => { $crate::log!($crate::log::Level::Warn, $($line)+) }; }

/// Worth knowing.
#[macro_export]
macro_rules! info { ($($line:tt)+) => { $crate::log!($crate::log::Level::Info, $($line)+) }; }

/// For those who look for a fault.
#[macro_export]
macro_rules! debug { ($($line:tt)+) => { $crate::log!($crate::log::Level::Debug, $($line)+) }; }

/// Every detail.
#[macro_export]
macro_rules! trace { ($($line:tt)+) => { $crate::log!($crate::log::Level::Trace, $($line)+) }; }
